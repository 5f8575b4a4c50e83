"""Months of usage, cut where a clock shows midnight: plain Python, no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A month of usage; what was used is of it if begin ≤ time < end.

    :param first: its first day, and `last` its last one, as the clock has them.
    :param begin: in UTC, without a zone, as the database keeps it; `end` too.
    """

    first: date
    last: date
    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Calendar:
    """Where months begin, and by whose clock.

    :param zone: a name of the IANA.
    :param day: of the month, 1 to 31; in a shorter month its last day.
    """

    zone: str = "UTC"
    day: int = 1

    def find(self, moment: datetime) -> Period:
        """Return the month that a moment is in.

        :param moment: in UTC, without a zone.
        """
        here = moment.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(self.zone))
        first = self._begin_in(here.date())
        if first > here.date():
            first = self._begin_in(first - relativedelta(months=1))
        period = self._make(first)
        # Where clocks jump at midnight, its first moment may be of the month before.
        if moment < period.begin:
            return self._make(self._begin_in(first - relativedelta(months=1)))
        return period

    def iterate(self, moment: datetime, until: datetime) -> Iterator[Period]:
        """Yield the months from that of a moment to that of another."""
        period = self.find(moment)
        while True:
            yield period
            if period.end > until:
                return
            period = self.follow(period)

    def follow(self, period: Period) -> Period:
        """Return the month after another."""
        return self._make(period.last + DAY)

    def precede(self, period: Period) -> Period:
        """Return the month before another."""
        return self._make(
            self._begin_in(period.first + relativedelta(day=1, months=-1))
        )

    def begins_on(self, day: date) -> bool:
        """Whether a month begins on a day."""
        return self._begin_in(day) == day

    def get_moment(self, day: date) -> datetime:
        """Return when a day begins, in UTC without a zone."""
        local = datetime.combine(day, time.min, ZoneInfo(self.zone))
        return local.astimezone(timezone.utc).replace(tzinfo=None)

    def _begin_in(self, day: date) -> date:
        """Return the day on which a month begins that is in that of the calendar."""
        return day + relativedelta(day=self.day)

    def _make(self, first: date) -> Period:
        after = self._begin_in(first + relativedelta(day=1, months=1))
        return Period(
            first, after - DAY, self.get_moment(first), self.get_moment(after)
        )

"""How long something took, as it is charged: steps of seconds, and bands of the clock.

Moments are compared in UTC, and bands are cut by the clock of a place: where clocks go
back, 02:50 to 02:10 took twenty minutes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from .exact import ZERO, count_whole, to_exact

DAY = timedelta(days=1)
WEEK = frozenset(range(7))


@dataclass(frozen=True)
class Steps:
    """How seconds are rounded up, as trade has it: 60/1 is a minute, then each second.

    :param first: seconds that are charged of whatever lasts at all.
    :param then: seconds of each further step.
    """

    first: Fraction = Fraction(1)
    then: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        for name in ("first", "then"):
            object.__setattr__(self, name, to_exact(getattr(self, name)))
        if self.first < 0 or self.then <= 0:
            raise ValueError("Steps are of more than zero seconds.")

    @classmethod
    def parse(cls, text: str) -> Steps:
        """Return them as they are written, 60/1.

        :raise ValueError: if it is written otherwise.
        """
        first, _slash, then = text.partition("/")
        return cls(Fraction(int(first)), Fraction(int(then)))

    def round_up(self, seconds: Fraction) -> Fraction:
        """Return the seconds that are charged; of nothing, or less, none."""
        if seconds <= 0:
            return ZERO
        rest = max(ZERO, seconds - self.first)
        return self.first + count_whole(rest, self.then) * self.then


@dataclass(frozen=True)
class Band:
    """A part of the week, or of certain days, in which prices differ.

    :param begin: on the clock; the band ends at `end`, or at midnight.
    :param end: that the band is before; nothing: midnight.
    :param weekdays: 0 is Monday.
    :param days: on which it is alone, as holidays; empty: on all.
    """

    name: str
    begin: time = time.min
    end: time | None = None
    weekdays: frozenset[int] = WEEK
    days: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.begin:
            raise ValueError("A band ends after it begins; make two around midnight.")

    def holds(self, moment: datetime) -> bool:
        """Whether a moment of the clock is in it."""
        if self.days and moment.date() not in self.days:
            return False
        clock = moment.time()
        is_before_end = self.end is None or clock < self.end
        return (
            moment.weekday() in self.weekdays and self.begin <= clock and is_before_end
        )


def find_band(moment: datetime, bands: Sequence[Band], zone: str) -> str:
    """Return the name of the first band that a moment is in; empty: of none.

    :param moment: with its zone.
    :param bands: the one that counts first, as holidays before Sundays.
    """
    local = moment.astimezone(ZoneInfo(zone))
    return next((band.name for band in bands if band.holds(local)), "")


def cut(
    begin: datetime, seconds: Fraction, bands: Sequence[Band], zone: str
) -> Iterator[tuple[str, Fraction]]:
    """Yield the bands that something lasted in, and how many seconds it was in each.

    The seconds add up to those given.

    :param begin: with its zone.
    """
    now, left = begin.astimezone(timezone.utc), seconds
    clocks = [clock for band in bands for clock in (band.begin, band.end)]
    clocks = tuple(sorted({time.min, *filter(None, clocks)}))
    while left > 0:
        name, until, lasted = find_band(now, bands, zone), now, ZERO
        # What is next to each other in one band is one piece.
        while left > lasted:
            until = _find_edge(until, clocks, zone)
            lasted = min(left, _count_seconds(until - now))
            if left > lasted and find_band(until, bands, zone) != name:
                break
        yield name, lasted
        now, left = until, left - lasted


def _find_edge(moment: datetime, clocks: tuple[time, ...], zone: str) -> datetime:
    """Return the next moment at which a band may begin or end, in UTC."""
    edges = _list_edges(moment.astimezone(ZoneInfo(zone)).date(), clocks, zone)
    return edges[bisect_right(edges, moment)]


@lru_cache(maxsize=512)
def _list_edges(day: date, clocks: tuple[time, ...], zone: str) -> list[datetime]:
    """Return the moments of a day and the next at which a band may begin or end.

    Of a clock that comes twice both, and when the clocks change: where they go back, a
    band may come once more.
    """
    place = ZoneInfo(zone)
    found = {
        datetime.combine(each, clock, place).replace(fold=fold).astimezone(timezone.utc)
        for each in (day, day + DAY)
        for clock in clocks
        for fold in (0, 1)
    }
    midnight = datetime.combine(day, time.min, place).astimezone(timezone.utc)
    for begin in (midnight, midnight + DAY):
        offsets = {at.astimezone(place).utcoffset() for at in (begin, begin + DAY)}
        if len(offsets) > 1:
            found.add(_find_change(begin, begin + DAY, place))
    return sorted(found)


def _find_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the offset changes, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _count_seconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1), 10**6)

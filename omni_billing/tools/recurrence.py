"""The calendar of recurring services: plain dates, no clock, no database.

A recurrence cuts time into whole periods, numbered from the one in which the service
starts. Each is computed from its number, never from the one before, so that dates do
not drift: what is anchored to the 31st is on the 28th in February and on the 31st in
March. A service uses a part of each period: from its start, to its end, without the
days on which it is suspended. What that costs is its days' exact share, rounded once.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from math import gcd
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
#: Days or months of each unit.
UNIT_DAYS = {"day": 1, "week": 7}
UNIT_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True)
class Span:
    """Days, from the first to the last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Count the days."""
        return (self.last - self.first).days + 1

    def meet(self, first: date | None, last: date | None) -> Span | None:
        """Return the days that are within bounds too; None if there is none."""
        first = max(self.first, first) if first else self.first
        last = min(self.last, last) if last else self.last
        return Span(first, last) if first <= last else None


@dataclass(frozen=True)
class Recurrence:
    """Every ``interval`` days, weeks, months or years, from a day on.

    :param day: of the month, 1 to 31, on which periods begin; 31 is its last day. 0:
        the day of the start.
    :param weekday: on which weeks begin, 0 for Monday; None: that of the start.
    :param month: in which years (or quarters, and so on) begin; 0: that of the start.
    """

    start: date
    unit: str
    interval: int = 1
    day: int = 0
    weekday: int | None = None
    month: int = 0

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise ValueError("A period has at least one day.")

    def get_whole(self, number: int) -> Span:
        """Return a whole period by its number: 0 is the one of the start."""
        return Span(self._begin(number), self._begin(number + 1) - DAY)

    def get_number(self, day: date) -> int:
        """Return the number of the period that a day is in."""
        if self.unit in UNIT_DAYS:
            return (day - self._origin_day).days // self._step
        months = _count_months(day) - self._origin_month
        # The period of that month may begin after this day.
        number = months // self._step
        return number if self._begin(number) <= day else number - 1

    @property
    def _step(self) -> int:
        """Give the length of a period, in days or months."""
        return self.interval * (UNIT_DAYS | UNIT_MONTHS)[self.unit]

    @property
    def _origin_day(self) -> date:
        if self.unit == "day" or self.weekday is None:
            return self.start
        return self.start - timedelta(days=(self.start.weekday() - self.weekday) % 7)

    @property
    def _origin_month(self) -> int:
        """Give the month in which period 0 begins, counted from the year 0."""
        months, step = _count_months(self.start), 1
        if self.month:
            step = gcd(self._step, 12)
            months -= (self.start.month - self.month) % step
        if _make_date(months, self.day or self.start.day) > self.start:
            months -= step
        return months

    def _begin(self, number: int) -> date:
        if self.unit in UNIT_DAYS:
            return self._origin_day + timedelta(days=number * self._step)
        return _make_date(
            self._origin_month + number * self._step, self.day or self.start.day
        )


def follow(old: Recurrence, start: date, unit: str, interval: int) -> Recurrence:
    """Return the recurrence of what takes over from a day on.

    Of the same length, its periods are those of before: the first is the rest of the
    one that is under way. Others begin on that day, unless a day was chosen.
    """
    in_months = unit in UNIT_MONTHS and old.unit in UNIT_MONTHS
    if (unit, interval) == (old.unit, old.interval):
        whole = old.get_whole(old.get_number(start))
        if in_months:
            month = whole.first.month if unit == "year" or interval > 1 else 0
            day = old.day or old.start.day
            same = Recurrence(start, unit, interval, day, month=month)
        else:
            same = Recurrence(start, unit, interval, weekday=whole.first.weekday())
        if same.get_whole(0) == whole:
            return same
    return Recurrence(
        start,
        unit,
        interval,
        old.day if in_months else 0,
        old.weekday if unit == old.unit == "week" else None,
    )


def _count_months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _make_date(months: int, day: int) -> date:
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Period:
    """What a service uses of a whole period.

    :param span: within start and end of the service; spans leave no gap.
    :param used: the parts of it in which the service is not suspended.
    """

    whole: Span
    span: Span
    used: tuple[Span, ...]

    def get_due_date(self, in_advance: bool) -> date:
        """Return the day on which it is to be charged.

        In advance, that is its first day of use: a service that is suspended until
        further notice is charged when it goes on. What is not used at all is passed
        over when it is over: on its last day the service may still go on.
        """
        if not self.used:
            return self.span.last + DAY
        return self.used[0].first if in_advance else self.span.last

    def shorten(self, last: date | None) -> Period:
        """Return the period as used up to a day, if at all."""
        used = (part.meet(None, last) for part in self.used)
        return Period(self.whole, self.span, tuple(filter(None, used)))


def iterate_periods(
    recurrence: Recurrence,
    after: date | None = None,
    end: date | None = None,
    suspensions: Sequence[tuple[date, date | None]] = (),
) -> Iterator[Period]:
    """Give the periods of a service one after the other, for ever if it has no end.

    :param after: the last day that is dealt with already.
    :param end: the last day of the service.
    :param suspensions: first and last days on which it is suspended, by their first
        days; no last day: until further notice.
    """
    first = max(recurrence.start, after + DAY) if after else recurrence.start
    number = recurrence.get_number(first)
    while not end or first <= end:
        whole = recurrence.get_whole(number)
        span = whole.meet(first, end)
        yield Period(whole, span, tuple(cut(span, suspensions)))
        first = whole.last + DAY
        number += 1


def cut(span: Span, suspensions: Sequence[tuple[date, date | None]]) -> Iterator[Span]:
    """Give what is left of a span without suspensions, in the order of their days."""
    first = span.first
    for suspended, until in suspensions:
        if part := span.meet(first, suspended - DAY):
            yield part
        if not until or until == date.max:
            return
        first = max(first, until + DAY)
    if part := span.meet(first, None):
        yield part


def find_end(day: date, suspensions: Sequence[tuple[date, date | None]]) -> date | None:
    """Return until when a service is suspended that is on a day, without a gap.

    :return: the day itself if it is suspended neither then nor on the next one; None:
        until further notice.
    """
    for suspended, until in suspensions:
        if suspended > day + DAY:
            break
        if not until:
            return None
        day = max(day, until)
    return day


def compute_amount(
    period: Period,
    prices: Iterable[tuple[date, Decimal]],
    decimals: int,
) -> Decimal:
    """Return what a period costs: the exact share of its days, rounded once.

    A half is rounded up if the first day of the period is used, and else down: what is
    left of a period and what was used before come to its price (F179).

    :param prices: of a whole period, each with the first day on which it holds; the
        first of them holds before, too.
    :param decimals: of the currency.
    """
    shares = (price * part.days for price, part in _iterate_prices(period, prices))
    exact = sum(shares, Decimal(0)) / period.whole.days
    is_begun = bool(period.used) and period.used[0].first == period.whole.first
    rounding = ROUND_HALF_UP if is_begun else ROUND_HALF_DOWN
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)


def compute_running_amount(
    period: Period,
    prices: Iterable[tuple[date, Decimal]],
    decimals: int,
) -> Decimal:
    """Return what a period cost until 19.0.1.12.0: differences of running totals.

    It may be a cent away from what it costs now, for which nobody is charged again.

    :param prices: and `decimals`, as of `compute_amount`.
    """

    def run(price: Decimal, days: int) -> Decimal:
        return round_to(price * days / period.whole.days, decimals)

    total = Decimal(0)
    for price, part in _iterate_prices(period, prices):
        before = (part.first - period.whole.first).days
        total += run(price, before + part.days) - run(price, before)
    return total


def _iterate_prices(
    period: Period, prices: Iterable[tuple[date, Decimal]]
) -> Iterator[tuple[Decimal, Span]]:
    """Give the days that are used, each stretch with the price that it has."""
    steps = sorted(prices, key=lambda step: step[0])
    starts = [start for start, _price in steps]
    for used in period.used:
        day = used.first
        while day <= used.last:
            index = max(bisect_right(starts, day) - 1, 0)
            later = starts[index + 1] - DAY if index + 1 < len(starts) else used.last
            part = Span(day, min(later, used.last))
            yield steps[index][1], part
            day = part.last + DAY


def round_to(amount: Decimal, decimals: int) -> Decimal:
    """Return an amount as money is rounded."""
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def to_price(price: float, quantity: float, decimals: int) -> Decimal:
    """Return the price of a whole period for a quantity, as money is rounded."""
    # What a person typed is the shortest number that the float stands for.
    return round_to(Decimal(str(price)) * Decimal(str(quantity)), decimals)


def get_today(now: datetime, *zones: str | None) -> date:
    """Return the date at a moment of UTC, in the first time zone that is known."""
    moment = now.replace(tzinfo=timezone.utc)
    for zone in filter(None, zones):
        try:
            return moment.astimezone(ZoneInfo(zone)).date()
        except (KeyError, ValueError, OSError):
            continue
    return moment.date()

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.recurrence import (
    Period,
    Recurrence,
    Span,
    compute_amount,
    compute_running_amount,
    find_end,
    follow,
    get_today,
    iterate_periods,
    to_price,
)

DAY = timedelta(days=1)
CENT = Decimal("0.01")

dates = st.dates(date(1996, 1, 1), date(2050, 12, 31))
recurrences = st.builds(
    Recurrence,
    start=dates,
    unit=st.sampled_from(["day", "week", "month", "year"]),
    interval=st.integers(1, 24),
    day=st.integers(0, 31),
    weekday=st.none() | st.integers(0, 6),
    month=st.integers(0, 12),
)
prices = st.integers(0, 10**7).map(lambda cents: Decimal(cents) / 100)
offsets = st.integers(0, 4000)
#: Days between suspensions, and of one.
gaps = st.integers(0, 400) | st.integers(0, 3)


@st.composite
def services(draw):
    """Give a recurrence, with an end and some suspensions or without."""
    recurrence = draw(recurrences)
    end = draw(st.none() | offsets.map(lambda days: recurrence.start + days * DAY))
    suspensions, day = [], recurrence.start - 40 * DAY
    for pause, days in draw(st.lists(st.tuples(gaps, gaps), max_size=5)):
        first = day + pause * DAY
        suspensions.append((first, first + days * DAY))
        # The next may begin right after.
        day = first + (days + 1) * DAY
    if draw(st.booleans()):
        suspensions.append((day + draw(gaps) * DAY, None))
    return recurrence, end, tuple(suspensions)


def take(recurrence, end=None, suspensions=(), after=None, count=12):
    return list(islice(iterate_periods(recurrence, after, end, suspensions), count))


def firsts(count=6, **values):
    return [
        period.span.first.isoformat() for period in take(Recurrence(**values))[:count]
    ]


# === Periods === #


@given(services())
def test_periods_tile_time_without_gap_or_overlap(service):
    """W8, W10: from the first day to the last, each day once."""
    recurrence, end, suspensions = service
    periods = take(recurrence, end, suspensions)
    assert periods[0].span.first == recurrence.start
    for period, later in pairwise(periods):
        assert later.span.first == period.span.last + DAY
        assert later.whole.first == period.whole.last + DAY
    if len(periods) < 12:
        assert periods[-1].span.last == end
    for period in periods:
        assert period.whole.first <= period.span.first <= period.span.last
        assert period.span.last <= period.whole.last


@given(services())
def test_each_day_is_used_or_suspended_or_outside(service):
    """F192, W35: days suspended and days charged are all days, however often."""
    recurrence, end, suspensions = service
    for period in take(recurrence, end, suspensions, count=3):
        used = [span.first + n * DAY for span in period.used for n in range(span.days)]
        assert len(used) == len(set(used))
        for n in range(min(period.span.days, 400)):
            day = period.span.first + n * DAY
            is_suspended = any(
                suspended <= day and not (until and day > until)
                for suspended, until in suspensions
            )
            assert (day in used) == (not is_suspended)
        # Parts without a day between them are one part.
        assert all(
            later.first > part.last + DAY for part, later in pairwise(period.used)
        )


@given(services(), offsets)
def test_end_of_a_suspension_is_the_last_day_without_use(service, days):
    """Suspensions that follow each other without a gap are one."""
    recurrence, _end, suspensions = service
    day = recurrence.start + days * DAY

    def is_suspended(day):
        return any(
            first <= day and not (last and day > last) for first, last in suspensions
        )

    last = find_end(day, suspensions)
    if last is None:
        assert suspensions[-1][1] is None
        return
    assert last >= day and not is_suspended(last + DAY)
    assert all(is_suspended(day + (n + 1) * DAY) for n in range((last - day).days))


@given(services(), st.data())
def test_going_on_after_a_period_gives_the_same_periods(service, data):
    """W10: dates do not drift, wherever the work was broken off."""
    recurrence, end, suspensions = service
    periods = take(recurrence, end, suspensions)
    index = data.draw(st.integers(0, len(periods) - 1))
    rest = take(recurrence, end, suspensions, after=periods[index].span.last)
    assert rest[: len(periods) - index - 1] == periods[index + 1 :]


@given(recurrences, offsets)
def test_number_of_a_day_is_that_of_its_period(recurrence, days):
    day = recurrence.start + days * DAY
    whole = recurrence.get_whole(recurrence.get_number(day))
    assert whole.first <= day <= whole.last


@given(recurrences)
def test_periods_begin_on_their_anchor(recurrence):
    """The day of the month, or the last one that the month has."""
    for number in range(12):
        first = recurrence.get_whole(number).first
        if recurrence.unit in ("month", "year"):
            day = recurrence.day or recurrence.start.day
            is_last = (first + DAY).month != first.month
            assert first.day == day or (is_last and first.day < day)
            if recurrence.month and recurrence.unit == "year":
                assert first.month == recurrence.month
        elif recurrence.unit == "week" and recurrence.weekday is not None:
            assert first.weekday() == recurrence.weekday


def test_the_31st_is_the_28th_in_february_and_the_31st_again():
    assert firsts(start=date(2025, 1, 31), unit="month") == [
        *("2025-01-31", "2025-02-28", "2025-03-31"),
        *("2025-04-30", "2025-05-31", "2025-06-30"),
    ]


def test_the_29th_of_february_comes_back_in_leap_years():
    assert firsts(start=date(2024, 2, 29), unit="year", count=5) == [
        *("2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"),
    ]


def test_first_period_ends_before_the_anchor():
    """W10: from the 10th to the 31st, then calendar months."""
    values = {"start": date(2025, 1, 10), "unit": "month", "day": 1}
    assert firsts(**values, count=3) == ["2025-01-10", "2025-02-01", "2025-03-01"]
    first = take(Recurrence(**values))[0]
    assert first.whole == Span(date(2025, 1, 1), date(2025, 1, 31))
    assert compute_amount(first, [(date.min, Decimal(31))], 2) == 22


def test_quarters_begin_in_the_months_of_their_anchor():
    assert firsts(
        start=date(2025, 1, 10), unit="month", interval=3, day=1, month=2, count=4
    ) == ["2025-01-10", "2025-02-01", "2025-05-01", "2025-08-01"]


def test_weeks_begin_on_their_day():
    assert firsts(
        start=date(2025, 1, 1), unit="week", interval=2, weekday=0, count=3
    ) == ["2025-01-01", "2025-01-13", "2025-01-27"]


def test_period_has_at_least_one_day():
    with pytest.raises(ValueError, match="at least one day"):
        Recurrence(date(2025, 1, 1), "month", 0)


# === Due dates === #


def test_suspended_until_further_notice_waits_and_goes_on():
    """F192: what is not used is passed over when it is over, not before."""
    recurrence = Recurrence(date(2025, 1, 1), "month")
    after = date(2025, 1, 31)
    february = take(recurrence, None, [(date(2025, 2, 1), None)], after)[0]
    assert not february.used
    assert february.get_due_date(in_advance=True) == date(2025, 3, 1)
    half = [(date(2025, 2, 1), date(2025, 2, 14))]
    february = take(recurrence, None, half, after)[0]
    assert february.get_due_date(in_advance=True) == date(2025, 2, 15)
    assert february.get_due_date(in_advance=False) == date(2025, 2, 28)
    assert compute_amount(february, [(date.min, Decimal(28))], 2) == 14


@given(services(), st.booleans())
def test_due_dates_come_in_order_and_within_their_period(service, in_advance):
    """What is not used is passed over on the day after."""
    due = [(period, period.get_due_date(in_advance)) for period in take(*service)]
    for period, day in due:
        if period.used:
            assert period.span.first <= day <= period.span.last
        else:
            assert day == period.span.last + DAY
    assert sorted(day for _period, day in due) == [day for _period, day in due]


# === Amounts === #


@given(recurrences, prices, st.integers(0, 3), st.data())
def test_part_of_a_period_is_its_share_rounded_once(recurrence, price, decimals, data):
    """W10, W14: however it is cut, the period as a whole is its price, to the cent."""
    price = to_price(float(price), 1, decimals)
    whole = recurrence.get_whole(0)
    cuts = data.draw(st.lists(st.integers(1, whole.days), max_size=6, unique=True))
    bounds = sorted({0, whole.days, *cuts})
    parts = tuple(
        Span(whole.first + start * DAY, whole.first + (end - 1) * DAY)
        for start, end in pairwise(bounds)
    )
    steps, half = [(date.min, price)], Fraction(1, 2 * 10**decimals)
    assert compute_amount(Period(whole, whole, parts), steps, decimals) == price
    for used in (parts[:1], parts[1:], parts[::2]):
        days = sum(part.days for part in used)
        share = compute_amount(Period(whole, whole, used), steps, decimals)
        off = Fraction(share) - Fraction(price) * days / whole.days
        assert abs(off) <= half
    both = (parts[:1], parts[1:])
    assert price == sum(
        compute_amount(Period(whole, whole, used), steps, decimals) for used in both
    )


@pytest.mark.parametrize(
    ("price", "month", "first", "last", "wanted"),
    [
        # In the middle of a month: 31.40 × 2/31 is 2.0258.
        ("31.40", 10, 20, 21, "2.03"),
        # Until its end: 51.45 × 27/30 is 46.305, and what is before it 5.145.
        ("51.45", 9, 4, 30, "46.30"),
        ("51.45", 9, 1, 3, "5.15"),
        ("10", 1, 2, 2, "0.32"),
    ],
)
def test_part_is_what_a_calculator_says(price, month, first, last, wanted):
    """W10"""
    recurrence = Recurrence(date(2025, 1, 1), "month")
    whole = recurrence.get_whole(month - 1)
    used = whole.meet(date(2025, month, first), date(2025, month, last))
    steps = [(date.min, Decimal(price))]
    assert compute_amount(Period(whole, whole, (used,)), steps, 2) == Decimal(wanted)


def test_what_was_charged_by_running_totals_is_known():
    """Until 19.0.1.12.0 what is 2.03 now was a cent less."""
    october = Span(date(2025, 10, 1), date(2025, 10, 31))
    used = october.meet(date(2025, 10, 20), date(2025, 10, 21))
    steps = [(date.min, Decimal("31.40"))]
    period = Period(october, october, (used,))
    assert compute_running_amount(period, steps, 2) == Decimal("2.02")


@given(services(), prices)
def test_used_and_suspended_come_to_what_the_span_costs(service, price):
    """But for a cent, where neither begins with the period."""
    recurrence, end, suspensions = service
    steps = [(recurrence.start, price)]
    for with_gaps, without in zip(
        take(recurrence, end, suspensions), take(recurrence, end), strict=True
    ):
        gaps = (without.span.meet(*suspension) for suspension in suspensions)
        gone = Period(without.whole, without.span, tuple(filter(None, gaps)))
        parts = [compute_amount(one, steps, 2) for one in (with_gaps, gone)]
        total = compute_amount(without, steps, 2)
        most = 0 if without.span == without.whole else CENT
        assert abs(sum(parts) - total) <= most


@given(recurrences, st.lists(st.tuples(offsets, prices), min_size=1, max_size=4))
def test_price_changes_come_to_the_cheapest_at_least_the_dearest_at_most(
    recurrence, changes
):
    """F149, F192"""
    steps = [(recurrence.start + days * DAY, price) for days, price in changes]
    for period in take(recurrence, count=5):
        if period.span != period.whole:
            continue
        amount = compute_amount(period, steps, 2)
        assert min(price for _day, price in steps) - len(steps) * CENT <= amount
        assert amount <= max(price for _day, price in steps) + len(steps) * CENT


@given(recurrences, prices, offsets)
def test_change_to_the_same_price_changes_nothing(recurrence, price, days):
    change = [(recurrence.start, price), (recurrence.start + days * DAY, price)]
    for period in take(recurrence, count=5):
        assert compute_amount(period, change, 2) == compute_amount(
            period, change[:1], 2
        )


# === Plans === #


@given(recurrences, offsets, prices)
def test_new_plan_takes_the_rest_of_the_period(old, days, price):
    """W36: of the same length, the parts of both are one whole, each rounded once."""
    price, day = to_price(float(price), 1, 2), old.start + days * DAY + DAY
    whole = old.get_whole(old.get_number(day))
    new = follow(old, day, old.unit, old.interval)
    [first] = take(new, count=1)
    if first.whole != whole:
        # What cannot go on in this rhythm begins anew, as fortnights in their second
        # week do, or what lasts five months.
        assert old.interval > 1
        return
    assert take(new, count=3)[1].whole.first == whole.last + DAY
    steps = [(date.min, price)]
    after = whole.first - DAY if whole.first > old.start else None
    before = sum(
        compute_amount(last, steps, 2)
        for last in take(old, day - DAY, after=after, count=1)
    )
    missing = Decimal(0)
    if whole.first < old.start:
        gone = Span(whole.first, old.start - DAY)
        missing = compute_amount(Period(whole, gone, (gone,)), steps, 2)
    total = missing + before + compute_amount(first, steps, 2)
    assert abs(total - price) <= (CENT if missing else 0)


@given(recurrences, offsets, st.sampled_from(["day", "week", "month", "year"]))
def test_new_plan_of_another_length_has_its_first_day(old, days, unit):
    """W36: and a day of the month that was chosen."""
    day = old.start + days * DAY
    new = follow(old, day, unit, 1)
    [first] = take(new, count=1)
    assert first.span.first == day
    if {unit, old.unit} <= {"month", "year"} and old.day:
        assert new.day == old.day


def test_price_changes_within_a_period():
    """30.00 for April, 60.00 from the 16th on: half of each."""
    april = Span(date(2025, 4, 1), date(2025, 4, 30))
    steps = [(date(2025, 1, 1), Decimal(30)), (date(2025, 4, 16), Decimal(60))]
    assert compute_amount(Period(april, april, (april,)), steps, 2) == 45


def test_price_is_rounded_as_typed():
    assert to_price(0.1, 3, 2) == Decimal("0.30")
    assert to_price(1.005, 1, 2) == Decimal("1.01")
    assert to_price(10.5, 1, 0) == 11


# === Today === #


@pytest.mark.parametrize(
    ("zones", "day"),
    [
        (("America/Los_Angeles",), 31),
        (("Asia/Tokyo",), 1),
        ((None, "Asia/Tokyo"), 1),
        (("No/Where", "America/Los_Angeles"), 31),
        ((), 1),
    ],
)
def test_today_is_that_of_the_time_zone(zones, day):
    """At 01:30 UTC on the first of April it is March still in Los Angeles."""
    assert get_today(datetime(2025, 4, 1, 1, 30), *zones).day == day


def test_today_on_the_night_that_clocks_change():
    assert get_today(datetime(2025, 3, 29, 23, 30), "Europe/Paris") == date(2025, 3, 30)
    assert get_today(datetime(2025, 3, 30, 21, 59), "Europe/Paris") == date(2025, 3, 30)
    assert get_today(datetime(2025, 3, 30, 22, 0), "Europe/Paris") == date(2025, 3, 31)

"""What a period costs with discounts (W36)."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.discount import lower
from odoo.addons.omni_billing.tools.recurrence import (
    Recurrence,
    compute_amount,
    iterate_periods,
)

START = date(2025, 1, 1)
days = st.integers(-40, 400).map(lambda number: START + timedelta(days=number))
discounts = st.lists(
    st.tuples(
        days,
        st.none() | st.integers(0, 200),
        st.sampled_from(["percent", "amount"]),
        st.sampled_from([0.01, 12.5, 20, 33.33, 100]),
    ).map(
        lambda row: (
            row[0],
            None if row[1] is None else row[0] + timedelta(days=row[1]),
            *row[2:],
        )
    ),
    max_size=3,
)
prices = st.integers(0, 10**6)
steps = st.lists(
    st.tuples(days, prices), min_size=1, max_size=3, unique_by=lambda s: s[0]
)
#: Of yen, dollars and dinars; prices are whole numbers of the least coin.
digits = st.sampled_from([0, 2, 3])


def find(prices, day):
    """Return the price that holds on a day; the first of them holds before, too."""
    begun = [price for start, price in sorted(prices) if start <= day]
    return begun[-1] if begun else sorted(prices)[0][1]


@given(steps, discounts, days, digits)
def test_price_of_each_day(steps, discounts, day, decimals):
    """W36: lower while a discount holds, full when none does, never below zero."""
    steps = [(start, Decimal(coins).scaleb(-decimals)) for start, coins in steps]
    price, full = find(lower(steps, discounts, decimals), day), find(steps, day)
    held = [row for row in discounts if row[0] <= day and not (row[1] and row[1] < day)]
    if day < min([start for start, _price in steps] + [row[0] for row in discounts]):
        # Before all that, nobody uses it.
        return
    assert 0 <= price <= full
    assert price == round(price, decimals)
    assert held or price == full
    if any(row[2:] == ("percent", 100) for row in held):
        assert price == 0


@given(prices, digits)
def test_whole_discount_is_its_price(coins, decimals):
    """W36: a fifth off each period, to the least coin."""
    coin = Decimal(1).scaleb(-decimals)
    steps = [(START, coins * coin)]
    lowered = lower(steps, [(START, None, "percent", 20)], decimals)
    first = next(iter(iterate_periods(Recurrence(START, "month"))))
    full = compute_amount(first, steps, decimals)
    paid = compute_amount(first, lowered, decimals)
    assert abs(full * 4 / 5 - paid) <= coin / 2


def test_percents_first_then_amounts():
    rows = [
        (START, None, "amount", 5),
        (START, date(2025, 1, 31), "percent", 50),
        (START, None, "percent", 10),
    ]
    assert lower([(START, Decimal(100))], rows, 2) == [
        (START, Decimal(40)),
        (date(2025, 2, 1), Decimal(85)),
    ]

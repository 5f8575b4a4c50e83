"""Unit prices, of eight decimals as a rule: found, printed, in e-invoices (W40)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.money import has_excess_decimals
from odoo.addons.omni_billing.tools.unit_price import (
    PRICE_DECIMALS,
    find_unit_price,
    get_decimals_after,
    shorten_price,
    state_price,
    takes_more_decimals,
)

amounts = st.integers(1, 10**9).map(lambda cents: cents / 100)
quantities = st.integers(1, 10**6)
prices = st.integers(1, 10**12).map(lambda number: number / 10**PRICE_DECIMALS)


def round_(amount):
    return round(amount, 2)


@pytest.mark.parametrize(
    ("price", "quantity", "stated"),
    [
        (0.0375, 7, (0.0375, 1)),
        (10.5, 3, (10.5, 1)),
        (0.00003751, 1000, (0.003751, 100)),
        (0.0000375, 1_000_000, (0.000375, 10)),
        # A price without tax, of a few and of many.
        (1 / 1.2, 3, (0.833333, 1)),
        (1 / 1.2, 20_000, (8.333333, 10)),
        (-0.00003751, 1000, (-0.003751, 100)),
    ],
)
def test_price_is_stated_of_as_many_as_it_takes(price, quantity, stated):
    assert state_price(price, quantity, 6) == stated


@given(prices, quantities)
def test_stated_price_is_exact(price, quantity):
    stated, base = state_price(price, quantity, 6)
    assert Decimal(str(stated)) / base == Decimal(str(price))
    assert base <= 100


@given(amounts, quantities)
def test_price_without_end_is_stated_to_a_tenth_of_a_cent(amount, quantity):
    stated, base = state_price(amount / quantity, quantity, 6)
    assert abs(stated / base * quantity - amount) < 0.00101


@given(amounts, quantities)
def test_price_that_is_found_comes_to_the_amount(amount, quantity):
    price = find_unit_price(amount, quantity, round_)
    assert round_(price * quantity) == amount


@pytest.mark.parametrize(
    ("amount", "quantity", "price"),
    [
        (31.5, 3, 10.5),
        (10, 3, 3.333333),
        (0.01, 1_000_000, 1e-8),
        # More than somebody may enter, where no other comes to the amount.
        (10.49, 10**9, 1.049e-08),
        (123456.78, 7_654_321, 0.016129031),
    ],
)
def test_price_that_is_found_has_few_decimals(amount, quantity, price):
    assert find_unit_price(amount, quantity, round_) == price


@pytest.mark.parametrize(
    ("price", "quantity", "printed"),
    [
        (0.00003751, 1000, 0.00003751),
        (3.333333, 3, 3.333333),
        (1 / 1.2, 3, 0.8333),
        (1 / 1.2, 300, 0.83333),
        (1 / 3e6, 3, 0.0),
        (9.9 / 7e7, 70_000_000, 1.414e-07),
    ],
)
def test_price_is_printed_with_the_decimals_that_compute(price, quantity, printed):
    assert shorten_price(price, quantity, round_) == printed


@given(amounts, quantities)
def test_printed_price_comes_to_the_same(amount, quantity):
    printed = shorten_price(amount / quantity, quantity, round_)
    assert round_(printed * quantity) == amount


@given(amounts, quantities)
def test_price_of_few_decimals_is_found_where_there_is_one(amount, quantity):
    price = find_unit_price(amount, quantity, round_)
    is_long = has_excess_decimals(price, PRICE_DECIMALS)
    assert takes_more_decimals(amount, quantity, round_) == is_long


@pytest.mark.parametrize(
    ("price", "decimals"), [(12.5, 2), (0.0375, 8), (100, 0), (0.5, 8)]
)
def test_price_after_one_that_is_finer_than_money_is_so_too(price, decimals):
    assert get_decimals_after(price, 0 if price in (100, 0.5) else 2) == decimals

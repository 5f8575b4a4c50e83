import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.money import has_excess_decimals, round_to, split


@pytest.mark.parametrize(
    ("amount", "decimals", "excess"),
    [
        (12.3, 2, False),
        (10.005, 2, True),
        (0.1 + 0.2, 2, False),
        (3 * 6.63, 2, False),
        (10.5, 0, True),
        (10.0, 0, False),
        (10.555, 3, False),
        (999_999_999_999.99, 2, False),
        (999_999_999_999.995, 2, True),
        (-0.001, 2, True),
    ],
)
def test_excess_decimals(amount, decimals, excess):
    assert has_excess_decimals(amount, decimals) is excess


@pytest.mark.parametrize(
    ("amount", "unit", "rounded"),
    [(449, 100, 400), (450, 100, 500), (-450, 100, -500), (-449, 100, -400)]
    + [(7, 1, 7), (-7, 1, -7), (0, 100, 0), (7, 5, 5), (8, 5, 10)],
)
def test_round_to(amount, unit, rounded):
    assert round_to(amount, unit) == rounded


@given(st.integers(-(10**13), 10**13), st.integers(0, 3))
def test_whole_minor_units_never_have_excess(minor, decimals):
    assert not has_excess_decimals(minor / 10**decimals, decimals)


@given(st.integers(1, 10**9), st.integers(1, 9))
def test_a_tenth_of_a_minor_unit_always_has(minor, tenth):
    assert has_excess_decimals(minor / 100 + tenth / 1000, 2)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6), st.data())
def test_parts_add_up_and_none_is_more_than_its_weight(weights, data):
    amount = data.draw(st.integers(0, sum(weights)))
    parts = split(
        amount / 100, [weight / 100 for weight in weights], lambda x: round(x, 2)
    )
    cents = [round(part * 100) for part in parts]
    assert sum(cents) == amount
    for part, weight in zip(cents, weights, strict=True):
        assert 0 <= part <= weight
        assert abs(part - amount * weight / (sum(weights) or 1)) < 1 + 1e-6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.money import has_excess_decimals


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


@given(st.integers(-(10**13), 10**13), st.integers(0, 3))
def test_whole_minor_units_never_have_excess(minor, decimals):
    assert not has_excess_decimals(minor / 10**decimals, decimals)


@given(st.integers(1, 10**9), st.integers(1, 9))
def test_a_tenth_of_a_minor_unit_always_has(minor, tenth):
    assert has_excess_decimals(minor / 100 + tenth / 1000, 2)

"""What a part of a pack is worth, so that all parts add up to the cent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

#: Units are compared by this many decimals.
DECIMALS = 6


def take_share(
    left: float, units: float, units_left: float, rounding: Callable[[float], float]
) -> float:
    """Return what so many of the units that are left are worth.

    A share of what is left, and not of the whole: whatever was rounded before is in it,
    and who takes the last unit takes the rest.

    :param left: what all units that are left are worth together.
    :param units: how many are taken; at most those that are left.
    :param units_left: more than zero.
    :param rounding: rounds as the currency does, half up.
    """
    if is_same(units, units_left):
        return rounding(left)
    exact = Decimal(str(left)) * Decimal(str(units)) / Decimal(str(units_left))
    return rounding(float(exact))


def is_same(one: float, other: float) -> bool:
    """Whether two numbers of units are the same."""
    return not round(one - other, DECIMALS)

"""What a part of a pack is worth, so that all parts add up to the cent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

#: Units are compared by this many decimals.
DECIMALS = 6
#: A loss up to this part is what a bank kept for itself: the customer paid.
SPARED = Decimal("0.1")


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


def count_paid(units: float, lost: float, owed: float) -> float:
    """Return how many units of a pack were paid for, if a loss took some of its price.

    Whole units, by the half: of ten with a half lost there are five.

    :param units: of the pack.
    :param lost: what was written off of the invoice.
    :param owed: what it came to, without what was credited.
    """
    part = _get_part(lost, owed)
    if part <= SPARED:
        return units
    paid = Decimal(str(units)) * max(1 - part, Decimal(0))
    return min(units, float(paid.quantize(Decimal(1), ROUND_HALF_UP)))


def count_lost(lost: float, owed: float) -> float:
    """Return what of a price nobody paid, if a loss took more of it than is spared."""
    return lost if _get_part(lost, owed) > SPARED else 0.0


def _get_part(lost: float, owed: float) -> Decimal:
    return Decimal(str(lost)) / Decimal(str(owed)) if owed > 0 else Decimal(lost > 0)


def is_same(one: float, other: float) -> bool:
    """Whether two numbers of units are the same."""
    return not round(one - other, DECIMALS)

"""The least and the most that a period costs, whatever was used."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .exact import ZERO, Number, to_exact


def prorate(amount: Number, days: int, whole: int) -> Fraction:
    """Return the share of days of a period in an amount, exactly.

    :raise ValueError: if there are more days than in the whole, or none.
    """
    if not 0 <= days <= whole or not whole:
        raise ValueError("A part of a period has at most its days.")
    return to_exact(amount) * days / whole


def find_missing(used: Number, least: Number, billed: Number = 0) -> Fraction:
    """Return what is to be added to come to the least.

    :param billed: what was billed of the period before.
    """
    return max(ZERO, to_exact(least) - to_exact(billed) - to_exact(used))


def cap(amounts: Sequence[Number], most: Number, billed: Number = 0) -> list[Fraction]:
    """Return what is taken off each amount, in their order, to come to the most."""
    left = max(ZERO, to_exact(most) - to_exact(billed))
    off = []
    for amount in map(to_exact, amounts):
        charged = min(amount, left)
        left -= charged
        off.append(amount - charged)
    return off

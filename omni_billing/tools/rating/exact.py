"""Exact numbers: what is rated is rounded once, at its end."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

#: What a person or a file says of a number.
Number = int | float | str | Decimal | Fraction
ZERO = Fraction(0)


def to_exact(value: Number) -> Fraction:
    """Return a number as it was written: 0.1 is a tenth, also of a float.

    :raise ValueError: if it is none, or infinite.
    """
    if isinstance(value, float):
        # What a person typed is the shortest number that the float stands for.
        value = repr(value)
    try:
        return Fraction(value)
    except (OverflowError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no number.") from error


def round_half_up(value: Fraction, decimals: int) -> Decimal:
    """Round as money is: halves away from zero."""
    scale = 10**decimals
    whole, half = abs(value) * scale, Fraction(1, 2)
    units = int(whole + half)
    return Decimal(units if value >= 0 else -units).scaleb(-decimals)


def count_whole(quantity: Fraction, size: Fraction) -> Fraction:
    """Return how many of a size hold a quantity: one that is begun counts."""
    return Fraction(ceil(quantity / size))

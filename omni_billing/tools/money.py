"""Checks and splits of plain amounts."""

from collections.abc import Callable, Iterable


def has_excess_decimals(amount: float, decimals: int) -> bool:
    """Tell whether an amount has more decimals than its currency.

    10.005 dollars has; 0.1 + 0.2 has not: the noise of binary floats, some 1e-16 of
    the amount, is not something that a person typed.
    """
    noise = max(abs(amount) * 1e-15, 10.0 ** -(decimals + 6))
    return abs(amount - round(amount, decimals)) > noise


def round_to(amount: int, unit: int) -> int:
    """Round to a multiple of a unit; halves away from zero, as Odoo does."""
    size = (2 * abs(amount) + unit) // (2 * unit) * unit
    return size if amount >= 0 else -size


def split(
    amount: float, weights: Iterable[float], round_: Callable[[float], float]
) -> list[float]:
    """Split an amount in proportion to weights; the parts add up to it.

    Each part is what comes to the sum so far, rounded, less what came before: no part
    is a cent or more away from its exact share, and none of an amount that is at most
    the sum of the weights is more than its weight.

    :param weights: not negative, and rounded; all zero for an amount of zero.
    :param round_: to the cents of the currency.
    """
    weights = list(weights)
    whole = sum(weights)
    parts, so_far, given = [], 0.0, 0.0
    for weight in weights:
        so_far += weight
        part = round_(round_(amount * so_far / whole) - given) if whole else 0.0
        given += part
        parts.append(part)
    return parts

"""Checks on plain amounts."""


def has_excess_decimals(amount: float, decimals: int) -> bool:
    """Tell whether an amount has more decimals than its currency.

    10.005 dollars has; 0.1 + 0.2 has not: the noise of binary floats, some 1e-16 of
    the amount, is not something that a person typed.
    """
    noise = max(abs(amount) * 1e-15, 10.0 ** -(decimals + 6))
    return abs(amount - round(amount, decimals)) > noise

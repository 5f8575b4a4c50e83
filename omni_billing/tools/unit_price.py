"""Unit prices, which have more decimals than money: 0.00003751 a kilobyte."""

from collections.abc import Callable
from decimal import Decimal

from .money import has_excess_decimals

#: Decimals of a unit price that somebody enters.
PRICE_DECIMALS = 8
#: How many are tried for a price that is found from an amount, and one that has no end,
#: as a third, is printed with. A float has no more.
MOST_DECIMALS = 15
FOUND = (6, *range(PRICE_DECIMALS, MOST_DECIMALS + 1))
PRINTED = range(4, MOST_DECIMALS + 1)
#: How many pieces a price may be of in an e-invoice (BT-149 of EN 16931).
BASES = [10**power for power in range(7)]


def find_unit_price(
    amount: float, quantity: float, round_: Callable[[float], float]
) -> float:
    """Return what one costs of a quantity that costs an amount.

    :param round_: to the cents of the currency.
    :return: a price of few decimals if quantity × price comes to the amount with it.
    """
    price = amount / quantity
    for decimals in FOUND:
        short = round(price, decimals)
        if round_(short * quantity) == round_(amount):
            return short
    return price


def shorten_price(
    price: float, quantity: float, round_: Callable[[float], float]
) -> float:
    """Return a unit price as it is printed.

    One that has more than `PRICE_DECIMALS`, as what is left of 10.00 without its tax,
    is printed with as few as come to the same amount.
    """
    if not has_excess_decimals(price, PRICE_DECIMALS):
        return round(price, PRICE_DECIMALS)
    cost = round_(price * quantity)
    for decimals in PRINTED:
        short = round(price, decimals)
        if round_(short * quantity) == cost:
            return short
    return price


def takes_more_decimals(
    amount: float, quantity: float, round_: Callable[[float], float]
) -> bool:
    """Whether no price of `PRICE_DECIMALS` comes to an amount of so many."""
    short = round(amount / quantity, PRICE_DECIMALS)
    return round_(short * quantity) != round_(amount)


def get_decimals_after(price: float, decimals: int) -> int:
    """Return with how many decimals a price is computed from another, as by a rise.

    :param decimals: of a price in whole cents; 0.015 a piece would double, or stay.
    """
    return PRICE_DECIMALS if has_excess_decimals(price, decimals) else decimals


def state_price(price: float, quantity: float, decimals: int) -> tuple[float, int]:
    """Return a unit price as an e-invoice states it: so much for so many pieces.

    What reads it may take a few decimals alone, and check quantity × price: a million
    at 0.0000375 is 37.50, and would be 38.00 at 0.000038. So it is 0.000375 for ten.

    :param decimals: that the price may have.
    :return: a price and the number of pieces that it is of: the fewest with which it is
        exact; of a price that has no end, the whole is within a tenth of a cent.
    """
    exact = Decimal(str(price))
    if has_excess_decimals(price, PRICE_DECIMALS):
        most = Decimal("0.001") / Decimal(str(max(abs(quantity), 1)))
    else:
        exact, most = round(exact, PRICE_DECIMALS), Decimal(0)
    for base in BASES:
        stated = round(exact * base, decimals)
        if abs(stated / base - exact) <= most:
            return float(stated), base
    return float(round(exact * BASES[-1], decimals)), BASES[-1]

"""What a period costs with discounts. Plain dates and prices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from .recurrence import DAY, round_to

#: First day, last day (None: for ever), ``percent`` or ``amount``, and how much.
Discount = tuple[date, date | None, str, float]


def lower(
    prices: Iterable[tuple[date, Decimal]],
    discounts: Sequence[Discount],
    decimals: int,
) -> list[tuple[date, Decimal]]:
    """Return the prices of a whole period with discounts, by their first days.

    Percents first, one after the other, then amounts; never below zero.

    :param prices: each with the day from which on it holds; the first holds before.
    :param decimals: of the currency.
    """
    steps = sorted(prices, key=lambda step: step[0])
    if not discounts or not steps:
        return steps
    days = {day for day, _price in steps}
    days |= {first for first, _last, _kind, _value in discounts}
    days |= {last + DAY for _first, last, _kind, _value in discounts if last}
    # What holds before the first step holds from ever on.
    found = []
    for day in sorted(days):
        price = find_price(steps, day)
        found.append((day, _lower_one(price, day, discounts, decimals)))
    return found


def find_price(prices: Iterable[tuple[date, Decimal]], day: date) -> Decimal:
    """Return the price on a day.

    :param prices: each with the day from which on it holds; the first holds before.
    """
    steps = sorted(prices, key=lambda step: step[0])
    begun = [price for start, price in steps if start <= day]
    return begun[-1] if begun else steps[0][1]


def _lower_one(
    price: Decimal, day: date, discounts: Sequence[Discount], decimals: int
) -> Decimal:
    held = [
        (kind, Decimal(str(value)))
        for first, last, kind, value in discounts
        if first <= day and not (last and last < day)
    ]
    for kind, value in held:
        if kind == "percent":
            price *= (100 - value) / 100
    price -= sum(value for kind, value in held if kind == "amount")
    return round_to(max(price, Decimal(0)), decimals)

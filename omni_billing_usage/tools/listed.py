"""Prices of pricelists, each from a moment on: plain Python, no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

#: What each product costs, by its id, from moments on, in their order.
Listed = tuple[tuple[int, tuple[tuple[str, float], ...]], ...]


def freeze(listed: Iterable) -> Listed:
    """Return prices that were read of JSON, as they were written."""
    return tuple(
        (product_id, tuple((since, price) for since, price in prices))
        for product_id, prices in listed
    )


def iterate_prices(
    prices: Sequence[tuple[datetime, float]], begin: datetime, end: datetime
) -> Iterator[tuple[datetime, float]]:
    """Yield what holds in a time, and from when on.

    Before the first of the prices that holds which is the first.

    :param prices: one at least, in the order of their moments.
    :param end: that the time is before.
    """
    held = [price for since, price in prices if since <= begin]
    price = held[-1] if held else prices[0][1]
    yield begin, price
    for since, later in prices:
        if begin < since < end and later != price:
            price = later
            yield since, price

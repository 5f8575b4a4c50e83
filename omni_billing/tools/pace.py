"""How fast something goes, and how long it will still take."""

from __future__ import annotations


def estimate_pace(done: int, left: int, seconds: float) -> tuple[float, int | None]:
    """Return how many are done in a second, and in how many seconds the rest will be.

    The second is none as long as there is nothing to judge by.
    """
    if done <= 0 or seconds <= 0:
        return 0.0, None if left else 0
    rate = done / seconds
    return round(rate, 2), round(left / rate)

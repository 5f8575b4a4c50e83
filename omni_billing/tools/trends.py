"""Pure functions on periods that are compared."""

from __future__ import annotations


def compute_trend(amount: float, before: float) -> dict | None:
    """Compare an amount with that of the period before (F71).

    :return: ``direction`` (``up``, ``down`` or ``level``) and ``percent``, which is
        none where there was nothing to compare with; nothing if both are zero.
    """
    if not amount and not before:
        return None
    if not before:
        return {"direction": "up" if amount > 0 else "down", "percent": None}
    percent = round(100 * (amount - before) / abs(before), 1)
    direction = "up" if percent > 0 else "down" if percent < 0 else "level"
    return {"direction": direction, "percent": percent}

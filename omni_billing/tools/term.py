"""How long a service is agreed for: notice, minimum term, renewal. Plain dates.

A term ends on a day. Who gives notice in time ends the service then; else, if it
renews, another term follows, counted from the first one, so that its ends do not
drift.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from .recurrence import DAY


def add_months(day: date, months: int) -> date:
    """Return the same day of another month, or the last one that the month has."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def find_term_end(first: date, months: int) -> date:
    """Return the last day of so many months."""
    return add_months(first, months) - DAY


def find_bound(
    today: date, notice: int, term_end: date | None, renewal: int = 0
) -> date | None:
    """Return the last day of the term that a notice of today is bound to.

    :param notice: days between it and the last day of use, at least.
    :param term_end: the last day of the first term; None: there is none.
    :param renewal: months by which a term is renewed; 0: afterwards notice is enough.
    :return: None if it is bound to the notice alone.
    """
    earliest = today + timedelta(days=notice)
    if not term_end:
        return None
    if earliest <= term_end:
        return term_end
    if not renewal:
        return None
    first, number = term_end + DAY, 1
    while (end := find_term_end(first, number * renewal)) < earliest:
        number += 1
    return end

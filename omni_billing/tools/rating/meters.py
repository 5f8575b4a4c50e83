"""What a meter counts: of the events of a period, those that are priced, and how much.

A sum takes each as it is. What changes prices of whole periods, as the most seats that
there were, takes one event for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from .prices import Event

ONE = Fraction(1)
#: What can be counted, and how.
KINDS = ("sum", "count", "maximum", "last", "unique")


def measure(events: Iterable[Event], kind: str, fact: str = "") -> list[Event]:
    """Return the events that are priced, in the order of time.

    :param kind: ``sum`` of quantities; ``count`` of events; the ``maximum``; the
        ``last`` quantity; how many ``unique`` values of a fact there were.
    :param fact: whose values are counted; events without it have one value, too.
    :raise ValueError: if there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}.")
    ordered = sorted(events, key=lambda event: (event.moment, event.ref))
    if kind == "maximum" and ordered:
        return [max(ordered, key=lambda event: event.quantity)]
    if kind == "last":
        return ordered[-1:]
    if kind == "unique":
        firsts: dict[str, Event] = {}
        for event in ordered:
            firsts.setdefault(event.facts.get(fact, ""), event)
        ordered = list(firsts.values())
    if kind in ("count", "unique"):
        return [replace(event, quantity=ONE) for event in ordered]
    return ordered

"""What became of an e-mail, from all that was told of it, in whatever order (W12)."""

from __future__ import annotations

from collections.abc import Iterable

#: What a kind of event says of the message to its recipient.
STATES = {
    "sent": "delivered",
    "bounce": "bounced",
    "blocked": "blocked",
    "open": "opened",
    "click": "opened",
}
#: Of events of the same second: what came later in the life of a message counts.
ORDER = ("sent", "bounce", "blocked", "open", "click")
#: From the worst to the best: what is true of one recipient is true of the message.
WORST_FIRST = ("blocked", "bounced", "opened")
BAD = ("blocked", "bounced")


def follow(events: Iterable[tuple[int, str, str]]) -> tuple[str, str]:
    """Return how the message to one recipient stands, and why.

    A bounce may be for now only: what is delivered later counts. What was opened stays
    so, unless it is refused after that.

    :param events: time, kind and reason of each, in any order.
    """
    state, reason = "sent", ""
    told = [event for event in events if event[1] in STATES]
    for _time, kind, why in sorted(told, key=lambda e: (e[0], ORDER.index(e[1]))):
        new = STATES[kind]
        if not (state == "opened" and new == "delivered"):
            state, reason = new, why
    return state, reason if state in BAD else ""


def sum_up(states: Iterable[str]) -> str:
    """Return how a message to several recipients stands."""
    found = set(states)
    for state in WORST_FIRST:
        if state in found:
            return state
    return "delivered" if found == {"delivered"} else "sent"

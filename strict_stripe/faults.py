"""What can go wrong between a client and Stripe, on demand of a test.

Source: Stripe's page "Advanced error handling": network problems leave the outcome
unknown, server errors (500) too; rate limits (429) come before anything is executed.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from .errors import StripeError

if TYPE_CHECKING:
    from .account import Changes

ANSWER = "answer"
DROP = "drop"
DELAY = "delay"
HOLD = "hold"
KINDS = (ANSWER, DROP, DELAY, HOLD)
RATE_LIMITED = 429


class Dropped(Exception):
    """The connection ends without an answer."""


@dataclass
class Fault:
    """A rule for the next requests of a method to paths that begin alike."""

    id: int
    kind: str
    method: str
    path: str
    left: int
    status: int
    seconds: float
    # Whether the request is executed before the fault, or not yet.
    executed: bool
    held: int = 0
    is_abandoned: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request falls under the rule."""
        return (
            self.left > 0
            and self.method in ("*", method)
            and path.startswith(self.path)
        )

    @property
    def refuses(self) -> bool:
        """Tell whether the request is answered before it has claimed its key."""
        return self.kind == ANSWER and self.status == RATE_LIMITED

    def error(self) -> StripeError:
        """Give the answer that the rule prescribes."""
        if self.status == RATE_LIMITED:
            message = "Request rate limit exceeded."
            return StripeError(429, message, code="rate_limit")
        message = "An unknown error occurred"
        return StripeError(self.status, message, type="api_error")


class Faults:
    """The rules in force; the first that matches a request is applied to it."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._numbers = count(1)
        self._faults: dict[int, Fault] = {}

    def add(
        self,
        kind: str,
        method: str = "*",
        path: str = "/v1/",
        count: int = 1,
        status: int = 500,
        seconds: float = 0,
        executed: bool = False,
    ) -> Fault:
        """Put a rule in force."""
        if kind not in KINDS:
            raise StripeError(400, f"There is no fault {kind!r}.")
        if executed and kind == ANSWER and status == RATE_LIMITED:
            raise StripeError(400, "Stripe does not execute what it answers with 429.")
        fault = Fault(
            next(self._numbers), kind, method, path, count, status, seconds, executed
        )
        self._faults[fault.id] = fault
        return fault

    def get(self, number: int) -> Fault:
        """Find a rule."""
        if number not in self._faults:
            raise StripeError(404, f"There is no fault {number}.")
        return self._faults[number]

    def clear(self, abandon: bool = False) -> None:
        """Lift all rules; what they hold goes on, or is never executed."""
        for fault in self._faults.values():
            fault.left = 0
            fault.is_abandoned = abandon
            fault.released.set()
        self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Find the rule for a request, and count it."""
        for fault in self._faults.values():
            if fault.matches(method, path):
                fault.left -= 1
                return fault
        return None

    async def pause(self, fault: Fault) -> None:
        """Delay or hold a request, unless the rule is lifted meanwhile."""
        if fault.kind not in (DELAY, HOLD):
            return
        seconds = fault.seconds if fault.kind == DELAY else None
        fault.held += 1
        self._changes.tell()
        # That a delay is over is no error.
        with contextlib.suppress(asyncio.TimeoutError):
            try:
                await asyncio.wait_for(fault.released.wait(), seconds)
            finally:
                fault.held -= 1
        if fault.is_abandoned:
            raise Dropped

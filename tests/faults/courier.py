"""Brings Stripe's events to Odoo as they happen, beside whatever it is doing.

The endpoint is a server in the process of the test: it hands what comes to Odoo's own
web server, in a fork, and then runs the job that works on events, as Odoo's scheduler
does at once.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.fakes.endpoint import Endpoint

if TYPE_CHECKING:
    from tests.faults.harness import Subject

#: When events come, with respect to the answer to the request that made them happen:
#: worked on before it, beside it (some time after the charge), or after all is over.
BEFORE = "before"
WITH = ("with 0", "with 0.05", "with 0.2", "with 0.5")
AFTER = "after"


class Courier(Endpoint):
    """An endpoint for events."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(self._bring)
        self._subject = subject

    def _bring(self, body, headers):
        event = {
            "body": base64.b64encode(body).decode(),
            "headers": {
                name: headers[name] for name in ("Content-Type", "Stripe-Signature")
            },
        }
        [status] = self._subject.run("receive", events=[event]).expect()
        if status != 200:
            self.crashes.append(f"webhook: {status}")
            return status
        with one_job(self._subject.job_lock) as is_free:
            # Else it is running, and is run again later.
            if is_free:
                self._subject.run("process_events", is_job=True).expect()
        return status


@contextmanager
def one_job(lock: threading.Lock, wait: bool = False) -> Iterator[bool]:
    """Run a scheduled action, which Odoo never does twice at once."""
    is_free = lock.acquire(blocking=wait)
    try:
        yield is_free
    finally:
        if is_free:
            lock.release()


def let_come(
    stripe, when: str, add: Callable[[str], str], subject: Subject
) -> Courier | None:
    """Have events come when they should.

    :param when: ``BEFORE``, one of ``WITH``, or ``AFTER``.
    :param add: registers a URL at Stripe.
    :return: the courier, None if the test brings events itself.
    """
    if when == AFTER:
        stripe.hold_webhooks()
        return None
    courier = Courier(subject)
    add(courier.url)
    is_first = when == BEFORE
    delay = 0 if is_first else float(when.partition(" ")[2])
    stripe.send_webhooks(delay=delay, is_first=is_first)
    return courier

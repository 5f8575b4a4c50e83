"""A run under way, and what befalls it: who dies, and how long until it goes on."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import stripe as stripe_sdk

from dev.console import Failure, say
from dev.postgres import Cluster
from dev.workspace import Workspace
from strict_stripe import SECRET_KEY, StripeServer
from tests.fakes.smtp_server import SmtpServer
from tests.queue.office import TRIGGER, Office

PAUSE = 0.2
#: So long that only what stands for good comes to the end of it.
WAIT_SECONDS = 3600
#: How far it is: invoices, charges that are paid, and e-mails that went out.
PROGRESS = """
    SELECT (SELECT count(*) FROM omni_billing_run_line WHERE state = 'done'),
           (SELECT count(*) FROM omni_billing_run_line WHERE charge_state = 'paid'),
           (SELECT count(*) FROM omni_billing_mail WHERE state = 'sent')
"""
#: Odoo names its connections after its processes; those that are at work are in one.
AT_WORK = """
    SELECT application_name FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'odoo-%%'
       AND state IN ('active', 'idle in transaction')
  ORDER BY xact_start
"""
#: What tells for how long something was begun, or when it is due.
LATER = (
    ("omni_billing_mail", "next_try"),
    ("omni_billing_mail", "attempt_date"),
    ("omni_billing_stripe_event", "next_try"),
    ("payment_transaction", "last_state_change"),
)
#: What goes on by itself: nothing of it may be left at the end.
LEFT = """
    SELECT (SELECT count(*) FROM omni_billing_run WHERE state != 'done')
         + (SELECT count(*) FROM payment_transaction WHERE billing_is_open
               OR state = 'done' AND is_post_processed IS NOT TRUE)
         + (SELECT count(*) FROM omni_billing_run_line
             WHERE charge_state IN ('due', 'open') OR email_state = 'todo')
         + (SELECT count(*) FROM omni_billing_mail WHERE state = 'queued')
"""


class Town:
    """The server, and all that it talks to."""

    def __init__(
        self,
        space: Workspace,
        database: str,
        office: Office,
        stripe: StripeServer,
        letterbox: SmtpServer,
        cluster: Cluster,
    ) -> None:
        self._space = space
        self._database = database
        self.office = office
        self.stripe = stripe
        self.letterbox = letterbox
        self._cluster = cluster

    def make_cards(self, count: int) -> list[tuple[str, str]]:
        """Have so many customers with a card at Stripe."""
        api = stripe_sdk.StripeClient(
            SECRET_KEY, base_addresses={"api": self.stripe.url}
        ).v1
        pairs = []
        for number in range(count):
            customer = api.customers.create({"name": f"Card {number}"}).id
            card = api.payment_methods.attach("pm_card_visa", {"customer": customer})
            pairs.append((customer, card.id))
        return pairs

    # === TIME === #

    def pass_time(self) -> None:
        """Have each scheduled action come to its turn, as five minutes later."""
        with suppress(Failure, Exception):  # the database may be down
            self.office.do(TRIGGER, "Billing:%")
            with self._space.databases.cursor() as cursor:
                cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self._database])
        time.sleep(PAUSE)

    def measure(self) -> int:
        """Return how far the run is; what cannot be asked is where it was."""
        try:
            self._progress = sum(self.office.ask(PROGRESS)[0])
        except Exception:  # the database is down, or just comes
            return getattr(self, "_progress", 0)
        return self._progress

    def wait_until(self, what: str, holds: Callable[[], bool]) -> float:
        """Wait while time passes; return for how many seconds."""
        start = time.monotonic()
        while not holds():
            if time.monotonic() - start > WAIT_SECONDS:
                raise AssertionError(f"{what}? Not in {WAIT_SECONDS} seconds.")
            self.pass_time()
        return time.monotonic() - start

    def wait_for_progress(self, least: int) -> None:
        """Wait until the run has come so far."""
        self.wait_until(f"{least} steps", lambda: self.measure() >= least)

    def see_it_go_on(self, what: str) -> float:
        """Wait until the run goes on after a fault; return for how many seconds."""
        before = self.measure()
        seconds = self.wait_until(
            f"It goes on after: {what}",
            lambda: self.measure() > before or self._is_over(),
        )
        say(f"{what}: went on after {seconds:.1f} s")
        return seconds

    def wait_until_over(self) -> float:
        """Wait until nothing is left that goes on by itself; five minutes later.

        What a process that died had begun is left alone for so long.
        """
        for table, column in LATER:
            self.office.do(
                f"UPDATE {table} SET {column} = {column} - INTERVAL '5 minutes'"
                f" WHERE {column} IS NOT NULL"
            )
        return self.wait_until("Nothing is left", self._is_over)

    def _is_over(self) -> bool:
        try:
            return self.office.ask(LEFT) == [(0,)]
        except Exception:  # as above
            return False

    # === FAULTS === #

    def kill_a_worker(self) -> bool:
        """Kill the process that has been at work for longest, if one is."""
        for (name,) in self.office.ask(AT_WORK):
            pid = int(re.sub(r"\D", "", name))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def restart_postgres(self) -> None:
        """Stop the database server as a power cut does, and start it again."""
        self._cluster._control(
            "restart", "--mode=immediate", error="PostgreSQL does not start again"
        )

    def lose_stripe(self, seconds: float) -> None:
        """Have nobody answer at Stripe's for a while."""
        self.stripe.go_down()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pass_time()
        self.stripe.come_back()

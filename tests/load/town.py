"""A run under way, and what befalls it: who dies, and how long until it goes on."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import SimpleNamespace

import psutil
import stripe as stripe_sdk

from dev import paths, server
from dev.console import Failure, say
from dev.workspace import Workspace
from strict_stripe import SECRET_KEY, StripeServer
from tests.fakes.smtp_server import SmtpServer
from tests.load.plan import Disk, Host, Plan
from tests.queue import steps
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


#: The queue, and steps so small that a few customers make many jobs.
QUEUE = paths.ROOT / "tests" / "queue" / "addons"
QUEUE_CHANNELS = "root:4,root.omni_billing:4"


class Town:
    """The servers, and all that they talk to.

    :param postgres: what can be done to the database server.
    :param disk: the small one, if there is one.
    """

    def __init__(
        self,
        space: Workspace,
        database: str,
        office: Office,
        stripe: StripeServer,
        letterbox: SmtpServer,
        postgres: SimpleNamespace,
        disk: Disk | None,
    ) -> None:
        self._space = space
        self._database = database
        self.office = office
        self.stripe = stripe
        self.letterbox = letterbox
        self.postgres = postgres
        self.disk = disk
        self._hosts: dict[str, tuple[ExitStack, server.Server]] = {}
        self._started: dict[str, tuple[Host, Plan]] = {}

    # === HOSTS === #

    def start(self, name: str, host: Host, plan: Plan) -> None:
        """Start Odoo on one more host."""
        port = server.free_port()
        environment = host.adapt(self._space.environment)
        options = [f"--workers={host.workers}", f"--max-cron-threads={host.crons}"]
        if plan.kind == "queue":
            environment |= {
                "ODOO_QUEUE_JOB_CHANNELS": QUEUE_CHANNELS,
                "ODOO_QUEUE_JOB_PORT": str(port),
            }
            addons = (*self._space.core.addons, paths.ROOT, QUEUE)
            options += [
                f"--limit-time-real={steps.HELD_SECONDS}",
                f"--addons-path={','.join(map(str, addons))}",
                "--load=base,web,queue_job,small_steps",
            ]
        stack = ExitStack()
        running = stack.enter_context(
            server.serving(
                replace(self._space, environment=environment),
                self._database,
                *options,
                f"--gevent-port={server.free_port()}",
                port=port,
                log=f"load-{name}",
            )
        )
        self._hosts[name] = (stack, running)
        self._started[name] = (host, plan)

    def _start_again(self) -> None:
        """Start again what ended by itself, as systemd does (Restart=on-failure).

        Odoo ends if it is to start a worker while PostgreSQL takes no connections yet.
        """
        for name, (stack, running) in list(self._hosts.items()):
            if running.has_ended():
                say(f"{name}: Odoo had ended, and is started again")
                stack.close()
                with suppress(Failure):  # it ended again: the next time
                    self.start(name, *self._started[name])

    def kill(self, name: str) -> None:
        """Have a host die, with all its processes."""
        stack, running = self._hosts.pop(name)
        running.kill()
        stack.close()

    def close(self) -> None:
        """End all hosts; nothing of them is kept."""
        for name in list(self._hosts):
            self.kill(name)

    # === THE RUN === #

    def begin(self, count: int) -> list[int]:
        """Begin to bill, charge and write to so many customers; return them."""
        ann = self.office.ask("SELECT id FROM res_users WHERE login = 'ann'")[0][0]
        partners = self.office.run("add_cards", cards=self.make_cards(count))
        self.office.run("start_run", by=ann, is_charge=True, is_email=True)
        return partners

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
        self._start_again()
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

    def wait_for_seconds(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        self.wait_until("Time passes", lambda: time.monotonic() > end)

    # === WHAT IS SEEN === #

    def count(self, query: str) -> int:
        """Give the number that a query counts."""
        [(number,)] = self.office.ask(query)
        return number

    def is_charged(self) -> bool:
        """Tell whether no customer is to be billed or charged any more."""
        return not self.count(
            "SELECT count(*) FROM omni_billing_run_line WHERE state != 'done'"
            " OR charge_state IN ('due', 'open')"
        )

    # === FAULTS === #

    def kill_a_worker(self) -> bool:
        """Kill the process that has been at work for longest, if one is."""
        for (name,) in self.office.ask(AT_WORK):
            pid = int(re.sub(r"\D", "", name))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def kill_the_busiest(self) -> None:
        """Kill the process that has worked most; a pool hides who is at work now."""
        processes = [
            child
            for _stack, running in self._hosts.values()
            for child in psutil.Process(running.pid).children()
            if "gevent" not in child.cmdline()
        ]
        max(processes, key=lambda process: process.cpu_times().user).kill()

    def lose_stripe(self, seconds: float) -> None:
        """Have nobody answer at Stripe's for a while."""
        self.stripe.go_down()
        self.wait_for_seconds(seconds)
        self.stripe.come_back()

"""The test's side: processes of Odoo that can be stopped and killed, and a case each.

A *subject* is an Odoo on a database of its own, with or without Omni Billing. A *case*
is a customer with a card and an invoice, on an empty Stripe, of which something goes
wrong. `Case.settle` then does what happens after a fault: people look and try again,
jobs run, late events come. `Case.judge` says whether the money is right.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import stripe as stripe_sdk

from dev import paths
from dev.system import die_with_parent
from strict_stripe import SECRET_KEY, StripeServer
from tests.faults.courier import AFTER, Courier, let_come, one_job

ANSWER_SECONDS = 180
PRICE = 45
#: The version in which payment_stripe has events sent, and the events it wants.
EVENT_VERSION = "2019-05-16"
PLAIN_EVENTS = {
    "payment_intent.processing",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
}


class Died(Exception):
    """A process ended without an answer."""


@dataclass
class Outcome:
    """What a request or a job came to: a value, or an error."""

    value: object = None
    error: str = ""
    message: str = ""
    trace: str = ""

    def expect(self) -> object:
        """Return the value, which there has to be."""
        if self.error:
            raise AssertionError(f"{self.error}: {self.message}\n{self.trace}")
        return self.value


class Process:
    """A fork of Odoo, at the other end of a channel."""

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(ANSWER_SECONDS)
        self._channel = channel
        self._reader = channel.makefile("r")
        hello = self.read()
        self.pid = hello["pid"]
        self.number = hello["number"]

    def read(self) -> dict:
        """Wait for what it has to say next."""
        line = self._reader.readline()
        if not line:
            raise Died
        return json.loads(line)

    def send(self, line: str) -> None:
        """Tell it something."""
        self._channel.sendall(f"{line}\n".encode())

    def has_news(self, seconds: float) -> bool:
        """Tell whether it has something to say, within some time."""
        return bool(select.select([self._channel], [], [], seconds)[0])

    def kill(self) -> str:
        """Kill it, and wait until it is gone; return what it had to say before."""
        left = ""
        with suppress(OSError):  # it is gone, or was waited for in vain
            os.kill(self.pid, signal.SIGKILL)
            left = self._reader.read()
        self.close()
        return left

    def close(self) -> None:
        """Let it end, once it has nothing to do."""
        self._reader.close()
        self._channel.close()


class Task:
    """A request or a job in a process of its own."""

    def __init__(self, subject: Subject, process: Process, is_plain: bool) -> None:
        self._subject = subject
        self._process = process
        self._is_plain = is_plain
        self._is_over = False
        self._end: dict = {}
        #: What PostgreSQL knows it by.
        self.name = f"odoo-{process.pid}"

    def wait_until_stopped(self) -> Task:
        """Wait until it has come to the step where it is to stop."""
        if not self.stops():
            raise AssertionError(f"It did not stop, but came to an end: {self._end}")
        return self

    def stops(self) -> bool:
        """Wait until it stops, or comes to an end."""
        answer = self._process.read()
        if "stopped" in answer:
            return True
        self._end = answer
        return False

    def has_news(self, seconds: float) -> bool:
        """Tell whether it has stopped or come to an end, within some time."""
        return self._process.has_news(seconds)

    def go_on(self) -> Task:
        """Let a stopped one go on."""
        self._process.send("go")
        return self

    def kill(self) -> None:
        """Kill it, wherever it is, and wait until PostgreSQL has seen it."""
        if left := self.end():
            raise AssertionError(f"It had come to an end before it was killed: {left}")
        self._subject.wait_until_gone(self)

    def end(self) -> str:
        """See that it is gone; return what it had to say before."""
        if self._is_over:
            return ""
        self._is_over = True
        return self._process.kill()

    def result(self) -> Outcome:
        """Wait for its end."""
        outcome = Outcome(**(self._end or self._process.read()))
        self._is_over = True
        self._subject.take_back(self._process, self._is_plain)
        return outcome


class Subject:
    """An Odoo with its database; `start` does something in a fork of it."""

    def __init__(self, name: str, workspace, database: str, folder: Path) -> None:
        self.name = name
        self.database = database
        self.users: dict[str, int] = {}
        self._databases = workspace.databases
        self._count = 0
        self._tasks: list[Task] = []
        #: Processes that are as new, and have nothing to do.
        self._idle: list[Process] = []
        #: Held by who starts one: events come beside what the test does.
        self._lock = threading.Lock()
        #: Held while a scheduled action runs.
        self.job_lock = threading.Lock()
        path = str(folder / f"{name}.sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._listener.settimeout(ANSWER_SECONDS)
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        self.log = paths.LOGS / f"faults-{name}.log"
        self._output = self.log.open("w")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.faults.worker", database, name, path),
                *("--log-level=info", "--max-cron-threads=0"),
            ],
            cwd=paths.ROOT,
            env=workspace.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            text=True,
            preexec_fn=die_with_parent,
        )

    def wait_until_ready(self) -> None:
        """Wait until Odoo is loaded."""
        if self._process.stdout.readline().strip() != "ready":
            raise AssertionError(f"Odoo does not start, see {self.log}")

    def close(self) -> None:
        """End it."""
        while self._idle:
            self._idle.pop().close()
        self._process.stdin.close()
        self._process.wait(ANSWER_SECONDS)
        self._process.stdout.close()
        self._listener.close()
        self._output.close()

    def start(
        self,
        job: str,
        *,
        by: str = "",
        stop: str = "",
        world: dict | None = None,
        is_job: bool = False,
        **values: object,
    ) -> Task:
        """Begin a request of somebody, or a job, in a process of its own."""
        with self._lock:
            return self._start(job, by, stop, world, is_job, values)

    def _start(self, job, by, stop, world, is_job, values) -> Task:
        self._count += 1
        # What is stopped on its way, or lives in another world, is not as it was.
        is_plain = not (stop or world)
        command = {"number": self._count, "job": job, "values": values, "stop": stop}
        command.update(uid=self.users.get(by), world=world or {}, is_job=is_job)
        command.update(is_plain=is_plain)
        if is_plain and self._idle:
            process = self._idle.pop()
            process.send(json.dumps(command))
        else:
            process = self._fork(command)
        task = Task(self, process, is_plain)
        self._tasks.append(task)
        return task

    def take_back(self, process: Process, is_plain: bool) -> None:
        """Keep a process that came to its end for what is next, or let it go."""
        if is_plain:
            self._idle.append(process)
        else:
            process.close()

    def _fork(self, command: dict) -> Process:
        self._tell(command)
        process = Process(self._listener.accept()[0])
        if process.number != command["number"]:
            raise AssertionError("Another process was expected.")
        return process

    def _tell(self, command: dict) -> None:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """End what a test has left running."""
        for task in self._tasks:
            task.end()
        self._tasks.clear()

    def warm_up(self) -> None:
        """Fill the caches, once the database is set up."""
        self._tell({"job": "warm_up"})
        self.wait_until_ready()

    def run(self, job: str, **options: object) -> Outcome:
        """Do something, to its end."""
        return self.start(job, **options).result()

    @contextmanager
    def sql(self):
        """Look into the database from outside."""
        with self._databases.cursor(self.database) as cursor:
            yield cursor

    def wait_for_lock(self, task: Task) -> None:
        """Wait until a process waits for the lock of another, or comes to an end."""
        self._poll(
            task,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = %s AND wait_event_type = 'Lock'",
            lambda waiting: waiting or task.has_news(0.01),
        )

    def wait_until_gone(self, task: Task) -> None:
        """Wait until the database has undone what a killed process left."""
        self._poll(
            task,
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
            lambda connections: not connections,
        )

    def _poll(self, task: Task, query: str, is_enough: Callable[[int], bool]) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        with self.sql() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(query, [task.name])
                if is_enough(cursor.fetchone()[0]):
                    return
                time.sleep(0.005)
        raise AssertionError(f"Nothing happens to {task.name}.")


@dataclass
class Wish:
    """What people want, by which the end is judged."""

    charged: float = 0
    refunded: float = 0
    other: float = 0
    state: str = "paid"


@dataclass
class Case:
    """One customer, one card, one invoice, one fault."""

    subject: Subject
    stripe: StripeServer
    api: stripe_sdk.StripeClient
    ids: dict[str, int]
    endpoint: str
    wish: Wish
    operation: str = "charge"
    #: Whether events come before people try again, or long after.
    is_prompt: bool = False
    #: Events that came already, in the order in which they happened.
    delivered: set[str] = field(default_factory=set)
    #: What is left to a person, who is told; then the money need not be right yet.
    told: str = ""
    #: What jobs and web server failed at.
    crashes: list[str] = field(default_factory=list)
    #: Who brings the events as they happen, if it is not the test.
    courier: Courier | None = None

    # === WHAT PEOPLE AND JOBS DO === #

    def start(self, job: str = "", by: str = "ann", **options: object) -> Task:
        """Begin what a person does: what the case is about, or something else."""
        job = job or self.operation
        values = {}
        if job in ("charge", "part"):
            job, values = "charge", {"amount": self.wish.charged}
        elif job == "refund":
            values = {"amount": self.wish.refunded}
        return self.subject.start(job, by=by, case=self.ids, **values, **options)

    def run(self, job: str = "", by: str = "ann", **options: object) -> Outcome:
        """Do it to its end."""
        return self.start(job, by, **options).result()

    def meanwhile(self, job: str = "", by: str = "ben") -> Task:
        """Do it beside another; it may have to wait for that one."""
        task = self.start(job, by)
        self.subject.wait_for_lock(task)
        return task

    def work(self, job: str, **options: object) -> Outcome:
        """Run a job of Odoo's, as its scheduler does."""
        outcome = self.subject.run(job, is_job=True, **options)
        if outcome.error:
            last = outcome.trace.strip().splitlines()
            self.crashes.append(f"{job}: {last[-1] if last else outcome.error}")
        return outcome

    def recover(self, **options: object) -> None:
        """Run all jobs, as Odoo does every few minutes."""
        names = self.subject.jobs
        with one_job(self.subject.job_lock, wait=True):
            failures = self.subject.run("jobs", names=names, **options).expect()
        self.crashes += filter(None, failures)

    def read(self) -> dict:
        """Read the books."""
        return self.subject.run("read", case=self.ids).expect()

    # === EVENTS === #

    def events(self, *types: str) -> list[str]:
        """Give the events that happened, of some types or all, oldest first."""
        found = [
            event
            for event in self.stripe.events()
            if self.subject.name == "ours" or event["type"] in PLAIN_EVENTS
        ]
        return [e["id"] for e in found if not types or e["type"] in types]

    def deliver(self, *events: str) -> Task:
        """Begin to post events to Odoo, one after the other."""
        self.delivered.update(events)
        deliveries = [self.stripe.build_delivery(e, self.endpoint) for e in events]
        return self.subject.start(
            "receive",
            events=[
                {"body": base64.b64encode(body).decode(), "headers": headers}
                for body, headers in deliveries
            ],
        )

    def hear(self, *events: str) -> None:
        """Post events to Odoo one after the other, and have it work on them."""
        if events:
            self.heard(self.deliver(*events), *events)
        self.recover()

    def heard(self, task: Task, *events: str) -> None:
        """See how Odoo answered; what it did not take, Stripe sends again."""
        for event, status in zip(events, task.result().expect(), strict=True):
            if status != 200:
                self.delivered.discard(event)
                if self.subject.name == "ours":
                    self.crashes.append(f"webhook: {status}")

    def hear_meanwhile(self, *events: str) -> Task:
        """Post events beside a request; that may have to be waited for."""
        task = self.deliver(*events)
        self.subject.wait_for_lock(task)
        if task.has_news(0):
            self.recover()
        return task

    # === THE END === #

    def close(self) -> None:
        """Have no events come any more."""
        if self.courier:
            self.stripe.clear_faults()
            self.courier.close()

    @property
    def is_done(self) -> bool:
        """Tell whether a person who looks sees that it worked."""
        books = self.read()
        if self.operation == "refund":
            return books["refunds_seen"] > 0
        return books["residual"] < books["total"]

    def settle(self, tries: int = 2) -> None:
        """Let happen what happens after a fault, until all is at rest."""
        self.stripe.clear_faults()
        if self.is_prompt:
            self.hear_rest()
        for _try in range(tries):
            if self.courier:
                # Whoever looks sees what there is, and not how it comes.
                self.stripe.wait_for_deliveries()
            if not self.is_done:
                self.run(by="ben")
            self.recover()
        self.hear_rest()

    def hear_rest(self) -> None:
        """Post the events that have not come yet."""
        if self.courier:
            self.stripe.wait_for_deliveries()
            self.delivered |= {
                delivery["event"]
                for delivery in self.stripe.deliveries()
                if delivery["status"] == 200
            }
        self.hear(*(event for event in self.events() if event not in self.delivered))

    def judge(self) -> dict[str, object]:
        """Compare Stripe, the books and what was wanted.

        :return: ``charged``, ``booked``, and ``problems``, a list of sentences.
        """
        if self.courier:
            self.stripe.wait_for_deliveries()
            self.crashes += self.courier.crashes
        store = self.stripe.store()
        charged = sum(charge["amount_captured"] for charge in store["charges"]) / 100
        refunded = (
            sum(
                refund["amount"]
                for refund in store["refunds"]
                if refund["status"] in ("succeeded", "pending")
            )
            / 100
        )
        books = self.read()
        problems = list(_find_problems(self, books, charged, refunded))
        return {
            "stripe": _sum_up(charged, refunded),
            "booked": _sum_up(books["card_in"], books["card_out"]),
            "problems": [] if self.told else problems,
            "outcome": self.told or "; ".join(problems) or "ok",
            "books": books,
        }


def _sum_up(taken: float, back: float) -> str:
    return f"{taken:g} − {back:g}" if back else f"{taken:g}"


def _find_problems(case, books, charged, refunded):
    wish = case.wish
    if charged > wish.charged:
        yield "charged twice" if wish.charged else "charged all the same"
    elif charged < wish.charged:
        yield "not charged"
    if refunded > wish.refunded:
        yield "refunded twice"
    elif refunded < wish.refunded:
        yield "not refunded"
    if (books["card_in"], books["card_out"]) != (charged, refunded):
        yield "the books differ from Stripe"
    if books["other"] != wish.other:
        yield "other payments are wrong"
    if books["open"]:
        yield "a payment stays open"
    if books["state"] != wish.state:
        yield f"the invoice is {books['state']}"
    if case.subject.name == "ours":
        yield from _find_our_problems(books, wish)
    yield from case.crashes


def _find_our_problems(books, wish):
    """Check what only Omni Billing promises."""
    if books["ledger"] != books["receivable"]:
        yield f"ledger {books['ledger']}, receivables {books['receivable']}"
    # A refund has its credit note: it changes nothing of what is owed.
    owed = 0 if wish.state == "void" else books["total"]
    owed -= wish.charged + wish.other
    if round(books["receivable"] - owed, 2):
        yield f"the customer owes {books['receivable']} and not {owed}"
    if books["mails"]:
        yield "the customer is asked for what is not needed"
    if books["events"]:
        yield f"events left: {books['events']}"


def new_case(
    subject: Subject,
    stripe: StripeServer,
    operation: str,
    name: str,
    when: str = AFTER,
) -> Case:
    """Empty Stripe, and make a customer with a card and an invoice.

    :param when: events come, see ``courier``.
    """
    subject.end()
    stripe.reset()
    stripe.hold_webhooks()
    endpoint = stripe.add_webhook(
        "http://localhost/", events=["none"], api_version=EVENT_VERSION
    )
    api = stripe_sdk.StripeClient(SECRET_KEY, base_addresses={"api": stripe.url}).v1
    customer = api.customers.create({"name": name}).id
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    ids = subject.run(
        "add_case", name=name, customer=customer, card=card, amount=PRICE
    ).expect()
    wish = {
        "charge": Wish(charged=PRICE),
        "part": Wish(charged=20, state="partial"),
        "refund": Wish(charged=PRICE, refunded=10),
    }[operation]
    case = Case(subject, stripe, api, ids, endpoint, wish)
    if operation == "refund":
        case.run().expect()
        case.hear(*case.events())
    case.operation = operation
    case.courier = let_come(
        stripe,
        when,
        lambda url: stripe.add_webhook(url, api_version=EVENT_VERSION),
        subject,
    )
    return case

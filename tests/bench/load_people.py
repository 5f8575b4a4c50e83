"""What two hundred people do, for `bin/bench load`: read by locust, not by pytest.

Customers look at their overview and lists, open an invoice and its PDF, and pay by
their saved card; staff look at lists, preview, take money at the till, and void. Each
logs in by the form, as a browser does, and has a session and invoices of their own, so
that nobody is refused for what another did.

``OMNI_LOAD`` names a JSON file that says who there is, and at what rates they are at
work one after the other; ``OMNI_LOAD_ONLY`` one page, for a rate without a pause. Each
answer is a line of the file that ``OMNI_LOAD_LOG`` names.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import time
from pathlib import Path

import gevent
from locust import FastHttpUser, events, task
from locust.env import Environment

WORLD = json.loads(Path(os.environ["OMNI_LOAD"]).read_text())
ONLY = os.environ.get("OMNI_LOAD_ONLY")
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
CUSTOMERS = itertools.cycle(WORLD["customers"])
STAFF = itertools.cycle(WORLD["staff"])
ADDRESSES = (f"{number // 250}.{number % 250 + 1}" for number in itertools.count())
LOG = open(os.environ["OMNI_LOAD_LOG"], "w", buffering=1)
ROWS = {"name": {}, "partner_id": {"fields": {"display_name": {}}}, "amount_total": {}}


class Clock:
    """Who is there, since when all are, and how fast they are at work now."""

    arrived = 0
    start: float | None = None

    @classmethod
    def arrive(cls, environment: Environment) -> None:
        """Be there; when all are, it is counted, until all rates have had their time"""
        cls.arrived += 1
        if cls.arrived == WORLD["users"]:
            cls.start = time.time()
            environment.stats.reset_all()
            seconds = sum(seconds for seconds, _rate in WORLD["steps"])
            gevent.spawn_later(seconds, environment.runner.quit)

    @classmethod
    def rate(cls) -> float:
        """Give the requests a second of all together."""
        passed = time.time() - (cls.start or time.time())
        for seconds, rate in WORLD["steps"]:
            passed -= seconds
            if passed < 0:
                return rate
        return rate


@events.request.add_listener
def write_down(
    name: str, response_time: float, exception: object = None, **_kwargs: object
) -> None:
    """Write what a page took, in seconds since all were there, once they are."""
    if Clock.start:
        row = (time.time() - Clock.start, name, response_time, not exception)
        LOG.write(json.dumps(row) + "\n")


class Somebody(FastHttpUser):
    """Somebody with a browser, who is logged in."""

    abstract = True
    connection_timeout = network_timeout = 60

    def wait_time(self) -> float:
        """Wait as people do: not all as long, and nobody makes up for what was slow."""
        if ONLY:
            return 0
        return random.uniform(0.75, 1.25) * WORLD["users"] / Clock.rate()

    def __init__(self, environment: object) -> None:
        # All come from this machine; the proxy lets each have an address of their own.
        self.default_headers = {"X-Forwarded-For": f"10.{next(ADDRESSES)}.1"}
        super().__init__(environment)

    def log_in(self, login: str) -> None:
        """Log in by the form, at a time of one's own."""
        gevent.sleep(random.random() * 5)
        page = self.client.get("/web/login", name="log in").text
        form = {"login": login, "password": WORLD["password"], "csrf_token": ""}
        form["csrf_token"] = CSRF.search(page)[1]
        with self.client.post(
            "/web/login", data=form, name="log in", catch_response=True
        ) as answer:
            if 'name="password"' in (answer.text or ""):
                answer.failure(f"{login} is not let in")
        Clock.arrive(self.environment)

    def call(self, path: str, name: str, **params: object) -> object:
        """Post JSON, as the pages of customers and staff do."""
        payload = {"jsonrpc": "2.0", "method": "call", "params": params}
        with self.client.post(
            path, json=payload, name=name, catch_response=True
        ) as answer:
            body = answer.json() if answer.status_code == 200 else {}
            if "result" not in body:
                data = body.get("error", {}).get("data", {})
                answer.failure(str(data.get("message") or answer.status_code)[:200])
            return body.get("result")

    def call_kw(
        self, model: str, method: str, name: str, *args: object, **kwargs: object
    ) -> object:
        """Call a method of a model, as the web client does."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self.call(f"/web/dataset/call_kw/{model}/{method}", name, **params)


class Customer(Somebody):
    """A customer with a thousand invoices, in the portal."""

    weight = 9

    def on_start(self) -> None:
        """Log in as the next customer."""
        self.who = next(CUSTOMERS)
        self.unpaid = list(self.who["unpaid"])
        self.log_in(self.who["login"])

    def page(self, path: str, name: str) -> None:
        """Open a page; one that leads elsewhere is no answer."""
        with self.client.get(
            path, name=name, catch_response=True, allow_redirects=False
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}")

    @task(30 if not ONLY else 0)
    def overview(self) -> None:
        """Look at what is owed."""
        self.page("/my/billing", "overview")

    @task(30 if not ONLY else 0)
    def lists(self) -> None:
        """Look at the lists, page by page."""
        name = random.choice(("invoices", "transactions", "activity"))
        number = random.randint(1, 12) if name != "activity" else 1
        self.page(f"/my/billing/{name}/page/{number}", f"list of {name}")

    @task(20 if not ONLY else 0)
    def invoice(self) -> None:
        """Open one invoice."""
        self.page(f"/my/billing/invoices/{self.choose()}", "invoice")

    @task(8 if not ONLY else 0)
    def pdf(self) -> None:
        """Download one, of a few again and again or one that nobody printed yet."""
        self.page(f"/my/billing/invoices/{self.choose()}/pdf", "PDF")

    @task(2 if not ONLY else 0)
    def pay(self) -> None:
        """Pay one invoice by the saved card, as the page shows it."""
        if not self.unpaid:
            return
        number = self.unpaid.pop()
        self.page(f"/my/billing/invoices/{number}/pay", "page to pay")
        result = self.call(
            "/my/billing/pay/charge",
            "pay by card",
            ids=str(number),
            card_id=self.who["card"],
            amount=WORLD["amount"],
        )
        if result and result.get("state") not in ("done", "pending"):
            self.environment.events.request.fire(
                request_type="POST",
                name="pay by card",
                response_time=0,
                response_length=0,
                exception=AssertionError(f"not paid: {result}"),
            )

    @task(1 if ONLY else 0)
    def only(self) -> None:
        """Open the same page, without a pause."""
        self.page(ONLY, ONLY)

    def choose(self) -> int:
        """Choose one of the customer's invoices; some are looked at more than others"""
        invoices = self.who["invoices"]
        return random.choice(invoices[:20] if random.random() < 0.8 else invoices)


class Staff(Somebody):
    """Somebody of the billing department, in the web client."""

    weight = 0 if ONLY else 1

    def on_start(self) -> None:
        """Log in as the next of staff."""
        self.who = next(STAFF)
        self.to_pay = list(self.who["to_pay"])
        self.to_void = list(self.who["to_void"])
        self.log_in(self.who["login"])

    @task(40)
    def lists(self) -> None:
        """Look at a list and its cards."""
        model = random.choice(("omni.billing.transaction", "account.move"))
        domain = []
        if model == "account.move":
            domain = [["move_type", "in", ["out_invoice", "out_refund"]]]
        if random.random() < 0.5:
            customer = random.choice(WORLD["customers"])["partner"]
            domain = [*domain, ["commercial_partner_id", "=", customer]]
        self.call_kw(
            model,
            "web_search_read",
            f"staff: list of {model}",
            domain,
            ROWS,
            limit=80,
            count_limit=10001,
        )
        self.call_kw(model, "billing_retrieve_stats", "staff: cards", domain)

    @task(10)
    def todo(self) -> None:
        """Look at what waits for a person."""
        self.call_kw("omni.billing.todo", "search_count", "staff: To Do", [], limit=200)

    @task(10)
    def preview(self) -> None:
        """Look at what the next invoice would be."""
        partner = random.choice(WORLD["customers"])["partner"]
        self.call_kw(
            "omni.billing.proforma.wizard",
            "onchange",
            "staff: preview",
            [],
            {},
            [],
            {"partner_id": {}, "preview": {}, "blocker": {}},
            context={"default_partner_id": partner},
        )

    @task(3)
    def take_money(self) -> None:
        """Take the money for an invoice at the till."""
        if self.to_pay:
            values = {"invoice_ids": [[6, 0, [self.to_pay.pop()]]], "mode": "cash"}
            self.do("omni.billing.payment.wizard", values, "action_pay", "pay by hand")

    @task(2)
    def void(self) -> None:
        """Void an invoice that was wrong."""
        if self.to_void:
            values = {"invoice_ids": [[6, 0, [self.to_void.pop()]]], "reason": "Wrong"}
            self.do("omni.billing.void.wizard", values, "action_void", "void")

    def do(self, model: str, values: dict, button: str, name: str) -> None:
        """Fill in a dialog, and press its button."""
        made = self.call_kw(model, "create", f"staff: {name}", [values])
        if made:
            self.call_kw(model, button, f"staff: {name}", made)

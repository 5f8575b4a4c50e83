"""``StripeServer``: how a test starts, steers and reads the server.

It speaks HTTP only: nothing of the server, of localstripe or of the SDK is imported.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .signature import sign

#: From here Python finds this package, installed or not.
HOME = Path(__file__).resolve().parents[__package__.count(".") + 1]
SECRET_KEY = "sk_test_12345"
PUBLISHABLE_KEY = "pk_test_12345"
WEBHOOK_SECRET = "whsec_test"
# Long enough for a machine that has other things to do.
START_SECONDS = 120
STOP_SECONDS = 10
WAIT_SECONDS = 120


class StripeServerError(Exception):
    """A command that the server refuses, or a server that does not work."""


class Hold:
    """A request that waits on its way; a test may kill its client meanwhile."""

    def __init__(self, server: StripeServer, fault: int) -> None:
        self._server = server
        self._fault = fault

    def wait(self, timeout: float = WAIT_SECONDS) -> None:
        """Wait until a request is held."""
        if not self._server._command(
            "wait_until_held", fault=self._fault, timeout=timeout
        ):
            raise StripeServerError("No request came to be held.")

    def release(self) -> None:
        """Let the request go on, whether its client still listens or not."""
        self._server._command("release", fault=self._fault)


class StripeServer:
    """A Stripe in a process of its own, for as long as the context lasts.

    It ends with the process that started it, however that ends.
    """

    def __init__(
        self,
        port: int = 0,
        secret_key: str = SECRET_KEY,
        publishable_key: str = PUBLISHABLE_KEY,
        api_version: str = "",
        keep: Path | None = None,
    ) -> None:
        """Choose the port (0: a free one), the keys, and the account's API version.

        :param keep: a file in which the objects are kept from one run to the next.
        """
        self.secret_key = secret_key
        self.publishable_key = publishable_key
        self.url = ""
        self._port = port
        self._api_version = api_version
        self._keep = keep
        self._control = ""
        self._process: subprocess.Popen | None = None
        self._secrets: dict[str, str] = {}

    def __enter__(self) -> StripeServer:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    # === LIFE === #

    @classmethod
    def at(cls, url: str, control: str) -> StripeServer:
        """Steer a server that another process has started.

        :param control: as it told when it started; see :attr:`control_url`.
        """
        server = cls()
        server.url, server._control = url, control
        return server

    @property
    def control_url(self) -> str:
        """Where it takes commands."""
        return self._control

    def start(self) -> None:
        """Start the process, and wait for the line that says where it listens."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", __package__, "--port", str(self._port)),
                *("--secret-key", self.secret_key),
                *("--publishable-key", self.publishable_key),
                *("--api-version", self._api_version, "--until-stdin-closes"),
                *(("--keep", str(self._keep.resolve())) if self._keep else ()),
            ],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        output = self._process.stdout
        is_readable, _, _ = select.select([output], [], [], START_SECONDS)
        line = output.readline() if is_readable else b""
        if not line:
            self._end()
            raise StripeServerError("The test server does not start; see its errors.")
        where = json.loads(line)
        self.url, self._control = where["url"], where["control"]

    def stop(self) -> None:
        """End the process; complain if the server itself has crashed in between."""
        try:
            self.check()
        finally:
            self._end()

    def check(self) -> None:
        """Complain if the server made a mistake of its own."""
        if crashes := self._command("crashes"):
            raise StripeServerError("\n".join(crashes))

    def _end(self) -> None:
        process = self._process
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @property
    def js_url(self) -> str:
        """Where a page finds Stripe.js."""
        return f"{self.url}/js.stripe.com/v3/"

    def reset(self) -> None:
        """Empty the account; what is held or delayed will never be executed."""
        self._secrets.clear()
        self._command("reset")

    # === WHAT IS IN THE ACCOUNT === #

    def store(self) -> dict[str, list[dict]]:
        """Give all objects by kind, oldest first."""
        return self._command("store")

    def totals(self) -> dict[str, dict[str, int]]:
        """Sum the money by currency, in minor units.

        ``charged`` was taken from cards, ``refunded`` given back or on its way,
        ``disputed`` taken back by banks, and ``net`` is what is left.
        """
        store = self.store()
        sums: dict[str, dict[str, int]] = defaultdict(
            lambda: {"charged": 0, "refunded": 0, "disputed": 0, "net": 0}
        )
        for charge in store["charges"]:
            sums[charge["currency"]]["charged"] += charge["amount_captured"]
        for refund in store["refunds"]:
            if refund["status"] in ("succeeded", "pending"):
                sums[refund["currency"]]["refunded"] += refund["amount"]
        for dispute in store["disputes"]:
            if dispute["status"] != "won" and "warning" not in dispute["status"]:
                sums[dispute["currency"]]["disputed"] += dispute["amount"]
        for each in sums.values():
            each["net"] = each["charged"] - each["refunded"] - each["disputed"]
        return dict(sums)

    def requests(self, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """Give the requests that came, oldest first.

        Each has ``method``, ``path``, ``params``, ``idempotency_key``, ``version``,
        ``status`` (None if no answer was given) and ``replayed``.
        """
        return [
            entry
            for entry in self._command("requests")
            if entry["method"].startswith(method) and entry["path"].startswith(path)
        ]

    def wait_for_requests(
        self, method: str, path: str, count: int = 1, timeout: float = WAIT_SECONDS
    ) -> None:
        """Wait until so many requests have come."""
        wanted = {"method": method, "path": path, "count": count}
        if not self._command("wait_for_requests", **wanted, timeout=timeout):
            raise StripeServerError(f"Fewer than {count} requests: {method} {path}")

    def expire_keys(self) -> None:
        """Forget the idempotency keys, as Stripe may after 24 hours."""
        self._command("expire_keys")

    def be_at(self, moment: int | None) -> None:
        """Have what happens from now on happen at a moment, in seconds since 1970.

        None goes on with the machine's time, as at the start and after `reset`. What
        banks do until then has happened, each at its moment: debits are paid or not,
        refunds of them arrive.
        """
        self._command("be_at", moment=moment)

    # === FAULTS === #
    # Each is for the next `count` requests of a method to a path that begins so.

    def fail(
        self,
        status: int = 500,
        method: str = "POST",
        path: str = "/v1/",
        count: int = 1,
        executed: bool = False,
    ) -> None:
        """Answer 500 (kept for the key, as Stripe does) or 429 (never executed)."""
        self._fault("answer", method, path, count, executed, status=status)

    def drop(
        self,
        method: str = "POST",
        path: str = "/v1/",
        count: int = 1,
        executed: bool = False,
    ) -> None:
        """End the connection without an answer, before or after executing."""
        self._fault("drop", method, path, count, executed)

    def delay(
        self,
        seconds: float,
        method: str = "POST",
        path: str = "/v1/",
        count: int = 1,
        executed: bool = False,
    ) -> None:
        """Take long, before or after executing."""
        self._fault("delay", method, path, count, executed, seconds=seconds)

    def hold(
        self,
        method: str = "POST",
        path: str = "/v1/",
        count: int = 1,
        executed: bool = False,
    ) -> Hold:
        """Keep requests waiting, before or after executing, until released."""
        return Hold(self, self._fault("hold", method, path, count, executed))

    def clear_faults(self) -> None:
        """Lift all faults; what is held goes on."""
        self._command("clear_faults")

    def go_down(self) -> None:
        """Refuse connections; requests under way lose theirs."""
        self._command("go_down")

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self._command("come_back")

    @contextmanager
    def down(self) -> Iterator[None]:
        """Be down for a while."""
        self.go_down()
        try:
            yield
        finally:
            self.come_back()

    def _fault(
        self,
        kind: str,
        method: str,
        path: str,
        count: int,
        executed: bool,
        **more: Any,
    ) -> int:
        rule = {"kind": kind, "method": method, "path": path, "count": count}
        return self._command("add_fault", **rule, executed=executed, **more)

    # === BANKS AND CUSTOMERS === #

    def decline_next(self, reason: str = "generic_decline") -> None:
        """Have a bank decline the next payment, whatever the card."""
        self._command("next_payment", decline=reason)

    def process_next(self) -> None:
        """Have a bank leave the next payment in ``processing``."""
        self._command("next_payment", status="processing")

    def refund_next(self, status: str) -> None:
        """Have the next refund created as ``pending``, or ``failed`` at once."""
        self._command("next_refund", status=status)

    def settle(
        self, id: str, status: str = "succeeded", reason: str = "lost_or_stolen_card"
    ) -> dict:
        """End a payment that is processing, a pending refund, or bounce a good one.

        A payout is ``paid``, ``failed`` or ``canceled``. Of a debit that failed the
        reason is what its bank says: ``account_closed``, ``insufficient_funds`` (which
        it is of all else)...
        """
        return self._command("settle", id=id, status=status, reason=reason)

    def save_account(
        self, customer: str, type: str, number: str, **options: str
    ) -> dict:
        """Save a bank account with its mandate, as Stripe's own page does.

        :param options: of the mandate: ``payment_schedule``...
        :return: the SetupIntent, with ``payment_method`` and ``mandate``.
        """
        what = {"type": type, "number": number, "options": options}
        return self._command("save_account", customer=customer, **what)

    def finish_page(self, id: str, number: str, is_instant: bool = False) -> dict:
        """Save a bank account on Stripe's page (a Checkout Session), as its owner.

        :param is_instant: whether the owner logs in at the bank, so that no deposits
            are needed.
        """
        return self._command("finish_page", id=id, number=number, is_instant=is_instant)

    def verify_account(self, id: str) -> dict:
        """Have the owner log in at the bank instead of waiting for deposits."""
        return self._command("verify_account", id=id)

    def end_mandate(self, id: str) -> dict:
        """Have a bank, or the owner, end a mandate."""
        return self._command("end_mandate", id=id)

    def let_cancel(self, id: str) -> None:
        """Have a debit that is under way be one that can be called back."""
        self._command("let_cancel", id=id)

    def authenticate(self, id: str, success: bool = True) -> dict:
        """Answer the bank that asks who pays or saves a card."""
        return self._command("authenticate", id=id, success=success)

    def change_card(self, id: str, **changes: Any) -> dict:
        """Have the bank renew a card: exp_month, exp_year, last4."""
        return self._command("change_card", id=id, **changes)

    def card_becomes(self, id: str, number: str) -> None:
        """Have a saved card behave like another test card from now on."""
        self._command("card_becomes", id=id, number=number)

    def dispute(
        self,
        charge: str,
        amount: int | None = None,
        reason: str = "fraudulent",
        inquiry: bool = False,
    ) -> dict:
        """Have a customer dispute a charge, or the bank only ask about it."""
        values = {"amount": amount, "reason": reason, "inquiry": inquiry}
        return self._command("dispute", charge=charge, **values)

    def close_dispute(self, id: str, status: str) -> dict:
        """Have the bank decide: ``won`` or ``lost``.

        An inquiry is ``warning_closed``, or becomes a dispute (``needs_response``).
        """
        return self._command("close_dispute", id=id, status=status)

    # === THE BALANCE === #

    def take_fees(
        self,
        percent: str = "0",
        fixed: int = 0,
        tax: str = "0",
        dispute: int = 0,
        settled: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        """Have Stripe take fees of what is charged and disputed from now on.

        :param percent: of the charge, and ``fixed`` beside it, in minor units.
        :param tax: on both, in percent.
        :param dispute: what a dispute costs, in minor units.
        :param settled: by currency of charges, the currency of the balance and the
            rate: ``{"usd": ("eur", "0.92")}``.
        """
        self._command(
            "take_fees",
            **{"percent": percent, "fixed": fixed, "tax": tax, "dispute": dispute},
            settled=settled or {},
        )

    def pay_out(
        self, currency: str = "eur", automatic: bool = True, completed: bool = True
    ) -> dict:
        """Have Stripe pay out all that is in the balance.

        :param completed: whether what it is made of can be listed at once.
        """
        how = {"automatic": automatic, "completed": completed}
        return self._command("pay_out", currency=currency, **how)

    def reconcile_payout(self, id: str) -> dict:
        """Have Stripe know what a payout is made of."""
        return self._command("reconcile_payout", id=id)

    def move_balance(
        self, type: str, amount: int, currency: str = "eur", category: str = ""
    ) -> dict:
        """Have something else change the balance: an ``adjustment``, say."""
        what = {"type": type, "amount": amount, "category": category}
        return self._command("move_balance", currency=currency, **what)

    # === WEBHOOKS === #

    def add_webhook(
        self,
        url: str,
        secret: str = WEBHOOK_SECRET,
        events: list[str] | None = None,
        api_version: str | None = None,
    ) -> str:
        """Register an endpoint for some events or all; its version shapes them."""
        wanted = events or ["*"]
        endpoint = self._command(
            "add_webhook",
            **{"url": url, "secret": secret, "events": wanted},
            api_version=api_version,
        )
        self._secrets[endpoint] = secret
        return endpoint

    def hold_webhooks(self) -> None:
        """Only record events from now on; the test delivers them."""
        self._command("webhook_mode", mode="held", retry_delays=None)

    def send_webhooks(
        self,
        retry_delays: list[float] | None = None,
        delay: float = 0,
        is_first: bool = False,
    ) -> None:
        """Deliver each event as it happens, and again while the answer is not 2xx.

        :param delay: seconds from an event to its delivery.
        :param is_first: whether it is taken before the request is answered that made it
            happen.
        """
        mode = "first" if is_first else "automatic"
        self._command("webhook_mode", mode=mode, retry_delays=retry_delays, delay=delay)

    def events(self, type: str = "") -> list[dict]:
        """Give the events that happened, of one type or all, oldest first."""
        return [
            event for event in self._command("events") if type in ("", event["type"])
        ]

    def deliver(
        self,
        event: str,
        endpoint: str | None = None,
        secret: str | None = None,
        timestamp: int | None = None,
        signed: bool = True,
    ) -> list[dict]:
        """Post an event now, to one endpoint or all: again, late, or in any order.

        Another secret makes it a forgery, another timestamp a stale one.

        :return: a delivery for each endpoint, with the ``status`` of its answer
        """
        return self._command(
            "deliver",
            **{"event": event, "endpoint_id": endpoint, "secret": secret},
            timestamp=timestamp,
            is_signed=signed,
        )

    def build_delivery(
        self,
        event: str,
        endpoint: str,
        secret: str | None = None,
        timestamp: int | None = None,
    ) -> tuple[bytes, dict[str, str]]:
        """Give body and headers of a delivery, for a test that posts it by itself."""
        body = self._command("payload", event=event, endpoint=endpoint).encode()
        signature = sign(body, secret or self._secrets[endpoint], timestamp)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return body, {**headers, "Stripe-Signature": signature}

    def deliveries(self) -> list[dict]:
        """Give the attempts to deliver, oldest first."""
        return self._command("deliveries")

    def wait_for_deliveries(self, timeout: float = WAIT_SECONDS) -> None:
        """Wait until nothing is under way or waits to be tried again."""
        if not self._command("wait_for_deliveries", timeout=timeout):
            raise StripeServerError("Deliveries are still under way.")

    # === HELPERS === #

    def _command(self, name: str, **values: Any) -> Any:
        request = urllib.request.Request(
            f"{self._control}/_control/{name}",
            json.dumps(values).encode(),
            {"Content-Type": "application/json"},
        )
        # A proxy of the environment has no part in this.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=2 * WAIT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise StripeServerError(f"{name}: {error.read().decode()}") from error

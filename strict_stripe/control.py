"""The commands of a test: ``POST /_control/NAME`` with JSON in and out.

They are no part of Stripe. What each does is told in ``controller.py``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import cards, checkout, disputes, payment_intents, setup_intents
from .account import Account, Call
from .balance import BalanceTransaction, Payout, Rules, pay_out
from .charges import Charge
from .clock import clock
from .customers import Customer
from .disputes import Dispute, open_dispute
from .errors import StripeError
from .events import Event
from .mandates import Mandate
from .payment_intents import PaymentIntent
from .payment_methods import PaymentMethod, change_card
from .refunds import Refund
from .setup_intents import SetupIntent
from .webhooks import MODES, WebhookEndpoint, payload

if TYPE_CHECKING:
    from .server import Server

KINDS = {
    "customers": Customer,
    "payment_methods": PaymentMethod,
    "setup_intents": SetupIntent,
    "payment_intents": PaymentIntent,
    "mandates": Mandate,
    "charges": Charge,
    "refunds": Refund,
    "disputes": Dispute,
    "balance_transactions": BalanceTransaction,
    "payouts": Payout,
    "webhook_endpoints": WebhookEndpoint,
}
COMMANDS: dict[str, Callable] = {}


def command(function: Callable) -> Callable:
    """Register a method of ``Control`` under its name."""
    COMMANDS[function.__name__] = function
    return function


class Control:
    """What a test may do to the server."""

    def __init__(self, account: Account, server: Server) -> None:
        self._account = account
        self._server = server

    def add_routes(self, app: web.Application) -> None:
        """Take commands."""
        app.router.add_post("/_control/{name}", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in COMMANDS:
            return web.json_response({"error": f"No command {name}."}, status=404)
        try:
            result = COMMANDS[name](self, **await request.json())
            if inspect.isawaitable(result):
                result = await result
        except StripeError as error:
            return web.json_response({"error": error.message}, status=400)
        return web.json_response(result)

    @property
    def _call(self) -> Call:
        """What happens by itself, or at the bank, is no request of the merchant."""
        version = self._account.version
        return Call(self._account, version, {}, base_url=self._server.url)

    def _shown(self, found: Any) -> dict[str, Any]:
        return found.render(self._account.version)

    # What the account holds.

    @command
    def store(self) -> dict[str, list]:
        return {
            name: [self._shown(item) for item in reversed(self._account.all(kind))]
            for name, kind in KINDS.items()
        }

    @command
    def requests(self) -> list[dict]:
        return self._account.requests

    @command
    def crashes(self) -> list[str]:
        return self._account.crashes

    @command
    async def reset(self) -> None:
        self._account.reset()
        self._server.deliveries.reset()
        await self._server.come_back()

    @command
    def expire_keys(self) -> None:
        self._account.keys.clear()

    @command
    def be_at(self, moment: int | None) -> None:
        clock.be_at(moment)
        if moment is not None:
            payment_intents.go_on(self._account, self._call)

    # What goes wrong on the way.

    @command
    def add_fault(self, **rule: Any) -> int:
        return self._account.faults.add(**rule).id

    @command
    def clear_faults(self) -> None:
        self._account.faults.clear()

    @command
    async def wait_until_held(self, fault: int, timeout: float) -> bool:
        rule = self._account.faults.get(fault)
        return await self._account.changes.wait_until(lambda: rule.held > 0, timeout)

    @command
    def release(self, fault: int) -> None:
        self._account.faults.get(fault).released.set()

    @command
    async def wait_for_requests(
        self, method: str, path: str, count: int, timeout: float
    ) -> bool:
        def have_come() -> bool:
            return count <= sum(
                entry["method"] == method and entry["path"].startswith(path)
                for entry in self._account.requests
            )

        return await self._account.changes.wait_until(have_come, timeout)

    @command
    async def go_down(self) -> None:
        await self._server.go_down()

    @command
    async def come_back(self) -> None:
        await self._server.come_back()

    # What banks and customers do.

    @command
    def next_payment(self, **script: Any) -> None:
        decline = script.get("decline")
        if decline is not None and decline not in cards.DECLINES:
            raise StripeError(400, f"There is no decline {decline!r}.")
        self._account.next_payments.append(script)

    @command
    def next_refund(self, status: str) -> None:
        if status not in ("pending", "succeeded", "failed"):
            raise StripeError(400, f"A refund is not created as {status!r}.")
        self._account.next_refunds.append(status)

    @command
    def settle(self, id: str, status: str, reason: str) -> dict:
        if id.startswith(Refund.prefix):
            refund = self._account.find(Refund, id)
            refund._settle(self._call, status, reason)
            return self._shown(refund)
        if id.startswith(Payout.prefix):
            payout = self._account.find(Payout, id)
            payout._settle(self._call, status, reason)
            return self._shown(payout)
        intent = self._account.find(PaymentIntent, id)
        payment_intents.settle(self._call, intent, status, reason)
        return self._shown(intent)

    @command
    def save_account(
        self, customer: str, type: str, number: str, options: dict[str, str]
    ) -> dict:
        owner = self._account.find(Customer, customer)
        intent = setup_intents.save_account(self._call, owner, type, number, options)
        return self._shown(intent)

    @command
    def finish_page(self, id: str, number: str, is_instant: bool) -> dict:
        page = self._account.find(checkout.Session, id)
        checkout.finish(self._call, page, number, is_instant)
        return self._shown(page)

    @command
    def verify_account(self, id: str) -> dict:
        intent = self._account.find(SetupIntent, id)
        setup_intents.verify_at_once(self._call, intent)
        return self._shown(intent)

    @command
    def end_mandate(self, id: str) -> dict:
        mandate = self._account.find(Mandate, id)
        mandate._end(self._call)
        return self._shown(mandate)

    @command
    def let_cancel(self, id: str) -> None:
        self._account.find(PaymentIntent, id)._can_be_recalled = True

    @command
    def authenticate(self, id: str, success: bool) -> dict:
        intent = find_intent(self._account, id)
        try:
            authenticate(self._call, intent, success)
        except StripeError as error:
            # A bank may know its customer and decline yet: the intent tells.
            if error.status != 402:
                raise
        return self._shown(intent)

    @command
    def change_card(self, id: str, **changes: Any) -> dict:
        method = self._account.find(PaymentMethod, id)
        event = "payment_method.automatically_updated"
        change_card(self._call, method, event, changes)
        return self._shown(method)

    @command
    def card_becomes(self, id: str, number: str) -> None:
        if number not in cards.CARDS:
            raise StripeError(400, f"{number} is no test card.")
        self._account.find(PaymentMethod, id)._number = number

    @command
    def dispute(
        self, charge: str, amount: int | None, reason: str, inquiry: bool = False
    ) -> dict:
        found = self._account.find(Charge, charge)
        return self._shown(open_dispute(self._call, found, amount, reason, inquiry))

    @command
    def close_dispute(self, id: str, status: str) -> dict:
        found = self._account.find(disputes.Dispute, id)
        found._close(self._call, status)
        return self._shown(found)

    # The balance.

    @command
    def take_fees(self, **rules: Any) -> None:
        self._account.balance_rules = Rules(**rules)

    @command
    def pay_out(self, currency: str, automatic: bool, completed: bool) -> dict:
        return self._shown(pay_out(self._call, currency, automatic, completed))

    @command
    def reconcile_payout(self, id: str) -> dict:
        payout = self._account.find(Payout, id)
        payout._reconcile(self._call)
        return self._shown(payout)

    @command
    def move_balance(
        self, type: str, amount: int, currency: str, category: str = ""
    ) -> dict:
        call = self._call
        row = BalanceTransaction(call.account, type, None, amount, currency, category)
        return self._shown(row)

    # Webhooks.

    @command
    def add_webhook(
        self, url: str, secret: str, events: list[str], api_version: str | None
    ) -> str:
        return WebhookEndpoint(url, events, api_version, secret).id

    @command
    def webhook_mode(
        self, mode: str, retry_delays: list[float] | None, delay: float = 0
    ) -> None:
        if mode not in MODES:
            raise StripeError(400, f"There is no mode {mode!r}.")
        self._server.deliveries.mode = mode
        self._server.deliveries.delay = delay
        if retry_delays is not None:
            self._server.deliveries.retry_delays = retry_delays

    @command
    def events(self) -> list[dict]:
        return [self._shown(event) for event in reversed(self._account.all(Event))]

    @command
    def deliveries(self) -> list[dict]:
        return [asdict(delivery) for delivery in self._server.deliveries.log]

    @command
    async def deliver(self, event: str, **how: Any) -> list[dict]:
        found = self._account.find(Event, event)
        return await self._server.deliveries.deliver(found, **how)

    @command
    def payload(self, event: str, endpoint: str) -> str:
        found = self._account.find(Event, event)
        receiver = self._account.find(WebhookEndpoint, endpoint)
        return payload(found, receiver).decode()

    @command
    async def wait_for_deliveries(self, timeout: float) -> bool:
        deliveries = self._server.deliveries
        return await self._account.changes.wait_until(
            lambda: deliveries.are_idle, timeout
        )


def find_intent(account: Account, id: str) -> PaymentIntent | SetupIntent:
    """Find an intent of either kind."""
    is_setup = id.startswith(SetupIntent.prefix)
    return account.find(SetupIntent if is_setup else PaymentIntent, id)


def authenticate(
    call: Call, intent: PaymentIntent | SetupIntent, success: bool
) -> None:
    """Give the customer's answer to the bank."""
    kind = setup_intents if isinstance(intent, SetupIntent) else payment_intents
    kind.authenticate(call, intent, success)

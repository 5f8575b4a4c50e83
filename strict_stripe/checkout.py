"""Checkout in setup mode: Stripe's own page, on which an owner saves a bank account.

Sources: Stripe's pages "The Session object" and "Create a Session" of the API
reference, "Save details for future payments" of each kind of bank debit (the page shows
the mandate; an account is verified there at once, or by deposits afterwards), and
``checkout.session.completed`` and ``checkout.session.expired`` of "Types of events".
"""

from __future__ import annotations

from html import escape
from typing import Any

from aiohttp import web

from . import banks
from .account import Account, Call, endpoint
from .clock import clock
from .confirmation import ALLOWED, BANK_MANDATES, VERIFICATION, check_account_holder
from .customers import Customer, find_customer
from .errors import RefusedError, StripeError
from .mandates import check_options
from .parameters import (
    Required,
    address,
    choice,
    currency,
    hash_of,
    identifier,
    metadata,
    string,
    text_of,
)
from .payment_methods import PaymentMethod
from .resources import Resource, Version
from .setup_intents import DAY, SetupIntent, save, wait_for_deposits

OPTIONS = hash_of(
    acss_debit=hash_of(
        currency=choice("cad", "usd"),
        mandate_options=BANK_MANDATES["acss_debit"],
        verification_method=VERIFICATION,
    ),
    bacs_debit=hash_of(mandate_options=BANK_MANDATES["bacs_debit"]),
    sepa_debit=hash_of(mandate_options=BANK_MANDATES["sepa_debit"]),
    us_bank_account=hash_of(verification_method=choice("automatic", "instant")),
)
# How an account may be verified on the page, by what was asked for; any by default.
WAYS = {"instant": ("instant",), "microdeposits": ("deposits",)}
BUTTONS = {"deposits": "Save", "instant": "Log in at my bank and save"}
PAGE = """<!DOCTYPE html>
<title>Save a bank account</title>
<link rel="icon" href="data:,">
<h1>Save a bank account ({kind})</h1>
<p>{problem}</p>
<form method="post" action="/checkout/{id}">
<label>Name <input name="name" value="Ada Lovelace"></label>
<label>E-mail <input name="email" value="ada@example.com"></label>
<label>Account <input name="number" value="{number}"></label>
<p>By saving it I allow the seller to debit this account (mandate).</p>
{buttons}
</form>
<a href="{back}">Back</a>
"""


class Session(Resource):
    """One visit of the page."""

    object = "checkout.session"
    noun = "checkout.session"
    prefix = "cs_test_"
    expandable = frozenset({"customer", "setup_intent"})

    def __init__(self, call: Call, intent: SetupIntent) -> None:
        super().__init__()
        params = call.params
        self.allowed_payment_method_types = params.get("allowed_payment_method_types")
        self.cancel_url = params.get("cancel_url")
        self.currency = params.get("currency")
        self.customer = intent.customer
        self.expires_at = self.created + DAY
        self.locale = params.get("locale")
        self.metadata = params.get("metadata", {})
        self.mode = "setup"
        self.payment_method_types = intent.payment_method_types
        self.payment_status = "no_payment_required"
        self.setup_intent = intent
        self.status = "open"
        self.success_url = params["success_url"]
        self.url = f"{call.base_url}/checkout/{self.id}"

    @property
    def _due(self) -> int:
        """When it is over."""
        return self.expires_at

    @property
    def _ways(self) -> tuple[str, ...]:
        """How its account may be verified."""
        [kind] = self.payment_method_types
        options = self.setup_intent.payment_method_options.get(kind, {})
        return WAYS.get(options.get("verification_method"), tuple(BUTTONS))

    def _expire(self, call: Call) -> None:
        self.status = "expired"
        call.emit("checkout.session.expired", self)

    def fields(self, version: Version) -> dict[str, Any]:
        """Show that nobody came in time, and no address of a page that is over."""
        shown = super().fields(version)
        if self.status == "open" and clock.now() >= self.expires_at:
            shown["status"] = "expired"
        if shown["status"] != "open":
            shown["url"] = None
        return shown


@endpoint(
    "POST",
    "/v1/checkout/sessions",
    **ALLOWED,
    cancel_url=address,
    currency=currency,
    customer=Required(identifier),
    locale=string,
    metadata=metadata,
    mode=Required(choice("setup")),
    payment_method_options=OPTIONS,
    setup_intent_data=hash_of(description=text_of(1000), metadata=metadata),
    success_url=Required(address),
)
def create_session(call: Call) -> Session:
    customer = find_customer(call.account, call.params["customer"], "customer")
    options = call.params.get("payment_method_options", {})
    allowed = call.params.get("allowed_payment_method_types") or []
    if len(allowed) != 1 or allowed[0] not in banks.SCHEMES:
        raise RefusedError(400, "This server has a page for one kind of debit.")
    [kind] = allowed
    scheme = banks.SCHEMES[kind]
    if call.params.get("currency") not in scheme.currencies:
        raise RefusedError(
            400,
            "No valid payment method types for this Checkout Session. Please ensure "
            "that you have activated payment methods compatible with your chosen "
            "currency in your dashboard.",
        )
    if kind == "acss_debit" and "currency" not in options.get(kind, {}):
        param = "payment_method_options[acss_debit][currency]"
        raise RefusedError(
            400,
            f"Missing required param: {param}.",
            code="parameter_missing",
            param=param,
        )
    check_options(kind, options.get(kind, {}).get("mandate_options", {}))
    given = call.params.get("setup_intent_data", {})
    return Session(call, _new_intent(call, customer, kind, options, given))


def _new_intent(
    call: Call, customer: Customer, kind: str, options: dict, given: dict
) -> SetupIntent:
    made = Call(call.account, call.version, dict(given), base_url=call.base_url)
    intent = SetupIntent(made)
    intent._is_of_page = True
    intent.customer = customer
    intent.payment_method_types = [kind]
    intent.payment_method_options = options
    made.emit("setup_intent.created", intent)
    return intent


@endpoint("GET", "/v1/checkout/sessions/{id}")
def retrieve_session(call: Call) -> Session:
    return call.find(Session)


def finish(
    call: Call,
    session: Session,
    number: str,
    is_instant: bool,
    name: str = "Ada Lovelace",
    email: str = "ada@example.com",
) -> None:
    """Save what its owner typed on the page, who took the mandate by that."""
    if session.fields(call.version)["status"] != "open":
        raise StripeError(400, "This page is over.")
    intent = session.setup_intent
    kind = intent.payment_method_types[0]
    verifies = banks.SCHEMES[kind].verifies
    if verifies and ("instant" if is_instant else "deposits") not in session._ways:
        raise StripeError(400, "The seller asked for another way to verify accounts.")
    method = PaymentMethod(
        {
            "type": kind,
            kind: banks.typed_as(kind, number),
            "billing_details": {"name": name, "email": email},
        }
    )
    check_account_holder(method)
    intent.payment_method = method
    intent._accepted = {"type": "online"}
    session.status = "complete"
    if verifies and not is_instant:
        wait_for_deposits(call, intent)
    else:
        save(call, intent)
    call.emit("checkout.session.completed", session)


class CheckoutPages:
    """The page itself."""

    def __init__(self, account: Account, server: Any) -> None:
        self._account = account
        self._server = server

    def add_routes(self, app: web.Application) -> None:
        """Serve it, and take what was typed."""
        app.router.add_get("/checkout/{id}", self._show)
        app.router.add_post("/checkout/{id}", self._take)

    async def _show(self, request: web.Request, problem: str = "") -> web.Response:
        session = self._account.find(Session, request.match_info["id"])
        kind = session.payment_method_types[0]
        page = PAGE.format(
            id=escape(session.id),
            kind=escape(kind),
            number=next(iter(banks.ACCOUNTS[kind])),
            back=escape(session.cancel_url or ""),
            problem=escape(problem),
            buttons="\n".join(
                f'<button name="verify" value="{way}">{BUTTONS[way]}</button>'
                for way in session._ways
            ),
        )
        return web.Response(text=page, content_type="text/html")

    async def _take(self, request: web.Request) -> web.Response:
        session = self._account.find(Session, request.match_info["id"])
        form = await request.post()
        call = Call(self._account, self._account.version, {}, base_url=self._server.url)
        try:
            finish(
                call,
                session,
                form["number"],
                form["verify"] == "instant",
                form["name"],
                form["email"],
            )
        except StripeError as error:
            return await self._show(request, error.message)
        raise web.HTTPSeeOther(session.success_url)

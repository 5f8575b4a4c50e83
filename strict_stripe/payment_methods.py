"""Payment methods: cards, saved by a customer or used once, and bank accounts.

Sources: Stripe's pages "PaymentMethods" of the API reference, and "Testing" for what
can be attached. What lets a bank account be debited is a mandate.
"""

from __future__ import annotations

from typing import Any

from . import banks, cards
from .account import Call, endpoint
from .customers import Customer, find_customer
from .errors import RefusedError, StripeError, missing
from .parameters import (
    ADDRESS,
    LIST,
    Required,
    choice,
    email,
    hash_of,
    identifier,
    integer,
    merged,
    metadata,
    string,
)
from .resources import Listing, Resource

BILLING = hash_of(address=ADDRESS, email=email, name=string, phone=string)
REDISPLAY = choice("always", "limited", "unspecified")
CARD = hash_of(number=string, exp_month=integer, exp_year=integer, cvc=string)
BANKS = {
    "acss_debit": hash_of(
        account_number=string, institution_number=string, transit_number=string
    ),
    "bacs_debit": hash_of(account_number=string, sort_code=string),
    "sepa_debit": hash_of(iban=string),
    "us_bank_account": hash_of(
        account_holder_type=choice("company", "individual"),
        account_number=string,
        account_type=choice("checking", "savings"),
        routing_number=string,
    ),
}
KINDS = choice("card", *BANKS)
TYPED = {
    "type": Required(KINDS),
    "card": CARD,
    **BANKS,
    "billing_details": BILLING,
    "metadata": metadata,
    "allow_redisplay": REDISPLAY,
}
TYPED_IN_INTENT = hash_of(
    type=KINDS,
    card=CARD,
    **BANKS,
    billing_details=BILLING,
    metadata=metadata,
    allow_redisplay=REDISPLAY,
)


class PaymentMethod(Resource):
    """A card, or a bank account."""

    object = "payment_method"
    noun = "PaymentMethod"
    prefix = "pm_"
    expandable = frozenset({"customer"})

    def __init__(self, typed: dict[str, Any]) -> None:
        kind = typed.get("type", "card")
        if kind in banks.SCHEMES:
            number, details = banks.read(kind, typed.get(kind, {}))
        else:
            number, details = cards.read(typed.get("card", {}))
        super().__init__()
        self.allow_redisplay = typed.get("allow_redisplay", "unspecified")
        self.billing_details = _billing(typed.get("billing_details", {}))
        setattr(self, kind, details)
        self.customer: Customer | None = None
        self.metadata = merged({}, typed.get("metadata"))
        self.type = kind
        self._number = number
        # Authenticated once, so that its owner need not be there the next time.
        self._is_set_up = False
        # Used without a customer, or detached from one: never to be used again.
        self._is_spent = False

    @property
    def _is_debit(self) -> bool:
        """Tell whether it is a bank account, which is debited in days."""
        return self.type in banks.SCHEMES

    @property
    def _details(self) -> dict[str, Any]:
        return getattr(self, self.type)

    @property
    def _behaviour(self) -> cards.Card:
        return cards.CARDS[self._number]

    @property
    def _bank(self) -> banks.Account:
        return banks.ACCOUNTS[self.type][self._number]

    def _needs_authentication(self, off_session: bool) -> bool:
        """Tell whether the bank asks who pays. Source: "Testing", 3D Secure."""
        if self._is_debit:
            return False
        asks = self._behaviour.authentication
        return (
            asks == cards.ALWAYS
            or (asks == cards.UNLESS_SET_UP and not self._is_set_up)
            or (asks == cards.ON_SESSION and not off_session)
        )


def _billing(given: dict[str, Any]) -> dict[str, Any]:
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    address = {name: given.get("address", {}).get(name) or None for name in names}
    return {
        "address": address,
        "email": given.get("email") or None,
        "name": given.get("name") or None,
        "phone": given.get("phone") or None,
    }


def usable_method(
    call: Call, identifier: str, param: str = "payment_method"
) -> PaymentMethod:
    """Find a card by its id, or make one by the name of a test card."""
    if identifier in cards.NAMED:
        return PaymentMethod({"card": cards.named(identifier)})
    if identifier in banks.NAMED:
        kind = "acss_debit"
        typed = banks.typed_as(kind, banks.NAMED[identifier])
        owner = {"name": "Ada", "email": "ada@example.com"}
        return PaymentMethod({"type": kind, kind: typed, "billing_details": owner})
    method = call.account.find(PaymentMethod, identifier, param)
    if method._is_spent:
        raise StripeError(
            400,
            "The provided PaymentMethod was previously used with a PaymentIntent "
            "without Customer attachment, shared with a connected account without "
            "Customer attachment, or was detached from a Customer. It may not be used "
            "again. To use a PaymentMethod multiple times, you must attach it to a "
            "Customer first.",
        )
    return method


def check_owner(
    method: PaymentMethod, customer: Customer, param: str = "payment_method"
) -> None:
    """Refuse a card that is not the customer's."""
    if method.customer is not customer:
        raise StripeError(
            400,
            f"The customer does not have a payment method with the ID {method.id}. The "
            "payment method must be attached to the customer.",
            code="resource_missing",
            param=param,
        )


def attach(call: Call, method: PaymentMethod, customer: Customer) -> None:
    """Save a card for a customer; the bank is asked."""
    if method.customer:
        raise StripeError(
            400,
            "The payment method you provided has already been attached to a customer.",
        )
    behaviour = None if method._is_debit else method._behaviour
    if behaviour and behaviour.decline and not behaviour.can_be_saved:
        raise StripeError(
            402,
            behaviour.decline.message,
            type="card_error",
            code=behaviour.decline.code,
            decline_code=behaviour.decline.decline_code,
        )
    method.customer = customer
    call.emit("payment_method.attached", method)


def detach(call: Call, method: PaymentMethod) -> None:
    """Part a card from its customer, for good; the mandates of an account end."""
    from .mandates import Mandate

    for mandate in call.account.all(Mandate, payment_method=method):
        mandate._end(call)
    customer = method.customer
    method.customer = None
    method._is_spent = True
    if customer.invoice_settings["default_payment_method"] is method:
        customer.invoice_settings["default_payment_method"] = None
    call.emit("payment_method.detached", method, {"customer": customer.id})


@endpoint("POST", "/v1/payment_methods", publishable=True, **TYPED)
def create_payment_method(call: Call) -> PaymentMethod:
    kind = call.params["type"]
    if kind not in call.params:
        raise RefusedError(
            400,
            f"Missing required param: {kind}.",
            code="parameter_missing",
            param=kind,
        )
    return PaymentMethod(call.params)


@endpoint("GET", "/v1/payment_methods/{id}")
def retrieve_payment_method(call: Call) -> PaymentMethod:
    return call.find(PaymentMethod)


@endpoint(
    "POST",
    "/v1/payment_methods/{id}",
    allow_redisplay=REDISPLAY,
    billing_details=BILLING,
    card=hash_of(exp_month=integer, exp_year=integer),
    metadata=metadata,
)
def update_payment_method(call: Call) -> PaymentMethod:
    method = call.find(PaymentMethod)
    if not method.customer:
        raise StripeError(
            400,
            "You must save this PaymentMethod to a customer before you can update it.",
        )
    if "card" in call.params or not method._is_debit:
        change_card(call, method, "payment_method.updated", call.params.get("card", {}))
    if "billing_details" in call.params:
        method.billing_details = _billing(call.params["billing_details"])
    call.update(method, "allow_redisplay")
    return method


def change_card(
    call: Call, method: PaymentMethod, event: str, changes: dict[str, Any]
) -> None:
    """Change what is printed on a card, by hand or by the bank's updater."""
    if method._is_debit:
        raise StripeError(400, "This PaymentMethod is no card.", param="card")
    before = {name: method.card[name] for name in changes}
    method.card.update(changes)
    call.emit(event, method, {"card": before} if before else {})


@endpoint("POST", "/v1/payment_methods/{id}/attach", customer=Required(identifier))
def attach_payment_method(call: Call) -> PaymentMethod:
    method = usable_method(call, call.id, "id")
    customer = find_customer(call.account, call.params["customer"], "customer")
    if method._is_debit:
        raise StripeError(
            400,
            f"A PaymentMethod of type {method.type} is attached by a SetupIntent, with "
            "the mandate of its owner.",
            code="payment_method_unexpected_state",
        )
    attach(call, method, customer)
    return method


@endpoint("POST", "/v1/payment_methods/{id}/detach")
def detach_payment_method(call: Call) -> PaymentMethod:
    method = call.find(PaymentMethod)
    if not method.customer:
        raise StripeError(
            400,
            "The payment method you provided is not attached to a customer so "
            "detachment is impossible.",
        )
    detach(call, method)
    return method


@endpoint(
    "GET",
    "/v1/payment_methods",
    **LIST,
    customer=identifier,
    type=KINDS,
    allow_redisplay=REDISPLAY,
)
def list_payment_methods(call: Call) -> Listing:
    if "customer" not in call.params:
        return call.page([])
    customer = find_customer(call.account, call.params["customer"], "customer")
    return _page_of(call, customer)


@endpoint(
    "GET",
    "/v1/customers/{id}/payment_methods",
    **LIST,
    type=KINDS,
    allow_redisplay=REDISPLAY,
)
def list_customers_methods(call: Call) -> Listing:
    return _page_of(call, find_customer(call.account, call.id))


def _page_of(call: Call, customer: Customer) -> Listing:
    wanted = {
        name: call.params[name]
        for name in ("allow_redisplay", "type")
        if name in call.params
    }
    return call.page(call.account.all(PaymentMethod, customer=customer, **wanted))


@endpoint("GET", "/v1/customers/{id}/payment_methods/{method}")
def retrieve_customers_method(call: Call) -> PaymentMethod:
    customer = find_customer(call.account, call.id)
    method = call.account.find(PaymentMethod, call.ids["method"])
    if method.customer is not customer:
        raise missing(PaymentMethod.noun, method.id)
    return method

"""Charges: attempts to take money, good or bad.

Source: Stripe's page "Charges" of the API reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import Call, endpoint
from .balance import BalanceTransaction
from .cards import Decline
from .customers import Customer
from .parameters import CREATED, LIST, email, identifier, metadata, string
from .resources import Listing, Resource, Version

if TYPE_CHECKING:
    from .mandates import Mandate
    from .payment_intents import PaymentIntent
    from .payment_methods import PaymentMethod

RECENT_REFUNDS = 10


class Charge(Resource):
    """One attempt at an intent."""

    object = "charge"
    noun = "charge"
    prefix = "ch_"
    expandable = frozenset({"balance_transaction", "customer", "payment_intent"})
    on_request = frozenset({"refunds"})

    def __init__(
        self, call: Call, intent: PaymentIntent, method: PaymentMethod
    ) -> None:
        super().__init__()
        self.amount = intent.amount
        self.amount_captured = 0
        self.amount_refunded = 0
        self.balance_transaction: BalanceTransaction | None = None
        self.billing_details = dict(method.billing_details)
        self.captured = False
        self.currency = intent.currency
        self.customer: Customer | None = intent.customer
        self.description = intent.description
        self.disputed = False
        self.failure_balance_transaction = None
        self.failure_code: str | None = None
        self.failure_message: str | None = None
        self.fraud_details: dict[str, str] = {}
        self.metadata = dict(intent.metadata)
        self.outcome: dict[str, Any] | None = None
        self.payment_intent = intent
        # Charges name their card by its id, and cannot expand it.
        self.payment_method = method.id
        self.payment_method_details = _details(method)
        self.receipt_email = intent.receipt_email
        self.receipt_number = None
        self.receipt_url = None
        self.shipping = intent.shipping
        self.statement_descriptor = intent.statement_descriptor
        self.status = "pending"
        self._account = call.account
        # Of a debit: when its bank answers, and the mandate that it is made under.
        self._due: int | None = None
        self._mandate: Mandate | None = None

    def fields(self, version: Version) -> dict[str, Any]:
        """Show refunds as a list in versions before 2022-11-15."""
        shown = super().fields(version)
        shown["paid"] = self.status == "succeeded"
        shown["refunded"] = self.status == "succeeded" and not self._left
        if version.lists_charges:
            shown["refunds"] = self._refunds()
        return shown

    @property
    def _left(self) -> int:
        """What could still be given back."""
        return self.amount - self.amount_refunded

    def _refunds(self) -> Listing:
        from .refunds import Refund

        found = self._account.all(Refund, charge=self)
        url = f"/v1/charges/{self.id}/refunds"
        return Listing(url, found[:RECENT_REFUNDS], len(found) > RECENT_REFUNDS)

    def _succeed(self, call: Call, captured: bool) -> None:
        self.status = "succeeded"
        self.outcome = _outcome("approved_by_network", "authorized")
        call.emit("charge.succeeded", self)
        if captured:
            self._capture(self.amount)

    def _capture(self, amount: int) -> None:
        """Take the money; what was authorized beyond it is released."""
        self.captured = True
        self.amount_captured = amount
        self.amount_refunded = self.amount - amount
        is_card = self.payment_method_details["type"] == "card"
        # Source: "Balance transaction types": other methods are payments.
        self.balance_transaction = BalanceTransaction(
            self._account,
            "charge" if is_card else "payment",
            self,
            amount,
            self.currency,
            "charge",
        )

    def _fail(self, call: Call, decline: Decline) -> None:
        self.status = "failed"
        self.failure_code = decline.code
        self.failure_message = decline.message
        self.outcome = {
            **_outcome("declined_by_network", "issuer_declined"),
            "reason": decline.decline_code or decline.code,
        }
        call.emit("charge.failed", self)


def _outcome(network: str, type: str) -> dict[str, Any]:
    return {
        "network_status": network,
        "reason": None,
        "risk_level": "normal",
        "type": type,
    }


def _details(method: PaymentMethod) -> dict[str, Any]:
    if method._is_debit:
        shown = {
            name: value
            for name, value in method._details.items()
            if name not in ("generated_from", "networks", "status_details")
            and not name.startswith("financial")
        }
        return {
            "type": method.type,
            method.type: {**shown, "expected_debit_date": None, "mandate": None},
        }
    names = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")
    card = {name: method.card[name] for name in (*names, "funding", "last4", "wallet")}
    card.update(mandate=None, network=card["brand"], three_d_secure=None)
    return {"type": "card", "card": card}


@endpoint("GET", "/v1/charges/{id}")
def retrieve_charge(call: Call) -> Charge:
    return call.find(Charge)


@endpoint(
    "POST",
    "/v1/charges/{id}",
    description=string,
    metadata=metadata,
    receipt_email=email,
)
def update_charge(call: Call) -> Charge:
    charge = call.find(Charge)
    call.update(charge, "description", "receipt_email")
    call.emit("charge.updated", charge)
    return charge


@endpoint(
    "GET",
    "/v1/charges",
    **LIST,
    created=CREATED,
    customer=identifier,
    payment_intent=identifier,
)
def list_charges(call: Call) -> Listing:
    from .payment_intents import PaymentIntent

    return call.list_of(Charge, customer=Customer, payment_intent=PaymentIntent)

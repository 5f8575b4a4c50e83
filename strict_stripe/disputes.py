"""Disputes: a customer asks the bank for the money back.

Sources: Stripe's pages "Disputes" of the API reference, and "How disputes work": the
money leaves the balance when the dispute opens, and returns if it is won.
"""

from __future__ import annotations

from .account import Call, endpoint
from .charges import BalanceTransaction, Charge
from .errors import StripeError
from .parameters import CREATED, LIST, identifier
from .payment_intents import PaymentIntent
from .resources import Listing, Resource, Whole

OPEN = "needs_response"
WON = "won"
LOST = "lost"


class Dispute(Resource):
    """A charge in doubt."""

    object = "dispute"
    noun = "dispute"
    prefix = "dp_"
    expandable = frozenset({"charge", "payment_intent"})

    def __init__(self, charge: Charge, amount: int, reason: str) -> None:
        super().__init__()
        self.amount = amount
        self.balance_transactions = [
            Whole(BalanceTransaction("dispute", self, -amount, charge.currency))
        ]
        self.charge = charge
        self.currency = charge.currency
        self.evidence_details = {"has_evidence": False, "submission_count": 0}
        self.is_charge_refundable = False
        self.metadata: dict[str, str] = {}
        self.payment_intent = charge.payment_intent
        self.reason = reason
        self.status = OPEN

    def _close(self, call: Call, status: str) -> None:
        if self.status != OPEN:
            raise StripeError(400, "This dispute is already closed")
        if status not in (WON, LOST):
            raise StripeError(400, "A dispute is won or lost.")
        self.status = status
        call.emit("charge.dispute.closed", self)
        if status == WON:
            back = BalanceTransaction(
                "dispute_reversal", self, self.amount, self.currency
            )
            self.balance_transactions.append(Whole(back))
            call.emit("charge.dispute.funds_reinstated", self)


def open_dispute(
    call: Call, charge: Charge, amount: int | None, reason: str
) -> Dispute:
    """Let a bank take a charge back."""
    if not charge.captured or charge.disputed:
        raise StripeError(400, f"Charge {charge.id} cannot be disputed.")
    charge.disputed = True
    dispute = Dispute(charge, amount or charge._left, reason)
    call.emit("charge.dispute.created", dispute)
    call.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


@endpoint("GET", "/v1/disputes/{id}")
def retrieve_dispute(call: Call) -> Dispute:
    return call.find(Dispute)


@endpoint("POST", "/v1/disputes/{id}/close")
def close_dispute(call: Call) -> Dispute:
    dispute = call.find(Dispute)
    dispute._close(call, LOST)
    return dispute


@endpoint(
    "GET",
    "/v1/disputes",
    **LIST,
    created=CREATED,
    charge=identifier,
    payment_intent=identifier,
)
def list_disputes(call: Call) -> Listing:
    return call.list_of(Dispute, charge=Charge, payment_intent=PaymentIntent)

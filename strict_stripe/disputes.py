"""Disputes: a customer asks the bank for the money back.

Sources: Stripe's pages "Disputes" of the API reference, and "How disputes work": the
money leaves the balance when the dispute opens, with a fee, and returns if it is won.
An inquiry moves nothing, unless it becomes a dispute. A bank that takes a debit back
has decided: it opens and closes together ("Disputed payments" of each kind of debit).
"""

from __future__ import annotations

from . import banks
from .account import Call, endpoint
from .balance import BalanceTransaction
from .charges import Charge
from .errors import StripeError
from .parameters import CREATED, LIST, identifier
from .payment_intents import PaymentIntent, end_after
from .resources import Listing, Resource, Whole

OPEN = "needs_response"
WON = "won"
LOST = "lost"
#: A bank asks before it takes anything.
INQUIRY = "warning_needs_response"
INQUIRY_CLOSED = "warning_closed"


class Dispute(Resource):
    """A charge in doubt."""

    object = "dispute"
    noun = "dispute"
    prefix = "dp_"
    expandable = frozenset({"charge", "payment_intent"})

    def __init__(
        self, charge: Charge, amount: int, reason: str, status: str = OPEN
    ) -> None:
        super().__init__()
        self.amount = amount
        # An inquiry moves nothing.
        self.balance_transactions = []
        self.charge = charge
        self.currency = charge.currency
        self.evidence_details = {"has_evidence": False, "submission_count": 0}
        self.is_charge_refundable = status == INQUIRY
        self.metadata: dict[str, str] = {}
        self.payment_intent = charge.payment_intent
        self.reason = reason
        self.status = status

    def _move(self, call: Call, amount: int, category: str) -> None:
        row = BalanceTransaction(
            call.account, "adjustment", self, amount, self.currency, category
        )
        self.balance_transactions.append(Whole(row))
        self.charge.disputed = True
        self.is_charge_refundable = False

    def _withdraw(self, call: Call) -> None:
        """Take the money, and the fee, out of the balance."""
        self._move(call, -self.amount, "dispute")
        call.emit("charge.dispute.funds_withdrawn", self)

    def _close(self, call: Call, status: str) -> None:
        # A bank may come back to what the merchant has lost.
        ends = {INQUIRY: (INQUIRY_CLOSED, OPEN), OPEN: (WON, LOST), LOST: (WON,)}.get(
            self.status
        )
        if not ends or self.status == status:
            raise StripeError(400, "This dispute is already closed")
        if status not in ends:
            raise StripeError(400, f"It ends as {' or '.join(ends)}.")
        self.status = status
        if status == OPEN:
            # The bank goes on with what it only asked about.
            self._withdraw(call)
            call.emit("charge.dispute.updated", self)
            return
        call.emit("charge.dispute.closed", self)
        if status == WON:
            self._move(call, self.amount, "dispute_reversal")
            call.emit("charge.dispute.funds_reinstated", self)


def open_dispute(
    call: Call, charge: Charge, amount: int | None, reason: str, inquiry: bool = False
) -> Dispute:
    """Let a bank take a charge back, or only ask about it."""
    if not charge.captured or charge.disputed:
        raise StripeError(400, f"Charge {charge.id} cannot be disputed.")
    is_debit = charge.payment_method_details["type"] in banks.SCHEMES
    if is_debit and reason not in banks.DISPUTES:
        raise StripeError(400, f"A debit is not disputed as {reason!r}.")
    status = INQUIRY if inquiry else OPEN
    dispute = Dispute(charge, amount or charge._left, reason, status)
    if not inquiry:
        dispute._move(call, -dispute.amount, "dispute")
    call.emit("charge.dispute.created", dispute)
    if not inquiry:
        call.emit("charge.dispute.funds_withdrawn", dispute)
    if is_debit and not inquiry:
        dispute._close(call, LOST)
        end_after(call, charge, reason)
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

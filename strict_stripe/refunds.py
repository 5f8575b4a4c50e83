"""Refunds.

Sources: Stripe's pages "Refunds" of the API reference, "Refund and cancel payments"
(refunds that fail later), and error code ``charge_already_refunded``.
"""

from __future__ import annotations

from . import banks
from .account import Call, endpoint
from .balance import BalanceTransaction
from .charges import Charge
from .clock import clock
from .currencies import step_of
from .errors import RefusedError, StripeError
from .parameters import (
    CREATED,
    LIST,
    choice,
    email,
    identifier,
    integer_from,
    merged,
    metadata,
)
from .payment_intents import PaymentIntent
from .resources import Listing, Resource

PENDING = "pending"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELED = "canceled"


class Refund(Resource):
    """Money on its way back."""

    object = "refund"
    noun = "refund"
    prefix = "re_"
    tells_mode = False
    expandable = frozenset({"balance_transaction", "charge", "payment_intent"})

    def __init__(self, charge: Charge, amount: int, status: str) -> None:
        super().__init__()
        kind = charge.payment_method_details["type"]
        self.amount = amount
        self.balance_transaction: BalanceTransaction | None = None
        self.charge = charge
        self.currency = charge.currency
        self.destination_details = {"type": kind}
        self.metadata: dict[str, str] = {}
        self.payment_intent = charge.payment_intent
        self.reason: str | None = None
        self.receipt_number = None
        self.status = status
        # When the money of a debit has arrived.
        self._due: int | None = None
        if charge.status == PENDING:
            # Source: "Refunds" of each kind of debit: it waits for its charge.
            self.pending_reason = "charge_pending"
        else:
            self._send(kind if kind in banks.SCHEMES else "")

    def _send(self, kind: str) -> None:
        """Take the money off the balance; to a bank account it takes days."""
        self.balance_transaction = BalanceTransaction(
            self.charge._account, "refund", self, -self.amount, self.currency
        )
        if kind:
            self.pending_reason = "processing"
            day = banks.sent_on(kind, clock.now())
            self._due = banks.told_on(banks.add_days(day, banks.REFUND_DAYS))

    def _go_on(self, call: Call) -> None:
        """Follow the charge that it waited for."""
        if self.charge.status == SUCCEEDED:
            self._send(self.charge.payment_method_details["type"])
            call.emit("refund.updated", self)
        else:
            self._settle(call, CANCELED, "")

    def _settle(self, call: Call, status: str, reason: str) -> None:
        """Let a bank accept or send back a refund; one that succeeded may fail yet."""
        is_bounced = self.status == SUCCEEDED and status == FAILED
        if self.status != PENDING and not is_bounced:
            raise StripeError(400, f"The refund is {self.status} already.")
        self.status = status
        self._due = None
        self.pending_reason = None
        if status in (FAILED, CANCELED):
            if reason:
                self.failure_reason = reason
            # The money is the merchant's again, and can be refunded again.
            self.charge.amount_refunded -= self.amount
        if status in (FAILED, CANCELED) and self.balance_transaction:
            self.failure_balance_transaction = BalanceTransaction(
                call.account, "refund_failure", self, self.amount, self.currency
            )
        call.emit("refund.updated", self)
        call.emit("charge.refund.updated", self)
        if status == FAILED:
            call.emit("refund.failed", self)


@endpoint(
    "POST",
    "/v1/refunds",
    amount=integer_from(1),
    charge=identifier,
    instructions_email=email,
    metadata=metadata,
    payment_intent=identifier,
    reason=choice("duplicate", "fraudulent", "requested_by_customer"),
)
def create_refund(call: Call) -> Refund:
    charge = _charge_to_refund(call)
    if charge.disputed:
        raise StripeError(
            400,
            f"Charge {charge.id} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if charge._left <= 0:
        raise StripeError(
            400,
            f"Charge {charge.id} has already been refunded.",
            code="charge_already_refunded",
        )
    amount = call.params.get("amount", charge._left)
    if amount > charge._left:
        raise StripeError(
            400,
            f"Refund amount ({_money(charge, amount)}) is greater than unrefunded "
            f"amount on charge ({_money(charge, charge._left)})",
            param="amount",
        )
    if amount % (step := step_of(charge.currency)):
        raise StripeError(
            400,
            f"Invalid amount: {amount} must be a multiple of {step}"
            f" in {charge.currency}",
            param="amount",
        )
    scripted = call.account.next_refunds
    kind = charge.payment_method_details["type"]
    if kind in banks.SCHEMES:
        _check_debit(charge, amount, kind)
    usual = PENDING if kind in banks.SCHEMES else SUCCEEDED
    refund = Refund(charge, amount, scripted.popleft() if scripted else usual)
    refund.metadata = merged({}, call.params.get("metadata"))
    refund.reason = call.params.get("reason")
    charge.amount_refunded += amount
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge)
    if refund.status == FAILED:
        # Some banks refuse at once: created as pending, failed before the answer.
        refund.status = PENDING
        refund._settle(call, FAILED, "expired_or_canceled_card")
    return refund


def _check_debit(charge: Charge, amount: int, kind: str) -> None:
    """Refuse what the bank would not send back."""
    if clock.now() > charge.created + banks.REFUNDABLE_DAYS * 24 * 60 * 60:
        raise StripeError(
            400,
            f"Charge {charge.id} is more than {banks.REFUNDABLE_DAYS} days old: it can "
            "no longer be refunded.",
        )
    if amount != charge.amount and not banks.SCHEMES[kind].refunds_parts:
        raise StripeError(
            400, f"A {kind} payment is refunded as a whole.", param="amount"
        )


def _charge_to_refund(call: Call) -> Charge:
    if ("charge" in call.params) == ("payment_intent" in call.params):
        raise RefusedError(
            400,
            "One of the following params should be provided for this request: "
            "payment_intent or charge.",
        )
    charge = call.find_param(Charge, "charge")
    if intent := call.find_param(PaymentIntent, "payment_intent"):
        charge = intent.latest_charge
    waits = charge is not None and charge._due is not None
    if charge is None or not (
        waits or (charge.status == "succeeded" and charge.captured)
    ):
        name = charge.id if "charge" in call.params else call.params["payment_intent"]
        raise StripeError(
            400, f"This payment ({name}) does not have a successful charge to refund."
        )
    return charge


def _money(charge: Charge, amount: int) -> str:
    return f"{amount / 100:.2f} {charge.currency.upper()}"


@endpoint("GET", "/v1/refunds/{id}")
def retrieve_refund(call: Call) -> Refund:
    return call.find(Refund)


@endpoint("POST", "/v1/refunds/{id}", metadata=metadata)
def update_refund(call: Call) -> Refund:
    refund = call.find(Refund)
    call.update(refund)
    call.emit("refund.updated", refund)
    call.emit("charge.refund.updated", refund)
    return refund


@endpoint(
    "GET",
    "/v1/refunds",
    **LIST,
    created=CREATED,
    charge=identifier,
    payment_intent=identifier,
)
def list_refunds(call: Call) -> Listing:
    return call.list_of(Refund, charge=Charge, payment_intent=PaymentIntent)

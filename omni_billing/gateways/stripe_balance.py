"""What Stripe's balance is made of, typed: payouts, movements, disputes.

As in `stripe_answers`: no SDK is needed, and amounts are integers in the currency's
minor unit. Of a movement ``amount`` is what it comes to before fees, ``fee`` is
positive where Stripe takes one, and ``net`` is what the balance changes by
(https://docs.stripe.com/api/balance_transactions/object).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal

from .stripe_answers import DATABASE, REFERENCE

#: What may be a payment of ours, and where its amount stands.
AMOUNTS = {"charge": "amount_captured", "dispute": "amount", "refund": "amount"}


@dataclass(frozen=True)
class Payout:
    """Money on its way to the bank; ``status`` is Stripe's word. Times are in UTC."""

    id: str
    amount: int
    currency: str
    status: str
    created: datetime
    arrival: datetime
    is_automatic: bool
    #: Whether what it is made of can be asked for.
    is_complete: bool
    failure: str = ""
    #: What the bank shows, if it is known.
    trace: str = ""
    #: The payout that it takes back from the bank: then its amount is negative.
    original: str = ""


@dataclass(frozen=True)
class Movement:
    """A change of the balance, and what it is of."""

    id: str
    type: str
    category: str
    amount: int
    fee: int
    #: How much of the fee is tax.
    tax: int
    net: int
    currency: str
    #: How much of this currency one of the source's is; none if it is the same.
    rate: Decimal | None
    created: datetime
    #: What it is of: its kind, id and amount in its own currency.
    kind: str = ""
    source: str = ""
    source_amount: int = 0
    source_currency: str = ""
    intent: str = ""
    #: Of what billing made: the attempt, and the database that it is of.
    reference: str = ""
    database: str = ""


@dataclass(frozen=True)
class Dispute:
    """What a bank wants back; ``amount`` is in the currency of the charge."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str
    intent: str
    charge: str
    created: datetime
    movements: tuple[Movement, ...] = ()


def read_payout(payout) -> Payout:
    trace = getattr(payout, "trace_id", None)
    return Payout(
        id=payout.id,
        amount=payout.amount,
        currency=payout.currency,
        status=payout.status,
        created=_read_time(payout.created),
        arrival=_read_time(payout.arrival_date),
        is_automatic=bool(payout.automatic),
        is_complete=payout.reconciliation_status == "completed",
        failure=payout.failure_message or payout.failure_code or "",
        trace=getattr(trace, "value", None) or payout.statement_descriptor or "",
        original=_read_id(getattr(payout, "original_payout", None)),
    )


def read_movement(row) -> Movement:
    details = row.fee_details or []
    return Movement(
        id=row.id,
        type=row.type,
        category=row.reporting_category,
        amount=row.amount,
        fee=row.fee,
        tax=sum(detail.amount for detail in details if detail.type == "tax"),
        net=row.net,
        currency=row.currency,
        # As Stripe wrote it, and not what a float makes of it.
        rate=Decimal(str(row.exchange_rate)) if row.exchange_rate else None,
        created=_read_time(row.created),
        **_read_source(row.source),
    )


def _read_source(source) -> dict:
    """Read what a movement is of: an id, or the object itself."""
    if source is None or isinstance(source, str):
        return {"source": source or ""}
    found = {"kind": source.object, "source": source.id}
    if source.object not in AMOUNTS:
        return found
    metadata = source.metadata.to_dict() if source.metadata else {}
    return found | {
        "source_amount": getattr(source, AMOUNTS[source.object]),
        "source_currency": source.currency,
        "intent": _read_id(source.payment_intent),
        "reference": metadata.get(REFERENCE, ""),
        "database": metadata.get(DATABASE, ""),
    }


def read_dispute(dispute) -> Dispute:
    return Dispute(
        id=dispute.id,
        status=dispute.status,
        reason=dispute.reason or "",
        amount=dispute.amount,
        currency=dispute.currency,
        intent=_read_id(dispute.payment_intent),
        charge=_read_id(dispute.charge),
        created=_read_time(dispute.created),
        movements=tuple(read_movement(row) for row in dispute.balance_transactions),
    )


def _read_id(found) -> str:
    return getattr(found, "id", found) or ""


def _read_time(seconds: int) -> datetime:
    """Return a time as Odoo keeps it: in UTC, without saying so."""
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)

"""The balance: each movement of money, Stripe's fees, and what is paid out.

Sources: Stripe's pages "Balance transactions" and "Payouts" of the API reference,
"Balance transaction types", and "Payout reconciliation": what an automatic payout is
made of can be listed once its reconciliation is completed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .account import Account, Call, endpoint
from .currencies import unit_of
from .errors import StripeError
from .parameters import CREATED, LIST, choice, currency, identifier, string
from .resources import Listing, Resource, Version

PENDING = "pending"
IN_TRANSIT = "in_transit"
PAID = "paid"
FAILED = "failed"
CANCELED = "canceled"
IN_PROGRESS = "in_progress"
COMPLETED = "completed"
NOT_APPLICABLE = "not_applicable"
DAY = 24 * 60 * 60


@dataclass
class Rules:
    """What Stripe takes, and in which currency it keeps what was paid; nothing first.

    Fees are in minor units of the currency of the balance.
    """

    #: Of a charge: percent, a fixed amount, and the tax on both in percent.
    percent: str = "0"
    fixed: int = 0
    tax: str = "0"
    dispute: int = 0
    #: By the currency of charges: the one of the balance, and how much of it they are.
    settled: dict[str, tuple[str, str]] = field(default_factory=dict)

    def fees_of(self, amount: int, currency: str) -> list[tuple[str, int]]:
        """Compute the fees of a charge, by their type."""
        unit = unit_of(currency)
        fee = _round(Decimal(amount) * Decimal(self.percent) / 100, unit) + self.fixed
        tax = _round(Decimal(fee) * Decimal(self.tax) / 100, unit)
        return [(type, each) for type, each in (("stripe_fee", fee), ("tax", tax))]


def _round(amount: Decimal, unit: int = 1) -> int:
    return int((amount / unit).quantize(Decimal(1), ROUND_HALF_UP)) * unit


class BalanceTransaction(Resource):
    """A movement of money; what a charge costs is its fee."""

    object = "balance_transaction"
    noun = "balance transaction"
    prefix = "txn_"
    tells_mode = False
    expandable = frozenset({"source"})

    def __init__(
        self,
        account: Account,
        type: str,
        source: Resource | None,
        amount: int,
        currency: str,
        category: str = "",
    ) -> None:
        super().__init__()
        rules = account.balance_rules
        settled, rate = rules.settled.get(currency, (currency, None))
        self.amount = _round(amount * Decimal(rate)) if rate else amount
        self.available_on = self.created
        self.balance_type = "payments"
        self.currency = settled
        self.description = None
        self.exchange_rate = float(rate) if rate else None
        self.fee_details: list[dict] = []
        if type in ("charge", "payment"):
            self._take(rules.fees_of(self.amount, self.currency))
        elif category == "dispute":
            self._take([("stripe_fee", rules.dispute)])
        self.reporting_category = category or type
        self.source = source
        self.status = "available"
        self.type = type
        self._payout: Payout | None = None

    def _take(self, fees: list[tuple[str, int]]) -> None:
        names = {"stripe_fee": "Stripe processing fees", "tax": "VAT"}
        self.fee_details = [
            {
                "amount": amount,
                "application": None,
                "currency": self.currency,
                "description": names[type],
                "type": type,
            }
            for type, amount in fees
            if amount
        ]

    @property
    def _fee(self) -> int:
        return sum(detail["amount"] for detail in self.fee_details)

    def fields(self, version: Version) -> dict[str, Any]:
        """Show the fee, and what is left."""
        fees = {"fee": self._fee, "net": self.amount - self._fee}
        return {**super().fields(version), **fees}


class Payout(Resource):
    """Money on its way to the merchant's bank."""

    object = "payout"
    noun = "payout"
    prefix = "po_"
    expandable = frozenset(
        {
            "balance_transaction",
            "destination",
            "failure_balance_transaction",
            "original_payout",
            "reversed_by",
        }
    )

    def __init__(
        self, account: Account, amount: int, currency: str, automatic: bool
    ) -> None:
        super().__init__()
        self.amount = amount
        self.application_fee = None
        self.application_fee_amount = None
        self.arrival_date = self.created - self.created % DAY + 2 * DAY
        self.automatic = automatic
        self.balance_transaction = BalanceTransaction(
            account, "payout", self, -amount, currency
        )
        self.currency = currency
        self.description = "STRIPE PAYOUT" if automatic else None
        self.destination = "ba_1"
        self.failure_balance_transaction: BalanceTransaction | None = None
        self.failure_code: str | None = None
        self.failure_message: str | None = None
        self.metadata: dict[str, str] = {}
        self.method = "standard"
        self.original_payout: Payout | None = None
        self.reconciliation_status = IN_PROGRESS if automatic else NOT_APPLICABLE
        self.reversed_by: Payout | None = None
        self.source_type = "card"
        self.statement_descriptor = None
        self.status = IN_TRANSIT
        self.trace_id = {"status": "pending", "value": None}
        self.type = "bank_account"
        self._account = account

    def _reconcile(self, call: Call) -> None:
        """Have Stripe know what it is made of."""
        if self.reconciliation_status != IN_PROGRESS:
            raise StripeError(400, f"It is {self.reconciliation_status}.")
        self.reconciliation_status = COMPLETED
        call.emit("payout.reconciliation_completed", self)

    def _settle(self, call: Call, status: str, reason: str) -> None:
        """Let the bank take it, or send it back, also some days after it was paid."""
        allowed = {IN_TRANSIT: (PAID, FAILED, CANCELED), PAID: (FAILED,)}
        if status not in allowed.get(self.status, ()):
            raise StripeError(400, f"The payout is {self.status} already.")
        self.status = status
        if status in (FAILED, CANCELED):
            type = "payout_failure" if status == FAILED else "payout_cancel"
            self.failure_balance_transaction = BalanceTransaction(
                self._account, type, self, self.amount, self.currency
            )
        if status == FAILED:
            self.failure_code = reason
            self.failure_message = "The bank did not take it."
        call.emit(f"payout.{status}", self)

    def _reverse(self, call: Call) -> Payout:
        """Take it from the bank again: that is another payout, and a negative one."""
        if self.status != PAID or self.reversed_by or self.original_payout:
            raise StripeError(400, f"Payout {self.id} cannot be reversed.")
        back = Payout(self._account, -self.amount, self.currency, automatic=False)
        back.original_payout = self
        self.reversed_by = back
        call.emit("payout.updated", self)
        call.emit("payout.created", back)
        return back


def pay_out(call: Call, currency: str, automatic: bool, completed: bool) -> Payout:
    """Pay out all that is in the balance of a currency."""
    rows = [
        row
        for row in call.account.all(BalanceTransaction, currency=currency)
        # What a reversed one gave back is in the balance again.
        if row._payout is None and (row.type != "payout" or row.amount > 0)
    ]
    amount = sum(row.amount - row._fee for row in rows)
    if amount <= 0:
        raise StripeError(400, f"There is nothing to pay out: {amount} {currency}.")
    payout = Payout(call.account, amount, currency, automatic)
    for row in (*rows, payout.balance_transaction):
        row._payout = payout
    call.emit("payout.created", payout)
    if automatic and completed:
        payout._reconcile(call)
    return payout


@endpoint("GET", "/v1/payouts/{id}")
def retrieve_payout(call: Call) -> Payout:
    return call.find(Payout)


@endpoint("POST", "/v1/payouts/{id}/reverse")
def reverse_payout(call: Call) -> Payout:
    """Source: "Reverse a payout"."""
    return call.find(Payout)._reverse(call)


@endpoint(
    "GET",
    "/v1/payouts",
    **LIST,
    arrival_date=CREATED,
    created=CREATED,
    destination=identifier,
    status=choice(PENDING, IN_TRANSIT, PAID, FAILED, CANCELED),
)
def list_payouts(call: Call) -> Listing:
    if "arrival_date" in call.params or "destination" in call.params:
        raise NotImplementedError("No test asks for these.")
    wanted = {name: call.params[name] for name in ("status",) if name in call.params}
    return call.page(call.account.all(Payout, **wanted))


@endpoint("GET", "/v1/balance_transactions/{id}")
def retrieve_balance_transaction(call: Call) -> BalanceTransaction:
    return call.find(BalanceTransaction)


@endpoint(
    "GET",
    "/v1/balance_transactions",
    **LIST,
    created=CREATED,
    currency=currency,
    payout=identifier,
    source=identifier,
    type=string,
)
def list_balance_transactions(call: Call) -> Listing:
    rows = call.account.all(BalanceTransaction)
    for name in ("currency", "type"):
        if name in call.params:
            wanted = call.params[name]
            rows = [row for row in rows if getattr(row, name) == wanted]
    if "source" in call.params:
        source = call.params["source"]
        rows = [row for row in rows if row.source and row.source.id == source]
    if payout := call.find_param(Payout, "payout"):
        _check_listable(payout)
        rows = [row for row in rows if row._payout is payout]
    return call.page(rows)


def _check_listable(payout: Payout) -> None:
    """Source: "Payout reconciliation", and error code of the same name."""
    if not payout.automatic:
        raise StripeError(
            400,
            "Balance transaction history can only be filtered on automatic transfers, "
            "not manual.",
            param="payout",
        )
    if payout.reconciliation_status != COMPLETED:
        raise StripeError(
            400,
            f"The reconciliation of payout {payout.id} is not completed yet.",
            code="payout_reconciliation_not_ready",
            param="payout",
        )

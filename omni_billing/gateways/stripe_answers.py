"""What Stripe answers, typed. No SDK is needed here, so models may import it.

Amounts are integers in the currency's minor unit, as Stripe has them. The functions
read the SDK's objects by the names of their properties.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..exceptions import GatewayRefused

#: Statuses in which nothing is to be confirmed any more, or not yet.
DECIDED = ("succeeded", "canceled", "processing", "requires_capture")

#: Of three decimals Stripe takes two (https://docs.stripe.com/currencies#three-decimal),
#: and none of those that had cents once (https://docs.stripe.com/currencies#special-cases).
STEPS = {
    **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 10),
    **dict.fromkeys(("isk", "ugx"), 100),
}

#: Of the metadata: the attempt, and the database that it is of.
REFERENCE = "odoo_reference"
DATABASE = "odoo_database"


@dataclass(frozen=True)
class Card:
    """A saved card; ``id`` is the PaymentMethod's.

    What is saved may be a bank account (``type`` says which kind): then it has the
    last digits only, no brand and no expiry.
    """

    id: str
    customer: str | None
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str
    type: str = "card"

    @property
    def is_card(self) -> bool:
        """Whether it can be charged as a card."""
        return self.type == "card"


@dataclass(frozen=True)
class Decline:
    """Why a bank said no: Stripe's code, the bank's, and Stripe's English sentence."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True)
class Mandate:
    """That an owner lets a bank account be debited; ``status`` is Stripe's word."""

    id: str
    status: str
    #: What the owner sees on the bank's statement; empty where a scheme has none.
    reference: str


@dataclass(frozen=True)
class SavedAccount:
    """What became of a bank account that its owner saves: a SetupIntent.

    ``status`` is Stripe's word, or ``expired`` of a page that nobody finished.
    ``deposits`` says how the account is verified, ``amounts`` or ``descriptor_code``,
    if Stripe waits for that; ``deposits_at`` is when they arrive, in seconds of UTC.
    """

    id: str
    status: str
    customer: str = ""
    #: The PaymentMethod, and what kind of debit it is.
    method: str = ""
    kind: str = ""
    last4: str = ""
    fingerprint: str = ""
    mandate: str = ""
    deposits: str = ""
    deposits_at: int = 0
    #: Whose metadata it has, and whether it is a real account.
    reference: str = ""
    database: str = ""
    is_live: bool | None = None


@dataclass(frozen=True)
class Charge:
    """A PaymentIntent as it stands; ``status`` is Stripe's word."""

    id: str
    status: str
    amount: int
    currency: str
    client_secret: str
    reference: str
    decline: Decline | None
    customer: str | None = None
    #: Whose metadata it has, none if it was not made by billing.
    database: str = ""
    #: Whether it is real money.
    is_live: bool | None = None
    #: When a bank debits the account, as far as Stripe knows: a day as YYYY-MM-DD.
    debit_date: str = ""

    @property
    def is_paid(self) -> bool:
        """Whether the money was taken."""
        return self.status == "succeeded"

    @property
    def is_under_way(self) -> bool:
        """Whether the bank has not decided yet."""
        return self.status == "processing"

    @property
    def is_authorized(self) -> bool:
        """Whether the bank holds the amount until somebody captures it."""
        return self.status == "requires_capture"

    @property
    def needs_customer(self) -> bool:
        """Whether the customer has to confirm it first (SCA)."""
        if self.status in DECIDED:
            # Why an earlier try failed is told for ever, even once it is given up.
            return False
        code = self.decline.code if self.decline else ""
        return self.status in ("requires_action", "requires_confirmation") or (
            code == "authentication_required"
        )


@dataclass(frozen=True)
class Refund:
    """A Refund as it stands; ``status`` is Stripe's word."""

    id: str
    status: str
    amount: int
    currency: str
    reference: str
    charge: str
    failure: str


def round_down(amount: int, currency: str) -> int:
    """Return the largest amount that can be charged, or refunded, of this one."""
    return amount - amount % STEPS.get(currency.lower(), 1)


def read_card(method) -> Card:
    customer = method.customer
    # A method has its details under the name of its type; a wallet may have none.
    details = getattr(method, method.type, None)
    return Card(
        id=method.id,
        customer=getattr(customer, "id", customer),
        brand=getattr(details, "brand", None) or "",
        last4=getattr(details, "last4", None) or "",
        exp_month=getattr(details, "exp_month", None) or 0,
        exp_year=getattr(details, "exp_year", None) or 0,
        fingerprint=getattr(details, "fingerprint", None) or "",
        type=method.type,
    )


def read_charge(intent) -> Charge:
    error = intent.last_payment_error
    metadata = intent.metadata.to_dict() if intent.metadata else {}
    # What is captured by hand may be less than what was asked for.
    is_paid = intent.status == "succeeded"
    customer = intent.customer
    return Charge(
        id=intent.id,
        status=intent.status,
        amount=intent.amount_received if is_paid else intent.amount,
        currency=intent.currency,
        client_secret=intent.client_secret or "",
        # What Odoo's own form makes has a description only.
        reference=metadata.get(REFERENCE) or intent.description or "",
        customer=getattr(customer, "id", customer),
        database=metadata.get(DATABASE, ""),
        is_live=intent.livemode,
        debit_date=_read_debit_date(intent),
        decline=error
        and Decline(
            code=getattr(error, "code", None) or "",
            decline_code=getattr(error, "decline_code", None) or "",
            message=getattr(error, "message", None) or "",
        ),
    )


def _read_debit_date(intent) -> str:
    """Read it from the charge, if that came with the PaymentIntent as a whole."""
    details = getattr(intent.latest_charge, "payment_method_details", None)
    if not details or details.type == "card":
        return ""
    account = getattr(details, details.type, None)
    return getattr(account, "expected_debit_date", None) or ""


def read_mandate(mandate) -> Mandate:
    details = mandate.payment_method_details
    account = getattr(details, details.type, None)
    reference = getattr(account, "reference", None) or ""
    return Mandate(id=mandate.id, status=mandate.status, reference=reference)


def read_account(intent, is_expired: bool = False) -> SavedAccount:
    """Read a SetupIntent that came with its method; there is none before one began."""
    if not intent:
        return SavedAccount("", "expired" if is_expired else "open")
    method = intent.payment_method
    details = getattr(method, method.type, None) if method else None
    action = intent.next_action
    waits = getattr(action, "verify_with_microdeposits", None) if action else None
    metadata = intent.metadata.to_dict() if intent.metadata else {}
    is_over = is_expired and intent.status == "requires_payment_method"
    return SavedAccount(
        id=intent.id,
        status="expired" if is_over else intent.status,
        customer=getattr(intent.customer, "id", intent.customer) or "",
        method=getattr(method, "id", "") or "",
        kind=getattr(method, "type", "") or "",
        last4=getattr(details, "last4", None) or "",
        fingerprint=getattr(details, "fingerprint", None) or "",
        mandate=getattr(intent.mandate, "id", intent.mandate) or "",
        deposits=waits.microdeposit_type if waits else "",
        deposits_at=waits.arrival_date if waits else 0,
        reference=metadata.get(REFERENCE, ""),
        database=metadata.get(DATABASE, ""),
        is_live=intent.livemode,
    )


def read_decline(error) -> Charge:
    """Read the PaymentIntent that comes with a decline."""
    details = error.error
    intent = details.payment_intent
    decline = Decline(
        code=error.code or "",
        decline_code=getattr(details, "decline_code", None) or "",
        message=error.user_message or "",
    )
    if not intent:
        raise GatewayRefused(decline.code, decline.message) from error
    metadata = intent["metadata"] or {}
    customer = intent["customer"]
    return Charge(
        id=intent["id"],
        status=intent["status"],
        amount=intent["amount"],
        currency=intent["currency"],
        client_secret=intent["client_secret"] or "",
        reference=metadata[REFERENCE] if REFERENCE in metadata else "",
        customer=getattr(customer, "id", customer),
        database=metadata[DATABASE] if DATABASE in metadata else "",
        is_live=intent["livemode"],
        decline=decline,
    )


def read_refund(refund) -> Refund:
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    intent = refund.payment_intent
    return Refund(
        id=refund.id,
        status=refund.status or "pending",
        amount=refund.amount,
        currency=refund.currency,
        reference=metadata.get(REFERENCE, ""),
        charge=getattr(intent, "id", intent) or "",
        failure=getattr(refund, "failure_reason", None) or "",
    )

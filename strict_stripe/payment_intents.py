"""Payment intents: one payment, with all attempts at it.

Sources: Stripe's pages "PaymentIntents" of the API reference, "How PaymentIntents work"
(the statuses), "Save a card and charge it later" (``off_session``), "Place a hold".
"""

from __future__ import annotations

from typing import Any

from . import banks, cards
from .account import Account, Call, endpoint
from .charges import Charge
from .clock import clock
from .confirmation import (
    ALLOWED,
    AUTOMATIC,
    BANK_MANDATES,
    FAILED_AUTHENTICATION,
    MANDATE_DATA,
    MANDATE_OPTIONS,
    THREE_D_SECURE,
    TYPES,
    VERIFICATION,
    Intent,
    card_error,
    check_account_holder,
    check_client_secret,
    last_error,
)
from .currencies import step_of
from .customers import Customer
from .errors import RefusedError, StripeError
from .mandates import Mandate, check_acceptance, check_options, mandate_to_use
from .parameters import (
    CREATED,
    LIST,
    SHIPPING,
    Required,
    boolean,
    choice,
    currency,
    either,
    email,
    hash_of,
    identifier,
    integer_from,
    merged,
    metadata,
    string,
    text_of,
)
from .payment_methods import TYPED_IN_INTENT, PaymentMethod, attach
from .resources import Listing, Resource, Version, Whole

USAGE = choice("off_session", "on_session")
OPTIONS = hash_of(
    card=hash_of(
        capture_method=choice("manual"),
        mandate_options=hash_of(**MANDATE_OPTIONS),
        request_three_d_secure=THREE_D_SECURE,
        setup_future_usage=USAGE,
    ),
    **{
        kind: hash_of(
            mandate_options=options,
            setup_future_usage=choice("none", "off_session", "on_session"),
            target_date=string,
            **({"verification_method": VERIFICATION} if verifies else {}),
            **(
                {"transaction_purpose": choice("goods", "other", "services")}
                if kind == "us_bank_account"
                else {}
            ),
        )
        for kind, options in BANK_MANDATES.items()
        for verifies in [banks.SCHEMES[kind].verifies]
    },
)
MAX_AMOUNT = 99999999
# The least that can be charged. Source: "Supported currencies", minimum amounts.
MINIMUM = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500,
    "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50,
    "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
    "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
# What a browser sees. Source: "The PaymentIntent object", "retrievable with
# publishable key".
PUBLIC = (
    *("id", "object", "amount", "automatic_payment_methods", "canceled_at"),
    *("cancellation_reason", "capture_method", "client_secret", "confirmation_method"),
    *("created", "currency", "description", "last_payment_error", "livemode"),
    *("next_action", "payment_method", "payment_method_types", "processing"),
    *("receipt_email", "setup_future_usage", "shipping", "status"),
)
FIELDS = {
    "description": text_of(1000),
    "mandate_data": MANDATE_DATA,
    "metadata": metadata,
    "payment_method": identifier,
    "payment_method_data": TYPED_IN_INTENT,
    "payment_method_options": OPTIONS,
    "receipt_email": email,
    "setup_future_usage": USAGE,
    "shipping": SHIPPING,
    "statement_descriptor": text_of(22),
    "statement_descriptor_suffix": text_of(22),
}
CONFIRM = {
    "error_on_requires_action": boolean,
    "mandate": string,
    "off_session": either(boolean, choice("one_off", "recurring")),
    "return_url": string,
    "use_stripe_sdk": boolean,
}
SECRET_ONLY = ("error_on_requires_action", "off_session")
CANCELABLE = (
    *("requires_payment_method", "requires_capture", "requires_confirmation"),
    *("requires_action", "processing"),
)


class PaymentIntent(Intent):
    """One payment."""

    object = "payment_intent"
    noun = "payment_intent"
    prefix = "pi_"
    expandable = frozenset({"customer", "latest_charge", "payment_method"})
    public = PUBLIC

    def __init__(self, call: Call) -> None:
        params = call.params
        _check_amount(params["amount"], params["currency"])
        super().__init__(call)
        later = call.version.captures_later
        self.amount = params["amount"]
        self.amount_capturable = 0
        self.amount_received = 0
        self.canceled_at: int | None = None
        self.capture_method = params.get(
            "capture_method", "automatic_async" if later else "automatic"
        )
        self.confirmation_method = params.get("confirmation_method", "automatic")
        self.currency = params["currency"]
        self.last_payment_error: dict[str, Any] | None = None
        self.latest_charge: Charge | None = None
        self.metadata = merged({}, params.get("metadata"))
        self.processing = None
        self.receipt_email = params.get("receipt_email") or None
        self.review = None
        self.setup_future_usage = params.get("setup_future_usage")
        self.shipping = params.get("shipping")
        self.statement_descriptor = params.get("statement_descriptor") or None
        self.statement_descriptor_suffix = (
            params.get("statement_descriptor_suffix") or None
        )
        self.transfer_data = None
        self.transfer_group = None
        self._account = call.account
        # Whether a debit that is under way can be called back: rarely.
        self._can_be_recalled = False

    def fields(self, version: Version) -> dict[str, Any]:
        """List charges in versions before 2022-11-15."""
        shown = super().fields(version)
        if version.lists_charges:
            charges = self._account.all(Charge, payment_intent=self)
            url = f"/v1/charges?payment_intent={self.id}"
            shown["charges"] = Listing(url, charges)
        return shown


def _check_amount(amount: int, code: str) -> None:
    """Refuse too little or too much, and decimals that a currency has no place for.

    Source: ``amount_too_small``, ``amount_too_large``, "Supported currencies".
    """
    if amount % step_of(code):
        raise StripeError(
            400,
            f"Invalid amount: {amount} must be a multiple of {step_of(code)} in {code}",
            param="amount",
        )
    if amount < MINIMUM.get(code, 1):
        raise StripeError(
            400,
            f"Amount must be at least {MINIMUM[code] / 100:.2f} {code}",
            code="amount_too_small",
            param="amount",
        )
    if amount > MAX_AMOUNT:
        raise StripeError(
            400,
            f"Amount must be no more than {MAX_AMOUNT / 100:.2f} {code}",
            code="amount_too_large",
            param="amount",
        )


@endpoint(
    "POST",
    "/v1/payment_intents",
    **FIELDS,
    **CONFIRM,
    **ALLOWED,
    **TYPES,
    amount=Required(integer_from(1)),
    currency=Required(currency),
    automatic_payment_methods=AUTOMATIC,
    capture_method=choice("automatic", "automatic_async", "manual"),
    confirm=boolean,
    confirmation_method=choice("automatic", "manual"),
    customer=identifier,
)
def create_payment_intent(call: Call) -> PaymentIntent:
    for name in ("off_session", "error_on_requires_action", "return_url", "mandate"):
        if name in call.params and not call.params.get("confirm"):
            raise RefusedError(
                400,
                f"The parameter `{name}` cannot be passed when creating a "
                "PaymentIntent unless `confirm` is set to true.",
                param=name,
            )
    intent = PaymentIntent(call)
    if intent._begin(call):
        _confirm(call, intent)
    return intent


@endpoint("GET", "/v1/payment_intents/{id}", publishable=True, client_secret=string)
def retrieve_payment_intent(call: Call) -> Resource:
    intent = call.find(PaymentIntent)
    check_client_secret(call, intent)
    return intent._show(call)


@endpoint("GET", "/v1/payment_intents", **LIST, created=CREATED, customer=identifier)
def list_payment_intents(call: Call) -> Listing:
    return call.list_of(PaymentIntent, customer=Customer)


@endpoint(
    "POST",
    "/v1/payment_intents/{id}",
    **FIELDS,
    **ALLOWED,
    **TYPES,
    amount=integer_from(1),
    currency=currency,
    customer=identifier,
)
def update_payment_intent(call: Call) -> PaymentIntent:
    intent = call.find(PaymentIntent)
    late = {"description", "metadata", "receipt_email"}
    if set(call.params) - late:
        intent._must_be(
            "update",
            *("requires_payment_method", "requires_confirmation", "requires_action"),
        )
    intent._allow(call)
    _check_amount(
        call.params.get("amount", intent.amount),
        call.params.get("currency", intent.currency),
    )
    intent._take(call)
    written = set(FIELDS) - {
        *("mandate_data", "metadata", "payment_method", "payment_method_data")
    }
    call.update(intent, *written, "amount", "currency", "payment_method_types")
    return intent


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/confirm",
    publishable=True,
    **CONFIRM,
    **ALLOWED,
    **TYPES,
    client_secret=string,
    mandate_data=MANDATE_DATA,
    payment_method=identifier,
    payment_method_data=TYPED_IN_INTENT,
    payment_method_options=OPTIONS,
    receipt_email=email,
    setup_future_usage=USAGE,
    shipping=SHIPPING,
)
def confirm_payment_intent(call: Call) -> Resource:
    intent = call.find(PaymentIntent)
    check_client_secret(call, intent)
    for name in SECRET_ONLY:
        if call.is_publishable and name in call.params:
            raise StripeError(
                400,
                f"The parameter `{name}` can only be used with a secret key.",
                param=name,
            )
    intent._make_ready(call)
    call.update(intent, "receipt_email", "setup_future_usage", "shipping")
    _confirm(call, intent)
    return intent._show(call)


def _confirm(call: Call, intent: PaymentIntent) -> None:
    method = intent.payment_method
    intent.last_payment_error = None
    intent.next_action = None
    if method._is_debit:
        _debit(call, intent)
        return
    off_session = bool(call.params.get("off_session"))
    if method._needs_authentication(off_session):
        if off_session or call.params.get("error_on_requires_action"):
            raise _decline(call, intent, cards.AUTHENTICATION_REQUIRED)
        intent._ask_customer(call)
        return
    _charge(call, intent)


def authenticate(call: Call, intent: PaymentIntent, success: bool) -> None:
    """Go on once the customer has answered the bank, or has not."""
    intent._must_be("authenticate", "requires_action")
    intent.next_action = None
    method = intent.payment_method
    if success:
        method._is_set_up |= intent.setup_future_usage == "off_session"
        _charge(call, intent)
        return
    error = StripeError(
        402,
        FAILED_AUTHENTICATION,
        code="payment_intent_authentication_failure",
    )
    intent.status = "requires_payment_method"
    intent.payment_method = None
    intent.last_payment_error = last_error(error, method)
    call.emit("payment_intent.payment_failed", intent)


def _charge(call: Call, intent: PaymentIntent) -> None:
    """Ask the bank for the money."""
    method = intent.payment_method
    scripted = call.account.next_payments
    script = scripted.popleft() if scripted else {}
    decline = cards.DECLINES.get(script.get("decline"), method._behaviour.decline)
    if decline:
        raise _decline(call, intent, decline)
    charge = Charge(call, intent, method)
    intent.latest_charge = charge
    if script.get("status") == "processing":
        intent.status = "processing"
        call.emit("charge.pending", charge)
        call.emit("payment_intent.processing", intent)
        return
    _succeed(call, intent)


def settle(call: Call, intent: PaymentIntent, status: str, reason: str = "") -> None:
    """Let a bank answer at last.

    :param reason: why it does not debit an account; too little money if it is none.
    """
    intent._must_be("settle", "processing")
    method, charge = intent.payment_method, intent.latest_charge
    if not method._is_debit:
        if status == "succeeded":
            _succeed(call, intent)
        else:
            _fail(call, intent, charge, cards.GENERIC)
        return
    charge._due = None
    if status == "succeeded":
        _succeed(call, intent)
        _go_on_with_refunds(call, charge)
        if method._bank.dispute:
            from .disputes import open_dispute

            open_dispute(call, charge, None, method._bank.dispute)
        return
    code = reason if reason in banks.FAILURES else banks.FUNDS
    _fail(call, intent, charge, banks.failed(code))
    _go_on_with_refunds(call, charge)
    end_after(call, charge, code)


def end_after(call: Call, charge: Charge, code: str) -> None:
    """End the mandate, if that is why a bank did not pay, or took it back."""
    if code in banks.ENDS_MANDATE and charge._mandate:
        charge._mandate._end(call, code)


def _debit(call: Call, intent: PaymentIntent) -> None:
    """Begin to debit a bank account, which takes days.

    Sources: the pages of each kind of debit; the order of the events is derived.
    """
    method = intent.payment_method
    kind, scheme = method.type, banks.SCHEMES[method.type]
    options = {
        **intent.payment_method_options.get(kind, {}),
        **call.params.get("payment_method_options", {}).get(kind, {}),
    }
    target = options.get("target_date")
    param = f"payment_method_options[{kind}][target_date]"
    target = target and banks.read_target(target, clock.now(), param)
    if intent.currency not in scheme.currencies:
        raise StripeError(
            400,
            f"The currency provided ({intent.currency}) is invalid for {kind}: it "
            f"takes {', '.join(scheme.currencies)}.",
            param="currency",
        )
    mandate = _mandate_of(call, intent, options)
    charge = Charge(call, intent, method)
    charge._mandate = mandate
    shown = charge.payment_method_details[kind]
    shown["mandate"] = mandate.id
    intent.latest_charge = charge
    refused = method._bank.refused
    if intent.amount > scheme.limit:
        refused = "charge_exceeds_transaction_limit"
    if refused:
        raise _refuse_debit(call, intent, refused)
    extra = scheme.extra if mandate._is_new else 0
    mandate._is_new = False
    sent = banks.add_days(target, 0) if target else banks.sent_on(kind, clock.now())
    fails_soon = method._bank.failure and not method._bank.is_late
    days = min(2, scheme.days) if fails_soon else scheme.days
    charge._due = banks.told_on(banks.add_days(sent, days + extra))
    intent.status = "processing"
    call.emit("payment_intent.processing", intent)
    call.emit("charge.pending", charge)
    debited = sent if target else banks.add_days(sent, 1 + extra)
    shown["expected_debit_date"] = debited.isoformat()
    call.emit("charge.updated", charge)


def _mandate_of(call: Call, intent: PaymentIntent, options: dict[str, Any]) -> Mandate:
    """Give the mandate of a saved account, or take one for an account that is typed."""
    method = intent.payment_method
    if method.customer:
        return mandate_to_use(call, method)
    scheme = banks.SCHEMES[method.type]
    if scheme.verifies or scheme.by_checkout:
        raise StripeError(
            400,
            f"This server debits a {method.type} that a SetupIntent has saved.",
            param="payment_method",
        )
    check_account_holder(method)
    asked = options.get("mandate_options", {})
    check_options(method.type, asked)
    mandate = Mandate(method, check_acceptance(call, method.type), asked)
    if intent.customer and intent.setup_future_usage:
        attach(call, method, intent.customer)
    return mandate


def _refuse_debit(call: Call, intent: PaymentIntent, code: str) -> StripeError:
    """Record a debit that Stripe does not make; return the error to raise."""
    method = intent.payment_method
    decline = cards.Decline(code, None, banks.REFUSALS[code])
    _fail(call, intent, intent.latest_charge, decline)
    return StripeError(
        400,
        decline.message,
        code=code,
        charge=intent.latest_charge.id,
        payment_intent=Whole(intent),
        payment_method=Whole(method),
    )


def go_on(account: Account, call: Call) -> None:
    """Let happen what was due until now, in its order, each at its moment."""
    from .checkout import Session
    from .refunds import Refund

    until = clock.now()
    waiting = ((Charge, "pending"), (Refund, "pending"), (Session, "open"))
    while due := sorted(
        (
            item
            for kind, status in waiting
            for item in account.all(kind, status=status)
            if item._due is not None and item._due <= until
        ),
        key=lambda item: (item._due, item.id),
    ):
        first = due[0]
        clock.be_at(first._due)
        if isinstance(first, Session):
            first._expire(call)
            continue
        if isinstance(first, Refund):
            first._settle(call, "succeeded", "")
            continue
        failure = first.payment_intent.payment_method._bank.failure
        status = "failed" if failure else "succeeded"
        settle(call, first.payment_intent, status, failure)
    clock.be_at(until)


def _go_on_with_refunds(call: Call, charge: Charge) -> None:
    """Send, or give up, the refunds that wait for a debit."""
    from .refunds import Refund

    for refund in call.account.all(Refund, charge=charge, status="pending"):
        refund._go_on(call)


def _succeed(call: Call, intent: PaymentIntent) -> None:
    is_held = intent.capture_method == "manual"
    intent.latest_charge._succeed(call, captured=not is_held)
    _keep_card(call, intent)
    if is_held:
        intent.status = "requires_capture"
        intent.amount_capturable = intent.amount
        call.emit("payment_intent.amount_capturable_updated", intent)
    else:
        _finish(call, intent, intent.amount)


def _finish(call: Call, intent: PaymentIntent, amount: int) -> None:
    intent.status = "succeeded"
    intent.amount_capturable = 0
    intent.amount_received = amount
    call.emit("payment_intent.succeeded", intent)


def _keep_card(call: Call, intent: PaymentIntent) -> None:
    """Save the card if it was asked for; else it can never be used again."""
    method = intent.payment_method
    if method.customer:
        return
    if intent.customer and intent.setup_future_usage:
        attach(call, method, intent.customer)
    else:
        method._is_spent = True


def _decline(call: Call, intent: PaymentIntent, decline: cards.Decline) -> StripeError:
    """Record a failed attempt.

    :return: the error to raise
    """
    charge = Charge(call, intent, intent.payment_method)
    intent.latest_charge = charge
    return _fail(call, intent, charge, decline)


def _fail(
    call: Call, intent: PaymentIntent, charge: Charge, decline: cards.Decline
) -> StripeError:
    method: PaymentMethod = intent.payment_method
    charge._fail(call, decline)
    intent.status = "requires_payment_method"
    intent.payment_method = None
    error = card_error(intent, method, decline, charge)
    intent.last_payment_error = last_error(error, method)
    call.emit("payment_intent.payment_failed", intent)
    return error


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/capture",
    amount_to_capture=integer_from(1),
    final_capture=boolean,
    metadata=metadata,
)
def capture_payment_intent(call: Call) -> PaymentIntent:
    intent = call.find(PaymentIntent)
    intent._must_be("capture", "requires_capture")
    amount = call.params.get("amount_to_capture", intent.amount_capturable)
    if amount > intent.amount_capturable:
        raise StripeError(
            400,
            f"The `amount_to_capture` ({amount}) is greater than the capturable amount "
            f"({intent.amount_capturable}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    call.update(intent)
    intent.latest_charge._capture(amount)
    call.emit("charge.captured", intent.latest_charge)
    _finish(call, intent, amount)
    return intent


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/cancel",
    cancellation_reason=choice(
        *("abandoned", "duplicate", "fraudulent", "requested_by_customer")
    ),
)
def cancel_payment_intent(call: Call) -> PaymentIntent:
    intent = call.find(PaymentIntent)
    was_held = intent.status == "requires_capture"
    intent._must_be("cancel", *CANCELABLE)
    if intent.status == "processing" and intent.payment_method._is_debit:
        # "only rarely": if a test says so.
        if not intent._can_be_recalled:
            late = [name for name in CANCELABLE if name != "processing"]
            intent._must_be("cancel", *late)
        intent.latest_charge._due = None
        intent.latest_charge.status = "failed"
    if was_held:
        # The bank releases what it held: nothing was ever taken.
        intent.amount_capturable = 0
        intent.latest_charge.amount_refunded = intent.amount
    intent.canceled_at = clock.now()
    intent._cancel(call, *CANCELABLE)
    return intent

"""Setup intents: a card, or a bank account with its mandate, saved without a payment.

Sources: Stripe's pages "SetupIntents" of the API reference, "Save a customer's payment
method without making a payment", and "Save details for future payments" of each kind of
bank debit (mandate, verification by deposits).
"""

from __future__ import annotations

from typing import Any

from . import banks
from .account import Call, endpoint
from .cards import Decline
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
from .customers import Customer
from .errors import RefusedError, StripeError
from .mandates import Mandate, check_acceptance, check_options
from .parameters import (
    CREATED,
    LIST,
    array,
    boolean,
    choice,
    currency,
    hash_of,
    identifier,
    integer,
    merged,
    metadata,
    string,
    text_of,
)
from .payment_methods import TYPED_IN_INTENT, PaymentMethod, attach
from .resources import Listing, Resource

OPTIONS = hash_of(
    card=hash_of(
        mandate_options=hash_of(**MANDATE_OPTIONS, currency=currency),
        request_three_d_secure=THREE_D_SECURE,
    ),
    acss_debit=hash_of(
        currency=choice("cad", "usd"),
        mandate_options=BANK_MANDATES["acss_debit"],
        verification_method=VERIFICATION,
    ),
    bacs_debit=hash_of(mandate_options=BANK_MANDATES["bacs_debit"]),
    sepa_debit=hash_of(mandate_options=BANK_MANDATES["sepa_debit"]),
    us_bank_account=hash_of(
        mandate_options=BANK_MANDATES["us_bank_account"],
        verification_method=VERIFICATION,
    ),
)
DAY = 24 * 60 * 60
MISMATCH = {
    "amounts": "payment_method_microdeposit_verification_amounts_mismatch",
    "descriptor_code": (
        "payment_method_microdeposit_verification_descriptor_code_mismatch"
    ),
}
EXCEEDED = "payment_method_microdeposit_verification_attempts_exceeded"
TIMED_OUT = "payment_method_microdeposit_verification_timeout"
NOT_SENT = "payment_method_microdeposit_failed"
# What a browser sees. Source: "The SetupIntent object".
PUBLIC = (
    *("id", "object", "automatic_payment_methods", "cancellation_reason"),
    *("client_secret", "created", "description", "last_setup_error", "livemode"),
    *("next_action", "payment_method", "payment_method_types", "status", "usage"),
)
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


class SetupIntent(Intent):
    """One attempt to save a card."""

    object = "setup_intent"
    noun = "setup_intent"
    prefix = "seti_"
    expandable = frozenset({"customer", "mandate", "payment_method"})
    public = PUBLIC
    # Whether a page (Checkout) has made it.
    _is_of_page = False

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.last_setup_error: dict[str, Any] | None = None
        self.latest_attempt = None
        self.mandate: Mandate | None = None
        self.metadata = merged({}, call.params.get("metadata"))
        self.single_use_mandate = None
        self.usage = call.params.get("usage", "off_session")
        # How the owner of a bank account agreed, and wrong answers to its deposits.
        self._accepted: dict[str, Any] = {}
        self._tries = 0

    @property
    def _options(self) -> dict[str, Any]:
        return self.payment_method_options.get(self.payment_method.type, {})


@endpoint(
    "POST",
    "/v1/setup_intents",
    **ALLOWED,
    **TYPES,
    automatic_payment_methods=AUTOMATIC,
    confirm=boolean,
    customer=identifier,
    description=text_of(1000),
    mandate_data=MANDATE_DATA,
    metadata=metadata,
    payment_method=identifier,
    payment_method_data=TYPED_IN_INTENT,
    payment_method_options=OPTIONS,
    return_url=string,
    usage=choice("off_session", "on_session"),
    use_stripe_sdk=boolean,
)
def create_setup_intent(call: Call) -> SetupIntent:
    if "return_url" in call.params and not call.params.get("confirm"):
        raise RefusedError(
            400,
            "The parameter `return_url` cannot be passed when creating a SetupIntent "
            "unless `confirm` is set to true.",
            param="return_url",
        )
    intent = SetupIntent(call)
    if intent._begin(call):
        _confirm(call, intent)
    return intent


@endpoint("GET", "/v1/setup_intents/{id}", publishable=True, client_secret=string)
def retrieve_setup_intent(call: Call) -> Resource:
    intent = call.find(SetupIntent)
    check_client_secret(call, intent)
    return intent._show(call)


@endpoint(
    "GET",
    "/v1/setup_intents",
    **LIST,
    created=CREATED,
    customer=identifier,
)
def list_setup_intents(call: Call) -> Listing:
    return call.list_of(SetupIntent, customer=Customer)


@endpoint(
    "POST",
    "/v1/setup_intents/{id}",
    **ALLOWED,
    **TYPES,
    customer=identifier,
    description=text_of(1000),
    metadata=metadata,
    payment_method=identifier,
)
def update_setup_intent(call: Call) -> SetupIntent:
    intent = call.find(SetupIntent)
    intent._take(call)
    intent._allow(call)
    call.update(intent, "description", "payment_method_types")
    return intent


@endpoint(
    "POST",
    "/v1/setup_intents/{id}/confirm",
    publishable=True,
    **ALLOWED,
    client_secret=string,
    mandate_data=MANDATE_DATA,
    payment_method=identifier,
    payment_method_data=TYPED_IN_INTENT,
    payment_method_options=OPTIONS,
    return_url=string,
    use_stripe_sdk=boolean,
)
def confirm_setup_intent(call: Call) -> Resource:
    intent = call.find(SetupIntent)
    check_client_secret(call, intent)
    intent._make_ready(call)
    _confirm(call, intent)
    return intent._show(call)


@endpoint(
    "POST",
    "/v1/setup_intents/{id}/verify_microdeposits",
    publishable=True,
    amounts=array(integer),
    client_secret=string,
    descriptor_code=string,
)
def verify_microdeposits(call: Call) -> Resource:
    """Source: "Verify with microdeposits": two amounts, or the code beside one."""
    intent = call.find(SetupIntent)
    check_client_secret(call, intent)
    asked = (intent.next_action or {}).get("verify_with_microdeposits")
    if intent.status != "requires_action" or not asked:
        raise StripeError(
            400,
            "This SetupIntent does not wait for microdeposits to be verified.",
            code="setup_intent_unexpected_state",
        )
    kind = asked["microdeposit_type"]
    if kind not in call.params:
        raise StripeError(
            400,
            f"Missing required param: {kind}.",
            code="parameter_missing",
            param=kind,
        )
    method = intent.payment_method
    if not method._bank.has_deposits:
        raise _give_up(call, intent, NOT_SENT)
    if clock.now() > asked["arrival_date"] + banks.VERIFY_DAYS * DAY:
        raise _give_up(call, intent, TIMED_OUT)
    given = call.params[kind]
    if given in ([*banks.DEPOSITS], [*reversed(banks.DEPOSITS)], banks.DESCRIPTOR_CODE):
        intent.next_action = None
        save(call, intent)
        return intent._show(call)
    intent._tries += 1
    if given == [*banks.TOO_MANY_DEPOSITS] or intent._tries >= banks.MAX_TRIES:
        raise _give_up(call, intent, EXCEEDED)
    raise StripeError(
        400,
        "The amounts or the code do not match those that were sent to the account.",
        code=MISMATCH[kind],
        param=kind,
    )


def _give_up(call: Call, intent: SetupIntent, code: str) -> StripeError:
    """End a verification that cannot succeed any more."""
    error = StripeError(400, "The bank account could not be verified.", code=code)
    intent.next_action = None
    _fail(call, intent, error)
    return error


def _confirm(call: Call, intent: SetupIntent) -> None:
    intent.last_setup_error = None
    intent.next_action = None
    if intent.payment_method._is_debit:
        _confirm_account(call, intent)
        return
    if intent.payment_method._needs_authentication(off_session=False):
        intent._ask_customer(call)
        return
    save(call, intent)


def _confirm_account(call: Call, intent: SetupIntent) -> None:
    """Take the mandate for a bank account, and verify who owns it."""
    method = intent.payment_method
    scheme = banks.SCHEMES[method.type]
    if scheme.by_checkout:
        raise StripeError(
            400,
            f"A {method.type} payment method is saved by Checkout in setup mode.",
            param="payment_method",
        )
    given = call.params.get("payment_method_options", {}).get(method.type, {})
    intent.payment_method_options[method.type] = {**intent._options, **given}
    options = intent._options
    check_account_holder(method)
    check_options(method.type, options.get("mandate_options", {}))
    if method.type == "acss_debit" and "currency" not in options:
        param = "payment_method_options[acss_debit][currency]"
        raise StripeError(
            400,
            f"Missing required param: {param}.",
            code="parameter_missing",
            param=param,
        )
    intent._accepted = check_acceptance(call, method.type)
    if not scheme.verifies:
        save(call, intent)
        return
    if options.get("verification_method") == "instant":
        raise StripeError(
            400,
            "An account whose number is typed is verified by microdeposits.",
            param=f"payment_method_options[{method.type}][verification_method]",
        )
    wait_for_deposits(call, intent)


def wait_for_deposits(call: Call, intent: SetupIntent) -> None:
    """Send two deposits, or one with a code, which the owner has to tell of."""
    is_acss = intent.payment_method.type == "acss_debit"
    intent.status = "requires_action"
    intent.next_action = {
        "type": "verify_with_microdeposits",
        "verify_with_microdeposits": {
            "arrival_date": banks.deposits_on(clock.now()),
            "hosted_verification_url": f"{call.base_url}/microdeposits/{intent.id}",
            "microdeposit_type": "amounts" if is_acss else "descriptor_code",
        },
    }
    call.emit("setup_intent.requires_action", intent)


def verify_at_once(call: Call, intent: SetupIntent) -> None:
    """Have the owner log in at the bank instead of waiting for deposits."""
    intent._must_be("authenticate", "requires_action")
    intent.next_action = None
    save(call, intent)


def save_account(
    call: Call, customer: Customer, kind: str, number: str, options: dict[str, Any]
) -> SetupIntent:
    """Save a bank account as Stripe's own page does (Checkout in setup mode)."""
    call.params = {"payment_method_options": {kind: {"mandate_options": options}}}
    check_options(kind, options)
    intent = SetupIntent(call)
    intent.customer = customer
    intent.payment_method_types = [kind]
    intent.payment_method = PaymentMethod(
        {
            "type": kind,
            kind: banks.typed_as(kind, number),
            "billing_details": {"name": "Ada", "email": "ada@example.com"},
        }
    )
    intent._accepted = {"type": "online"}
    call.emit("setup_intent.created", intent)
    save(call, intent)
    return intent


def authenticate(call: Call, intent: SetupIntent, success: bool) -> None:
    """Go on once the customer has answered the bank, or has not."""
    intent._must_be("authenticate", "requires_action")
    intent.next_action = None
    if success:
        intent.payment_method._is_set_up = True
        save(call, intent)
        return
    error = StripeError(
        402, FAILED_AUTHENTICATION, code="setup_intent_authentication_failure"
    )
    _fail(call, intent, error)


def save(call: Call, intent: SetupIntent) -> None:
    """Have it done: the customer has the method, and a mandate if it is an account."""
    method = intent.payment_method
    behaviour = None if method._is_debit else method._behaviour
    if behaviour and behaviour.decline and not behaviour.can_be_saved:
        raise _decline(call, intent, method, behaviour.decline)
    if intent.customer and not method.customer:
        attach(call, method, intent.customer)
    if method._is_debit:
        options = intent._options.get("mandate_options", {})
        intent.mandate = Mandate(method, intent._accepted, options)
    intent.status = "succeeded"
    call.emit("setup_intent.succeeded", intent)
    if method._is_debit and not method._bank.takes_mandate:
        intent.mandate._end(call)


def _decline(
    call: Call, intent: SetupIntent, method: PaymentMethod, decline: Decline
) -> StripeError:
    error = card_error(intent, method, decline, None)
    _fail(call, intent, error)
    return error


def _fail(call: Call, intent: SetupIntent, error: StripeError) -> None:
    method = intent.payment_method
    intent.status = "requires_payment_method"
    intent.payment_method = None
    intent.last_setup_error = last_error(error, method)
    call.emit("setup_intent.setup_failed", intent)


@endpoint(
    "POST",
    "/v1/setup_intents/{id}/cancel",
    cancellation_reason=choice("abandoned", "duplicate", "requested_by_customer"),
)
def cancel_setup_intent(call: Call) -> SetupIntent:
    """Source: "Cancel a SetupIntent": that of a page ends with the page."""
    intent = call.find(SetupIntent)
    if intent._is_of_page:
        raise StripeError(
            400,
            "You can't cancel the SetupIntent for a Checkout Session. Expire the "
            "Checkout Session instead.",
            code="setup_intent_unexpected_state",
        )
    intent._cancel(call, *CANCELABLE)
    return intent

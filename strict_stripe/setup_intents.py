"""Setup intents: a card saved without a payment.

Sources: Stripe's pages "SetupIntents" of the API reference, "Save a customer's payment
method without making a payment".
"""

from __future__ import annotations

from typing import Any

from .account import Call, endpoint
from .cards import Decline
from .confirmation import (
    ALLOWED,
    AUTOMATIC,
    FAILED_AUTHENTICATION,
    MANDATE_DATA,
    MANDATE_OPTIONS,
    THREE_D_SECURE,
    TYPES,
    Intent,
    card_error,
    check_client_secret,
    last_error,
)
from .customers import Customer
from .errors import RefusedError, StripeError
from .parameters import (
    CREATED,
    LIST,
    boolean,
    choice,
    currency,
    hash_of,
    identifier,
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
    )
)
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
    expandable = frozenset({"customer", "payment_method"})
    public = PUBLIC

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.last_setup_error: dict[str, Any] | None = None
        self.latest_attempt = None
        self.mandate = None
        self.metadata = merged({}, call.params.get("metadata"))
        self.single_use_mandate = None
        self.usage = call.params.get("usage", "off_session")


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


def _confirm(call: Call, intent: SetupIntent) -> None:
    intent.last_setup_error = None
    intent.next_action = None
    if intent.payment_method._needs_authentication(off_session=False):
        intent._ask_customer(call)
        return
    _save(call, intent)


def authenticate(call: Call, intent: SetupIntent, success: bool) -> None:
    """Go on once the customer has answered the bank, or has not."""
    intent._must_be("authenticate", "requires_action")
    intent.next_action = None
    if success:
        intent.payment_method._is_set_up = True
        _save(call, intent)
        return
    error = StripeError(
        402, FAILED_AUTHENTICATION, code="setup_intent_authentication_failure"
    )
    _fail(call, intent, error)


def _save(call: Call, intent: SetupIntent) -> None:
    method = intent.payment_method
    behaviour = method._behaviour
    if behaviour.decline and not behaviour.can_be_saved:
        raise _decline(call, intent, method, behaviour.decline)
    if intent.customer and not method.customer:
        attach(call, method, intent.customer)
    intent.status = "succeeded"
    call.emit("setup_intent.succeeded", intent)


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
    intent = call.find(SetupIntent)
    intent._cancel(call, *CANCELABLE)
    return intent

"""What payment and setup intents share: the card, and the customer who must be asked.

Sources: Stripe's pages "The Payment Intents API", "The Setup Intents API", and the API
changelog on ``automatic_payment_methods`` (2023-08-16), on what came as
``allowed_payment_method_types`` (2026-07-29) and on what went with
``payment_method_types`` (2026-09-30).
"""

from __future__ import annotations

from typing import Any, ClassVar

from localstripe.resources import random_id

from . import banks
from .account import Call
from .cards import Decline
from .customers import Customer, find_customer
from .errors import RefusedError, StripeError
from .parameters import Since, Until, array, boolean, choice, hash_of, integer, string
from .payment_methods import PaymentMethod, check_owner, usable_method
from .resources import Resource, Version, Whole

AUTOMATIC = hash_of(enabled=boolean, allow_redirects=choice("always", "never"))
MANDATE_OPTIONS = {
    "amount": integer,
    "amount_type": choice("fixed", "maximum"),
    "description": string,
    "end_date": integer,
    "interval": choice("day", "month", "sporadic", "week", "year"),
    "interval_count": integer,
    "reference": string,
    "start_date": integer,
    "supported_types": array(choice("india")),
}
ALLOWED = {"allowed_payment_method_types": Since("2026-07-29", array(string))}
TYPES = {
    "payment_method_types": Until(
        "2026-09-30", array(string), "payment_method_types_no_longer_supported"
    )
}
# What this server can charge, and what it charges where nobody says which.
METHODS = ("card", *banks.SCHEMES)
USUAL = ("card",)
VERIFICATION = choice("automatic", "instant", "microdeposits")
# What the mandate of a bank account says.
BANK_MANDATES = {
    "acss_debit": hash_of(
        custom_mandate_url=string,
        default_for=array(choice("invoice", "subscription")),
        interval_description=string,
        payment_schedule=choice("combined", "interval", "sporadic"),
        transaction_type=choice("business", "personal"),
    ),
    "bacs_debit": hash_of(reference_prefix=string),
    "sepa_debit": hash_of(reference_prefix=string),
    "us_bank_account": hash_of(collection_method=choice("paper")),
}
THREE_D_SECURE = choice("any", "automatic", "challenge")
MANDATE_DATA = hash_of(
    customer_acceptance=hash_of(
        type=choice("offline", "online"),
        accepted_at=integer,
        offline=hash_of(),
        online=hash_of(ip_address=string, user_agent=string, infer_from_client=boolean),
    )
)
SECRET_LENGTH = 25
PAST = {
    "authenticate": "authenticated",
    "cancel": "canceled",
    "capture": "captured",
    "confirm": "confirmed",
    "settle": "settled",
    "update": "updated",
}
FAILED_AUTHENTICATION = (
    "We are unable to authenticate your payment method. Please choose a different "
    "payment method and try again."
)


class Intent(Resource):
    """What the two kinds of intent have in common."""

    # What a browser sees.
    public: ClassVar[tuple[str, ...]] = ()

    def __init__(self, call: Call) -> None:
        params = call.params
        customer = params.get("customer")
        if customer:
            customer = find_customer(call.account, customer, "customer")
        automatic = _automatic(call)
        allowed = _allowed(call)
        types = _compatible(allowed, params.get("currency"))
        types = types or params.get("payment_method_types")
        # From here on it is in the account: what could be refused has been checked.
        super().__init__()
        self.allowed_payment_method_types = allowed
        self.application = None
        self.automatic_payment_methods = automatic
        self.cancellation_reason: str | None = None
        self.client_secret = f"{self.id}_secret_{random_id(SECRET_LENGTH)}"
        self.customer: Customer | None = customer
        self.description = params.get("description") or None
        self.metadata: dict[str, str] = {}
        self.next_action: dict[str, Any] | None = None
        self.on_behalf_of = None
        self.payment_method: PaymentMethod | None = None
        self.payment_method_options = params.get("payment_method_options", {})
        self.payment_method_types = types or [*USUAL]
        self.status = "requires_payment_method"

    def fields(self, version: Version) -> dict[str, Any]:
        """Show what is allowed to the versions that know of it."""
        shown = super().fields(version)
        if not version.allows_methods:
            del shown["allowed_payment_method_types"]
        return shown

    def _show(self, call: Call) -> Resource:
        return Seen(self) if call.is_publishable else self

    def _begin(self, call: Call) -> bool:
        """Take the card of a creation; tell whether it is confirmed at once."""
        confirms = call.params.get("confirm", False)
        try:
            self._take_method(call)
            if confirms:
                check_ready(call, self)
        except StripeError:
            # What cannot be confirmed as asked is not created either.
            del call.account.store[f"{self.object}:{self.id}"]
            raise
        call.emit(f"{self.object}.created", self)
        return confirms

    def _take(self, call: Call) -> None:
        """Take customer and card of an update."""
        if "customer" in call.params:
            given = call.params["customer"]
            self.customer = find_customer(call.account, given, "customer")
        self._take_method(call)

    def _take_method(self, call: Call) -> None:
        if method := chosen_method(call, self.customer, self.noun):
            self.payment_method = method
            self.status = "requires_confirmation"

    def _make_ready(self, call: Call) -> None:
        """Take the card of a confirmation, unless that is refused."""
        method = chosen_method(call, self.customer, self.noun)
        previous = self.payment_method
        self.payment_method = method or previous
        try:
            check_ready(call, self)
            self._allow(call)
        except StripeError:
            self.payment_method = previous
            raise

    def _allow(self, call: Call) -> None:
        """Take what an update or a confirmation allows."""
        if allowed := _allowed(call):
            currency = call.params.get("currency", getattr(self, "currency", None))
            self.payment_method_types = _compatible(allowed, currency)
            self.allowed_payment_method_types = allowed
            self.automatic_payment_methods = None

    def _must_be(self, verb: str, *statuses: str) -> None:
        """Refuse what the status does not allow. Source: ``…_unexpected_state``."""
        if self.status not in statuses:
            raise StripeError(
                400,
                f"You cannot {verb} this {self.noun} because it has a status of "
                f"{self.status}. Only a {self.noun} with one of the following statuses "
                f"may be {PAST[verb]}: {', '.join(statuses)}.",
                code=f"{self.object}_unexpected_state",
                **{self.object: Whole(self)},
            )

    def _ask_customer(self, call: Call) -> None:
        """Have the customer authenticate. Source: "3D Secure authentication"."""
        self.status = "requires_action"
        if return_url := call.params.get("return_url"):
            self.next_action = {
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "return_url": return_url,
                    "url": f"{call.base_url}/3ds/{self.id}",
                },
            }
        else:
            self.next_action = {
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect"},
            }
        call.emit(f"{self.object}.requires_action", self)

    def _cancel(self, call: Call, *statuses: str) -> None:
        self._must_be("cancel", *statuses)
        self.status = "canceled"
        self.cancellation_reason = call.params.get("cancellation_reason")
        self.next_action = None
        call.emit(f"{self.object}.canceled", self)


class Seen(Resource):
    """An intent as a browser may see it: without the merchant's own data."""

    expandable = frozenset({"payment_method"})

    def __init__(self, intent: Intent) -> None:
        # No object of the account, so nothing is stored: super() is not called.
        self._intent = intent

    def fields(self, version: Version) -> dict[str, Any]:
        """Show what a publishable key may retrieve."""
        every = self._intent.fields(version)
        return {name: every[name] for name in self._intent.public if name in every}


def check_client_secret(call: Call, intent: Intent) -> None:
    """Ask of a browser the secret of the one intent that it may see."""
    secret = call.params.pop("client_secret", None)
    if secret is None and not call.is_publishable:
        return
    if secret != intent.client_secret:
        raise StripeError(
            400,
            "The client_secret provided does not match the client_secret associated "
            f"with the {intent.noun}.",
            param="client_secret",
        )


def chosen_method(
    call: Call, customer: Customer | None, noun: str
) -> PaymentMethod | None:
    """Find the card that the request names, or make the one it describes."""
    if typed := call.params.get("payment_method_data"):
        return PaymentMethod(typed)
    if not call.params.get("payment_method"):
        return None
    method = usable_method(call, call.params["payment_method"])
    if method.customer and customer is None:
        raise StripeError(
            400,
            f"The payment method {method.id} belongs to a Customer. Please include the "
            f"Customer in the `customer` parameter on the {noun}.",
            param="payment_method",
        )
    if method.customer:
        check_owner(method, customer)
    return method


def check_ready(call: Call, intent: Intent) -> None:
    """Refuse to confirm without a card, or without a way back from a redirection."""
    intent._must_be(
        "confirm",
        *("requires_payment_method", "requires_confirmation", "requires_action"),
    )
    if not intent.payment_method:
        raise StripeError(
            400,
            f"You cannot confirm this {intent.noun} because it's missing a payment "
            f"method. You can either update the {intent.noun} with a payment method "
            "and then confirm it again, or confirm it again directly with a payment "
            "method or ConfirmationToken.",
            code=f"{intent.object}_unexpected_state",
            **{intent.object: Whole(intent)},
        )
    kind = intent.payment_method.type
    if kind not in intent.payment_method_types:
        raise StripeError(
            400,
            f"The PaymentMethod provided ({kind}) is not allowed for this "
            f"{intent.noun}. Please attach a PaymentMethod of one of the following "
            f"types: {', '.join(intent.payment_method_types)}.",
            param="payment_method",
        )
    automatic = intent.automatic_payment_methods or {}
    may_redirect = automatic.get("allow_redirects", "always") == "always"
    # Stripe.js always gives a way back; its parameter is checked like any other.
    if automatic.get("enabled") and may_redirect and not call.params.get("return_url"):
        raise StripeError(
            400,
            f"This {intent.noun} is configured to accept payment methods enabled in "
            "your Dashboard. Because some of these payment methods might redirect your "
            "customer off of your page, you must provide a `return_url`. If you don't "
            "want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating "
            "Setup Intents and Payment Intents.",
            param="return_url",
        )


def _allowed(call: Call) -> list[str] | None:
    allowed = call.params.get("allowed_payment_method_types") or None
    for other in ("automatic_payment_methods", "payment_method_types"):
        if allowed and call.params.get(other):
            raise RefusedError(
                400,
                "You may only specify one of these parameters: "
                f"allowed_payment_method_types, {other}.",
            )
    return allowed


def _compatible(allowed: list[str] | None, currency: str | None = None) -> list[str]:
    """Leave out, without a word, what cannot be used; something has to be left."""
    if not allowed:
        return []
    types = [
        name
        for name in allowed
        if name in METHODS
        and (
            name not in banks.SCHEMES
            or currency in (None, *banks.SCHEMES[name].currencies)
        )
    ]
    if not types:
        raise RefusedError(
            400,
            "No valid payment method types for this Payment Intent. Please ensure that "
            "you have activated payment methods compatible with your chosen currency "
            "in your dashboard.",
        )
    return types


def _automatic(call: Call) -> dict[str, Any] | None:
    given = call.params.get("automatic_payment_methods")
    types = call.params.get("payment_method_types")
    allowed = call.params.get("allowed_payment_method_types")
    if given and given.get("enabled") and types:
        raise RefusedError(
            400,
            "You may only specify one of these parameters: "
            "automatic_payment_methods, payment_method_types.",
        )
    if given:
        return {"allow_redirects": "always", **given}
    if call.version.picks_methods and not types and not allowed:
        return {"allow_redirects": "always", "enabled": True}
    return None


def check_account_holder(method: PaymentMethod) -> None:
    """Ask whose account it is. Source: ``billing_details`` of each kind of debit."""
    needed = ["name"]
    if banks.SCHEMES[method.type].needs_email:
        needed.append("email")
    for name in needed:
        if not method.billing_details[name]:
            raise StripeError(
                400,
                f"Missing required param: billing_details[{name}].",
                code="parameter_missing",
                param=f"billing_details[{name}]",
            )


def card_error(
    intent: Intent, method: PaymentMethod, decline: Decline, charge: Resource | None
) -> StripeError:
    """Say that the bank refused, with all that is known. Source: "Handle errors"."""
    return StripeError(
        402,
        decline.message,
        type="card_error",
        code=decline.code,
        decline_code=decline.decline_code,
        charge=charge.id if charge else None,
        payment_method=Whole(method),
        **{intent.object: Whole(intent)},
    )


def last_error(error: StripeError, method: PaymentMethod | None) -> dict[str, Any]:
    """Write what an intent remembers of an error."""
    kept = ("charge", "code", "decline_code", "message", "type")
    told = error.body["error"]
    remembered = {name: told[name] for name in kept if name in told}
    return {**remembered, "payment_method": Whole(method) if method else None}

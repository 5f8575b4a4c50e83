"""Mandates: that an owner lets an account be debited.

Sources: Stripe's pages "The Mandate object" and "Mandates", and ``mandate.updated`` of
"Types of events". No list of them can be asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localstripe.resources import random_id

from . import banks
from .account import Account, Call, endpoint
from .clock import clock
from .errors import RefusedError, StripeError
from .resources import Resource

if TYPE_CHECKING:
    from .payment_methods import PaymentMethod

ACTIVE = "active"
INACTIVE = "inactive"
MAX_PREFIX = 12


class Mandate(Resource):
    """The permission for one account."""

    object = "mandate"
    noun = "mandate"
    prefix = "mandate_"
    expandable = frozenset({"payment_method"})

    def __init__(
        self,
        method: PaymentMethod,
        accepted: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        del self.created
        self.customer_acceptance = _acceptance(accepted)
        self.multi_use: dict[str, Any] = {}
        self.on_behalf_of = None
        self.payment_method = method
        self.payment_method_details = {
            "type": method.type,
            method.type: _details(method.type, options),
        }
        self.single_use = None
        self.status = ACTIVE
        self.type = "multi_use"
        # Whether a debit was made under it: the first may take longer.
        self._is_new = True

    def _end(self, call: Call, reason: str = "") -> None:
        """End it, as the bank, the owner or Stripe does."""
        if self.status == INACTIVE:
            return
        self.status = INACTIVE
        if bacs := self.payment_method_details.get("bacs_debit"):
            bacs["network_status"] = "revoked"
            bacs["revocation_reason"] = (
                reason
                if reason in ("account_closed", "debit_not_authorized")
                else "could_not_process"
            )
        call.emit("mandate.updated", self)


def _acceptance(given: dict[str, Any]) -> dict[str, Any]:
    online = dict(given.get("online") or {})
    online.pop("infer_from_client", None)
    return {
        "accepted_at": given.get("accepted_at") or clock.now(),
        "offline": {} if given.get("type") == "offline" else None,
        "online": {
            "ip_address": online.get("ip_address"),
            "user_agent": online.get("user_agent"),
        }
        if given.get("type") != "offline"
        else None,
        "type": given.get("type", "online"),
    }


def _details(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    reference = options.get("reference_prefix", "") + random_id(16).upper()
    url = f"https://payments.stripe.test/mandates/{reference}"
    return {
        "acss_debit": {
            "default_for": options.get("default_for"),
            "interval_description": options.get("interval_description"),
            "payment_schedule": options.get("payment_schedule"),
            "transaction_type": options.get("transaction_type"),
        },
        "sepa_debit": {"reference": reference, "url": url},
        "bacs_debit": {
            "display_name": "Strict Stripe",
            "network_status": "accepted",
            "reference": reference,
            "revocation_reason": None,
            "service_user_number": "000000",
            "url": url,
        },
        "us_bank_account": {"collection_method": options.get("collection_method")},
    }[kind]


def check_acceptance(call: Call, kind: str) -> dict[str, Any]:
    """Ask how the owner agreed. Source: ``mandate_data`` of both kinds of intent.

    In a browser Stripe.js says from where.

    :return: the acceptance as it was given.
    """
    given = (call.params.get("mandate_data") or {}).get("customer_acceptance") or {}
    if not given and not call.is_publishable:
        raise RefusedError(
            400,
            f"A mandate is needed to confirm a {kind} payment method: provide "
            "`mandate_data[customer_acceptance]`.",
            code="parameter_missing",
            param="mandate_data",
        )
    if given.get("type") == "online" and not call.is_publishable:
        online = given.get("online") or {}
        for name in ("ip_address", "user_agent"):
            if not online.get(name):
                param = f"mandate_data[customer_acceptance][online][{name}]"
                raise RefusedError(
                    400,
                    f"Missing required param: {param}.",
                    code="parameter_missing",
                    param=param,
                )
    return given


def check_options(kind: str, options: dict[str, Any]) -> None:
    """Refuse what a mandate of a kind cannot be. Source: ``mandate_options``."""
    param = f"payment_method_options[{kind}][mandate_options]"
    if len(options.get("reference_prefix", "")) > MAX_PREFIX:
        raise StripeError(
            400,
            f"The reference prefix can be up to {MAX_PREFIX} characters long.",
            param=f"{param}[reference_prefix]",
        )
    if kind != "acss_debit":
        return
    needed = ["payment_schedule", "transaction_type"]
    if options.get("payment_schedule") in ("interval", "combined"):
        needed.append("interval_description")
    for name in needed:
        if not options.get(name):
            raise StripeError(
                400,
                f"Missing required param: {param}[{name}].",
                code="parameter_missing",
                param=f"{param}[{name}]",
            )


def find_active(account: Account, method: PaymentMethod) -> Mandate | None:
    """Give the newest mandate that lets an account be debited, if any."""
    found = account.all(Mandate, payment_method=method, status=ACTIVE)
    return found[0] if found else None


def mandate_to_use(call: Call, method: PaymentMethod) -> Mandate:
    """Give the mandate that a debit is made under.

    Source: ``mandate`` of the PaymentIntent, error ``payment_intent_mandate_invalid``.
    """
    scheme = banks.SCHEMES[method.type]
    named = call.params.get("mandate")
    if not named and scheme.names_mandate:
        raise StripeError(
            400,
            f"A payment method of type {method.type} that was saved is charged with "
            "its `mandate`.",
            code="parameter_missing",
            param="mandate",
        )
    if named:
        mandate = call.account.find(Mandate, named, "mandate")
    else:
        mandate = find_active(call.account, method)
    if not mandate or mandate.status != ACTIVE or mandate.payment_method is not method:
        raise StripeError(
            400,
            "The provided mandate is invalid and can not be used for the payment "
            "intent.",
            code="payment_intent_mandate_invalid",
            param="mandate",
        )
    return mandate


@endpoint("GET", "/v1/mandates/{id}")
def retrieve_mandate(call: Call) -> Mandate:
    return call.find(Mandate)

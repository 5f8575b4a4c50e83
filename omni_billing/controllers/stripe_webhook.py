import logging
import re

from werkzeug.exceptions import BadRequest, ServiceUnavailable

from odoo import http
from odoo.http import request

from odoo.addons.payment_stripe import utils as stripe_utils
from odoo.addons.payment_stripe.controllers.main import StripeController

from .. import gateways
from ..exceptions import GatewayDenied, GatewayRefused

_logger = logging.getLogger(__name__)

#: The id of a PaymentIntent or a SetupIntent.
INTENT = re.compile(r"(?:pi|seti)_\w+", re.ASCII)
#: Stripe's events are a few kilobytes.
MAX_BYTES = 1_000_000


class BillingStripeController(StripeController):
    @http.route()
    def stripe_return(self, **data):
        """Override of `payment_stripe`: a page that anybody may open, with anything.

        Stripe is asked about the intent of the payment alone; what it says of it is
        checked again in the model.
        """
        # sudo: who comes back from Stripe need not be logged in.
        payments = request.env["payment.transaction"].sudo()
        values = {
            name: str(data.get(name) or "").replace("\0", "")
            for name in ("reference", "payment_intent", "setup_intent")
        }
        payment = payments.search(
            [
                ("reference", "=", values["reference"]),
                ("provider_code", "=", "stripe"),
                ("operation", "!=", "refund"),
            ]
        )
        kind = "setup" if payment.operation == "validation" else "payment"
        intent = values[f"{kind}_intent"]
        known = payment.provider_reference
        if not payment or not INTENT.fullmatch(intent) or known not in (False, intent):
            _logger.warning("%r is not %r: not asked for", intent, payment.reference)
            return request.redirect("/payment/status")
        return super().stripe_return(**values)

    @http.route()
    def stripe_webhook(self):
        """Override of `payment_stripe`: signature first, then keep, then answer.

        Without a secret nothing is accepted. What the event means is worked out
        later, so that Stripe is answered at once (W3).
        """
        # Odoo may run the request again after a conflict, and the body can be read from
        # the network once: Werkzeug keeps what `get_data` read.
        payload = request.httprequest.get_data()
        signature = request.httprequest.headers.get("Stripe-Signature", "")
        if len(payload) > MAX_BYTES:
            raise BadRequest
        provider, event = self._billing_read_event(payload, signature)
        if not event:
            _logger.warning("An event without a right signature was refused.")
            raise BadRequest
        # sudo: the sender proved to be Stripe.
        events = request.env["omni.billing.stripe.event"].sudo()
        try:
            events._store(provider, event)
        except (ValueError, RecursionError) as error:
            raise BadRequest("This is no event of Stripe.") from error
        return request.make_json_response("")

    def _billing_read_event(self, payload, signature):
        """Find the account whose secret signed the event."""
        try:
            gateway = gateways.load("stripe").StripeGateway
        except GatewayDenied as error:
            _logger.error("Stripe's SDK does not work: %s", error)
            # Nothing is lost: Stripe sends it again for days.
            raise ServiceUnavailable from error
        Provider = request.env["payment.provider"].sudo()  # sudo: nobody asks yet.
        providers = Provider.search(
            [("code", "=", "stripe"), ("state", "in", ("enabled", "test"))]
        )
        for provider in providers:
            secret = stripe_utils.get_webhook_secret(provider) or ""
            try:
                return provider, gateway.read_event(payload, signature, secret)
            except GatewayRefused:
                continue
        return providers[:0], None

import hashlib
import json
import logging

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize

from odoo.addons.payment_stripe import utils as stripe_utils
from odoo.addons.payment_stripe.const import HANDLED_WEBHOOK_EVENTS

from ... import gateways
from ...exceptions import GatewayDenied, GatewayRefused
from ...gateways.stripe_answers import Decline
from ...tools.insert import insert_once
from ...tools.lock import take_turns
from ...tools.notice import notice

_logger = logging.getLogger(__name__)

#: Besides those that payment_stripe asks for (its const.py).
WEBHOOK_EVENTS = (
    "payment_intent.requires_action",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "checkout.session.completed",
    "checkout.session.expired",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.updated",
    "mandate.updated",
    "payment_method.updated",
    "payment_method.detached",
    "customer.deleted",
)
#: What card networks changed, by its name in this version and before 2020-08-27: an
#: endpoint that Odoo makes speaks 2019-05-16
#: (https://docs.stripe.com/changelog/2020-08-27/renames-automatically-updated-event-type).
CARD_UPDATES = (
    "payment_method.automatically_updated",
    "payment_method.card_automatically_updated",
)
STRIPE_JS_URL = "https://js.stripe.com/v3/"


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    billing_sdk_problem = fields.Char(
        string="Problem", compute="_compute_billing_sdk_problem"
    )

    billing_has_no_secret = fields.Boolean(
        string="No Webhook Secret",
        compute="_compute_billing_has_no_secret",
        help="Stripe's events are refused, since nobody can tell whose they are.",
    )

    @api.depends("code", "state", "stripe_webhook_secret")
    def _compute_billing_has_no_secret(self):
        for provider in self:
            provider.billing_has_no_secret = (
                provider.code == "stripe"
                and provider.state != "disabled"
                and not stripe_utils.get_webhook_secret(provider)
            )

    @api.depends("code")
    def _compute_billing_sdk_problem(self):
        for provider in self:
            is_stripe = provider.code == "stripe"
            problem = gateways.find_problem("stripe") if is_stripe else ""
            provider.billing_sdk_problem = problem

    def _billing_get_gateway(self):
        """Return the gateway to the account. The one seam for tests.

        :raise UserError: if Stripe is not set up, or the server lacks its SDK.
        """
        self.ensure_one()
        # sudo: staff charge cards, administrators alone read the secret key.
        provider = self.sudo()
        secret_key = stripe_utils.get_secret_key(provider)
        if provider.code != "stripe" or provider.state == "disabled" or not secret_key:
            raise UserError(
                self.env._(
                    "Cards cannot be charged: Stripe is not set up for %(company)s. An"
                    " administrator does it in Invoicing > Configuration > Payment"
                    " Providers.",
                    company=provider.company_id.name,
                )
            ) from GatewayDenied("no_key", "There is no key.")
        try:
            stripe = gateways.load("stripe")
        except GatewayDenied as error:
            _logger.error("Stripe's SDK does not work: %s", error)
            raise UserError(
                self.env._(
                    "Cards cannot be charged: the server's Python package for Stripe is"
                    " missing, broken or too old. An administrator reads what to do in"
                    " Invoicing > Configuration > Payment Providers."
                )
            ) from error
        api_base = self._billing_get_test_url("stripe_api_base")
        return stripe.StripeGateway(secret_key, api_base)

    def _billing_check_mode(self):
        """Check it before money moves: an outcome of the other mode counts nowhere.

        :raise UserError: if test mode has a live key, or the reverse.
        """
        self.ensure_one()
        provider = self.sudo()  # sudo: administrators alone read the secret key.
        key = provider.stripe_secret_key or ""
        if ("_live_" if provider.state == "test" else "_test_") in key[:8]:
            raise UserError(
                self.env._(
                    "Nothing was charged: %(provider)s is set to another mode (test, or"
                    " enabled) than its secret key is made for. An administrator sets"
                    " it right in Invoicing > Configuration > Payment Providers.",
                    provider=provider.display_name,
                )
            )

    def _billing_get_test_url(self, name):
        """Return another address of Stripe; in test mode only."""
        self.ensure_one()
        provider = self.sudo()  # sudo: staff do not manage providers.
        if provider.state != "test":
            return ""
        # sudo: system parameters are for administrators.
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param(f"omni_billing.{name}") or ""

    @api.model
    def _billing_get_stripe_js_url(self):
        """Return where the browser loads Stripe.js from, for a page of any account."""
        # sudo: a page of the portal asks.
        stripe = self.sudo().search([("code", "=", "stripe")])
        if stripe.filtered(lambda provider: provider.state == "enabled"):
            return STRIPE_JS_URL
        in_test = stripe.filtered(lambda provider: provider.state == "test")[:1]
        url = in_test and in_test._billing_get_test_url("stripe_js_url")
        return url or STRIPE_JS_URL

    def _build_request_url(self, endpoint, *, is_proxy_request=False, **kwargs):
        """Override of `payment_stripe`: a test server, in test mode only."""
        base = self.code == "stripe" and self._billing_get_test_url("stripe_api_base")
        if base and not is_proxy_request:
            return f"{base.rstrip('/')}/v1/{endpoint}"
        return super()._build_request_url(
            endpoint, is_proxy_request=is_proxy_request, **kwargs
        )

    def _send_api_request(self, method, endpoint, *, data=None, **kwargs):
        """Override of `payment`: the webhook Odoo registers tells all that we use."""
        request = super()._send_api_request
        if self.code != "stripe" or (method, endpoint) != ("POST", "webhook_endpoints"):
            return request(method, endpoint, data=data, **kwargs)
        wanted = {*data["enabled_events[]"], *self._billing_get_webhook_events()}
        try:
            all_data = {**data, "enabled_events[]": sorted(wanted)}
            return request(method, endpoint, data=all_data, **kwargs)
        except ValidationError as error:
            # Of an event that was renamed, Stripe takes the old name from some only.
            if CARD_UPDATES[1] not in str(error) and "enabled_events" not in str(error):
                raise
        data = {**data, "enabled_events[]": sorted(wanted - {CARD_UPDATES[1]})}
        return request(method, endpoint, data=data, **kwargs)

    def action_billing_update_webhook(self):
        """Have a webhook that is at Stripe already tell all that we use.

        One that was made before this version, or by hand, lacks some. Nothing is lost
        meanwhile: jobs ask for what no event told.

        :raise UserError: if there is none of this server's address.
        """
        self.ensure_one()
        self.check_access("write")
        wanted = {*HANDLED_WEBHOOK_EVENTS, *self._billing_get_webhook_events()}
        address = self._get_stripe_webhook_url()
        answer = self._send_api_request(
            "GET", "webhook_endpoints", params={"limit": 100}
        )
        ours = [one for one in answer["data"] if one["url"] == address]
        if not ours:
            raise UserError(
                self.env._(
                    "Stripe has no webhook with the address %(address)s. Look there, or"
                    " delete the secret here and generate one.",
                    address=address,
                )
            )
        for endpoint in ours:
            known = set(endpoint["enabled_events"])
            # The old name of one is for endpoints that have it.
            lacking = wanted - known - {CARD_UPDATES[1]}
            if lacking and "*" not in known:
                self._send_api_request(
                    "POST",
                    f"webhook_endpoints/{endpoint['id']}",
                    data={"enabled_events[]": sorted(known | lacking)},
                )
        return notice(self.env._("Stripe's webhook tells all that is used here."))

    @api.model
    def _billing_get_webhook_events(self):
        """Return the types of events that we ask for, besides Odoo's. Hook.

        :rtype: set[str]
        """
        return {*WEBHOOK_EVENTS, *CARD_UPDATES}

    def _parse_response_error(self, response):
        """Override of `payment_stripe`: who pays reads our words, in their language.

        Stripe's are English, and may name keys, accounts and ids: they are for the
        log, and for an administrator who sets Stripe up.
        """
        if self.code != "stripe" or not self.env.context.get("billing_explains"):
            return super()._parse_response_error(response)
        try:
            error = dict(response.json()["error"])
        except (ValueError, LookupError, TypeError):
            # A page of a proxy, say.
            error = {"message": response.status_code}
        code = error.get("code") or ""
        _logger.warning("Stripe refused (%s): %s", code, error.get("message"))
        if error.get("type") == "card_error":
            decline = Decline(code, error.get("decline_code") or "", "")
            return self.env["payment.transaction"]._billing_explain_decline(decline)
        return self._billing_explain_refusal(code)

    def _billing_explain_refusal(self, code):
        """Return why Stripe did not even ask the bank, for who pays.

        :param str code: of Stripe's error (https://docs.stripe.com/error-codes).
        """
        sentences = {
            "amount_too_small": self.env._(
                "The amount is less than the smallest that can be charged in this"
                " currency. Nothing was charged: pay it together with other invoices,"
                " or in another way."
            ),
            "amount_too_large": self.env._(
                "The amount is more than the largest that can be charged at once."
                " Nothing was charged: pay it in parts, or in another way."
            ),
            "resource_missing": self.env._(
                "Stripe does not know this card any more. Delete it and add it again."
            ),
            "rate_limit": self.env._(
                "Stripe is busy. Nothing was charged: try again in a minute."
            ),
            "charge_already_refunded": self.env._("This payment is refunded already."),
        }
        return sentences.get(code) or self.env._(
            "Stripe did not accept it, and no money was moved. Try again later, or take"
            " another way; if it goes on, tell the seller: %(code)s.",
            code=code or self.env._("no reason given"),
        )

    def _billing_get_customer(self, partner):
        """Return the id at Stripe of a partner: one for each account (W4).

        It is made when it is first needed, and again if it was deleted there.

        :raise GatewayRefused: if Stripe says no.
        :raise GatewayUnknown: if it gives no answer.
        """
        self.ensure_one()
        Customer = self.env["omni.billing.stripe.customer"].sudo()  # sudo: internal.
        customer = partner.commercial_partner_id
        known = Customer.search(
            [("provider_id", "=", self.id), ("partner_id", "=", customer.id)]
        )
        gateway = self._billing_get_gateway()
        if known and gateway.has_customer(known.reference):
            return known.reference
        # Odoo has several addresses in one field, and names beside them.
        email = email_normalize(customer.email or "", strict=False) or ""
        try:
            reference = self._billing_create_customer(customer, email, known)
        except GatewayRefused as error:
            if not email or error.code != "email_invalid":
                raise
            # It is for receipts of Stripe's own only.
            reference = self._billing_create_customer(customer, "", known)
        if known:
            known.reference = reference
        else:
            values = {
                "provider_id": self.id,
                "partner_id": customer.id,
                "reference": reference,
            }
            insert_once(Customer, ("provider_id", "partner_id"), [values])
        return reference

    def _billing_create_customer(self, customer, email, known):
        """Create a customer at Stripe; return its id.

        After a rollback the same key gives the same customer again. Stripe refuses a
        key that came with other values, so the key says what the values are.
        """
        uuid = self._billing_get_uuid()
        values = [customer.name or customer.display_name, email]
        digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
        return self._billing_get_gateway().create_customer(
            *values,
            {"odoo_partner": str(customer.id), "odoo_database": uuid},
            f"{uuid}-customer-{customer.id}-{known.reference or ''}-{digest}",
        )

    def _billing_ensure_method_line(self):
        """Have Odoo make the line of a journal that payments are booked with.

        Odoo makes it when it is first looked for. Two processes that look at the same
        time would each make one, and with two Odoo books nothing. Here PostgreSQL
        refuses the second, which tries again and finds that of the first.
        """
        # sudo: staff charge cards that they do not manage.
        lines = self.env["account.payment.method.line"].sudo()
        for provider in self.sudo():  # sudo: as above
            if not lines.search_count(
                [("payment_provider_id", "=", provider.id), ("journal_id", "!=", False)]
            ):
                take_turns(provider)
                provider.mapped("journal_id")

    def _billing_get_uuid(self):
        # sudo: system parameters are for administrators.
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param("database.uuid")


class OmniBillingStripeCustomer(models.Model):
    """Which customer at Stripe a partner is, in each account."""

    _name = "omni.billing.stripe.customer"
    _inherit = "omni.billing.server.mixin"
    _description = "Customer at Stripe"

    provider_id = fields.Many2one("payment.provider", required=True, ondelete="cascade")
    partner_id = fields.Many2one(
        "res.partner", required=True, ondelete="cascade", index=True
    )
    reference = fields.Char(required=True, index=True)

    _partner_uniq = models.Constraint(
        "UNIQUE(provider_id, partner_id)",
        "A partner is one customer in each account.",
    )

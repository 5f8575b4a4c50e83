from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.payment_stripe import utils as stripe_utils

from ..exceptions import GatewayDenied
from ..gateways.stripe import StripeGateway

#: Besides those that payment_stripe asks for (its const.py).
WEBHOOK_EVENTS = (
    "payment_intent.requires_action",
    "setup_intent.setup_failed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "payment_method.automatically_updated",
    "payment_method.updated",
    "payment_method.detached",
    "customer.deleted",
)
STRIPE_JS_URL = "https://js.stripe.com/v3/"


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    def _billing_get_gateway(self):
        """Return the gateway to the account. The one seam for tests.

        :raise UserError: if Stripe is not set up.
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
        return StripeGateway(secret_key, self._billing_get_test_url("stripe_api_base"))

    def _billing_get_test_url(self, name):
        """Return another address of Stripe; in test mode only (design §3)."""
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
        is_webhook = (method, endpoint) == ("POST", "webhook_endpoints")
        if self.code == "stripe" and is_webhook:
            events = {*data["enabled_events[]"], *WEBHOOK_EVENTS}
            data = {**data, "enabled_events[]": sorted(events)}
        return super()._send_api_request(method, endpoint, data=data, **kwargs)

    def _billing_get_customer(self, partner):
        """Return the id at Stripe of a partner: one for each account (W4).

        It is made when it is first needed, and again if it was deleted there.
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
        uuid = self._billing_get_uuid()
        reference = gateway.create_customer(
            customer.name or customer.display_name,
            customer.email or "",
            {"odoo_partner": str(customer.id), "odoo_database": uuid},
            # After a rollback the same key gives the same customer.
            f"{uuid}-customer-{customer.id}-{known.reference or ''}",
        )
        if known:
            known.reference = reference
        else:
            self.env.cr.execute(
                SQL(
                    "INSERT INTO omni_billing_stripe_customer"
                    " (provider_id, partner_id, reference, create_uid, create_date)"
                    " VALUES (%s, %s, %s, %s, now() at time zone 'UTC')"
                    " ON CONFLICT (provider_id, partner_id) DO NOTHING",
                    self.id,
                    customer.id,
                    reference,
                    self.env.uid,
                ),
                log_exceptions=False,
            )
        return reference

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
                self.env.cr.execute(
                    SQL(
                        "UPDATE payment_provider"
                        " SET write_date = now() at time zone 'UTC' WHERE id = %s",
                        provider.id,
                    )
                )
                provider.invalidate_recordset(["journal_id"])
                provider.mapped("journal_id")

    def _billing_get_uuid(self):
        # sudo: system parameters are for administrators.
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param("database.uuid")


class OmniBillingStripeCustomer(models.Model):
    """Which customer at Stripe a partner is, in each account."""

    _name = "omni.billing.stripe.customer"
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

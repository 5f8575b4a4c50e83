from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.action import open_dialog
from ...tools.periods import format_period


class ResPartner(models.Model):
    """Billing a customer."""

    _inherit = "res.partner"

    # === ACTION METHODS === #

    def action_billing_proforma(self):
        """Open the proforma wizard on this customer, or on none (F40, F41)."""
        self.check_access("read")
        partner = self[:1]
        if partner and not partner.active:
            raise UserError(
                self.env._(
                    "%(customer)s is archived. Unarchive the customer to bill.",
                    customer=partner.display_name,
                )
            )
        title = self.env._("Generate a Proforma Invoice")
        context = {
            "default_partner_id": partner.id,
            "billing_partner_fixed": bool(partner),
        }
        return open_dialog("omni.billing.proforma.wizard", title, context)

    # === HELPERS === #

    def _billing_get_payment_term(self, company):
        """Return the `account.payment.term` of the customer in a company, if any."""
        customer = self.commercial_partner_id.with_company(company)
        return customer.property_payment_term_id

    def _billing_get_due_date(self, company, invoice_date):
        """Return until when all is due by the terms of the customer, if it has any."""
        term = self._billing_get_payment_term(company)
        days = [line._get_due_date(invoice_date) for line in term.line_ids]
        return max(days, default=None)

    def _billing_propose_title(self, start, end):
        """Write a title of an invoice in the customer's language: it is printed there.

        :param start: first day of the period, if any.
        :param end: last day of the period, if any.
        """
        env = self.with_context(lang=self.lang or self.env.lang).env
        period = format_period(start, end, lambda day: format_date(env, day))
        if not period:
            return env._("Invoice")
        if start and end and start != end:
            return env._("Invoice for %(period)s", period=period)
        return env._("Invoice of %(date)s", date=period)

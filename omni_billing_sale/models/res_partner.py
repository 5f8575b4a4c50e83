from odoo import fields, models


class ResPartner(models.Model):
    """Who bills what a customer orders in Sales."""

    _inherit = "res.partner"

    billing_sale = fields.Selection(
        [("billing", "Omni Billing"), ("sale", "Invoices of Sales")],
        string="Orders Are Billed by",
        company_dependent=True,
        copy=False,
        groups="base.group_user",
        help="Empty: as the company says. It holds for new quotations.",
    )

    def _billing_has_orders(self, company):
        """Whether what this customer orders is billed by Omni Billing.

        :param company: the `res.company` that sells.
        """
        # sudo: customers order, too, and settings are not theirs to read.
        partner = self.commercial_partner_id.sudo().with_company(company)
        if partner.billing_sale:
            return partner.billing_sale == "billing"
        # sudo: as above.
        return company.sudo().billing_sale

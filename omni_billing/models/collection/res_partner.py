from odoo import api, fields, models
from odoo.fields import Domain


class ResPartner(models.Model):
    """Customers who are not reminded."""

    _inherit = "res.partner"

    billing_reminders_paused = fields.Boolean(
        string="Reminders Paused",
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Neither reminded of any invoice, nor charged a late fee.",
    )
    billing_promise_date = fields.Date(
        string="Promised for",
        compute="_compute_billing_promise_date",
        groups="account.group_account_invoice,account.group_account_readonly",
        help="The next day by which the customer promised to pay an invoice.",
    )

    @api.depends_context("company")
    def _compute_billing_promise_date(self):
        Move = self.env["account.move"]
        days = dict(
            Move._read_group(
                Move._billing_get_unpaid_domain()
                & Domain("commercial_partner_id", "in", self.commercial_partner_id.ids)
                & Domain("company_id", "=", self.env.company.id)
                & Domain("billing_promise_state", "=", "open"),
                ["commercial_partner_id"],
                ["billing_promise_date:min"],
            )
        )
        for partner in self:
            customer = partner.commercial_partner_id
            partner.billing_promise_date = days.get(customer, False)

    def action_billing_promise(self):
        """Open the dialog that notes when the customer pays what it owes."""
        return self._billing_find_unpaid().action_billing_promise()

    def action_billing_pause_reminders(self):
        """Pause the reminders of all invoices of the customer, or resume them."""
        self.check_access("write")
        for customer in self.commercial_partner_id:
            customer.billing_reminders_paused = not customer.billing_reminders_paused
        return True

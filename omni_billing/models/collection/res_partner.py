from odoo import fields, models


class ResPartner(models.Model):
    """Customers who are not reminded."""

    _inherit = "res.partner"

    billing_reminders_paused = fields.Boolean(
        string="Reminders Paused",
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="Neither reminded of any invoice, nor charged a late fee.",
    )

    def action_billing_pause_reminders(self):
        """Pause the reminders of all invoices of the customer, or resume them."""
        self.check_access("write")
        for customer in self.commercial_partner_id:
            customer.billing_reminders_paused = not customer.billing_reminders_paused
        return True

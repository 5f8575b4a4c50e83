from odoo import fields, models

from ...const import COMING_STATES


class AccountMove(models.Model):
    """Paying an invoice on later days, or in several payments (F148)."""

    _inherit = "account.move"

    billing_installment_ids = fields.One2many(
        "omni.billing.installment",
        "invoice_id",
        string="Scheduled Payments",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    def _billing_get_coming_payments(self):
        """Return the payments that are planned and not over, the next one first."""
        # sudo: whoever may see the invoice may know when it is paid.
        return self.sudo().billing_installment_ids.filtered(
            lambda installment: installment.charge_state in COMING_STATES
        )

    def _billing_has_plan(self):
        """Whether what is owed is going to be paid on other days."""
        return bool(self._billing_get_coming_payments())

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

    def _billing_set_void(self):
        """Override: nothing is late of what should not have been."""
        result = super()._billing_set_void()
        for move in self:
            move._billing_void_late_fees()
        return result

    def _billing_void_late_fees(self):
        """Void the late fees of a void invoice; those that are billed are told."""
        # sudo: whoever may void the invoice takes back what it made.
        fees = self.env["omni.billing.late.fee"].sudo()
        charges = fees.search([("move_id", "=", self.id)]).transaction_id
        waiting = charges.filtered(lambda charge: charge.state == "unbilled")
        waiting._set_void(
            reason=self.env._(
                "Late fee of %(invoice)s, which is void", invoice=self.name
            )
        )
        for invoice in (charges - waiting).invoice_id:
            invoice._billing_tell_staff(
                self.env._(
                    "A late fee of %(void)s is on this invoice, and %(void)s is void by"
                    " now. Cancel that item, or leave it if it is meant.",
                    void=self.name,
                )
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

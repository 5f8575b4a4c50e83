from odoo import models


class AccountMove(models.Model):
    """What collecting leaves behind when an invoice is void."""

    _inherit = "account.move"

    def _billing_set_void(self):
        """Override: nothing is late of what should not have been, nor charged."""
        result = super()._billing_set_void()
        for move in self:
            move._billing_void_late_fees()
        self._billing_end_plan(self.env._("The invoice is void."))
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

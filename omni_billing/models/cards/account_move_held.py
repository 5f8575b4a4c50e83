from odoo import models
from odoo.exceptions import UserError


class AccountMove(models.Model):
    """Staff give back what a bank holds for an invoice."""

    _inherit = "account.move"

    # === ACTION METHODS === #

    def action_billing_void_authorized(self):
        """Give back what banks hold for an invoice, by Odoo's own way to void it.

        :return: Odoo's notification of what came of it.
        :rtype: dict
        :raise AccessError: if the user may not change the invoice.
        :raise UserError: if no bank holds anything, or the provider cannot do it.
        """
        self.ensure_one()
        self.check_access("write")
        self._billing_lock()
        # sudo: staff see card payments through billing only; `_void` asks who it is.
        held = self.sudo().transaction_ids.filtered(lambda tx: tx.state == "authorized")
        if not held:
            raise UserError(
                self.env._(
                    "No bank holds money for %(invoice)s any more. Look at what is left"
                    " to pay.",
                    invoice=self.display_name,
                )
            )
        for payment in held:
            if not payment._billing_is_voidable():
                raise UserError(payment._billing_explain_held())
        return held.action_void()

from odoo import fields, models

from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


class OmniBillingUndoWizard(models.TransientModel):
    """Undo a payment, or a refund, that was recorded by hand (F150, F178)."""

    _name = "omni.billing.undo.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Undo a Payment"

    payment_id = fields.Many2one("account.payment", required=True)
    currency_id = fields.Many2one(related="payment_id.currency_id")
    payment_type = fields.Selection(related="payment_id.payment_type")
    amount = fields.Monetary(related="payment_id.amount")
    date = fields.Date(related="payment_id.date")
    reason = fields.Char()

    @once
    def action_undo(self):
        """Undo it, see `account.payment._billing_undo`.

        :raise UserError: if it cannot be undone; the message says what to do instead.
        """
        self.payment_id._billing_undo(self.reason)
        message = self.env._(
            "Undone: %(amount)s of %(customer)s.",
            amount=format_amount(self.env, self.amount, self.currency_id),
            customer=self.payment_id.partner_id.display_name,
        )
        return notice(message, after=close())

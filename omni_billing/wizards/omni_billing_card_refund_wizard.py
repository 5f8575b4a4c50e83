from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount


class OmniBillingCardRefundWizard(models.TransientModel):
    """Give a card payment back to the card it came from (F171-F177)."""

    _name = "omni.billing.card.refund.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Refund an Invoice"

    invoice_id = fields.Many2one("account.move", required=True)
    note_id = fields.Many2one(
        "account.move",
        string="Credit Note",
        help="Posted before: the money is set against it.",
    )
    currency_id = fields.Many2one(related="invoice_id.currency_id")
    amount_available = fields.Monetary(
        string="Can Be Refunded", compute="_compute_amount_available"
    )
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, precompute=True
    )

    @api.depends("invoice_id", "note_id")
    def _compute_amount_available(self):
        for wizard in self:
            wizard.amount_available = (
                wizard.invoice_id._billing_get_refundable_amount(wizard.note_id)
                if wizard.invoice_id
                else 0.0
            )

    @api.depends("amount_available")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.amount_available

    def action_refund(self):
        """Refund, and say what came of it.

        :raise UserError: if nothing was refunded; the message says why.
        """
        self.ensure_one()
        attempts = self.invoice_id._billing_refund(self.amount, self.note_id)
        last = attempts[-1]
        if last.state in ("error", "cancel"):
            raise UserError(last.state_message or self.env._("Nothing was refunded."))
        amount = format_amount(self.env, self.amount, self.currency_id)
        if last.state == "done":
            kind = "success"
            message = self.env._(
                "%(amount)s of %(invoice)s refunded to the card. It takes 3 to 7"
                " working days to arrive.",
                amount=amount,
                invoice=self.invoice_id.name,
            )
        else:
            kind = "warning"
            message = self.env._(
                "The refund of %(amount)s is under way; Stripe has not confirmed it"
                " yet. It is booked when it is.",
                amount=amount,
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

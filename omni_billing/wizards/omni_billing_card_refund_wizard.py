from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


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

    attempt_ids = fields.Many2many(
        "payment.transaction",
        "omni_billing_card_refund_attempt_rel",
        readonly=True,
        groups="base.group_system",
        help="One for each payment that is given back.",
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

    @once
    def action_refund(self):
        """Refund, and say what came of it.

        :raise UserError: if nothing was refunded; the message says why.
        """
        # sudo: attempts are internal.
        dialog = self.sudo()
        # Of one whose answer was lost.
        dialog.attempt_ids._billing_resolve()
        begun = dialog._get_live_attempts()
        left = self.amount + sum(begun.mapped("amount"))
        is_rest = not (begun and self.currency_id.is_zero(left))
        if is_rest and not self._is_under_way():
            self.invoice_id._billing_refund(left, self.note_id, dialog._note_down)
        last = dialog.attempt_ids.sorted("id")[-1]
        if last.state in ("error", "cancel"):
            raise UserError(last.state_message or self.env._("Nothing was refunded."))
        amount = format_amount(self.env, self.amount, self.currency_id)
        if last.state == "done":
            kind = "success"
            message = self.env._(
                "%(amount)s of %(invoice)s refunded. It takes 3 to 7"
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
        return notice(message, kind, after=close())

    def _is_under_way(self):
        """Override: a refund whose outcome is unknown is asked for, never repeated."""
        # sudo: attempts are internal.
        return any(self.sudo().attempt_ids.mapped("billing_is_open"))

    def _get_live_attempts(self):
        """Return what went back to the card, or may have; amounts are negative."""
        return self.attempt_ids.filtered(lambda tx: tx.state not in ("error", "cancel"))

    def _note_down(self, attempt):
        """Write that this dialog has its attempt; it is committed with it."""
        self.attempt_ids += attempt

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.notice import close, notice
from ..tools.numbers import format_amount
from .omni_billing_dialog_mixin import once


class OmniBillingAskWizard(models.TransientModel):
    """Ask a manager to do what staff may not (F8, WF9)."""

    _name = "omni.billing.ask.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Ask a Manager"

    operation = fields.Selection(
        [("void", "Void"), ("refund", "Refund")], required=True
    )
    invoice_ids = fields.Many2many("account.move", string="Invoices", required=True)
    currency_id = fields.Many2one("res.currency", compute="_compute_amount_available")
    amount_available = fields.Monetary(
        string="Can Be Refunded", compute="_compute_amount_available"
    )
    amount = fields.Monetary(
        compute="_compute_amount", store=True, readonly=False, precompute=True
    )
    by_credit_note = fields.Boolean(
        help="Balance by a credit note of today what could still be cancelled."
    )
    reason = fields.Char()

    @api.depends("operation", "invoice_ids")
    def _compute_amount_available(self):
        for wizard in self:
            move = wizard.invoice_ids[:1]._origin
            is_note = move.move_type == "out_refund"
            invoice = move.reversed_entry_id if is_note else move
            wizard.currency_id = move.currency_id
            wizard.amount_available = (
                invoice._billing_get_refundable_amount(move if is_note else None)
                if invoice and wizard.operation == "refund"
                else 0.0
            )

    @api.depends("amount_available")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.amount_available

    @once
    def action_ask(self):
        """Leave the request in To Do, for a manager.

        :raise UserError: if it is asked for already, a reason lacks, or the amount is
            not within what can be refunded.
        """
        if self.operation == "refund":
            self._check_refund()
        self.env["omni.billing.request"]._ask(
            self.operation,
            self.invoice_ids,
            self.reason,
            self.amount if self.operation == "refund" else 0.0,
            self.by_credit_note,
        )
        message = self.env._(
            "A manager has it in To Do. Nothing is changed until then."
        )
        return notice(message, "info", after=close())

    def _check_refund(self):
        if len(self.invoice_ids) != 1:
            raise UserError(self.env._("Ask for the refund of one after the other."))
        compare = self.currency_id.compare_amounts
        if (
            compare(self.amount, 0) <= 0
            or compare(self.amount, self.amount_available) > 0
        ):
            raise UserError(
                self.env._(
                    "At most %(amount)s can be refunded.",
                    amount=format_amount(
                        self.env, self.amount_available, self.currency_id
                    ),
                )
            )

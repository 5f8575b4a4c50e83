from odoo import api, fields, models
from odoo.exceptions import UserError

from .omni_billing_dialog_mixin import once


class OmniBillingVoidWizard(models.TransientModel):
    """Ask for a reason, and say what will happen (F160)."""

    _name = "omni.billing.void.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Void Transactions or Invoices"

    transaction_ids = fields.Many2many("omni.billing.transaction")
    invoice_ids = fields.Many2many("account.move", string="Invoices")
    reason = fields.Char()
    by_credit_note = fields.Boolean(
        help="Balance by a credit note of today what could still be cancelled.",
    )
    cancel_count = fields.Integer(compute="_compute_counts")
    note_count = fields.Integer(compute="_compute_counts")
    can_bill_again = fields.Boolean(
        compute="_compute_can_bill_again",
        help="It is one invoice, and its items can go on a new one.",
    )

    @api.depends("invoice_ids")
    def _compute_counts(self):
        """Count what can be cancelled, and what needs a credit note in any case."""
        for wizard in self:
            numbered = wizard.invoice_ids.filtered(lambda move: move.state == "posted")
            notes = numbered.filtered(lambda move: move._billing_needs_credit_note())
            wizard.note_count = len(notes)
            wizard.cancel_count = len(numbered - notes)

    @api.depends("invoice_ids", "transaction_ids")
    def _compute_can_bill_again(self):
        for wizard in self:
            is_one = len(wizard.invoice_ids) == 1 and not wizard.transaction_ids
            wizard.can_bill_again = is_one and bool(
                wizard.invoice_ids.move_type == "out_invoice"
                and wizard.invoice_ids.billing_transaction_ids
            )

    @once
    def action_void(self):
        return self._void()

    @once
    def action_void_and_bill(self):
        """Void one invoice, and bill what was on it again (F165).

        :return: the action that opens the preview with its items, and nothing else.
        :raise UserError: if it is not one invoice with items.
        """
        if not self.can_bill_again:
            raise UserError(
                self.env._("Only what was on one invoice can be billed again at once.")
            )
        self._void()
        return self.invoice_ids.action_billing_duplicate()

    def _void(self):
        if len(self.invoice_ids) == 1:
            # It commits what Stripe says of what the customer began.
            self.invoice_ids._billing_settle_attempts()
        if self.transaction_ids:
            self.transaction_ids.action_void(reason=self.reason)
        if len(self.invoice_ids) > 1:
            return self.env["omni.billing.bulk"]._start(
                "void",
                self.invoice_ids,
                reason=self.reason,
                by_credit_note=self.by_credit_note,
            )
        if self.invoice_ids:
            self.invoice_ids.action_billing_void(
                reason=self.reason, by_credit_note=self.by_credit_note
            )
        return {"type": "ir.actions.act_window_close"}

from odoo import fields, models

from .omni_billing_dialog_mixin import once


class OmniBillingVoidWizard(models.TransientModel):
    """Ask for a reason, and say what will happen (F160)."""

    _name = "omni.billing.void.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Void Transactions or Invoices"

    transaction_ids = fields.Many2many("omni.billing.transaction")
    invoice_ids = fields.Many2many("account.move", string="Invoices")
    reason = fields.Char()

    @once
    def action_void(self):
        if self.transaction_ids:
            self.transaction_ids.action_void(reason=self.reason)
        if len(self.invoice_ids) > 1:
            return self.env["omni.billing.bulk"]._start(
                "void", self.invoice_ids, reason=self.reason
            )
        if self.invoice_ids:
            self.invoice_ids.action_billing_void(reason=self.reason)
        return {"type": "ir.actions.act_window_close"}

from odoo import fields, models

from ..tools.notice import close, notice
from .omni_billing_dialog_mixin import once


class OmniBillingReportWizard(models.TransientModel):
    """Answer what a customer reported of a charge (F58, F195)."""

    _name = "omni.billing.report.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Answer to a Customer"

    transaction_id = fields.Many2one("omni.billing.transaction", required=True)
    partner_id = fields.Many2one(related="transaction_id.commercial_partner_id")
    currency_id = fields.Many2one(related="transaction_id.currency_id")
    amount_total = fields.Monetary(related="transaction_id.amount_total")
    invoice_id = fields.Many2one(related="transaction_id.invoice_id")
    report_date = fields.Datetime(related="transaction_id.report_date")
    report_text = fields.Text(related="transaction_id.report_text")
    answer = fields.Text(string="Your Answer", required=True)

    @once
    def action_answer(self):
        """Answer, see `omni.billing.transaction._answer_report`.

        :raise UserError: if there is nothing to answer any more.
        """
        self.transaction_id._answer_report(self.answer)
        message = self.env._(
            "Answered. “%(title)s” is held no more.", title=self.transaction_id.name
        )
        return notice(message, after=close())

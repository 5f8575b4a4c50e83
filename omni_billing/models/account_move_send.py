from odoo import api, models


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _get_default_pdf_report_id(self, move):
        """Override of `account`: our invoices are sent with our PDF."""
        if move._billing_has_own_pdf():
            return self.env.ref("omni_billing.report_invoice")
        return super()._get_default_pdf_report_id(move)

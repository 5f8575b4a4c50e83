from odoo import api, models


class AccountMoveSend(models.AbstractModel):
    """What Odoo's dialog sends of an invoice."""

    _inherit = "account.move.send"

    @api.model
    def _get_default_pdf_report_id(self, move):
        """Override of `account`: our invoices are sent with our PDF, others are not.

        Odoo remembers for a customer which was chosen last, for whatever invoice.
        """
        own = self.env.ref("omni_billing.report_invoice")
        if move._billing_has_own_pdf():
            return own
        report = super()._get_default_pdf_report_id(move)
        return self.env.ref("account.account_invoices") if report == own else report

from odoo import api, models
from odoo.tools import SQL


class AccountInvoiceReport(models.Model):
    """Odoo's Invoice Analysis is of what was sold (W51)."""

    _inherit = "account.invoice.report"
    _depends = {"account.move.line": ["billing_wallet_id"]}

    @api.model
    def _where(self):
        """Override of `account`: no top-up; the invoices that it pays are turnover."""
        return SQL("%s AND line.billing_wallet_id IS NULL", super()._where())

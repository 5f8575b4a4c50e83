from odoo import api, models


class AccountMoveSend(models.AbstractModel):
    """What Odoo's dialog, and other channels, send of an invoice."""

    _inherit = "account.move.send"

    @api.model
    def _hook_invoice_document_after_pdf_report_render(self, invoice, invoice_data):
        """Override of `account_edi_ubl_cii`: our PDF has its XML inside already.

        Odoo would put it in a second time, and the file would not be PDF/A any more.
        """
        values = invoice_data.get("pdf_attachment_values")
        is_whole = values and invoice._billing_has_facturx()
        content = values["raw"] if is_whole else None
        result = super()._hook_invoice_document_after_pdf_report_render(
            invoice, invoice_data
        )
        if is_whole:
            values["raw"] = content
        return result

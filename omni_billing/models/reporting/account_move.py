from odoo import fields, models

PDF_TYPE = "application/pdf"


class AccountMove(models.Model):
    _inherit = "account.move"

    def _billing_list_statement_files(self):
        """Override: the account since the day of the oldest of these invoices."""
        files = super()._billing_list_statement_files()
        today = fields.Date.context_today(self)
        customer, company = self.commercial_partner_id, self.company_id
        # sudo: it is made for the customer, whoever sends it.
        Statement = self.env["omni.billing.statement"].sudo()
        statement = Statement.with_company(company).create(
            {
                "partner_id": customer.id,
                "company_id": company.id,
                "date_from": min([today, *self.mapped("date")]),
                "date_to": today,
            }
        )
        return [
            *files,
            (f"{statement.display_name}.pdf", statement._render(), PDF_TYPE),
        ]

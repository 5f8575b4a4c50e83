from odoo import models

from odoo.addons.omni_billing.tools.database import commit


class AccountMove(models.Model):
    _inherit = "account.move"

    def _job_billing_render_pdf(self):
        """Make the PDFs of some invoices"""
        for move in self:
            move._billing_get_pdf()
            # Committed one by one: who opens one meanwhile has not to wait for all.
            commit(self.env)

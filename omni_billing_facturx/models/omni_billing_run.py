from odoo import models


class OmniBillingRun(models.Model):
    """A check says what would keep the invoices of a run from being posted."""

    _inherit = "omni.billing.run"

    def _judge(self, line, transactions):
        """Override of `omni_billing`: what is missing is known before (W20)."""
        is_ready = super()._judge(line, transactions)
        company = self.company_id
        if is_ready and self.state == "checking" and company.billing_facturx:
            untaxed = transactions.filtered(lambda t: not t.tax_ids)
            untaxed -= untaxed._find_penalties()
            faults = [
                line.reason,
                *line.partner_id._billing_list_facturx_faults(company),
                untaxed._explain_untaxed(untaxed.mapped("name")),
            ]
            line.reason = " ".join(filter(None, faults)) or False
        return is_ready

from odoo import api, models


class OmniBillingInstallment(models.Model):
    """Who agreed to pay later is not suspended (W35)."""

    _inherit = "omni.billing.installment"

    @api.model_create_multi
    def create(self, vals_list):
        payments = super().create(vals_list)
        payments.invoice_id.commercial_partner_id._billing_review_services()
        return payments

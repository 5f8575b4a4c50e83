from odoo import api, models


class AccountPartialReconcile(models.Model):
    """Whatever pays, or is taken back: services of the customer go on, or not (W35)."""

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._billing_find_customers()._billing_review_services()
        return partials

    def unlink(self):
        customers = self._billing_find_customers()
        result = super().unlink()
        customers._billing_review_services()
        return result

    def _billing_find_customers(self):
        """Return whose receivables these are about."""
        lines = self.debit_move_id | self.credit_move_id
        return lines.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).partner_id.commercial_partner_id

from odoo import fields, models


class AccountAnalyticLine(models.Model):
    """Odoo's analytic items tell of which site of a customer they are (F183)."""

    _inherit = "account.analytic.line"

    billing_site_id = fields.Many2one(
        related="move_line_id.billing_site_id", string="Site of the Customer"
    )

    def _patch_view(self, arch, view, view_type):
        """Override of `analytic`: our report has a row for each analytic plan."""
        arch, view = super()._patch_view(arch, view, view_type)
        ours = "omni_billing.account_analytic_line_view_pivot_billing"
        if view_type == "pivot" and view == self.env.ref(ours, False):
            project, others = self.env["account.analytic.plan"]._get_all_plans()
            # Odoo's own plan, of projects, if the company has no other.
            for plan in others or project:
                node = arch.find(f".//field[@name='{plan._column_name()}']")
                if node is not None:
                    node.set("type", "row")
        return arch, view

from odoo import api, models
from odoo.tools import format_list


class OmniBillingTransaction(models.Model):
    """What has no tax, and why that may be."""

    _inherit = "omni.billing.transaction"

    def _find_penalties(self):
        """Return those that are late penalties, which are outside VAT."""
        # sudo: who may bill need not read fees.
        fees = self.env["omni.billing.late.fee"].sudo()
        found = fees.search([("transaction_id", "in", self.ids)])
        return self & found.transaction_id.with_env(self.env)

    @api.model
    def _explain_untaxed(self, titles):
        """Return what is wrong with charges without a tax, or nothing without any."""
        if not titles:
            return None
        return self.env._(
            "No tax on %(lines)s. Choose one; for what has no VAT, a tax of 0 %% whose"
            " “Tax Category Code” says why.",
            lines=format_list(self.env, [f"“{title}”" for title in titles[:5]]),
        )

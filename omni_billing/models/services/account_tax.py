from odoo import models


class AccountTax(models.Model):
    """Taxes of services: in force until somebody replaces them."""

    _inherit = "account.tax"

    def _billing_list_uses(self):
        """Override: services charge it again and again."""
        uses = super()._billing_list_uses()
        # sudo: who archives a tax need not see services; their number is told.
        Service = self.env["omni.billing.service"].sudo()
        count = Service.search_count([("tax_ids", "in", self.ids)])
        if count:
            uses.append(self.env._("%(count)s services", count=count))
        return uses

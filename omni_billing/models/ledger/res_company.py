from odoo import models

#: What changes the amounts of all that a company sells.
WAYS = {"tax_calculation_rounding_method", "account_price_include"}


class ResCompany(models.Model):
    """How a company rounds taxes, and whether its prices have them."""

    _inherit = "res.company"

    def write(self, vals):
        """Override of `base`: what is unbilled follows, as its invoice will."""
        changed = self.filtered(
            lambda company: any(
                company[name] != vals[name] for name in WAYS & vals.keys()
            )
        )
        result = super().write(vals)
        for company in changed:
            self.env["omni.billing.stale"]._follow(company=company)
        return result

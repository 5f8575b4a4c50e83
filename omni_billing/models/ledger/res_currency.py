from odoo import models


class ResCurrency(models.Model):
    """To how many decimals a currency is rounded."""

    _inherit = "res.currency"

    def write(self, vals):
        """Override of `account`: what is unbilled follows, as its invoice will."""
        changed = self.filtered(
            lambda currency: (
                currency.rounding != vals.get("rounding", currency.rounding)
            )
        )
        result = super().write(vals)
        for currency in changed:
            self.env["omni.billing.stale"]._follow(currency=currency)
        return result

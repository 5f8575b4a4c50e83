from odoo import models

from ...tools.numbers import format_amount


class ResCurrency(models.Model):
    _inherit = "res.currency"

    def _billing_format(self, amount):
        """Write an amount of this currency in the language of the user: -$ 10.00."""
        self.ensure_one()
        return format_amount(self.env, amount, self)

from markupsafe import Markup

from odoo import api, models

from ...tools.numbers import SIGN


class IrQwebFieldAmount(models.AbstractModel):
    """As Odoo's ``monetary`` writes it, but for a sign, which comes first."""

    _name = "ir.qweb.field.omni_billing_amount"
    _inherit = ["ir.qweb.field.monetary"]
    _description = "Amount on Pages of Omni Billing"

    @api.model
    def value_to_html(self, value, options):
        is_negative = options["display_currency"].compare_amounts(value, 0) < 0
        html = super().value_to_html(abs(value), options)
        return Markup(SIGN) + html if is_negative else html

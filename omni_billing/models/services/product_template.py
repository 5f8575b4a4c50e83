from odoo import fields, models

from ...const import PERIOD_UNITS, SERVICE_TIMINGS


class ProductTemplate(models.Model):
    """What a recurring service of this product costs, and how often (F29, F185)."""

    _inherit = "product.template"

    billing_recurring_price = fields.Float(
        string="Recurring Price",
        min_display_digits="Product Price",
        help="What one costs in a period, in the currency of the sales price.",
    )
    billing_setup_price = fields.Float(
        string="Set-up Fee",
        min_display_digits="Product Price",
        help="Charged once, when the service starts.",
    )
    billing_interval = fields.Integer(string="Every", default=1)
    billing_unit = fields.Selection(
        PERIOD_UNITS,
        string="Period Unit",
        help="None: services of this product are not charged by themselves.",
    )
    billing_timing = fields.Selection(
        SERVICE_TIMINGS, string="Charged", default="advance"
    )

    _billing_interval_positive = models.Constraint(
        "CHECK(billing_interval IS NULL OR billing_interval > 0)",
        "A period has to be at least one day, week, month or year.",
    )

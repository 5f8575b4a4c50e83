from odoo import fields, models

from ...const import EXIT_FEES, PERIOD_UNITS, SERVICE_TIMINGS


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

    billing_plan_ids = fields.Many2many(
        "product.product",
        "omni_billing_plan_rel",
        "template_id",
        "product_id",
        string="Plans to Change to",
        domain="[('billing_unit', '!=', False)]",
        help="What customers may change a service of this product to, in the customer"
        " area, if the company lets them.",
    )

    billing_trial = fields.Integer(
        string="Free at First", help="So many days or periods are not charged."
    )
    billing_trial_unit = fields.Selection(
        [("day", "Days"), ("period", "Periods")], string="Free", default="day"
    )
    billing_term_months = fields.Integer(
        string="Minimum Term",
        help="Months for which a new service is agreed, after its free days.",
    )
    billing_notice_days = fields.Integer(
        string="Notice", help="Days. 0: as the company's settings say."
    )
    billing_renewal_months = fields.Integer(
        string="Renewed for",
        help="Months, if nobody ends it in time. 0: it goes on, and can be ended with"
        " notice.",
    )
    billing_exit_fee_kind = fields.Selection(
        EXIT_FEES,
        string="Exit Fee",
        help="Charged if it ends before the term. Empty: nobody ends it before.",
    )
    billing_exit_fee = fields.Float(
        string="Fee",
        min_display_digits="Product Price",
        help="An amount, or percents of what the rest of the term would cost.",
    )

    _billing_terms_valid = models.Constraint(
        "CHECK(billing_trial BETWEEN 0 AND 366"
        " AND billing_term_months BETWEEN 0 AND 120"
        " AND billing_notice_days BETWEEN 0 AND 366"
        " AND billing_renewal_months BETWEEN 0 AND 120 AND billing_exit_fee >= 0"
        " AND (billing_exit_fee_kind != 'rest' OR billing_exit_fee <= 100))",
        "Free days and notice are from 0 to 366, a term and its renewal from 0 to 120"
        " months, an exit fee not less than zero, and not more than 100 percent of the"
        " rest.",
    )
    _billing_interval_positive = models.Constraint(
        "CHECK(billing_interval IS NULL OR billing_interval > 0)",
        "A period has to be at least one day, week, month or year.",
    )

from odoo import fields, models


class ResCompany(models.Model):
    """What customers may do with their services themselves (W37)."""

    _inherit = "res.company"

    billing_pause_days = fields.Integer(
        string="Customers Pause Services",
        help="For how many days of twelve months a customer may pause a service in the"
        " customer area. 0: not at all.",
    )
    billing_lets_end = fields.Boolean(
        string="Customers End Services",
        help="Customers give notice in the customer area.",
    )
    billing_notice_days = fields.Integer(
        string="Days of Notice",
        help="A service that a customer ends goes on for so many days, and for what is"
        " charged already.",
    )
    _billing_self_service_valid = models.Constraint(
        "CHECK(billing_pause_days BETWEEN 0 AND 366"
        " AND billing_notice_days BETWEEN 0 AND 366)",
        "Services: days of pause and of notice are from 0 to 366.",
    )

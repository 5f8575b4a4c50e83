from odoo import fields, models
from odoo.fields import Domain


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
    billing_tell_days = fields.Integer(
        string="Told before a Renewal",
        default=45,
        help="Days before the last day on which a customer can give notice. 0: not at"
        " all.",
    )
    billing_plan_rule = fields.Selection(
        [
            ("period", "From the Next Period on"),
            ("upgrade", "At Once if It Costs More, Else from the Next Period on"),
        ],
        string="Customers Change Plans",
        help="To the plans that the product lists. Empty: not at all.",
    )

    _billing_self_service_valid = models.Constraint(
        "CHECK(billing_pause_days BETWEEN 0 AND 366"
        " AND billing_notice_days BETWEEN 0 AND 366"
        " AND billing_tell_days BETWEEN 0 AND 366)",
        "Services: days of pause, of notice and before a renewal are from 0 to 366.",
    )

    def write(self, vals):
        """Override of the ORM: other settings, other days to tell customers.

        Of the services that have a term alone: most have none.
        """
        result = super().write(vals)
        if {"billing_notice_days", "billing_tell_days"} & vals.keys():
            # sudo: services of the company, whoever sets it up.
            Service = self.env["omni.billing.service"].sudo()
            found = Service.search(
                Domain("company_id", "in", self.ids)
                & Domain("term_end", "!=", False)
                & Domain("renewal_months", ">", 0)
            )
            self.env.add_to_compute(Service._fields["tell_date"], found)
        return result

from odoo import api, fields, models
from odoo.exceptions import ValidationError

#: Months for which usage may be contested, and so is kept at least: in France a year
#: from payment (Code des postes et des communications électroniques, art. L34-2), which
#: comes a month or two after the bill. It ends with that (Directive 2002/58 art. 6(2)).
LEAST_MONTHS, LEAST_MONTHS_OF = 6, {"FR": 15}


class ResCompany(models.Model):
    """How long a company keeps what was used, and what is shown of it (W41)."""

    _inherit = "res.company"

    billing_usage_keep_months = fields.Integer(
        string="Months for Which Usage Is Kept",
        readonly=True,
        help="Whole months before this one; 0: all.",
    )
    billing_usage_kept_from = fields.Date(
        string="Usage Is Kept from",
        readonly=True,
        copy=False,
        help="What is older has gone, and is not taken in any more.",
    )

    billing_usage_shows_numbers = fields.Boolean(
        string="Whole Numbers in Itemised Usage",
        help="Customers see the numbers that were called with their last four digits.",
    )

    billing_usage_list = fields.Boolean(
        string="Itemised Usage with Invoices",
        help="Invoices by e-mail have a list of all events as a second PDF. A customer"
        " may want otherwise.",
    )
    billing_usage_own_caps = fields.Boolean(
        string="Customers Set Spending Caps",
        help="Customers change what their usage may cost, in the customer area. There"
        " they can agree to go on in any case, once it is reached.",
    )

    @api.constrains("billing_usage_keep_months")
    def _check_billing_usage_keep_months(self):
        for company in self:
            least = company._billing_usage_get_least_months()
            if company.billing_usage_keep_months and (
                company.billing_usage_keep_months < least
            ):
                raise ValidationError(
                    self.env._(
                        "%(company)s keeps usage for %(months)s months at least: for"
                        " so long customers may contest what is billed of it. 0 keeps"
                        " all.",
                        company=company.name,
                        months=least,
                    )
                )

    def _billing_usage_get_least_months(self):
        """Return for how many months usage is kept at least. Hook.

        :rtype: int
        """
        self.ensure_one()
        return LEAST_MONTHS_OF.get(self.country_code, LEAST_MONTHS)

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date


class OmniBillingMeter(models.Model):
    """What prices of a meter go by, and what invoices call it (W41)."""

    _inherit = "omni.billing.meter"

    number_dimension = fields.Char(
        string="Number",
        help="The dimension that prefixes of rates are of, as called. The customer may"
        " see it without its last four digits.",
    )
    product_id = fields.Many2one(
        "product.product",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        domain="[('sale_ok', '=', True)]",
        help="Its account and taxes are those of the usage. Empty: those of the"
        " service.",
    )

    @api.constrains("number_dimension", "dimensions")
    def _check_number_dimension(self):
        for meter in self:
            name = meter.number_dimension
            if name and name not in meter._get_dimensions():
                raise ValidationError(
                    self.env._(
                        "%(meter)s has no dimension %(name)s: choose one of those that"
                        " its events say.",
                        meter=meter.name,
                        name=name,
                    )
                )

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of the ORM: what is not charged yet is rated anew.

        Which dimension is the number prices events, and counts none: it may be said
        once there is usage.

        :raise UserError: if something was charged by it; nothing is written.
        """
        moved = self.browse()
        if "number_dimension" in vals:
            name = vals["number_dimension"] or False
            moved = self.filtered(lambda meter: meter.number_dimension != name)
            moved._check_number_not_charged()
        result = super().write(vals)
        if moved or "product_id" in vals:
            plans = (self if "product_id" in vals else moved)._find_plans()
            plans._rate_again()
        return result

    # === HELPERS === #

    def _find_plans(self):
        """Return the rate plans that have prices of these."""
        # sudo: of all companies, as what was charged is.
        rates = self.env["omni.billing.rate"].sudo()
        return rates.search([("meter_id", "in", self.ids)]).plan_id

    def _check_number_not_charged(self):
        for meter in self:
            for plan in meter._find_plans():
                if until := plan._get_charged_until():
                    raise UserError(
                        self.env._(
                            "%(meter)s was charged by until %(date)s, in the plan"
                            " %(plan)s: its Number stays. Archive it, and make another"
                            " meter.",
                            meter=meter.name,
                            plan=plan.name,
                            date=format_date(self.env, until),
                        )
                    )

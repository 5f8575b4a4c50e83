from odoo import api, fields, models
from odoo.exceptions import ValidationError


class OmniBillingAllowance(models.Model):
    """Units of each period that cost nothing (W41)."""

    _name = "omni.billing.allowance"
    _inherit = ["omni.billing.rate.part.mixin"]
    _description = "Allowance of a Rate Plan"
    _order = "sequence, id"

    plan_id = fields.Many2one(
        "omni.billing.rate.plan", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(
        default=10, help="Of two that fit, the upper one is used up first."
    )
    name = fields.Char(required=True)
    meter_id = fields.Many2one(
        "omni.billing.meter",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('company_id', '=', parent.company_id)]",
    )
    units = fields.Float(
        required=True,
        min_display_digits="Product Unit",
        help="Of each period, as the meter counts them: seconds of a duration.",
    )
    unit_name = fields.Char(related="meter_id.unit_name")
    rate_names = fields.Char(
        string="Only for",
        help="Names of rates, with a comma between two. Empty: all of the meter.",
    )
    is_shared = fields.Boolean(
        string="Shared",
        help="All services of a customer with this plan use it up together. Else each"
        " has its own.",
    )

    rolls_over = fields.Float(
        min_display_digits="Product Unit",
        help="So many units at most of what is left are there in the next period as"
        " well, and no longer. They are used up before those of that period. 0: nothing"
        " rolls over.",
    )

    _units_positive = models.Constraint(
        "CHECK(units > 0)", "An allowance is of more than nothing."
    )
    _rolls_over_valid = models.Constraint(
        "CHECK(COALESCE(rolls_over, 0) BETWEEN 0 AND units)",
        "Of an allowance rolls over what is left: no more than its units, and not less"
        " than nothing.",
    )

    @api.constrains("rate_names", "plan_id", "meter_id")
    def _check_rate_names(self):
        for allowance in self:
            names, plan = allowance._get_rate_names(), allowance.plan_id
            rates = plan._find_rates(names) if names else plan.rate_ids.browse()
            rates = rates.filtered(lambda r, a=allowance: r.meter_id == a.meter_id)
            unknown = names - set(rates.mapped("name"))
            # Rates of a new plan may come after it.
            if unknown and plan._has_rates():
                raise ValidationError(
                    self.env._(
                        "%(name)s is for rates that the plan has not: %(rates)s.",
                        name=allowance.name,
                        rates=", ".join(sorted(unknown)),
                    )
                )

    def _names_price(self, vals):
        """Override: which is used up first, too."""
        return bool(vals)

    def _get_rate_names(self):
        self.ensure_one()
        names = (self.rate_names or "").split(",")
        return frozenset(name.strip() for name in names if name.strip())

    def _split(self, services):
        """Return who uses it up: all of these together, or each by itself.

        :param services: `omni.billing.service`, of one customer where it is shared.
        :rtype: list[omni.billing.service]
        """
        self.ensure_one()
        return [services] if self.is_shared else list(services)

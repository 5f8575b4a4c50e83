from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.omni_billing.tools.rating.allowances import Grant


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
    rate_names = fields.Char(
        string="Only for",
        help="Names of rates, with a comma between two. Empty: all of the meter.",
    )
    is_shared = fields.Boolean(
        string="Shared",
        help="All services of a customer with this plan use it up together. Else each"
        " has its own.",
    )

    _units_positive = models.Constraint(
        "CHECK(units > 0)", "An allowance is of more than nothing."
    )

    @api.constrains("rate_names", "plan_id", "meter_id")
    def _check_rate_names(self):
        for allowance in self:
            rates = allowance.plan_id.rate_ids
            names = rates.filtered(lambda r, a=allowance: r.meter_id == a.meter_id)
            unknown = allowance._get_rate_names() - set(names.mapped("name"))
            # Rates of a new plan may come after it.
            if unknown and rates:
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

    def _make_grants(self, keys):
        """Return what services have of it in a period.

        :param list[str] keys: as the rater knows the services, with its meter.
        """
        self.ensure_one()
        owners = [keys] if self.is_shared else [[key] for key in keys]
        return [
            Grant(
                f"{self.id}/{owner[0]}",
                self.units,
                frozenset(owner),
                self._get_rate_names(),
                # By the order of the plan.
                self.plan_id.allowance_ids.ids.index(self.id),
            )
            for owner in owners
        ]

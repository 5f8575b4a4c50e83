from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.omni_billing.tools.values import is_number


class OmniBillingRateMost(models.Model):
    """What usage of one meter costs at most, of a service and period (W41)."""

    _name = "omni.billing.rate.most"
    _inherit = ["omni.billing.rate.part.mixin"]
    _description = "Most of a Meter"
    _order = "plan_id, id"
    _rec_name = "meter_id"

    plan_id = fields.Many2one(
        "omni.billing.rate.plan", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="plan_id.currency_id")
    meter_id = fields.Many2one(
        "omni.billing.meter",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('company_id', '=', parent.company_id)]",
    )
    most = fields.Monetary(
        required=True,
        help="Of a service and period, before the most of the plan; 0: it costs"
        " nothing.",
    )

    _meter_unique = models.Constraint(
        "UNIQUE(plan_id, meter_id)", "A meter has one most in a plan."
    )
    _most_valid = models.Constraint("CHECK(most >= 0)", "The most is not below zero.")

    @api.constrains("plan_id", "meter_id", "most")
    def _check_meter(self):
        for row in self:
            if not is_number(row.most):
                raise ValidationError(self.env._("The most of a meter is a number."))
            rates = row.plan_id.rate_ids
            # Rates of a new plan may come after it.
            if rates and row.meter_id not in rates.meter_id:
                raise ValidationError(
                    self.env._(
                        "%(plan)s has no rate for %(meter)s, so there is no most of"
                        " it.",
                        plan=row.plan_id.name,
                        meter=row.meter_id.name,
                    )
                )


class OmniBillingRatePlan(models.Model):
    """A plan whose meters have a most (W41)."""

    _inherit = "omni.billing.rate.plan"

    def _check_prices(self, names=None):
        """Override: its least can be reached."""
        result = super()._check_prices(names)
        Rate = self.env["omni.billing.rate"]
        for plan in self.filtered(lambda plan: plan.least and plan.most_ids):
            groups = Rate._read_group([("plan_id", "=", plan.id)], ["meter_id"])
            meters = {meter for [meter] in groups}
            if not meters or meters - {row.meter_id for row in plan.most_ids}:
                continue
            most = sum(plan.most_ids.mapped("most"))
            if plan.currency_id.compare_amounts(most, plan.least) < 0:
                raise ValidationError(
                    self.env._(
                        "%(plan)s: its meters cost less at most than its least. Enter a"
                        " lower least, or more as the most of a meter.",
                        plan=plan.name,
                    )
                )
        return result

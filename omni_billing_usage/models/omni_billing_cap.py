from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class OmniBillingCap(models.Model):
    """What usage of a service and period may cost until somebody is asked (W41).

    It counts as the prices of its plan do: with taxes where they have them. In the
    European Union roaming ends at 50 EUR before tax unless the customer wants more, who
    is told at 80 % (Regulation 2022/612, article 14); in Canada data ends at 50 CAD,
    and roaming at 100 CAD (Wireless Code).
    """

    _name = "omni.billing.cap"
    _inherit = ["omni.billing.rate.part.mixin"]
    _description = "Spending Cap of a Rate Plan"
    _order = "name, date_from, id"

    plan_id = fields.Many2one(
        "omni.billing.rate.plan", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="plan_id.currency_id")
    name = fields.Char(required=True)
    amount = fields.Monetary(
        required=True,
        help="Of a service and period, with taxes if the prices of the plan have them."
        " 0: nothing, until somebody agrees to it.",
    )
    action = fields.Selection(
        [("stop", "Stop"), ("warn", "Warn")],
        required=True,
        default="stop",
        help="Stop: what is used beyond is not charged until the customer agrees to go"
        " on. Warn: the customer is told, and it is charged.",
    )
    rate_names = fields.Char(
        string="Only for",
        help="Names of rates, with a comma between two. Empty: all of the plan.",
    )
    date_from = fields.Date(
        string="From",
        help="It holds in periods that begin on this day or later; one of the same name"
        " with a later day takes its place. Empty: since ever.",
    )

    _amount_valid = models.Constraint(
        "CHECK(amount >= 0)", "A spending cap is not below zero."
    )
    _date_unique = models.UniqueIndex(
        "(plan_id, name, COALESCE(date_from, DATE '1900-01-01'))",
        "Spending caps of one name are told apart by the day from which they hold.",
    )

    # === CONSTRAINT METHODS === #

    @api.constrains("plan_id", "name", "rate_names", "date_from")
    def _check_rates(self):
        """Check that each rate counts in one cap of some rates at most, at any time."""
        for plan in self.plan_id:
            names = set().union(*(cap._get_rate_names() for cap in plan.cap_ids))
            known = set(plan._find_rates(names).mapped("name"))
            for cap in plan.cap_ids:
                unknown = cap._get_rate_names() - known
                # Rates of a new plan may come after it.
                if unknown and plan._has_rates():
                    raise ValidationError(
                        self.env._(
                            "%(name)s is for rates that the plan has not: %(rates)s.",
                            name=cap.name,
                            rates=", ".join(sorted(unknown)),
                        )
                    )
            for day in {cap.date_from or date.min for cap in plan.cap_ids}:
                plan._check_caps_apart(day)

    # === HOOKS === #

    def _get_begin(self):
        """Override: it may be new after what was charged."""
        return self.date_from

    def _names_price(self, vals):
        """Override: each of its fields says what is charged."""
        return bool(vals)

    # === HELPERS === #

    def _get_rate_names(self):
        self.ensure_one()
        names = (self.rate_names or "").split(",")
        return frozenset(name.strip() for name in names if name.strip())

    def _get_key(self):
        """Return by which what was agreed names it; that of all usage has no name."""
        self.ensure_one()
        return self.name if self._get_rate_names() else ""

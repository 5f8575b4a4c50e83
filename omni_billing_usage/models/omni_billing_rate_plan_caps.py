from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class OmniBillingRatePlan(models.Model):
    """Spending caps of a plan, and when customers are told (W41)."""

    _inherit = "omni.billing.rate.plan"

    cap_ids = fields.One2many(
        "omni.billing.cap", "plan_id", string="Spending Caps", copy=True
    )
    alert_percents = fields.Char(
        string="Customers Are Told at",
        default="80, 100",
        help="Percents of an allowance or a spending cap, with a comma between two."
        " Empty: never.",
    )

    @api.constrains("alert_percents")
    def _check_alert_percents(self):
        for plan in self:
            try:
                percents = plan._get_alert_percents()
            except ValueError:
                percents = [0]
            if not all(0 < percent <= 100 for percent in percents):
                raise ValidationError(
                    self.env._(
                        "%(plan)s: write percents from 1 to 100, as 80, 100.",
                        plan=plan.name,
                    )
                )

    def _get_alert_percents(self):
        """Return at which percents customers are told, in their order.

        :raise ValueError: if they cannot be read.
        """
        self.ensure_one()
        texts = (self.alert_percents or "").split(",")
        return sorted({int(text) for text in texts if text.strip()})

    def _check_prices(self, names=None):
        """Override: caps are of rates that there are."""
        result = super()._check_prices(names)
        self.cap_ids._check_rates()
        return result

    def _check_caps_apart(self, day):
        """Check that no two caps that hold on a day are of one rate, or both of all.

        :raise ValidationError: if they are.
        """
        seen, is_all_there = set(), False
        for cap in self._list_caps(day):
            rates = cap._get_rate_names()
            if rates & seen or (not rates and is_all_there):
                raise ValidationError(
                    self.env._(
                        "%(name)s: another spending cap is for the same rates. Each"
                        " rate counts in one; beside them one may be for all.",
                        name=cap.name,
                    )
                )
            seen |= rates
            is_all_there = is_all_there or not rates

    def _list_caps(self, first):
        """Return the caps that hold in a period: the latest of each name.

        :param first: the first day of the period.
        """
        self.ensure_one()
        found = {}
        for cap in self.cap_ids.sorted(lambda cap: cap.date_from or date.min):
            if not cap.date_from or cap.date_from <= first:
                found[cap.name] = cap
        return list(found.values())

    def _find_caps(self, first):
        """Return the caps that hold in a period, by what is said of them.

        :param first: the first day of the period.
        :rtype: dict[str, omni.billing.cap]
        """
        return {cap._get_key(): cap for cap in self._list_caps(first)}

from odoo import fields, models


class OmniBillingRateTier(models.Model):
    """A step of a price by quantity (W41)."""

    _name = "omni.billing.rate.tier"
    _inherit = ["omni.billing.rate.part.mixin"]
    _description = "Tier of a Rate"
    _order = "rate_id, is_last, until, id"

    rate_id = fields.Many2one(
        "omni.billing.rate", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="rate_id.currency_id")
    until = fields.Float(
        string="Up to",
        min_display_digits="Product Unit",
        help="The last quantity in it, included: in packages or units, as the price.",
    )
    is_last = fields.Boolean(string="Whatever Is Beyond")
    price = fields.Float(min_display_digits="Product Price")
    flat = fields.Float(
        string="Flat Fee",
        min_display_digits="Product Price",
        help="Once, when the tier is entered; of the first also without any usage.",
    )

    _until_positive = models.Constraint(
        "CHECK(is_last OR until > 0)", "A tier ends after zero; the last has no end."
    )

    def _get_plan(self):
        """Override."""
        return self.rate_id.plan_id

    def _get_changed(self):
        """Override: of the rate."""
        return set(self.rate_id.mapped("name"))

    def _get_begin(self):
        """Override: of the rate."""
        return self.rate_id.date_from

    def _check_may_be_added(self):
        """Override: with its rate, which is checked; or to one that is there."""
        if not self._is_checked_later():
            self._check_not_charged()

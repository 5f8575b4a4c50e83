from odoo import api, fields, models

#: What an amount is made of, see `omni_billing.tools.rating.charges`; and what is
#: of the whole period.
KINDS = [
    ("units", "Usage"),
    ("included", "Included in the Price"),
    ("allowance", "From the Allowance"),
    ("rolled", "Rolled Over"),
    ("topup", "From a Top-Up"),
    ("flat", "Fee of the Period"),
    ("fee", "Fee per Event"),
    ("least", "Up to the Least of an Event"),
    ("most", "Beyond the Most of an Event"),
    ("held", "Beyond the Cap, Not Charged"),
    ("added", "Up to the Least of the Period"),
    ("capped", "Beyond the Most of the Meter"),
    ("taken_off", "Beyond the Most of the Period"),
]


class OmniBillingUsageRatingLine(models.Model):
    """A line of what usage of a period is made of (W41)."""

    _name = "omni.billing.usage.rating.line"
    _inherit = "omni.billing.server.mixin"
    _description = "Line of Rated Usage"
    _order = "rating_id, id"

    rating_id = fields.Many2one(
        "omni.billing.usage.rating",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    currency_id = fields.Many2one(related="rating_id.currency_id")
    name = fields.Char(string="Rate", readonly=True)
    allowance = fields.Char(
        readonly=True, help="The name of the allowance or top-up that covered it."
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    tier_from = fields.Float(
        string="Tier from", readonly=True, min_display_digits="Product Unit"
    )
    tier_until = fields.Float(
        string="Tier up to", readonly=True, min_display_digits="Product Unit"
    )
    is_tier = fields.Boolean(readonly=True)
    tier = fields.Char(compute="_compute_tier")
    quantity = fields.Float(readonly=True, min_display_digits="Product Unit")
    price = fields.Float(readonly=True, min_display_digits="Product Price")
    amount = fields.Float(
        readonly=True,
        min_display_digits="Product Price",
        help="Exact: the period is rounded once.",
    )
    events = fields.Integer(readonly=True, help="That the rate was for.")

    @api.depends("tier_from", "tier_until", "is_tier")
    def _compute_tier(self):
        for line in self:
            line.tier = line.is_tier and line._write_tier()

    def _write_tier(self):
        begin, end = f"{self.tier_from:g}", f"{self.tier_until:g}"
        if not self.tier_until:
            return self.env._("over %(number)s", number=begin)
        if not self.tier_from:
            return self.env._("up to %(number)s", number=end)
        return f"{begin} – {end}"

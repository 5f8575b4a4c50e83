from odoo import api, fields, models

from odoo.addons.omni_billing.tools.numbers import format_number, format_price

#: What an amount is made of, see `omni_billing.tools.rating.charges`; and what is
#: of the whole period.
KINDS = [
    ("units", "Usage"),
    ("share", "Share of the Quantity"),
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
#: Kinds whose quantity is of the meter, and costs nothing.
FREE = ("included", "allowance", "rolled", "topup")


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
    size = fields.Float(
        readonly=True,
        default=1.0,
        min_display_digits="Product Unit",
        help="Of how many units of the meter the price is: the quantity counts these."
        " 0: of a former version, which did not say.",
    )
    price = fields.Float(readonly=True, min_display_digits="Product Price")
    quantity_text = fields.Char(string="Quantity", compute="_compute_texts")
    price_text = fields.Char(string="Price", compute="_compute_texts")
    amount = fields.Float(
        readonly=True,
        min_display_digits="Product Price",
        help="Exact: the period is rounded once.",
    )
    events = fields.Integer(readonly=True, help="That the rate was for.")

    @api.depends("kind", "quantity", "size", "price", "rating_id.meter_id")
    @api.depends_context("lang")
    def _compute_texts(self):
        for line in self:
            line.quantity_text, line.price_text = line._write_texts()

    @api.depends("tier_from", "tier_until", "is_tier", "size", "rating_id.meter_id")
    @api.depends_context("lang")
    def _compute_tier(self):
        for line in self:
            line.tier = line.is_tier and line._write_tier()

    # === HELPERS === #

    def _write_texts(self):
        """Return how much it was, and what one is; nothing of what is an amount alone.

        :rtype: tuple[str, str]
        """
        self.ensure_one()
        # sudo: who may read it reads of which meter it is.
        meter = self.sudo().rating_id.meter_id.with_env(self.env).sudo()
        currency, size = self.currency_id, self.size
        if self.kind in FREE:
            return meter._billing_format_units(self.quantity), ""
        price = format_price(self.env, round(self.price, 8), currency)
        if self.kind == "fee" or (self.kind == "units" and not size):
            return format_number(self.env, round(self.quantity, 6)), price
        if self.kind == "units":
            return (
                meter._billing_format_sizes(self.quantity, size),
                meter._billing_format_price(price, size),
            )
        if self.kind == "share":
            share = format_number(self.env, round(self.price * 100, 8))
            return meter._billing_format_units(self.quantity), f"{share} %"
        return "", ""

    def _write_tier(self):
        # sudo: as above.
        meter = self.sudo().rating_id.meter_id.with_env(self.env).sudo()
        begin, end = (
            meter._billing_format_sizes(bound, self.size)
            if self.size
            else format_number(self.env, bound)
            for bound in (self.tier_from, self.tier_until)
        )
        if not self.tier_until:
            return self.env._("over %(number)s", number=begin)
        if not self.tier_from:
            return self.env._("up to %(number)s", number=end)
        return f"{begin} – {end}"

from odoo import api, fields, models
from odoo.tools import float_compare, float_round

from odoo.addons.omni_billing.tools.unit_price import PRICE_DECIMALS

UNIT = "Product Unit"


class SaleOrderLine(models.Model):
    """How much of a line is to be in Billing, and how much is there (W38).

    Once each: the line remembers the quantity that is in Billing, `billing_qty`, and
    only the difference to what is ordered, or delivered, is written, with the line
    locked.
    """

    _name = "sale.order.line"
    _inherit = ["sale.order.line", "omni.billing.guard.mixin"]

    billing_qty = fields.Float(
        string="In Billing",
        digits=UNIT,
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="How many of it are among the customer's transactions, billed or not, or"
        " in a service.",
    )
    billing_is_due = fields.Boolean(
        compute="_compute_billing_is_due",
        store=True,
        copy=False,
        groups="base.group_user",
    )
    billing_setup_price = fields.Float(
        string="Set-up Fee",
        compute="_compute_billing_setup_price",
        store=True,
        readonly=False,
        precompute=True,
        min_display_digits="Product Price",
        help="Of what recurs: charged once, when the service starts.",
    )
    billing_transaction_ids = fields.One2many(
        "omni.billing.transaction",
        "sale_line_id",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )
    billing_service_ids = fields.One2many(
        "omni.billing.service",
        "sale_line_id",
        readonly=True,
        copy=False,
        context={"active_test": False},
        groups="base.group_user",
    )

    # What the job looks for.
    _billing_due_idx = models.Index("(id) WHERE billing_is_due")

    # === COMPUTE METHODS === #

    @api.depends(
        "billing_qty",
        "discount",
        "display_type",
        "is_downpayment",
        "order_id.billing_is_pooled",
        "price_unit",
        "product_uom_qty",
        "qty_delivered",
        "state",
    )
    def _compute_billing_is_due(self):
        for line in self:
            line.billing_is_due = line._billing_has_difference()

    def _billing_has_difference(self):
        """Whether more, or less, is to be in Billing than is there.

        More of what comes to no amount, as a gram of it, waits until it does.
        """
        self.ensure_one()
        target, there = self._billing_get_target(), self.billing_qty
        if not self._billing_compare(target, there):
            return False
        kept = self._billing_keep(there, target)
        return bool(
            self._billing_is_service()
            or self._billing_compare(there, kept)
            or self._billing_is_worth(target - kept)
        )

    def _compute_field_value(self, field):
        """Override of `base`: have the job come, whatever made a line due."""
        result = super()._compute_field_value(field)
        if field.name == "billing_is_due" and any(
            line.billing_is_due for line in self if line.id
        ):
            # sudo: whoever sells, delivers or notes hours.
            job = self.env.ref("omni_billing_sale.ir_cron_follow_orders").sudo()
            job._trigger()
        return result

    @api.depends("product_id")
    def _compute_billing_setup_price(self):
        for line in self:
            product, currency = line.product_id, line.currency_id
            price = product.billing_setup_price if product.billing_unit else 0.0
            if price and currency != product.currency_id:
                price = product.currency_id._convert(
                    price, currency, line.company_id, fields.Date.context_today(line)
                )
            line.billing_setup_price = price

    # === HELPERS === #

    def _billing_is_pooled(self):
        """Whether Billing bills it; a down payment is of Sales always."""
        self.ensure_one()
        return (
            self.order_id.billing_is_pooled
            and not self.display_type
            and not self.is_downpayment
        )

    def _billing_is_recurring(self):
        """Whether its product recurs, and so its price is one of a period."""
        self.ensure_one()
        return self._billing_is_pooled() and bool(self.product_id.billing_unit)

    def _billing_is_service(self):
        """Whether it is a service, or becomes one, charged period by period.

        What it is in Billing it stays, whatever its product becomes.
        """
        self.ensure_one()
        # sudo: whether there is one, and nothing of it.
        line = self._origin.sudo()
        if line.billing_service_ids:
            return True
        return self._billing_is_recurring() and not line._billing_is_begun()

    def _billing_get_target(self):
        """Return how many are to be in Billing, by the product's invoicing policy.

        Of an order that is not confirmed, or is canceled, none; nor of what is free, as
        a delivery before its cost is known.

        :rtype: float
        """
        self.ensure_one()
        if self.state != "sale" or not self._billing_is_pooled():
            return 0.0
        if self._billing_is_service():
            return max(self.product_uom_qty, 0.0)
        if not self._billing_get_exact_price():
            return 0.0
        is_ordered = self.product_id.invoice_policy == "order"
        quantity = self.product_uom_qty if is_ordered else self.qty_delivered
        return float_round(quantity, precision_digits=self._billing_get_digits())

    def _billing_compare(self, one, other):
        """Return 0 if two quantities are the same, as `float_compare` does."""
        return float_compare(one, other, precision_digits=self._billing_get_digits())

    @api.model
    def _billing_get_digits(self):
        return self.env["decimal.precision"].precision_get(UNIT)

    def _billing_get_price(self):
        """Return what one costs, less the discount, as far as prices have decimals."""
        self.ensure_one()
        return round(self._billing_get_exact_price(), PRICE_DECIMALS)

    def _billing_get_amount(self, quantity):
        """Return what so many cost by the order, whose price has all its decimals."""
        self.ensure_one()
        return self.currency_id.round(quantity * self._billing_get_exact_price())

    def _billing_get_exact_price(self):
        return self.price_unit * (1 - (self.discount or 0.0) / 100)

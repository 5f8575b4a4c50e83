from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import float_compare

from odoo.addons.omni_billing.tools.unit_price import PRICE_DECIMALS
from odoo.addons.omni_billing.tools.write_guard import trust, without_any_default


class SaleOrderLine(models.Model):
    """What recurs becomes a service, at the price that was agreed for a period."""

    _inherit = "sale.order.line"

    # === ON THE QUOTATION === #

    @api.depends("order_id.billing_is_pooled")
    def _compute_price_unit(self):
        """Override of `sale`: of what is in Billing the price is agreed.

        So is one that was entered by hand: Odoo sees that by the cent, and would take
        0.004 for no change of 0.00.
        """
        fresh = self - self._billing_filter_begun()
        if not self.env.context.get("force_price_recomputation"):
            fresh -= self._billing_filter_entered()
        return super(SaleOrderLine, fresh)._compute_price_unit()

    def _billing_filter_entered(self):
        """Return those whose price is not the one of the product or price list."""
        return self.filtered(
            lambda line: (
                line.order_id.billing_is_pooled
                and float_compare(
                    line.price_unit,
                    line.technical_price_unit,
                    precision_digits=PRICE_DECIMALS,
                )
            )
        )

    def _compute_discount(self):
        """Override of `sale`: as the price."""
        fresh = self - self._billing_filter_begun()
        return super(SaleOrderLine, fresh)._compute_discount()

    def _get_display_price(self):
        """Override of `sale`: of what recurs, the price of a period."""
        price = self.product_id.billing_recurring_price
        if not price or not self._billing_is_recurring():
            return super()._get_display_price()
        product = self.product_id
        price = product.uom_id._compute_price(price, self.product_uom_id)
        if self.currency_id == product.currency_id:
            return price
        day = fields.Date.to_date(self._get_order_date() or fields.Date.today())
        return product.currency_id._convert(
            price, self.currency_id, self.company_id, day, round=False
        )

    @api.depends("order_id.billing_is_pooled")
    def _compute_name(self):
        return super()._compute_name()

    def _get_sale_order_line_multiline_description_sale(self):
        """Override of `sale`: the customer reads for how long the price is."""
        description = super()._get_sale_order_line_multiline_description_sale()
        if not self._billing_is_recurring():
            return description
        return f"{description}\n{self._billing_describe_period()}"

    def _billing_describe_period(self):
        """Write the period of the price, in the language of the environment."""
        env, product = self.with_context(lang=self.env.lang).env, self.product_id
        number = product.billing_interval or 1
        if number == 1:
            sentences = {
                "day": env._("Price for each day"),
                "week": env._("Price for each week"),
                "month": env._("Price for each month"),
                "year": env._("Price for each year"),
            }
            return sentences[product.billing_unit]
        sentences = {
            "day": env._("Price for every %(number)s days", number=number),
            "week": env._("Price for every %(number)s weeks", number=number),
            "month": env._("Price for every %(number)s months", number=number),
            "year": env._("Price for every %(number)s years", number=number),
        }
        return sentences[product.billing_unit]

    # === IN BILLING === #

    def _billing_follow_services(self):
        """Begin, change or end the services of lines, as their quantity says."""
        values = []
        for line in self:
            service, target = line.billing_service_ids[:1], line._billing_get_target()
            if service:
                service._sale_follow(target, line.billing_qty)
            elif target > 0:
                values.append(line._billing_prepare_service(target))
        if values:
            Service = without_any_default(self.env["omni.billing.service"])
            trust(Service).create(values)

    def _billing_prepare_service(self, quantity):
        """Return the values of the service of a line. Hook.

        :param float quantity: in the unit of the line.
        """
        self.ensure_one()
        product, order = self.product_id, self.order_id
        return self._billing_prepare_common() | {
            "quantity": quantity,
            "price_unit": self._billing_get_price(),
            "setup_price": self.billing_setup_price,
            "unit": product.billing_unit,
            "interval": product.billing_interval or 1,
            "timing": product.billing_timing or "advance",
            "tax_included": False,
            "date_start": order.billing_date_start or self._billing_get_today(),
            "sale_line_id": self.id,
        }

    def _billing_prepare_restart(self, quantity):
        """Return what a service that was never used is begun anew with."""
        values = self._billing_prepare_service(quantity)
        del values["sale_line_id"]
        return values | {
            "active": True,
            "date_end": False,
            # They were of what was agreed before.
            "change_ids": [Command.clear()],
            "discount_ids": [Command.clear()],
            "suspension_ids": [Command.clear()],
            "tax_ids": [Command.set(self.tax_ids.ids)],
        }

from odoo import fields, models
from odoo.fields import Command

from odoo.addons.omni_billing.const import MAX_TITLE_LENGTH
from odoo.addons.omni_billing.tools.distribution import keep_existing
from odoo.addons.omni_billing.tools.recurrence import get_today


class SaleOrderLine(models.Model):
    """What a line is in Billing: as it was agreed, and for whom."""

    _inherit = "sale.order.line"

    def _billing_is_worth(self, quantity):
        """Whether so many of it come to an amount; what is free is not charged."""
        self.ensure_one()
        return not self.currency_id.is_zero(self._billing_get_amount(quantity))

    def _billing_prepare_charge(self, quantity):
        """Return the values of a charge, or credit, of so many of a line. Hook.

        A price below zero, as a discount, is a credit; and so is a quantity below it.

        :param float quantity: in the unit of the line.
        """
        self.ensure_one()
        amount, price = self._billing_get_amount(quantity), self._billing_get_price()
        values = self._billing_prepare_common() | {
            "transaction_type": "charge",
            "date": self._billing_get_today(),
            "description": self._billing_describe(),
            "quantity": abs(quantity),
            "retail_cost": abs(amount),
            "tax_included": False,
            "sale_line_id": self.id,
            "sale_quantity": quantity,
        }
        if not self.currency_id.compare_amounts(quantity * price, amount):
            # Else it is found from the amount: more decimals than prices have matter.
            values["price_unit"] = abs(price)
        if amount < 0:
            name = "discount" if self.price_unit < 0 else "correction"
            kind = self.env["omni.billing.transaction"]._sale_get_kind(name)
            values |= {"transaction_type": "credit", "credit_type_id": kind}
        return values

    def _billing_prepare_common(self):
        """Return what a charge and a service of a line have of it and its order."""
        order = self.order_id
        customer, payer = order.partner_id, order.partner_invoice_id
        is_own = payer.commercial_partner_id == customer.commercial_partner_id
        distribution = keep_existing(self)
        return {
            **({"analytic_distribution": distribution} if distribution else {}),
            "company_id": order.company_id.id,
            "currency_id": order.currency_id.id,
            "partner_id": customer.id,
            "payer_id": False if is_own else payer.id,
            "site_id": self._billing_find_site().id,
            "customer_reference": order.client_order_ref,
            "product_id": self.product_id.id,
            "name": self._billing_get_title(),
            "uom_id": self.product_uom_id.id,
            "tax_ids": [Command.set(self.tax_ids.ids)],
        }

    def _billing_find_site(self):
        """Return where it is delivered, if that is another address of the customer."""
        customer = self.order_id.partner_id
        address = self.order_id.partner_shipping_id
        is_own = address.commercial_partner_id == customer.commercial_partner_id
        return address if is_own and address != customer else address.browse()

    def _billing_get_title(self):
        """Return the first line of the text; the product's name if there is none."""
        first = self.name.partition("\n")[0].strip()
        return (first or self.product_id.display_name)[:MAX_TITLE_LENGTH]

    def _billing_describe(self):
        """Return the rest of the text, and the order, in the customer's language."""
        env = self.with_context(lang=self.order_id._get_lang()).env
        order = env._("Order %(number)s", number=self.order_id.name)
        rest = self.name.partition("\n")[2].strip()
        return f"{rest}\n{order}" if rest else order

    def _billing_get_today(self):
        """Return the date where the customer is, or else the company."""
        zones = self.order_id.partner_id.tz, self.company_id.partner_id.tz
        return get_today(fields.Datetime.now(), *zones)

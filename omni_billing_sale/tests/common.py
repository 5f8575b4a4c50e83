from odoo.fields import Command
from odoo.tests import new_test_user

from odoo.addons.omni_billing.tests.common import BillingCommon


class SaleCommon(BillingCommon):
    """A company whose orders are billed by Omni Billing, and a seller of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # sudo: managers of billing need not sell; these tests do both.
        cls.env.user.sudo().group_ids += cls.quick_ref("sales_team.group_sale_manager")
        # sudo: settings are an administrator's.
        cls.company.sudo().billing_sale = True
        cls.seller = new_test_user(
            cls.env,
            login="seller-test",
            groups="sales_team.group_sale_salesman_all_leads",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        cls.ordered = cls._add_product("Router", 80, invoice_policy="order")
        cls.delivered = cls._add_product(
            "Work", 50, invoice_policy="delivery", type="service"
        )
        cls.fibre = cls._add_product(
            "Fibre 500",
            10,
            invoice_policy="order",
            type="service",
            billing_unit="month",
            billing_interval=1,
            billing_recurring_price=45,
            billing_setup_price=30,
        )

    @classmethod
    def _add_product(cls, name, price, **values):
        return cls.env["product.product"].create(
            {
                "name": name,
                "list_price": price,
                "type": "consu",
                "taxes_id": [Command.set(cls.tax_10.ids)],
                **values,
            }
        )

    @classmethod
    def _create_order(cls, *lines, confirm=True, **values):
        """Create an order of lines: a product, a quantity, other values."""
        order = cls.env["sale.order"].create(
            {
                "partner_id": cls.customer.id,
                "order_line": [
                    Command.create(
                        {"product_id": product.id, "product_uom_qty": quantity, **more}
                    )
                    for product, quantity, more in lines
                ],
                **values,
            }
        )
        if confirm:
            order.action_confirm()
        return order

    def _follow(self):
        """Run the job."""
        # sudo: as the scheduler.
        self.env["sale.order.line"].sudo()._cron_billing_follow()

    def _entries(self, order):
        """Return what is in Billing of an order, without what is void."""
        return (
            self.env["omni.billing.transaction"]
            .search([("sale_order_id", "=", order.id), ("state", "!=", "void")])
            .sorted("id")
        )

    def _amounts(self, order):
        return self._entries(order).mapped("amount_total")

    def _bill_all(self):
        """Bill what is unbilled of the customer; return the invoice."""
        return self._bill()

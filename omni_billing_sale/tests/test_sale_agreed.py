from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import SaleCommon


@tagged("post_install", "-at_install")
class TestSaleAgreed(SaleCommon):
    """W38: what is billed of an order stays so, whatever becomes of the order."""

    def _quote_again(self, order):
        order._action_cancel()
        order.action_draft()

    # === WHAT IS BILLED IS AGREED === #

    def test_agreed_of_a_canceled_order_that_is_billed(self):
        """A quotation again, it asks for nothing else: that would not be charged."""
        other = self._create_order((self.ordered, 1, {}), confirm=False)
        order = self._create_order((self.ordered, 2, {}))
        self._bill()
        self._quote_again(order)
        line = order.order_line
        self.assertEqual(line.billing_qty, 0)
        for vals in (
            {"price_unit": 500},
            {"discount": 50},
            {"tax_ids": [Command.clear()]},
            {"product_id": self.delivered.id},
            {"order_id": other.id},
        ):
            with self.assertRaisesRegex(UserError, "is in Billing"):
                line.write(vals)
        foreign = self.env["product.pricelist"].create(
            {"name": "Abroad", "currency_id": self.env.ref("base.CHF").id}
        )
        for vals in (
            {"partner_id": self.portal.partner_id.id},
            {"pricelist_id": foreign.id},
        ):
            with self.assertRaisesRegex(UserError, "in Billing"):
                order.write(vals)
        # Nor does a price list find another price with the quantity.
        self.ordered.list_price = 60
        line.product_uom_qty = 3
        self.assertEqual(line.price_unit, 80)
        order.action_confirm()
        self.assertEqual(self._amounts(order), [176, 88])

    def test_agreed_of_a_service_that_was_used(self):
        order = self._create_order((self.fibre, 1, {}))
        order.order_line.billing_service_ids.action_write_due()
        self._quote_again(order)
        with self.assertRaisesRegex(UserError, "is in Billing"):
            order.order_line.price_unit = 5

    def test_what_was_never_billed_is_agreed_anew(self):
        order = self._create_order((self.ordered, 2, {}), (self.fibre, 1, {}))
        self._quote_again(order)
        order.partner_id = self.portal.partner_id
        order.order_line[0].product_id = self.delivered
        order.order_line[1].price_unit = 40
        order.action_confirm()
        self.assertFalse(self._entries(order))
        service = order.order_line[1].billing_service_ids
        self.assertEqual((service.active, service.price_unit), (True, 40))

    def test_price_below_a_cent_that_was_entered_stays(self):
        """By hand, whatever the quantity becomes; until prices are updated."""
        self.ordered.list_price = 0
        order = self._create_order((self.ordered, 1000, {}), confirm=False)
        with Form(order) as form, form.order_line.edit(0) as line:
            line.price_unit = 0.004
            line.product_uom_qty = 2000
        line = order.order_line
        self.assertEqual(line.price_unit, 0.004)
        line.product_uom_qty = 3000
        line.price_unit = 0.003
        line.product_uom_qty = 5000
        self.assertEqual(line.price_unit, 0.003)
        order.action_update_prices()
        self.assertEqual(line.price_unit, 0)

    # === FREE, OR NEXT TO NOTHING === #

    def test_price_that_comes_later(self):
        """A delivery at its real cost: Odoo writes the price as it is shipped."""
        order = self._create_order((self.ordered, 1, {"price_unit": 0}))
        line = order.order_line
        self.assertEqual((line.billing_qty, line.billing_is_due), (0, False))
        line.price_unit = 12
        self._follow()
        self.assertEqual(self._amounts(order), [13.2])
        self._follow()
        self.assertEqual(self._amounts(order), [13.2])

    def test_discount_of_all_that_ends(self):
        order = self._create_order((self.ordered, 1, {"discount": 100}))
        self.assertFalse(order.order_line.billing_is_due)
        order.order_line.discount = 50
        self._follow()
        self.assertEqual(self._amounts(order), [44])

    def test_next_to_nothing_waits_until_it_is_an_amount(self):
        order = self._create_order((self.delivered, 10, {"price_unit": 0.002}))
        line = order.order_line
        for done, amounts in ((1, []), (2, []), (5, [0.01]), (6, [0.01])):
            line.qty_delivered = done
            self._follow()
            self.assertEqual(self._entries(order).mapped("retail_cost"), amounts)
            self.assertFalse(line.billing_is_due)
        self.assertEqual(line.billing_qty, 5)
        line.qty_delivered = 10
        self._follow()
        self.assertEqual(sum(self._entries(order).mapped("retail_cost")), 0.02)

    # === VOID, CANCELED, RECURRING BY NOW === #

    def test_void_invoice_of_a_canceled_order_brings_nothing_back(self):
        for method in ("credit_note", "cancel"):
            # sudo: settings are an administrator's.
            self.company.sudo().billing_void_method = method
            order = self._create_order((self.ordered, 2, {}))
            invoice = self._bill()
            order._action_cancel()
            invoice.action_billing_void()
            self.assertFalse(self._entries(order))
            self.assertTrue(invoice.billing_is_void)
            # Confirmed again it is charged, once.
            order.action_draft()
            order.action_confirm()
            self.assertEqual(self._amounts(order), [176])
            order._action_cancel()

    def test_product_that_recurs_by_now(self):
        """A charge stays one, and goes with its order."""
        order = self._create_order((self.ordered, 2, {}))
        self.ordered.write({"billing_unit": "month", "billing_recurring_price": 9})
        order.order_line.product_uom_qty = 3
        self._follow()
        self.assertEqual(self._amounts(order), [176, 88])
        self.assertFalse(order.order_line.billing_service_ids)
        order._action_cancel()
        self.assertFalse(self._entries(order))

    def test_product_that_recurs_no_more(self):
        """A service stays one, though by its policy nothing would be delivered."""
        order = self._create_order((self.fibre, 2, {}))
        service = order.order_line.billing_service_ids
        service.action_write_due()
        self.fibre.write({"billing_unit": False, "invoice_policy": "delivery"})
        order.order_line.product_uom_qty = 3
        self._follow()
        self.assertFalse(service.date_end)
        self.assertEqual(service.change_ids.quantity, 3)
        self.assertFalse(self._entries(order).filtered("sale_line_id"))

    # === WHO MAY SETTLE === #

    def test_settling_is_for_who_may_edit_the_order(self):
        """Neither of another company, nor by who does not bill."""
        other = self.setup_other_company()["company"]
        # sudo: an order of a company that staff are not in.
        theirs = self.env["sale.order"].sudo().with_company(other)
        theirs = theirs.create({"partner_id": self.customer.id, "company_id": other.id})
        mine = self._create_order((self.ordered, 2, {}))
        for order, user in ((theirs, self.staff), (mine, self.seller)):
            order._billing_tell_to_settle("Look at it.")
            with self.assertRaises(AccessError):
                order.with_user(user).with_company(self.company).action_billing_settle()
            self.assertTrue(order.billing_to_settle)
        mine.with_user(self.staff).action_billing_settle()
        self.assertFalse(mine.billing_to_settle)

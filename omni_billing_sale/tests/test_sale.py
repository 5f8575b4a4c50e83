from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import SaleCommon

FOLLOW = "odoo.addons.omni_billing_sale.models.sale_order_line_follow"
SQL_LOG = "odoo.sql_db"


@tagged("post_install", "-at_install")
class TestSale(SaleCommon):
    """W38: what is ordered and delivered is in Billing, once each."""

    # === ORDERED AND DELIVERED === #

    def test_ordered_at_confirmation(self):
        order = self._create_order((self.ordered, 2, {"discount": 10}), confirm=False)
        self.assertTrue(order.billing_is_pooled)
        self.assertFalse(self._entries(order))
        order.action_confirm()
        charge = self._entries(order)
        self.assertRecordValues(
            charge,
            [
                {
                    "transaction_type": "charge",
                    "state": "unbilled",
                    "partner_id": self.customer.id,
                    "quantity": 2,
                    "price_unit": 72,
                    "retail_cost": 144,
                    "amount_total": 158.4,
                    "sale_quantity": 2,
                    "product_id": self.ordered.id,
                    "date": self.today,
                }
            ],
        )
        self.assertEqual(order.order_line.billing_qty, 2)
        self._follow()
        self.assertEqual(self._entries(order), charge)

    def test_price_with_more_decimals_than_prices_comes_to_the_order(self):
        """0.00001049 less 15 % is 0.0000089165, of which prices have 0.00000892."""
        values = {"price_unit": 0.00001049, "discount": 15}
        order = self._create_order((self.ordered, 10**7, values))
        amount = order.order_line.price_subtotal
        self.assertEqual(amount, 89.17)
        charge = self._entries(order)
        self.assertRecordValues(charge, [{"quantity": 10**7, "retail_cost": amount}])
        order.order_line.product_uom_qty = 5 * 10**6
        self._follow()
        less = {"quantity": 5 * 10**6, "retail_cost": 44.58}
        self.assertRecordValues(charge, [less])
        self.assertEqual(order.order_line.price_subtotal, 44.58)
        self.assertEqual(self._bill(charge).amount_untaxed, 44.58)

    def test_rest_that_comes_to_nothing_waits(self):
        """W38: as what is ordered from the beginning does; nothing is charged at 0."""
        bytes_ = self._add_product("Bytes", 0.00001, invoice_policy="order")
        order = self._create_order((bytes_, 1000, {}))
        line = order.order_line
        self.assertEqual(self._entries(order).retail_cost, 0.01)
        for many, known, costs in ((100, 0, []), (1500, 1500, [0.02])):
            line.product_uom_qty = many
            self._follow()
            self.assertFalse(order.billing_problem)
            self.assertEqual((line.billing_qty, line.billing_is_due), (known, False))
            self.assertEqual(self._entries(order).mapped("retail_cost"), costs)
        void = line.billing_transaction_ids.filtered(lambda t: t.state == "void")
        self.assertEqual(void.void_reason, "What is left of it comes to no amount")

    def test_price_that_staff_lowered_is_not_the_orders_again(self):
        """W38: a rest that comes to nothing by it is told, and not charged in full."""
        order = self._create_order((self.ordered, 10, {}))
        charge = self._entries(order)
        charge.price_unit = 0.001
        order.order_line.product_uom_qty = 2
        for _time in range(2):
            self._follow()
            self.assertEqual(self._entries(order), charge)
            self.assertRecordValues(charge, [{"quantity": 10, "retail_cost": 0.01}])
            self.assertTrue(order.billing_problem)
        charge.price_unit = 1
        self._follow()
        self.assertRecordValues(charge, [{"quantity": 2, "retail_cost": 2}])
        self.assertFalse(order.billing_problem)

    def test_delivered_is_followed_by_its_difference(self):
        order = self._create_order((self.delivered, 10, {}))
        self.assertFalse(self._entries(order))
        for done, amounts in ((3, [165]), (3, [165]), (5, [165, 110])):
            order.order_line.qty_delivered = done
            self._follow()
            self._follow()
            self.assertEqual(self._amounts(order), amounts)

    def test_a_job_comes_whatever_was_delivered(self):
        """The job is called, and does not wait for its next time."""
        job = self.env.ref("omni_billing_sale.ir_cron_follow_orders").sudo()
        order = self._create_order((self.delivered, 10, {}))
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([("cron_id", "=", job.id)])
        order.order_line.qty_delivered = 1
        self.env.flush_all()
        after = triggers.search_count([("cron_id", "=", job.id)])
        self.assertGreater(after, before)

    def test_as_agreed_on_the_line(self):
        """Taxes, address, reference, payer, unit, text and currency are the order's"""
        site, payer = self.env["res.partner"].create(
            [
                {
                    "name": "Warehouse",
                    "parent_id": self.customer.id,
                    "type": "delivery",
                },
                {"name": "Insurer"},
            ]
        )
        dollar = self.env.ref("base.USD")
        euro = self.env.ref("base.EUR")
        foreign = euro if self.currency == dollar else dollar
        foreign.active = True
        pricelist = self.env["product.pricelist"].create(
            {"name": "Abroad", "currency_id": foreign.id}
        )
        dozen = self.env.ref("uom.product_uom_dozen")
        plan = self.env["account.analytic.plan"].create({"name": "Plan"})
        account = self.env["account.analytic.account"].create(
            {"name": "North", "plan_id": plan.id}
        )
        self.customer.lang = "fr_FR"
        order = self._create_order(
            (
                self.ordered,
                2,
                {
                    "name": "Routers\nWhite ones",
                    "price_unit": 100,
                    "product_uom_id": dozen.id,
                    "tax_ids": [Command.set(self.tax_20_included.ids)],
                    "analytic_distribution": {str(account.id): 100},
                },
            ),
            partner_shipping_id=site.id,
            partner_invoice_id=payer.id,
            client_order_ref="PO 7",
            pricelist_id=pricelist.id,
        )
        charge = self._entries(order)
        self.assertRecordValues(
            charge,
            [
                {
                    "name": "Routers",
                    "description": f"White ones\nCommande {order.name}",
                    "partner_id": self.customer.id,
                    "payer_id": payer.id,
                    "commercial_partner_id": payer.id,
                    "site_id": site.id,
                    "customer_reference": "PO 7",
                    "currency_id": foreign.id,
                    "uom_id": dozen.id,
                    "quantity": 2,
                    "amount_total": 200,
                    "analytic_distribution": {str(account.id): 100},
                }
            ],
        )
        self.assertEqual(charge.tax_ids, self.tax_20_included)

    def test_sections_notes_and_what_is_free_are_left_out(self):
        order = self._create_order(
            (self.ordered, 1, {}), (self.ordered, 1, {"price_unit": 0}), confirm=False
        )
        order.order_line = [
            Command.create({"display_type": "line_section", "name": "Part"}),
            Command.create({"display_type": "line_note", "name": "Note"}),
        ]
        order.action_confirm()
        self.assertEqual(self._amounts(order), [88])
        self.assertFalse(order.order_line.filtered("billing_is_due"))

    def test_a_discount_is_a_credit(self):
        order = self._create_order(
            (self.ordered, 1, {}), (self.ordered, 1, {"price_unit": -8})
        )
        self.assertEqual(self._amounts(order), [88, -8.8])
        invoice = self._bill()
        self.assertEqual(invoice.amount_total, order.amount_total)

    # === RECURRING === #

    def test_recurring_line_becomes_a_service(self):
        start = self.today + timedelta(days=10)
        order = self._create_order(
            (self.fibre, 2, {"discount": 20}),
            (self.ordered, 1, {}),
            billing_date_start=start,
            client_order_ref="PO 7",
        )
        self.assertEqual(order.order_line[0].price_unit, 45)
        self.assertIn("Price for each month", order.order_line[0].name)
        service = order.order_line[0].billing_service_ids
        self.assertRecordValues(
            service,
            [
                {
                    "name": "Fibre 500",
                    "partner_id": self.customer.id,
                    "quantity": 2,
                    "price_unit": 36,
                    "setup_price": 30,
                    "unit": "month",
                    "interval": 1,
                    "timing": "advance",
                    "date_start": start,
                    "next_date": start,
                    "customer_reference": "PO 7",
                    "sale_order_id": order.id,
                }
            ],
        )
        self.assertEqual(service.tax_ids, self.tax_10)
        # The other line is charged, and nothing of the service yet.
        self.assertEqual(self._amounts(order), [88])
        order.invalidate_recordset()
        self.assertEqual(order.billing_service_count, 1)

    def test_charges_of_its_service_are_of_the_order(self):
        order = self._create_order((self.fibre, 1, {}))
        order.order_line.billing_service_ids.action_write_due()
        self.assertEqual(sorted(self._amounts(order)), [33, 49.5])
        self.assertEqual(order.billing_unbilled_amount, 82.5)

    def test_quantity_of_a_service_follows(self):
        order = self._create_order((self.fibre, 1, {}))
        line, service = order.order_line, order.order_line.billing_service_ids
        line.product_uom_qty = 2
        self._follow()
        self.assertEqual((service.quantity, service.change_ids.ids), (2, []))
        service.action_write_due()
        line.product_uom_qty = 3
        self._follow()
        self.assertEqual(service.quantity, 2)
        self.assertRecordValues(
            service.change_ids, [{"date": self.today, "quantity": 3, "price_unit": 45}]
        )
        line.product_uom_qty = 0
        self._follow()
        self.assertEqual(service.date_end, self.today)
        self.assertEqual(line.billing_service_ids, service)
        self.assertIn("ends today", order.billing_to_settle)
        # More again: it goes on.
        line.product_uom_qty = 2
        self._follow()
        self.assertFalse(service.date_end)
        self.assertEqual(service.change_ids.quantity, 2)

    def test_service_of_a_canceled_order(self):
        """Never charged, it is archived, and comes back; else it ends today."""
        order = self._create_order((self.fibre, 1, {}))
        service = order.order_line.billing_service_ids
        order._action_cancel()
        self.assertFalse(service.active)
        order.action_draft()
        order.action_confirm()
        self.assertTrue(service.active)
        self.assertEqual(order.order_line.billing_service_ids, service)
        service.action_write_due()
        order._action_cancel()
        self.assertEqual((service.active, service.date_end), (True, self.today))
        self.assertIn(service.name, order.billing_to_settle)

    # === WHAT SALES SHOWS === #

    def test_order_shows_what_is_invoiced(self):
        order = self._create_order((self.ordered, 2, {}), (self.delivered, 1, {}))
        self.assertEqual(order.invoice_status, "no")
        first = self._bill()
        self.assertEqual(order.invoice_ids, first)
        self.assertEqual(order.order_line.mapped("qty_invoiced"), [2, 0])
        self.assertEqual(order.amount_invoiced, 176)
        self.assertEqual(order.invoice_status, "no")
        order.order_line[1].qty_delivered = 1
        self._follow()
        self.assertEqual(order.order_line[1].untaxed_amount_to_invoice, 50)
        self._bill()
        self.assertEqual(order.order_line.mapped("qty_invoiced"), [2, 1])
        self.assertEqual(order.order_line.mapped("untaxed_amount_to_invoice"), [0, 0])
        self.assertEqual(order.invoice_status, "invoiced")
        self.assertEqual(order.billing_invoiced_amount, 231)
        self.assertEqual(order.billing_unbilled_amount, 0)

    def test_void_invoice_is_billed_once_more(self):
        """Its charges are unbilled again, and the order has none besides."""
        order = self._create_order((self.ordered, 2, {}))
        for method in ("credit_note", "cancel"):
            # sudo: settings are an administrator's.
            self.company.sudo().billing_void_method = method
            self._bill().action_billing_void()
            self._follow()
            self.assertEqual(self._amounts(order), [176])
            self.assertEqual(order.order_line.qty_invoiced, 0)
        self._bill()
        self._follow()
        self.assertEqual(self._amounts(order), [176])
        self.assertEqual(order.order_line.qty_invoiced, 2)

    def test_canceled_item_does_not_come_back(self):
        order = self._create_order((self.ordered, 2, {}))
        invoice = self._bill()
        invoice._billing_cancel_items(invoice.billing_transaction_ids)
        self.assertEqual(order.order_line.qty_invoiced, 0)
        order.order_line.product_uom_qty = 3
        self._follow()
        self.assertEqual(self._amounts(order), [176, -176, 88])
        # Nor is it credited once more.
        order.order_line.product_uom_qty = 0
        self._follow()
        self.assertEqual(sum(self._amounts(order)), 0)

    def test_what_staff_void_stays_void(self):
        order = self._create_order((self.ordered, 2, {}))
        self._entries(order).action_void("A gift")
        self._follow()
        self.assertFalse(self._entries(order))
        self.assertFalse(order.order_line.billing_is_due)

    # === LESS === #

    def test_less_of_what_is_unbilled(self):
        order = self._create_order((self.ordered, 5, {}))
        charge = self._entries(order)
        order.order_line.product_uom_qty = 3
        self._follow()
        self.assertRecordValues(
            charge, [{"quantity": 3, "sale_quantity": 3, "amount_total": 264}]
        )
        order.order_line.product_uom_qty = 0
        self._follow()
        self.assertEqual(charge.state, "void")
        order.order_line.product_uom_qty = 1
        self._follow()
        self.assertEqual(self._amounts(order), [88])

    def test_less_of_what_is_billed_is_credited_to_the_cent(self):
        """Three at 33.335 are 100.01; parts of it come to that, and not to more."""
        order = self._create_order((self.ordered, 3, {"price_unit": 33.335}))
        invoice = self._bill()
        total = invoice.amount_total
        # What the tax is today does not matter.
        for left in (2, 1, 0):
            order.order_line.product_uom_qty = left
            self._follow()
        credits = self._entries(order)[1:]
        self.assertEqual(set(credits.mapped("transaction_type")), {"credit"})
        self.assertEqual(len(credits), 3)
        self.assertAlmostEqual(sum(credits.mapped("amount_total")), -total)
        self._bill()
        self.assertEqual(order.order_line.qty_invoiced, 0)
        self.assertEqual(self._get_ledger_balance(), self._get_books_balance())

    def test_return_is_credited_as_billed(self):
        order = self._create_order((self.delivered, 4, {}))
        line = order.order_line
        line.qty_delivered = 4
        self._follow()
        self._bill()
        self.tax_10.amount = 15
        line.qty_delivered = 1
        self._follow()
        self.assertEqual(self._amounts(order), [220, -165])
        line.qty_delivered = 2
        self._follow()
        # What is delivered anew has the tax of today.
        self.assertEqual(self._amounts(order), [220, -165, 57.5])

    def test_order_of_what_comes_back(self):
        """Less than nothing is ordered: a credit, without anything billed before."""
        order = self._create_order((self.ordered, -2, {}))
        self.assertEqual(self._amounts(order), [-176])
        self.assertEqual(self._bill().move_type, "out_refund")
        self.assertEqual(order.order_line.qty_invoiced, -2)

    # === CANCELED, CONFIRMED AGAIN === #

    def test_canceled_before_it_is_billed(self):
        order = self._create_order((self.ordered, 2, {}))
        charge = self._entries(order)
        order._action_cancel()
        self.assertEqual(charge.state, "void")
        self.assertFalse(order.billing_to_settle)
        order.action_draft()
        order.order_line.price_unit = 70
        order.action_confirm()
        self.assertEqual(self._amounts(order), [154])

    def test_canceled_after_it_is_billed_is_told(self):
        """Staff decide; confirmed again it is not billed again."""
        order = self._create_order((self.ordered, 2, {}))
        self._bill()
        order.order_line.product_uom_qty = 3
        self._follow()
        order._action_cancel()
        self.assertEqual(self._amounts(order), [176])
        todo = self.env["omni.billing.todo"].search([("kind", "=", "sale")])
        self.assertEqual(todo.res_id, order.id)
        self.assertEqual(todo.partner_id, self.customer)
        self.assertIn("176.00", todo.reason)
        order.action_draft()
        order.action_confirm()
        self.assertEqual(self._amounts(order), [176, 88])
        self.assertFalse(order.billing_to_settle)

    def test_canceled_order_is_taken_off_the_list(self):
        order = self._create_order((self.ordered, 2, {}))
        self._bill()
        order._action_cancel()
        todos = self.env["omni.billing.todo"].with_user(self.staff)
        todo = todos.search([("kind", "=", "sale")])
        with self.assertRaises(AccessError):
            order.with_user(self.seller).action_billing_settle()
        todo.action_give_up()
        self.assertFalse(order.billing_to_settle)
        self.assertEqual(self._amounts(order), [176])

    def test_states_that_a_program_writes(self):
        """No button is pressed: the job follows."""
        order = self._create_order((self.ordered, 2, {}), confirm=False)
        order.write({"state": "sale"})
        self._follow()
        self.assertEqual(self._amounts(order), [176])
        order.write({"state": "draft"})
        self._follow()
        self.assertFalse(self._entries(order))

    def test_order_that_is_imported_as_confirmed(self):
        """It is Sales' own, unless the file says otherwise."""
        order = self._create_order((self.ordered, 2, {}), confirm=False, state="sale")
        self._follow()
        self.assertFalse(self._entries(order))
        order = self._create_order(
            (self.ordered, 2, {}), confirm=False, state="sale", billing_is_pooled=True
        )
        self._follow()
        self.assertEqual(self._amounts(order), [176])

    def test_duplicate_is_another_order(self):
        order = self._create_order((self.ordered, 2, {}))
        copy = order.copy()
        self.assertEqual(copy.order_line.billing_qty, 0)
        self.assertFalse(self._entries(copy))
        copy.action_confirm()
        self.assertEqual(self._amounts(copy), [176])
        self.assertEqual(self._amounts(order), [176])

    def test_line_that_is_added_later(self):
        order = self._create_order((self.ordered, 2, {}))
        order.order_line = [
            Command.create({"product_id": self.ordered.id, "product_uom_qty": 1})
        ]
        self._follow()
        self.assertEqual(self._amounts(order), [176, 88])

    # === ONCE EACH === #

    @mute_logger(SQL_LOG)
    def test_database_refuses_a_second_one(self):
        """Two at once find the same difference: the second has no number left."""
        order = self._create_order((self.ordered, 2, {}))
        line = order.order_line.sudo()
        values = line._billing_prepare_charge(2) | {"sale_part": 1}
        with self.assertRaisesRegex(Exception, "already"), self.cr.savepoint():
            trust(self.env["omni.billing.transaction"]).create(values)
        order = self._create_order((self.fibre, 2, {}))
        values = order.order_line.sudo()._billing_prepare_service(2)
        with self.assertRaisesRegex(Exception, "already"), self.cr.savepoint():
            trust(self.env["omni.billing.service"]).create(values)

    def test_nobody_links_a_charge_by_hand(self):
        order = self._create_order((self.ordered, 2, {}))
        values = {"sale_line_id": order.order_line.id}
        with self.assertRaises(AccessError):
            self._create_transaction(5, **values)
        other = self._create_transaction(5)
        with self.assertRaises(AccessError):
            other.write(values)
        for name in ("billing_qty", "billing_is_due"):
            with self.assertRaises(AccessError):
                order.order_line.write({name: 0})

    # === WHAT WAS AGREED === #

    def test_price_of_what_is_in_billing_stays(self):
        order = self._create_order((self.ordered, 2, {}))
        line = order.order_line
        for vals in (
            {"price_unit": 5},
            {"discount": 50},
            {"tax_ids": [Command.clear()]},
            {"product_id": self.delivered.id},
        ):
            with self.assertRaisesRegex(UserError, "In Billing|is in Billing"):
                line.write(vals)
        # The same is no change, and the form sends it.
        line.write({"price_unit": 80, "tax_ids": [Command.set(self.tax_10.ids)]})
        # Nor does a price list find another one with the quantity.
        self.ordered.list_price = 60
        line.product_uom_qty = 3
        self._follow()
        self.assertEqual(self._amounts(order), [176, 88])

    def test_order_stays_the_customers(self):
        order = self._create_order((self.ordered, 2, {}))
        with self.assertRaisesRegex(UserError, "in Billing"):
            order.partner_id = self.portal.partner_id
        with self.assertRaisesRegex(UserError, "confirmed"):
            order.billing_is_pooled = False

    def test_what_is_billed_is_not_deleted(self):
        order = self._create_order((self.ordered, 2, {}))
        self._bill()
        order._action_cancel()
        for record in (order.order_line, order):
            with self.assertRaisesRegex(UserError, "cannot be deleted"):
                record.unlink()
        other = self._create_order((self.ordered, 2, {}))
        charge = self._entries(other)
        other._action_cancel()
        other.unlink()
        self.env.invalidate_all()
        self.assertEqual(charge.state, "void")

    # === WHAT CANNOT BE BILLED === #

    @mute_logger(FOLLOW)
    def test_what_is_wrong_is_told_and_mended(self):
        """Who confirms is not kept from it; the other lines are in Billing."""
        wrong = self._create_tax(5)
        order = self._create_order(
            (self.ordered, 1, {"tax_ids": [Command.clear()]}),
            (self.ordered, 2, {"tax_ids": [Command.set(wrong.ids)]}),
            confirm=False,
        )
        wrong.type_tax_use = "purchase"
        order.action_confirm()
        self.assertEqual(order.state, "sale")
        self.assertEqual(self._amounts(order), [80])
        self.assertIn("cannot be used on a sale", order.billing_problem)
        wrong.type_tax_use = "sale"
        todo = self.env["omni.billing.todo"].search([("kind", "=", "sale")])
        todo.with_user(self.staff).action_again()
        self.assertEqual(self._amounts(order), [80, 168])
        self.assertFalse(order.billing_problem)

    # === WHO IS BILLED BY WHOM === #

    def test_nothing_changes_before_somebody_says_so(self):
        self.company.sudo().billing_sale = False
        order = self._create_order((self.ordered, 2, {}), (self.fibre, 1, {}))
        self.assertFalse(order.billing_is_pooled)
        self.assertEqual(order.order_line[1].price_unit, 10)
        self.assertFalse(self._entries(order))
        self.assertEqual(order.invoice_status, "to invoice")
        invoice = order._create_invoices()
        invoice.action_post()
        self.assertEqual(order.invoice_status, "invoiced")

    def test_customer_and_order_say_otherwise(self):
        contact = self.portal.partner_id
        self.customer.with_company(self.company).billing_sale = "sale"
        order = self._create_order(confirm=False, partner_id=contact.id)
        self.assertFalse(order.billing_is_pooled)
        self.company.sudo().billing_sale = False
        self.customer.with_company(self.company).billing_sale = "billing"
        order = self._create_order(confirm=False, partner_id=contact.id)
        self.assertTrue(order.billing_is_pooled)
        form = Form(order)
        form.billing_is_pooled = False
        form.save()
        order.action_confirm()
        self.assertFalse(order.billing_is_pooled)

    def test_order_of_another_company(self):
        other = self.setup_other_company()["company"]
        other.billing_sale = True
        env = self.env(user=self.env.user, context={"allowed_company_ids": other.ids})
        # sudo: products and taxes of the other company are set up.
        product = self.ordered.sudo().with_env(env).copy({"taxes_id": False})
        order = env["sale.order"].create(
            {
                "partner_id": self.others_customer().id,
                "company_id": other.id,
                "order_line": [Command.create({"product_id": product.id})],
            }
        )
        order.with_company(self.company).action_confirm()
        charge = env["omni.billing.transaction"].search(
            [("sale_order_id", "=", order.id)]
        )
        self.assertEqual(charge.company_id, other)
        self.assertEqual(charge.currency_id, other.currency_id)

    def others_customer(self):
        return self.env["res.partner"].create({"name": "Everybody's"})

    # === RIGHTS === #

    def test_sellers_need_not_bill(self):
        order = self._create_order((self.ordered, 2, {}), confirm=False)
        mine = order.with_user(self.seller)
        mine.action_confirm()
        self.assertEqual(self._amounts(order), [176])
        mine.order_line.product_uom_qty = 1
        self._follow()
        self.assertEqual(mine.billing_unbilled_amount, 88)
        with Form(mine) as form:
            self.assertEqual(form.billing_unbilled_amount, 88)
        with self.assertRaises(AccessError):
            mine.order_line.billing_transaction_ids.mapped("name")
        mine._action_cancel()
        self.assertFalse(self._entries(order))

    def test_staff_see_of_which_order_it_is(self):
        order = self._create_order((self.ordered, 2, {}))
        charge = self._entries(order).with_user(self.staff)
        [read] = charge.web_read({"sale_order_id": {"fields": {"display_name": {}}}})
        self.assertEqual(read["sale_order_id"]["display_name"], order.name)
        Form(charge)

    def test_customers_see_no_more_than_before(self):
        order = self._create_order((self.ordered, 2, {}))
        charge = self._entries(order).with_user(self.portal)
        self.assertTrue(charge.read(["name"]))
        for name in ("sale_line_id", "sale_order_id", "sale_quantity"):
            with self.assertRaises(AccessError):
                charge.read([name])
        for name in ("billing_to_settle", "billing_unbilled_amount"):
            with self.assertRaises(AccessError):
                order.with_user(self.portal).read([name])

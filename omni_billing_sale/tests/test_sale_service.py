from datetime import timedelta

from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import SaleCommon


@tagged("post_install", "-at_install")
class TestSaleService(SaleCommon):
    """W38: a service follows its line, and charges no day that was not provided."""

    def _sell(self, quantity=1, days=0, timing="advance", is_charged=False):
        """Return the line of a service that began some days ago, and the service."""
        self.fibre.billing_timing = timing
        start = self.today - timedelta(days=days)
        order = self._create_order((self.fibre, quantity, {}), billing_date_start=start)
        service = order.order_line.billing_service_ids
        if is_charged:
            service.action_write_due()
        return order.order_line, service

    def _order(self, line, quantity):
        line.product_uom_qty = quantity
        self._follow()

    def _confirm_again(self, order):
        order._action_cancel()
        order.action_draft()
        order.action_confirm()

    # === ENDS === #

    def test_end_that_others_entered_stays(self):
        """A customer gave notice: more of it until then, and staff are told."""
        line, service = self._sell(is_charged=True)
        end = self.today + timedelta(days=40)
        service.date_end = end
        self._order(line, 2)
        self.assertEqual(service.date_end, end)
        self.assertEqual(service.change_ids.quantity, 2)
        self.assertIn("still ends on", line.order_id.billing_to_settle)

    def test_end_of_the_line_is_taken_away_the_same_day(self):
        line, service = self._sell(is_charged=True)
        self._confirm_again(line.order_id)
        self.assertFalse(service.date_end)
        self.assertEqual(line.billing_qty, 1)
        self.assertIn("without an end", line.order_id.billing_to_settle)

    def test_end_that_is_over_stays(self):
        """Confirmed again later: what lies between was not provided, nor is more."""
        line, service = self._sell(days=70, is_charged=True)
        order = line.order_id
        order._action_cancel()
        end = self.today - timedelta(days=35)
        trust(service).write({"date_end": end, "charged_until": end})
        before = len(self._entries(order))
        order.action_draft()
        order.action_confirm()
        service.action_write_due()
        self.assertEqual(service.date_end, end)
        self.assertFalse(service.change_ids)
        self.assertEqual(len(self._entries(order)), before)
        self.assertIn("not charged", order.billing_to_settle)

    def test_what_staff_archived_stays_so(self):
        line, service = self._sell()
        service.active = False
        self._order(line, 2)
        self.assertFalse(service.active)
        self.assertIn("archived", line.order_id.billing_to_settle)

    # === USED, AND NOT CHARGED YET === #

    def test_used_days_keep_their_start_and_quantity(self):
        line, service = self._sell(days=10, timing="arrears")
        start = service.date_start
        line.order_id.billing_date_start = False
        self._order(line, 3)
        self.assertEqual((service.date_start, service.quantity), (start, 1))
        self.assertRecordValues(
            service.change_ids, [{"date": self.today, "quantity": 3, "price_unit": 45}]
        )
        self.assertFalse(line.order_id.billing_to_settle)

    def test_used_days_of_a_canceled_order_are_charged(self):
        line, service = self._sell(days=10, timing="arrears")
        line.order_id._action_cancel()
        self.assertEqual((service.active, service.date_end), (True, self.today))
        service.action_write_due()
        used = self._entries(line.order_id).filtered(lambda t: not t.service_part)
        self.assertEqual(len(used), 1)
        self.assertIn("11 of", used.description)

    def test_one_to_come_keeps_what_staff_entered(self):
        line, service = self._sell(days=-10)
        start, end = (self.today + timedelta(days=days) for days in (20, 90))
        service.write({"date_start": start, "date_end": end})
        self._order(line, 2)
        self.assertRecordValues(
            service, [{"date_start": start, "date_end": end, "quantity": 2}]
        )
        self.assertFalse(service.change_ids)
        self._order(line, 0)
        self.assertFalse(service.active)

    # === CHANGES TO COME === #

    def test_changes_to_come_have_the_quantity(self):
        """A price rise next month does not bring the old quantity back."""
        line, service = self._sell(quantity=2, is_charged=True)
        later = self.today + timedelta(days=45)
        change = self.env["omni.billing.service.change"].create(
            {"service_id": service.id, "date": later, "quantity": 2, "price_unit": 50}
        )
        self._order(line, 3)
        self.assertRecordValues(
            service.change_ids.sorted("date"),
            [
                {"date": self.today, "quantity": 3, "price_unit": 45},
                {"date": later, "quantity": 3, "price_unit": 50},
            ],
        )
        # Nor is one forgotten where today's quantity is that of the line already.
        change.quantity = 2
        service._sale_follow(3, 3)
        self.assertEqual(change.quantity, 3)

    def test_restart_leaves_no_change_of_before(self):
        line, service = self._sell()
        self.env["omni.billing.service.change"].create(
            {
                "service_id": service.id,
                "date": self.today + timedelta(days=45),
                "quantity": 1,
                "price_unit": 50,
            }
        )
        service.suspended_from = self.today + timedelta(days=40)
        self._confirm_again(line.order_id)
        self.assertTrue(service.active)
        self.assertFalse(service.change_ids)
        self.assertFalse(service.suspension_ids)

    def test_difference_of_a_charged_period_is_told(self):
        """Nobody charges, or credits, it by itself."""
        line, service = self._sell(quantity=2, days=10, is_charged=True)
        order, before = line.order_id, self._amounts(line.order_id)
        self._order(line, 1)
        self.assertEqual(self._amounts(order), before)
        self.assertIn("adjust what is charged", order.billing_to_settle)
        self.assertLess(service.adjustment, 0)
        # What is charged until yesterday has nothing to adjust.
        line, service = self._sell(timing="arrears", days=10)
        self._order(line, 2)
        self.assertFalse(line.order_id.billing_to_settle)

    # === TOLD === #

    def test_what_is_told_first_is_not_forgotten(self):
        """Of two services that end, and of what is billed besides."""
        order = self._create_order(
            (self.fibre, 1, {"name": "First"}),
            (self.fibre, 1, {"name": "Second"}),
            (self.ordered, 1, {}),
        )
        order.order_line.billing_service_ids.action_write_due()
        self._bill()
        order._action_cancel()
        for words in ("First", "Second", "88.00"):
            self.assertIn(words, order.billing_to_settle)

    # === ANOTHER PLAN === #

    def _change_plan(self, service, when):
        preview = service._billing_preview_plan(self.fibre, when)
        return service._billing_change_plan(self.fibre, when, preview["seen"])

    def test_line_goes_on_with_the_new_plan(self):
        """W36: what is ordered more of is of the plan that is in force."""
        line, service = self._sell(days=10, is_charged=True)
        plan = self._change_plan(service, "now")
        self.assertEqual(line.billing_service_ids, plan)
        self.assertEqual(service.transaction_ids.sale_order_id, line.order_id)
        self.assertEqual(plan.transaction_ids.sale_order_id, line.order_id)
        self._order(line, 3)
        self.assertEqual(plan.change_ids.quantity, 3)
        self.assertFalse(service.change_ids)

    def test_plan_to_come_is_taken_back_by_its_order(self):
        """W36: and nothing of a canceled order begins later."""
        line, service = self._sell(days=10, is_charged=True)
        plan = self._change_plan(service, "period")
        line.order_id._action_cancel()
        self._follow()
        self.assertFalse(plan.exists())
        self.assertEqual(line.billing_service_ids, service)
        self.assertEqual(service.date_end, self.today)
        self.assertIn("taken back", line.order_id.billing_to_settle)

    def test_archived_plan_is_not_begun_from_the_start_of_the_order(self):
        """W36: those days are of the plan before, and charged."""
        line, service = self._sell(days=10, is_charged=True)
        self.fibre.billing_timing = "arrears"
        plan = self._change_plan(service, "now")
        order, start = line.order_id, plan.date_start
        self._confirm_again(order)
        self.assertRecordValues(plan, [{"active": False, "date_start": start}])
        self.assertIn("is not charged", order.billing_to_settle)

    def test_order_names_the_exit_fee(self):
        """W36: it charges none."""
        line, service = self._sell(days=10, is_charged=True)
        service.write(
            {
                "term_end": self.today + timedelta(days=300),
                "exit_fee_kind": "fixed",
                "exit_fee": 80,
            }
        )
        line.order_id._action_cancel()
        self.assertEqual(service.date_end, self.today)
        self.assertFalse(service.exit_fee_id)
        self.assertIn("88.00, taxes included", line.order_id.billing_to_settle)

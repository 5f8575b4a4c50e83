"""Promises to pay: who said so is left alone until that day is over (W30)."""

from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .test_reminder import ReminderCommon


@tagged("post_install", "-at_install")
class TestPromise(ReminderCommon):
    def setUp(self):
        super().setUp()
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        self.invoice = self._bill_due(8)
        self.until = self.today + timedelta(days=5)

    def _promise(self, invoices=None, **values):
        wizard = (
            self.env["omni.billing.promise.wizard"]
            .with_user(self.staff)
            .create(
                {
                    "invoice_ids": [Command.set((invoices or self.invoice).ids)],
                    "date": self.until,
                    "note": "By phone",
                    **values,
                }
            )
        )
        return wizard.action_promise()

    def _follow(self, later=0):
        with freeze_time(self.today + timedelta(days=later)):
            self._run_job("account.move", "_cron_billing_follow_promises")

    def _charge_fees(self, later=0):
        with freeze_time(self.today + timedelta(days=later)):
            self._run_job("omni.billing.late.fee", "_cron_charge")
        return self.env["omni.billing.late.fee"].search(
            [("move_id", "=", self.invoice.id)]
        )

    def _read_history(self):
        rows = self.env["omni.billing.activity.log"].search(
            [("move_id", "=", self.invoice.id), ("action", "=like", "promise%")],
            order="id",
        )
        return rows.mapped("action")

    def _read_notes(self):
        self.invoice.invalidate_recordset()
        return " ".join(self.invoice.message_ids.mapped("body"))

    def test_holds_reminders_and_fees_until_the_day_is_over(self):
        self._promise()
        for later in (0, 5):
            self._remind(later)
            self.assertFalse(self.invoice.billing_reminder_ids)
            self.assertFalse(self._charge_fees(later))
        # Without waiting for the job that follows up.
        self._remind(6)
        self.assertTrue(self.invoice.billing_reminder_ids)
        self.assertTrue(self._charge_fees(6))

    def test_other_invoices_are_reminded_of_without_it(self):
        other = self._bill_due(7)
        self._promise()
        self._remind()
        self.assertEqual(other.billing_mail_ids._get_moves(), other)

    def test_reminder_that_waits_is_not_sent(self):
        self._remind()
        [mail] = self.invoice.billing_mail_ids
        self._promise()
        self._send_outbox()
        self.assertEqual(mail.state, "canceled")
        self.assertFalse(self.mailjet.sent)

    def test_broken_is_followed_up_once(self):
        self.invoice.invoice_user_id = self.staff
        self._promise()
        self.assertIn("By phone", self._read_notes())
        self._follow(5)
        self.assertEqual(self.invoice.billing_promise_state, "open")
        self._pay(self.invoice, mode="cash", amount=15)
        for _time in range(2):
            self._follow(6)
        self.assertEqual(self.invoice.billing_promise_state, "broken")
        [todo] = self.invoice.activity_ids
        self.assertEqual(todo.user_id, self.staff)
        self.assertIn("30.00", todo.note)
        self.assertIn("still owed", self._read_notes())
        self.assertEqual(self._read_history(), ["promised", "promise_broken"])
        domain = self.env["account.move"]._billing_get_broken_promises_domain()
        self.assertIn(self.invoice, self.env["account.move"].search(domain))
        self._pay(self.invoice, mode="cash")
        self.assertNotIn(self.invoice, self.env["account.move"].search(domain))

    def test_kept_is_told(self):
        self._promise()
        self._pay(self.invoice, mode="cash")
        self._follow()
        self.assertEqual(self.invoice.billing_promise_state, "kept")
        self.assertIn("was kept", self._read_notes())
        self.assertEqual(self._read_history(), ["promised", "promise_kept"])
        self._follow(9)
        self.assertFalse(self.invoice.activity_ids)

    def test_void_needs_no_promise(self):
        self._promise()
        self.invoice.action_billing_void()
        self._follow(9)
        self.assertFalse(self.invoice.billing_promise_state)
        self.assertFalse(self.invoice.activity_ids)

    def test_new_promise_and_taking_it_back(self):
        self._promise()
        self._follow(6)
        with freeze_time(self.today + timedelta(days=6)):
            self._promise(date=self.today + timedelta(days=9))
            self.assertEqual(self.invoice.billing_promise_state, "open")
        self.invoice.with_user(self.staff).action_billing_take_back_promise()
        self.assertFalse(self.invoice.billing_promise_date)
        self._remind()
        self.assertTrue(self.invoice.billing_reminder_ids)

    def test_customer_promises_all_it_owes(self):
        other = self._bill_due(1)
        action = self.customer.action_billing_promise()
        wizard = self.env["omni.billing.promise.wizard"].with_context(
            **action["context"]
        )
        wizard.create({"date": self.until}).action_promise()
        self.assertEqual(
            (self.invoice + other).mapped("billing_promise_date"), [self.until] * 2
        )
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_promise_date, self.until)
        self._pay(self.invoice + other, mode="cash")
        self.customer.invalidate_recordset()
        self.assertFalse(self.customer.billing_promise_date)

    def test_what_is_refused(self):
        paid = self._bill_due(7)
        self._pay(paid, mode="cash")
        with self.assertRaisesRegex(UserError, "is over"):
            self._promise(date=self.today - timedelta(days=1))
        with self.assertRaisesRegex(UserError, "more than a year"):
            self._promise(date=self.today + timedelta(days=3660))
        with self.assertRaisesRegex(UserError, "not waiting to be paid"):
            self._promise(paid)
        with self.assertRaises(UserError):
            paid.action_billing_promise()
        with self.assertRaises(AccessError):
            self.invoice.with_user(self.portal)._billing_promise(self.until)
        with self.assertRaises(UserError):
            self.invoice.with_user(self.staff).billing_promise_date = self.until
        self.assertFalse(self.invoice.billing_promise_date)

    def test_ringing_goes_all_the_same(self):
        self._promise()
        self.invoice.action_billing_remind()
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_broken_promise_of_others_is_not_theirs(self):
        """A promise without a job is over as well."""
        self._promise()
        trust(self.invoice).billing_promise_date = self.today - timedelta(days=1)
        self._remind()
        self.assertTrue(self.invoice.billing_reminder_ids)

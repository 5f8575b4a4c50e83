from psycopg2.errors import UniqueViolation

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.target_days import add_business_days
from .common import SepaCommon


@tagged("post_install", "-at_install")
class TestCollect(SepaCommon):
    """W34: what is being collected is paid by nothing else, until the bank has paid."""

    def _is_remindable(self, invoice):
        wanted = invoice._billing_get_remindable_domain(self.company)
        return bool(invoice.filtered_domain(wanted))

    def test_being_collected(self):
        """W34: no cash, no void, no reminder, no second collection; cancel ends it."""
        invoice = self._owe(50)
        self.assertTrue(self._is_remindable(invoice))
        order = self._collect(invoice.with_user(self.staff))
        self.assertIn("SEPA", invoice.billing_collecting)
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertFalse(self._is_remindable(invoice))
        collected = [("id", "=", invoice.id), ("billing_collecting", "!=", False)]
        self.assertEqual(self.env["account.move"].search(collected), invoice)
        self.assertFalse(invoice._billing_get_chargeable_amount())
        self.assertTrue(invoice._billing_get_reminder_obstacle())
        with self.assertRaisesRegex(UserError, order.name):
            self._pay(invoice, mode="cash")
        with self.assertRaisesRegex(UserError, order.name):
            self._pay_in_odoo(invoice)
        with self.assertRaises(UserError):
            invoice.action_billing_void("Wrong")
        with self.assertRaisesRegex(UserError, "being collected|going to be"):
            invoice.action_billing_collect_sepa()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            self.env["account.payment.line"].create(
                {
                    "order_id": order.copy({"payment_line_ids": False}).id,
                    "move_line_id": order.payment_line_ids.move_line_id.id,
                }
            )
        order.action_cancel()
        self.assertFalse(invoice.billing_collecting)
        self.assertFalse(self.env["account.move"].search(collected))
        self.assertTrue(self._is_remindable(invoice))
        self._pay(invoice, mode="bank")
        self.assertEqual(invoice.billing_state, "paid")
        # What was paid meanwhile is collected by no order that comes back.
        order.cancel2draft()
        with self.assertRaises(UserError):
            order.draft2open()

    def _pay_in_odoo(self, invoice):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        return wizard.create({})._create_payments()

    def test_paid_when_nothing_came_back(self):
        """W34: not at upload; on the day of the debit, when banks' days are over."""
        invoices = self._owe(30, 12.5)
        order = self._collect(invoices)
        [payment] = self._bring(order)
        self.assertEqual(invoices.mapped("billing_state"), ["unpaid"] * 2)
        self.assertTrue(all(invoices.mapped("billing_collecting")))
        # What the bank has is not forgotten, by whatever button.
        for forget in (order.cancel2draft, order.payment_line_ids.unlink):
            with self.assertRaisesRegex(UserError, "The bank has"):
                forget()
        with self.assertRaisesRegex(UserError, "yet"):
            order.action_billing_bank_paid()
        with self._at(add_business_days(payment.date, 5)):
            self._book()
            self.assertEqual(payment.state, "draft")
        with self._at(add_business_days(payment.date, 6)):
            self._book()
            self._book()
        self.assertEqual(invoices.mapped("billing_state"), ["paid"] * 2)
        self.assertEqual(payment.move_id.date, payment.date)
        self.assertFalse(any(invoices.mapped("billing_collecting")))
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self._get_ledger_balance(), 0)
        with self.assertRaisesRegex(UserError, "not canceled any more"):
            order.action_cancel()

    def test_debit_is_taken_out_of_a_confirmed_order(self):
        """W34: by the buttons that the message names; also where a file was made."""
        stays, goes = self._owe(30, 20)
        order = self._collect(stays + goes)
        line = goes.line_ids.payment_line_ids
        for steps in (("draft2open",), ("draft2open", "open2generated")):
            for step in steps:
                getattr(order, step)()
            with self.assertRaisesRegex(UserError, "Cancel Payments and Back to Draft"):
                line.unlink()
            order.action_cancel()
            order.cancel2draft()
        line.unlink()
        self.assertFalse(goes.billing_collecting)
        self.assertEqual(self._bring(order).amount, 30)
        self._pay(goes, mode="cash")
        self.assertEqual(goes.billing_state, "paid")

    def test_bank_has_paid(self):
        """W34: staff who see the money need not wait."""
        invoice = self._owe(30)
        order = self._collect(invoice)
        [payment] = self._bring(order)
        with self._at(payment.date):
            order.action_billing_bank_paid()
        self.assertEqual(invoice.billing_state, "paid")

    def test_who_is_not_collected_from(self):
        """W34: without a mandate, without a setting, in another currency, planned."""
        invoice = self._owe(30)
        stranger = self.env["res.partner"].create({"name": "Nobody"})
        other = self._owe(20, customer=stranger)
        answer = (invoice + other).action_billing_collect_sepa()
        self.assertIn("no valid SEPA mandate", answer["params"]["message"])
        self.assertTrue(invoice.billing_collecting)
        self.assertFalse(other.billing_collecting)
        self.mandate.cancel()
        with self.assertRaisesRegex(UserError, "no valid SEPA mandate"):
            self._owe(5).action_billing_collect_sepa()
        # sudo: settings are an administrator's.
        company = self.company.sudo()
        with self.assertRaisesRegex(ValidationError, "right now"):
            company.billing_sepa_line_id = False
        self._find_orders(invoice).action_cancel()
        company.billing_sepa_line_id = False
        with self.assertRaisesRegex(UserError, "Settings"):
            self._owe(5).action_billing_collect_sepa()

    def test_credit_is_used_first(self):
        """W34, W15: credit on file is used, and the rest is collected."""
        note = self._bill(self._create_credit(10))
        self.assertEqual(note.move_type, "out_refund")
        order = self._collect(self._owe(30))
        self.assertEqual(order.payment_line_ids.amount_currency, 20)
        self._bill(self._create_credit(50))
        answer = self._owe(40).action_billing_collect_sepa()
        self.assertIn("credit on file: 1", answer["params"]["message"])

    def test_run_collects(self):
        """W34: who has a mandate and no card is collected from by a run."""
        self._create_transaction(40)
        run = self.env["omni.billing.run"].create({"is_charge": True})
        run.action_start()
        self._work()
        line = run.line_ids
        self.assertEqual((run.state, line.charge_state), ("done", "collecting"))
        [payment] = self._bring(self._find_orders(line.invoice_id))
        # What looks each day for ends that nobody told of finds none.
        line.sudo()._gc_settled()  # sudo: lines are the job's
        self._work()
        self.assertEqual(line.charge_state, "collecting")
        with self._at(payment.date):
            payment.action_post()
            self._work()
        self.assertEqual(line.charge_state, "paid")
        self.assertEqual(line.invoice_id.billing_state, "paid")

    def _work(self):
        """Run the job, as its scheduler does."""
        self.env.flush_all()
        # sudo: the job is nobody's.
        self.env["omni.billing.run"].sudo()._cron_process()
        self.env.invalidate_all()

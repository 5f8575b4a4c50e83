from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust, trusting

from ..tools.target_days import add_business_days
from . import bank
from .common import SepaCommon


@tagged("post_install", "-at_install")
class TestKept(SepaCommon):
    """W34: what a debit order has is debited, and nothing says otherwise meanwhile."""

    def test_payments_are_kept(self):
        """W34: from Confirm to the money no other button, write or entry changes one"""
        invoice = self._owe(30)
        order = self._collect(invoice)
        order.draft2open()
        [payment] = order.payment_ids
        for step in (order.open2generated, order.generated2uploaded, None):
            for change in (
                payment.action_cancel,
                payment.action_validate,
                payment.action_reject,
                payment.unlink,
                lambda: payment.write({"state": "canceled"}),
                lambda: payment.write({"amount": 3}),
                lambda: payment.write({"payment_order_id": False}),
                lambda: payment.copy({"payment_order_id": order.id}),
                lambda: order.write({"state": "cancel"}),
                lambda: order.payment_line_ids.write({"move_line_id": False}),
                order.payment_line_ids.unlink,
                order.unlink,
                order.cancel2draft,
            ):
                with (
                    self.assertRaisesRegex(UserError, order.name),
                    self.env.cr.savepoint(),
                ):
                    change()
            with self.assertRaisesRegex(UserError, payment.memo):
                # Before the upload, and before its day, the bank cannot have paid.
                payment.with_context(billing_sepa_books=True).action_post()
            for undo in (
                invoice.button_draft,
                invoice.button_cancel,
                lambda: invoice._reverse_moves([{}]),
            ):
                with self.assertRaisesRegex(UserError, order.name):
                    undo()
            self.assertFalse(payment.copy().payment_line_ids)
            if step:
                step()
        with self._at(payment.date):
            payment.action_post()
            with self.assertRaisesRegex(UserError, "staff undo it"):
                payment.action_draft()
            payment._billing_undo("Not on the statement")
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_file_is_checked_again(self):
        """W34: what is owed, and each payment, are as they were when it is made."""
        order = self._collect(self._owe(30))
        order.draft2open()
        [payment] = order.payment_ids
        line = order.payment_line_ids
        for record, values in (
            (payment, {"state": "canceled"}),
            (payment, {"amount": 31}),
            (line, {"amount_currency": 29}),
        ):
            before = {name: record[name] for name in values}
            trust(record).write(values)
            with self.assertRaisesRegex(UserError, "something changed"):
                order.open2generated()
            trust(record).write(before)
        order.open2generated()
        self.assertEqual(order.state, "generated")

    def test_order_at_the_bank(self):
        """W34: it is canceled when the bank says so, and comes back by another name."""
        stays, goes = self._owe(30), self._owe(20)
        order = self._collect(goes)
        payments = self._bring(order)
        others = self._bring(self._collect(stays))
        told = self._say(payments + others)
        with self.assertRaisesRegex(UserError, "will debit it"):
            order.action_cancel()
        with (
            self._at(payments.date),
            self.assertRaisesRegex(UserError, "cannot be recalled"),
        ):
            order.action_billing_recalled()
        order.action_billing_recalled()
        self.assertFalse(goes.billing_collecting)
        # One that is not asked for any more holds up no other.
        file = self._import(bank.tell("pain.002.001.03", *told))
        self.assertEqual((file.return_count, file.foreign_count), (1, 1))
        self.assertIn(told[0][0], file.foreign_note)
        self.assertFalse(stays.billing_collecting)
        name = order.name
        order.cancel2draft()
        self.assertNotEqual(order.name, name)
        order.draft2open()
        self.assertNotIn(told[0][0], order.payment_ids.mapped("memo"))
        self.assertNotIn(name, order.payment_lot_ids.name)

    def test_job_books_what_waits(self):
        """W34: what an accountant opened again is not booked behind their back."""
        order = self._collect(self._owe(30))
        [payment] = self._bring(order)
        with self._at(add_business_days(payment.date, 6)):
            self._book()
            self.assertNotEqual(payment.state, "draft")
            with trusting(self.env):
                payment.action_draft()
            self._book()
        self.assertEqual(payment.state, "draft")

    def test_manager_of_customers_alone(self):
        """W34: billing managers debit customers, and pay no vendors."""
        journal = self.company_data["default_journal_bank"]
        values = {
            "payment_type": "outbound",
            "payment_method_line_id": journal.outbound_payment_method_line_ids[0].id,
            "company_id": self.company.id,
        }
        with self.assertRaises(AccessError):
            self.Order.create(values)
        # sudo: as those who pay vendors.
        order = self.Order.sudo().create(values)
        with self.assertRaises(AccessError):
            order.sudo(False).unlink()

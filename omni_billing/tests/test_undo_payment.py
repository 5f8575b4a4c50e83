"""A payment, or a refund, by hand is not edited: it is undone, with a reason."""

from datetime import timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestUndoPayment(CardCommon):
    """F150, F178, W26: the state is true at each moment."""

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(100)

    def _receive(self, invoice=None, later=0, **values):
        """Record money by hand, some days before today."""
        values = {"mode": "cash", "reference": "R 1"} | values
        invoice = invoice or self.invoice
        if later:
            values["date"] = self.today - timedelta(days=later)
        self._pay(invoice, **values)
        return invoice.billing_receipt_ids.payment_id[-1:]

    def _undo(self, payment, reason="Wrong customer", user=None):
        action = payment.with_user(user or self.env.user).action_billing_undo()
        wizard = (
            self.env[action["res_model"]]
            .with_user(user or self.env.user)
            .with_context(**action["context"])
            .create({"reason": reason})
        )
        return wizard.action_undo()

    def _check_balances(self, expected):
        self.assertEqual(self._get_books_balance(), expected)
        self.assertEqual(self._get_ledger_balance(), expected)

    def _get_ledger_at(self, day):
        entries = self.env["omni.billing.transaction"].search(
            [
                ("commercial_partner_id", "=", self.customer.id),
                ("state", "=", "invoiced"),
                ("transaction_type", "=", "payment"),
                ("date", "<=", day),
            ]
        )
        return sum(entries.mapped("amount_total"))

    # === ON THE DAY === #

    def test_on_its_day_it_is_canceled(self):
        payment = self._receive()
        receipt = self.invoice.billing_receipt_ids
        self._undo(payment)
        self.assertEqual((payment.state, payment.move_id.state), ("canceled", "cancel"))
        self.assertEqual(payment.billing_undo_reason, "Wrong customer")
        self.assertEqual(
            (receipt.state, receipt.void_reason), ("void", "Wrong customer")
        )
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self.assertFalse(self.invoice.billing_payment_reference)
        self._check_balances(100)
        # And entered anew.
        self._receive(mode="bank", amount=100)
        self.assertEqual(self.invoice.billing_state, "paid")
        self._check_balances(0)

    def test_one_that_is_not_the_last_of_its_sequence(self):
        payment = self._receive(amount=40)
        self._receive(amount=10)
        self._undo(payment)
        self.assertEqual(payment.move_id.state, "cancel")
        self.assertTrue(payment.move_id.name)
        self.assertEqual(self.invoice.amount_residual, 90)
        self._check_balances(90)

    def test_of_several_invoices(self):
        other = self._bill_amounts(20)
        self._pay(self.invoice + other, mode="cash", amount=110)
        payment = self.invoice.billing_receipt_ids.payment_id
        self._undo(payment)
        self.assertEqual((self.invoice + other).mapped("amount_residual"), [100, 20])
        self._check_balances(120)

    def test_staff_undo_what_they_recorded(self):
        payment = self._receive()
        self._undo(payment, user=self.staff)
        self.assertEqual(payment.state, "canceled")

    # === LATER === #

    def test_later_it_is_reversed(self):
        payment = self._receive(later=10)
        entry = payment.move_id
        self._undo(payment)
        reversal = payment.billing_undo_move_id
        self.assertEqual((entry.state, reversal.state), ("posted", "posted"))
        self.assertEqual((entry.date, reversal.date), (payment.date, self.today))
        self.assertEqual(payment.state, "canceled")
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self._check_balances(100)
        # What was true then stays so.
        yesterday = self.today - timedelta(days=1)
        self.assertEqual(self._get_ledger_at(yesterday), -100)
        self.assertEqual(self._get_ledger_at(self.today), 0)
        self.assertFalse(self.invoice.billing_payment_reference)
        lines = (entry + reversal).line_ids
        self.assertFalse([line for line in lines if line.amount_residual])

    def test_later_and_entered_anew(self):
        self._undo(self._receive(later=10, amount=60))
        self._receive(mode="bank", reference="R 2", amount=100)
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self.invoice.billing_payment_reference, "R 2")
        self._check_balances(0)

    def test_what_was_undone_stays_so(self):
        payment = self._receive(later=10)
        self._undo(payment)
        for call in (payment.action_draft, payment.action_billing_undo):
            with self.assertRaisesRegex(UserError, "undone already"):
                call()

    def test_closed_period_is_not_touched(self):
        payment = self._receive(later=40)
        self.company.fiscalyear_lock_date = self.today - timedelta(days=31)
        self._undo(payment)
        self.assertEqual(payment.billing_undo_move_id.date, self.today)
        self._check_balances(100)

    def test_today_is_closed(self):
        payment = self._receive(later=10)
        self.company.fiscalyear_lock_date = self.today
        with self.assertRaisesRegex(UserError, "closed up to"):
            self._undo(payment)
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_hashed_entry_is_reversed(self):
        payment = self._receive()
        payment.journal_id.restrict_mode_hash_table = True
        self.env.flush_all()
        self.cr.execute(
            "UPDATE account_move SET inalterable_hash = '$1$x' WHERE id = %s",
            [payment.move_id.id],
        )
        payment.move_id.invalidate_recordset()
        self._undo(payment)
        self.assertEqual(payment.move_id.state, "posted")
        self.assertTrue(payment.billing_undo_move_id)
        self._check_balances(100)

    # === REFUNDS === #

    def _give_back(self, later=0):
        note = self._bill(self._create_credit(30))
        with freeze_time(self.today - timedelta(days=later)):
            payment = self.customer._billing_pay_back(
                "cash",
                30,
                self.company,
                self.currency,
                date=self.today - timedelta(days=later),
            )
        return note, payment

    def test_refund_by_hand_is_undone(self):
        for later in (0, 5):
            with self.subTest(later=later):
                note, payment = self._give_back(later)
                self.assertEqual(note.amount_residual, 0)
                self._undo(payment, "It was a transfer")
                self.assertEqual(note.amount_residual, 30)
                self.assertEqual(payment.state, "canceled")
                self.assertEqual(self._get_books_balance(), self._get_ledger_balance())
                self.customer._billing_pay_back("bank", 30, self.company, self.currency)
                self.assertEqual(note.amount_residual, 0)

    def test_refund_is_undone_by_managers(self):
        _note, payment = self._give_back()
        with self.assertRaisesRegex(AccessError, "managers"):
            self._undo(payment, user=self.staff)
        self.assertEqual(payment.move_id.state, "posted")

    def test_what_a_card_moved_never_is(self):
        attempt = self._bill_amounts(45)._billing_charge(self.card)
        refund = self._bill_amounts(20)
        refund._billing_charge(self.card)
        back = refund._billing_refund()
        for payment in (attempt.payment_id, back.payment_id):
            with self.assertRaisesRegex(UserError, "moved by Stripe"):
                payment.action_billing_undo()
            with self.assertRaisesRegex(UserError, "moved by Stripe"):
                payment._billing_undo("Please")

    # === WHAT CANNOT === #

    def test_reason_is_asked_for(self):
        payment = self._receive()
        with self.assertRaisesRegex(UserError, "Say why"):
            self._undo(payment, reason="  ")
        self.assertEqual(payment.move_id.state, "posted")

    def test_what_is_on_a_statement(self):
        payment = self._receive(mode="bank")
        money = payment.move_id.line_ids.filtered(
            lambda line: line.account_id == payment.outstanding_account_id
        )
        bank = self.env["account.move"].create(
            {
                "line_ids": [
                    Command.create({"account_id": money.account_id.id, "credit": 100}),
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_assets"
                            ].id,
                            "debit": 100,
                        }
                    ),
                ]
            }
        )
        bank.action_post()
        (money + bank.line_ids.filtered("credit")).reconcile()
        with self.assertRaisesRegex(UserError, "bank statement"):
            payment.action_billing_undo()
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_that_it_is_undone_is_not_written_by_hand(self):
        payment = self._receive()
        for values in (
            {"billing_undo_reason": "x"},
            {"billing_undo_move_id": self.invoice.id},
        ):
            with self.assertRaises(AccessError):
                payment.write(values)

    # === ODOO'S OWN BUTTONS === #

    def test_reset_to_draft_is_true(self):
        """The invoice, its page and the books agree."""
        payment = self._receive()
        payment.action_draft()
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self.assertEqual(self.invoice.amount_residual, 100)
        self._check_balances(100)
        payment.action_post()
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self.invoice._billing_get_amount_owed(), 0)

    def test_cancel_of_a_draft_that_is_not_the_last(self):
        payment = self._receive(amount=40)
        self._receive(amount=10)
        accountant = self._create_user("clerk-test", "account.group_account_invoice")
        payment.with_user(accountant).action_draft()
        payment.with_user(accountant).action_cancel()
        self.assertEqual((payment.state, payment.move_id.state), ("canceled", "cancel"))
        self._check_balances(90)

    def test_memo_and_date_are_those_of_the_entry(self):
        payment = self._receive()
        day = self.today.replace(day=1)
        payment.write({"memo": "Receipt 7", "date": day})
        self.assertEqual(
            (payment.move_id.ref, payment.move_id.date), ("Receipt 7", day)
        )
        self.assertEqual(self.invoice.billing_receipt_ids.date, day)
        self._check_balances(0)

    def test_what_a_vendor_got_is_edited_as_in_odoo(self):
        """W43: its entry keeps its date, whichever period is open."""
        payment = self.env["account.payment"].create(
            {
                "amount": 10,
                "partner_id": self.customer.id,
                "partner_type": "supplier",
                "payment_type": "outbound",
            }
        )
        payment.outstanding_account_id = payment._billing_get_outstanding_account()
        payment.action_post()
        day = self.today.replace(day=1)
        self.company.fiscalyear_lock_date = day
        payment.write({"memo": "Bill 7", "date": day})
        self.assertEqual(payment.move_id.date, self.today)

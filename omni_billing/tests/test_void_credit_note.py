from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestVoidCreditNote(BillingCommon):
    """F167, F168: what balances a void credit note stays, as with an invoice."""

    def setUp(self):
        super().setUp()
        self.company.billing_void_method = "credit_note"
        self.note = self._bill(self._create_credit(50))
        self.note.action_billing_void(reason="Wrong")
        self.balance = self.note.reversal_move_ids
        accountant = "account.group_account_manager"
        self.accountant = self._create_user("accountant-test", accountant)

    def test_it_is_not_opened_or_deleted(self):
        self.assertEqual(self.note.billing_state, "void")
        self.assertEqual(self.balance.move_type, "out_invoice")
        balance = self.balance.with_user(self.accountant)
        for call in (
            *(balance.button_draft, balance.button_cancel, balance.unlink),
            lambda: balance.write({"date": "2020-01-01"}),
            lambda: balance.line_ids.remove_move_reconcile(),
        ):
            with self.assertRaises(UserError):
                call()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 0)
        self.assertEqual(self._get_books_balance(), 0)
        self.assertFalse(self.balance.show_reset_to_draft_button)

    def test_it_asks_for_no_money(self):
        self.assertEqual(self.note.amount_residual, 0)
        self.assertEqual(self.balance.amount_residual, 0)
        self.assertNotIn(self.balance, self.customer._billing_find_unpaid())


@tagged("post_install", "-at_install")
class TestNoteOfOdoo(BillingCommon):
    """Promise 4: what undoes a credit note of Odoo's dialog is in the ledger once."""

    def setUp(self):
        super().setUp()
        # Of one that is not paid Odoo takes it off by itself.
        self.invoice = self._bill(self._create_transaction(100))
        self._pay(self.invoice)
        self.note = self._reverse(self.invoice)

    def _reverse(self, move):
        """Have an accountant reverse a document in Odoo's dialog."""
        context = {"active_model": "account.move", "active_ids": move.ids}
        wizard = self.env["account.move.reversal"].with_context(**context)
        wizard.create({"journal_id": move.journal_id.id}).refund_moves()
        reversal = move.reversal_move_ids.sorted("id")[-1:]
        if reversal.state == "draft":
            reversal.action_post()
        return reversal

    def _assert_agrees(self, balance):
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._get_books_balance(), balance)
        self.assertEqual(self._get_ledger_balance(), balance)

    def test_void(self):
        for method in ("credit_note", "cancel"):
            with self.subTest(method):
                self.company.billing_void_method = method
                self._assert_agrees(-100)
                self.note.action_billing_void()
                self._assert_agrees(0)
                self.note = self._reverse(self.invoice)

    def test_reversed_in_odoos_dialog(self):
        again = self._reverse(self.note)
        self._assert_agrees(0)
        # And once more, as long as somebody likes.
        self._reverse(again)
        self._assert_agrees(-100)

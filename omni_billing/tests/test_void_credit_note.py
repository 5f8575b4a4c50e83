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

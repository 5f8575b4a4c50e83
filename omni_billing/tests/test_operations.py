from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestOperations(BillingCommon):
    """F26: the Operations menu of a customer."""

    def _have_credit(self, amount):
        note = self._bill(self._create_credit(amount))
        self.assertEqual(note.move_type, "out_refund")
        return note

    def _refund(self, **values):
        action = self.customer.action_billing_refund_credit()
        wizard = (
            self.env["omni.billing.refund.wizard"]
            .with_context(**action["context"])
            .create(values)
        )
        return wizard.action_refund()

    def test_refund_gives_credit_back(self):
        """F176: money goes out, the credit is used up, the ledger says so."""
        note = self._have_credit(30)
        self._refund(amount=20, mode="cash", reference="Out 1")
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 10)
        self.assertEqual(self._get_books_balance(), -10)
        self.assertRecordValues(
            note.billing_receipt_ids,
            [
                {
                    "transaction_type": "payment",
                    "is_refund": True,
                    "amount_total": 20,
                    "payment_reference": "Out 1",
                }
            ],
        )
        payment = note.billing_receipt_ids.payment_id
        self.assertRecordValues(
            payment, [{"payment_type": "outbound", "billing_mode": "cash"}]
        )
        self._refund()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 0)
        self.assertEqual(note.payment_state, "paid")

    def test_refund_of_the_credit_that_is_meant(self):
        """F176: not of the oldest one."""
        old, meant = self._have_credit(30), self._have_credit(20)
        wizard = self.env["omni.billing.refund.wizard"].create(
            {"partner_id": self.customer.id}
        )
        self.assertEqual(wizard.credit_ids, old + meant)
        self.assertEqual(wizard.credit_available, 50)
        wizard.credit_id = meant
        self.assertEqual((wizard.credit_available, wizard.amount), (20, 20))
        with self.assertRaisesRegex(UserError, "more than the credit on file"):
            self._refund(credit_id=meant.id, amount=21)
        wizard.action_refund()
        self.assertEqual((old.amount_residual, meant.amount_residual), (30, 0))
        self.assertEqual(self._get_books_balance(), -30)

    def test_refund_is_never_more_than_the_credit(self):
        """F177"""
        self._have_credit(30)
        with self.assertRaisesRegex(UserError, "more than the credit on file"):
            self._refund(amount=30.01)
        with self.assertRaisesRegex(UserError, "Enter the amount"):
            self._refund(amount=-1)
        self.assertEqual(self.customer.billing_credit_amount, 30)

    def test_refund_needs_a_credit(self):
        with self.assertRaisesRegex(UserError, "Create a credit first"):
            self.customer.action_billing_refund_credit()

    def test_refund_is_for_managers(self):
        with self.assertRaises(AccessError):
            self.env["omni.billing.refund.wizard"].with_user(self.staff).create(
                {"partner_id": self.customer.id}
            )

    def test_reconcile_uses_the_oldest_first(self):
        """F152"""
        first = self._bill(self._create_transaction(40))
        second = self._bill(self._create_transaction(40))
        second.invoice_date_due = first.invoice_date_due
        self._have_credit(50)
        action = self.customer.action_billing_reconcile()
        self.assertIn("50.00", action["params"]["message"])
        self.assertEqual(first.billing_state, "paid")
        self.assertEqual(second.amount_residual, 30)
        self.assertEqual(self._get_books_balance(), 30)

    def test_reconcile_without_credit_says_so(self):
        self._bill(self._create_transaction(40))
        action = self.customer.action_billing_reconcile()
        self.assertEqual(action["params"]["type"], "info")

    def test_who_has_a_transaction_is_a_customer(self):
        contact = self.env["res.partner"].create(
            {"name": "Jo", "parent_id": self.customer.id}
        )
        self.assertFalse(self.customer.customer_rank)
        self._create_transaction(5, partner_id=contact.id)
        self.assertTrue(self.customer.customer_rank)
        self.assertTrue(contact.customer_rank)

    def test_billed_and_paid(self):
        """F33: the third group."""
        invoice = self._bill(self._create_transaction(40))
        self._bill(self._create_transaction(7))
        self._pay(invoice, mode="cash")
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_paid_amount, 40)
        self.assertEqual(self.customer.billing_due_amount, 7)

    def test_odoo_offers_no_reset_to_draft(self):
        invoice = self._bill(self._create_transaction(40))
        plain = self.init_invoice("out_invoice", self.customer, amounts=[5], post=True)
        self.assertFalse(invoice.show_reset_to_draft_button)
        self.assertTrue(plain.show_reset_to_draft_button)
        self._pay(invoice, mode="cash")
        with self.assertRaisesRegex(UserError, "is paid and cannot be edited"):
            invoice.button_draft()

from datetime import timedelta

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestManualPayment(BillingCommon):
    def _bill_amounts(self, *amounts):
        invoices = self.env["account.move"]
        for index, amount in enumerate(amounts):
            self._create_transaction(amount)
            invoices += self._bill(
                date_due=self.today - timedelta(days=len(amounts) - index)
            )
        return invoices

    def test_modes_pay_and_reconcile(self):
        """F132, F134, F139, F140, F145, F153"""
        for mode, journal_type in (("cash", "cash"), ("pos", "bank"), ("bank", "bank")):
            with self.subTest(mode=mode):
                invoice = self._bill_amounts(45)
                action = self._pay(invoice, mode=mode, reference=f"Receipt {mode}")
                self.assertEqual(action["params"]["type"], "success")
                self.assertEqual(invoice.billing_state, "paid")
                self.assertEqual(invoice.amount_residual, 0)
                payment = (
                    invoice.matched_payment_ids or invoice._get_reconciled_payments()
                )
                self.assertEqual(payment.billing_mode, mode)
                self.assertEqual(payment.journal_id.type, journal_type)
                self.assertEqual(invoice.billing_payment_reference, f"Receipt {mode}")

    def test_cash_needs_no_bank_statement(self):
        invoice = self._bill_amounts(45)
        self.company_data[
            "default_journal_cash"
        ].inbound_payment_method_line_ids.payment_account_id = False
        self._pay(invoice, mode="cash")
        payment = invoice._get_reconciled_payments()
        self.assertEqual(payment.state, "paid")
        self.assertIn(
            self.company_data["default_journal_cash"].default_account_id,
            payment.move_id.line_ids.account_id,
        )

    def test_ledger_entry(self):
        """F25, F135, F137"""
        invoice = self._bill_amounts(45)
        self._pay(invoice, reference="Receipt #001")
        entry = invoice.billing_receipt_ids
        self.assertRecordValues(
            entry,
            [
                {
                    "name": f"Payment for invoice {invoice.name}",
                    "transaction_type": "payment",
                    "amount_total": -45.0,
                    "amount_revenue": 0.0,
                    "amount_receipt": -45.0,
                    "tax_amount": 0.0,
                    "invoice_id": invoice.id,
                    "payment_reference": "Receipt #001",
                    "state": "invoiced",
                }
            ],
        )
        self.assertEqual(len(invoice.billing_transaction_ids), 1)
        self.assertEqual(invoice.amount_total, 45)
        self.assertEqual(self.customer.billing_unbilled_amount, 0)
        self.assertEqual(self.customer.billing_due_amount, 0)
        self.assertEqual(self._get_ledger_balance(), 0)
        with self.assertRaisesRegex(UserError, "Cancel the payment"):
            entry.unlink()

    def test_one_cash_sum_over_three_invoices(self):
        """F141, F205, F212: one receipt, one ledger entry an invoice."""
        invoices = self._bill_amounts(100, 120, 80)
        self._pay(invoices, amount=300, reference="Receipt #001")
        self.assertEqual(set(invoices.mapped("billing_state")), {"paid"})
        self.assertEqual(len(invoices._get_reconciled_payments()), 1)
        self.assertEqual(
            invoices.billing_receipt_ids.mapped("amount_total"), [-100, -120, -80]
        )
        self.assertEqual(
            set(invoices.mapped("billing_payment_reference")), {"Receipt #001"}
        )
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_due_amount, 0)

    def test_oldest_first_with_the_right_remainder(self):
        """F152, W16"""
        oldest, middle, newest = self._bill_amounts(100, 120, 80)
        told = self._pay(newest + oldest + middle, amount=150)
        # Whom it did not reach is not named.
        message = told["params"]["message"]
        self.assertIn(f"paid on {oldest.name} and {middle.name}.", message)
        self.assertEqual(
            (oldest + middle + newest).mapped("billing_state"),
            ["paid", "partial", "unpaid"],
        )
        self.assertEqual(middle.amount_residual, 70)
        self.assertEqual(newest.amount_residual, 80)

    def test_partial_payments_add_up(self):
        """F147, F157, F158"""
        invoice = self._bill_amounts(100)
        for amount in (33.33, 33.33):
            self._pay(invoice, amount=amount, reference=f"R {amount}")
        self.assertAlmostEqual(invoice.amount_residual, 33.34)
        self._pay(invoice)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(len(invoice.billing_receipt_ids), 3)
        self.assertEqual(self._get_ledger_balance(), 0)

    def test_bad_amounts(self):
        """F157: never above what is owed."""
        invoice = self._bill_amounts(100)
        for amount, message in (
            (100.01, "more than"),
            (0, "Enter the amount"),
            (-5, "Enter the amount"),
        ):
            with (
                self.subTest(amount=amount),
                self.assertRaisesRegex(UserError, message),
            ):
                self._pay(invoice, amount=amount)
        self.assertEqual(invoice.amount_residual, 100)
        self.assertFalse(invoice.billing_receipt_ids)

    def test_paid_or_void_invoices_are_refused(self):
        invoice = self._bill_amounts(100)
        self._pay(invoice)
        with self.assertRaisesRegex(UserError, "it is paid"):
            self._pay(invoice, amount=1)
        void = self._bill_amounts(50)
        void.action_billing_void()
        with self.assertRaisesRegex(UserError, "it is void"):
            self._pay(void, amount=1)

    def test_closed_period(self):
        invoice = self._bill_amounts(100)
        self.company.fiscalyear_lock_date = self.today
        with self.assertRaisesRegex(UserError, "closed up to"), self.env.cr.savepoint():
            self._pay(invoice)
        self.assertEqual(invoice.amount_residual, 100)

    def test_card_mode_says_what_is_missing(self):
        """F198: who cannot pay has no card yet."""
        invoice = self._bill_amounts(100)
        with self.assertRaisesRegex(UserError, "No payment method found"):
            self._pay(invoice, mode="stripe")
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_cancelled_payment_opens_the_invoice_again(self):
        """F150"""
        invoice = self._bill_amounts(100)
        self._pay(invoice, reference="R 1")
        entry = invoice.billing_receipt_ids
        invoice._get_reconciled_payments().action_cancel()
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertEqual(entry.state, "void")
        self.assertFalse(invoice.billing_payment_reference)
        self.assertEqual(self._get_ledger_balance(), 100)
        self.assertEqual(self._get_books_balance(), 100)

    def test_payment_from_odoo_s_own_screen_is_in_the_ledger(self):
        invoice = self._bill_amounts(100)
        self._register_payment(invoice)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -100)

    def test_large_payment_of_a_plain_invoice(self):
        """A receipt records a fact: no limit of ours stands in its way."""
        invoice = self.init_invoice(
            "out_invoice", self.customer, amounts=[2e12], post=True
        )
        self._register_payment(invoice)
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -2e12)

    def test_bank_statement_line_is_in_the_ledger(self):
        invoice = self._bill_amounts(100)
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Transfer 881",
                "amount": 100,
                "partner_id": self.customer.id,
                "date": self.today,
            }
        )
        receivable = invoice.line_ids.filtered(
            lambda aml: aml.account_type == "asset_receivable"
        )
        suspense = line.move_id.line_ids.filtered(
            lambda aml: aml.account_id == line.journal_id.suspense_account_id
        )
        suspense.account_id = receivable.account_id
        (suspense + receivable).reconcile()
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -100)
        self.assertEqual(invoice.billing_payment_reference, "Transfer 881")

    def test_foreign_currency(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.5)])
        self._create_transaction(60, currency_id=euro.id)
        invoice = self._bill()
        self._pay(invoice, amount=25)
        self.assertEqual(invoice.amount_residual, 35)
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -25)
        self.assertEqual(invoice.billing_receipt_ids.currency_id, euro)

    def test_paying_from_the_customer(self):
        """F26"""
        invoices = self._bill_amounts(100, 50)
        action = self.customer.action_billing_pay_all()
        self.assertEqual(
            set(action["context"]["default_invoice_ids"]), set(invoices.ids)
        )


@tagged("post_install", "-at_install")
class TestCreditOnFile(BillingCommon):
    def _open(self, invoices, **values):
        return self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(invoices.ids)]} | values
        )

    def _give_credit(self, amount):
        self._create_credit(amount)
        return self._bill()

    def test_dialog_proposes_the_credit(self):
        """F154"""
        self._give_credit(30)
        self._create_transaction(100)
        wizard = self._open(self._bill())
        self.assertEqual(wizard.credit_available, 30)
        wizard.mode = "credit"
        self.assertEqual(wizard.amount, 30)

    def test_credit_pays_without_money(self):
        """F132: never a second credit, no receipt."""
        note = self._give_credit(30)
        self._create_transaction(100)
        invoice = self._bill()
        self._pay(invoice, mode="credit")
        self.assertEqual(invoice.amount_residual, 70)
        self.assertEqual(invoice.billing_state, "partial")
        self.assertEqual(note.amount_residual, 0)
        self.assertFalse(invoice.billing_receipt_ids)
        self.assertEqual(self._get_ledger_balance(), 70)
        self.assertEqual(self._get_books_balance(), 70)

    def test_bought_without_paying_then_funded_by_others(self):
        """F156: the invoice waits; a bursary, with a type of its own, pays of it."""
        self._create_transaction(100)
        invoice = self._bill()
        self.assertEqual(invoice.billing_state, "unpaid")
        bursary = self.env["omni.billing.credit.type"].create({"name": "Bursary"})
        self._create_credit(60, name="City sports bursary", credit_type_id=bursary.id)
        self._bill()
        self.assertEqual(invoice.amount_residual, 100)
        self._pay(invoice, mode="credit")
        self.assertEqual(invoice.amount_residual, 40)
        self.assertEqual(invoice.billing_state, "partial")
        granted = self.customer.billing_transaction_ids.filtered("credit_type_id")
        self.assertEqual((granted.credit_type_id, granted.retail_cost), (bursary, 60))
        self.assertEqual(self._get_books_balance(), 40)

    def test_rest_of_a_credit_stays_on_file(self):
        self._give_credit(130)
        self._create_transaction(100)
        invoice = self._bill()
        self._pay(invoice, mode="credit")
        self.assertEqual(invoice.billing_state, "paid")
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 30)

    def test_credit_over_two_invoices_oldest_first(self):
        self._give_credit(130)
        invoices = self.env["account.move"]
        for days in (5, 1):
            self._create_transaction(100)
            invoices += self._bill(date_due=self.today - timedelta(days=days))
        self._pay(invoices, mode="credit")
        self.assertEqual(invoices.mapped("amount_residual"), [0, 70])

    def test_overpayment_is_credit_too(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 40,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        payment.action_post()
        self._create_transaction(100)
        invoice = self._bill()
        self._pay(invoice, mode="credit")
        self.assertEqual(invoice.amount_residual, 60)
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -40)

    def test_no_credit(self):
        self._create_transaction(100)
        with self.assertRaisesRegex(UserError, "no credit on file"):
            self._pay(self._bill(), mode="credit")

    def test_credit_that_was_used_meanwhile(self):
        """It is said that it is gone, not that some other amount is to be entered."""
        self._give_credit(30)
        self._create_transaction(30)
        self._create_transaction(30, name="Mobile", date="2025-01-02")
        first = self._bill(date_start="2020-01-01", date_end="2025-01-31")
        second = self._bill()
        wizards = [
            self.env["omni.billing.payment.wizard"].create(
                {"invoice_ids": [Command.set(invoice.ids)], "mode": "credit"}
            )
            for invoice in (first, second)
        ]
        wizards[0].action_pay()
        with self.assertRaisesRegex(UserError, "no credit on file"):
            wizards[1].action_pay()

    def test_credit_is_not_split_by_hand(self):
        self._give_credit(30)
        self._create_transaction(100)
        with self.assertRaisesRegex(UserError, "most that fits"):
            self._pay(self._bill(), mode="credit", amount=10)

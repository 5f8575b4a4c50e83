"""What accountants do in Odoo's own dialogs: ledger and screens follow the books."""

from datetime import date

from odoo.fields import Command
from odoo.modules.migration import load_script
from odoo.tests import tagged

from .common import BillingCommon
from .test_names import SCRIPTS


@tagged("post_install", "-at_install")
class TestAccountantsActs(BillingCommon):
    """F25, W29, promise 4: ledger, screens, statement and portal are the books."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accountant = cls._create_user(
            "accountant-test", "account.group_account_manager"
        )
        cls.invoice = cls._bill(cls._create_transaction(100, tax_ids=cls.tax_10))

    def _assert_agrees(self, expected):
        """Check that everybody is shown what the books have, in one currency."""
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._get_books_balance(), expected, "books")
        self.assertEqual(self._get_ledger_balance(), expected, "ledger")
        page = self._read_page()
        self.assertAlmostEqual(page, expected, 2, "page of the customer")
        [part] = self.customer._billing_prepare_statement(
            self.company, date(2000, 1, 1), date(2100, 1, 1)
        )
        self.assertEqual(part["closing"], expected, "statement")
        mine = self.env["omni.billing.transaction"].with_user(self.portal)
        entries = mine.search([("state", "=", "invoiced")])
        self.assertAlmostEqual(
            sum(entries.mapped("amount_total")), expected, 2, "portal"
        )
        aged = self.env["omni.billing.aged"].search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertAlmostEqual(sum(aged.mapped("total")), expected, 2, "ages")
        return [row["kind"] for row in part["rows"]]

    def _read_page(self):
        customer = self.customer
        return (
            customer.billing_due_amount
            - customer.billing_credit_amount
            - customer.billing_credit_elsewhere_amount
        )

    def _find_adjustments(self, state="invoiced"):
        return self.env["omni.billing.transaction"].search(
            [("transaction_type", "=", "adjustment"), ("state", "=", state)]
        )

    def _reverse(self, amount=None):
        """Make a credit note in Odoo's dialog, with another amount if one is given."""
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.accountant)
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create({"journal_id": self.invoice.journal_id.id, "reason": "Goodwill"})
        )
        note = self.env["account.move"].browse(wizard.refund_moves()["res_id"])
        if amount:
            note.invoice_line_ids.with_user(self.accountant).write(
                {"price_unit": amount, "extra_tax_data": False, "tax_ids": False}
            )
        note.with_user(self.accountant).action_post()
        return note

    def _get_terms(self, move=None):
        return (move or self.invoice).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    def _book(self, amount, partner=None, **values):
        """Book an entry that lowers what the customer owes."""
        account = self._get_terms().account_id
        other = self.company_data["default_account_expense"]
        entry = (
            self.env["account.move"]
            .with_user(self.accountant)
            .create(
                {
                    "move_type": "entry",
                    "ref": "Bad debt",
                    "line_ids": [
                        Command.create(
                            {
                                "account_id": account.id,
                                "partner_id": (partner or self.customer).id,
                                "credit": amount,
                            }
                        ),
                        Command.create({"account_id": other.id, "debit": amount}),
                    ],
                    **values,
                }
            )
        )
        entry.action_post()
        return entry

    # === Credit notes of Odoo's dialog === #

    def test_credit_note_over_a_part(self):
        self._assert_agrees(110)
        note = self._reverse(30)
        self.assertEqual(self.invoice.billing_state, "partial")
        kinds = self._assert_agrees(80)
        self.assertEqual(kinds, ["invoice", "credit_note"])
        entry = self._find_adjustments()
        self.assertEqual((entry.amount_total, entry.invoice_id), (-30, note))
        self.assertIn(note.name, entry.name)
        self.assertFalse(self.invoice.billing_receipt_ids)
        # Odoo's note stays an accountant's: it can be opened again.
        note.with_user(self.accountant).button_draft()
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self._assert_agrees(110)
        self.assertEqual(self._find_adjustments("void"), entry)
        note.with_user(self.accountant).action_post()
        self._assert_agrees(80)

    def test_credit_note_over_all(self):
        self._reverse()
        self.assertEqual(self.invoice.billing_state, "refunded")
        self._assert_agrees(0)

    def test_credit_note_for_what_is_paid(self):
        """It is credit on file, is used for another invoice, and is given back."""
        self._pay(self.invoice, mode="cash", amount=110)
        note = self._reverse()
        self._assert_agrees(-110)
        other = self._bill(self._create_transaction(40))
        self._pay(other, mode="credit")
        self._assert_agrees(-70)
        self.customer._billing_pay_back(
            "cash", 70, self.company, self.currency, credit=note
        )
        self._assert_agrees(0)

    def test_credit_note_that_is_set_against_the_invoice_by_hand(self):
        """Of an accountant who made it without the dialog: as far as it is used."""
        note = self.init_invoice("out_refund", self.customer, amounts=[25])
        note.action_post()
        (self._get_terms(note) + self._get_terms()).reconcile()
        self.assertEqual(self._find_adjustments().amount_total, -25)
        self._assert_agrees(85)

    def test_void_is_no_adjustment(self):
        self.invoice.action_billing_void(by_credit_note=True)
        self.assertFalse(self._find_adjustments())
        self._assert_agrees(0)

    # === Write-offs === #

    def test_entry_of_an_accountant(self):
        entry = self._book(10)
        terms = (self._get_terms(entry) + self._get_terms()).with_user(self.accountant)
        terms.reconcile()
        self.assertEqual(self.invoice.billing_state, "partial")
        self.assertEqual(self._assert_agrees(100), ["invoice", "adjustment"])
        adjustment = self._find_adjustments()
        self.assertEqual(adjustment.amount_total, -10)
        self.assertEqual(adjustment.description, "Bad debt")
        self.assertEqual(adjustment.amount_receipt, 0)
        self.assertEqual(self.invoice.billing_adjustment_ids, adjustment)
        terms.remove_move_reconcile()
        self.assertEqual(self._find_adjustments("void"), adjustment)
        terms.reconcile()
        entry.button_draft()
        self._assert_agrees(110)

    def test_entry_that_names_a_contact(self):
        contact = self.env["res.partner"].create(
            {"name": "Ann", "parent_id": self.customer.id}
        )
        entry = self._book(10, partner=contact)
        (self._get_terms(entry) + self._get_terms()).reconcile()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._get_ledger_balance(), 100)
        page = self._read_page()
        self.assertEqual(page, 100)
        # Also while it is set against nothing.
        self._book(5, partner=contact)
        self.env.invalidate_all()
        page = self._read_page()
        self.assertEqual(page, 95)

    def test_payment_that_is_marked_as_full(self):
        """What it settled is in the ledger, with what is written off."""
        (
            self.env["account.payment.register"]
            .with_user(self.accountant)
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create(
                {
                    "amount": 100,
                    "payment_difference_handling": "reconcile",
                    "writeoff_account_id": self.company_data[
                        "default_account_expense"
                    ].id,
                }
            )
            .action_create_payments()
        )
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self._assert_agrees(0), ["invoice", "payment"])

    def test_line_of_a_bank_statement(self):
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Transfer",
                "amount": 60,
                "partner_id": self.customer.id,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        suspense.account_id = self._get_terms().account_id
        (suspense + self._get_terms()).reconcile()
        self.assertEqual(self._assert_agrees(50), ["invoice", "payment"])
        self.assertFalse(self._find_adjustments())

    def test_exchange_difference(self):
        """In the currency of the invoice there is none, in the company's there is."""
        euro = self.setup_other_currency(
            "EUR", rates=[("2016-01-01", 2.0), (str(self.today), 4.0)]
        )
        charge = self._create_transaction(
            100, currency_id=euro.id, date=date(2017, 1, 1)
        )
        invoice = self._bill(
            charge,
            currency_id=euro.id,
            date_start=date(2017, 1, 1),
            invoice_date=date(2017, 1, 2),
        )
        self._pay(invoice, mode="bank", amount=100)
        self.assertEqual(invoice.billing_state, "paid")
        self.env.flush_all()
        self.env.invalidate_all()
        entries = charge + invoice.billing_receipt_ids
        self.assertEqual(sum(entries.mapped("amount_total")), 0)
        self.assertFalse(self._find_adjustments())
        self.assertEqual(self._get_books_balance(), 110)
        self.assertEqual(self.customer.billing_due_amount, 110)
        parts = self.customer._billing_prepare_statement(
            self.company, date(2000, 1, 1), date(2100, 1, 1)
        )
        [mine] = [part for part in parts if part["currency"] == euro]
        self.assertEqual(mine["closing"], 0)
        kinds = {row["kind"] for row in mine["rows"] if row["charged"] or row["paid"]}
        self.assertEqual(kinds, {"invoice", "payment"})

    # === Who may not, and before === #

    def test_nobody_enters_an_adjustment(self):
        values = {
            "name": "X",
            "partner_id": self.customer.id,
            "retail_cost": 5,
            "transaction_type": "adjustment",
        }
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        with self.assertRaisesRegex(Exception, "Payments are entered on invoices"):
            Transaction.create(values)
        charge = self._create_transaction(5).with_user(self.staff)
        with self.assertRaisesRegex(Exception, "turned into a payment"):
            charge.transaction_type = "adjustment"

    def test_upgrade_enters_what_was_done_before(self):
        self._reverse(30)
        entry = self._book(10)
        (self._get_terms(entry) + self._get_terms()).reconcile()
        self.env.flush_all()
        self.env.cr.execute(
            "DELETE FROM omni_billing_transaction WHERE transaction_type = 'adjustment'"
        )
        self.env.invalidate_all()
        self.assertEqual(self._get_ledger_balance(), 110)
        path = SCRIPTS / "19.0.1.5.0" / "post-adjustments.py"
        script = load_script(str(path), "adjustments")
        for _again in range(2):
            script.migrate(self.env.cr, "19.0.1.4.0")
            self._assert_agrees(70)

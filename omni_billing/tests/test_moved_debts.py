"""A debt, or a credit, that an accountant moved to another account (promise 4)."""

from datetime import date, timedelta

from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestMovedDebts(BillingCommon):
    """What settles it afterwards is in the ledger: it is what the books say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._bill(cls._create_transaction(100))
        cls.old = cls._get_terms(cls.invoice).account_id
        cls.doubtful, cls.court = (
            cls.env["account.account"].create(
                {
                    "name": name,
                    "code": code,
                    "account_type": "asset_receivable",
                    "reconcile": True,
                }
            )
            for name, code in (("Doubtful", "121900"), ("In court", "121901"))
        )
        cls.bank = cls.company_data["default_journal_bank"]
        cls.loss = cls.company_data["default_account_expense"]

    @classmethod
    def _get_terms(cls, move):
        return move.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    def _assert_agrees(self, expected):
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._get_books_balance(), expected, "books")
        self.assertEqual(self._get_ledger_balance(), expected, "ledger")
        [part] = self.customer._billing_prepare_statement(
            self.company, date(2000, 1, 1), date(2100, 1, 1)
        )
        self.assertEqual(part["closing"], expected, "statement")

    def _book(self, *items, match=()):
        """Book an entry of (account, partner, balance), and set its items against some.

        :param match: of each item, in order, what it is set against.
        """
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create(
                        {
                            "account_id": account.id,
                            "partner_id": partner and partner.id,
                            "balance": balance,
                        }
                    )
                    for account, partner, balance in items
                ],
            }
        )
        entry.action_post()
        for line, others in zip(entry.line_ids.sorted("id"), match, strict=False):
            if others:
                (line + others).reconcile()
        return entry

    def _move(self, lines, target, amount=None):
        """Move what is owed, or is credit, to another account; return its new item."""
        amount = sum(lines.mapped("amount_residual")) if amount is None else amount
        entry = self._book(
            (lines.account_id, self.customer, -amount),
            (target, self.customer, amount),
            match=[lines],
        )
        return entry.line_ids.sorted("id")[1]

    def _pay(self, line, amount, payment_type="inbound", partner=None):
        """Take money for a line as an accountant does; return the payment."""
        payment = self.env["account.payment"].create(
            {
                "partner_id": (partner or self.customer).id,
                "amount": amount,
                "payment_type": payment_type,
                "partner_type": "customer",
                "journal_id": self.bank.id,
                "destination_account_id": line.account_id.id,
            }
        )
        payment.action_post()
        (self._get_terms(payment.move_id) + line).reconcile()
        return payment

    def _find_entries(self, kind="payment", state="invoiced"):
        return self.env["omni.billing.transaction"].search(
            [("transaction_type", "=", kind), ("state", "=", state)], order="id"
        )

    def test_entry_that_moves_a_part_and_writes_off_another(self):
        """Each part is in the ledger once, when it is settled."""
        entry = self._book(
            (self.old, self.customer, -100),
            (self.loss, None, 40),
            (self.court, self.customer, 60),
            match=[self._get_terms(self.invoice)],
        )
        self._assert_agrees(60)
        item = entry.line_ids.filtered(lambda line: line.account_id == self.court)
        first = self._pay(item, 25)
        self._assert_agrees(35)
        self._pay(item, 35)
        self._assert_agrees(0)
        first.action_draft()
        first.action_cancel()
        self._assert_agrees(25)

    def test_entry_that_moves_a_part_to_a_guarantor(self):
        guarantor = self.env["res.partner"].create({"name": "Guarantor"})
        entry = self._book(
            (self.old, self.customer, -100),
            (self.court, self.customer, 50),
            (self.court, guarantor, 50),
            match=[self._get_terms(self.invoice)],
        )
        self._assert_agrees(50)
        mine = entry.line_ids.filtered(
            lambda line: line.balance > 0 and line.partner_id == self.customer
        )
        self._pay(mine, 50)
        self._assert_agrees(0)

    def test_costs_that_an_entry_adds_are_no_credit_once_paid(self):
        """What it adds is of no invoice, and never in the ledger."""
        entry = self._book(
            (self.old, self.customer, -100),
            (self.company_data["default_account_revenue"], None, -10),
            (self.court, self.customer, 110),
            match=[self._get_terms(self.invoice)],
        )
        self.assertEqual(self._get_ledger_balance(), 100)
        item = entry.line_ids.filtered(lambda line: line.account_id == self.court)
        self._pay(item, 110)
        self._assert_agrees(0)

    def _assert_paid(self, **expected):
        """Assert what the ledger has as settled, of each invoice."""
        for name, amount in expected.items():
            entries = self.env["omni.billing.transaction"].search(
                [
                    ("invoice_id", "=", getattr(self, name).id),
                    ("transaction_type", "in", ("payment", "adjustment")),
                    ("state", "=", "invoiced"),
                ]
            )
            self.assertEqual(sum(entries.mapped("retail_cost")), amount, name)

    def test_debts_that_are_moved_twice(self):
        """Each invoice is paid once, whichever part of the debt is paid first."""
        for is_last_first in (False, True):
            with self.subTest(is_last_first=is_last_first):
                self.first = self._bill(self._create_transaction(100))
                self.second = self._bill(self._create_transaction(50))
                opening = self._get_books_balance() - 150
                terms = self._get_terms(self.first) + self._get_terms(self.second)
                item = self._move(terms, self.court)
                again = self._move(item, self.doubtful, 60)
                if is_last_first:
                    self._pay(again, 60)
                    self._assert_paid(first=60, second=0)
                    self._pay(item, 90)
                else:
                    self._pay(item, 90)
                    self._assert_paid(first=90, second=0)
                    self._pay(again, 60)
                self._assert_agrees(opening)
                self._assert_paid(first=100, second=50)

    def test_part_of_what_was_moved_is_written_off_later(self):
        """The rest is moved once more, by the same entry."""
        item = self._move(self._get_terms(self.invoice), self.court)
        entry = self._book(
            (self.court, self.customer, -100),
            (self.loss, None, 40),
            (self.doubtful, self.customer, 60),
            match=[item],
        )
        self._assert_agrees(60)
        last = entry.line_ids.filtered(lambda line: line.account_id == self.doubtful)
        self._pay(last, 60)
        self._assert_agrees(0)

    def test_money_for_a_moved_debt_pays_its_invoice(self):
        item = self._move(self._get_terms(self.invoice), self.doubtful)
        self._assert_agrees(100)
        payment = self._pay(item, 30)
        self._assert_agrees(70)
        entry = self._find_entries()
        self.assertEqual(entry.invoice_id, self.invoice)
        self.assertEqual(entry.payment_id, payment)
        self._pay(item, 70)
        self._assert_agrees(0)

    def test_it_is_gone_when_it_is_undone(self):
        item = self._move(self._get_terms(self.invoice), self.doubtful)
        self._pay(item, 100)
        item.remove_move_reconcile()
        self.assertEqual(len(self._find_entries(state="void")), 1)
        self.env.invalidate_all()
        self.assertEqual(self._get_ledger_balance(), 100)

    def test_undone_by_hand(self):
        item = self._move(self._get_terms(self.invoice), self.doubtful)
        payment = self._pay(item, 100)
        payment._billing_undo("Bounced")
        self._assert_agrees(100)

    def test_written_off_where_it_was_moved_to(self):
        item = self._move(self._get_terms(self.invoice), self.doubtful)
        self._book(
            (self.doubtful, self.customer, -40), (self.loss, None, 40), match=[item]
        )
        self._assert_agrees(60)
        self.assertEqual(self._find_entries("adjustment").invoice_id, self.invoice)

    def test_line_of_a_bank_statement(self):
        self._move(self._get_terms(self.invoice), self.doubtful)
        [item] = self.env["account.move.line"].search(
            [("account_id", "=", self.doubtful.id)]
        )
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.bank.id,
                "payment_ref": "Transfer",
                "amount": 60,
                "partner_id": self.customer.id,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        suspense.account_id = self.doubtful
        (suspense + item).reconcile()
        self._assert_agrees(40)

    def test_moved_twice(self):
        item = self._move(self._get_terms(self.invoice), self.doubtful)
        item = self._move(item, self.court)
        self._pay(item, 100)
        self._assert_agrees(0)

    def test_moved_in_part(self):
        item = self._move(self._get_terms(self.invoice), self.doubtful, 60)
        self._pay(item, 60)
        self._assert_agrees(40)
        self.invoice._billing_pay("bank", 40)
        self._assert_agrees(0)

    def test_several_invoices_in_one_entry_the_oldest_first(self):
        second = self._bill(self._create_transaction(50))
        lines = self._get_terms(self.invoice) + self._get_terms(second)
        item = self._move(lines, self.doubtful)
        self._pay(item, 120)
        self._assert_agrees(30)
        self.assertEqual(
            [(each.invoice_id, -each.amount_total) for each in self._find_entries()],
            [(self.invoice, 100), (second, 20)],
        )
        self._pay(item, 30)
        self._assert_agrees(0)
        self.assertEqual(self._find_entries()[-1].invoice_id, second)

    def test_what_else_is_in_the_entry_is_not_of_the_ledger(self):
        """Also a debt that was not billed here is moved by it."""
        foreign = self._book((self.old, self.customer, 20), (self.loss, None, -20))
        lines = self._get_terms(self.invoice) + self._get_terms(foreign)
        item = self._move(lines, self.doubtful)
        self._pay(item, 120)
        self.env.flush_all()
        self.assertEqual(self._get_ledger_balance(), 0)

    def test_paid_before_it_was_moved(self):
        """The other way round: what was paid there is brought to the invoice."""
        entry = self._book(
            (self.old, self.customer, -100), (self.doubtful, self.customer, 100)
        )
        taken, item = entry.line_ids.sorted("id")
        self._pay(item, 100)
        (taken + self._get_terms(self.invoice)).reconcile()
        self._assert_agrees(0)

    def test_moved_to_another_customer(self):
        """Another owes it: this one does not any more."""
        other = self.env["res.partner"].create({"name": "Other"})
        entry = self._book(
            (self.old, self.customer, -100),
            (self.old, other, 100),
            match=[self._get_terms(self.invoice)],
        )
        self._assert_agrees(0)
        self.assertEqual(self._find_entries("adjustment").invoice_id, self.invoice)
        self._pay(entry.line_ids.sorted("id")[1], 100, partner=other)
        self._assert_agrees(0)
        self.assertFalse(self._find_entries())

    def test_moved_to_and_fro(self):
        """Two entries that are set against each other on both accounts."""
        there, back = (
            self._book(
                (self.old, self.customer, amount),
                (self.doubtful, self.customer, -amount),
            ).line_ids.sorted("id")
            for amount in (-100, 100)
        )
        (there[1] + back[1]).reconcile()
        (there[0] + back[0]).reconcile()
        self._assert_agrees(100)
        self.assertFalse(self._find_entries("adjustment"))

    def test_moved_credit_that_is_given_back(self):
        self.invoice._billing_pay("bank", 100)
        note = self.invoice._billing_cancel_items(self.invoice.billing_transaction_ids)
        note = note or self.env["account.move"].search(
            [("reversed_entry_id", "=", self.invoice.id)]
        )
        self._assert_agrees(-100)
        item = self._move(self._get_terms(note), self.doubtful)
        self._pay(item, 100, "outbound")
        self._assert_agrees(0)

    def test_moved_credit_that_pays_an_invoice_of_ours(self):
        """Both are in the ledger: nothing is new to it."""
        self.invoice._billing_pay("bank", 100)
        self.invoice._billing_cancel_items(self.invoice.billing_transaction_ids)
        note = self.env["account.move"].search(
            [("reversed_entry_id", "=", self.invoice.id)]
        )
        item = self._move(self._get_terms(note), self.doubtful)
        second = self._bill(self._create_transaction(100))
        debt = self._move(self._get_terms(second), self.doubtful)
        (item + debt).reconcile()
        self._assert_agrees(0)
        self.assertFalse(self._find_entries("adjustment"))

    def test_in_another_currency(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create(
            {
                "name": self.today - timedelta(days=300),
                "currency_id": euro.id,
                "company_id": self.company.id,
                "rate": 0.5,
            }
        )
        invoice = self._bill(self._create_transaction(50, currency_id=euro.id))
        item = self._move(self._get_terms(invoice), self.doubtful)
        self.assertEqual(item.balance, 100)
        self._pay(item, 100)
        [entry] = self._find_entries()
        self.assertEqual((entry.currency_id, entry.amount_total), (euro, -50))

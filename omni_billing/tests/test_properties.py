"""Properties that hold for random books; what fails is shrunk to the least case."""

from hypothesis import given
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCommon
from .properties import tried

amounts = st.integers(1, 3_000_000).map(lambda cents: cents / 100)
entries = st.lists(
    st.tuples(
        amounts,
        st.sampled_from(["charge", "charge", "credit"]),
        st.sets(st.integers(0, 3), max_size=3),  # which taxes
        st.booleans(),  # taxes included
        st.booleans(),  # on the invoice
    ),
    min_size=1,
    max_size=7,
)
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["charge", "credit", "generate", "generate", "pay", "void", "cancel", "use"]
            + ["cancel_items"]
        ),
        st.integers(0, 1000),
    ),
    min_size=4,
    max_size=14,
)


@tagged("post_install", "-at_install")
class TestProperties(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.taxes = (
            cls.tax_10
            + cls.tax_20_included
            + cls._create_tax(5.5)
            + cls._create_tax(7.7, price_include_override="tax_included")
        )
        cls.euro = cls.setup_other_currency("EUR", rates=[("2016-01-01", 0.87)])
        cls.yen = cls.setup_other_currency("JPY", rounding=1.0)

    # === preview = invoice = Σ transactions === #

    @given(
        entries=entries,
        method=st.sampled_from(["round_globally", "round_per_line"]),
        currency=st.sampled_from(["own", "euro", "yen"]),
    )
    @tried(ci=15, deep=2000)
    def test_preview_is_the_invoice_and_the_sum_of_its_transactions(
        self, entries, method, currency
    ):
        """F50, F53, F80, W14"""
        self.company.tax_calculation_rounding_method = method
        currency = getattr(self, currency, self.currency)
        wanted = self.env["omni.billing.transaction"]
        for cost, kind, tax_indexes, included, on_invoice in entries:
            transaction = self._create_transaction(
                max(currency.round(cost), currency.rounding),
                transaction_type=kind,
                credit_type_id=self.goodwill.id if kind == "credit" else False,
                tax_ids=self.taxes.browse(self.taxes[i].id for i in tax_indexes),
                tax_included=included,
                currency_id=currency.id,
            )
            self._assert_equal(
                transaction.amount_untaxed + transaction.tax_amount,
                transaction.amount_total,
            )
            if on_invoice:
                wanted += transaction
        wizard = self._open_proforma(currency_id=currency.id)
        for line in wizard.line_ids:
            line.included = line.transaction_id in wanted
        if not wanted:
            self.assertTrue(wizard.problem)
            return
        preview = (wizard.amount_untaxed, wizard.amount_tax, wizard.amount_total)
        action = wizard.action_generate()
        invoice = self.env["account.move"].browse(action["res_id"])
        self.env.flush_all()
        self.env.invalidate_all()
        sign = -1 if invoice.move_type == "out_refund" else 1
        for shown, billed, name in zip(
            preview,
            (invoice.amount_untaxed, invoice.amount_tax, invoice.amount_total),
            ("amount_untaxed", "tax_amount", "amount_total"),
            strict=True,
        ):
            self._assert_equal(shown, sign * billed)
            self._assert_equal(shown, sum(wanted.mapped(name)))
            self._assert_equal(
                billed, sum(line[name] for line in invoice._billing_get_lines())
            )
        self.assertEqual(invoice.billing_transaction_ids, wanted)
        self.assertTrue(invoice.amount_total >= 0)
        self._assert_equal(sum(invoice.line_ids.mapped("balance")), 0)
        excluded = wizard.line_ids.transaction_id - wanted
        self.assertTrue(all(t.state == "unbilled" for t in excluded))

    def _assert_equal(self, left, right):
        self.assertAlmostEqual(left, right, places=4)

    # === any sequence of operations keeps the books in agreement === #

    @given(steps=steps, by_note=st.booleans())
    @tried(ci=15, deep=1500)
    def test_any_sequence_keeps_the_books_in_agreement(self, steps, by_note):
        """F135, F161, promise 4: the books agree"""
        self.company.billing_void_method = "credit_note" if by_note else "cancel"
        for step, seed in steps:
            getattr(self, f"_step_{step}")(seed)
            self._check_invariants()

    def _step_charge(self, seed):
        self._create_transaction((seed + 1) / 7 // 0.01 / 100 or 1, tax_ids=self.tax_10)

    def _step_credit(self, seed):
        self._create_credit((seed + 1) / 9 // 0.01 / 100 or 1, tax_ids=self.tax_10)

    def _step_generate(self, seed):
        wizard = self._open_proforma()
        for index, line in enumerate(wizard.line_ids):
            line.included = (seed >> index) % 2 == 0
        if not wizard.problem:
            wizard.action_generate()

    def _find_invoices(self, *states):
        return self.customer.billing_invoice_ids.filtered(
            lambda move: move.billing_state in states
        ).sorted("id")

    def _step_pay(self, seed):
        payable = self._find_invoices("unpaid", "partial").filtered(
            lambda move: move.move_type == "out_invoice"
        )
        due = sum(payable.mapped("amount_residual"))
        if due:
            share = self.currency.round(due * (seed % 10 + 1) / 10)
            self._pay(payable, amount=min(share or due, due), reference=f"R{seed}")

    def _step_void(self, seed):
        if voidable := self._find_invoices("unpaid"):
            voidable[seed % len(voidable)].action_billing_void()

    def _step_cancel(self, seed):
        if payments := self._find_invoices(
            "paid", "partial"
        )._get_reconciled_payments():
            payments[seed % len(payments)].action_cancel()

    def _step_cancel_items(self, seed):
        """F170: some items, less a penalty; the money back in cash, or not."""
        invoices = self._find_invoices("unpaid", "partial", "paid").filtered(
            lambda move: move.move_type == "out_invoice"
        )
        if not invoices:
            return
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {
                "invoice_id": invoices[seed % len(invoices)].id,
                "penalty_type": "percentage" if seed % 2 else "none",
                "penalty_percentage": seed % 100,
                "mode": "cash" if seed % 3 else "credit",
            }
        )
        for index, line in enumerate(wizard.line_ids):
            line.included = (seed >> index) % 2 == 0
        if wizard.amount_credit > 0:
            wizard.action_cancel_items()

    def _step_use(self, _seed):
        payable = self._find_invoices("unpaid", "partial").filtered(
            lambda move: move.move_type == "out_invoice"
        )
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(payable.ids)], "mode": "credit"}
        )
        if wizard.amount > 0:
            wizard.action_pay()

    def _check_invariants(self):
        self.env.flush_all()
        self.env.invalidate_all()
        moves = self.env["account.move"].search(
            [("commercial_partner_id", "=", self.customer.id)]
        )
        for move in moves:
            self._assert_equal(sum(move.line_ids.mapped("balance")), 0)
        for transaction in self.customer.billing_transaction_ids:
            lines = transaction.invoice_line_ids
            if transaction.transaction_type == "payment":
                self.assertFalse(lines)
            elif transaction.state == "invoiced":
                self.assertEqual(lines.move_id, transaction.invoice_id)
                self.assertEqual(len(lines), 1)
                self.assertNotEqual(transaction.invoice_id.billing_state, "void")
            else:
                self.assertFalse(lines)
                self.assertFalse(transaction.invoice_id)
        self._assert_equal(self._get_ledger_balance(), self._get_books_balance())

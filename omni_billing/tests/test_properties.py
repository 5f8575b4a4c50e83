"""Properties that hold for random books; what fails is shrunk to the least case."""

from hypothesis import given
from hypothesis import strategies as st

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
    @tried(ci=8, deep=2000)
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

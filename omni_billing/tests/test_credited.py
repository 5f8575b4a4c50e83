"""What was invoiced is credited as invoiced, whatever became of taxes (W25)."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCommon
from .properties import tried


@tagged("post_install", "-at_install")
class TestCredited(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls._create_tax(20)
        cls.taxes = (
            cls.tax
            + cls.tax_10
            + cls.tax_20_included
            + cls._create_tax(7.7, price_include_override="tax_included")
            + cls._create_tax(2, amount_type="fixed")
            + cls._create_reverse_tax(19)
            + cls._create_tax(5, include_base_amount=True, sequence=0)
        )
        cls.yen = cls.setup_other_currency("JPY", rounding=1.0)
        cls.dinar = cls.setup_other_currency("KWD", rounding=0.001)
        cls.company.tax_calculation_rounding_method = "round_globally"

    def _assert_agrees(self):
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())
        self.env.flush_all()

    def _create_discount(self):
        """Terms with a discount that lowers the tax, whenever is paid."""
        return self.env["account.payment.term"].create(
            {
                "name": "2 % within 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "early_pay_discount_computation": "mixed",
                "line_ids": [Command.create({"value": "percent", "value_amount": 100})],
            }
        )

    def _read_taxes(self, move):
        """Return what the journal has of each tax, in the direction of the document."""
        found = {}
        for line in move.line_ids.filtered("tax_repartition_line_id"):
            share = line.tax_repartition_line_id
            key = share.tax_id, share.factor < 0
            amount = move.direction_sign * line.amount_currency
            found[key] = round(found.get(key, 0) + amount, 4)
        return {key: amount for key, amount in found.items() if amount}

    def _list_lines(self, move):
        return [
            (line["amount_untaxed"], line["tax_amount"], line["tax_percentage"])
            for line in move._billing_get_lines()
        ]

    # === A tax that was edited after the invoice === #

    def test_void_by_credit_note(self):
        """F168: nothing is left to pay that nobody can pay."""
        self.company.billing_void_method = "credit_note"
        charge = self._create_transaction(100, tax_ids=self.tax)
        invoice = self._bill()
        self.tax.amount = 15
        invoice.action_billing_void()
        note = invoice.reversal_move_ids
        self.assertEqual(note.amount_total, 120)
        self.assertEqual(note.amount_tax, 20)
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(self._list_lines(invoice), [(100, 20, 20)])
        self.assertEqual(self._list_lines(note), [(100, 20, 20)])
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(charge.amount_total, 115)

    def test_credit_note_of_odoo_s_own_dialog(self):
        """Whoever makes it, also with a discount that is always granted."""
        for term in (self.env["account.payment.term"], self._create_discount()):
            charges = self._create_transaction(100, tax_ids=self.tax)
            charges += self._create_transaction(60, tax_ids=self.tax_20_included)
            invoice = charges._create_invoice(self.customer, payment_term=term)
            before = invoice.amount_total, invoice.amount_tax
            self.tax.amount = self.tax_20_included.amount = 15
            context = {"active_model": "account.move", "active_ids": invoice.ids}
            wizard = self.env["account.move.reversal"].with_context(**context)
            wizard.create({"journal_id": invoice.journal_id.id}).refund_moves()
            note = invoice.reversal_move_ids
            self.assertEqual((note.amount_total, note.amount_tax), before)
            note.action_post()
            self.assertEqual(invoice.amount_residual, 0)
            self.tax.amount = self.tax_20_included.amount = 20

    def test_void_by_cancelling_keeps_the_page(self):
        self._create_transaction(100, tax_ids=self.tax)
        invoice = self._bill()
        self.tax.write({"amount": 25, "name": "25 %"})
        invoice.action_billing_void()
        self.assertEqual(self._list_lines(invoice), [(100, 20, 20)])

    def test_refund_of_a_part(self):
        """F172: the taxes of then, in proportion."""
        self._create_transaction(100, tax_ids=self.tax)
        invoice = self._bill()
        self._pay(invoice)
        for percent in (15, 0):
            self.tax.amount = percent
            note = invoice._billing_create_refund_note(30)
            self.assertEqual((note.amount_untaxed, note.amount_tax), (25, 5))
            self.assertEqual(note.billing_transaction_ids.amount_total, -30)
            self.assertEqual(note.billing_transaction_ids.tax_percentage, 20)
            self.assertEqual(self._list_lines(note), [(25, 5, 20)])
        self._assert_agrees()

    def test_part_of_charges_and_credits_whose_tax_was_edited(self):
        """Each tax in proportion, whatever its rate is by now."""
        other = self.tax_10
        fixed = self.taxes.filtered(lambda tax: tax.amount_type == "fixed")
        self._create_transaction(125.72, tax_ids=self.tax + other)
        self._create_transaction(
            1.83,
            tax_ids=self.tax + other + fixed,
            transaction_type="credit",
            credit_type_id=self.goodwill.id,
        )
        invoice = self._bill()
        booked = self._read_taxes(invoice)
        self.tax.amount = 3
        note = invoice._billing_create_refund_note(
            self.currency.round(invoice.amount_total / 2)
        )
        for (tax, _is_back), amount in self._read_taxes(note).items():
            self.assertAlmostEqual(amount, booked[tax, False] / 2, delta=0.01)

    def test_taxes_of_lines_that_share_none_of_those_edited(self):
        """Each line has of each tax what it had, also where that is found by others."""
        self.company.tax_calculation_rounding_method = "round_globally"
        fixed = self.taxes[4]
        back = self.taxes[5]
        costs = (
            (161.26, self.tax + self.tax_10 + fixed, False),
            (40.54, self.tax_10 + fixed + back, True),
            (7607.70, self.tax, True),
        )
        for cost, taxes, included in costs:
            self._create_transaction(cost, tax_ids=taxes, tax_included=included)
        invoice = self._bill()
        total, booked = invoice.amount_total, self._read_taxes(invoice)
        self.tax.amount, fixed.amount = 0, 33.3
        self.env.flush_all()
        self.env.invalidate_all()
        part = self.currency.round(total * 0.41)
        self._assert_note(
            invoice._billing_create_refund_note(part), part, booked, part / total
        )
        item = invoice.billing_transaction_ids.filtered(
            lambda item: item.retail_cost == 40.54
        )
        note = invoice._billing_cancel_items(item)
        self.assertEqual(note.amount_total, 40.54)
        self.assertEqual(
            self._read_taxes(note),
            {
                (self.tax_10, False): 3.5,
                (fixed, False): 2,
                (back, False): 6.66,
                (back, True): -6.66,
            },
        )

    def test_refund_of_all(self):
        self._create_transaction(100, tax_ids=self.tax)
        self._create_transaction(10.07, tax_ids=self.tax, tax_included=True)
        invoice = self._bill()
        total, tax = invoice.amount_total, invoice.amount_tax
        self.tax.amount = 5
        note = invoice._billing_create_refund_note(total)
        self.assertEqual((note.amount_total, note.amount_tax), (total, tax))
        self._assert_agrees()

    def test_each_note_is_prepared_as_in_odoos_dialog(self):
        """As where a country's addon chooses the kind of legal document there."""
        Dialog = self.env.registry["account.move.reversal"]
        prepare = Dialog._prepare_default_reversal
        self.patch(
            Dialog,
            "_prepare_default_reversal",
            lambda dialog, move: (
                prepare(dialog, move) | {"narration": f"In law: {move.name}"}
            ),
        )
        self.company.billing_void_method = "credit_note"
        void, part, canceled = (
            self._bill(self._create_transaction(100, tax_ids=self.tax))
            for _time in range(3)
        )
        void.action_billing_void()
        part._billing_create_refund_note(12)
        canceled._billing_cancel_items(canceled.billing_transaction_ids)
        for invoice in (void, part, canceled):
            note = invoice.reversal_move_ids
            self.assertIn(f"In law: {invoice.name}", note.narration or "")
            self.assertEqual(note.journal_id, invoice.journal_id)
            self.assertEqual(note.invoice_date, self.today)
            self.assertFalse(note.invoice_payment_term_id)
        self._assert_agrees()

    def test_page_of_an_old_invoice(self):
        """F80: the lines say what the customer was shown."""
        self._create_transaction(100, tax_ids=self.tax)
        self._create_transaction(60, tax_ids=self.tax_20_included)
        invoice = self._bill()
        self.tax.amount = self.tax_20_included.amount = 25
        self.assertEqual(self._list_lines(invoice), [(100, 20, 20), (50, 10, 20)])
        labels = invoice.invoice_line_ids.mapped("billing_tax_label")
        self.assertTrue(all("20%" in label for label in labels), labels)
        context = invoice._billing_prepare_pdf_context()
        shown = sum(group["tax_amount_currency"] for group in context["tax_groups"])
        self.assertEqual(shown, 30)

    def test_reverse_charge(self):
        """What the customer owes itself is taken back as it was told."""
        reverse = self._create_reverse_tax(30)
        self._create_transaction(100, tax_ids=reverse)
        invoice = self._bill()
        before = self._read_taxes(invoice)
        self.assertEqual(before, {(reverse, False): 30, (reverse, True): -30})
        reverse.amount = 10
        self.company.billing_void_method = "credit_note"
        invoice.action_billing_void()
        note = invoice.reversal_move_ids
        self.assertEqual(self._read_taxes(note), before)
        self.assertEqual(note.amount_total, 100)

    def test_items_and_what_is_kept(self):
        """F170: the item as invoiced, the penalty a part of it."""
        item = self._create_transaction(100, tax_ids=self.tax)
        self._create_transaction(50, tax_ids=self.tax)
        invoice = self._bill()
        self.tax.amount = 30
        note = invoice._billing_cancel_items(item, penalty=60)
        self.assertEqual((note.amount_untaxed, note.amount_tax), (50, 10))
        self.assertEqual(item.canceled_by_ids.amount_total, -120)
        self.assertEqual(item.canceled_by_ids.tax_percentage, 20)
        self._assert_agrees()

    # === A note is the amount that was asked for === #

    def test_refund_is_not_a_cent_off(self):
        """F172, W14: with taxes rounded over the whole invoice."""
        for taxed in product((True, False), repeat=3):
            for cost, is_taxed in zip((7.90, 51.31, 20.97), taxed, strict=True):
                taxes = self.tax if is_taxed else self.tax.browse()
                self._create_transaction(cost, tax_ids=taxes)
            invoice = self._bill()
            note = invoice._billing_create_refund_note(6.09)
            self.assertEqual(note.amount_total, 6.09, taxed)
            tax = 6.09 * invoice.amount_tax / invoice.amount_total
            self.assertAlmostEqual(note.amount_tax, tax, delta=0.01)
            self._assert_agrees()

    def test_cash_rounding_is_credited(self):
        """An addon may round what is paid in cash; a part is what was asked for."""
        rounding = self.env["account.cash.rounding"].create(
            {
                "name": "5 cents",
                "rounding": 0.05,
                "strategy": "add_invoice_line",
                "profit_account_id": self.company_data["default_account_revenue"].id,
                "loss_account_id": self.company_data["default_account_expense"].id,
            }
        )
        Transaction = self.env.registry["omni.billing.transaction"]
        prepare = Transaction._prepare_invoice_values
        self.patch(
            Transaction,
            "_prepare_invoice_values",
            lambda record, partner, **options: (
                prepare(record, partner, **options)
                | {"invoice_cash_rounding_id": rounding.id}
            ),
        )
        self._create_transaction(10.02, tax_ids=self.tax)
        invoice = self._bill()
        self.assertEqual(invoice.amount_total, 12.0)
        self.assertEqual(invoice._billing_create_refund_note(6.01).amount_total, 6.01)
        self.company.billing_void_method = "credit_note"
        self._create_transaction(10.02, tax_ids=self.tax)
        invoice = self._bill()
        self.tax.amount = 30
        invoice.action_billing_void()
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(invoice.reversal_move_ids.amount_total, 12.0)

    @given(
        entries=st.lists(
            st.tuples(
                st.integers(1, 9_999_99),
                st.sampled_from(["charge", "charge", "charge", "credit"]),
                st.sets(st.integers(0, 6), max_size=3),
                st.booleans(),
            ),
            min_size=1,
            max_size=6,
        ),
        method=st.sampled_from(["round_globally", "round_per_line"]),
        currency=st.sampled_from(["own", "yen", "dinar"]),
        parts=st.lists(st.integers(1, 97), min_size=1, max_size=3),
        edits=st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0, 3, 33.3]))),
        penalty=st.integers(0, 99),
        is_void=st.booleans(),
    )
    @tried(ci=6, deep=1500)
    def test_any_note_is_what_was_asked_for(
        self, entries, method, currency, parts, edits, penalty, is_void
    ):
        """F168, F170, F172, W14: over any taxes, edited since or not."""
        self.company.tax_calculation_rounding_method = method
        self.company.billing_void_method = "credit_note"
        taxes, currency = self.taxes, getattr(self, currency, self.currency)
        for cost, kind, indexes, included in entries:
            self._create_transaction(
                max(currency.round(cost / 100), currency.rounding),
                transaction_type=kind,
                credit_type_id=self.goodwill.id if kind == "credit" else False,
                tax_ids=taxes.browse(taxes[i].id for i in indexes),
                tax_included=included,
                currency_id=currency.id,
            )
        items = self.customer.billing_transaction_ids
        invoice = self._bill()
        if invoice.move_type != "out_invoice" or not invoice.amount_total:
            return
        total, booked = invoice.amount_total, self._read_taxes(invoice)
        lines = self._list_lines(invoice)
        for index, percent in edits:
            taxes[index].amount = percent
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._list_lines(invoice), lines)
        if is_void:
            invoice.action_billing_void()
            note = invoice.reversal_move_ids
            self.assertEqual(self._read_taxes(note), booked)
            self.assertTrue(currency.is_zero(invoice.amount_residual))
            self.assertEqual(note.amount_total, total)
            return
        for part in parts:
            amount = currency.round(total * part / 300)
            if not amount:
                continue
            note = invoice._billing_create_refund_note(amount)
            self._assert_note(note, amount, booked, amount / total)
        left = total - invoice._billing_get_reversed_amount()
        item = items.filtered(lambda item: 0 < item.amount_total <= left)[:1]
        kept = currency.round(item.amount_total * penalty / 100)
        if item and item.amount_total > kept:
            note = invoice._billing_cancel_items(item, penalty=kept)
            self._assert_note(note, item.amount_total - kept)
            # Rounded over the whole note, a unit of one line may be on another.
            unit = currency.rounding * 1.01 if method == "round_globally" else 0
            credit = item.canceled_by_ids.amount_total
            self.assertAlmostEqual(credit, -item.amount_total, delta=unit)

    def _assert_note(self, note, amount, booked=None, share=None):
        currency = note.currency_id
        self.assertEqual(currency.compare_amounts(note.amount_total, amount), 0)
        entries = sum(note.billing_transaction_ids.mapped("amount_total"))
        self.assertEqual(currency.compare_amounts(entries, -amount), 0)
        self.assertAlmostEqual(sum(note.line_ids.mapped("balance")), 0)
        found = self._read_taxes(note)
        for key, tax in (booked or {}).items():
            difference = abs(found.get(key, 0) - tax * share)
            self.assertLessEqual(difference, currency.rounding * 1.01)

    # === Early payment discount that is always granted === #

    def test_discount_that_is_always_granted(self):
        """The tax is of the lower amount, on every line and in the ledger."""
        term = self._create_discount()
        tax = self._create_tax(21)
        charge = self._create_transaction(1000, tax_ids=tax)
        other = self._create_transaction(50, tax_ids=tax)
        free = self._create_transaction(7)
        invoice = (charge + other + free)._create_invoice(
            self.customer, payment_term=term
        )
        self.assertEqual(invoice.amount_total, 1273.09)
        self.assertEqual(charge.amount_total, 1205.80)
        self.assertEqual(other.amount_total, 60.29)
        self.assertEqual(free.amount_total, 7)
        self.assertEqual(self._list_lines(invoice)[0], (1000, 205.8, 21))
        shown = invoice._billing_prepare_pdf_context()
        self.assertEqual(sum(line["amount_total"] for line in shown["lines"]), 1273.09)
        self._assert_agrees()
        note = invoice._billing_cancel_items(charge)
        self.assertEqual(note.amount_total, 1205.80)
        self._assert_agrees()
        self._pay(invoice)
        self._assert_agrees()
        self.assertEqual(self._get_books_balance(), 0)

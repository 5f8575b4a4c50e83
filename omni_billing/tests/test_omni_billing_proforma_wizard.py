from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestProformaPreview(BillingCommon):
    @freeze_time("2025-02-10")
    def test_defaults(self):
        """F42, F43, F44, F45"""
        wizard = self._open_proforma()
        self.assertEqual(wizard.date_start, fields.Date.to_date("2025-01-27"))
        self.assertEqual(wizard.date_end, fields.Date.to_date("2025-02-10"))
        self.assertEqual(wizard.date_due, fields.Date.to_date("2025-02-10"))
        self.assertEqual(wizard.title, "Invoice for 01/27/2025 - 02/10/2025")

    @freeze_time("2025-02-10")
    def test_typed_title_stays(self):
        """F42: the proposal follows the period, what was typed does not."""
        wizard = self._open_proforma(title="January services")
        wizard.date_end = "2025-02-01"
        self.assertEqual(wizard.title, "January services")
        with Form(self.env["omni.billing.proforma.wizard"]) as form:
            form.partner_id = self.customer
            form.date_end = "2025-02-01"
            self.assertEqual(form.title, "Invoice for 01/27/2025 - 02/01/2025")
            form.title = "Mine"
            form.date_start = "2025-01-01"
            self.assertEqual(form.title, "Mine")
        day = self._open_proforma(date_start="2025-02-10", date_end="2025-02-10")
        self.assertEqual(day.title, "Invoice of 02/10/2025")

    def test_all_of_the_period_are_included(self):
        """F46, F50"""
        charges = [self._create_transaction(10, tax_ids=self.tax_10) for _i in range(3)]
        self._create_transaction(99, date=self.today - timedelta(days=15))
        self._create_transaction(99, date=self.today + timedelta(days=1))
        wizard = self._open_proforma()
        self.assertEqual(wizard.line_ids.transaction_id, sum(charges[1:], charges[0]))
        self.assertTrue(all(wizard.line_ids.mapped("included")))
        self.assertEqual(wizard.included_count, 3)
        self.assertEqual(wizard.amount_untaxed, 30)
        self.assertEqual(wizard.amount_tax, 3)
        self.assertEqual(wizard.amount_total, 33)

    def test_toggles_recompute_at_once(self):
        """F47, F50, F197"""
        first, second = self._create_transaction(10), self._create_transaction(20)
        wizard = self._open_proforma()
        lines = {line.transaction_id: line for line in wizard.line_ids}
        lines[first].included = False
        self.assertEqual((wizard.included_count, wizard.amount_total), (1, 20))
        self.assertEqual(wizard.excluded_ids, first.ids)
        lines[second].included = False
        self.assertEqual((wizard.included_count, wizard.amount_total), (0, 0))
        lines[first].included = True
        self.assertEqual((wizard.included_count, wizard.amount_total), (1, 10))

    def test_web_client_sends_what_is_excluded(self):
        """The preview of the web client needs no line to be saved."""
        kept = self._create_transaction(10, quantity=4)
        excluded = self._create_transaction(20)
        with Form(self.env["omni.billing.proforma.wizard"]) as form:
            form.partner_id = self.customer
            lines = form.preview["lines"]
        self.assertEqual([line["id"] for line in lines], (kept + excluded).ids)
        # What its totals are computed with.
        counted = [(line["quantity"], line["price_unit"]) for line in lines]
        self.assertEqual(counted, [(4, 2.5), (1, 20)])
        self._open_proforma(excluded_ids=excluded.ids).action_generate()
        self.assertEqual(kept.invoice_id.amount_total, 10)
        self.assertEqual(excluded.state, "unbilled")

    def test_select_all_and_clear_all(self):
        """F48"""
        self._create_transaction(10)
        self._create_transaction(20)
        wizard = self._open_proforma()
        wizard.action_clear_all()
        self.assertEqual((wizard.included_count, wizard.amount_total), (0, 0))
        self.assertIn("excluded", wizard.problem)
        wizard.action_select_all()
        self.assertEqual((wizard.included_count, wizard.amount_total), (2, 30))
        self.assertFalse(wizard.problem)

    def test_exclusions_survive_a_change_of_the_period(self):
        kept, excluded = self._create_transaction(10), self._create_transaction(20)
        wizard = self._open_proforma()
        wizard.line_ids.filtered(
            lambda line: line.transaction_id == excluded
        ).included = False
        wizard.date_start = self.today - timedelta(days=60)
        included = wizard.line_ids.filtered("included").transaction_id
        self.assertEqual(included, kept)
        self.assertEqual(len(wizard.line_ids), 2)

    def test_text_filter(self):
        """F55: in titles and descriptions."""
        self._create_transaction(45, name="Internet")
        mobile = self._create_transaction(20, name="Mobile 20 GB")
        line = self._create_transaction(15, name="Line 2", description="second mobile")
        wizard = self._open_proforma(filter_text="mobile")
        self.assertEqual(wizard.line_ids.transaction_id, mobile + line)
        invoice = self._bill(filter_text="mobile")
        self.assertEqual(invoice.amount_total, 35)

    def test_one_day(self):
        """F39 (by hand), F56, F210"""
        self._create_transaction(45, date=self.today - timedelta(days=1))
        setup = self._create_transaction(50, name="Installation")
        wizard = self._open_proforma(
            date_start=self.today,
            date_end=self.today,
            date_due=self.today + timedelta(days=7),
            title="Installation services",
        )
        self.assertEqual(wizard.line_ids.transaction_id, setup)
        wizard.action_generate()
        invoice = setup.invoice_id
        self.assertEqual(invoice.billing_title, "Installation services")
        self.assertEqual(invoice.invoice_date_due, self.today + timedelta(days=7))
        self.assertNotIn(" - ", invoice.billing_period)

    def test_customer_is_prefilled_from_the_customer_only(self):
        """F40, F41"""
        action = self.customer.action_billing_proforma()
        self.assertEqual(action["context"]["default_partner_id"], self.customer.id)
        self.assertTrue(action["context"]["billing_partner_fixed"])
        system = self.env["res.partner"].action_billing_proforma()
        self.assertFalse(system["context"]["billing_partner_fixed"])

    def test_transactions_of_contacts_are_the_company_s(self):
        contact = self.env["res.partner"].create(
            {"name": "Depot", "parent_id": self.customer.id}
        )
        charge = self._create_transaction(partner_id=contact.id)
        self.assertEqual(self._open_proforma().line_ids.transaction_id, charge)

    def test_other_customers_and_currencies_stay_out(self):
        self._create_transaction(10, partner_id=self.partner_a.id)
        euro = self.setup_other_currency("EUR")
        in_euro = self._create_transaction(30, currency_id=euro.id)
        wizard = self._open_proforma()
        self.assertEqual(wizard.currency_id, euro)
        self.assertEqual(wizard.line_ids.transaction_id, in_euro)
        in_dollar = self._create_transaction(10)
        wizard = self._open_proforma()
        self.assertEqual(wizard.currency_count, 2)
        self.assertEqual(wizard.line_ids.transaction_id, in_dollar)
        self.assertEqual(
            self._bill(currency_id=euro.id).currency_id, in_euro.currency_id
        )


@tagged("post_install", "-at_install")
class TestProformaGenerate(BillingCommon):
    def test_included_are_invoiced_excluded_stay_unbilled(self):
        """F12, F53, F54, F58, F208"""
        charges = [self._create_transaction(10) for _index in range(18)]
        disputed = self._create_transaction(80, name="Data overage")
        pending = self._create_transaction(50, name="Installation")
        invoice = self._bill(*charges)
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertEqual(len(invoice.billing_transaction_ids), 18)
        self.assertEqual(invoice.amount_total, 180)
        self.assertEqual(
            set(invoice.billing_transaction_ids.mapped("state")), {"invoiced"}
        )
        self.assertRecordValues(
            disputed + pending, [{"state": "unbilled", "invoice_id": False}] * 2
        )
        self.assertEqual(self._open_proforma().included_count, 2)

    def test_invoice_carries_title_period_and_due_date(self):
        """F38, F63, F206"""
        self._create_transaction(45)
        start, due = self.today - timedelta(days=5), self.today + timedelta(days=15)
        invoice = self._bill(title="January services", date_start=start, date_due=due)
        self.assertRecordValues(
            invoice,
            [
                {
                    "billing_title": "January services",
                    "billing_date_start": start,
                    "billing_date_end": self.today,
                    "invoice_date_due": due,
                    "invoice_date": self.today,
                }
            ],
        )

    def test_terms_of_the_customer_propose_the_due_date(self):
        """F45: today, unless the customer has terms, or somebody says otherwise."""
        term = self.env.ref("account.account_payment_term_30days")
        self._create_transaction(45)
        self.assertEqual(self._open_proforma().date_due, self.today)
        self.customer.property_payment_term_id = term
        wizard = self._open_proforma()
        self.assertEqual(wizard.date_due, self.today + timedelta(days=30))
        invoice = self._bill()
        self.assertEqual(invoice.invoice_date_due, self.today + timedelta(days=30))
        self.assertEqual(invoice.invoice_payment_term_id, term)
        self._create_transaction(45)
        due = self.today + timedelta(days=7)
        invoice = self._bill(date_due=due)
        self.assertEqual(invoice.invoice_date_due, due)
        self.assertFalse(invoice.invoice_payment_term_id)

    def test_from_a_contact_it_goes_to_the_customer(self):
        """Lines of the parent are not billed to the address of a child."""
        contact = self.env["res.partner"].create(
            {"name": "Jo", "parent_id": self.customer.id, "type": "contact"}
        )
        self._create_transaction(45)
        self.assertEqual(self._bill(partner_id=contact.id).partner_id, self.customer)
        address = self.env["res.partner"].create(
            {"name": "Books", "parent_id": self.customer.id, "type": "invoice"}
        )
        self._create_transaction(45)
        self.assertEqual(self._bill(partner_id=contact.id).partner_id, address)

    def test_lines_link_back_to_transactions(self):
        """F37: an item of the catalogue, a free one, and a negative one."""
        charge = self._create_transaction(
            45, product_id=self.product_a.id, description="January"
        )
        free_line = self._create_transaction(5, name="Cable")
        credit = self._create_credit(10)
        invoice = self._bill()
        lines = invoice.invoice_line_ids
        self.assertEqual(lines.billing_transaction_id, charge + free_line + credit)
        by_transaction = {line.billing_transaction_id: line for line in lines}
        self.assertEqual(by_transaction[charge].name, "Fibre 500\nJanuary")
        self.assertEqual(by_transaction[charge].product_id, self.product_a)
        self.assertEqual(by_transaction[credit].price_subtotal, -10)
        self.assertEqual(invoice.amount_total, 40)

    def test_credit_lowers_the_next_invoice_not_the_last(self):
        """F15, F202: 45 - 10 = 35"""
        self._create_transaction(45)
        first = self._bill()
        self._create_credit(10)
        self._create_transaction(45)
        self.assertEqual(first.amount_total, 45)
        self.assertEqual(self._bill().amount_total, 35)
        self.assertEqual(first.amount_residual, 45)

    def test_billed_transactions_never_reappear(self):
        """F57, F61, F207: three invoices of one period."""
        mobile = self._create_transaction(20, name="Mobile")
        internet = self._create_transaction(45, name="Internet")
        extra = self._create_transaction(5, name="Extra")
        totals = []
        for transaction in (mobile, internet):
            totals.append(self._bill(transaction).amount_total)
        wizard = self._open_proforma()
        self.assertEqual(wizard.line_ids.transaction_id, extra)
        totals.append(self._bill().amount_total)
        self.assertEqual(totals, [20, 45, 5])
        self.assertFalse(self._open_proforma().line_ids)

    def test_duplicate_and_test_lines_are_excluded_then_voided(self):
        """F23, F209"""
        good = self._create_transaction(45)
        wrong = self._create_transaction(45, name="Twice") + self._create_transaction(
            1, name="Test"
        )
        invoice = self._bill(good)
        wrong.action_void(reason="Found in the preview")
        self.assertEqual(invoice.amount_total, 45)
        self.assertFalse(self._open_proforma().line_ids)

    def test_unbilled_falls_and_unpaid_rises(self):
        """F59, F189"""
        self._create_transaction(95)
        self.assertEqual(self.customer.billing_unbilled_amount, 95)
        self._bill()
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_unbilled_amount, 0)
        self.assertEqual(self.customer.billing_due_amount, 95)

    def test_more_credits_than_charges_make_a_credit_note(self):
        self._create_transaction(10, tax_ids=self.tax_10)
        self._create_credit(30, tax_ids=self.tax_10)
        wizard = self._open_proforma()
        self.assertEqual(wizard.amount_total, -22)
        note = self._bill()
        self.assertEqual(note.move_type, "out_refund")
        self.assertEqual(note.amount_total, 22)
        self.assertEqual(sum(note.billing_transaction_ids.mapped("amount_total")), -22)
        self.assertEqual(self._get_ledger_balance(), self._get_books_balance())
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_credit_amount, 22)

    def test_charges_equal_to_credits_make_a_paid_invoice_of_zero(self):
        self._create_transaction(10)
        self._create_credit(10)
        invoice = self._bill()
        self.assertEqual(invoice.amount_total, 0)
        self.assertEqual(invoice.billing_state, "paid")

    def test_taxes_rounded_over_the_invoice_are_shared_by_its_lines(self):
        """W14: 3 × 0.35 at 10 % is 0.11 in all, not 3 × 0.04."""
        self.company.tax_calculation_rounding_method = "round_globally"
        charges = self.env["omni.billing.transaction"].union(
            *(self._create_transaction(0.35, tax_ids=self.tax_10) for _i in range(3))
        )
        self.assertAlmostEqual(sum(charges.mapped("tax_amount")), 0.12)
        wizard = self._open_proforma()
        self.assertAlmostEqual(wizard.amount_tax, 0.11)
        wizard.action_generate()
        invoice = charges.invoice_id
        self.assertAlmostEqual(invoice.amount_tax, 0.11)
        self.assertAlmostEqual(sum(charges.mapped("tax_amount")), 0.11)
        self.assertAlmostEqual(sum(charges.mapped("amount_total")), 1.16)
        invoice.action_billing_void()
        self.assertAlmostEqual(sum(charges.mapped("tax_amount")), 0.12)

    def test_taxes_rounded_by_line(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        for _index in range(3):
            self._create_transaction(0.35, tax_ids=self.tax_10)
        wizard = self._open_proforma()
        self.assertAlmostEqual(wizard.amount_tax, 0.12)
        self.assertAlmostEqual(self._bill().amount_tax, 0.12)

    def test_taxes_included_box_is_exact_on_the_invoice(self):
        """F27, F184"""
        tax_20 = self._create_tax(20)
        for method in ("round_globally", "round_per_line"):
            with self.subTest(method=method):
                self.company.tax_calculation_rounding_method = method
                for cost in (0.03, 9.99, 10.03):
                    self._create_transaction(cost, tax_ids=tax_20, tax_included=True)
                wizard = self._open_proforma()
                self.assertAlmostEqual(wizard.amount_total, 20.05)
                self.assertAlmostEqual(self._bill().amount_total, 20.05)

    def test_foreign_currency(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.5)])
        for included in (False, True):
            with self.subTest(included=included):
                self._create_transaction(
                    33.33,
                    currency_id=euro.id,
                    tax_ids=self.tax_10,
                    tax_included=included,
                )
                invoice = self._bill()
                self.assertEqual(invoice.currency_id, euro)
                total = 33.33 if included else 36.66
                self.assertAlmostEqual(invoice.amount_total, total)
                self.assertAlmostEqual(
                    invoice.amount_total_signed, total * 2, delta=0.02
                )
                self.assertAlmostEqual(
                    invoice.billing_transaction_ids.amount_total, total
                )
                self.assertFalse(sum(invoice.line_ids.mapped("balance")))

    def test_number_has_the_journal_s_format_or_the_dashed_one(self):
        """F62"""
        self._create_transaction()
        self.assertRegex(self._bill().name, rf"^INV/{self.today.year}/\d{{5}}$")
        self.company.billing_number_dashed = True
        numbers = []
        for _index in range(3):
            self._create_transaction()
            numbers.append(self._bill().name)
        year = self.today.year
        self.assertEqual(numbers, [f"INV-{year}-00000{number}" for number in (1, 2, 3)])
        self._create_credit()
        self.assertEqual(self._bill().name, f"RINV-{year}-000001")

    def test_dashed_numbers_start_again_each_year(self):
        self.company.billing_number_dashed = True
        for day, number in (
            ("2025-12-31", "INV-2025-000001"),
            ("2026-01-01", "INV-2026-000001"),
            ("2026-02-01", "INV-2026-000002"),
        ):
            with freeze_time(day):
                self._create_transaction(date=day)
                self.assertEqual(self._bill().name, number)


@tagged("post_install", "-at_install")
class TestProformaBadInput(BillingCommon):
    def _assert_refused(self, wizard, message, error=UserError):
        moves = self.env["account.move"].search_count([])
        with self.assertRaisesRegex(error, message), self.env.cr.savepoint():
            wizard.action_generate()
        self.assertEqual(self.env["account.move"].search_count([]), moves)
        unbilled = self.customer.billing_transaction_ids.filtered(
            lambda transaction: transaction.state == "unbilled"
        )
        self.assertFalse(unbilled.invoice_id)

    def test_start_after_end(self):
        """F52"""
        self._create_transaction()
        wizard = self._open_proforma(date_start=self.today + timedelta(days=1))
        self.assertIn("after the end date", wizard.problem)
        self._assert_refused(wizard, "after the end date")

    def test_no_due_date(self):
        """F52"""
        self._create_transaction()
        self._assert_refused(self._open_proforma(date_due=False), "due date")

    def test_due_before_the_invoice(self):
        """F45, F52: by the dialog, by a program, and in the model."""
        charge = self._create_transaction()
        due = self.today - timedelta(days=1)
        wizard = self._open_proforma(date_due=due)
        self.assertIn("before the date of the invoice", wizard.problem)
        self._assert_refused(wizard, "before the date of the invoice")
        with self.assertRaisesRegex(UserError, "that day or a later one"):
            charge._create_invoice(self.customer, date_due=str(due))
        with self.assertRaisesRegex(UserError, "that day or a later one"):
            charge._create_invoice(self.customer, date_due=due, invoice_date=self.today)
        self.assertEqual(charge.state, "unbilled")
        wizard.invoice_date = due
        self.assertFalse(wizard.problem)
        later = self.today + timedelta(days=3)
        self.assertEqual(self._open_proforma(invoice_date=later).date_due, later)
        earlier = self.today - timedelta(days=3)
        wizard = self._open_proforma(invoice_date=earlier)
        self.assertEqual(wizard.date_due, self.today)
        invoice = charge._create_invoice(
            self.customer, date_due=due, invoice_date=earlier
        )
        self.assertEqual(invoice.invoice_date_due, due)

    def test_nothing_included(self):
        """F52"""
        self._create_transaction()
        wizard = self._open_proforma()
        wizard.action_clear_all()
        self._assert_refused(wizard, "Include at least one")

    def test_nothing_found(self):
        """F60, F215"""
        self._assert_refused(
            self._open_proforma(), "Unable to generate the invoice - No transaction"
        )

    def test_billed_meanwhile(self):
        """F61, F197: the second click names the invoice that holds the lines."""
        self._create_transaction()
        first, second = self._open_proforma(), self._open_proforma()
        self.assertEqual(second.included_count, 1)
        first.action_generate()
        invoice = self.customer.billing_transaction_ids.invoice_id
        self._assert_refused(second, invoice.name)
        self.assertEqual(len(self.customer.billing_invoice_ids), 1)

    def test_voided_meanwhile(self):
        charge = self._create_transaction()
        wizard = self._open_proforma()
        self.assertEqual(wizard.included_count, 1)
        charge.action_void()
        self._assert_refused(wizard, "no longer unbilled")

    def test_closed_period(self):
        self._create_transaction()
        self.company.fiscalyear_lock_date = self.today
        self._assert_refused(self._open_proforma(), "closed up to")
        self._assert_refused(
            self._open_proforma(invoice_date=self.today - timedelta(days=3)),
            "closed up to",
        )

    def test_archived_customer(self):
        self._create_transaction()
        wizard = self._open_proforma()
        self.customer.action_archive()
        self._assert_refused(wizard, "archived")
        with self.assertRaisesRegex(UserError, "archived"):
            self.customer.action_billing_proforma()

    def test_customer_of_another_company(self):
        other = self.setup_other_company()["company"]
        stranger = self.env["res.partner"].create(
            {"name": "Stranger", "company_id": other.id}
        )
        with self.assertRaisesRegex(UserError, "Stranger"):
            self._create_transaction(partner_id=stranger.id)

    def test_transaction_of_another_customer_smuggled_in(self):
        foreign = self._create_transaction(partner_id=self.partner_a.id)
        own = self._create_transaction()
        wizard = self._open_proforma(
            line_ids=[
                Command.create({"transaction_id": transaction.id})
                for transaction in own + foreign
            ]
        )
        self._assert_refused(wizard, "one customer")

    def test_long_title(self):
        self._create_transaction()
        self._assert_refused(self._open_proforma(title="x" * 5000), "5000 characters")
        self.assertEqual(self._bill(title="خدمات 📞").billing_title, "خدمات 📞")
        draft = self.init_invoice("out_invoice", self.customer, amounts=[5])
        with self.assertRaises(ValidationError):
            draft.billing_title = "x" * 5000

    def test_no_income_account(self):
        self.company_data["default_journal_sale"].default_account_id = False
        self._create_transaction()
        self._assert_refused(self._open_proforma(), "income account")

    def test_no_sales_journal(self):
        self._create_transaction()
        self.env["account.journal"].search([("type", "=", "sale")]).action_archive()
        self._assert_refused(self._open_proforma(), "no sales journal")

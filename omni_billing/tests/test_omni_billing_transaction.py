from datetime import timedelta

import psycopg2

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestTransactionAmounts(BillingCommon):
    def test_charge_is_unbilled_without_invoice(self):
        """F11, F31"""
        charge = self._create_transaction(45)
        self.assertRecordValues(
            charge,
            [
                {
                    "state": "unbilled",
                    "invoice_id": False,
                    "transaction_type": "charge",
                    "amount_untaxed": 45.0,
                    "tax_amount": 0.0,
                    "amount_total": 45.0,
                    "amount_revenue": 45.0,
                    "amount_receipt": 0.0,
                }
            ],
        )
        self.assertEqual(self.customer.billing_unbilled_amount, 45)

    def test_credit_is_entered_positive_and_listed_negative(self):
        """F13, F14"""
        self._create_transaction(45)
        credit = self._create_credit(10)
        self.assertEqual(credit.retail_cost, 10)
        self.assertEqual(credit.amount_total, -10)
        self.assertEqual(credit.state, "unbilled")
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_unbilled_amount, 35)

    def test_tax_is_computed_when_the_transaction_is_created(self):
        """F20, F21"""
        charge = self._create_transaction(100, tax_ids=self.tax_10)
        self.assertEqual(charge.tax_percentage, 10)
        self.assertEqual(charge.tax_amount, 10)
        self.assertEqual(charge.amount_total, 110)

    def test_unbilled_follows_a_change_of_the_rate_as_its_invoice_will(self):
        billed = self._create_transaction(100, tax_ids=self.tax_10)
        self._bill()
        unbilled = self._create_transaction(100, tax_ids=self.tax_10)
        self.tax_10.amount = 15
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((billed.tax_amount, unbilled.tax_amount), (10, 15))
        self.assertEqual(self._open_proforma().amount_tax, 15)

    def test_tax_of_a_transaction_cannot_be_deleted(self):
        self._create_transaction(100, tax_ids=self.tax_10)
        with self.assertRaisesRegex(UserError, "Archive"):
            self.tax_10.unlink()

    def test_entered_taxes_stay_whatever_becomes_of_the_customer(self):
        person = self.env["res.partner"].create({"name": "Jane"})
        charge = self._create_transaction(
            100, tax_ids=self.tax_10, partner_id=person.id
        )
        person.parent_id = self.customer
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(charge.tax_ids, self.tax_10)
        self.assertEqual(charge.amount_total, 110)
        self.assertEqual(charge.commercial_partner_id, person)
        charge.partner_id = self.partner_a
        self.assertEqual(charge.amount_total, 110)

    def test_reverse_charge_with_taxes_included(self):
        tax = self._create_reverse_tax(21)
        charge = self._create_transaction(121, tax_ids=tax, tax_included=True)
        self.assertEqual(charge.amount_total, 121)
        self.assertEqual(charge.tax_percentage, 0)
        self.assertEqual(self._bill().amount_total, 121)

    def test_price_of_a_product_follows_the_fiscal_position(self):
        """A price with tax, sold to one who pays none, is the price before tax."""
        exempt = self._create_tax(0)
        exempt.original_tax_ids = self.tax_20_included
        self.customer.property_account_position_id = self.env[
            "account.fiscal.position"
        ].create({"name": "Exempt", "tax_ids": [Command.link(exempt.id)]})
        self.product_a.write(
            {"list_price": 120, "taxes_id": [Command.set(self.tax_20_included.ids)]}
        )
        charge = self.env["omni.billing.transaction"].create(
            {"partner_id": self.customer.id, "product_id": self.product_a.id}
        )
        self.assertEqual(charge.amount_total, 100)

    def test_product_gives_title_price_and_taxes(self):
        """F21, F29, F36"""
        self.product_a.write(
            {
                "name": "First visit",
                "list_price": 50,
                "taxes_id": [Command.set(self.tax_10.ids)],
            }
        )
        charge = self.env["omni.billing.transaction"].create(
            {"partner_id": self.customer.id, "product_id": self.product_a.id}
        )
        self.assertEqual(charge.name, "First visit")
        self.assertEqual(charge.retail_cost, 50)
        self.assertEqual(charge.tax_ids, self.tax_10)
        self.assertEqual(charge.amount_total, 55)

    def test_no_product_means_no_tax(self):
        """F21"""
        self.company.account_sale_tax_id = self.tax_10
        charge = self.env["omni.billing.transaction"].create(
            {"partner_id": self.customer.id, "name": "Overage", "retail_cost": 3}
        )
        self.assertFalse(charge.tax_ids)

    def test_fiscal_position_maps_the_taxes_of_the_product(self):
        exempt = self._create_tax(0)
        exempt.original_tax_ids = self.tax_10
        position = self.env["account.fiscal.position"].create(
            {"name": "Exempt", "tax_ids": [Command.link(exempt.id)]}
        )
        self.customer.property_account_position_id = position
        self.product_a.taxes_id = self.tax_10
        charge = self.env["omni.billing.transaction"].create(
            {"partner_id": self.customer.id, "product_id": self.product_a.id}
        )
        self.assertEqual(charge.tax_ids, exempt)

    def test_price_included_tax(self):
        """F27"""
        charge = self._create_transaction(120, tax_ids=self.tax_20_included)
        self.assertEqual(charge.amount_untaxed, 100)
        self.assertEqual(charge.tax_amount, 20)
        self.assertEqual(charge.amount_total, 120)

    def test_taxes_included_box_makes_the_total_exact(self):
        """F27: 0.03 at 20 % cannot be reached by adding rounded tax to any price."""
        tax_20 = self._create_tax(20)
        for cost in (0.03, 9.99, 10.03, 120, 33.34, 0.01):
            with self.subTest(cost=cost):
                credit = self._create_credit(cost, tax_ids=tax_20, tax_included=True)
                self.assertAlmostEqual(credit.amount_total, -cost)
                self.assertAlmostEqual(
                    credit.amount_untaxed + credit.tax_amount, credit.amount_total
                )

    def test_two_taxes(self):
        taxes = self.tax_10 + self._create_tax(5)
        charge = self._create_transaction(100, tax_ids=taxes)
        self.assertEqual(charge.tax_percentage, 15)
        self.assertEqual(charge.tax_amount, 15)

    def test_fixed_tax_shows_the_effective_percentage(self):
        eco = self._create_tax(2, amount_type="fixed")
        charge = self._create_transaction(100, tax_ids=eco)
        self.assertEqual(charge.tax_amount, 2)
        self.assertEqual(charge.tax_percentage, 2)

    def test_tax_of_a_transaction_is_used(self):
        """So Odoo lets nobody turn it into another tax."""
        tax = self._create_tax(7)
        self.assertFalse(tax.is_used)
        self._create_transaction(100, tax_ids=tax)
        tax.invalidate_recordset(["is_used"])
        self.assertTrue(tax.is_used)

    def test_title_keeps_the_language_of_its_creation(self):
        """F24"""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.product_a.with_context(lang="en_US").name = "Skating lesson"
        self.product_a.with_context(lang="fr_FR").name = "Cours de patin"
        Transaction = self.env["omni.billing.transaction"].with_context(lang="fr_FR")
        lesson = Transaction.create(
            {"partner_id": self.customer.id, "product_id": self.product_a.id}
        )
        self.assertEqual(lesson.with_context(lang="en_US").name, "Cours de patin")

    def test_service_and_site(self):
        """F16"""
        site = self.env["res.partner"].create(
            {"name": "Depot", "parent_id": self.customer.id, "type": "delivery"}
        )
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre, depot",
                "partner_id": self.customer.id,
                "site_id": site.id,
                "product_id": self.product_a.id,
            }
        )
        charge = self._create_transaction(service_id=service.id, site_id=site.id)
        self.assertEqual(charge.service_id.site_id, charge.site_id)

    def test_site_is_told_after_the_invoice(self):
        """F183, as to a work site: it is no matter of money."""
        site = self.env["res.partner"].create(
            {"name": "Depot", "parent_id": self.customer.id, "type": "delivery"}
        )
        charge = self._create_transaction()
        invoice = self._bill()
        charge.site_id = site
        self.assertEqual((charge.site_id, charge.invoice_id), (site, invoice))
        with self.assertRaisesRegex(UserError, "can no longer be edited"):
            charge.write({"site_id": False, "name": "Another"})

    def test_batch_creation_costs_no_query_per_row(self):
        """100,000 imported rows must not take minutes per thousand."""
        self.product_a.taxes_id = self.tax_10
        values = [
            {
                "partner_id": self.customer.id,
                "product_id": self.product_a.id,
                "retail_cost": 5 + index,
                "external_ref": f"batch-{index}",
            }
            for index in range(250)
        ]
        Transaction = self.env["omni.billing.transaction"]
        Transaction.create(values[:1])  # warm caches
        self.env.flush_all()
        start = self.env.cr.sql_log_count
        Transaction.create(values[1:51])
        self.env.flush_all()
        for_50 = self.env.cr.sql_log_count - start
        start = self.env.cr.sql_log_count
        Transaction.create(values[51:250])
        self.env.flush_all()
        for_199 = self.env.cr.sql_log_count - start
        self.assertLessEqual(for_199, for_50 + 5)


@tagged("post_install", "-at_install")
class TestTransactionRules(BillingCommon):
    def test_credit_needs_a_type(self):
        """F13"""
        with self.assertRaisesRegex(ValidationError, "credit type"):
            self._create_transaction(10, transaction_type="credit")
        with self.assertRaisesRegex(ValidationError, "not a credit"):
            self._create_transaction(10, credit_type_id=self.goodwill.id)

    def test_customer_is_required(self):
        with (
            self.assertRaises(psycopg2.IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env["omni.billing.transaction"].create({"name": "X", "retail_cost": 1})

    def test_bad_amounts_are_refused_and_nothing_is_created(self):
        Transaction = self.env["omni.billing.transaction"]
        before = Transaction.search_count([])
        for cost, message in (
            (0, "more than zero"),
            (-5, "more than zero"),
            (999999999999999, "below"),
            (1000000000000, "below"),
            (10.005, "more decimals"),
            (0.001, "more decimals"),
        ):
            with (
                self.subTest(cost=cost),
                self.assertRaisesRegex(ValidationError, message),
                self.env.cr.savepoint(),
            ):
                self._create_transaction(cost)
        self.assertEqual(Transaction.search_count([]), before)

    def test_large_amount_is_exact(self):
        charge = self._create_transaction(999999999999.99, tax_ids=self.tax_10)
        charge.invalidate_recordset()
        self.assertEqual(charge.amount_untaxed, 999999999999.99)
        self.assertEqual(charge.tax_amount, 100000000000.0)

    def test_decimals_follow_the_currency(self):
        yen = self.setup_other_currency("JPY", rounding=1.0)
        dinar = self.setup_other_currency("KWD", rounding=0.001)
        with self.assertRaisesRegex(ValidationError, "JPY"):
            self._create_transaction(10.5, currency_id=yen.id)
        charge = self._create_transaction(10.555, currency_id=dinar.id)
        self.assertEqual(charge.amount_total, 10.555)
        with self.assertRaisesRegex(ValidationError, "more decimals"):
            charge.retail_cost = 10.5555

    def test_another_currency_rounds_the_tax_anew(self):
        """Odoo leaves what rounds to the same: 13.86 yen, for 14."""
        yen = self.setup_other_currency("JPY", rounding=1.0)
        charge = self._create_transaction(12.6 * 10, tax_ids=self.tax_10)
        self.assertEqual(charge.amount_total, 138.6)
        charge.currency_id = yen
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((charge.tax_amount, charge.amount_total), (13, 139))
        self.assertEqual(charge.amount_revenue, 139)
        self.assertEqual(self._bill(currency_id=yen.id).amount_total, 139)

    def test_another_currency_keeps_the_amount_or_is_refused(self):
        """F20: 10.55 dollars are no yen, by whatever door."""
        yen = self.setup_other_currency("JPY", rounding=1.0)
        charge, other = self._create_transaction(10.55), self._create_transaction(10)
        with self.assertRaisesRegex(ValidationError, "JPY"):
            charge.currency_id = yen
        with self.assertRaisesRegex(ValidationError, "JPY"):
            (charge + other).write({"currency_id": yen.id})
        with self.assertRaisesRegex(ValidationError, "JPY"):
            charge.write({"retail_cost": 8.5, "currency_id": yen.id})
        with self.assertRaisesRegex(ValidationError, "JPY"):
            charge.copy({"currency_id": yen.id})
        charge.write({"retail_cost": 1055, "currency_id": yen.id})
        other.currency_id = yen
        self.assertEqual(self._bill().amount_total, 1065)

    def test_sum_of_floats_is_no_excess_of_decimals(self):
        self.assertEqual(self._create_transaction(0.1 + 0.2).amount_total, 0.3)

    def test_titles_of_any_script_but_not_of_any_length(self):
        for title in ("📞 appels 🇫🇷", "خدمة الإنترنت", "שירות", "x" * 512):
            self.assertEqual(self._create_transaction(name=title).name, title)
        with self.assertRaisesRegex(ValidationError, "5000 characters"):
            self._create_transaction(name="x" * 5000)
        with self.assertRaisesRegex(ValidationError, "needs a title"):
            self._create_transaction(name="   ")

    def test_purchase_tax_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "cannot be used on a sale"):
            self._create_transaction(tax_ids=self.tax_purchase_a)

    def test_unbilled_charge_can_be_edited(self):
        """F36"""
        charge = self._create_transaction(45)
        charge.write({"retail_cost": 50, "name": "Fibre 1000"})
        self.assertEqual(charge.amount_total, 50)

    def test_credit_is_neither_edited_nor_deleted(self):
        """F28"""
        credit = self._create_credit(10)
        with self.assertRaisesRegex(UserError, "Retail Cost"):
            credit.retail_cost = 12
        with self.assertRaisesRegex(UserError, "void it"):
            credit.unlink()
        credit.description = "Fibre down for 9 hours"
        credit.action_void(reason="Wrong customer")
        self.assertEqual(credit.state, "void")

    def test_invoiced_and_void_are_locked(self):
        """F36"""
        charge, void = self._create_transaction(), self._create_transaction()
        void.action_void()
        self._bill(charge)
        for transaction in charge + void:
            for values in ({"retail_cost": 1}, {"name": "New"}, {"date": self.today}):
                with self.assertRaisesRegex(UserError, "can no longer be edited"):
                    transaction.write(values)
            with self.assertRaisesRegex(UserError, "stays in the customer's file"):
                transaction.unlink()

    def test_unbilled_charge_can_be_deleted(self):
        charge = self._create_transaction()
        charge.unlink()
        self.assertFalse(charge.exists())

    def test_a_charge_cannot_become_a_payment(self):
        with self.assertRaisesRegex(UserError, "entered on invoices"):
            self._create_transaction(transaction_type="payment")
        charge = self._create_transaction()
        with self.assertRaisesRegex(UserError, "turned into a payment"):
            charge.transaction_type = "payment"

    def test_copy_is_unbilled(self):
        charge = self._create_transaction(external_ref="A-1")
        self._bill(charge)
        copy = charge.copy()
        self.assertEqual(copy.state, "unbilled")
        self.assertFalse(copy.invoice_id)
        self.assertFalse(copy.external_ref)

    def test_external_reference_is_unique_in_a_company(self):
        self._create_transaction(external_ref="A-1")
        with (
            self.assertRaises(psycopg2.IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self._create_transaction(external_ref="A-1")


@tagged("post_install", "-at_install")
class TestTransactionVoid(BillingCommon):
    def test_void_leaves_the_balance_and_stays_findable(self):
        """F17, F216, F218: who asks is told by whom, when and why."""
        charge, wrong = self._create_transaction(45), self._create_transaction(99)
        wrong.action_void(reason="Entered twice")
        self.assertEqual(wrong.state, "void")
        self.assertEqual(wrong.void_reason, "Entered twice")
        self.assertEqual(wrong.void_user_id, self.env.user)
        self.assertTrue(wrong.void_date)
        self.assertEqual(self.customer.billing_unbilled_amount, 45)
        found = self.env["omni.billing.transaction"].search([("state", "=", "void")])
        self.assertIn(wrong, found)
        self.assertEqual(self._open_proforma().line_ids.transaction_id, charge)

    def test_void_through_the_dialog(self):
        charge = self._create_transaction()
        action = charge.action_open_void_wizard()
        with Form(
            self.env[action["res_model"]].with_context(**action["context"])
        ) as form:
            form.reason = "Test line"
        form.record.action_void()
        self.assertEqual(charge.void_reason, "Test line")

    def test_void_twice_or_invoiced_is_refused(self):
        charge = self._create_transaction()
        charge.action_void()
        with self.assertRaisesRegex(UserError, "no longer unbilled"):
            charge.action_void()
        billed = self._create_transaction()
        invoice = self._bill(billed)
        with self.assertRaisesRegex(UserError, invoice.name):
            billed.action_void()
        self.assertEqual(billed.state, "invoiced")

    def test_one_wrong_row_changes_none(self):
        first, second = self._create_transaction(), self._create_transaction()
        second.action_void()
        with self.assertRaises(UserError):
            (first + second).action_void()
        self.assertEqual(first.state, "unbilled")

    def test_free_charge_leaves_the_balance_for_good(self):
        """F35"""
        charge = self._create_transaction(45)
        charge.action_mark_free()
        self.assertTrue(charge.is_free)
        self.assertEqual(charge.state, "void")
        self.assertEqual(self.customer.billing_unbilled_amount, 0)
        with self.assertRaises(UserError):
            charge.action_mark_free()
        self.assertFalse(self._open_proforma().line_ids)

    def test_credit_cannot_be_free(self):
        with self.assertRaisesRegex(UserError, "Only a charge can be free"):
            self._create_credit().action_mark_free()

    def test_lists_can_be_filtered(self):
        """F9, F19: the search view filters by status, and finds one by its ID."""
        charge, void = self._create_transaction(), self._create_transaction()
        void.action_void()
        Transaction = self.env["omni.billing.transaction"]
        view = Transaction.get_view(
            self.env.ref("omni_billing.omni_billing_transaction_view_search").id,
            "search",
        )
        for name in ("unbilled", "invoiced", "void", "not_void"):
            self.assertIn(f'name="{name}"', view["arch"])
        self.assertEqual(Transaction.search([("id", "=", charge.id)]), charge)
        yesterday = self.today - timedelta(days=1)
        self.assertFalse(Transaction.search([("date", "=", yesterday)]) & charge)

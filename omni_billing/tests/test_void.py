from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestVoid(BillingCommon):
    def test_void_releases_the_transactions(self):
        """F159, F160, F161, F163, F165, F166, F204"""
        charge, credit = self._create_transaction(45), self._create_credit(10)
        invoice = self._bill()
        number = invoice.name
        self.assertEqual(self.customer.billing_unbilled_amount, 0)
        invoice.action_billing_void(reason="Wrong period")
        self.assertEqual(invoice.billing_state, "void")
        self.assertEqual(invoice.name, number)
        self.assertRecordValues(
            charge + credit, [{"state": "unbilled", "invoice_id": False}] * 2
        )
        self.customer.invalidate_recordset()
        self.assertEqual(self.customer.billing_unbilled_amount, 35)
        self.assertEqual(self._get_books_balance(), 0)
        again = self._bill()
        self.assertEqual(again.amount_total, 35)
        self.assertNotEqual(again.name, number)

    def test_void_keeps_the_lines_and_says_why(self):
        """F162, F166"""
        self._create_transaction(45)
        invoice = self._bill(title="January")
        invoice.action_billing_void(reason="Duplicate")
        self.assertEqual(invoice.billing_title, "Void: January")
        self.assertEqual(len(invoice._billing_get_lines()), 1)
        self.assertIn("Duplicate", invoice.message_ids[0].body)

    def test_title_is_in_the_language_of_the_customer(self):
        self._create_transaction(45)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        invoice = self._bill(title="Janvier")
        invoice.action_billing_void()
        self.assertEqual(invoice.billing_title, "Annulé : Janvier")

    def test_correct_an_error(self):
        """F22, F211: void, edit one line, delete another, bill again."""
        wrong, surplus = self._create_transaction(54), self._create_transaction(9)
        self._bill().action_billing_void()
        wrong.retail_cost = 45
        surplus.unlink()
        self.assertEqual(self._bill().amount_total, 45)

    def test_paid_invoice_cannot_be_voided(self):
        """F159, F164"""
        for amount in (100, 40):
            with self.subTest(amount=amount):
                self._create_transaction(100)
                invoice = self._bill()
                self._pay(invoice, amount=amount)
                with self.assertRaisesRegex(UserError, "cannot be voided"):
                    invoice.action_billing_void()
                self.assertEqual(invoice.billing_transaction_ids.state, "invoiced")

    def test_invoice_used_by_a_credit_note_cannot_be_voided(self):
        self._create_credit(30)
        self._bill()
        self._create_transaction(100)
        invoice = self._bill()
        self._pay(invoice, mode="credit")
        self.assertEqual(invoice.amount_residual, 70)
        with self.assertRaisesRegex(UserError, "cannot be voided"):
            invoice.action_billing_void()

    def test_card_payment_under_way_blocks(self):
        self._create_transaction(100)
        invoice = self._bill()
        provider = self.env["payment.provider"].sudo().search([], limit=1)
        Method = self.env["payment.method"].sudo().with_context(active_test=False)
        method = Method.search([], limit=1)
        self.env["payment.transaction"].sudo().create(
            {
                "provider_id": provider.id,
                "payment_method_id": method.id,
                "reference": "under-way",
                "amount": 100,
                "currency_id": invoice.currency_id.id,
                "partner_id": self.customer.id,
                "invoice_ids": invoice.ids,
                "state": "pending",
            }
        )
        with self.assertRaisesRegex(UserError, "cannot be voided"):
            invoice.action_billing_void()

    def test_void_twice(self):
        self._create_transaction(45)
        invoice = self._bill()
        invoice.action_billing_void()
        with self.assertRaisesRegex(UserError, "void already"):
            invoice.action_billing_void()
        with self.assertRaisesRegex(UserError, "cannot be opened again"):
            invoice.button_draft()

    def test_void_of_a_credit_note(self):
        credit = self._create_credit(30)
        note = self._bill()
        note.action_billing_void()
        self.assertEqual(note.billing_state, "void")
        self.assertEqual(credit.state, "unbilled")
        self.assertEqual(self._get_books_balance(), 0)

    def test_inalterable_journal_needs_a_credit_note(self):
        """F167, F168, W20"""
        self.company_data["default_journal_sale"].restrict_mode_hash_table = True
        charge = self._create_transaction(45, tax_ids=self.tax_10)
        invoice = self._bill()
        invoice.action_billing_void(reason="Wrong")
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(invoice.billing_state, "void")
        note = invoice.reversal_move_ids
        self.assertEqual(note.amount_total, invoice.amount_total)
        self.assertEqual(note.state, "posted")
        self.assertEqual(note.invoice_date, self.today)
        self.assertEqual(charge.state, "unbilled")
        self.assertEqual(self._get_books_balance(), 0)
        self.assertAlmostEqual(self._bill().amount_total, 49.5)

    def test_journal_that_is_sealed_after_a_void(self):
        """F167: the number of the void one is no gap; one that is gone still is."""
        journal = self.company_data["default_journal_sale"]
        first, void, last = (self._bill(self._create_transaction(n)) for n in (1, 2, 3))
        void.action_billing_void(reason="Wrong")
        self.assertEqual(void.state, "cancel")
        journal.restrict_mode_hash_table = True
        after = self._bill(self._create_transaction(4))
        self.assertTrue(all((first + last + after).mapped("inalterable_hash")))
        self.assertFalse(void.inalterable_hash)
        # Nor one behind what is sealed.
        self.assertTrue(self._bill().inalterable_hash)
        self.assertFalse(
            self.company._check_hash_integrity()["results"][0].get("corrupted_id")
        )

    def test_journal_that_is_sealed_after_a_number_is_gone(self):
        journal = self.company_data["default_journal_sale"]
        _first, gone, _last = (
            self.init_invoice(
                "out_invoice", self.customer, self.today, True, amounts=[n]
            )
            for n in (1, 2, 3)
        )
        gone.button_cancel()
        journal.restrict_mode_hash_table = True
        charge = self._create_transaction(4)
        with self.assertRaisesRegex(UserError, "gap"):
            self._bill(charge)

    def test_company_may_want_credit_notes(self):
        self.company.billing_void_method = "credit_note"
        self._create_transaction(45)
        invoice = self._bill()
        invoice.action_billing_void()
        self.assertEqual(invoice.reversal_move_ids.payment_state, "paid")
        self.assertEqual(invoice.billing_state, "void")

    def test_closed_period_needs_a_credit_note_of_today(self):
        self._create_transaction(45)
        invoice = self._bill(invoice_date=self.today - timedelta(days=40))
        self.company.fiscalyear_lock_date = self.today - timedelta(days=10)
        invoice.action_billing_void()
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(invoice.reversal_move_ids.date, self.today)
        self.assertEqual(invoice.billing_state, "void")

    def test_earlier_month_needs_a_credit_note(self):
        """F167: what was earned in a month stays what it was told to be."""
        before = self.today.replace(day=1) - timedelta(days=1)
        for method in ("cancel", "credit_note"):
            self.company.billing_void_method = method
            self._create_transaction(45)
            invoice = self._bill(invoice_date=before)
            invoice.action_billing_void()
            self.assertEqual(invoice.state, "posted")
            self.assertEqual(invoice.reversal_move_ids.date, self.today)
            self._bill().action_billing_void()
        self.company.billing_void_method = "cancel"
        invoice = self._bill(invoice_date=self.today.replace(day=1))
        invoice.action_billing_void()
        self.assertEqual(invoice.state, "cancel")

    def test_way_to_void_follows_the_country(self):
        """F167: where the law wants another document, by default."""
        for code, method in (("FR", "credit_note"), ("US", "cancel"), ("CA", "cancel")):
            country = self.env["res.country"].search([("code", "=", code)])
            company = self.env["res.company"].create(
                {"name": f"Seller {code}", "country_id": country.id}
            )
            self.assertEqual(company.billing_void_method, method, code)
            company.billing_void_method = "cancel"
            self.assertEqual(company.billing_void_method, "cancel")

    def test_dialog_may_choose_the_credit_note_only(self):
        """F167: and never cancels what may not be."""
        for method, chosen, is_note in (
            ("cancel", False, False),
            ("cancel", True, True),
            ("credit_note", False, True),
        ):
            with self.subTest(method=method, chosen=chosen):
                self.company.billing_void_method = method
                self._create_transaction(45)
                invoice = self._bill()
                wizard = self.env["omni.billing.void.wizard"].create(
                    {"invoice_ids": invoice.ids, "by_credit_note": chosen}
                )
                self.assertEqual(wizard.note_count, int(method == "credit_note"))
                self.assertEqual(wizard.cancel_count, int(method == "cancel"))
                wizard.action_void()
                self.assertEqual(bool(invoice.reversal_move_ids), is_note)
                self.assertEqual(self._get_books_balance(), 0)

    def test_dialog_voids_and_bills_again(self):
        """F165, F204: the preview holds what was on the invoice, and nothing else."""
        for method in ("cancel", "credit_note"):
            with self.subTest(method=method):
                self.company.billing_void_method = method
                right, wrong = self._create_transaction(45), self._create_transaction(9)
                invoice = self._bill(title="January")
                other = self._create_transaction(80)
                wizard = self.env["omni.billing.void.wizard"].create(
                    {"invoice_ids": invoice.ids}
                )
                self.assertTrue(wizard.can_bill_again)
                action = wizard.action_void_and_bill()
                self.assertEqual(invoice.billing_state, "void")
                preview = self.env["omni.billing.proforma.wizard"]
                preview = preview.with_context(**action["context"]).create({})
                preview.excluded_ids = [*preview.excluded_ids, wrong.id]
                again = preview.action_generate()["res_id"]
                again = self.env["account.move"].browse(again)
                self.assertEqual(again.billing_transaction_ids, right)
                self.assertEqual(again.billing_title, "January")
                (wrong + other).action_void()

    def test_dialog_offers_to_bill_what_can_be_billed(self):
        """One invoice with transactions; the method asks as the button does."""
        self._create_transaction(45)
        one = self._bill()
        self._create_transaction(45)
        two = one + self._bill()
        wizards = self.env["omni.billing.void.wizard"].create(
            [
                {"invoice_ids": two.ids},
                {"transaction_ids": self._create_transaction(45).ids},
            ]
        )
        self.assertFalse(any(wizards.mapped("can_bill_again")))
        for wizard in wizards:
            with self.assertRaises(UserError):
                wizard.action_void_and_bill()
        self.assertEqual(set(two.mapped("billing_state")), {"unpaid"})

    def test_bulk_keeps_the_rule(self):
        before = self.today.replace(day=1) - timedelta(days=1)
        self._create_transaction(45)
        invoices = self._bill(invoice_date=before)
        self._create_transaction(45)
        invoices += self._bill()
        wizard = self.env["omni.billing.void.wizard"].create(
            {"invoice_ids": invoices.ids}
        )
        action = wizard.action_void()
        bulk = self.env["omni.billing.bulk"].browse(action["params"]["bulkId"])
        bulk.run_step(invoices.ids)
        self.assertEqual(invoices.mapped("state"), ["posted", "cancel"])
        self.assertEqual(set(invoices.mapped("billing_state")), {"void"})

    def test_credit_note_of_a_void_stays(self):
        """Neither Odoo's buttons nor unreconciling bring a void invoice back."""
        self.company.billing_void_method = "credit_note"
        self._create_transaction(45)
        invoice = self._bill()
        invoice.action_billing_void()
        note = invoice.reversal_move_ids
        for attempt in (
            note.button_draft,
            note.button_cancel,
            note.unlink,
            note.line_ids.remove_move_reconcile,
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                attempt()
        self.assertEqual(invoice.payment_state, "reversed")
        self.assertEqual(self._get_books_balance(), 0)

    def test_drafts_are_cancelled_together_with_plain_posted_ones(self):
        """Odoo's button, on invoices of which some have a title or transactions."""
        charge = self._create_transaction(45)
        draft = self._create_draft(charge)
        charge._set_invoiced(draft)
        plain = self.init_invoice("out_invoice", self.customer, amounts=[5])
        plain.billing_title = "By hand"
        plain.action_post()
        (draft + plain).button_cancel()
        self.assertEqual(set((draft + plain).mapped("billing_state")), {"void"})
        self.assertEqual(charge.state, "unbilled")
        # F169: it has no number, so nothing is missing from the books without it.
        draft.unlink()
        self.assertFalse(draft.exists())

    def test_cards_do_not_count_what_balances_a_void(self):
        self.company.billing_void_method = "credit_note"
        self._create_transaction(100)
        self._bill().action_billing_void()
        cards = self.env["account.move"].billing_retrieve_stats()["cards"]
        self.assertEqual(cards[0]["amount"], 0)

    def test_invoice_of_zero_can_be_voided(self):
        charge = self._create_transaction(10)
        self._create_credit(10)
        invoice = self._bill()
        self.assertEqual(invoice.billing_state, "paid")
        invoice.action_billing_void()
        self.assertEqual(charge.state, "unbilled")

    def test_plain_invoice_can_be_deleted_as_ever(self):
        """Odoo's own way for an invoice that is not ours, paid and unpaid again."""
        invoice = self.init_invoice(
            "out_invoice", self.customer, amounts=[5], post=True
        )
        self._register_payment(invoice)
        invoice.line_ids.remove_move_reconcile()
        invoice.button_draft()
        invoice.unlink()
        self.assertFalse(invoice.exists())

    def test_no_invoice_asks_nobody_for_rights(self):
        """Sales cancels the drafts of an order, and most have none."""
        none = self.env["account.move"].with_user(self.outsider).browse()
        self.assertFalse(none.button_cancel())

    def test_all_closed_refuses(self):
        charge = self._create_transaction(45)
        invoice = self._bill()
        self.company.fiscalyear_lock_date = self.today
        with self.assertRaisesRegex(UserError, "closed up to"), self.env.cr.savepoint():
            invoice.action_billing_void()
        self.assertEqual(charge.state, "invoiced")
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_several_at_once_are_for_managers(self):
        """F8, F193"""
        invoices = self.env["account.move"]
        for _index in range(3):
            self._create_transaction(45)
            invoices += self._bill()
        with self.assertRaises(AccessError):
            invoices.with_user(self.staff).action_billing_void()
        invoices[0].with_user(self.staff).action_billing_void()
        invoices[1:].action_billing_void()
        self.assertEqual(set(invoices.mapped("billing_state")), {"void"})

    def test_dialog(self):
        self._create_transaction(45)
        invoice = self._bill()
        action = invoice.action_billing_open_void()
        wizard = (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .create({"reason": "Duplicate"})
        )
        wizard.action_void()
        self.assertEqual(invoice.billing_state, "void")

from datetime import timedelta

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestInvoice(BillingCommon):
    def test_state_follows_the_payments(self):
        """F54, F158, F180"""
        self._create_transaction(100)
        invoice = self._bill()
        self.assertEqual(invoice.billing_state, "unpaid")
        self._pay(invoice, amount=40)
        self.assertEqual(invoice.billing_state, "partial")
        self._pay(invoice)
        self.assertEqual(invoice.billing_state, "paid")

    def test_draft_and_period_of_a_plain_invoice(self):
        """F67: N/A where there is no period."""
        invoice = self.init_invoice("out_invoice", self.customer, amounts=[50])
        self.assertEqual(invoice.billing_state, "draft")
        self.assertEqual(invoice.billing_period, "N/A")
        invoice.action_post()
        self.assertEqual(invoice.billing_state, "unpaid")
        bill = self.init_invoice("in_invoice", self.customer, amounts=[50], post=True)
        self.assertFalse(bill.billing_state)

    def test_plain_invoice_works_in_our_screens(self):
        invoice = self.init_invoice(
            "out_invoice", self.customer, amounts=[50], post=True
        )
        self.assertIn(invoice, self.customer.billing_invoice_ids)
        self.assertEqual(invoice.action_billing_open_detail()["res_id"], invoice.id)
        self._pay(invoice, amount=20, reference="R-1")
        self.assertEqual(invoice.billing_state, "partial")
        other = self.init_invoice("out_invoice", self.customer, amounts=[50], post=True)
        other.action_billing_void()
        self.assertEqual(other.billing_state, "void")

    def test_credit_note_of_an_accountant_shows_as_refunded(self):
        self._create_transaction(50)
        invoice = self._bill()
        invoice._reverse_moves(cancel=True)
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertEqual(invoice.billing_transaction_ids.state, "invoiced")

    def test_numbered_invoice_is_neither_edited_nor_deleted(self):
        """F168, F169"""
        self._create_transaction(50, tax_ids=self.tax_10)
        invoice = self._bill()
        line = invoice.invoice_line_ids
        with self.assertRaisesRegex(UserError, "Void it"):
            invoice.button_draft()
        with self.assertRaisesRegex(UserError, "Void it"):
            invoice.button_cancel()
        for values in (
            {"price_unit": 1},
            {"quantity": 2},
            {"name": "Other"},
            {"tax_ids": [Command.clear()]},
        ):
            with self.assertRaisesRegex(UserError, "cannot be edited"):
                line.write(values)
        with self.assertRaises(UserError):
            invoice.unlink()
        self.assertEqual(invoice.amount_total, 55)

    def test_a_line_leads_to_what_it_was_made_of(self):
        """F196: to its transaction; of a line that has none, who entered it."""
        charge = self._create_transaction(50)
        invoice = self._bill()
        line = invoice.invoice_line_ids.with_user(self.staff)
        self.assertEqual(
            line.action_billing_open_transaction(), charge.action_open_detail()
        )
        invoice.action_billing_void()
        told = line.action_billing_open_transaction()["params"]["message"]
        self.assertIn("void", told)
        other = self.init_invoice("out_invoice", self.customer, amounts=[50], post=True)
        line = other.invoice_line_ids.with_user(self.staff)
        told = line.action_billing_open_transaction()["params"]["message"]
        self.assertIn(self.env.user.name, told)

    def test_a_copy_bills_nothing_twice(self):
        """F168: neither of a void invoice, nor of one that may be void later."""
        self._create_transaction(50)
        invoice = self._bill()
        for user in (self.env.user, self.env.ref("base.user_root")):
            with self.assertRaisesRegex(UserError, "Duplicate"):
                invoice.with_user(user).copy()
        invoice.action_billing_void()
        with self.assertRaisesRegex(UserError, "billed twice"):
            invoice.copy()
        with self.assertRaisesRegex(UserError, "billed twice"):
            invoice.copy({"reversed_entry_id": False})
        plain = self.init_invoice("out_invoice", self.customer, amounts=[5], post=True)
        self.assertEqual(plain.copy().amount_total, 5)

    def test_duplicate_of_a_void_invoice(self):
        """F168, F182: void, edit, duplicate, bill: what was used is billed once."""
        wrong, other = self._create_transaction(100), self._create_transaction(7)
        invoice = self._bill(wrong, title="January")
        invoice.action_billing_void()
        wrong.retail_cost = 90
        again = self._duplicate(invoice)
        self.assertEqual(again.amount_total, 90)
        self.assertEqual(again.billing_title, "January")
        self.assertEqual(again.billing_transaction_ids, wrong)
        self.assertEqual(other.state, "unbilled")
        self.assertEqual(self._get_books_balance(), 90)
        with self.assertRaisesRegex(UserError, "Nothing of"):
            invoice.action_billing_duplicate()

    def test_duplicate_of_another_invoice(self):
        """F182: the same once more, today, with a ledger that knows of it."""
        charge = self._create_transaction(
            100, tax_ids=self.tax_10, date=self.today - timedelta(days=30)
        )
        invoice = self._bill(date_start=self.today - timedelta(days=60))
        again = self._duplicate(invoice)
        self.assertEqual(again.amount_total, 110)
        self.assertNotEqual(again.name, invoice.name)
        self.assertEqual(again.billing_transaction_ids.date, self.today)
        self.assertEqual(charge.invoice_id, invoice)
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def _duplicate(self, invoice):
        """Press the button, and bill what the preview shows."""
        action = invoice.action_billing_duplicate()
        Wizard = self.env[action["res_model"]].with_context(**action["context"])
        result = Wizard.create({}).action_generate()
        return self.env["account.move"].browse(result["res_id"])

    def test_line_taken_out_of_a_draft_can_be_billed_again(self):
        """F34: leaves the invoice, stays in the balance."""
        kept, taken = self._create_transaction(50), self._create_transaction(20)
        transactions = kept + taken
        draft = self._create_draft(transactions)
        transactions._set_invoiced(draft)
        draft.invoice_line_ids.filtered(
            lambda line: line.billing_transaction_id == taken
        ).unlink()
        self.assertEqual(taken.state, "unbilled")
        draft.action_post()
        self.assertEqual(draft.amount_total, 50)
        self.assertEqual(draft.billing_transaction_ids, kept)

    def test_deleted_draft_releases_its_transactions(self):
        """F169"""
        charge = self._create_transaction(50)
        draft = self._create_draft(charge)
        charge._set_invoiced(draft)
        draft.unlink()
        self.assertEqual(charge.state, "unbilled")
        self.assertEqual(self._bill().amount_total, 50)

    def test_posting_checks_that_transactions_are_still_there(self):
        charge = self._create_transaction(50)
        draft = self._create_draft(charge)
        with self.assertRaisesRegex(UserError, "not on this invoice"):
            draft.action_post()

    def test_lines_add_up_to_the_totals(self):
        """F79, F80, W14"""
        for cost in (0.35, 0.35, 0.35, 19.99):
            self._create_transaction(cost, tax_ids=self.tax_10)
        self._create_credit(3.33, tax_ids=self.tax_20_included)
        invoice = self._bill()
        lines = invoice._billing_get_lines()
        for total, name in (
            (invoice.amount_untaxed, "amount_untaxed"),
            (invoice.amount_tax, "tax_amount"),
            (invoice.amount_total, "amount_total"),
        ):
            self.assertAlmostEqual(sum(line[name] for line in lines), total)
        self.assertEqual(invoice.billing_transaction_count, 5)
        labels = invoice.invoice_line_ids.mapped("billing_tax_label")
        self.assertIn("$\N{NO-BREAK SPACE}0.04 (10%)", labels)
        self.assertAlmostEqual(
            sum(invoice.invoice_line_ids.mapped("billing_total")), invoice.amount_total
        )

    def test_search_and_filters(self):
        """F9, F72, F73, F74"""
        self._create_transaction(50)
        paid = self._bill(title="January services")
        self._pay(paid, reference="Receipt 77")
        self._create_transaction(50)
        void = self._bill()
        void.action_billing_void()
        self._create_transaction(50)
        unpaid = self._bill()
        Move = self.env["account.move"]
        arch = Move.get_view(
            self.env.ref("omni_billing.account_move_view_search_billing").id, "search"
        )["arch"]
        for name in ("paid", "not_yet_paid", "void", "not_void"):
            self.assertIn(f'name="{name}"', arch)
        ours = [("partner_id", "=", self.customer.id)]
        for domain, expected in (
            ([("billing_state", "in", ("unpaid", "partial"))], unpaid),
            ([("billing_state", "=", "paid")], paid),
            ([("billing_state", "=", "void")], void),
            ([("billing_title", "ilike", "january")], paid),
            ([("billing_payment_reference", "ilike", "receipt 77")], paid),
            ([("id", "=", unpaid.id)], unpaid),
        ):
            self.assertEqual(Move.search(ours + domain), expected)

    def test_detail_dialog_shows_what_a_call_needs(self):
        """F78, F81, F82, F196"""
        self._create_transaction(50, tax_ids=self.tax_10)
        invoice = self._bill()
        view = "omni_billing.account_move_view_form_billing"
        form = Form(invoice, view=view)
        self.assertEqual(form.billing_state, "unpaid")
        arch = invoice.get_view(self.env.ref(view).id, "form")["arch"]
        for button in (
            "action_billing_pdf",
            "action_billing_email",
            "action_billing_pay",
            "action_billing_open_void",
        ):
            self.assertIn(button, arch)

    def test_our_lists_offer_nothing_that_is_for_drafts(self):
        """F68: of posted invoices none can be deleted or confirmed."""
        Move = self.env["account.move"]
        confirm = self.env.ref("account.action_validate_account_moves")

        def read(name, view_type):
            view_id = self.env.ref(name).id if name else False
            found = Move.get_views([(view_id, view_type)], {"toolbar": True})
            view = found["views"][view_type]
            actions = view["toolbar"].get("action", [])
            return view["arch"], {action["id"] for action in actions}

        for view_type in ("list", "kanban"):
            name = f"omni_billing.account_move_view_{view_type}_billing"
            arch, actions = read(name, view_type)
            with self.subTest(view_type):
                self.assertIn('delete="0"', arch)
                self.assertNotIn(confirm.id, actions)
        # Odoo's own list has them still.
        _arch, actions = read("account.view_out_invoice_tree", "list")
        self.assertIn(confirm.id, actions)
        self.assertTrue(actions)

    def test_email_of_a_void_invoice_is_refused(self):
        """F162"""
        self._create_transaction(50)
        invoice = self._bill()
        self.assertEqual(
            invoice.action_billing_email_compose()["type"], "ir.actions.act_window"
        )
        invoice.action_billing_void()
        for action in ("action_billing_email", "action_billing_email_compose"):
            with self.assertRaisesRegex(UserError, "void"):
                getattr(invoice, action)()
        with self.assertRaisesRegex(UserError, "nothing to pay"):
            invoice.action_billing_pay()

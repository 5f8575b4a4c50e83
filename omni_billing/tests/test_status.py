import re
from datetime import timedelta

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools import html2plaintext

from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon
from .test_names import SCRIPTS


@tagged("post_install", "-at_install")
class TestStatus(CardCommon):
    """What lists call the state of a row, and what one click does to it."""

    def test_what_was_booked_is_not_called_invoiced(self):
        """F12, F135: a payment is a payment, and what goes back a refund."""
        charge = self._create_transaction(45)
        self.assertEqual(charge.status, "unbilled")
        invoice = self._bill(charge)
        self.assertEqual(charge.status, "invoiced")
        self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_receipt_ids.status, "payment")
        trust(invoice.billing_receipt_ids).is_refund = True
        self.assertEqual(invoice.billing_receipt_ids.status, "refund")
        void = self._create_transaction(5)
        void.action_void()
        self.assertEqual(void.status, "void")

    def test_nobody_owes_a_credit_note(self):
        """F154: it is open until it was used."""
        note = self._bill(self._create_credit(10))
        self.assertEqual((note.billing_state, note.billing_status), ("unpaid", "open"))
        invoice = self._bill(self._create_transaction(10))
        self.assertEqual(invoice.billing_status, "unpaid")
        invoice._billing_use_credit()
        self.assertEqual(
            (note.billing_status, invoice.billing_status), ("used", "paid")
        )

    def test_lists_are_sorted_by_what_they_show(self):
        """F76: the status is a column like others."""
        for model, name in (
            ("account.move", "billing_status"),
            ("omni.billing.transaction", "status"),
        ):
            Model = self.env[model].with_user(self.staff)
            self.assertTrue(Model.fields_get([name])[name]["sortable"])
            Model.search([], order=f"{name} desc, id", limit=2)

    def test_a_sign_comes_first(self):
        """Before the symbol, wherever that stands, and not before nothing (F12)."""
        dollar, euro = self.env.ref("base.USD"), self.env.ref("base.EUR")
        (dollar | euro).active = True
        dollar.position, euro.position = "before", "after"
        widget = self.env["ir.qweb.field.omni_billing_amount"]
        for currency, amount, text in (
            (dollar, 1234.5, "$ 1,234.50"),
            (dollar, -10, "-$ 10.00"),
            (dollar, -0.001, "$ 0.00"),
            (euro, -10, "-10.00 €"),
        ):
            with self.subTest(amount=amount, currency=currency.name):
                html = widget.value_to_html(amount, {"display_currency": currency})
                page = re.sub("<.*?>", "", html)
                for written in (currency._billing_format(amount), page):
                    plain = written.replace("\ufeff", "").replace("\xa0", " ")
                    self.assertEqual(plain, text)

    def test_amounts_of_our_screens_are_written_one_way(self):
        """Each has our widget, or is in a list that writes them so."""
        found = []

        def look(node, model, view, is_list):
            for child in node:
                field = self.env[model]._fields.get(child.get("name", ""))
                if child.tag != "field" or field is None:
                    nested = child.tag in ("list", "form", "kanban")
                    inner = (child.get("js_class") or "").startswith("omni_")
                    look(child, model, view, inner if nested else is_list)
                elif field.type == "monetary" and node.tag != "kanban":
                    hidden = {child.get("invisible"), child.get("column_invisible")}
                    shown = not hidden & {"1", "True"}
                    name = child.get("widget") or "omni_" * is_list
                    is_ours = not view.inherit_id or "billing" in field.name
                    if shown and is_ours and not name.startswith("omni_"):
                        found.append(f"{view.xml_id}: {field.name}")
                elif field.relational:
                    look(child, field.comodel_name, view, False)

        views = self.env["ir.ui.view"].search(
            [
                ("model_data_id.module", "=", "omni_billing"),
                ("mode", "=", "primary"),
                ("type", "in", ("form", "list", "kanban")),
            ]
        )
        for view in views:
            arch = view._get_combined_arch()
            sums = (arch.get("js_class") or "").startswith("omni_")
            look(arch, view.model, view, arch.tag == "list" and sums)
        self.assertEqual(found, [])

    def test_typing_an_id_finds_it(self):
        """F9: in the search of a list, beside what its texts say."""
        charge = self._create_transaction(45)
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        self.assertEqual(
            Transaction.search([("billing_find_id", "=", f" {charge.id} ")]), charge
        )
        invoice = self._bill(charge)
        Move = self.env["account.move"].with_user(self.staff)
        self.assertEqual(Move.search([("billing_find_id", "=", invoice.id)]), invoice)
        for nothing in ("Fibre", "", "-1", "1.5", "99999999999", "²"):
            self.assertFalse(Move.search([("billing_find_id", "=", nothing)]), nothing)

    def test_one_entry_leads_to_the_next(self):
        """F13: Save & New keeps the customer, the kind and the day."""
        charge = self._create_transaction(45, date="2026-01-15")
        action = charge.with_user(self.staff).action_add_another()
        self.assertEqual(action["target"], "new")
        Next = self.env["omni.billing.transaction"].with_context(**action["context"])
        values = Next.default_get(["partner_id", "transaction_type", "date"])
        self.assertEqual(values["partner_id"], self.customer.id)
        self.assertEqual(values["transaction_type"], "charge")
        self.assertEqual(str(values["date"]), "2026-01-15")

    def test_staff_land_in_billing(self):
        """F193: who has no other app begins with what is to do."""
        Http = self.env["ir.http"]
        todo = self.env.ref("omni_billing.omni_billing_todo_action")
        found = Http.with_user(self.staff)._billing_find_home_action()
        self.assertEqual(found, todo.id)
        self.assertFalse(Http.with_user(self.outsider)._billing_find_home_action())
        self.staff.group_ids += self.env.ref("base.group_system")
        self.assertFalse(Http.with_user(self.staff)._billing_find_home_action())

    def test_given_in_person_is_sent(self):
        """F180: a click says so, and the history keeps it."""
        invoice = self._bill(self._create_transaction(45)).with_user(self.staff)
        invoice.action_billing_mark_sent()
        invoice.action_billing_mark_sent()
        self.assertTrue(invoice.is_move_sent)
        invoice.invalidate_recordset()
        self.assertEqual(invoice.billing_log_ids.mapped("action").count("handed"), 1)
        invoice.action_billing_void()
        with self.assertRaisesRegex(UserError, "void"):
            invoice.action_billing_mark_sent()

    def test_paid_with_one_click(self):
        """F166: in cash, all that is owed, once; and it can be undone."""
        invoice = self._bill(self._create_transaction(45)).with_user(self.staff)
        self._pay(invoice, mode="bank", amount=15)
        notice = invoice.action_billing_mark_paid()
        self.assertIn("30.00", notice["params"]["message"])
        self.assertEqual(invoice.billing_state, "paid")
        with self.assertRaisesRegex(UserError, "cannot be paid"):
            invoice.action_billing_mark_paid()
        last = invoice.billing_receipt_ids.sorted("id")[-1]
        self.assertEqual(last.payment_id.journal_id.type, "cash")
        last.payment_id._billing_undo("Not his")
        self.assertEqual(invoice.amount_residual, 30)
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def test_paid_as_one_has_chosen(self):
        """F166: the default of the payment dialog is a user's own."""
        self.env["ir.default"].set(
            "omni.billing.payment.wizard", "mode", "bank", user_id=self.staff.id
        )
        invoice = self._bill(self._create_transaction(45)).with_user(self.staff)
        invoice.action_billing_mark_paid()
        journal = invoice.billing_receipt_ids.payment_id.journal_id
        self.assertEqual(journal.type, "bank")

    def test_dialog_starts_with_the_default_card(self):
        """F133: where there is one that can be charged; else with cash."""
        invoice = self._bill(self._create_transaction(45))

        def propose(moves=invoice):
            context = moves.action_billing_pay()["context"]
            Dialog = self.env["omni.billing.payment.wizard"].with_context(**context)
            return Dialog.default_get(["mode", "invoice_ids"])["mode"]

        self.assertTrue(self.card.billing_is_default)
        self.assertEqual(propose(), "stripe")
        Dialog = self.env["omni.billing.payment.wizard"]
        program = Dialog.create({"invoice_ids": [(6, 0, invoice.ids)]})
        self.assertEqual(program.mode, "cash", "a program names what it charges")
        other = self.env["res.partner"].create({"name": "Other"})
        charge = self._create_transaction(5, partner_id=other.id)
        self.assertEqual(
            propose(invoice | self._bill(charge, partner_id=other.id)), "cash"
        )
        trust(self.card).billing_exp_year = 2020
        self.assertEqual(propose(), "cash", "it is expired")
        self.card.active = False
        self.assertEqual(propose(), "cash")

    def test_draft_is_confirmed_with_what_it_does_to_the_balance(self):
        """F30, F180: the balance before and after is shown, and kept."""
        self._bill(self._create_transaction(70))
        draft = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_line_ids": [
                    (0, 0, {"name": "By hand", "price_unit": 30, "tax_ids": []})
                ],
            }
        )
        change = draft.billing_balance_change
        self.assertRegex(change, r"70\.00 → .*100\.00")
        draft.with_user(self.staff).action_billing_confirm()
        self.assertEqual(draft.state, "posted")
        draft.invalidate_recordset()
        self.assertIn(change, draft.billing_log_ids.note)
        self.assertFalse(draft.billing_balance_change)
        with self.assertRaisesRegex(UserError, "not a draft"):
            draft.action_billing_confirm()

    def test_history_tells_from_what_lines_were_chosen(self):
        """F217: the period, the filter, and what was left out."""
        keep = self._create_transaction(45, name="Mobile A", date=self.today)
        self._create_transaction(5, name="Mobile B", date=self.today)
        self._create_transaction(9, name="Fibre", date=self.today)
        wizard = self._open_proforma(filter_text="Mobile")
        line = wizard.line_ids.filtered(lambda line: line.transaction_id != keep)
        line.included = False
        wizard.action_generate()
        keep.invoice_id.invalidate_recordset()
        log = keep.invoice_id.billing_log_ids
        self.assertEqual(log.action, "invoice_generated")
        self.assertIn("Transactions: 1", log.note)
        self.assertIn("Filter: Mobile", log.note)
        self.assertRegex(log.note, r"Left out: Mobile B \(.*5\.00\)")
        self.assertNotIn("Fibre", log.note)
        self.assertIn("Period: ", log.note)


@tagged("post_install", "-at_install")
class TestEntered(CardCommon):
    """What staff enter on a transaction, and in the dialog of an invoice."""

    def test_line_and_invoice_in_one_dialog(self):
        """F26: a charge that is entered in the preview is on it, and billed."""
        Wizard = self.env["omni.billing.proforma.wizard"].with_user(self.staff)
        wizard = Wizard.create({"partner_id": self.customer.id})
        self.assertFalse(wizard.line_ids)
        with self.assertRaisesRegex(UserError, "Enter a title"):
            wizard.action_add_charge()
        wizard.write({"new_name": "Installation", "new_amount": 80})
        action = wizard.action_add_charge()
        self.assertEqual(action["res_id"], wizard.id)
        self.assertEqual(wizard.line_ids.mapped("name"), ["Installation"])
        self.assertFalse(wizard.new_name or wizard.new_amount)
        other = self._create_transaction(5, name="Twice", date=self.today)
        wizard._compute_line_ids()
        wizard.line_ids.filtered(lambda line: line.name == "Twice").included = False
        wizard.write({"new_name": "Cable", "new_amount": 3})
        wizard.action_add_charge()
        self.assertEqual(wizard.amount_total, 83)
        move = self.env["account.move"].browse(wizard.action_generate()["res_id"])
        self.assertEqual(move.amount_total, 83)
        self.assertEqual(other.state, "unbilled", "what was left out stays so")

    def test_charge_of_a_product_has_its_price_and_its_taxes(self):
        """F21, F26"""
        product = self.env["product.product"].create(
            {"name": "Router", "lst_price": 60, "taxes_id": [(6, 0, self.tax_10.ids)]}
        )
        wizard = self._open_proforma(new_product_id=product.id)
        self.assertEqual(wizard.new_amount, 60)
        wizard.action_add_charge()
        self.assertEqual(wizard.line_ids.mapped("name"), ["Router"])
        self.assertEqual(wizard.amount_total, 66)
        wizard.write({"filter_text": "Fibre", "new_name": "X", "new_amount": 1})
        with self.assertRaisesRegex(UserError, "filter"):
            wizard.action_add_charge()

    def test_preview_tells_the_balance(self):
        """F30: what is owed now, in the currency of the company alone."""
        self._bill(self._create_transaction(70))
        wizard = self._open_proforma()
        self.assertEqual(wizard.preview["balance"], 70)
        wizard.currency_id = self.setup_other_currency("EUR")
        self.assertIsNone(wizard.preview["balance"])

    def test_notes_and_time_are_locked_once_billed(self):
        """F36: until then they are edited, also on a credit."""
        values = {"time_of_day": 14.5, "is_hidden": True, "internal_note": "Ask Ann"}
        credit = self._create_credit(1, date=self.today).with_user(self.staff)
        credit.write(values)
        charge = self._create_transaction(45, date=self.today, **values)
        invoice = self._bill(charge, credit)
        self.assertEqual(invoice.amount_total, 44)
        for name, value in (
            ("time_of_day", 15.0),
            ("is_hidden", False),
            ("internal_note", "Never mind"),
        ):
            with self.assertRaisesRegex(UserError, "no longer be edited"):
                charge.with_user(self.staff).write({name: value})
        for wrong in (24, -1):
            with self.assertRaisesRegex(ValidationError, "time of day"):
                self._create_transaction(1, time_of_day=wrong)

    def test_customer_sees_it_once_it_is_billed(self):
        """F36: hidden from whatever the portal reads, and no internal note ever."""
        hidden = self._create_transaction(
            45, is_hidden=True, internal_note="Secret", date=self.today
        )
        shown = self._create_transaction(5, date=self.today)
        Transaction = self.env["omni.billing.transaction"].with_user(self.portal)
        self.assertEqual(Transaction.search([]), shown)
        with self.assertRaises(AccessError):
            Transaction.browse(hidden.id).read(["name"])
        stats = Transaction.billing_retrieve_stats([])["cards"]
        self.assertEqual(stats[0]["amount"], 5)
        unbilled = self.customer._billing_read_unbilled(self.company, is_shown=True)
        self.assertEqual(unbilled[self.customer], 5)
        self.assertEqual(self.customer.billing_unbilled_amount, 50)
        invoice = self._bill(hidden)
        self.assertEqual(Transaction.search([]), hidden | shown | shown.browse())
        with self.assertRaises(AccessError):
            Transaction.browse(hidden.id).read(["internal_note"])
        invoice.action_billing_void()
        self.assertEqual(Transaction.search([]), shown)

    def test_message_with_an_invoice_tells_the_plan(self):
        """F148: what was agreed, not the due date."""
        invoice = self._bill(self._create_transaction(90))
        template = self.env.ref("omni_billing.mail_template_invoice")

        def render(lang="en_US"):
            rendered = template.with_context(lang=lang)._render_field(
                "body_html", invoice.ids
            )
            return " ".join(html2plaintext(rendered[invoice.id]).split())

        self.assertIn("Please pay it by", render())
        Dialog = self.env["omni.billing.payment.wizard"]
        Dialog.create(
            {
                "invoice_ids": [(6, 0, invoice.ids)],
                "mode": "bank",
                "is_post_dated": True,
                "frequency": "month",
                "date_first": self.today + timedelta(days=5),
            }
        ).action_plan()
        text = render()
        self.assertIn("as agreed with you", text)
        self.assertEqual(text.count("30.00"), 3)
        self.assertNotIn("Please pay it by", text)
        self.assertNotIn("Due date", text)
        self._pay(invoice, mode="cash")
        self.assertIn("It is paid, thank you", render())

    def test_update_makes_the_message_anew_unless_somebody_edited_it(self):
        path = SCRIPTS / "19.0.1.8.0" / "pre-invoice-template.py"
        migrate = load_script(str(path), "invoice").migrate
        template = self.env.ref("omni_billing.mail_template_invoice").sudo()
        self.env.cr.execute(
            "UPDATE mail_template SET write_date = create_date + interval '1 day'"
            " WHERE id = %s",
            [template.id],
        )
        migrate(self.env.cr, "19.0.1.7.0")
        self.env.invalidate_all()
        self.assertTrue(template.exists())
        self.env.cr.execute(
            "UPDATE mail_template SET write_date = create_date WHERE id = %s",
            [template.id],
        )
        migrate(self.env.cr, "19.0.1.7.0")
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.assertFalse(template.exists())

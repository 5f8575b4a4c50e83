"""A numbered invoice stays as it is, by whatever door somebody comes (F168, W23)."""

from contextlib import contextmanager
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.invoicing import (
    account_move_guard,
    account_move_line,
)

from .card_common import CardCommon

#: What is refused on a numbered invoice. So is a field that is in no list at all; it is
#: in one so that somebody thought about it.
KEPT = {
    "account.move": {
        "adjusting_entries_move_ids",
        "adjusting_entry_origin_move_ids",
        "always_tax_exigible",
        "amount_residual",
        "amount_residual_signed",
        "amount_tax",
        "amount_tax_signed",
        "amount_total",
        "amount_total_in_currency_signed",
        "amount_total_signed",
        "amount_untaxed",
        "amount_untaxed_in_currency_signed",
        "amount_untaxed_signed",
        "audit_trail_message_ids",
        "auto_post",
        "auto_post_origin_id",
        "auto_post_until",
        "billing_adjustment_ids",
        "billing_attempt_id",
        "billing_date_end",
        "billing_date_start",
        "billing_dispute",
        "billing_installment_ids",
        "billing_is_advance",
        "billing_is_planned",
        "billing_is_void",
        "billing_released_ids",
        "billing_log_ids",
        "billing_mail_ids",
        "billing_other_mail_ids",
        "billing_payment_reference",
        "billing_planned_amount",
        "billing_promise_date",
        "billing_promise_state",
        "billing_receipt_ids",
        "billing_refund_reference",
        "billing_reminder_ids",
        "billing_reminders_paused",
        "billing_run_line_ids",
        "billing_state",
        "billing_stripe_ref",
        "billing_title",
        "billing_transaction_ids",
        "commercial_partner_id",
        "company_id",
        "currency_id",
        "date",
        "exchange_diff_partial_ids",
        "fiscal_position_id",
        "inalterable_hash",
        "incoterm_location",
        "invoice_cash_rounding_id",
        "invoice_currency_rate",
        "invoice_date",
        "invoice_date_due",
        "invoice_incoterm_id",
        "invoice_line_ids",
        "invoice_origin",
        "invoice_partner_display_name",
        "invoice_payment_term_id",
        "invoice_pdf_report_file",
        "invoice_source_email",
        "journal_id",
        "journal_line_ids",
        "line_ids",
        "move_type",
        "name",
        "narration",
        "origin_payment_id",
        "partner_bank_id",
        "partner_id",
        "partner_shipping_id",
        "payment_ids",
        "payment_reference",
        "payment_state",
        "posted_before",
        "quick_edit_total_amount",
        "reversal_move_ids",
        "reversed_entry_id",
        "secure_sequence_number",
        "sequence_number",
        "sequence_prefix",
        "state",
        "statement_line_id",
        "statement_line_ids",
        "tax_cash_basis_created_move_ids",
        "tax_cash_basis_origin_move_id",
        "tax_cash_basis_rec_id",
        "tax_totals",
        "transaction_ids",
    },
    "account.move.line": {
        "account_id",
        "amount_currency",
        "amount_residual",
        "amount_residual_currency",
        "balance",
        "billing_date",
        "billing_participant",
        "billing_reference",
        "billing_site_id",
        "billing_transaction_id",
        "collapse_composition",
        "collapse_prices",
        "company_currency_id",
        "company_id",
        "credit",
        "currency_id",
        "date",
        "date_maturity",
        "debit",
        "deductible_amount",
        "discount",
        "discount_amount_currency",
        "discount_balance",
        "discount_date",
        "display_type",
        "extra_tax_data",
        "full_reconcile_id",
        "group_tax_id",
        "invoice_date",
        "is_imported",
        "is_storno",
        "journal_id",
        "matched_credit_ids",
        "matched_debit_ids",
        "move_id",
        "move_name",
        "name",
        "parent_state",
        "partner_id",
        "payment_id",
        "price_subtotal",
        "price_total",
        "price_unit",
        "product_id",
        "product_uom_id",
        "quantity",
        "reconcile_model_id",
        "reconciled",
        "ref",
        "sequence",
        "statement_id",
        "statement_line_id",
        "tax_base_amount",
        "tax_group_id",
        "tax_ids",
        "tax_line_id",
        "tax_repartition_line_id",
        "tax_tag_ids",
    },
}
#: What these tests do not compare: who touched the row, and when.
NOTES = {"write_date", "write_uid", "is_manually_modified", "made_sequence_gap"}


@tagged("post_install", "-at_install")
class TestNumbered(CardCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            "staff": cls.staff,
            "manager": cls.env.user,
            "invoicing": cls._create_user("clerk", "account.group_account_invoice"),
            "accountant": cls._create_user(
                "chief-accountant",
                "account.group_account_manager,account.group_account_user",
            ),
            "administrator": cls._create_user(
                "root-like", "base.group_system,account.group_account_manager"
            ),
        }

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(100, tax_ids=self.tax_10)
        self.env.flush_all()

    def _call(self, user, records, method, *args, **kwargs):
        """Call as any program with a login does."""
        self.env.invalidate_all()
        return call_kw(
            records.with_user(user).browse(), method, [records.ids, *args], kwargs
        )

    def _create(self, user, model, vals_list, **kwargs):
        self.env.invalidate_all()
        ids = call_kw(self.env[model].with_user(user), "create", [vals_list], kwargs)
        return self.env[model].browse(ids)

    def _read_rows(self):
        """Return what the database keeps of the invoice and its lines."""
        self.env.flush_all()
        rows = []
        for table, column in (("account_move", "id"), ("account_move_line", "move_id")):
            self.env.cr.execute(
                f"SELECT * FROM {table} WHERE {column} = %s ORDER BY id",  # noqa: S608
                [self.invoice.id],
            )
            rows += [
                {name: value for name, value in row.items() if name not in NOTES}
                for row in self.env.cr.dictfetchall()
            ]
        return rows

    @contextmanager
    def _refused(self):
        """Expect a refusal, and that it left the invoice as it was."""
        before = self._read_rows()
        with (
            self.assertRaises(UserError),
            mute_logger("odoo.addons.base.models.ir_rule", "odoo.models.unlink"),
            self.env.cr.savepoint(),
        ):
            yield
        self.env.invalidate_all()
        self.assertEqual(self._read_rows(), before)

    # === Each field === #

    def test_each_field_has_a_verdict(self):
        """A new version of Odoo brings new fields: say what becomes of each."""
        for model, module in (
            ("account.move", account_move_guard),
            ("account.move.line", account_move_line),
        ):
            may = module.MAY_CHANGE | getattr(module, "MAY_BE_FILLED", set())
            fields = self.env[model]._fields
            judged = {
                name
                for name, field in fields.items()
                if account_move_guard.is_judged(field)
            }
            with self.subTest(model):
                self.assertEqual(may & KEPT[model], set())
                self.assertEqual(judged - may - KEPT[model], set(), "no verdict")
                self.assertEqual(may | KEPT[model], judged, "is no field any more")

    def _forge(self, record, name):
        """Return another value than the field has."""
        field, old = record._fields[name], record[name]
        if field.type in ("many2one", "many2one_reference"):
            return (old.id or 0) + 1
        if field.type in ("one2many", "many2many"):
            return [Command.clear(), Command.create({})]
        if field.type == "selection":
            values = dict(field._description_selection(self.env))
            return next(value for value in values if value != old)
        return {
            "boolean": not old,
            "integer": not old,
            "float": not old,
            "monetary": not old,
            "date": "2001-01-01",
            "json": {"forged": 1},
            "binary": "Zm9yZ2Vk",
        }.get(field.type, "forged")

    def test_each_kept_field_of_an_invoice_is_refused(self):
        names = sorted(KEPT[self.invoice._name])
        self.assertGreater(len(names), 60)
        for name in names:
            values = {name: self._forge(self.invoice, name)}
            with self.subTest(values=values), self._refused():
                self._call(self.staff, self.invoice, "write", values)

    def test_each_kept_field_of_a_line_is_refused(self):
        product = self.invoice.invoice_line_ids
        names = sorted(KEPT[product._name])
        self.assertGreater(len(names), 40)
        for name in names:
            values = {name: self._forge(product, name)}
            with self.subTest(values=values), self._refused():
                self._call(self.staff, product, "write", values)
        for line in self.invoice.line_ids - product:
            for values in (
                {"balance": 1},
                {"name": "forged"},
                {"account_id": self.company_data["default_account_expense"].id},
                {"date_maturity": "2001-01-01"},
                {"partner_id": self.partner_a.id},
                {"parent_state": "draft"},
            ):
                with self.subTest(line.display_type, values=values), self._refused():
                    self._call(self.staff, line, "write", values)

    def test_nobody_rewrites_or_deletes_a_numbered_invoice(self):
        """By each kind of user, with whatever context a client sends."""
        context = {
            "force_delete": True,
            "dynamic_unlink": True,
            "skip_readonly_check": True,
            "skip_invoice_sync": True,
            "check_move_validity": False,
            "omni_billing_trusted": True,
        }
        line = self.invoice.invoice_line_ids
        for login, user in self.users.items():
            for records, method, *args in (
                (self.invoice, "write", {"move_type": "entry"}),
                (self.invoice, "write", {"payment_state": "paid"}),
                (self.invoice, "write", {"partner_id": self.partner_a.id}),
                (self.invoice, "write", {"name": "INV/2001/00001"}),
                (self.invoice, "write", {"state": "draft"}),
                (
                    self.invoice,
                    "write",
                    {"line_ids": [Command.update(line.id, {"price_unit": 1})]},
                ),
                (self.invoice, "write", {"line_ids": [Command.delete(line.id)]}),
                (self.invoice, "button_draft"),
                (self.invoice, "unlink"),
                (self.invoice, "action_switch_move_type"),
                (self.invoice, "action_toggle_block_payment"),
                (line, "write", {"price_unit": 1}),
                (line, "unlink"),
                (self.invoice.line_ids, "unlink"),
            ):
                with self.subTest(login, method=method, args=args), self._refused():
                    self._call(user, records, method, *args, context=context)

    def test_no_line_is_added(self):
        """Neither a note, nor two amounts that come to nothing."""
        values = {"move_id": self.invoice.id}
        note = {"display_type": "line_note", "name": "Free of charge"}
        account = self.invoice.invoice_line_ids.account_id.id
        other = self.init_invoice("out_invoice", self.customer, amounts=[5])
        for vals_list in (
            [{**values, **note}],
            [
                {**values, "name": "X", "balance": amount, "account_id": account}
                for amount in (5, -5)
            ],
        ):
            with self.subTest(vals_list=vals_list), self._refused():
                self._create(self.staff, "account.move.line", vals_list)
        self._create(self.staff, "account.move.line", [{"move_id": other.id, **note}])
        for line in other.invoice_line_ids:
            with self.subTest(line.display_type), self._refused():
                self._call(self.staff, line, "write", values)

    def test_no_other_record_takes_the_invoice_over(self):
        """A payment or a line of a statement brings its entry along."""
        journal = self.company_data["default_journal_bank"]
        values = {"journal_id": journal.id, "amount": 5, "move_id": self.invoice.id}
        accountant = self.users["accountant"]
        with self._refused():
            self._create(
                accountant,
                "account.bank.statement.line",
                [{**values, "payment_ref": "X", "date": "2001-01-01"}],
            )
        with self._refused():
            self._create(self.staff, "account.payment", [values])
        del values["move_id"]
        payment = self._create(self.staff, "account.payment", [values])
        with self._refused():
            self._call(self.staff, payment, "write", {"move_id": self.invoice.id})

    def test_numbers_are_not_made_anew(self):
        other = self._bill_amounts(7)
        accountant = self.users["accountant"]
        # The accountant's own: the dialog of somebody else is refused anyway.
        Wizard = self.env["account.resequence.wizard"].with_user(accountant)
        wizard = Wizard.with_context(
            active_model="account.move", active_ids=(self.invoice + other).ids
        ).create({"first_name": "INV/2001/00001"})
        with self._refused():
            self._call(accountant, wizard, "resequence")

    def test_a_draft_with_transactions_takes_no_shortcut(self):
        transaction = self._create_transaction(5)
        draft = self._create_draft(transaction)
        transaction._set_invoiced(draft)
        for values in (
            {"move_type": "entry"},
            {"state": "posted"},
            {"posted_before": True},
            {"payment_state": "paid"},
        ):
            with (
                self.subTest(values=values),
                self.assertRaises(UserError),
                self.env.cr.savepoint(),
            ):
                self._call(self.staff, draft, "write", values)
        draft.narration = "A draft is edited"
        draft.action_post()
        self.assertEqual(draft.state, "posted")

    def test_nobody_says_that_an_invoice_is_paid(self):
        """Neither of one that Odoo alone made, nor of a new one."""
        plain = self.init_invoice("out_invoice", self.customer, amounts=[5], post=True)
        for values in ({"payment_state": "paid"}, {"amount_residual": 0}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self._call(self.staff, plain, "write", values)
        values = {"move_type": "out_invoice", "partner_id": self.customer.id}
        created = self._create(
            self.staff,
            "account.move",
            [{**values, "payment_state": "paid"}],
            context={"default_amount_residual": 7, "default_state": "posted"},
        )
        self.assertRecordValues(
            created, [{"state": "draft", "payment_state": "not_paid"}]
        )

    def test_void_invoices_and_what_balances_them_stay(self):
        self.company.billing_void_method = "credit_note"
        self.invoice.action_billing_void()
        note = self.invoice.reversal_move_ids
        canceled = self._bill_amounts(5)
        self.company.billing_void_method = "cancel"
        canceled.action_billing_void()
        for move in (self.invoice, note, canceled):
            for method, *args in (
                ("write", {"narration": "forged"}),
                ("write", {"move_type": "entry"}),
                ("write", {"line_ids": [Command.clear()]}),
                ("button_draft",),
                ("unlink",),
            ):
                with (
                    self.subTest(move.name, method=method),
                    self.assertRaises(UserError),
                    self.env.cr.savepoint(),
                ):
                    self._call(
                        self.staff, move, method, *args, context={"force_delete": True}
                    )
            for line in move.line_ids:
                with (
                    self.subTest(move.name, line=line.display_type),
                    self.assertRaises(UserError),
                    self.env.cr.savepoint(),
                ):
                    self._call(self.staff, line, "write", {"name": "forged"})

    # === What stays possible === #

    def test_what_may_change_is_changed(self):
        colleague = self._create_user("colleague", "account.group_account_invoice")
        values = {
            "invoice_user_id": colleague.id,
            "ref": "PO 12",
            "checked": True,
            "no_followup": True,
            "is_move_sent": True,
            "billing_template_id": False,
            "delivery_date": "2025-01-01",
        }
        self._call(self.staff, self.invoice, "write", values)
        self.assertEqual(self.invoice.invoice_user_id, colleague)
        self.assertEqual(self.invoice.ref, "PO 12")
        with self._refused():
            self._call(
                self.staff, self.invoice, "write", {"delivery_date": "2025-01-02"}
            )
        # What a screen sends along without a change is none.
        self._call(
            self.staff,
            self.invoice,
            "write",
            {
                "invoice_date_due": str(self.invoice.invoice_date_due),
                "payment_state": "not_paid",
                "amount_total": 110,
                "partner_bank_id": False,
            },
        )
        line = self.invoice.invoice_line_ids
        plan = self.env["account.analytic.plan"].create({"name": "Towns"})
        town = self.env["account.analytic.account"].create(
            {"name": "Town", "plan_id": plan.id}
        )
        self._call(
            self.staff, line, "write", {"analytic_distribution": {str(town.id): 100}}
        )
        self.assertEqual(line.analytic_line_ids.amount, 100)

    def test_staff_use_the_form_of_odoo(self):
        colleague = self._create_user("colleague", "account.group_account_invoice")
        with Form(self.invoice.with_user(self.users["accountant"])) as form:
            form.invoice_user_id = colleague
        self.assertEqual(self.invoice.invoice_user_id, colleague)

    def test_accountants_reconcile_a_bank_statement(self):
        journal = self.company_data["default_journal_bank"]
        accountant = self.users["accountant"]
        statement = (
            self.env["account.bank.statement.line"]
            .with_user(accountant)
            .create(
                {
                    "journal_id": journal.id,
                    "payment_ref": "Transfer",
                    "amount": 110,
                    "partner_id": self.customer.id,
                }
            )
        )
        _liquidity, suspense, _other = statement._seek_for_lines()
        term = self.invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        suspense.account_id = term.account_id
        (suspense + term.with_user(accountant)).reconcile()
        self.assertEqual(self.invoice.billing_state, "paid")
        self._call(accountant, term, "remove_move_reconcile")
        self.assertEqual(self.invoice.billing_state, "unpaid")

    def test_invoices_are_sealed(self):
        self._call(self.users["accountant"], self.invoice, "button_hash")
        self.assertTrue(self.invoice.inalterable_hash)
        with self._refused():
            self._call(
                self.staff, self.invoice, "write", {"inalterable_hash": "forged"}
            )

    def test_invoices_are_sent_by_odoo(self):
        wizard = self.env["account.move.send.wizard"].with_user(self.staff)
        # Odoo makes no PDF in tests, unless asked to.
        wizard = wizard.with_context(
            active_model="account.move",
            active_ids=self.invoice.ids,
            force_report_rendering=True,
        ).create({"sending_methods": ["email"]})
        wizard.action_send_and_print()
        self.assertTrue(self.invoice.is_move_sent)

    # === Money that is not there === #

    def _have_no_entries(self):
        """Do as with Odoo's accounting app, where a payment alone makes no entry."""
        journal = self.company_data["default_journal_bank"]
        journal.inbound_payment_method_line_ids.payment_account_id = False
        Move = type(self.env["account.move"])
        state = patch.object(
            Move, "_get_invoice_in_payment_state", lambda _self: "in_payment"
        )
        state.start()
        self.addCleanup(state.stop)
        return journal

    def _register(self, amount):
        """Pay by Odoo's own dialog, as staff."""
        journal = self._have_no_entries()
        return (
            self.env["account.payment.register"]
            .with_user(self.staff)
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create({"journal_id": journal.id, "amount": amount})
            ._create_payments()
        )

    def test_odoo_s_dialog_books_what_it_takes(self):
        self._register(10)
        self.assertEqual(self.invoice.billing_state, "partial")
        self.assertEqual(self.invoice.amount_residual, 100)
        self._register(100)
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def test_a_payment_without_an_entry_pays_what_it_comes_to(self):
        journal = self._have_no_entries()
        values = {"journal_id": journal.id, "partner_id": self.customer.id}
        Payment = self.env["account.payment"].with_user(self.staff)
        cent = Payment.create({**values, "amount": 0.01})
        cent.action_post()
        self.assertFalse(cent.move_id)
        self.invoice.with_user(self.staff).matched_payment_ids += cent
        self.assertEqual(self.invoice.billing_state, "unpaid")
        rest = Payment.create({**values, "amount": 109.99})
        rest.action_post()
        self.invoice.with_user(self.staff).matched_payment_ids += rest
        self.assertEqual(self.invoice.billing_state, "paid")
        other = self._bill_amounts(5)
        other.with_user(self.staff).matched_payment_ids = cent + rest
        self.assertEqual(other.billing_state, "unpaid")

    def test_a_reconciliation_is_what_it_says(self):
        """A script names two items and any amount."""
        term = self.invoice.line_ids.filtered(
            lambda line: line.display_type == "payment_term"
        )
        payment = self.env["account.payment"].create(
            {"partner_id": self.customer.id, "amount": 1}
        )
        payment.outstanding_account_id = payment._billing_get_outstanding_account()
        payment.action_post()
        money = payment.move_id.line_ids.filtered(
            lambda line: line.account_id == term.account_id
        )
        income = self.invoice.invoice_line_ids
        for credit, amount, debited, credited in (
            (money, 110, 110, 110),
            (money, 110, 110, 1),
            (money, 1, 110, 1),
            (income, 110, 110, 110),
        ):
            values = {
                "debit_move_id": term.id,
                "credit_move_id": credit.id,
                "amount": amount,
                "debit_amount_currency": debited,
                "credit_amount_currency": credited,
            }
            with self.subTest(values=values), self._refused():
                self._create(self.staff, "account.partial.reconcile", [values])
        (term + money).reconcile()
        self.assertEqual(self.invoice.billing_state, "partial")
        partial = term.matched_credit_ids
        for values in ({"debit_amount_currency": 110}, {"credit_move_id": income.id}):
            with self.subTest(values=values), self._refused():
                self._call(self.staff, partial, "write", values)

    # === The database === #

    def test_the_database_refuses_as_well(self):
        """Whatever code there may be that asks nobody."""
        move, lines = self.invoice, self.invoice.line_ids
        for statement, ids in (
            ("UPDATE account_move SET name = 'INV/1' WHERE id IN %s", move.ids),
            ("UPDATE account_move SET move_type = 'entry' WHERE id IN %s", move.ids),
            ("UPDATE account_move SET amount_total = 1 WHERE id IN %s", move.ids),
            ("UPDATE account_move SET invoice_date = NULL WHERE id IN %s", move.ids),
            ("DELETE FROM account_move WHERE id IN %s", move.ids),
            ("UPDATE account_move_line SET price_unit = 1 WHERE id IN %s", lines.ids),
            ("UPDATE account_move_line SET quantity = 2 WHERE id IN %s", lines.ids),
            ("DELETE FROM account_move_line WHERE id IN %s", lines.ids),
        ):
            with self.subTest(statement):
                self._check_database(statement, ids)
        move.action_billing_void()
        self.env.flush_all()
        for statement in (
            "UPDATE account_move SET name = 'INV/1' WHERE id IN %s",
            "DELETE FROM account_move WHERE id IN %s",
        ):
            with self.subTest(statement, void=True):
                self._check_database(statement, move.ids)

    def _check_database(self, statement, ids):
        with (
            self.assertRaisesRegex(
                psycopg2.errors.RestrictViolation, "numbered and stays"
            ),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(statement, [tuple(ids)])

    def test_the_triggers_go_with_the_addon(self):
        with self.env.cr.savepoint() as savepoint:
            self.env.cr.execute(account_move_guard.DROP_TRIGGERS)
            self.env.cr.execute(
                "UPDATE account_move SET name = 'INV/1' WHERE id = %s", self.invoice.ids
            )
            self.assertEqual(self.env.cr.rowcount, 1)
            savepoint.rollback()

    def test_the_database_leaves_odoo_s_own_invoices_alone(self):
        plain = self.init_invoice("out_invoice", self.customer, amounts=[5], post=True)
        plain.button_draft()
        plain.invoice_line_ids.price_unit = 6
        plain.action_post()
        self._pay(plain)
        wizard = self.env["account.resequence.wizard"].with_context(
            active_model="account.move", active_ids=plain.ids
        )
        wizard.create({"first_name": "INV/2001/00001"}).resequence()
        self.env.flush_all()
        plain.button_draft()
        plain.with_context(force_delete=True).unlink()
        self.assertFalse(plain.exists())

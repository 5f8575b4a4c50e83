"""Fast billing writes what Odoo makes, or leaves it to Odoo (W45)."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain
from odoo.orm.fields import Field
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.invoicing import (
    omni_billing_proven,
    omni_billing_proven_check,
)
from odoo.addons.omni_billing.models.invoicing.omni_billing_proven_check import (
    TRIAL,
    Trial,
)
from odoo.addons.omni_billing.models.runs import omni_billing_run_billing
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon
from .properties import tried
from .test_invoicing import InvoicingCommon, entries
from .test_omni_billing_run import RunCommon

#: What may tell customers apart.
traits = st.fixed_dictionaries(
    {
        "entries": entries,
        "has_position": st.sampled_from([False, False, True]),
        "has_delivery": st.sampled_from([False, False, True]),
        "has_seller": st.sampled_from([False, False, False, True]),
        "reference": st.sampled_from([False, False, "PO 7", "a\tb\\\n"]),
        "is_known": st.booleans(),
    }
)
books = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["round_globally", "round_per_line"]),
        "currency": st.sampled_from(["own", "own", "own", "own", "euro"]),
        "dashed": st.booleans(),
        "has_taxes": st.sampled_from([True, True, True, False]),
        "term": st.sampled_from([None, None, "month", "parts", "included"]),
        "customers": st.lists(traits, min_size=4, max_size=8),
    }
)


class ProvenCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Proven = cls.env["omni.billing.proven"]
        cls.Transaction = cls.env["omni.billing.transaction"]
        cls.month = cls.env["account.payment.term"].create(
            {
                "name": "30 days",
                "line_ids": [Command.create({"value_amount": 100, "nb_days": 30})],
            }
        )

    def _create_batches(self, count=6, charge=None, options=None, **values):
        """Return batches of as many customers; the numbers differ."""
        partners = self.env["res.partner"].create(
            [{"name": f"Customer {n}"} | values for n in range(count)]
        )
        self.env.flush_all()
        return [
            (
                self._create_transaction(
                    10.37 + n,
                    **{"partner_id": partner.id, "tax_ids": self.tax_10}
                    | (charge or {}),
                )
                + self._create_transaction(3 + n, partner_id=partner.id),
                partner,
                {"title": f"Bill {n}", "invoice_date": self.today} | (options or {}),
            )
            for n, partner in enumerate(partners)
        ]

    def _bill(self, batches, is_fast=True):
        """Bill as in a trial: fast, or as Odoo does.

        :return: the invoices; how many were written fast; why others were not.
        """
        notes = self.Proven._get_notes()
        before = len(notes["written"]), notes["reasons"].copy()
        lot = self.Transaction.with_context(**{TRIAL: Trial(is_fast)})
        invoices = self.env["account.move"].browse(lot._create_invoices(batches).ids)
        self.env.flush_all()
        self.env.invalidate_all()
        reasons = set(dict(notes["reasons"] - before[1]))
        return invoices, len(notes["written"]) - before[0], reasons

    def _compare(self, batches):
        """Bill both ways, and return what differs."""
        self.env.flush_all()
        slow = self.Proven._photograph(batches, False)
        fast = self.Proven._photograph(batches, True)
        self.assertEqual(set(slow["rows"]), set(fast["rows"]))
        return self.Proven._find_differences(slow, fast)


@tagged("post_install", "-at_install")
class TestProven(ProvenCommon):
    def test_ordinary_invoices_are_written_after_two_of_odoo(self):
        batches = self._create_batches()
        self.assertFalse(self._compare(batches))
        invoices, count, reasons = self._bill(batches)
        self.assertEqual((count, reasons), (4, set()))
        self.assertEqual(set(invoices.mapped("state")), {"posted"})
        numbers = sorted(invoices.mapped("sequence_number"))
        self.assertEqual(numbers, [*range(numbers[0], numbers[0] + 6)])
        self.assertEqual(len(set(invoices.mapped("name"))), 6)
        self.assertFalse(any(invoices.mapped("made_sequence_gap")))
        for invoice, (transactions, partner, options) in zip(
            invoices, batches, strict=True
        ):
            self.assertEqual(invoice.partner_id, partner)
            self.assertEqual(invoice.billing_title, options["title"])
            self.assertEqual(invoice.billing_transaction_ids, transactions)
            self.assertEqual(set(transactions.mapped("state")), {"invoiced"})
            total = sum(transactions.mapped("amount_total"))
            self.assertAlmostEqual(invoice.amount_total, total)
            self.assertAlmostEqual(invoice.tax_totals["total_amount_currency"], total)
            self.assertEqual(partner.customer_rank, 1)
            log = self.env["omni.billing.activity.log"].search(
                [("move_id", "=", invoice.id)]
            )
            self.assertEqual(log.action, "invoice_generated")
        # What comes after is numbered after them, and all can be paid and voided.
        later, count, _reasons = self._bill(self._create_batches(1))
        self.assertEqual(later.sequence_number, numbers[-1] + 1)
        self.assertEqual(count, 0)
        self._pay(invoices[2])
        self.assertEqual(invoices[2].billing_state, "paid")
        invoices[3].action_billing_void()
        self.assertEqual(batches[3][0].mapped("state"), ["unbilled", "unbilled"])

    def test_it_is_off_until_it_is_proved(self):
        notes = self.Proven._get_notes()
        before = len(notes["written"])
        self.Transaction._create_invoices(self._create_batches())
        self.assertEqual(len(notes["written"]), before)

    def test_it_costs_few_statements(self):
        self._bill(self._create_batches(4))
        statements = []
        for size in (20, 50):
            batches = self._create_batches(size)
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            _invoices, count, _reasons = self._bill(batches)
            self.assertEqual(count, size - 2)
            statements.append(self.env.cr.sql_log_count - start)
        self.assertLessEqual(statements[1] - statements[0], 0)

    # === numbers === #

    def test_numbers_go_on_in_each_form_and_month(self):
        journal = self.company._billing_get_journal()
        for form in ("INV/2025/01/0007", "BILL2025-00099", "0998"):
            with self.subTest(form=form), self.env.cr.savepoint() as savepoint:
                # Of Odoo's own: ours keep their numbers.
                self.env["account.move"].create(
                    {
                        "move_type": "out_invoice",
                        "partner_id": self.partner_a.id,
                        "journal_id": journal.id,
                        "invoice_date": "2025-01-05",
                        "name": form,
                        "invoice_line_ids": [Command.create({"price_unit": 1})],
                    }
                ).action_post()
                for day in ("2025-01-20", "2025-02-03"):
                    batches = self._create_batches(5, options={"invoice_date": day})
                    invoices, count, _reasons = self._bill(batches)
                    self.assertEqual(count, 3, invoices.mapped("name"))
                    names = sorted(invoices.mapped("sequence_number"))
                    self.assertEqual(names, [*range(names[0], names[0] + 5)])
                savepoint.close(rollback=True)

    # === what is left to Odoo === #

    def _check_left(self, batches, reason):
        """See that none is written fast: then all are as Odoo makes them."""
        _invoices, count, reasons = self._bill(batches)
        self.assertEqual((count, reasons), (0, {reason}))

    def test_few_are_left_to_odoo(self):
        batches = self._create_batches(4)
        other = self.env.ref("base.fr")
        for _transactions, partner, _options in batches[2:]:
            partner.country_id = other
        self._check_left(batches, "few")

    def test_another_currency_is_left_to_odoo(self):
        euro = self.setup_other_currency("EUR", rates=[("2016-01-01", 0.87)])
        batches = self._create_batches(5)
        for transactions, _partner, _options in batches:
            transactions.currency_id = euro
        self._check_left(batches, "currency")

    def test_credit_notes_are_left_to_odoo(self):
        batches = self._create_batches(5)
        for transactions, partner, _options in batches:
            transactions |= self._create_credit(500, partner_id=partner.id)
        batches = [
            (partner.billing_transaction_ids, partner, options)
            for _transactions, partner, options in batches
        ]
        self._check_left(batches, "credit_note")

    def test_credit_notes_among_invoices_are_compared_by_their_own_numbers(self):
        batches = self._create_batches(7)
        credit = self._create_credit(500, partner_id=batches[3][1].id)
        batches[3] = (batches[3][0] + credit, *batches[3][1:])
        for number, (_transactions, _partner, options) in enumerate(batches):
            # Odoo numbers by it: the first number is not that of a pattern.
            options["customer_reference"] = "a" if number == 2 else "b"
        self.assertFalse(self._compare(batches))
        _invoices, count, reasons = self._bill(batches)
        self.assertEqual((count, reasons), (4, {"credit_note"}))

    def test_analytic_distributions_are_left_to_odoo(self):
        plan = self.env["account.analytic.plan"].create({"name": "Plan"})
        account = self.env["account.analytic.account"].create(
            {"name": "Calls", "plan_id": plan.id}
        )
        charge = {"analytic_distribution": {str(account.id): 100}}
        self._check_left(self._create_batches(5, charge), "analytic")
        # Of some customers alone.
        batches = self._create_batches(5) + self._create_batches(2, charge)
        self.assertFalse(self._compare(batches))
        _invoices, count, reasons = self._bill(batches)
        self.assertEqual((count, reasons), (3, {"analytic"}))

    def test_terms_in_parts_are_left_to_odoo(self):
        parts = self.env["account.payment.term"].create(
            {
                "name": "Parts",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (0, 30)
                ],
            }
        )
        batches = self._create_batches(5, options={"payment_term": parts})
        self._check_left(batches, "term")
        batches = self._create_batches(5, options={"payment_term": self.month})
        self.assertFalse(self._compare(batches))
        self.assertEqual(self._bill(batches)[1], 3)

    def test_taxes_due_on_payment_are_left_to_odoo(self):
        self.company.tax_exigibility = True
        account = self.company_data["default_account_revenue"].copy(
            {"account_type": "liability_current", "reconcile": True}
        )
        tax = self._create_tax(
            11,
            tax_exigibility="on_payment",
            cash_basis_transition_account_id=account.id,
        )
        self._check_left(self._create_batches(5, {"tax_ids": tax}), "cash_basis")

    def test_special_accounts_are_left_to_odoo(self):
        account = self.company_data["default_account_revenue"].copy({"reconcile": True})
        self.product_a.property_account_income_id = account
        batches = self._create_batches(5, {"product_id": self.product_a.id})
        self._check_left(batches, "account")

    def test_storno_and_quick_entry_are_left_to_odoo(self):
        for values, reason in (
            ({"account_storno": True}, "storno"),
            ({"quick_edit_mode": "out_invoices"}, "quick"),
        ):
            with self.subTest(reason), self.env.cr.savepoint() as savepoint:
                self.company.write(values)
                self._check_left(self._create_batches(5), reason)
                savepoint.close(rollback=True)

    def test_inalterable_journal_is_left_to_odoo(self):
        self.company._billing_get_journal().restrict_mode_hash_table = True
        _invoices, count, reasons = self._bill(self._create_batches(5))
        self.assertEqual((count, reasons), (0, {"hash"}))

    def test_what_odoo_refuses_is_refused(self):
        batches = self._create_batches(6)
        batches[2][2]["title"] = "x" * 5000
        self.env.flush_all()
        with (
            self.assertRaisesRegex(UserError, "characters"),
            self.env.cr.savepoint(),
        ):
            self._bill(batches)
        self.assertEqual(batches[0][0].mapped("state"), ["unbilled"] * 2)

    # === proof of each chunk === #

    def _check_undone(self, name, change, reason):
        """Odoo makes all if what is written is another in one value."""
        Model = type(self.Proven)
        original = getattr(Model, name)

        def changed(proven, *args):
            return change(original(proven, *args))

        batches = self._create_batches()
        with patch.object(Model, name, changed):
            invoices, count, reasons = self._bill(batches)
        self.assertEqual((count, reasons), (0, {reason}))
        self.assertEqual(set(invoices.mapped("state")), {"posted"})
        numbers = sorted(invoices.mapped("sequence_number"))
        self.assertEqual(numbers, [*range(numbers[0], numbers[0] + 6)])

    def test_column_that_is_not_as_odoos_leaves_all_to_odoo(self):
        self._check_undone(
            "_fill_move",
            lambda columns: (*columns[:5], "1", *columns[6:]),
            "account_move.commercial_partner_id",
        )
        self._check_undone(
            "_prepare_tax_line",
            lambda line: line._replace(name="Other"),
            "account_move_line.name",
        )
        self._check_undone(
            "_prepare_product_line",
            lambda line: line._replace(tags=[1]),
            "account_move_line.tax_tag_ids",
        )

    def test_table_that_is_not_known_leaves_all_to_odoo(self):
        def post(moves, soft=True):
            moves[0].message_post(body="Posted")
            return original(moves, soft)

        Model = type(self.env["account.move"])
        original = Model._post
        self.patch(Model, "_post", post)
        _invoices, count, reasons = self._bill(self._create_batches())
        self.assertEqual(count, 0)
        self.assertRegex(min(reasons), "table:")

    def test_sums_are_checked_in_the_database(self):
        """What is written and what was computed are two things."""
        group = []

        def write_group(proven, others, constants):
            group.extend(others)
            for one in others:
                for amounts in one.computed.amounts.values():
                    amounts["amount_untaxed"] += 0.01
            return original(proven, others, constants)

        Model = type(self.Proven)
        original = Model._write_group
        with patch.object(Model, "_write_group", write_group):
            invoices, count, reasons = self._bill(self._create_batches())
        self.assertEqual((count, reasons), (0, {"sums"}))
        self.assertEqual(len(set(invoices.mapped("name"))), 6)

    def test_what_the_database_does_not_take_is_left_to_odoo(self):
        def mark(proven, *_args):
            proven.env.cr.execute("SELECT 1 / 0")

        with (
            patch.object(type(self.Proven), "_mark", mark),
            mute_logger("odoo.sql_db", omni_billing_proven.__name__),
        ):
            invoices, count, reasons = self._bill(self._create_batches())
        self.assertEqual((count, reasons), (0, {"database"}))
        self.assertEqual(set(invoices.mapped("state")), {"posted"})

    def test_what_odoo_reads_of_a_customer_is_known(self):
        """A field that is not would be another one of a third customer."""
        read = set()
        self.env.flush_all()
        batches = self._create_batches(2)
        batches[0][1].child_ids = [
            Command.create({"name": "Shop", "type": "delivery"}),
            Command.create({"name": "Office", "type": "invoice"}),
        ]
        self.env["account.fiscal.position"].create(
            {"name": "US", "auto_apply": True, "country_id": self.env.ref("base.us").id}
        )
        self.company.invoice_terms = "Terms"
        self.env["ir.config_parameter"].set_param("account.use_invoice_terms", "1")
        self.env.flush_all()
        self.env.invalidate_all()
        kinds = [Field]
        for kind in kinds:
            kinds += kind.__subclasses__()
        for kind in kinds:
            if "__get__" in vars(kind):
                self._patch_get(kind, read)
        self._bill(batches, is_fast=False)
        known = {*omni_billing_proven.PARTNER_KEY, *omni_billing_proven.PARTNER_OWN}
        self.assertEqual(read - known, set())

    def _patch_get(self, kind, read):
        original = vars(kind)["__get__"]

        def get(field, record, owner=None):
            if record is not None and field.model_name == "res.partner":
                read.add(field.name)
            return original(field, record, owner)

        self.patch(kind, "__get__", get)

    # === the code === #

    def test_code_of_this_addon_and_of_odoo_is_known(self):
        self.assertEqual(self.Proven._find_unknown(), [])

    def test_code_that_is_not_known_is_found(self):
        known = omni_billing_proven_check.KNOWN
        with patch.object(omni_billing_proven_check, "KNOWN", known - {"omni_billing"}):
            found = [*self.Proven._find_overrides(), *self.Proven._find_fields()]
        self.assertIn("omni_billing: account.move._post", found)
        self.assertIn("omni_billing: account.move._check_billing_title", found)
        self.assertIn("account.move.billing_title (omni_billing)", found)
        # A stored field of another model that follows an invoice.
        self.assertIn("omni.billing.mail.commercial_partner_id (omni_billing)", found)

    def test_method_that_is_replaced_at_run_time_is_found(self):
        Model = type(self.env["account.move"])
        self.patch(Model, "write", lambda moves, values: True)
        self.assertEqual(self.Proven._find_unknown(), ["account.move.write"])

    def test_automation_rule_on_what_only_the_orm_defines_is_found(self):
        """It replaces methods that no addon in between has."""
        for name in ("omni.billing.transaction", "account.move.line"):
            Model = type(self.env[name])
            original = Model._compute_field_value
            self.patch(
                Model,
                "_compute_field_value",
                lambda records, field, original=original: original(records, field),
            )
        self.assertEqual(
            self.Proven._find_unknown(),
            [
                "account.move.line._compute_field_value",
                "omni.billing.transaction._compute_field_value",
            ],
        )

    def test_field_that_a_person_adds_is_found(self):
        field = self.env["account.move"]._fields["narration"]
        with patch.object(field, "manual", True):
            found = set(self.Proven._find_fields())
        self.assertEqual(len(found), 1)
        self.assertIn("account.move.narration", found.pop())

    def test_trigger_of_the_database_is_found(self):
        self.env.cr.execute(
            "CREATE TRIGGER audit BEFORE INSERT ON account_move FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        )
        self.assertEqual(self.Proven._find_unknown(), ["account_move: audit"])

    # === the button === #

    def test_manager_proves_it_and_it_is_used(self):
        self._create_batches()
        count = self.env["account.move"].search_count([])
        with self.assertRaisesRegex(AccessError, "billing manager"):
            self.company.with_user(self.staff).action_billing_prove()
        self.company.action_billing_prove()
        self.assertEqual(self.env["account.move"].search_count([]), count)
        self.assertTrue(self.company.billing_use_proven)
        self.assertIn("4 of them fast", self.company.billing_proven_report)
        self.assertIn("Differences: 0", self.company.billing_proven_report)
        self.assertFalse(self.company.billing_proven_problem)
        before = len(self.Proven._get_notes()["written"])
        self.Transaction._create_invoices(self._create_batches())
        self.assertEqual(len(self.Proven._get_notes()["written"]), before + 4)
        self.company.action_billing_leave_proven()
        self.assertFalse(self.company.billing_use_proven)

    def test_nobody_says_by_hand_that_it_is_proved(self):
        # sudo: even an administrator.
        company = self.company.sudo()
        for values in ({"billing_use_proven": True}, {"billing_proven_key": "x"}):
            with self.assertRaisesRegex(AccessError, "proving"):
                company.write(values)
            with self.assertRaisesRegex(AccessError, "proving"):
                company.create({"name": "New"} | values)

    def test_difference_keeps_it_off_and_is_shown(self):
        self._create_batches()
        with patch.object(
            type(self.Proven), "_find_differences", lambda *_args: ["account_move.x"]
        ):
            self.company.action_billing_prove()
        self.assertFalse(self.company.billing_use_proven)
        self.assertIn("account_move.x", self.company.billing_proven_problem)

    def test_trial_finds_what_differs(self):
        """The comparison itself: of a column, of a row, of a table."""
        batches = self._create_batches()
        self.env.flush_all()
        photo = self.Proven._photograph(batches, False)
        other = self.Proven._photograph(batches, False)
        self.assertEqual(self.Proven._find_differences(photo, other), [])
        other["rows"]["account_move"][1]["ref"] = "x"
        other["rows"]["account_move_line"].pop()
        other["rows"]["account_move_line_account_tax_rel"][0]["others"] = "[]"
        other["counts"]["mail_message"] = 1
        found = "\n".join(self.Proven._find_differences(photo, other))
        for name in ("account_move.ref", "account_move_line: ", "tax_rel.others"):
            self.assertIn(name, found)
        self.assertIn("mail_message: 0 ≠ 1", found)

    def test_nothing_to_bill_proves_nothing(self):
        domain = Domain("company_id", "=", self.company.id)
        self.assertFalse(self.Transaction.search(domain))
        with self.assertRaisesRegex(UserError, "nothing to prove it with"):
            self.company.action_billing_prove()

    def test_trial_counts_nobody_as_a_customer_once_more(self):
        batches = self._create_batches()
        self._bill(batches, is_fast=False)
        self._create_batches()
        ranks = self.env.cr.postcommit.data.get(
            "account.res.partner.increase_rank.customer_rank", {}
        )
        before = dict(ranks)
        self.company.action_billing_prove()
        self.assertEqual(dict(ranks), before)


@tagged("post_install", "-at_install")
class TestProvenRun(RunCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._charge_all(12.5)
        cls._charge_all(3)
        cls.company.action_billing_prove()

    def test_run_says_how_many_were_billed_fast(self):
        run = self._do()
        self.assertEqual(run.done_count, 4)
        self.assertEqual(run.fast_note, "2 of 4 by fast billing")
        self.assertEqual(set(run.line_ids.mapped("amount_total")), {15.5})
        self.assertEqual(set(run.line_ids.invoice_id.mapped("state")), {"posted"})

    def test_run_bills_more_at_once(self):
        run = self._create_run()
        with patch.object(omni_billing_run_billing, "CHUNK", 2):
            self.assertEqual(run._get_chunk_size(), 6)
            self.company.action_billing_leave_proven()
            self.assertEqual(run._get_chunk_size(), 2)

    def test_run_switches_it_off_when_other_code_came(self):
        trust(self.company).billing_proven_key = "of another day"
        run = self._do()
        self.assertEqual((run.done_count, run.fast_note), (4, False))
        self.assertFalse(self.company.billing_use_proven)
        self.assertIn("Prove it again", self.company.billing_proven_problem)
        bodies = " ".join(run.message_ids.mapped("body"))
        self.assertIn("Fast billing is switched off", bodies)

    def test_run_switches_it_off_when_code_is_not_known(self):
        Model = type(self.env["account.move.line"])
        original = Model.create
        self.patch(Model, "create", lambda lines, values: original(lines, values))
        run = self._do()
        self.assertEqual((run.done_count, run.fast_note), (4, False))
        self.assertIn("account.move.line.create", self.company.billing_proven_problem)

    def test_customer_that_cannot_be_billed_is_parked_and_others_are_fast(self):
        others = self.env["res.partner"].create([{"name": f"More {n}"} for n in "12"])
        self._charge_all(7, customers=others)
        self.others[1].active = False
        run = self._do()
        states = self._read(run)
        self.assertEqual(states[self.others[1]], "parked")
        self.assertEqual(run.fast_note, "3 of 5 by fast billing")


@tagged("post_install", "-at_install")
class TestProvenProperty(InvoicingCommon, ProvenCommon):
    @given(book=books)
    @tried(ci=4, deep=1000)
    def test_both_ways_write_the_same(self, book):
        """Whatever is written fast, all columns of all tables are as Odoo's"""
        self.company.tax_calculation_rounding_method = book["method"]
        self.company.billing_number_dashed = book["dashed"]
        currency = self.euro if book["currency"] == "euro" else self.currency
        batches = []
        for number, customer in enumerate(book["customers"]):
            partner = self._create_customer(number, customer)
            transactions = self.Transaction.union(
                *(
                    self._create_row(partner, currency, book["has_taxes"], *entry)
                    for entry in customer["entries"]
                )
            )
            options = {"title": f"Bill {number}", "invoice_date": self.today}
            if term := book["term"]:
                options["payment_term"] = self.terms.get(term, self.month)
            if customer["reference"]:
                options["customer_reference"] = customer["reference"]
            batches.append((transactions, partner, options))
        self.env.flush_all()
        try:
            slow = self.Proven._photograph(batches, False)
        except UserError:
            # Odoo cannot make some: nor can these be made.
            with self.assertRaises(UserError):
                self.Proven._photograph(batches, True)
            return
        fast = self.Proven._photograph(batches, True)
        self.assertEqual(self.Proven._find_differences(slow, fast), [])

    def _create_customer(self, number, traits):
        partner = self.env["res.partner"].create(
            {
                "name": f"Customer {number}",
                "property_account_position_id": traits["has_position"]
                and self.position.id,
                "user_id": traits["has_seller"] and self.staff.id,
                "customer_rank": int(traits["is_known"]),
            }
        )
        if traits["has_delivery"]:
            partner.child_ids = [Command.create({"name": "Shop", "type": "delivery"})]
        return partner

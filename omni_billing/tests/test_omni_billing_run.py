import ast
from datetime import date
from unittest.mock import patch

import psycopg2
from lxml import etree

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.runs import omni_billing_run_billing

from .common import BillingCommon

BILLING = "odoo.addons.omni_billing.models.runs.omni_billing_run_billing"


class RunCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Run = cls.env["omni.billing.run"]
        cls.others = cls.env["res.partner"].create(
            [{"name": f"Customer {letter}"} for letter in "ABC"]
        )
        cls.customers = cls.customer + cls.others

    @classmethod
    def _charge_all(cls, cost=45.0, customers=None, **values):
        partners = cls.customers if customers is None else customers
        return cls.env["omni.billing.transaction"].concat(
            *(
                cls._create_transaction(cost, partner_id=partner.id, **values)
                for partner in partners
            )
        )

    @classmethod
    def _create_run(cls, **values):
        return cls.Run.create(values)

    def _work(self):
        """Have the job done as its scheduler does; as superuser."""
        self.env.flush_all()
        # sudo: the job is nobody's.
        self.Run.sudo()._cron_process()
        self.env.invalidate_all()

    def _do(self, run=None, **values):
        run = run or self._create_run(**values)
        run.action_start()
        self._work()
        return run

    def _read(self, run):
        return {line.partner_id: line.state for line in run.line_ids}


@tagged("post_install", "-at_install")
class TestRun(RunCommon):
    """F40, F186-F188, F202, W9"""

    def test_numbers_that_others_gave_meanwhile_are_not_tried(self):
        """W45: a chunk goes on after the last one, which it does not see by itself."""
        self._charge_all()
        invoice = self._do().line_ids.invoice_id.sorted("id")[-1]
        prefix = invoice.sequence_prefix
        # What it reads is what others have committed; a test commits nothing.
        self.assertFalse(invoice._billing_read_last_number(prefix))
        self._charge_all()
        with patch.object(
            type(invoice), "_billing_read_last_number", return_value=500
        ) as read:
            invoices = self._do().line_ids.invoice_id.sorted("id")
        self.assertEqual(invoices.mapped("sequence_number"), [501, 502, 503, 504])
        read.assert_called_once_with(prefix)

    def test_each_customer_gets_one_invoice(self):
        charges = self._charge_all(45) + self._charge_all(5)
        run = self._do(title="January", date_due="2040-01-31")
        self.assertEqual(run.state, "done")
        self.assertEqual(set(self._read(run).values()), {"done"})
        self.assertEqual(run.line_ids.partner_id, self.customers)
        self.assertEqual((run.line_count, run.done_count), (4, 4))
        self.assertEqual(run.amounts, "$\xa0200.00")
        self.assertEqual(set(charges.mapped("state")), {"invoiced"})
        for line in run.line_ids:
            self.assertRecordValues(
                line.invoice_id,
                [
                    {
                        "partner_id": line.partner_id.id,
                        "state": "posted",
                        "amount_total": 50,
                        "billing_title": "January",
                        "billing_date_end": run.date_end,
                        "invoice_date_due": date(2040, 1, 31),
                    }
                ],
            )
        self.assertIn("Billed: 4", run.message_ids[0].body)
        self.assertEqual(run.line_ids.mapped("transaction_count"), [2] * 4)

    def test_run_again_bills_nothing_twice(self):
        self._charge_all()
        run = self._do()
        moves = run.line_ids.invoice_id
        with self.assertRaisesRegex(UserError, "has begun already"):
            run.action_start()
        self._work()
        again = self._do()
        self.assertFalse(again.line_ids)
        self.assertEqual(run.line_ids.invoice_id, moves)

    def test_later_charges_wait_for_the_next_run(self):
        """F188"""
        self._charge_all(date="2025-01-31")
        late = self._charge_all(date="2025-02-01")
        run = self._do(date_start="2025-01-01", date_end="2025-01-31")
        self.assertEqual(run.done_count, 4)
        self.assertEqual(set(late.mapped("state")), {"unbilled"})
        self.assertEqual(run.line_ids[0].invoice_id.billing_period[:10], "01/01/2025")

    def test_check_changes_nothing(self):
        """A dry run says what the run then does."""
        charges = self._charge_all()
        self._create_credit(60, partner_id=self.others[0].id)
        self.others[1].active = False
        run = self._create_run(is_email=True, is_charge=True)
        run.action_check()
        self.assertEqual(run.state, "checking")
        self._work()
        self.assertEqual(run.state, "checked")
        self.assertEqual(
            self._read(run),
            {
                self.customer: "ready",
                self.others[0]: "skipped",
                self.others[1]: "parked",
                self.others[2]: "ready",
            },
        )
        self.assertEqual(run.amounts, "$\xa090.00")
        remark = run.line_ids.filtered(lambda line: line.state == "ready")[0].reason
        self.assertEqual(
            remark, "There is no e-mail address. No payment method is saved."
        )
        # Those that are counted are those that the count opens.
        arch = self.env.ref("omni_billing.omni_billing_run_line_view_search").arch
        [filtered] = etree.fromstring(arch).xpath("//filter[@name='remarks']")
        domain = ast.literal_eval(filtered.get("domain"))
        noted = run.line_ids.filtered_domain(domain)
        self.assertEqual((len(noted), run.remark_count), (2, 2))
        self.assertEqual(set(charges.mapped("state")), {"unbilled"})
        self.assertFalse(run.line_ids.invoice_id)
        self._do(run)
        self.assertEqual(
            self._read(run),
            {
                self.customer: "done",
                self.others[0]: "skipped",
                self.others[1]: "parked",
                self.others[2]: "done",
            },
        )

    def test_change_after_a_check_makes_it_a_draft(self):
        self._charge_all()
        run = self._create_run()
        run.action_check()
        self._work()
        run.filter_text = "Fibre"
        self.assertEqual((run.state, run.line_count), ("draft", 0))

    def test_credits_above_charges_stay_unbilled(self):
        """F202: an outage credit is on the next invoice; one too large waits."""
        self._charge_all(45)
        self._create_credit(10)
        self._create_credit(50, partner_id=self.others[0].id)
        run = self._do()
        lines = {line.partner_id: line for line in run.line_ids}
        self.assertEqual(lines[self.customer].invoice_id.amount_total, 35)
        self.assertEqual(lines[self.others[0]].state, "skipped")
        self.assertIn("exceed the charges by $\xa05.00", lines[self.others[0]].reason)
        self.assertEqual(run.skipped_count, 1)

    def test_below_the_minimum_stays_unbilled(self):
        self._charge_all(45)
        self._create_transaction(5)
        run = self._do(amount_minimum=50)
        self.assertEqual(run.done_count, 1)
        self.assertEqual(run.skipped_count, 3)
        self.assertIn("below the minimum", run.line_ids[1].reason)

    def test_selections(self):
        self._charge_all()
        tag = self.env["res.partner.category"].create({"name": "Gold"})
        self.others[0].category_id = tag
        self.env["res.lang"]._activate_lang("fr_FR")
        self.others[1].lang = "fr_FR"
        euro = self.env.ref("base.EUR")
        euro.active = True
        foreign = self._create_transaction(
            7, partner_id=self.others[2].id, currency_id=euro.id
        )

        def check(expected, **values):
            run = self._create_run(**values)
            run.action_check()
            self._work()
            self.assertEqual(run.line_ids.partner_id, expected, values)
            return run

        check(self.others[0], category_ids=tag.ids)
        check(self.others[1], lang="fr_FR")
        check(self.others[:2], partner_ids=self.others[:2].ids)
        run = check(self.others[2], currency_id=euro.id)
        self.assertEqual(run.line_ids.amount_total, foreign.amount_total)
        check(self.customers, payment_method="no_card")
        check(self.customers.browse(), payment_method="card")
        check(self.customers.browse(), filter_text="Nothing of this")

    def test_one_invoice_for_each_currency(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self._create_transaction(45)
        self._create_transaction(7, currency_id=euro.id)
        run = self._do()
        self.assertEqual(run.line_ids.invoice_id.mapped("amount_total"), [45, 7])
        self.assertEqual(run.amounts, "$\xa045.00 and 7.00\xa0€")

    def test_grouping_key_tells_invoices_apart(self):
        """Hook: one invoice for each customer, currency and key."""
        for name in ("Fibre", "Mobile", "Mobile"):
            self._create_transaction(45, name=name)
        with patch.object(
            type(self.Run),
            "_get_grouping_key",
            lambda _run, transaction: transaction.name,
        ):
            run = self._do()
        self.assertEqual(
            {line.grouping_key: line.invoice_id.amount_total for line in run.line_ids},
            {"Fibre": 45, "Mobile": 90},
        )

    def test_hooks_of_other_addons(self):
        """Architecture: narrow the selection, do more with the invoices."""
        self._charge_all()
        seen = []
        Run = type(self.Run)
        narrow = Run._get_selection_domain
        only = Domain("commercial_partner_id", "=", self.customer.id)
        with (
            patch.object(Run, "_get_selection_domain", lambda run: narrow(run) & only),
            patch.object(Run, "_post_process", lambda _run, moves: seen.append(moves)),
        ):
            run = self._do()
        self.assertEqual(run.line_ids.partner_id, self.customer)
        self.assertEqual(seen, [run.line_ids.invoice_id])

    def test_run_without_a_start_says_since_when(self):
        """The period is that of the lines, not the last day alone."""
        self._create_transaction(10, date="2025-01-05")
        self._create_transaction(10, date="2025-03-07")
        self._create_transaction(7, date="2025-03-31", partner_id=self.others[0].id)
        run = self._do(date_end="2025-03-31")
        old, new = run.line_ids.sorted("partner_id").invoice_id.sorted("id")
        self.assertEqual(old.billing_date_start, date(2025, 1, 5))
        self.assertEqual(old.billing_period, "01/05/2025 - 03/31/2025")
        self.assertEqual(old.billing_title, "Invoice for 01/05/2025 - 03/31/2025")
        self.assertEqual(new.billing_title, "Invoice of 03/31/2025")

    def test_wrong_values_are_refused(self):
        for values, message in (
            ({"date_start": "2025-02-01", "date_end": "2025-01-31"}, "cannot end"),
            ({"date_due": False}, "Enter a due date"),
            (
                {"date_due": "2025-01-30", "invoice_date": "2025-01-31"},
                "before the date of the invoice",
            ),
            ({"title": "x" * 600}, "600 characters"),
        ):
            with self.assertRaisesRegex(ValidationError, message):
                self._create_run(**values)

    def test_due_by_payment_terms(self):
        """F190: those of the run, or those of each customer."""
        term = self.env.ref("account.account_payment_term_30days")
        self._charge_all(date="2025-01-15")
        values = {"date_end": "2025-01-31", "invoice_date": "2025-01-31"}
        run = self._do(due_policy="term", payment_term_id=term.id, **values)
        invoice = run.line_ids.invoice_id[0]
        self.assertEqual(invoice.invoice_date_due, date(2025, 3, 2))
        self.assertEqual(invoice.invoice_payment_term_id, term)
        self._charge_all(date="2025-01-15", customers=self.customers[:2])
        self.customer.property_payment_term_id = term
        self.others[0].property_payment_term_id = False
        run = self._do(due_policy="customer", **values)
        self.assertEqual(
            run.line_ids.invoice_id.mapped("invoice_date_due"),
            [date(2025, 3, 2), date(2025, 1, 31)],
        )

    def test_services_are_charged_first(self):
        """F39 (by themselves), F185: a service becomes charges, these an invoice."""
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "price_unit": 31,
                "unit": "month",
                "date_start": self.today,
            }
        )
        run = self._do()
        self.assertEqual(run.line_ids.invoice_id.amount_total, 31)
        self.assertEqual(service.transaction_ids.state, "invoiced")

    # === A CHECK WRITES NOTHING === #

    def _create_service(self, **values):
        return self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "price_unit": 45,
                "unit": "month",
                "date_start": "2025-11-01",
            }
            | values
        )

    def _check(self, **values):
        """Check a run on 28 November."""
        with freeze_time("2025-11-28 12:00:00"):
            run = self._create_run(**values)
            run.action_check()
            self._work()
        return run

    def test_check_writes_no_charge_and_shows_what_will_be_billed(self):
        service = self._create_service()
        before = service.read(["charged_until", "next_date", "is_setup_charged"])
        run = self._check(date_end="2026-01-31", invoice_date="2026-01-31")
        self.assertEqual(run.state, "checked")
        self.assertFalse(service.transaction_ids)
        self.assertEqual(
            service.read(["charged_until", "next_date", "is_setup_charged"]), before
        )
        [line] = run.line_ids
        self.assertEqual((line.state, line.transaction_count), ("ready", 3))
        self.assertEqual(line.amount_total, 135)
        self.assertIn("$\xa090.00 of it", line.reason)
        with freeze_time("2026-01-31 12:00:00"):
            self._do(run)
        self.assertEqual(run.line_ids.invoice_id.amount_total, 135)

    def test_check_of_a_scheduled_run_is_as_of_then(self):
        self._create_service(setup_price=10)
        run = self._check(
            date_end="2026-01-31",
            invoice_date="2025-12-05",
            scheduled_at="2025-12-05 06:00:00",
        )
        [line] = run.line_ids
        self.assertEqual((line.amount_total, line.reason), (100, False))
        with freeze_time("2025-12-05 07:00:00"):
            run.action_start()
            self._work()
        self.assertEqual(run.line_ids.invoice_id.amount_total, 100)

    def test_check_and_run_agree_on_taxes_and_charges(self):
        """Rounded over the invoice, with what is there already."""
        self.company.tax_calculation_rounding_method = "round_globally"
        taxes = self._create_tax(17.3)
        values = {"tax_ids": [Command.set(taxes.ids)]}
        for price in (7.33, 7.33, 11.17, 0.05):
            self._create_service(price_unit=price, **values)
        self._create_transaction(13.37, tax_ids=taxes, date="2025-11-05")
        run = self._check(date_end="2025-11-28", invoice_date="2025-11-28")
        checked = run.line_ids.amount_total
        self.assertFalse(run.line_ids.reason)
        with freeze_time("2025-11-28 13:00:00"):
            self._do(run)
        self.assertEqual(run.line_ids.invoice_id.amount_total, checked)

    def test_check_of_services_that_the_run_does_not_bill(self):
        """Their customers are not in it."""
        self._create_service(partner_id=self.others[0].id)
        self._create_service(partner_id=self.others[1].id, name="Mobile")
        self._create_service(partner_id=self.others[2].id, date_start="2026-02-01")
        run = self._check(date_end="2025-11-28", filter_text="Mobile")
        self.assertEqual(run.line_ids.partner_id, self.others[1])
        self.assertEqual(run.state, "checked")

    def test_check_goes_on_after_a_customer_that_breaks(self):
        for partner in self.customers:
            self._create_service(partner_id=partner.id)
        judge = type(self.Run)._judge

        def broken(run, line, transactions):
            if line.partner_id == self.others[0]:
                raise ValueError("No such tax")
            return judge(run, line, transactions)

        with patch.object(type(self.Run), "_judge", broken):
            run = self._check(date_end="2025-11-28")
        states = self._read(run)
        self.assertEqual(states.pop(self.others[0]), "parked")
        self.assertEqual(set(states.values()), {"ready"})
        self.assertEqual(run.amounts, "$\xa0135.00")

    # === WHAT GOES WRONG === #

    def _break(self, partner, error=None):
        """Have the invoice of one customer fail."""
        Transaction = self.env["omni.billing.transaction"]
        prepare = type(Transaction)._prepare_invoice_values

        def fail(transactions, customer, **options):
            if customer == partner:
                raise error or UserError(transactions.env._("Archived"))
            return prepare(transactions, customer, **options)

        return patch.object(type(Transaction), "_prepare_invoice_values", fail)

    def test_failing_customer_is_parked_and_the_others_are_billed(self):
        self._charge_all()
        with self._break(self.others[1]):
            run = self._do()
        self.assertEqual(run.state, "done")
        self.assertEqual((run.done_count, run.parked_count), (3, 1))
        parked = run.line_ids.filtered(lambda line: line.state == "parked")
        self.assertEqual(parked.partner_id, self.others[1])
        self.assertEqual(parked.reason, "Archived")
        run.action_retry_parked()
        self.assertEqual(run.state, "running")
        self._work()
        self.assertEqual((run.done_count, run.parked_count), (4, 0))
        self.assertEqual(len(run.line_ids.invoice_id), 4)

    def test_bug_parks_one_customer_too(self):
        self._charge_all()
        with self._break(self.others[1], KeyError("x")), mute_logger(BILLING):
            run = self._do()
        self.assertEqual((run.done_count, run.parked_count), (3, 1))
        self.assertIn("KeyError", run.line_ids.sorted("state")[-1].reason)

    def test_run_that_is_broken_is_paused_and_others_go_on(self):
        self._charge_all()
        wrong, good = self._create_run(name="Wrong"), self._create_run()
        wrong.action_start()
        good.action_start()
        narrow = type(self.Run)._get_selection_domain

        def fail(run):
            if run.name == "Wrong":
                raise KeyError("x")
            return narrow(run)

        with (
            patch.object(type(self.Run), "_get_selection_domain", fail),
            mute_logger(BILLING),
        ):
            self._work()
        self.assertEqual((wrong.state, good.state), ("paused", "done"))
        self.assertIn("KeyError", wrong.message_ids[0].body)
        wrong.action_resume()
        self._work()
        self.assertEqual((wrong.state, wrong.line_count), ("done", 0))

    def test_check_that_breaks_for_one_customer_says_so(self):
        """Nothing is billed on a check, whatever breaks it."""
        self._charge_all()
        Run = type(self.env["omni.billing.run"])
        judge = Run._judge

        def broken(run, line, transactions):
            if line.partner_id == self.customer:
                raise ValueError("No such tax")
            return judge(run, line, transactions)

        run = self._create_run()
        with patch.object(Run, "_judge", broken):
            run.action_check()
            self._work()
        self.assertEqual(run.state, "checked")
        parked = run.line_ids.filtered(lambda line: line.state == "parked")
        self.assertEqual(parked.partner_id, self.customer)
        self.assertIn("No such tax", parked.reason)

    @mute_logger("odoo.addons.omni_billing.models.runs.omni_billing_run_billing")
    def test_check_that_breaks_is_no_check(self):
        self._charge_all()
        run = self._create_run()
        with patch.object(
            type(run), "_group", side_effect=ValueError("Broken grouping")
        ):
            run.action_check()
            self._work()
        self.assertEqual(run.state, "draft")
        self.assertFalse(run.line_ids)
        run.action_resume()
        self.assertEqual(run.state, "draft")

    def test_parked_customer_alone_is_tried_again(self):
        self._charge_all()
        with self._break(self.customer):
            run = self._do()
        run.line_ids[0].with_user(self.staff).action_retry()
        self._work()
        self.assertEqual(run.done_count, 4)

    def test_broken_tax_parks_one_customer(self):
        """A tax whose account is gone."""
        charges = self._charge_all()
        broken = self._create_tax(7)
        lines = broken.invoice_repartition_line_ids
        account = self.company_data["default_account_revenue"].copy()
        lines.filtered(lambda line: line.repartition_type == "tax").account_id = account
        charges[1].tax_ids = broken
        account.active = False
        run = self._do()
        states = self._read(run)
        self.assertEqual(states.pop(self.others[0]), "parked")
        self.assertEqual(set(states.values()), {"done"})
        self.assertEqual(charges[1].state, "unbilled")

    def test_archived_account_parks_one_customer(self):
        self._charge_all()
        account = self.company_data["default_account_receivable"].copy()
        self.others[1].property_account_receivable_id = account
        account.active = False
        run = self._do()
        states = self._read(run)
        self.assertEqual(states.pop(self.others[1]), "parked")
        self.assertEqual(set(states.values()), {"done"})
        self.assertIn("account", run.line_ids.filtered("reason").reason)

    def test_closed_period_stops_the_run_before_it_begins(self):
        self._charge_all()
        self.company.fiscalyear_lock_date = "2025-12-31"
        run = self._create_run(invoice_date="2025-06-30")
        with self.assertRaisesRegex(UserError, "closed up to"):
            run.action_start()
        self.assertEqual(run.state, "draft")

    def test_remarks_are_in_the_language_of_the_responsible(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.user.lang = "fr_FR"
        self._charge_all()
        langs = []
        prepare = type(self.Run)._prepare_options

        def note(run, line):
            langs.append((run.env.lang, run.env.user))
            return prepare(run, line)

        with patch.object(type(self.Run), "_prepare_options", note):
            run = self._do()
        self.assertEqual(set(langs), {("fr_FR", self.env.user)})
        self.assertEqual(run.line_ids.invoice_id.invoice_user_id, self.env.user)

    def test_period_closed_meanwhile_pauses_the_run(self):
        self._charge_all(date="2025-06-15")
        run = self._create_run(date_end="2025-06-30", invoice_date="2025-06-30")
        run.action_start()
        self.company.fiscalyear_lock_date = "2025-12-31"
        with mute_logger(BILLING):
            self._work()
        self.assertEqual((run.state, run.parked_count), ("paused", 0))
        self.assertIn("closed up to", run.message_ids[0].body)
        self.company.fiscalyear_lock_date = False
        run.action_resume()
        self._work()
        self.assertEqual((run.state, run.done_count), ("done", 4))

    def test_chunks_are_smaller_than_the_run(self):
        self._charge_all()
        with patch.object(omni_billing_run_billing, "CHUNK", 3):
            run = self._do()
        self.assertEqual(run.done_count, 4)

    def _count_queries(self, number, button):
        """Count the statements of a run, without those that make the invoices."""
        partners = self.env["res.partner"].create(
            [{"name": f"Many {n}"} for n in range(number)]
        )
        self._charge_all(customers=partners)
        Transaction = type(self.env["omni.billing.transaction"])
        create, invoicing = Transaction._create_invoices, []

        def create_invoices(model, batches):
            self.env.flush_all()
            before = self.cr.sql_log_count
            moves = create(model, batches)
            self.env.flush_all()
            invoicing.append(self.cr.sql_log_count - before)
            return moves

        run = self._create_run(partner_ids=partners.ids, is_email=True)
        getattr(run, button)()
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        with patch.object(Transaction, "_create_invoices", create_invoices):
            # sudo: as the job does it.
            run.sudo()._prepare_lines()
            run.sudo()._process_chunk()
            self.env.flush_all()
        count = self.cr.sql_log_count - before - sum(invoicing)
        state = "done" if button == "action_start" else "ready"
        self.assertEqual(run.line_ids.mapped("state"), [state] * number)
        return count

    def test_no_query_for_each_customer_beyond_the_invoice(self):
        """Promise 7: lines, transactions and marks are read and written together."""
        self._count_queries(4, "action_start")
        few = self._count_queries(4, "action_start")
        self.assertLessEqual(self._count_queries(24, "action_start") - few, 3)

    # === STATES === #

    def test_pause_resume_and_cancel(self):
        self._charge_all()
        run = self._create_run()
        run.action_start()
        run.action_pause()
        self._work()
        self.assertEqual((run.state, run.done_count), ("paused", 0))
        run.action_resume()
        # sudo: as the job does it.
        run.sudo()._prepare_lines()
        with patch.object(omni_billing_run_billing, "CHUNK", 1):
            run.sudo()._process_chunk()
        run.action_pause()
        self.assertEqual(run.done_count, 1)
        run.action_resume()
        self.assertEqual(run.state, "running")
        run.action_cancel()
        self._work()
        self.assertEqual((run.state, run.done_count), ("cancelled", 1))
        self.assertEqual((run.skipped_count, run.line_count), (3, 4))
        with self.assertRaisesRegex(UserError, "stays on file"):
            run.unlink()

    def test_progress_tells_how_far_it_is(self):
        self._charge_all()
        run = self._create_run()
        run.action_start()
        self.assertTrue(run.get_progress()["is_working"])
        self.assertFalse(run.get_progress()["is_prepared"])
        # sudo: as the job does it.
        run.sudo()._prepare_lines()
        with patch.object(omni_billing_run_billing, "CHUNK", 1):
            run.sudo()._process_chunk()
        run.invalidate_recordset()
        with freeze_time(run.working_since.replace(microsecond=0)) as clock:
            clock.tick(10)
            progress = run.get_progress()
        self.assertEqual((progress["done"], progress["total"]), (1, 4))
        self.assertEqual((progress["rate"], progress["seconds_left"]), (0.1, 30))
        self._work()
        self.assertFalse(run.get_progress()["is_working"])
        self.assertEqual(run.get_progress()["billed"], 4)

    def test_run_starts_at_its_time(self):
        with freeze_time("2025-01-31 12:00:00"):
            self._charge_all()
            run = self._create_run(scheduled_at="2025-02-01 06:00:00")
            run.action_start()
            self._work()
            self.assertEqual((run.state, run.line_count), ("scheduled", 0))
        with freeze_time("2025-02-01 06:00:00"):
            self._work()
        self.assertEqual((run.state, run.done_count), ("done", 4))

    def test_what_began_cannot_be_edited(self):
        self._charge_all()
        run = self._do()
        with self.assertRaisesRegex(UserError, "cannot be edited"):
            run.title = "Other"
        run.name = "January"
        with self.assertRaises(AccessError):
            run.state = "draft"
        with self.assertRaises(AccessError):
            self._create_run(state="running")

    def test_customer_is_once_in_a_run(self):
        self._charge_all()
        run = self._do()
        with (
            self.assertRaises(psycopg2.IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            run.sudo().line_ids[0].copy()

    # === SCHEDULES === #

    def _create_schedule(self, **values):
        return self.env["omni.billing.run.schedule"].create(
            {"name": "Monthly", "date_first": "2025-02-01", "title": "Month"} | values
        )

    def test_schedule_begins_a_run_each_month(self):
        """F187"""
        self.company.partner_id.tz = "America/Los_Angeles"
        self._charge_all(date="2025-01-31")
        late = self._charge_all(date="2025-02-01")
        schedule = self._create_schedule()
        with freeze_time("2025-02-01 07:59:00"):
            self._work()
            self.assertFalse(schedule.run_ids)
        with freeze_time("2025-02-01 08:00:00"):
            self._work()
            self._work()
        run = schedule.run_ids
        self.assertRecordValues(
            run,
            [
                {
                    "name": "Monthly, 2025-02-01",
                    "title": "Month",
                    "state": "done",
                    "date_start": False,
                    "date_end": date(2025, 1, 31),
                    "invoice_date": date(2025, 2, 1),
                    "date_due": date(2025, 2, 16),
                    "done_count": 4,
                }
            ],
        )
        self.assertEqual(set(late.mapped("state")), {"unbilled"})
        self.assertEqual(schedule.next_date, date(2025, 3, 1))

    @mute_logger("odoo.addons.omni_billing.models.runs.omni_billing_run_schedule")
    def test_schedule_that_is_broken_holds_up_no_other(self):
        broken = self._create_schedule()
        good = self._create_schedule()
        Schedule = type(broken)
        prepare = Schedule._prepare_run_values

        def break_one(schedule):
            if schedule == broken:
                raise ValueError("A hook of another addon")
            return prepare(schedule)

        with (
            freeze_time("2025-02-01 12:00:00"),
            patch.object(Schedule, "_prepare_run_values", break_one),
        ):
            self._work()
        self.assertFalse(broken.run_ids)
        self.assertTrue(good.run_ids)

    def test_schedule_catches_up_each_missed_run(self):
        for day in ("2025-01-15", "2025-02-15", "2025-03-15"):
            self._create_transaction(45, date=day)
        schedule = self._create_schedule(period="previous")
        with freeze_time("2025-04-10 12:00:00"):
            self._work()
        self.assertEqual(
            [
                (str(run.date_start), str(run.date_end), run.done_count)
                for run in schedule.run_ids.sorted("date_end")
            ],
            [
                ("2025-01-01", "2025-01-31", 1),
                ("2025-02-01", "2025-02-28", 1),
                ("2025-03-01", "2025-03-31", 1),
            ],
        )

    # === RIGHTS === #

    def test_staff_answer_for_their_own_runs(self):
        Run = self.env["omni.billing.run"].with_user(self.staff)
        manager = self._create_user("m-test", "omni_billing.omni_billing_group_manager")
        other = {"user_id": manager.id}
        with self.assertRaisesRegex(AccessError, "answer for"):
            Run.create(other)
        run = Run.create({})
        with self.assertRaisesRegex(AccessError, "answer for"):
            run.write(other)
        run.with_user(manager).write(other)
        self.assertEqual(run.user_id, manager)

    def test_staff_run_and_others_see_nothing(self):
        self._charge_all()
        run = self._create_run().with_user(self.staff)
        run.action_check()
        self._work()
        run.action_start()
        self._work()
        self.assertEqual(run.done_count, 4)
        with self.assertRaises(AccessError):
            run.line_ids.write({"state": "pending"})
        for user in (self.portal, self.outsider):
            with self.assertRaises(AccessError):
                run.with_user(user).get_progress()
            with self.assertRaises(AccessError):
                run.with_user(user).action_start()

"""A plan is never more than what is owed, and is kept or not (F148, F149)."""

from datetime import date, timedelta

from freezegun import freeze_time

from odoo.modules.migration import load_script
from odoo.tests import tagged

from .card_common import CardCommon
from .test_names import SCRIPTS


class PlanCommon(CardCommon):
    """An invoice of 70, due today, and a plan of twice 35."""

    def setUp(self):
        super().setUp()
        frozen = freeze_time("2025-01-10 12:00:00")
        frozen.start()
        self.addCleanup(frozen.stop)
        self.today = date(2025, 1, 10)
        self.invoice = self._bill_amounts(70, date="2025-01-10")

    def _plan(self, *amounts, invoice=None, card=True, first="2025-01-20"):
        """Plan payments, each a week after the one before."""
        day = date.fromisoformat(first)
        return self.env["omni.billing.installment"]._plan(
            invoice or self.invoice,
            [
                (day + timedelta(weeks=number), amount)
                for number, amount in enumerate(amounts)
            ],
            self.card if card else None,
        )

    def _charge(self, day):
        """Let the job work on that day."""
        with freeze_time(f"{day} 06:00:00"):
            # sudo: as the job.
            self.env["omni.billing.installment"].sudo()._cron_charge()
            self.env.invalidate_all()

    def _read(self, payments):
        payments.invalidate_recordset()
        return payments.mapped("amount_now")


@tagged("post_install", "-at_install")
class TestPlanIsTrue(PlanCommon):
    """Whatever settles a part of it, and by whichever door: the last ones shrink."""

    def _pay_cash(self):
        self._pay(self.invoice, mode="cash", amount=30)

    def _pay_from_the_bank(self):
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "payment_ref": "Transfer",
                "partner_id": self.customer.id,
                "amount": 30,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        terms = self.invoice._billing_get_receivable_lines()
        suspense.account_id = terms.account_id
        (suspense + terms).reconcile()

    def _credit(self):
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {"invoice_id": self.partly.id}
        )
        wizard.line_ids[:1].is_canceled = True
        wizard.action_cancel()

    def _have_credit_on_file(self):
        self._bill(self._create_credit(30))

    def _pay_by_another_card(self):
        self.invoice._billing_charge(self._save_card("1111"), 30)

    def _pay_on_a_page(self):
        payment = self._begin_online(self.invoice, amount=30)
        payment._set_done()
        payment._post_process()

    def test_each_door_shrinks_the_last_ones(self):
        self.invoice.action_billing_void()
        for pay in (
            self._pay_cash,
            self._pay_from_the_bank,
            self._have_credit_on_file,
            self._pay_by_another_card,
            self._pay_on_a_page,
        ):
            with self.subTest(pay=pay.__name__):
                self.invoice = self._bill_amounts(70)
                payments = self._plan(35, 35)
                self.assertEqual(self._read(payments), [35, 35])
                before = self.gateway.taken
                pay()
                self.env.flush_all()
                self.assertEqual(self._read(payments), [35, 5])
                self.assertEqual(self.invoice._billing_get_amount_owed(), 40)
                own = self.gateway.taken - before
                for day in ("2025-01-20", "2025-01-27", "2025-02-03"):
                    self._charge(day)
                self.assertEqual(self.gateway.taken - before - own, 4000)
                self.assertEqual(self.invoice.billing_state, "paid")
                self.assertEqual(self._read(payments), [35, 5])
                self.assertEqual(payments.mapped("charge_state"), ["paid", "paid"])

    def test_credit_note_of_an_item(self):
        first, second = (self._create_transaction(cost) for cost in (40, 30))
        invoice = self._bill(first, second)
        payments = self._plan(35, 35, invoice=invoice)
        invoice._billing_cancel_items(second)
        self.assertEqual(self._read(payments), [35, 5])
        self._charge("2025-01-20")
        self._charge("2025-01-27")
        self.assertEqual(self.gateway.taken, 4000)

    def test_void_ends_the_plan_at_once(self):
        payments = self._plan(35, 35)
        self.invoice.action_billing_void()
        self.assertEqual(set(payments.mapped("charge_state")), {"given_up"})
        self.assertFalse(self.invoice.billing_is_planned)
        self._charge("2025-02-10")
        self.assertFalse(self.gateway.charges)

    def test_what_is_undone_is_planned_again(self):
        """Nothing of the plan is lost by a payment that was none."""
        payments = self._plan(35, 35)
        self._pay(self.invoice, mode="cash")
        self.assertEqual(self._read(payments), [0, 0])
        self.assertFalse(self.invoice._billing_get_coming_payments())
        [payment] = self.invoice.billing_receipt_ids.payment_id
        payment._billing_undo(reason="Not theirs")
        self.env.flush_all()
        self.assertEqual(self._read(payments), [35, 35])
        self.assertTrue(self.invoice.billing_is_planned)

    def test_what_was_paid_otherwise_is_no_payment_of_the_plan(self):
        payments = self._plan(35, 35)
        self._pay(self.invoice, mode="cash")
        self._charge("2025-01-20")
        self._charge("2025-01-27")
        self.assertEqual(set(payments.mapped("charge_state")), {"given_up"})
        self.assertIn("otherwise", payments[0].charge_error)
        self.assertFalse(self.gateway.charges)

    def test_last_part_that_staff_record_may_be_smaller_than_planned(self):
        """It came to all that was left: nothing is left to staff."""
        payments = self._plan(35, 35, card=False, first="2025-01-10")
        self._pay_cash()
        self._charge("2025-01-10")
        self._charge("2025-01-17")
        first, second = payments
        self.assertEqual(payments.mapped("charge_state"), ["failed", "failed"])
        self.assertEqual(self._read(payments), [35, 5])
        for planned, amount in ((first, 35), (second, 5)):
            action = planned.action_pay_manually()
            wizard = self.env["omni.billing.payment.wizard"].with_context(
                **action["context"]
            )
            wizard = wizard.create({"mode": "cash"})
            self.assertEqual(wizard.amount, amount)
            wizard.action_pay()
        self.assertEqual(payments.mapped("charge_state"), ["paid", "paid"])
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_more_can_be_planned_up_to_what_is_owed(self):
        self._plan(70)
        self._pay_cash()
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": self.invoice.ids, "mode": "bank", "is_post_dated": True}
        )
        self.assertEqual(wizard.amount, 0)


@tagged("post_install", "-at_install")
class TestPlanIsKept(PlanCommon):
    """Who pays as agreed is not late."""

    def setUp(self):
        super().setUp()
        self.company.billing_reminders = True
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})

    def _is_overdue(self, day="2025-01-19"):
        """Ask each who tells that it is overdue; they have to agree."""
        with freeze_time(f"{day} 12:00:00"):
            self.env.flush_all()
            self.env.invalidate_all()
            Move = self.env["account.move"]
            domain = Move._billing_get_remindable_domain(self.company)
            self.env["omni.billing.late.fee"].sudo()._cron_charge()  # sudo: a job
            fees = self.env["omni.billing.late.fee"].search(
                [("move_id", "=", self.invoice.id)]
            )
            fees.transaction_id.filtered(lambda fee: fee.state != "void")._set_void()
            had_fee = bool(fees)
            fees.sudo().unlink()  # sudo: nobody may; each question is a new one
            self.env.invalidate_all()
            view = self.env.ref("omni_billing.account_move_view_search_billing")
            answers = {
                "flag": self.invoice._billing_is_overdue(),
                "reminders": self.invoice in Move.search(domain),
                "reminders here": bool(self.invoice.filtered_domain(domain)),
                "fees": had_fee,
                "customers": self.customer.billing_overdue_amount > 0,
                "customers sought": self.customer
                in self.env["res.partner"].search([("billing_overdue_amount", ">", 0)]),
                "list": self.invoice in Move.search(self._read_filter(view, "overdue")),
            }
        self.assertEqual(len(set(answers.values())), 1, answers)
        return answers["flag"]

    def _read_filter(self, view, name):
        from lxml import etree

        from odoo.tools.safe_eval import safe_eval

        arch = etree.fromstring(view.arch)
        return safe_eval(arch.find(f".//filter[@name='{name}']").get("domain"))

    def test_planned_is_not_overdue_as_long_as_it_is_kept(self):
        self.assertTrue(self._is_overdue())
        payments = self._plan(35, 35)
        self.assertFalse(self._is_overdue())
        self._charge("2025-01-20")
        self.assertFalse(self._is_overdue("2025-01-21"))
        self.gateway.decline("expired_card", "expired_card")
        self._charge("2025-01-27")
        self.assertEqual(payments[1].charge_state, "failed")
        self.assertTrue(self._is_overdue("2025-01-28"))
        self._pay(self.invoice, mode="cash")
        self.assertFalse(self._is_overdue("2025-01-29"))

    def test_first_that_fails_breaks_the_plan_and_paying_it_mends_it(self):
        payments = self._plan(35, 35)
        self.gateway.decline("expired_card", "expired_card")
        self._charge("2025-01-20")
        self.assertEqual(payments.mapped("charge_state"), ["failed", "due"])
        self.assertTrue(self._is_overdue("2025-01-21"))
        self._pay(self.invoice, mode="cash", amount=35)
        self.assertFalse(self._is_overdue("2025-01-22"))
        self.assertEqual(self._read(payments), [0, 35])

    def test_canceled_plan(self):
        payments = self._plan(35, 35)
        payments.action_cancel()
        self.assertTrue(self._is_overdue())

    def test_what_is_not_planned_is_late(self):
        """A plan for a part of it does not put off the rest."""
        self._plan(30)
        self.assertTrue(self._is_overdue())
        self.company.write(
            {"billing_late_fee": "percent", "billing_late_fee_percent": 10}
        )
        late = self.invoice._billing_get_amounts_late(date(2025, 1, 10))
        self.assertEqual(late, {self.invoice.id: 40})

    def test_other_invoices_of_the_customer_are_as_before(self):
        other = self._bill_amounts(20)
        self._plan(70)
        with freeze_time("2025-01-15 12:00:00"):
            self.env.flush_all()
            self.env.invalidate_all()
            self.assertEqual(self.customer.billing_overdue_amount, 20)
            self.assertTrue(other._billing_is_overdue())

    def test_upgrade_says_what_is_planned(self):
        half, none = self._bill_amounts(50, 20)
        self._plan(35, 35)
        self._plan(10, invoice=half)
        moves = self.invoice + half + none
        names = ["billing_is_planned", "billing_planned_amount"]
        before = moves.read(names)
        self.assertEqual(moves.mapped("billing_is_planned"), [True, False, False])
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET billing_is_planned = NULL,"
            " billing_planned_amount = NULL"
        )
        path = SCRIPTS / "19.0.1.7.0" / "pre-planned.py"
        load_script(str(path), "planned").migrate(self.env.cr, "19.0.1.6.0")
        self.env.invalidate_all()
        self.assertEqual(moves.read(names), before)


@tagged("post_install", "-at_install")
class TestPlanIsShown(PlanCommon):
    """On the page, in the templates of staff, and on the statement."""

    def _read_page(self):
        return self.invoice._billing_prepare_document().source

    def test_page(self):
        self.assertNotIn("Scheduled payments", self._read_page())
        self.invoice._billing_get_pdf()
        [stored] = self.env["omni.billing.pdf.cache"].search(
            [("move_id", "=", self.invoice.id)]
        )
        key = stored.key
        self._plan(35, 35)
        self.invoice._billing_get_pdf()
        self.assertNotEqual(stored.key, key)
        page = self._read_page()
        for text in ("Scheduled payments", "01/20/2025", "01/27/2025", "4242", "35.00"):
            self.assertIn(text, page)
        self._pay(self.invoice, mode="cash", amount=30)
        page = self._read_page()
        self.assertIn("$\xa05.00", page)
        self._pay(self.invoice, mode="cash")
        self.assertNotIn("Scheduled payments", self._read_page())

    def test_stored_page_follows_each_change_of_a_plan(self):
        payments = self._plan(10, 10)
        for change in (
            lambda: self._plan(10, first="2025-03-01"),
            payments[1].action_cancel,
            lambda: self._charge("2025-01-20"),
        ):
            self.env.flush_all()
            self.invoice._billing_get_pdf()
            stored = self.env["omni.billing.pdf.cache"].search(
                [("move_id", "=", self.invoice.id)]
            )
            key = stored.key
            change()
            self.env.flush_all()
            self.invoice._billing_get_pdf()
            self.assertNotEqual(stored.key, key)

    def test_variables_of_templates(self):
        self._plan(35, 35, card=False)
        variables = self.invoice._billing_prepare_template_variables()
        self.assertEqual(
            [(part["date"], part["amount"]) for part in variables["plan"]],
            [("2025-01-20", 35), ("2025-01-27", 35)],
        )

    def test_statement(self):
        self._plan(35, 35)
        self._pay(self.invoice, mode="cash", amount=30)
        statement = self.env["omni.billing.statement"].create(
            {"partner_id": self.customer.id}
        )
        [part] = statement._prepare_page()["parts"]
        self.assertEqual(
            [(row["date"], row["amount"], row["move"]) for row in part["plan"]],
            [
                (date(2025, 1, 20), 35, self.invoice),
                (date(2025, 1, 27), 5, self.invoice),
            ],
        )
        self._pay(self.invoice, mode="cash")
        [part] = statement._prepare_page()["parts"]
        self.assertFalse(part["plan"])

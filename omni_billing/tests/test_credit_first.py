"""What is charged by itself, shown and asked for is the residual less unused credit."""

from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon
from .test_omni_billing_run import RunCommon


@tagged("post_install", "-at_install")
class TestCreditFirst(CardCommon, RunCommon):
    """W15, F148, F154: credit is set against the oldest invoice before a card pays."""

    def setUp(self):
        super().setUp()
        frozen = freeze_time("2025-01-10 12:00:00")
        frozen.start()
        self.addCleanup(frozen.stop)

    def _bill_due(self, amount, due):
        charge = self._create_transaction(amount, date="2025-01-10")
        return self._bill(charge, date_due=due)

    def _give_credit(self, amount):
        """Put a credit note on file."""
        credit = self._create_credit(amount, date="2025-01-10")
        return self._bill(credit)

    def _plan(self, invoice, day="2025-01-20", **values):
        self.env["omni.billing.payment.wizard"].create(
            {
                "invoice_ids": [Command.set(invoice.ids)],
                "mode": "stripe",
                "is_post_dated": True,
                "date_first": day,
            }
            | values
        ).action_plan()
        return invoice.billing_installment_ids

    def _charge_planned(self, day="2025-01-20"):
        with freeze_time(f"{day} 06:00:00"):
            # sudo: as the job.
            self.env["omni.billing.installment"].sudo()._cron_charge()

    def _check_books(self):
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    # === PLANNED PAYMENTS === #

    def test_planned_payment_that_credit_covers_charges_nothing(self):
        invoice = self._bill_due(60, "2025-01-10")
        payment = self._plan(invoice)
        self._give_credit(60)
        self._charge_planned()
        self.assertFalse(self.gateway.charges)
        self.assertEqual(invoice.amount_residual, 0)
        self.assertEqual(payment.charge_state, "paid")
        self._check_books()

    def test_planned_payment_is_reduced_by_credit_on_its_day(self):
        invoice = self._bill_due(60, "2025-01-10")
        payment = self._plan(invoice)
        self._give_credit(25)
        self._charge_planned()
        self.assertEqual(self.gateway.taken, 3500)
        self.assertEqual((invoice.billing_state, payment.charge_state), ("paid",) * 2)
        self._check_books()

    def test_no_more_than_planned_is_charged(self):
        invoice = self._bill_due(100, "2025-01-10")
        self._plan(
            invoice, frequency="month", date_first="2025-01-20", date_last="2025-02-20"
        )
        self._give_credit(30)
        self._charge_planned()
        self.assertEqual(self.gateway.taken, 5000)
        self.assertEqual(invoice.amount_residual, 20)
        self._charge_planned("2025-02-20")
        self.assertEqual(self.gateway.taken, 7000)
        self.assertEqual(invoice.billing_state, "paid")

    def test_expected_money_is_less_what_credit_pays(self):
        """A transfer that is expected: credit comes first there, too."""
        invoice = self._bill_due(60, "2025-01-10")
        payment = self._plan(invoice, mode="bank")
        self._give_credit(25)
        self._charge_planned()
        self.assertEqual(
            (invoice.amount_residual, payment.charge_state), (35, "failed")
        )
        covered = self._bill_due(10, "2025-01-12")
        later = self._plan(covered, "2025-01-25", mode="bank")
        self._pay(invoice, mode="cash")
        self._give_credit(10)
        self._charge_planned("2025-01-25")
        self.assertEqual((covered.amount_residual, later.charge_state), (0, "paid"))

    # === OLDEST FIRST === #

    def test_credit_goes_to_the_oldest_invoice(self):
        """The card pays what is planned in full, since credit pays what is older."""
        older = self._bill_due(45, "2025-01-05")
        planned = self._bill_due(60, "2025-01-10")
        later = self._bill_due(5, "2025-01-31")
        self._plan(planned)
        self._give_credit(50)
        self._charge_planned()
        self.assertEqual(self.gateway.taken, 5500)
        self.assertEqual(older.amount_residual, 0)
        self.assertEqual(planned.amount_residual, 0)
        self.assertEqual(later.amount_residual, 5)
        self._check_books()

    def test_credit_of_another_account_stays(self):
        """Money is used where it is booked."""
        invoice = self._bill_due(60, "2025-01-10")
        other = self.company_data["default_account_receivable"].copy()
        self.customer.property_account_receivable_id = other
        self._give_credit(60)
        self.assertEqual(invoice._billing_get_amount_owed(), 60)
        self._plan(invoice)
        self._charge_planned()
        self.assertEqual(self.gateway.taken, 6000)

    def test_credit_on_its_way_to_a_card_is_not_counted(self):
        invoice = self._bill_due(60, "2025-01-10")
        note = self._give_credit(60)
        self.assertEqual(invoice._billing_get_amount_owed(), 0)
        attempt = self._begin_online(self._bill_due(1, "2025-01-10"))
        trust(note).billing_attempt_id = attempt
        self.assertEqual(invoice._billing_get_amount_owed(), 60)

    # === RUNS AND MANY INVOICES === #

    def _advance(self, amount):
        """Take money in advance: an accountant's payment of no invoice."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.customer.id,
                "amount": amount,
                "date": "2025-01-10",
            }
        )
        payment.action_post()
        return payment

    def test_run_charges_what_an_advance_leaves(self):
        self._advance(25)
        self._create_transaction(60, date="2025-01-10")
        run = self._create_run(is_charge=True)
        run.action_check()
        self._work()
        [line] = run.line_ids
        self.assertEqual(line.amount_total, 60)
        self.assertIn("$\xa025.00 of it first", line.reason)
        self.assertIn("$\xa035.00 are charged", line.reason)
        self._do(run)
        self.assertEqual(self.gateway.taken, 3500)
        self.assertEqual(run.line_ids.charge_state, "paid")
        self.assertEqual(run.line_ids.invoice_id.billing_state, "paid")
        self._check_books()

    def test_run_says_that_credit_pays_all(self):
        self._advance(100)
        self._bill_due(30, "2025-01-01")
        self._create_transaction(60, date="2025-01-10")
        self.card.action_billing_delete()
        run = self._create_run(is_charge=True)
        run.action_check()
        self._work()
        self.assertEqual(
            run.line_ids.reason, "Credit on file pays all of it: nothing is charged."
        )
        self._do(run)
        self.assertFalse(self.gateway.charges)
        self.assertEqual(run.line_ids.charge_state, "paid")

    def test_credit_that_an_older_invoice_takes_is_not_counted_in_a_check(self):
        self._advance(25)
        self._bill_due(25, "2025-01-01")
        self._create_transaction(60, date="2025-01-10")
        run = self._create_run(is_charge=True)
        run.action_check()
        self._work()
        self.assertFalse(run.line_ids.reason)

    def test_many_invoices_charge_what_credit_leaves(self):
        invoice = self._bill_due(60, "2025-01-10")
        self._give_credit(25)
        other = self.others[0]
        self._save_card("1111", partner=other)
        foreign = self._bill(
            self._create_transaction(7, partner_id=other.id, date="2025-01-10"),
            partner_id=other.id,
        )
        bulk = self.env["omni.billing.bulk"].create(
            {
                "operation": "pay",
                "mode": "stripe",
                "invoice_ids": [Command.set((invoice + foreign).ids)],
            }
        )
        results = bulk.run_step((invoice + foreign).ids)
        self.assertFalse([result["error"] for result in results if result["error"]])
        self.assertEqual(self.gateway.taken, 3500 + 700)
        self.assertEqual((invoice + foreign).mapped("billing_state"), ["paid"] * 2)

    # === WHO PAYS === #

    def test_what_a_person_agreed_to_is_charged_as_it_is(self):
        """Staff see the credit in the dialog, and choose."""
        invoice = self._bill_due(60, "2025-01-10")
        self._give_credit(25)
        invoice._billing_charge(self.card, 60)
        self.assertEqual(self.gateway.taken, 6000)

    def test_credit_that_comes_meanwhile_is_not_charged(self):
        """The amount was shown: it is charged as shown, or not at all."""
        invoice = self._bill_due(60, "2025-01-10")
        self._give_credit(25)
        with self.assertRaisesRegex(UserError, "at most the \\$\xa035.00 owed"):
            invoice._billing_charge(self.card, 60, is_credit_first=True)
        self.assertFalse(self.gateway.charges)

    def test_declined_card_keeps_what_credit_paid(self):
        invoice = self._bill_due(60, "2025-01-10")
        self._give_credit(25)
        self._plan(invoice)
        self.gateway.decline(decline_code="insufficient_funds")
        self._charge_planned()
        self.assertEqual(invoice.amount_residual, 35)
        self._charge_planned("2025-01-21")
        self.assertEqual(self.gateway.taken, 3500)

    def test_somebody_else_has_the_invoice(self):
        """The charge waits, and nothing is used."""
        invoice = self._bill_due(60, "2025-01-10")
        self._plan(invoice)
        self._give_credit(60)
        Move = type(invoice)
        with patch.object(
            Move, "_billing_reconcile_oldest_first", side_effect=UserError("Busy")
        ):
            self._charge_planned()
        self.assertEqual(invoice.billing_installment_ids.charge_state, "failed")
        self.assertFalse(self.gateway.charges)

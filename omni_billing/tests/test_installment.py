"""Payments on later days, and in several parts (F148, F149, F155)."""

from contextlib import suppress
from datetime import date
from pathlib import Path

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.modules.migration import load_script
from odoo.tests import Form, tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestInstallment(CardCommon):
    def setUp(self):
        super().setUp()
        frozen = freeze_time("2025-01-10 12:00:00")
        frozen.start()
        self.addCleanup(frozen.stop)
        # The cards and the customer's day are those of that year.
        self.invoice = self._bill_amounts(100, date="2025-01-10")

    def _plan(self, invoice=None, **values):
        """Plan payments in the dialog; return them."""
        invoice = invoice or self.invoice
        wizard = self.env["omni.billing.payment.wizard"].create(
            {
                "invoice_ids": [Command.set(invoice.ids)],
                "mode": "stripe",
                "is_post_dated": True,
            }
            | values
        )
        wizard.action_plan()
        return invoice.billing_installment_ids

    def _charge(self, day):
        """Let the job work on that day."""
        with freeze_time(f"{day} 06:00:00"):
            # sudo: as the job.
            self.env["omni.billing.installment"].sudo()._cron_charge()

    def _read(self, installments):
        return [(i.date, i.amount, i.charge_state) for i in installments]

    # === The plan === #

    def test_tick_box_and_later_day(self):
        """F148: nothing is charged before the day, and once on it."""
        payment = self._plan(date_first="2025-01-20")
        self.assertEqual(self._read(payment), [(date(2025, 1, 20), 100, "due")])
        self.assertEqual(payment.token_id, self.card)
        self._charge("2025-01-19")
        self.assertFalse(self.gateway.charges)
        for _time in range(2):
            self._charge("2025-01-20")
            self.assertEqual(self.gateway.taken, 10000)
        self.assertEqual(payment.charge_state, "paid")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self._get_ledger_balance(), 0)

    def test_in_several_payments(self):
        """F148, F149: weekly, monthly from the 31st; the cents come to the whole."""
        payments = self._plan(
            frequency="month", date_first="2025-01-31", date_last="2025-03-31"
        )
        self.assertEqual(
            self._read(payments),
            [
                (date(2025, 1, 31), 33.33, "due"),
                (date(2025, 2, 28), 33.33, "due"),
                (date(2025, 3, 31), 33.34, "due"),
            ],
        )
        other = self._bill_amounts(10)
        payments = self._plan(
            other, frequency="week", date_first="2025-01-13", date_last="2025-01-26"
        )
        self.assertEqual(
            self._read(payments),
            [(date(2025, 1, 13), 5, "due"), (date(2025, 1, 20), 5, "due")],
        )
        for day in ("2025-01-31", "2025-02-28", "2025-03-31"):
            self._charge(day)
        self.assertEqual(self.gateway.taken, 11000)
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_fixed_dates(self):
        """F149: the proposed payments can be changed, in the dialog."""
        context = self.invoice.action_billing_pay()["context"]
        with Form(
            self.env["omni.billing.payment.wizard"].with_context(**context)
        ) as form:
            form.mode = "stripe"
            form.is_post_dated = True
            form.frequency = "week"
            self.assertEqual(len(form.plan_line_ids), 3)
            form.plan_line_ids.remove(2)
            for index, (day, amount) in enumerate(
                [("2025-02-03", 30), ("2025-05-17", 60)]
            ):
                with form.plan_line_ids.edit(index) as line:
                    line.date, line.amount = day, amount
        form.record.action_plan()
        self.assertEqual(
            self._read(self.invoice.billing_installment_ids),
            [(date(2025, 2, 3), 30, "due"), (date(2025, 5, 17), 60, "due")],
        )

    def test_after_a_first_payment(self):
        """F149: with an initial payment, or without one."""
        self._pay(self.invoice, mode="cash", amount=40)
        payment = self._plan(date_first="2025-02-01")
        self.assertEqual(payment.amount, 60)

    def test_what_cannot_be_planned(self):
        second = self._bill_amounts(10)
        for message, values in (
            ("pay on a later day", {"mode": "credit"}),
            ("is over", {"date_first": "2025-01-09"}),
            ("more than the", {"amount": 100.01}),
            ("more than zero", {"amount": 0}),
            ("at least one", {"date_first": False}),
            ("No payment method found", {"token_id": False}),
            (
                "one invoice after the other",
                {"invoice_ids": [Command.set((self.invoice + second).ids)]},
            ),
        ):
            with (
                self.subTest(message=message),
                self.assertRaisesRegex(UserError, message),
            ):
                self._plan(**values)
        self.assertFalse(self.invoice.billing_installment_ids)
        # Nor twice the same money.
        self._plan(amount=70)
        with self.assertRaisesRegex(UserError, "30.00"):
            self._plan(amount=31)
        self.assertEqual(self._plan()[-1].amount, 30)

    def test_who_may_plan(self):
        with self.assertRaises(AccessError):
            self.env["omni.billing.installment"].with_user(self.portal)._plan(
                self.invoice.with_user(self.portal), [(date(2025, 2, 1), 10)]
            )
        self.env = self.env(user=self.staff)
        payment = self._plan()
        with self.assertRaises(AccessError):
            payment.with_user(self.staff).amount = 1
        with self.assertRaises(AccessError):
            payment.with_user(self.portal).action_cancel()
        payment.with_user(self.staff).action_cancel()
        self.assertEqual(payment.charge_state, "given_up")
        with self.assertRaisesRegex(UserError, "still to come"):
            payment.action_cancel()
        self._charge("2025-03-01")
        self.assertFalse(self.gateway.charges)

    # === The day === #

    def test_day_is_that_of_the_customer(self):
        """In Los Angeles, the 20th begins at eight in the morning of UTC."""
        self.customer.tz = "America/Los_Angeles"
        payment = self._plan(date_first="2025-01-20")
        with freeze_time("2025-01-20 07:00:00"):
            # sudo: as the job.
            self.env["omni.billing.installment"].sudo()._cron_charge()
        self.assertEqual(payment.charge_state, "due")
        with freeze_time("2025-01-20 09:00:00"):
            self.env["omni.billing.installment"].sudo()._cron_charge()  # sudo: as above
        self.assertEqual(payment.charge_state, "paid")
        self.customer.tz = "Pacific/Auckland"
        other = self._bill_amounts(10)
        payment = self._plan(other, date_first="2025-01-20")
        with freeze_time("2025-01-19 12:00:00"):
            self.env["omni.billing.installment"].sudo()._cron_charge()  # sudo: as above
        self.assertEqual(payment.charge_state, "paid")

    def test_only_what_is_still_owed(self):
        """Whatever was paid or credited otherwise meanwhile."""
        first, second = self._plan(frequency="week", date_last="2025-01-17")
        self._pay(self.invoice, mode="cash", amount=80)
        self._charge("2025-01-10")
        self.assertEqual(first.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 2000)
        self._charge("2025-01-17")
        self.assertEqual(second.charge_state, "given_up")
        self.assertEqual(self.gateway.taken, 2000)

    def test_void_invoice(self):
        payment = self._plan()
        self.invoice.action_billing_void()
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "given_up")
        self.assertFalse(self.gateway.charges)

    def test_declined_is_tried_again_and_then_left_to_staff(self):
        """F155, W11"""
        self.company.billing_retry_days = "3"
        payment = self._plan()
        self.gateway.decline("card_declined", "insufficient_funds")
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "retry")
        self.assertEqual(payment.charge_date, date(2025, 1, 13))
        self.gateway.decline("card_declined", "insufficient_funds")
        self._charge("2025-01-13")
        self.assertEqual(payment.charge_state, "failed")
        self.assertIn("not enough money", payment.charge_error)
        payment.action_charge_again()
        self.assertEqual(payment.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 10000)

    def test_another_card_pays(self):
        payment = self._plan()
        self.gateway.decline("expired_card", "expired_card")
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "failed")
        other = self._save_card("1111")
        action = payment.action_other_card()
        wizard = self.env["omni.billing.payment.wizard"].with_context(
            **action["context"]
        )
        wizard = wizard.create({"token_id": other.id})
        self.assertEqual(wizard.amount, 100)
        wizard.action_pay()
        self.assertEqual(payment.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 10000)

    def test_expected_money_is_left_to_staff_on_the_day(self):
        """F148: a post-dated cheque, or a transfer that was promised."""
        first, second = self._plan(
            mode="bank", frequency="week", date_last="2025-01-17"
        )
        self._charge("2025-01-10")
        self.assertEqual(first.charge_state, "failed")
        # On later days, too.
        self.assertIn("Expected by now", first.charge_error)
        action = first.action_pay_manually()
        wizard = self.env["omni.billing.payment.wizard"].with_context(
            **action["context"]
        )
        wizard.create({"reference": "Cheque 12"}).action_pay()
        self.assertEqual(first.charge_state, "paid")
        self.assertEqual(self.invoice.amount_residual, 50)
        self.assertEqual(second.charge_state, "due")

    def test_what_said_today_on_later_days_is_put_right(self):
        first, second = self._plan(
            mode="bank", frequency="week", date_last="2025-01-17"
        )
        # sudo: jobs write it.
        first.sudo().charge_error = "Attendu aujourd'hui : enregistrez-le."
        second.sudo().charge_error = "Card declined."
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.9.0"
        script = load_script(str(folder / "post-expected.py"), "expected")
        script.migrate(self.env.cr, "19.0.1.8.0")
        (first + second).invalidate_recordset()
        self.assertEqual(first.charge_error, first._explain_no_card())
        self.assertEqual(second.charge_error, "Card declined.")

    def test_payment_of_another_invoice_is_not_marked(self):
        """A client may send any."""
        payment = self._plan()
        wizard = self.env["omni.billing.payment.wizard"].create(
            {
                "invoice_ids": [Command.set(self._bill_amounts(30).ids)],
                "installment_id": payment.id,
                "mode": "cash",
            }
        )
        with self.assertRaisesRegex(UserError, "another invoice"):
            wizard.action_pay()

    def test_deleted_card(self):
        payment = self._plan()
        self.card.sudo().active = False  # sudo: as the customer's page does
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "failed")
        self.assertIn("card", payment.charge_error)

    def test_lost_answer(self):
        """W18: neither charged twice, nor forgotten."""
        for is_executed in (True, False):
            with self.subTest(is_executed=is_executed):
                invoice = self._bill_amounts(40)
                payment = self._plan(invoice, date_first="2025-01-10")
                before = self.gateway.taken
                self.gateway.lose(is_executed)
                self._charge("2025-01-10")
                self.assertEqual(payment.charge_state, "open")
                self.assertTrue(invoice.billing_attempt_id)
                # sudo: as the job.
                self.env["payment.transaction"].sudo()._cron_billing_resolve()
                self._charge("2025-01-10")
                if not is_executed:
                    self.assertEqual(payment.charge_state, "retry")
                    self._charge(payment.charge_date)
                self.assertEqual(payment.charge_state, "paid")
                self.assertEqual(self.gateway.taken - before, 4000)

    def test_outcome_wakes_the_job_that_waits_for_it(self):
        """Which would come an hour later by itself."""
        action = "ir_cron_charge_installments"
        for is_known in (False, True):
            with self.subTest(is_known=is_known):
                self._plan(self._bill_amounts(40), date_first="2025-01-10")
                self.gateway.lose(is_executed=True)
                self._charge("2025-01-10")
                if not is_known:
                    self.gateway.plan.append(("lose", False))  # the question is, too
                before = self._count_triggers(action)
                # sudo: as the job.
                self.env["payment.transaction"].sudo()._cron_billing_resolve()
                self.assertEqual(self._count_triggers(action) - before, int(is_known))

    def test_somebody_else_charges_at_that_moment(self):
        """Their attempt is not taken for the scheduled one."""
        first, second = self._plan(frequency="week", date_last="2025-01-17")
        self.gateway.lose(is_executed=True)
        self.invoice._billing_charge(self.card, 30)
        self.gateway.plan.append(("lose", False))  # asked, and no answer
        self._charge("2025-01-10")
        self.assertEqual(first.charge_state, "open")
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self._charge("2025-01-10")
        self._charge("2025-01-10")
        self.assertEqual(first.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 3000 + 5000)
        self._charge("2025-01-17")
        self.assertEqual(second.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 10000)
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_two_at_the_same_payment(self):
        """Who comes second leaves it to the first, whose outcome counts once."""
        first, second = self._plan(frequency="week", date_last="2025-01-17")
        self.gateway.lose(is_executed=True)
        self._charge("2025-01-10")
        self.gateway.plan.append(("lose", False))  # asked, and no answer
        # sudo: as another job, that had seen it as due.
        first.sudo()._charge()
        self.assertEqual(first.charge_state, "open")
        self.assertTrue(first.sudo().charge_attempt_id.billing_is_open)
        self.env["payment.transaction"].sudo()._cron_billing_resolve()  # sudo: a job
        for _time in range(3):
            self._charge("2025-01-10")
        self.assertEqual(first.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 5000)
        self.assertEqual(second.charge_state, "due")

    def test_outcome_that_comes_late_changes_nothing(self):
        """Another one has learnt it, charged again and was paid."""
        payment = self._plan()
        charge = self.gateway.charge
        self.gateway.decline("expired_card", "expired_card")

        def be_slow(**values):
            answer = charge(**values)
            payment.sudo().write({"charge_state": "paid"})  # sudo: as another job
            return answer

        self.gateway.charge = be_slow
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "paid")
        self.assertFalse(payment.charge_error)

    def test_key_that_is_refused_counts_no_try_for_each_who_learns_it(self):
        payment = self._plan()
        charge = self.gateway.charge

        def deny(**values):
            self.gateway.is_closed = True
            try:
                return charge(**values)
            finally:
                self.gateway.is_closed = False

        self.gateway.charge = deny
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_tries, 0)
        # sudo: attempts are internal.
        payment.sudo()._take_outcome(payment.sudo().charge_attempt_id)
        self.assertEqual(payment.charge_tries, 0)

    def test_card_that_is_saved_again_goes_on_with_the_plan(self):
        """The older one is archived; it is the same card of the same customer."""
        failed, first, second = self._plan(frequency="week", date_last="2025-01-24")
        self.gateway.decline("expired_card", "expired_card")
        self._charge("2025-01-10")
        other = self._plan(self._bill_amounts(10), token_id=self._save_card("1111").id)
        again = self._save_card("4242", stripe_payment_method="pm_new")
        self.assertFalse(self.card.active)
        self.assertEqual((failed + first + second).token_id, again)
        self.assertEqual(other.token_id.billing_last4, "1111")
        self._charge("2025-01-17")
        self.assertEqual(first.charge_state, "paid")
        failed.action_charge_again()
        self.assertEqual(failed.charge_state, "paid")
        self.card.sudo().active = False  # sudo: as the customer's page does

    def test_process_dies_after_the_attempt_was_written(self):
        """Its outcome is learnt, and the card is not charged again for it."""

        class Crash(BaseException):
            pass

        payment = self._plan()

        def die(**_values):
            raise Crash

        self.gateway.charge = die
        # Not by assertRaises, which undoes what was written.
        with suppress(Crash):
            self._charge("2025-01-10")
        del self.gateway.charge
        self.assertEqual(payment.charge_state, "open")
        self.assertEqual(payment.sudo().charge_attempt_id.state, "draft")
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "retry")
        self.assertEqual(payment.charge_tries, 1)
        self.assertEqual(self.gateway.taken, 0)
        self._charge(payment.charge_date)
        self.assertEqual(payment.charge_state, "paid")
        self.assertEqual(self.gateway.taken, 10000)

    # === What else looks at it === #

    def test_no_reminder_while_it_is_paid_as_planned(self):
        domain = self.invoice._billing_get_remindable_domain(self.company)
        self.assertTrue(self.invoice.filtered_domain(domain))
        payment = self._plan()
        self.assertFalse(self.invoice.filtered_domain(domain))
        self.assertNotIn(self.invoice, self.env["account.move"].search(domain))
        self.gateway.decline("expired_card", "expired_card")
        self._charge("2025-01-10")
        self.assertEqual(payment.charge_state, "failed")
        self.assertIn(self.invoice, self.env["account.move"].search(domain))

    def test_of_one_company_only(self):
        payment = self._plan()
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self._create_user("other", "omni_billing.omni_billing_group_user")
        stranger.write({"company_ids": other.ids, "company_id": other.id})
        with self.assertRaises(AccessError):
            payment.with_user(stranger).read(["amount"])

"""A customer is told of a debit before it, as agreed (W33)."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.modules.migration import load_script
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .test_bank_debits import DebitCommon
from .test_omni_billing_run import RunCommon

ANNOUNCING = "odoo.addons.omni_billing.models.collection"


@tagged("post_install", "-at_install")
class TestDebitNotice(DebitCommon, RunCommon):
    """10 days' notice, which the owner of the account agreed to."""

    def setUp(self):
        super().setUp()
        self.company.billing_debit_notice_days = 10
        self.consent = self.account._billing_agree("paper")
        self.plans = self.env["omni.billing.installment"].sudo()  # sudo: a job

    def _plan(self, days=0, amount=45):
        day = self.today + timedelta(days=days)
        return self.plans._plan(self.invoice, [(day, amount)], self.account)

    def _work_on(self, plan):
        plan._cron_charge()
        self.env.invalidate_all()

    def _find_notices(self):
        # sudo: as the outbox does.
        mails = self.env["omni.billing.mail"].sudo()
        return mails.search([("kind", "=", "notice")], order="id")

    def _send(self, notice, days_ago=0):
        """Have it leave, some days ago."""
        notice._set_sent()
        notice.sent_date = fields.Datetime.now() - timedelta(days=days_ago)
        notice.notice_date -= timedelta(days=days_ago)

    def _come_to_its_day(self, plan):
        plan.charge_date = self.today
        self.gateway.wait()
        self._work_on(plan)

    def test_what_was_agreed_is_kept(self):
        self.assertEqual(self.consent.notice_days, 10)
        self.assertIn("10 days before each debit", self.consent.text)
        # Who agreed before is told as was agreed then.
        self.company.billing_debit_notice_days = 3
        self.assertEqual(self.consent._get_notice_days(), 10)
        self.assertEqual(self.card._billing_agree("paper").notice_days, 0)

    def test_nobody_is_debited_before(self):
        """By no door: program, Odoo's dialog, all of several, the dialog of staff."""
        with self.assertRaisesRegex(UserError, "was not told of this one"):
            self.invoice._billing_charge(self.account)
        card, self.card = self.card, self.account
        with self.assertRaisesRegex(UserError, "was not told of this one"):
            self._register(self.invoice)
        self.card = card
        with self.assertRaisesRegex(UserError, "was not told of this one"):
            self._pay(self.invoice, mode="stripe", token_id=self.account.id)
        self.assertFalse(self.gateway.named_charges)
        # The customer says so on the phone, for just this; or is there.
        self.gateway.wait()
        self._pay(
            self.invoice,
            mode="stripe",
            token_id=self.account.id,
            consent_channel="phone",
        )
        other = self._bill_amounts(10)
        self.gateway.wait()
        other._billing_charge(self.account, is_customer_present=True)
        self.assertEqual(len(self.gateway.named_charges), 2)
        self.assertFalse(self._find_notices())

    def test_told_then_debited_once(self):
        plan = self._plan()
        for _twice in range(2):
            plan.charge_date = self.today
            self._work_on(plan)
        notice = self._find_notices()
        self.assertEqual(len(notice), 1)
        self.assertEqual((plan.charge_state, notice.notice_amount), ("retry", 45))
        self.assertEqual(plan.charge_date, self.today + timedelta(days=10))
        self.assertIn("45.00 are debited on", plan.charge_error)
        self.assertFalse(self._is_remindable())
        told = self.invoice._billing_prepare_mail("notice")
        self.assertIn("45.00", told["body"])
        self.assertIn("mandate_1", told["body"])
        self.assertFalse(told["files"])
        # It was not sent in time: it counts from then.
        self._send(notice, days_ago=9)
        self._come_to_its_day(plan)
        self.assertFalse(self.gateway.named_charges)
        self.assertEqual(plan.charge_date, self.today + timedelta(days=1))
        self._send(notice, days_ago=10)
        self._work_on(plan)
        self.assertEqual(plan.charge_state, "retry")
        plan.charge_date = self.today
        self._work_on(plan)
        self.assertEqual(plan.charge_state, "collecting")
        self.assertEqual(len(self.gateway.named_charges), 1)
        # It came back: the same debit again needs no other notice.
        attempt = plan.charge_attempt_id
        self._return(attempt)
        self._work_on(plan)
        self.assertEqual((plan.charge_state, plan.charge_tries), ("retry", 1))
        self._come_to_its_day(plan)
        self.assertEqual(plan.charge_state, "collecting")
        self._answer(plan.charge_attempt_id)
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(len(self._find_notices()), 1)

    def test_paid_meanwhile_is_not_debited(self):
        plan = self._plan()
        self._work_on(plan)
        self._pay(self.invoice, mode="cash")
        notice = self._find_notices()
        self.assertTrue(notice._find_obstacle())
        self._send(notice, days_ago=10)
        self._come_to_its_day(plan)
        self.assertEqual(plan.charge_state, "given_up")
        self.assertFalse(self.gateway.named_charges)

    def test_more_than_was_told_is_told_anew(self):
        plan = self._plan()
        self._work_on(plan)
        notice = self._find_notices()
        self._send(notice, days_ago=10)
        notice.notice_amount = 44.99
        self._come_to_its_day(plan)
        self.assertFalse(self.gateway.named_charges)
        anew = self._find_notices() - notice
        self.assertEqual(anew.notice_amount, 45)
        self.assertEqual(plan.charge_date, self.today + timedelta(days=10))

    def test_notice_that_did_not_arrive_is_left_to_staff(self):
        plan = self._plan()
        self._work_on(plan)
        notice = self._find_notices()
        self._send(notice, days_ago=10)
        notice._set_failed("bounced", "No such mailbox.")
        self._come_to_its_day(plan)
        self.assertEqual(plan.charge_state, "failed")
        self.assertIn("could not be told", plan.charge_error)
        self.assertFalse(self.gateway.named_charges)
        plan.action_charge_again()
        self.assertEqual(plan.charge_state, "retry")
        self.assertEqual(len(self._find_notices()), 2)

    def test_planned_debit_is_told_in_time(self):
        late, soon = self._plan(30, 20), self._plan(11, 25)
        self._work_on(soon)
        notice = self._find_notices()
        self.assertEqual(notice.notice_amount, 25)
        self.assertEqual(notice.notice_date, soon.date)
        self.assertEqual((soon.charge_state, late.charge_state), ("due", "due"))
        self._send(notice, days_ago=11)
        soon.date = self.today
        self.gateway.wait()
        self._work_on(soon)
        self.assertEqual(soon.charge_state, "collecting")
        # The other one is not what was told.
        self._answer(soon.charge_attempt_id)
        late.date = self.today
        self._work_on(late)
        self.assertEqual(late.charge_state, "retry")
        self.assertEqual(len(self._find_notices()), 2)

    def test_run_tells_and_charges_later(self):
        self._create_transaction(30, date=self.today)
        run = self._create_run(is_charge=True)
        run.action_start()
        self._work()
        line = run.line_ids.filtered(lambda one: one.partner_id == self.customer)
        self.assertEqual((run.state, line.charge_state), ("done", "retry"))
        self.assertEqual(run.failed_count, 0)
        self.assertIn("Charged later: 1", run.get_progress()["retried"])
        notice = self._find_notices()
        self.assertEqual(notice.move_id, line.invoice_id)
        self.assertEqual(notice.notice_amount, line.invoice_id.amount_residual)

    def test_invoice_that_the_run_sends_is_the_notice(self):
        self._create_transaction(30, date=self.today)
        run = self._create_run(is_charge=True, is_email=True)
        run.action_start()
        self._work()
        line = run.line_ids.filtered(lambda one: one.partner_id == self.customer)
        self.assertEqual((line.charge_state, line.email_state), ("retry", "queued"))
        self.assertFalse(self._find_notices())
        # sudo: as the outbox does.
        mail = line.invoice_id.sudo().billing_mail_ids
        self.assertEqual((mail.kind, mail.notice_amount), ("invoice", 30))
        told = line.invoice_id._billing_prepare_mail("invoice")
        self.assertIn("we debit", told["body"])
        self.assertIn("mandate_1", told["body"])
        self.assertNotIn("Please pay it by", told["body"])
        self.assertTrue(told["files"])
        mail._set_sent()
        mail.sent_date -= timedelta(days=10)
        self.gateway.wait()
        line.sudo().charge_date = self.today  # sudo: a job
        self._work()
        self.assertEqual(line.charge_state, "collecting")
        # It is over: the invoice sent again says nothing of it.
        told = line.invoice_id._billing_prepare_mail("invoice")
        self.assertNotIn("we debit", told["body"])
        # A template of one's own says nothing of it, so it is told beside it.
        template = self.env.ref("omni_billing.mail_template_invoice").sudo()
        template.body_html = "<p>Your invoice</p>"
        self._create_transaction(31, date=self.today)
        other = self._create_run(is_charge=True, is_email=True)
        other.action_start()
        self._work()
        self.assertEqual(self._find_notices().notice_amount, 31)

    def test_each_debit_has_its_own_notice(self):
        """Failed before: the second one was debited on the notice of the first."""
        first, second = self._plan(11, 25), self._plan(40, 20)
        self._work_on(first)
        notice = self._find_notices()
        self.assertEqual(notice.notice_installment_id, first)
        self._send(notice, days_ago=11)
        first.date = self.today
        self.gateway.wait()
        self._work_on(first)
        self._return(first.charge_attempt_id)
        self._work_on(first)
        first._hand_over("No.")
        second.date = self.today
        self._work_on(second)
        self.assertEqual(second.charge_state, "retry")
        self.assertEqual(len(self.gateway.named_charges), 1)
        self.assertEqual((self._find_notices() - notice).notice_installment_id, second)
        # Nor by a context of one's own, or once the first is planned anew.
        with self.assertRaisesRegex(UserError, "was not told of this one"):
            move = self.invoice.with_context(billing_debit=first.id)
            move._billing_charge(self.account, 25)
        first.action_cancel()
        anew = self._plan(0, 25)
        self._work_on(anew)
        self.assertEqual(anew.charge_state, "retry")

    def test_notice_holds_for_a_week_and_for_trying_again(self):
        plan = self._plan()
        self._work_on(plan)
        notice = self._find_notices()
        self._send(notice, days_ago=18)
        self._come_to_its_day(plan)
        self.assertFalse(self.gateway.named_charges)
        anew = self._find_notices() - notice
        self.assertEqual(plan.charge_date, self.today + timedelta(days=10))
        self._send(anew, days_ago=17)
        self._come_to_its_day(plan)
        self.assertEqual(plan.charge_state, "collecting")
        self._return(plan.charge_attempt_id)
        self._work_on(plan)
        self.assertEqual(plan.charge_state, "retry")
        # Rule H1 of Payments Canada: for 30 days.
        self._send(anew, days_ago=41)
        self.assertFalse(anew._is_ripe())
        self._send(anew, days_ago=40)
        self._come_to_its_day(plan)
        self.assertEqual(plan.charge_state, "collecting")
        self.assertEqual(len(self._find_notices()), 2)

    def test_debits_closer_together_than_the_notice(self):
        """One that breaks, and what is told already, cost the others nothing."""
        plans = self._plan(3, 5) + self._plan(5, 6) + self._plan(10, 15)
        plans += self._plan(11, 19)
        announce = type(plans)._announce

        def break_off(payment):
            if payment == plans[0]:
                raise ValueError("No such day")
            return announce(payment)

        with (
            patch.object(type(plans), "_announce", break_off),
            mute_logger(f"{ANNOUNCING}.omni_billing_installment_notice"),
        ):
            self._work_on(plans)
        self.assertEqual(len(self._find_notices()), 3)
        self._work_on(plans)
        notices = self._find_notices()
        told = [
            (one.notice_installment_id, one.notice_amount, one.notice_date)
            for one in notices
        ]
        wanted = [(plan, plan.amount, plan.date) for plan in plans]
        self.assertCountEqual(told, wanted)
        for notice in notices:
            said = notice._narrow()._billing_prepare_mail("notice")["body"]
            self.assertIn(f"{notice.notice_amount:.2f}</strong> for our invoice", said)
        # What is told of is not looked at again.
        few = self._count_announcing()
        self.plans._plan(self._bill_amounts(30), self._split(30), self.account)
        self.plans._announce_coming()
        self.assertEqual(len(self._find_notices()), 10)
        self.assertEqual(self._count_announcing(), few)

    def _split(self, total):
        return [(self.today + timedelta(days=3 + n), total / 6) for n in range(6)]

    def _count_announcing(self):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.plans._announce_coming()
        return self.env.cr.sql_log_count - before

    def test_disputed_is_left_to_staff(self):
        plan, later = self._plan(0, 20), self._plan(5, 25)
        trust(self.invoice).billing_dispute = "open"
        self._work_on(plan)
        self.assertEqual((plan.charge_state, later.charge_state), ("failed", "due"))
        self.assertIn("is disputed", plan.charge_error)
        self.assertFalse(self._find_notices())

    def test_days_are_those_of_the_customer(self):
        plan = self._plan(11)
        self._work_on(plan)
        notice = self._find_notices()
        notice._set_sent()
        notice.sent_date = "2026-01-02 12:00:00"
        notice.notice_date = "2026-01-21"
        for zone, moment, is_ripe in (
            ("Pacific/Auckland", "2026-01-20 12:00:00", True),
            ("Pacific/Auckland", "2026-01-20 10:00:00", False),
            ("America/Los_Angeles", "2026-01-21 03:00:00", False),
            ("America/Los_Angeles", "2026-01-21 09:00:00", True),
        ):
            self.customer.tz = zone
            with freeze_time(moment):
                self.assertEqual(notice._is_ripe(), is_ripe, (zone, moment))

    def test_several_that_did_not_arrive_are_told_anew(self):
        plans = self._plan(0, 20) + self._plan(0, 25)
        self._work_on(plans)
        for notice in self._find_notices():
            self._send(notice, days_ago=10)
            notice._set_failed("bounced", "No such mailbox.")
        plans.charge_date = self.today
        self._work_on(plans)
        self.assertEqual(plans.mapped("charge_state"), ["failed"] * 2)
        plans.action_charge_again()
        self._work_on(plans)
        self.assertEqual(plans.mapped("charge_state"), ["retry"] * 2)
        self.assertEqual(len(self._find_notices()), 4)

    def test_nobody_is_told_of_what_does_not_come(self):
        plan, other = self._plan(5, 20), self._plan(5, 25)
        self._work_on(plan)
        notices = self._find_notices()
        self.assertFalse(any(notice._find_obstacle() for notice in notices))
        plan.action_cancel()
        canceled = notices.filtered(lambda one: one.notice_installment_id == plan)
        self.assertIn("does not come any more", canceled._find_obstacle())
        canceled._set_failed("bounced", "No such mailbox.")
        again = canceled._queue_again().sudo()
        self.assertIn("does not come any more", again._find_obstacle())
        staying = notices - canceled
        self.assertFalse(staying._find_obstacle())
        other.charge_state = "collecting"
        self.assertTrue(staying._find_obstacle())
        other.charge_state = "due"
        self.account.sudo().active = False
        self.assertTrue(staying._find_obstacle())

    def test_upgrade_tells_as_the_scheme_says(self):
        self.env.cr.execute("UPDATE omni_billing_consent SET notice_days = NULL")
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.12.0"
        script = load_script(str(folder / "post-notice-days.py"), "notice_days")
        script.migrate(self.env.cr, "19.0.1.11.0")
        self.env.invalidate_all()
        self.assertEqual(self.consent.notice_days, 10)
        self.assertFalse(self.card._billing_find_standing().notice_days)

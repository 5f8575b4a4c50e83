import errno
from ast import literal_eval
from datetime import date
from pathlib import Path
from unittest.mock import patch

from odoo.exceptions import LockError, UserError, ValidationError
from odoo.modules.migration import load_script
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon
from .test_omni_billing_run import RunCommon

COLLECTION = "odoo.addons.omni_billing.models.runs.omni_billing_run_line_collection"
CHARGING = "odoo.addons.omni_billing.models.collection.omni_billing_collection_mixin"


@tagged("post_install", "-at_install")
class TestRunCollection(CardCommon, RunCommon):
    """W11, F155, F187, F192: charge the default card, send, retry, leave to staff."""

    def _charge(self, day="2025-02-01", **values):
        """Bill the one customer, and charge the card."""
        self._create_transaction(45, date="2025-01-31")
        with freeze_time(f"{day} 12:00:00"):
            run = self._create_run(is_charge=True, **values)
            run.action_start()
            self._work()
        return run.line_ids

    def _go_to(self, day):
        with freeze_time(f"{day} 12:00:00"):
            self._work()

    def _read_charge(self, line):
        return line.charge_state, line.charge_tries, str(line.charge_date or "")

    def test_default_card_is_charged(self):
        line = self._charge()
        self.assertEqual(line.run_id.state, "done")
        self.assertEqual(self._read_charge(line), ("paid", 1, ""))
        self.assertEqual(line.invoice_state, "paid")
        self.assertEqual(self.gateway.taken, 4500)
        self._go_to("2025-02-02")
        self.assertEqual(self.gateway.taken, 4500)

    def test_nothing_owed_is_not_charged(self):
        self._create_credit(45, date="2025-01-31")
        line = self._charge()
        self.assertEqual(line.state, "done")
        self.assertFalse(line.charge_state)
        self.assertFalse(self.gateway.charges)

    def test_customer_without_a_card_is_no_failure(self):
        """F155: nothing was charged, so nothing failed; the run says how many."""
        self.card.action_billing_delete()
        line = self._charge()
        self.assertEqual(self._read_charge(line), ("no_card", 0, ""))
        self.assertEqual(line.charge_error, "No payment method is saved.")
        self.assertFalse(self._find_failed())
        run = line.run_id
        self.assertEqual((run.failed_count, run.no_card_count), (0, 1))
        self.assertIn("Without a payment method: 1.", run.message_ids[0].body)
        self.assertEqual(run.get_progress()["no_card"], 1)
        action = run.with_context(billing_filter="no_card").action_open_lines()
        self.assertIn("search_default_no_card", action["context"])

    def test_upgrade_takes_who_has_no_card_off_the_list(self):
        """What was left to staff before for want of a card is no failure now."""
        self.card.action_billing_delete()
        line = self._charge()
        # sudo: lines are the job's.
        tried, expired = (
            line.sudo().copy({"partner_id": other.id}) for other in self.others[:2]
        )
        self._save_card("4343", self.others[1])
        lines = line.sudo() + tried + expired  # sudo: as above
        lines.charge_state = "failed"
        tried.charge_tries = 1
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.7.0"
        script = load_script(str(folder / "post-no-card.py"), "no_card")
        script.migrate(self.env.cr, "19.0.1.6.0")
        lines.invalidate_recordset()
        self.assertEqual(lines.mapped("charge_state"), ["no_card", "failed", "failed"])

    def test_credit_is_used_where_there_is_no_card(self):
        self.card.action_billing_delete()
        self._bill(self._create_credit(60))
        line = self._charge()
        self.assertEqual((line.charge_state, line.invoice_state), ("paid", "paid"))

    def test_what_is_retried_is_counted_with_its_day(self):
        """F155: declined for now is neither lost nor left to staff yet."""
        self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        run = line.run_id
        self.assertEqual((run.failed_count, run.retry_count), (0, 1))
        self.assertEqual(run.retry_date, date(2025, 2, 2))
        told = "Charged later: 1, on Feb 2, 2025"
        self.assertEqual(run.get_progress()["retried"], told)
        self.assertIn(told, run.message_ids[0].body)
        Line = self.env["omni.billing.run.line"]
        self.assertEqual(
            Line.search([("run_id", "=", run.id), ("charge_state", "=", "retry")]), line
        )
        # sudo: as the job writes it.
        line.sudo().copy(
            {
                "partner_id": self.others[0].id,
                "charge_state": "retry",
                "charge_date": "2025-02-05",
            }
        )
        run.invalidate_recordset()
        self.assertEqual(
            run.get_progress()["retried"], "Charged later: 2, from Feb 2, 2025 on"
        )

    def test_run_tells_of_its_own_charges_alone(self):
        """F155: one failure is on one list, once."""
        line = self._fail()
        # sudo: attempts are internal.
        self.assertFalse(line.sudo().charge_attempt_id.billing_needs_action)
        self.gateway.decline(decline_code="stolen_card")
        attempt = line.invoice_id._billing_charge(self.card)
        self.assertFalse(attempt.billing_needs_action, "the run tells of it still")

    def test_expired_card_is_left_to_staff(self):
        # sudo: cards are the provider's.
        self.card.sudo().billing_exp_year = 2020
        line = self._charge()
        self.assertEqual(line.charge_state, "failed")
        self.assertIn("Card expired", line.charge_error)

    def test_soft_decline_is_tried_again_on_the_days_of_the_company(self):
        """W11: after 1, 3 and 7 days, then it is left to staff."""
        for _try in range(4):
            self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        self.assertEqual(line.run_id.state, "done")
        self.assertEqual(self._read_charge(line), ("retry", 1, "2025-02-02"))
        self.assertIn("not enough money", line.charge_error)
        self._go_to("2025-02-01")
        self.assertEqual(line.charge_tries, 1)
        self._go_to("2025-02-02")
        self.assertEqual(self._read_charge(line), ("retry", 2, "2025-02-04"))
        self._go_to("2025-02-04")
        self.assertEqual(self._read_charge(line), ("retry", 3, "2025-02-08"))
        self._go_to("2025-02-08")
        self.assertEqual(self._read_charge(line), ("failed", 4, ""))
        self._go_to("2025-03-01")
        self.assertEqual(line.charge_tries, 4)
        self.assertFalse(self.gateway.taken)

    def test_retry_that_works_ends_it(self):
        self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        self._go_to("2025-02-02")
        self.assertEqual(self._read_charge(line), ("paid", 2, ""))
        self.assertEqual(self.gateway.taken, 4500)

    def test_days_of_retries_are_the_companys(self):
        self.company.billing_retry_days = "10"
        self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        self.assertEqual(line.charge_date, date(2025, 2, 11))
        self.company.billing_retry_days = False
        self.gateway.decline(decline_code="insufficient_funds")
        self.assertEqual(self._charge().charge_state, "failed")
        for wrong in ("3, 1", "0", "soon", "1, 1", "500"):
            with self.assertRaises(ValidationError):
                self.company.billing_retry_days = wrong

    def test_late_tries_keep_the_waits_between_them(self):
        """W11: a job that stood still does not charge three times in a row."""
        for _try in range(4):
            self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        self._go_to("2025-03-01")
        self.assertEqual(self._read_charge(line), ("retry", 2, "2025-03-03"))
        self._go_to("2025-03-01")
        self.assertEqual(line.charge_tries, 2)
        self._go_to("2025-03-05")
        self.assertEqual(self._read_charge(line), ("retry", 3, "2025-03-09"))

    def test_staff_who_charge_again_begin_anew(self):
        self.gateway.decline(decline_code="stolen_card")
        line = self._charge()
        self.gateway.decline(decline_code="insufficient_funds")
        with freeze_time("2025-03-01 12:00:00"):
            line.action_charge_again()
        self.assertEqual(self._read_charge(line), ("retry", 1, "2025-03-02"))

    def test_somebody_at_the_invoice_is_waited_for(self):
        """A lock that is held for a moment is no reason to leave it to staff."""
        Move = type(self.env["account.move"])
        with patch.object(Move, "lock_for_update", side_effect=LockError("At it.")):
            line = self._charge()
        self.assertEqual(line.run_id.state, "done")
        self.assertEqual(self._read_charge(line), ("due", 0, ""))
        self._go_to("2025-02-01")
        self.assertEqual(self._read_charge(line), ("paid", 1, ""))
        self.assertEqual(self.gateway.taken, 4500)

    def test_canceled_run_leaves_no_charge_behind(self):
        """Its lost answers are learnt, and staff may charge what failed again."""
        self.gateway.lose(is_executed=True)
        line = self._charge()
        # sudo: what a person left who canceled the run meanwhile.
        trust(line.run_id.sudo()).state = "cancelled"
        # sudo: the job is nobody's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self._go_to("2025-02-01")
        self.assertEqual(line.charge_state, "paid")
        self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        # sudo: as above
        trust(line.run_id.sudo()).state = "cancelled"
        self._go_to("2025-02-02")
        self.assertEqual(line.charge_state, "paid")

    def test_hard_declines_and_sca_are_not_retried_blindly(self):
        self.gateway.decline(decline_code="stolen_card")
        self.assertEqual(self._charge().charge_state, "failed")
        self.gateway.ask_customer()
        line = self._charge()
        self.assertEqual(line.charge_state, "failed")
        self.assertIn("asks the customer to confirm", line.charge_error)
        self.assertEqual(self.gateway.taken, 0)

    def test_paid_meanwhile_is_not_charged(self):
        self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        self._pay(line.invoice_id, mode="cash")
        self._go_to("2025-02-02")
        self.assertEqual(self._read_charge(line), ("paid", 1, ""))
        self.assertFalse(self.gateway.taken)

    def test_void_meanwhile_is_not_charged(self):
        self.gateway.decline(decline_code="insufficient_funds")
        line = self._charge()
        line.invoice_id.action_billing_void()
        self._go_to("2025-02-02")
        self.assertEqual(line.charge_state, "given_up")

    def test_lost_answer_is_learnt_and_not_charged_again(self):
        """Promise 1."""
        self.gateway.lose(is_executed=True)
        line = self._charge()
        self.assertEqual(line.run_id.state, "done")
        self.assertEqual(self._read_charge(line), ("open", 1, ""))
        self._go_to("2025-02-01")
        self.assertEqual(line.charge_state, "open")
        # sudo: the job is nobody's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self._go_to("2025-02-01")
        self.assertEqual(self._read_charge(line), ("paid", 1, ""))
        self.assertEqual(self.gateway.taken, 4500)

    def test_outcome_wakes_the_run_that_waits_for_it(self):
        self.gateway.lose(is_executed=True)
        line = self._charge()
        before = self._count_triggers("ir_cron_process_runs")
        # sudo: the job is nobody's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(self._count_triggers("ir_cron_process_runs") - before, 1)
        self._go_to("2025-02-01")
        self.assertEqual(line.charge_state, "paid")

    def test_charge_that_never_reached_stripe_is_tried_again(self):
        self.gateway.lose(is_executed=False)
        line = self._charge()
        # sudo: the job is nobody's.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self._go_to("2025-02-01")
        self.assertEqual(self._read_charge(line), ("retry", 1, "2025-02-02"))
        self._go_to("2025-02-02")
        self.assertEqual(self._read_charge(line), ("paid", 2, ""))
        self.assertEqual(self.gateway.taken, 4500)

    def test_waiting_for_somebody_else_s_attempt_is_no_try(self):
        line = self._charge()
        # sudo: what is left when another attempt was under way.
        again = line.sudo().copy({"partner_id": self.others[0].id})
        invoice = self._bill(
            self._create_transaction(30, partner_id=self.others[0].id),
            partner_id=self.others[0].id,
        )
        self._save_card("4343", self.others[0])
        again.write(
            {
                "invoice_id": invoice.id,
                "charge_state": "open",
            }
        )
        self._go_to("2025-02-02")
        self.assertEqual(again.charge_state, "due")
        self._go_to("2025-02-02")
        self.assertEqual(self._read_charge(again), ("paid", 1, ""))
        self.assertEqual(self.gateway.taken, 7500)

    # === THE ACTION CENTRE === #

    def _fail(self):
        self.gateway.decline(decline_code="stolen_card")
        line = self._charge().with_user(self.staff)
        self.assertEqual(line.charge_state, "failed")
        return line

    def _find_failed(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing.omni_billing_run_line_action_failed"
        )
        return self.env["omni.billing.run.line"].search(literal_eval(action["domain"]))

    def test_staff_charge_again(self):
        """F155"""
        line = self._fail()
        self.assertEqual(self._find_failed().ids, line.ids)
        self.gateway.decline(decline_code="insufficient_funds")
        action = line.action_charge_again()
        self.assertEqual(action["params"]["type"], "warning")
        self.assertIn("not enough money", action["params"]["message"])

    def test_staff_charge_again_with_success(self):
        line = self._fail()
        action = line.action_charge_again()
        self.assertEqual(action["params"]["type"], "success")
        self.assertEqual(line.charge_state, "paid")
        self.assertFalse(self._find_failed())
        with self.assertRaisesRegex(UserError, "nothing to do"):
            line.action_charge_again()

    def test_staff_charge_many_again_as_a_job(self):
        lines = self._fail() + self._fail()
        action = lines.action_charge_again()
        self.assertEqual(action["params"]["type"], "info")
        self.assertEqual(set(lines.mapped("charge_state")), {"due"})
        self._go_to("2025-02-05")
        self.assertEqual(set(lines.mapped("charge_state")), {"paid"})

    def test_staff_take_another_card_or_other_money(self):
        line = self._fail()
        self.assertEqual(line.action_other_card()["context"]["default_mode"], "stripe")
        action = line.action_pay_manually()
        wizard = (
            self.env[action["res_model"]].with_context(**action["context"]).create({})
        )
        self.assertEqual((wizard.mode, wizard.amount), ("bank", 45))
        wizard.action_pay()
        self.assertFalse(self._find_failed())

    def test_staff_give_up(self):
        line = self._fail()
        line.action_give_up()
        self.assertEqual(line.charge_state, "given_up")
        self.assertFalse(self._find_failed())
        self.assertEqual(line.invoice_state, "unpaid")

    # === E-MAIL AND STATES === #

    def _mail(self, line, error=None):
        """Keep what is sent instead of sending it."""
        self.sent = []

        def send(line, move):
            if error:
                raise error
            self.sent.append((move, move.billing_state))

        return patch.object(type(line), "_send_email", send)

    def test_invoice_is_sent_after_the_charge(self):
        with self._mail(self.env["omni.billing.run.line"]):
            line = self._charge(is_email=True)
        self.assertEqual(line.email_state, "queued")
        self.assertEqual(self.sent, [(line.invoice_id, "paid")])

    def test_invoice_waits_until_the_outcome_is_known(self):
        self.gateway.lose(is_executed=True)
        with self._mail(self.env["omni.billing.run.line"]):
            line = self._charge(is_email=True)
            self.assertEqual(line.email_state, "todo")
            # sudo: the job is nobody's.
            self.env["payment.transaction"].sudo()._cron_billing_resolve()
            self._go_to("2025-02-01")
        self.assertEqual(self.sent, [(line.invoice_id, "paid")])

    def test_invoice_that_cannot_be_sent_says_why(self):
        self.customer.email = False
        line = self._charge(is_email=True)
        self.assertEqual(line.mail_state, "failed")
        self.assertIn("no e-mail address", line.mail_error)
        self.assertEqual((line.charge_state, line.run_id.state), ("paid", "done"))

    def test_broken_charge_is_left_to_staff(self):
        Line = type(self.env["omni.billing.run.line"])

        def fail(_line):
            raise KeyError("card")

        with patch.object(Line, "_get_card", fail), mute_logger(COLLECTION, CHARGING):
            line = self._charge()
        self.assertEqual(line.charge_state, "failed")
        self.assertIn("KeyError", line.charge_error)
        self.assertEqual(line.run_id.state, "done")

    def test_full_disk_stops_no_other_invoice(self):
        error = OSError(errno.ENOSPC, "No space left on device")
        with (
            self._mail(self.env["omni.billing.run.line"], error),
            mute_logger(COLLECTION, CHARGING),
        ):
            line = self._charge(is_email=True)
        self.assertEqual(line.mail_state, "failed")
        self.assertIn("No space left", line.mail_error)
        self.assertEqual(line.run_id.state, "done")

    def test_paused_run_charges_nobody(self):
        self._create_transaction(45, date="2025-01-31")
        run = self._create_run(is_charge=True)
        run.action_start()
        # sudo: as the job does it.
        run.sudo()._prepare_lines()
        run.sudo()._process_chunk()
        run.sudo()._end_billing()
        self.assertEqual(run.state, "collecting")
        self.assertEqual(run.get_progress()["total"], 1)
        run.action_pause()
        self._work()
        self.assertFalse(self.gateway.taken)
        run.action_resume()
        self.assertEqual(run.state, "collecting")
        run.action_cancel()
        self._work()
        self.assertFalse(self.gateway.taken)
        self.assertFalse(run.line_ids.charge_state)

    def test_customers_with_a_card_are_found(self):
        self._charge_all(45)
        for method, expected in (
            ("card", self.customer),
            ("no_card", self.others),
        ):
            run = self._create_run(payment_method=method)
            run.action_check()
            self._work()
            self.assertEqual(run.line_ids.partner_id, expected)

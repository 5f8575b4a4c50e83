from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from odoo.addons.omni_billing import const
from odoo.addons.omni_billing.models.cards import omni_billing_stripe_event as events

from ..exceptions import GatewayUnknown
from .card_common import CardCommon
from .fake_gateway import FakeGateway


class OutcomeCommon(CardCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._create_user(
            "chief-test", "omni_billing.omni_billing_group_manager"
        )

    def _resolve(self):
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()

    def _find_mails(self, records):
        return self.env["mail.mail"].search(
            [("model", "=", records._name), ("res_id", "in", records.ids)]
        )

    def _get_todos(self, records):
        return " ".join(map(str, records.activity_ids.mapped("note")))


@tagged("post_install", "-at_install")
class TestCardOutcomes(OutcomeCommon):
    """What becomes of a charge or a refund is learnt, booked and told, once."""

    # === THE BANK ASKS THE CUSTOMER TO CONFIRM === #

    def _ask(self, *lost):
        invoice = self._bill_amounts(45)
        self.gateway.ask_customer()
        self.gateway.lost_cancels += lost
        return invoice, invoice._billing_charge(self.card)

    def _tell(self, kind, charge_id="pi_0"):
        # sudo: as the webhook and the job.
        Event = self.env["omni.billing.stripe.event"].sudo()
        ref = f"evt_{Event.search_count([])}"
        obj = {"id": charge_id}
        Event._store(self.provider, {"id": ref, "type": kind, "data": {"object": obj}})
        Event._cron_process()
        return Event.search([("event_ref", "=", ref)])

    def test_closed_attempt_asks_nobody(self):
        """Stripe tells of a payment that was given up why it failed, for ever."""
        invoice, attempt = self._ask()
        self.assertEqual(attempt.billing_decline_code, "authentication_required")
        self._pay(invoice, mode="cash")
        for kind in ("payment_failed", "canceled", "requires_action"):
            self.assertEqual(self._tell(f"payment_intent.{kind}").state, "done")
        self.assertEqual(len(self._find_mails(invoice)), 1)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(attempt.state, "error")

    def test_payment_is_given_up_though_the_call_is_lost(self):
        for lost in ("call", "answer"):
            with self.subTest(lost):
                invoice, attempt = self._ask(lost)
                self.assertTrue(attempt.billing_is_open)
                self.assertFalse(self._find_mails(invoice))
                # Whoever looks next has it given up first.
                self._pay(invoice, mode="cash")
                self.assertEqual(attempt.state, "error")
                charge = self.gateway.charges[attempt.provider_reference]
                self.assertEqual(charge.status, "canceled")
                self.assertEqual(len(self._find_mails(invoice)), 1)

    def test_dialog_says_that_a_payment_is_not_given_up_yet(self):
        invoice = self._bill_amounts(45)
        self.gateway.ask_customer()
        self.gateway.lost_cancels.append("call")
        action = self._pay(invoice, mode="stripe")
        self.assertEqual(action["params"]["type"], "warning")
        self._resolve()
        self.assertFalse(invoice.billing_attempt_id)
        self.assertEqual(self.gateway.charges["pi_0"].status, "canceled")
        self.assertEqual(len(self._find_mails(invoice)), 1)

    def test_who_has_paid_is_not_asked_any_more(self):
        """The mail is written last; the job does it if the process died before."""
        invoice, attempt = self._ask("call")
        self._resolve()
        self._find_mails(invoice).unlink()
        self._pay(invoice, mode="cash")
        attempt.billing_mail_due = "confirm"
        self._resolve()
        self.assertFalse(self._find_mails(invoice))
        self.assertFalse(attempt.billing_mail_due)

    # === BOOKS AND MAIL === #

    def test_missing_template_stops_no_booking(self):
        self.env.ref("omni_billing.mail_template_card_receipt").sudo().unlink()
        invoice = self._bill_amounts(45)
        attempt = invoice._billing_charge(self.card)
        self.assertEqual(invoice.billing_state, "paid")
        self.assertFalse(attempt.billing_is_open)
        self.assertFalse(attempt.billing_mail_due)
        self.assertIn("got no e-mail", self._get_todos(invoice))

    def test_missing_template_stops_no_refusal(self):
        self.env.ref("omni_billing.mail_template_confirm_payment").sudo().unlink()
        invoice, attempt = self._ask()
        self.assertEqual(attempt.state, "error")
        self.assertFalse(invoice.billing_attempt_id)
        self.assertIn("got no e-mail", self._get_todos(invoice))

    def test_receipt_is_written_after_the_booking_is_committed(self):
        steps = []
        Transaction = type(self.env["payment.transaction"])
        book, send = Transaction._post_process, Transaction._billing_send_template
        module = "odoo.addons.omni_billing.models.cards.payment_transaction"
        tools = "odoo.addons.omni_billing.tools.database"

        def note(step, call):
            def noted(records, *args):
                if records:
                    steps.append(step)
                return call(records, *args)

            return noted

        invoice = self._bill_amounts(45)
        with (
            patch.object(Transaction, "_post_process", note("book", book)),
            patch.object(Transaction, "_billing_send_template", note("mail", send)),
            # Its own commits, and those of what came of the call.
            patch(f"{module}.commit", lambda env: steps.append("commit")),
            patch(f"{tools}.commit", lambda env: steps.append("commit")),
        ):
            invoice._billing_charge(self.card)
        self.assertEqual(
            steps[-6:], ["commit", "commit", "book", "commit", "mail", "commit"]
        )

    def test_receipt_is_written_by_the_job_if_the_process_died(self):
        invoice = self._bill_amounts(45)
        attempt = invoice._billing_charge(self.card)
        self._find_mails(attempt.payment_id).unlink()
        attempt.billing_mail_due = "receipt"
        for _time in range(2):
            self._resolve()
        self.assertEqual(len(self._find_mails(attempt.payment_id)), 1)

    def test_whatever_stops_a_booking_is_told(self):
        """Not only what Odoo says to users: a missing record, a bug of an addon."""
        invoice = self._bill_amounts(45)
        Transaction = type(self.env["payment.transaction"])
        with patch.object(Transaction, "_post_process", side_effect=ValueError("bug")):
            attempt = invoice._billing_charge(self.card)
        self.assertIn("could not be booked", self._get_todos(invoice))
        self.assertTrue(attempt.billing_is_open)
        self._resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertFalse(attempt.billing_is_open)

    def test_payment_of_odoos_form_that_cannot_be_booked_is_told(self):
        invoice = self._bill_amounts(45)
        payment = self._begin_online(invoice, provider_reference="pi_form")
        payment._set_done()
        Transaction = type(self.env["payment.transaction"])
        with patch.object(Transaction, "_post_process", side_effect=ValueError("bug")):
            self._resolve()
        self.assertIn("could not be booked", self._get_todos(invoice))
        self._resolve()
        self.assertEqual(invoice.billing_state, "paid")

    # === LOST FOR EVER === #

    def test_call_that_was_refused_and_lost_is_known_by_its_key(self):
        invoice = self._bill_amounts(45)
        self.gateway.refuse_and_lose("resource_missing")
        attempt = invoice._billing_charge(self.card)
        self.assertTrue(attempt.billing_is_open)
        self._resolve()
        self.assertFalse(attempt.billing_is_open)
        self.assertEqual(attempt.billing_decline_code, "resource_missing")
        self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_state, "paid")

    def test_nothing_is_called_again_once_stripe_may_have_forgotten_its_key(self):
        invoice = self._bill_amounts(45)
        self.gateway.refuse_and_lose("resource_missing")
        attempt = invoice._billing_charge(self.card)
        with patch.object(const, "KEY_LIFE", timedelta(days=-1)):
            self._resolve()
        self.assertTrue(attempt.billing_is_open)

    def test_refund_that_is_not_possible_any_more_is_closed(self):
        """Its call was lost, and somebody refunded in Stripe's dashboard."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.lose(is_executed=False)
        refund = invoice._billing_refund()
        self.gateway.add_foreign_refund("pi_0", 4500)
        self._resolve()
        self.assertEqual(refund.state, "error")
        self.assertFalse(refund.billing_is_open)
        self.assertFalse(invoice.billing_attempt_id)

    def _lose_key(self):
        """Charge a card, lose the answer, and have the key revoked."""
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=False)
        attempt = invoice._billing_charge(self.card)
        self.gateway.is_closed = True
        return invoice, attempt

    def _close(self, invoice, reason="I looked at Stripe.", user=None):
        Wizard = self.env["omni.billing.attempt.wizard"].with_user(user or self.manager)
        return Wizard.create(
            {"invoice_id": invoice.id, "reason": reason}
        ).action_close()

    def test_revoked_key_proves_nothing(self):
        invoice, attempt = self._lose_key()
        self._resolve()
        self.assertTrue(attempt.billing_is_open)
        with self.assertRaisesRegex(UserError, "outcome is not known"):
            self._pay(invoice, mode="cash")
        self.gateway.is_closed = False
        self._resolve()
        self.assertFalse(attempt.billing_is_open)
        self.assertEqual(attempt.billing_decline_code, "never_reached")

    def test_lost_answer_is_not_asked_for_at_another_account(self):
        """An administrator enters other keys before it is known: nothing is proved."""
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        right, self.gateway = self.gateway, FakeGateway()
        self.gateway.is_another_account = True
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertTrue(attempt.billing_is_open)
        with self.assertRaisesRegex(UserError, "not known yet"):
            self._pay(invoice, mode="cash")
        self.gateway = right
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(right.taken, 4500)

    def test_manager_closes_what_stripe_cannot_tell(self):
        invoice, attempt = self._lose_key()
        self._close(invoice)
        self.assertFalse(attempt.billing_is_open)
        self.assertEqual(attempt.state, "error")
        note = invoice.message_ids[0].body
        row = self.env["omni.billing.activity.log"].search(
            [("action", "=", "charge_closed")]
        )
        self.assertEqual(row.create_uid, self.manager)
        for told in (self.manager.name, "I looked at Stripe.", "Invalid API Key"):
            self.assertIn(told, note)
            self.assertIn(told, row.note)
        self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_state, "paid")

    def test_nobody_else_closes_it(self):
        invoice, attempt = self._lose_key()
        for user in (self.staff, self.portal, self.outsider):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._close(invoice, user=user)
            with self.subTest(user.login), self.assertRaises(AccessError):
                attempt.with_user(user)._billing_close_by_hand("Because.")
        self.assertTrue(attempt.billing_is_open)

    def test_closing_needs_a_reason(self):
        invoice, attempt = self._lose_key()
        for reason in ("", "  "):
            with self.assertRaisesRegex(UserError, "Say why"):
                self._close(invoice, reason)
        self.assertTrue(attempt.billing_is_open)

    def test_what_stripe_knows_counts(self):
        """A person cannot close what was paid, or what is not decided yet."""
        paid = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        paid._billing_charge(self.card)
        with self.assertRaisesRegex(UserError, "has just told"):
            self._close(paid)
        self.assertEqual(paid.billing_state, "paid")
        slow = self._bill_amounts(30)
        self.gateway.wait()
        attempt = slow._billing_charge(self.card)
        with self.assertRaisesRegex(UserError, "it is not over"):
            self._close(slow)
        self.assertTrue(attempt.billing_is_open)

    def test_call_that_may_be_under_way_is_not_closed(self):
        invoice, attempt = self._lose_key()
        with (
            patch.object(const, "CALL_GRACE", timedelta(minutes=1)),
            self.assertRaisesRegex(UserError, "Wait a minute"),
        ):
            self._close(invoice)
        self.assertTrue(attempt.billing_is_open)

    def test_money_that_moved_all_the_same_is_booked_and_told(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        self.gateway.is_closed = True
        self._close(invoice)
        self._pay(invoice, mode="cash")
        self.gateway.is_closed = False
        attempt._billing_apply(self.gateway.get_charge("pi_0"))
        self.assertEqual(attempt.state, "done")
        self.assertTrue(attempt.payment_id)
        self.assertIn("closed by hand", self._get_todos(invoice))


@tagged("post_install", "-at_install")
class TestStripeEventQueue(OutcomeCommon):
    """Events are worked on at once, all of them, and go in the end."""

    def setUp(self):
        super().setUp()
        # sudo: as the webhook and the job.
        self.Event = self.env["omni.billing.stripe.event"].sudo()

    def _store(self, kind, provider=None, **obj):
        number = self.Event.search_count([])
        event = {"id": f"evt_{number}", "type": kind, "data": {"object": obj}}
        self.Event._store(provider or self.provider, event)
        return self.Event.search([("event_ref", "=", event["id"])])

    def test_all_that_waits_is_done_in_one_run(self):
        for number in range(250):
            self._store("payment_intent.succeeded", id=f"pi_nobody_{number}")
        self.Event._cron_process()
        self.assertEqual(set(self.Event.search([]).mapped("state")), {"unknown"})

    def test_scheduler_is_told_what_is_left_when_time_is_over(self):
        for number in range(3):
            self._store("payment_intent.succeeded", id=f"pi_nobody_{number}")
        told = []

        def commit_progress(_env, done, left):
            told.append((done, left))
            return 0

        with patch.object(events, "commit_progress", commit_progress):
            self.Event._cron_process()
        self.assertEqual(told, [(1, 2)])

    def test_what_fails_waits_longer_each_time(self):
        """Many events in a row must not use up all tries of one within a second."""
        _invoice, intent = self._lose_charge()
        event = self._store("payment_intent.succeeded", **intent)
        with self._no_answer():
            self._work_at("12:00:00", times=5)
            self.assertEqual(event.tries, 1)
            self.assertEqual(str(event.next_try), "2025-02-01 12:01:00")
            self._work_at("12:02:00")
            self.assertEqual(event.tries, 2)
            self.assertEqual(str(event.next_try), "2025-02-01 12:04:00")
        self._work_at("12:05:00")
        self.assertEqual(event.state, "done")

    def _no_answer(self):
        lost = GatewayUnknown("", "No answer")
        return patch.object(self.gateway, "get_charge", side_effect=lost)

    def _work_at(self, moment, times=1):
        with freeze_time(f"2025-02-01 {moment}"):
            for _time in range(times):
                self.Event._cron_process()

    def test_key_that_is_not_accepted_is_no_fault_of_an_event(self):
        _invoice, intent = self._lose_charge()
        event = self._store("payment_intent.succeeded", **intent)
        self.gateway.is_closed = True
        for hour in range(10, 24):
            self._work_at(f"{hour}:00:00")
        self.assertEqual((event.state, event.tries), ("new", 0))
        self.assertIn("Invalid API Key", event.error)
        self.gateway.is_closed = False
        self._work_at("23:10:00")
        self.assertEqual(event.state, "done")

    def test_staff_are_told_of_what_failed_for_good(self):
        invoice, intent = self._lose_charge()
        lost = {
            "odoo_reference": "gone",
            "odoo_database": intent["metadata"]["odoo_database"],
        }
        known = self._store("payment_intent.succeeded", **intent)
        unknown = self._store("payment_intent.succeeded", id="pi_9", metadata=lost)
        odd = self._store("payment_intent.succeeded", id="pi_8", metadata=["?"])
        with self._no_answer():
            for _try in range(events.MAX_TRIES):
                self.Event.search([]).next_try = False
                self.Event._cron_process()
        self.assertEqual((known + unknown + odd).mapped("state"), ["failed"] * 3)
        self.assertIn("could not be worked on", self._get_todos(invoice))
        self.assertIn("gone", self._get_todos(self.company.partner_id))

    def test_old_events_go(self):
        states = ("done", "unknown", "failed", "new")
        for state in states:
            self._store("charge.updated", id=f"ch_{state}").state = state
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE omni_billing_stripe_event SET create_date = '2025-01-01'"
        )
        self.env.invalidate_all()
        with freeze_time("2025-03-31"):
            self.Event._gc_events()
            self.assertEqual(self.Event.search_count([]), 4)
        with freeze_time("2025-04-03"):
            self.Event._gc_events()
        self.assertEqual(
            sorted(self.Event.search([]).mapped("state")), ["failed", "new"]
        )

    def test_nothing_is_found_by_an_empty_id(self):
        """Attempts that have no reference yet are of no object without one."""
        invoice, _intent = self._lose_charge()
        attempt = invoice.sudo().billing_attempt_id
        self.assertFalse(attempt.provider_reference)
        self.card.sudo().stripe_payment_method = False
        for kind in (
            "payment_intent.succeeded",
            "setup_intent.succeeded",
            "refund.created",
        ):
            for nothing in ("", None):
                event = self._store(
                    kind, id=nothing, payment_intent=nothing, description=""
                )
                self.Event._cron_process()
                self.assertEqual(event.state, "unknown", kind)
        for kind in ("charge.dispute.created", "charge.refunded"):
            event = self._store(
                kind, id="x_1", payment_intent=None, status="needs_response"
            )
            self.Event._cron_process()
            self.assertEqual(event.state, "unknown", kind)
        for kind in ("payment_method.detached", "customer.deleted"):
            event = self._store(kind, id="")
            self.Event._cron_process()
            self.assertEqual(event.state, "unknown", kind)
        self.assertTrue(self.card.active)
        self.assertFalse(invoice.billing_dispute)
        self.assertTrue(attempt.billing_is_open)

    def test_companies_that_share_an_account_do_not_disturb_each_other(self):
        """One endpoint each: each event comes twice. Or one endpoint for both."""
        other = self._copy_provider(stripe_secret_key="sk_test_1")
        invoice, intent = self._lose_charge()
        event = self._store("payment_intent.succeeded", other, **intent)
        self.Event._cron_process()
        self.assertEqual(event.state, "done")
        self.assertEqual(invoice.billing_state, "paid")

    def test_event_of_another_account_of_this_database_is_not_ours(self):
        """Restricted keys differ, whatever the account."""
        other = self._copy_provider(stripe_secret_key="rk_test_2")
        invoice, intent = self._lose_charge()
        event = self._store("payment_intent.succeeded", other, **intent)
        self.Event._cron_process()
        self.assertEqual(event.state, "unknown")
        self.assertEqual(invoice.billing_state, "unpaid")

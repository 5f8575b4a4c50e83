from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.omni_billing.hooks import _tell_of_lost_charges

from .doors_common import DoorsCommon
from .fake_api import FakeApi


@tagged("post_install", "-at_install")
class TestRefundBeforeItsCharge(DoorsCommon):
    """W18: a refund is booked after what it is of, whatever is told first."""

    def _refund(self, intent="pi_0", amount=1000, event_ref="evt_1"):
        """Refund in the dashboard; return the event of it."""
        self.gateway.add_foreign_refund(intent, amount)
        return self._tell(
            "charge.refunded", event_ref, id="ch_1", payment_intent=intent
        )

    def _try_again(self, event):
        event.next_try = False
        event._cron_process()

    def test_charge_that_was_not_booked_is_booked_first(self):
        invoice = self._bill_amounts(45)
        with self._closed_books():
            attempt = invoice._billing_charge(self.card)
        self.assertEqual(attempt.state, "done")
        self.assertFalse(attempt.payment_id)
        self._refund(amount=4500)
        self.assertTrue(attempt.payment_id)
        self._resolve()
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertFalse(invoice.billing_attempt_id)
        self._check_books()

    def test_both_wait_for_the_books(self):
        invoice = self._bill_amounts(45)
        with self._closed_books():
            attempt = invoice._billing_charge(self.card)
            self._refund()
            self.assertFalse(attempt.is_post_processed)
        for _time in range(2):
            self._resolve()
        self.assertTrue(attempt.is_post_processed)
        self.assertEqual(self._get_books_balance(), 0)
        self._check_books()

    def test_form_whose_success_is_told_later(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        self._refund(intent, event_ref="evt_r")
        self._check_books()
        self._tell("payment_intent.succeeded", "evt_p", id=intent)
        self._resolve()
        self.assertEqual(payment.state, "done")
        self.assertEqual(self._get_books_balance(), 0)
        self._check_books()

    def test_odoo_s_job_books_the_refund_first(self):
        invoice = self._bill_amounts(45)
        with self._closed_books():
            invoice._billing_charge(self.card)
            self._refund()
        # sudo: as the job.
        attempts = (
            self.env["payment.transaction"]
            .sudo()
            .search([("provider_id", "=", self.provider.id), ("state", "=", "done")])
        )
        refund, charge = attempts.sorted("id", reverse=True)
        refund._post_process()
        self.assertTrue(charge.payment_id)
        charge._post_process()
        self.assertEqual(self._get_books_balance(), 0)
        self._check_books()

    def test_upgrade_tells_of_what_was_never_booked(self):
        lost, booked = self._bill_amounts(45, 30)
        for number, invoice in enumerate((lost, booked)):
            attempt = invoice._billing_charge(self.card)
            self._refund(f"pi_{number}", event_ref=f"evt_{number}")
            if invoice == lost:
                attempt.payment_id = False
        for _again in range(2):
            _tell_of_lost_charges(self.env)
        self.assertEqual(len(lost.activity_ids), 1)
        self.assertIn("45.00", self._get_todos(lost))
        self.assertFalse(booked.activity_ids)

    def test_amount_that_was_not_booked_is_not_given_back_either(self):
        """Captured for less in the dashboard, and given back there."""
        invoice = self._bill_amounts(30)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent, amount_received=2000)
        charge = self.gateway.charges[intent]
        self.gateway.charges[intent] = replace(charge, amount=2000)
        self._tell("payment_intent.succeeded", "evt_p", id=intent)
        self.assertEqual(payment.state, "error")
        self.assertIn("2000", self._get_todos(invoice))
        invoice.activity_ids.unlink()
        event = self._refund(intent, 2000, "evt_r")
        self.assertEqual(event.state, "done")
        self.assertIn("is not booked", self._get_todos(invoice))
        self.assertFalse(payment.child_transaction_ids)
        self.assertEqual(self._get_books_balance(), 30)
        self._check_books()

    def test_what_was_held_and_let_go_is_no_refund(self):
        """Stripe lists what a bank does not hold any more as refunded."""
        invoice = self._bill_amounts(30)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent, status="canceled")
        event = self._refund(intent, 3000)
        self.assertEqual(event.state, "done")
        self.assertFalse(payment.child_transaction_ids)
        self.assertFalse(invoice.activity_ids)

    def test_refund_waits_while_the_key_is_refused(self):
        invoice, _intent = self._lose_charge()
        attempt = invoice.sudo().billing_attempt_id  # sudo: attempts are internal.
        self.assertTrue(attempt.billing_is_open)
        self.gateway.is_closed = True
        event = self._refund(amount=4500)
        self.assertEqual(event.state, "new")
        self.gateway.is_closed = False
        self._resolve()
        self._try_again(event)
        self.assertEqual(attempt.state, "done")
        self.assertEqual(invoice.billing_state, "refunded")
        self._check_books()

    def test_refund_waits_while_stripe_gives_no_answer(self):
        invoice, _intent = self._lose_charge()
        attempt = invoice.sudo().billing_attempt_id  # sudo: attempts are internal.
        self.gateway.lose(is_executed=True)
        event = self._refund()
        self.assertEqual(event.state, "new")
        self._try_again(event)
        self.assertEqual(event.state, "done")
        self.assertEqual(attempt.state, "done")
        self.assertFalse(invoice.billing_attempt_id)
        self._check_books()

    def test_refund_of_a_payment_that_was_closed_by_hand(self):
        invoice, _intent = self._lose_charge()
        attempt = invoice.sudo().billing_attempt_id  # sudo: attempts are internal.
        self.gateway.is_closed = True
        attempt.sudo(False).with_env(self.env)._billing_close_by_hand("Sure.")
        self.gateway.is_closed = False
        self.assertEqual(attempt.state, "error")
        self._refund(amount=4500)
        self.assertEqual(attempt.state, "done")
        self.assertIn("closed by hand", self._get_todos(invoice))
        self._check_books()

    def test_refund_of_a_payment_that_was_lost_is_for_a_person(self):
        """A backup was restored, say."""
        self._lose_charge()
        charge = self.gateway.charges["pi_0"]
        self.gateway.charges["pi_0"] = replace(charge, reference="gone")
        event = self._refund()
        self.assertEqual(event.state, "new")
        self.assertIn("not in the database", event.error)

    def test_refund_of_a_stranger_is_not_ours(self):
        event = self._tell("charge.refunded", id="ch_1", payment_intent="pi_unknown")
        self.assertEqual(event.state, "unknown")
        self.gateway.begin("pi_9", "succeeded", 4500, "Somebody's order")
        self.assertEqual(self._refund("pi_9", event_ref="evt_9").state, "unknown")


@tagged("post_install", "-at_install")
class TestDisputes(DoorsCommon):
    """W19: each dispute is told, and the invoice shows the worst."""

    def _dispute(self, event_ref, reference, intent, status, reason="fraudulent"):
        return self._tell(
            "charge.dispute.updated",
            event_ref,
            id=reference,
            payment_intent=intent,
            status=status,
            reason=reason,
        )

    def _pay_twice(self):
        invoice = self._bill_amounts(100)
        invoice._billing_charge(self.card, 40)
        invoice._billing_charge(self.card, 60)
        return invoice

    def test_another_one_is_told_after_the_first_was_won(self):
        invoice = self._pay_twice()
        self._dispute("evt_1", "dp_1", "pi_0", "needs_response")
        self._dispute("evt_2", "dp_1", "pi_0", "won")
        self.assertEqual(invoice.billing_dispute, "won")
        invoice.activity_ids.unlink()
        self._dispute("evt_3", "dp_2", "pi_1", "needs_response", "duplicate")
        self.assertIn("Charged twice", self._get_todos(invoice))
        self.assertEqual(invoice.billing_dispute, "open")

    def test_two_at_once(self):
        invoice = self._pay_twice()
        self._dispute("evt_1", "dp_1", "pi_0", "needs_response")
        self._dispute("evt_2", "dp_2", "pi_1", "needs_response", "duplicate")
        self.assertIn("Charged twice", self._get_todos(invoice))
        self._dispute("evt_3", "dp_1", "pi_0", "lost")
        self.assertEqual(invoice.billing_dispute, "open")
        self._dispute("evt_4", "dp_2", "pi_1", "won")
        self.assertEqual(invoice.billing_dispute, "lost")

    def test_two_of_one_payment(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self._dispute("evt_1", "dp_1", "pi_0", "won")
        self._dispute("evt_2", "dp_2", "pi_0", "needs_response", "duplicate")
        self.assertEqual(invoice.billing_dispute, "open")
        self.assertIn("Charged twice", self._get_todos(invoice))

    def test_what_is_told_twice_is_one_to_do(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self._dispute("evt_1", "dp_1", "pi_0", "needs_response")
        invoice.activity_ids.unlink()
        self._dispute("evt_2", "dp_1", "pi_0", "under_review")
        self.assertFalse(invoice.activity_ids)

    def test_dispute_of_a_charge_whose_answer_was_lost(self):
        invoice, _intent = self._lose_charge()
        event = self._dispute("evt_1", "dp_1", "pi_0", "needs_response")
        self.assertEqual(event.state, "done")
        self.assertEqual(invoice.billing_state, "paid")
        self.assertIn("cardholder", self._get_todos(invoice))


@tagged("post_install", "-at_install")
class TestAnotherDatabase(DoorsCommon):
    """What another system on the account has is its own, by whatever name."""

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(45)

    def _take_elsewhere(self, reference, amount=99000, customer="cus_other"):
        """Have the other system charge a card, for an invoice of the same number."""
        self.gateway.begin("pi_other", "succeeded", amount, reference)
        self.gateway.charges["pi_other"] = replace(
            self.gateway.charges["pi_other"], customer=customer
        )
        # What the books here have to have is what is ours.
        self.addCleanup(self.gateway.charges.pop, "pi_other")

    def _check_untouched(self, event):
        self.assertEqual(event.state, "unknown")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertFalse(self.invoice.reversal_move_ids)
        self.assertFalse(self.invoice.billing_dispute)
        self.assertFalse(self.invoice.activity_ids)

    def test_its_refunds_and_disputes_are_not_ours(self):
        attempt = self.invoice._billing_charge(self.card)
        self._take_elsewhere(attempt.reference)
        self.gateway.add_foreign_refund("pi_other", 2000)
        self._check_untouched(
            self._tell("charge.refunded", id="ch_other", payment_intent="pi_other")
        )
        self._check_untouched(
            self._tell(
                "charge.dispute.created",
                "evt_2",
                id="dp_other",
                payment_intent="pi_other",
                status="needs_response",
            )
        )

    def test_nor_where_the_customer_is_not_known(self):
        """As of what was paid before that was kept."""
        attempt = self.invoice._billing_charge(self.card)
        attempt.billing_customer_ref = False
        self._take_elsewhere(attempt.reference)
        self.gateway.add_foreign_refund("pi_other", 2000)
        self._check_untouched(
            self._tell("charge.refunded", id="ch_other", payment_intent="pi_other")
        )

    def test_its_payments_are_no_news_for_staff(self):
        attempt = self.invoice._billing_charge(self.card)
        self._take_elsewhere(attempt.reference)
        self._check_untouched(
            self._tell(
                "payment_intent.succeeded",
                id="pi_other",
                description=attempt.reference,
                customer="cus_other",
            )
        )

    def test_its_payment_of_the_same_amount_is_not_one_that_stripe_refused(self):
        """There is no id to know it by, but whose it was to be."""
        with patch.object(self.api, "_create", side_effect=ValidationError("No.")):
            payment = self._create_payment(self.invoice)
            payment._get_processing_values()
        self.assertEqual(payment.state, "error")
        self.assertFalse(payment.provider_reference)
        self._take_elsewhere(payment.reference, 4500)
        for number, kind in enumerate(("payment_intent.succeeded", "charge.refunded")):
            self._tell(
                kind,
                f"evt_{number}",
                id="pi_other",
                payment_intent="pi_other",
                description=payment.reference,
                customer="cus_other",
            )
        self.assertEqual(payment.state, "error")
        self.assertFalse(payment.provider_reference)
        self.assertEqual(self.invoice.billing_state, "unpaid")

    def test_ours_say_whose_they_are(self):
        for invoice in (self.invoice, None):
            with patch.object(
                type(self.api), "_create", autospec=True, side_effect=FakeApi._create
            ) as create:
                payment, _intent = self._open_form(invoice)
            data = create.call_args.args[2]
            self.assertEqual(data["metadata[odoo_reference]"], payment.reference)
            self.assertEqual(
                data["metadata[odoo_database]"], self.provider._billing_get_uuid()
            )


@tagged("post_install", "-at_install")
class TestMoneyOfNoInvoice(DoorsCommon):
    """Advances, payment links, or what was for an invoice that is deleted by now."""

    def _wait_an_hour(self, payment):
        payment.last_state_change -= timedelta(hours=1)

    def test_what_cannot_be_booked_is_told_once_and_booked_later(self):
        payment, intent = self._open_form()
        self.api.pay(intent)
        with self._closed_books():
            self._tell(
                "payment_intent.succeeded", id=intent, description=payment.reference
            )
            for _again in range(2):
                self._resolve()
        self.assertEqual(payment.state, "done")
        self.assertFalse(payment.payment_id)
        self.assertEqual(len(self.customer.activity_ids), 1)
        self.assertIn("The year is closed.", self._get_todos(self.customer))
        # Odoo's own job has given it up by now.
        payment.last_state_change -= timedelta(days=20)
        self._resolve()
        self.assertTrue(payment.payment_id)
        self._check_books()

    def test_its_refund_that_cannot_be_booked_is_told_and_booked_later(self):
        payment, intent = self._open_form()
        self.api.pay(intent)
        self._tell("payment_intent.succeeded", id=intent, description=payment.reference)
        self.gateway.add_foreign_refund(intent, 1000)
        with self._closed_books():
            self._tell("charge.refunded", "evt_2", id="ch_1", payment_intent=intent)
        self.assertIn("The year is closed.", self._get_todos(self.customer))
        self._resolve()
        self._check_books()

    def test_lost_event_and_closed_tab(self):
        payment, intent = self._open_form()
        self.api.pay(intent)
        self._wait_an_hour(payment)
        self._resolve()
        self.assertEqual(payment.state, "done")
        self._check_books()

    def test_what_began_before_is_left_to_who_booked_it_by_hand(self):
        payment, _intent = self._open_form()
        payment.billing_customer_ref = False
        payment._set_done()
        self._wait_an_hour(payment)
        self._resolve()
        self.assertFalse(payment.payment_id)

    def test_its_dispute_is_told(self):
        payment, intent = self._open_form()
        self.api.pay(intent)
        self._tell("payment_intent.succeeded", id=intent, description=payment.reference)
        self._tell(
            "charge.dispute.created",
            "evt_2",
            id="dp_1",
            payment_intent=intent,
            status="needs_response",
            reason="fraudulent",
        )
        self.assertIn("is disputed", self._get_todos(self.customer))

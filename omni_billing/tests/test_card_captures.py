from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .doors_common import DoorsCommon


@tagged("post_install", "-at_install")
class TestCaptures(DoorsCommon):
    """What staff capture: booked with the capture, and of the invoices all the same."""

    def setUp(self):
        super().setUp()
        self.provider.payment_method_ids = self.method
        self.provider.capture_manually = True
        self.invoice = self._bill_amounts(45)
        self.payment, self.intent = self._open_form(self.invoice)
        self.api.pay(self.intent, status="requires_capture")
        self._come_back(self.payment)
        self.assertEqual(self.payment.state, "authorized")

    def _come_back(self, payment):
        """Have Odoo's return page tell of the payment."""
        data = {
            "reference": payment.reference,
            "payment_intent": self.api.intents[self.intent],
            "payment_method": None,
        }
        payment._process("stripe", data)

    def _capture(self, is_lost=False):
        """Have staff capture it, with Odoo's button; return the capture."""
        send = self.api.send

        def capture(method, endpoint, **kwargs):
            if not endpoint.endswith("/capture"):
                return send(method, endpoint, **kwargs)
            self.api.pay(self.intent)
            if is_lost:
                # As `payment.provider` says it.
                answer = "Could not establish the connection to the API."
                raise ValidationError(answer)
            return self.api.intents[self.intent] | {"payment_method": "pm_4242"}

        with patch.object(self.api, "send", capture):
            self.payment.with_user(self.staff).sudo(False).action_capture()
        return self.payment.child_transaction_ids

    def _capture_and_book(self):
        capture = self._capture()
        self.assertEqual(capture.state, "done")
        capture._post_process()
        self.assertEqual(self.invoice.billing_state, "paid")
        return capture

    def _check_refunded(self):
        self.assertEqual(self._get_books_balance(), 0)
        self._check_books()

    def test_refund_in_our_dialog(self):
        self._capture_and_book()
        self.assertTrue(self.invoice.billing_refundable)
        self.assertEqual(self.invoice._billing_get_refundable_amount(), 45)
        self.invoice._billing_refund(10)
        self.assertEqual(self.gateway.taken, 3500)
        self.assertEqual(self.invoice._billing_get_refundable_amount(), 35)
        self._check_refunded()

    def test_refund_by_odoos_button(self):
        capture = self._capture_and_book()
        # sudo: as the button.
        capture.with_env(self.env).sudo()._refund(10)
        self.assertEqual(self.gateway.taken, 3500)
        self._check_refunded()

    def test_refund_in_the_dashboard(self):
        self._capture_and_book()
        self.gateway.add_foreign_refund(self.intent, 4500)
        for number in range(2):
            event = self._tell(
                "charge.refunded", f"evt_{number}", id="ch", payment_intent=self.intent
            )
            self.assertEqual(event.state, "done")
        self.assertEqual(self.invoice.billing_state, "refunded")
        self.assertEqual(len(self.invoice.reversal_move_ids), 1)
        self._check_refunded()

    def test_refund_in_the_dashboard_before_the_capture_is_booked(self):
        capture = self._capture()
        self.gateway.add_foreign_refund(self.intent, 1000)
        self._tell("charge.refunded", id="ch", payment_intent=self.intent)
        self.assertTrue(capture.payment_id)
        self._resolve()
        self.assertEqual(self.invoice.billing_state, "paid")
        self._check_refunded()

    def test_dispute_is_told(self):
        self._capture_and_book()
        event = self._tell(
            "charge.dispute.created",
            id="dp_1",
            payment_intent=self.intent,
            status="needs_response",
            reason="fraudulent",
        )
        self.assertEqual(event.state, "done")
        self.assertEqual(self.invoice.billing_dispute, "open")
        self.assertIn("fraudulent", self._get_todos(self.invoice))

    def test_what_cannot_be_booked_is_told(self):
        self._capture()
        with self._closed_books():
            self._resolve()
        self.assertIn("could not be booked", self._get_todos(self.invoice))
        self._resolve()
        self.assertEqual(self.invoice.billing_state, "paid")
        self._check_books()

    def test_what_odoo_gave_up_booking_is_booked_by_the_job(self):
        """Odoo tries for four days."""
        family = self._capture() + self.payment
        for payment in family:
            payment.last_state_change -= timedelta(days=5)
        self._resolve()
        self._check_books()

    def test_next_click_books_it_first(self):
        self._capture()
        with self.assertRaisesRegex(UserError, "look at what is left|paid"):
            self.invoice._billing_charge(self.card)
        self.assertEqual(self.invoice.billing_state, "paid")
        self._check_books()

    def test_lost_answer_is_booked_once(self):
        capture = self._capture(is_lost=True)
        self.assertNotEqual(capture.state, "done")
        self._tell("payment_intent.succeeded", id=self.intent)
        self.assertEqual(self.payment.state, "done")
        self._check_books()
        # Nor by who opens Odoo's return page with the reference of the capture.
        self._come_back(capture)
        self._resolve()
        self.assertNotEqual(capture.state, "done")
        self._check_books()

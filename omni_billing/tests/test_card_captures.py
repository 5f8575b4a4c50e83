from datetime import timedelta
from unittest.mock import Mock, patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import format_date

from odoo.addons.omni_billing.exceptions import GatewayRefused, GatewayUnknown

from .doors_common import DoorsCommon
from .fake_api import FakeApi


class CapturesCommon(DoorsCommon):
    """An invoice for which a bank holds money, that staff may capture."""

    def setUp(self):
        super().setUp()
        self.provider.payment_method_ids = self.method
        self.provider.capture_manually = True
        self._hold()

    def _hold(self):
        """Have another invoice of 45, and its bank hold the money."""
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

    def _stand(self, status, days=0):
        """Have it stand so at Stripe, so many days after it was authorized."""
        self.api.pay(self.intent, status=status)
        self.payment.last_state_change -= timedelta(days=days)

    def _do(self, door):
        """Have it paid, voided, or changed in Accounting."""
        if door == "charge":
            self.invoice._billing_charge(self.card)
        elif door == "cash":
            self._pay(self.invoice, mode="cash")
        elif door == "reverse":
            values = {"journal_id": self.invoice.journal_id.id, "reason": "Wrong"}
            context = {"active_model": "account.move", "active_ids": self.invoice.ids}
            Reversal = self.env["account.move.reversal"].with_context(**context)
            Reversal.create(values).refund_moves()
        else:
            getattr(self.invoice, door)()


@tagged("post_install", "-at_install")
class TestCaptures(CapturesCommon):
    """What staff capture: booked with the capture, and of the invoices all the same."""

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
        self.assertIn("cardholder", self._get_todos(self.invoice))

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


@tagged("post_install", "-at_install")
class TestHolds(CapturesCommon):
    """What a bank holds: who may go on, when, and what they are told (W22)."""

    OURS = ("charge", "cash", "action_billing_void")

    def _cut_off(self, code="resource_missing"):
        """Have Stripe not know it: the key is of another account."""
        error = GatewayRefused(code, "No such payment_intent")
        return patch.multiple(
            self.gateway,
            get_charge=Mock(side_effect=error),
            cancel=Mock(side_effect=error),
        )

    def _void_at_stripe(self, method, endpoint, **kwargs):
        """Answer in place of Stripe, which gives the hold up."""
        if endpoint == f"payment_intents/{self.intent}/cancel":
            self.api.pay(self.intent, status="canceled")
            return self.api.intents[self.intent] | {"payment_method": "pm_4242"}
        return FakeApi.send(self.api, method, endpoint, **kwargs)

    def _hand_over(self, code):
        """Have it be of another provider."""
        other = self.env.ref(f"payment.payment_provider_{code}").id
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction SET provider_id = %s WHERE id = %s",
            [other, self.payment.id],
        )
        self.env.invalidate_all()

    def test_staff_are_told_what_to_do(self):
        """With what the provider can do."""
        until = format_date(self.env, self.today + timedelta(days=7))
        for door in self.OURS:
            with self.assertRaises(UserError) as caught:
                self._do(door)
            for words in (self.payment.reference, "Release", "Capture", until):
                self.assertIn(words, str(caught.exception))
        # It can neither capture nor void.
        self._hand_over("demo")
        with (
            patch.object(
                type(self.provider), "_compute_feature_support_fields", _support_nothing
            ),
            self.assertRaises(UserError) as caught,
        ):
            self._do("cash")
        self.assertNotIn("Release", str(caught.exception))
        self.assertIn(self.payment.provider_id.name, str(caught.exception))

    def test_customers_are_told_what_concerns_them(self):
        attempt = self._create_payment(self.invoice)
        with self.assertRaises(UserError) as caught:
            attempt.with_user(self.portal).sudo()._get_processing_values()
        self.assertIn("your bank holds", str(caught.exception).lower())
        self.assertNotIn("Accounting", str(caught.exception))
        self.assertNotIn("Release", str(caught.exception))

    def test_staff_give_it_back_by_a_button(self):
        with patch.object(self.api, "send", self._void_at_stripe):
            invoice = self.invoice.with_user(self.staff)
            answer = invoice.action_billing_void_authorized()
        self.assertEqual(answer["params"]["type"], "success")
        self.assertEqual(self.payment.state, "cancel")
        self._do("cash")
        self.assertEqual(self.invoice.billing_state, "paid")
        with self.assertRaisesRegex(UserError, "No bank holds"):
            self.invoice.action_billing_void_authorized()

    def test_the_button_is_for_staff_and_what_can_be_done(self):
        with self.assertRaises(AccessError):
            self.invoice.with_user(self.portal).action_billing_void_authorized()
        with (
            patch.object(
                type(self.provider), "_compute_feature_support_fields", _support_nothing
            ),
            self.assertRaisesRegex(UserError, self.provider.name),
        ):
            self.invoice.with_user(self.staff).action_billing_void_authorized()
        self.assertEqual(self.payment.state, "authorized")

    def test_what_lapsed_at_stripe_keeps_nobody(self):
        """Whoever asks first: no event came."""
        for door in (*self.OURS, "job", "portal"):
            with self.subTest(door):
                self._hold()
                self._stand("canceled", days=8)
                if door == "job":
                    self._resolve()
                elif door == "portal":
                    self._create_payment(self.invoice)._get_processing_values()
                else:
                    self._do(door)
                    self.assertIn(self.invoice.billing_state, ("paid", "void"))
                self.assertEqual(self.payment.state, "cancel")
                self.assertFalse(self.invoice.activity_ids)

    def test_what_stripe_holds_longer_is_waited_for(self):
        """Some banks hold it for 30 days."""
        self._stand("requires_capture", days=40)
        for door in self.OURS:
            with self.assertRaisesRegex(UserError, self.payment.reference):
                self._do(door)
        self.assertEqual(self.gateway.charges[self.intent].status, "requires_capture")

    def test_what_was_captured_in_the_dashboard_is_booked(self):
        self._stand("succeeded", days=8)
        with self.assertRaisesRegex(UserError, "right now|just confirmed|is paid"):
            self._pay(self.invoice, mode="cash")
        self._resolve()
        self.assertEqual(self.payment.state, "done")
        self.assertEqual(self.invoice.billing_state, "paid")
        self._check_books()

    def test_while_stripe_gives_no_answer_nothing_goes_on(self):
        self._stand("canceled", days=40)
        error = GatewayUnknown("", "No answer")
        with (
            patch.object(self.gateway, "get_charge", side_effect=error),
            self.assertRaisesRegex(UserError, "try again in a minute"),
        ):
            self._do("action_billing_void")
        self.assertEqual(self.payment.state, "authorized")

    def test_what_nobody_can_be_asked_of_ends_with_stripe_s_own_limit(self):
        for door in ("cash", "action_billing_void", "reverse", "job"):
            with self.subTest(door):
                self._hold()
                with self._cut_off():
                    self.payment.last_state_change -= timedelta(days=6)
                    if door == "job":
                        self._resolve()
                    else:
                        with self.assertRaises(UserError):
                            self._do(door)
                    self.assertFalse(self.invoice.activity_ids)
                    self.payment.last_state_change -= timedelta(days=2)
                    self._resolve()
                    self._resolve()
                    if door != "job":
                        self._do(door)
                todos = self._get_todos(self.invoice)
                self.assertEqual(todos.count(self.intent), 1)
                # Its customer may pay again, and is asked to.
                if door == "job":
                    self.assertEqual(self.invoice._billing_get_chargeable_amount(), 45)
                    self.assertFalse(self.payment._billing_filter_awaited())

    def test_our_doors_need_no_job_for_it(self):
        for door in ("cash", "action_billing_void"):
            with self.subTest(door):
                self._hold()
                self.payment.last_state_change -= timedelta(days=8)
                with self._cut_off():
                    self._do(door)
                self.assertIn(self.intent, self._get_todos(self.invoice))

    def test_what_is_captured_all_the_same_is_booked_and_told(self):
        self.payment.last_state_change -= timedelta(days=8)
        with self._cut_off():
            self._pay(self.invoice, mode="cash", amount=20)
        self.invoice.activity_ids.unlink()
        self.api.pay(self.intent)
        reference = self.payment.reference
        self._tell("payment_intent.succeeded", id=self.intent, description=reference)
        self.assertEqual(self.payment.state, "done")
        self.assertIn("all the same", self._get_todos(self.invoice))

    def test_of_another_provider_it_ends_after_a_month(self):
        """It cannot be asked."""
        self._hand_over("adyen")
        self.payment.last_state_change -= timedelta(days=29)
        for door in ("cash", "action_billing_void"):
            with self.assertRaisesRegex(UserError, self.payment.reference):
                self._do(door)
        self.payment.last_state_change -= timedelta(days=2)
        self.assertEqual(self.invoice._billing_get_chargeable_amount(), 45)
        self._pay(self.invoice, mode="cash", amount=20)
        self._pay(self.invoice, mode="cash", amount=25)
        todos = self._get_todos(self.invoice)
        self.assertEqual(todos.count(self.payment.reference), 1)
        self.assertEqual(self.payment.state, "authorized")


def _support_nothing(providers):
    """Have no provider do anything on demand."""
    providers.write(
        {
            "support_express_checkout": None,
            "support_manual_capture": None,
            "support_tokenization": None,
            "support_refund": "none",
        }
    )

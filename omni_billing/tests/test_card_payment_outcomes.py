from dataclasses import replace
from datetime import timedelta

from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.hooks import (
    _set_repeated_intents_aside,
    _tell_of_repeated_intents,
)
from odoo.addons.payment_stripe.controllers.main import StripeController

from .doors_common import DoorsCommon


@tagged("post_install", "-at_install")
class TestOutcomesOfTheirAttempts(DoorsCommon):
    """W21: an outcome counts for the attempt that it was made for."""

    def _hear(self, payment, intent, kind="payment_intent"):
        """Have Odoo process what Stripe said of an intent, as its return page does."""
        data = {"reference": payment.reference}
        getattr(StripeController, f"_include_{kind}_in_payment_data")(intent, data)
        payment._process("stripe", data)

    def _tell(self, kind, event_ref="evt_1", **obj):
        # sudo: as the webhook and the job.
        Event = self.env["omni.billing.stripe.event"].sudo()
        event = {"id": event_ref, "type": kind, "data": {"object": obj}}
        Event._store(self.provider, event)
        Event._cron_process()
        return Event.search([("event_ref", "=", event_ref)])

    def test_intent_is_kept_when_it_is_made(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        self.assertEqual(payment.provider_reference, intent)
        self.assertEqual(payment.billing_customer_ref, "cus_0")
        saving, intent = self._open_form(operation="validation", amount=0)
        self.assertEqual(saving.provider_reference, intent)
        self.assertEqual(saving.billing_customer_ref, "cus_0")

    def test_own_outcome_pays(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        for _time in range(2):
            self._hear(payment, self.api.intents[intent])
            self.assertEqual(payment.state, "done")
        payment._post_process()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertFalse(invoice.activity_ids)

    def test_what_differs_is_refused_and_told(self):
        for name, value in (
            ("id", "pi_other"),
            ("object", "charge"),
            ("description", "INV/OTHER"),
            ("description", None),
            ("metadata", {"odoo_reference": "INV/OTHER"}),
            ("customer", "cus_other"),
            ("customer", None),
            ("livemode", True),
        ):
            with self.subTest(name, value=value):
                invoice = self._bill_amounts(45)
                payment, intent = self._open_form(invoice)
                self.api.pay(intent)
                before = payment.read()[0]
                self._hear(payment, {**self.api.intents[intent], name: value})
                payment.invalidate_recordset()
                changed = {
                    field
                    for field, was in before.items()
                    if payment.read([field])[0][field] != was
                } - {"write_date"}
                self.assertFalse(changed)
                # It is told once, however often somebody tries.
                self._hear(payment, {**self.api.intents[intent], name: value})
                self.assertEqual(len(invoice.activity_ids), 1)
                self.assertIn("nothing was booked", invoice.activity_ids.note)

    def test_mode_is_asked_of_what_knows_it(self):
        """Odoo keeps it since 19.0: what began before says "test" of itself."""
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        payment.billing_customer_ref = False
        self.api.pay(intent, livemode=True)
        self._hear(payment, self.api.intents[intent])
        self.assertEqual(payment.state, "done")
        self.assertFalse(invoice.activity_ids)

    def test_another_amount_is_told_and_not_booked(self):
        for values in ({"amount": 4400}, {"currency": "eur"}):
            invoice = self._bill_amounts(45)
            payment, intent = self._open_form(invoice)
            self.api.pay(intent, **values)
            self._hear(payment, self.api.intents[intent])
            self.assertEqual(payment.state, "error")
            self.assertIn("another amount", invoice.activity_ids.note)
            self.assertEqual(invoice.billing_state, "unpaid")

    def test_money_of_another_payment_is_no_news_for_staff(self):
        """It is booked where it belongs; a to-do for each try would be a nuisance."""
        first, second = self._bill_amounts(45, 45)
        _payment, intent = self._open_form(first)
        self.api.pay(intent)
        replayed, _own = self._open_form(second)
        self._hear(replayed, self.api.intents[intent])
        self.assertEqual(replayed.state, "draft")
        self.assertFalse(second.activity_ids)

    def test_part_payments_are_counted_once(self):
        """One of 100, shown again for the second one."""
        invoice = self._bill_amounts(240)
        first, intent = self._open_form(invoice, amount=100)
        self.api.pay(intent)
        self._hear(first, self.api.intents[intent])
        first._post_process()
        second, _own = self._open_form(invoice, amount=100)
        self._hear(second, self.api.intents[intent])
        self.assertEqual(second.state, "draft")
        self.assertEqual(invoice.amount_residual, 140)

    def test_replay_leaves_what_is_paid_as_it_is(self):
        """Its reference is what a refund is made of."""
        first, second = self._bill_amounts(45, 45)
        payments = [self._open_form(invoice) for invoice in (first, second)]
        for payment, intent in payments:
            self.api.pay(intent)
            self._hear(payment, self.api.intents[intent])
        (payment, own), (_other, intent) = payments
        self._hear(payment, self.api.intents[intent])
        self.assertEqual(payment.provider_reference, own)

    def test_saved_card_is_of_who_saved_it(self):
        """A SetupIntent of somebody else's card."""
        _saving, intent = self._open_form(
            operation="validation", amount=0, tokenize=True
        )
        self.api.pay(intent)
        other, own = self._open_form(
            operation="validation", amount=0, partner_id=self.neighbor.id, tokenize=True
        )
        cards = self.env["payment.token"].sudo()
        before = cards.search_count([])
        self._hear(other, self.api.intents[intent], "setup_intent")
        self.assertEqual(other.state, "draft")
        self.assertEqual(cards.search_count([]), before)
        self.api.pay(own)
        self._hear(other, self.api.intents[own], "setup_intent")
        self.assertEqual(other.token_id.partner_id, self.neighbor)

    def test_payment_begun_before_the_upgrade_is_known_by_its_description(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        payment.write({"provider_reference": False, "billing_customer_ref": False})
        self.api.pay(intent)
        foreign = self.api.intents[intent] | {"description": "INV/OTHER"}
        self._hear(payment, foreign)
        self.assertEqual(payment.state, "draft")
        self._hear(payment, self.api.intents[intent])
        self.assertEqual(payment.state, "done")

    def test_one_intent_is_one_payment(self):
        """By the database, whoever writes."""
        payment, intent = self._open_form(self._bill_amounts(45))
        other = self._create_payment(self._bill_amounts(45))
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            other.provider_reference = intent
            self.env.flush_all()
        # Another account, and a capture of the same one, may well have it.
        second = self._copy_provider()
        other.write({"provider_id": second.id, "provider_reference": intent})
        child = payment._create_child_transaction(45)
        child.provider_reference = intent
        self.env.flush_all()

    def test_capture_is_of_what_was_authorized(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent, status="requires_capture")
        self._hear(payment, self.api.intents[intent])
        self.assertEqual(payment.state, "authorized")
        capture = payment._create_child_transaction(45)
        self._hear(capture, self.api.intents[intent] | {"id": "pi_other"})
        self.assertEqual(capture.state, "draft")
        self.api.pay(intent)
        self._hear(capture, self.api.intents[intent])
        self.assertEqual(capture.state, "done")
        self.assertEqual(payment.state, "done")

    def test_refund_is_not_learned_from_a_page(self):
        payment, intent = self._open_form(self._bill_amounts(45))
        self.api.pay(intent)
        self._hear(payment, self.api.intents[intent])
        refund = payment._create_child_transaction(45, True)
        for said in ("re_1", {"id": "re_1"}, None):
            refund._process("stripe", {"refund": said})
            self.assertEqual(refund.state, "draft")
        self._hear(refund, self.api.intents[intent])
        self.assertEqual(refund.state, "draft")
        self.assertFalse(refund.provider_reference)

    def test_event_of_a_foreign_payment_with_our_reference(self):
        """Another program on the same account, or a person in its dashboard."""
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        foreign = self.api.intents[intent] | {"id": "pi_other"}
        self.api.intents["pi_other"] = foreign
        self.api.pay("pi_other")
        self._tell(
            "payment_intent.succeeded", id="pi_other", description=payment.reference
        )
        self.assertEqual(payment.state, "draft")
        self.assertEqual(payment.provider_reference, intent)
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertIn("nothing was booked", invoice.activity_ids.note)

    def test_own_charge_takes_no_other_outcome(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        charge = self.gateway.charges["pi_0"]
        for name, value in (
            ("reference", "INV/OTHER"),
            ("customer", "cus_other"),
            ("is_live", True),
        ):
            with self.subTest(name):
                self.gateway.charges["pi_other"] = replace(
                    charge, id="pi_other", **{name: value}
                )
                self._tell(
                    "payment_intent.succeeded",
                    f"evt_{name}",
                    id="pi_other",
                    description=attempt.reference,
                )
                self.assertEqual(attempt.state, "draft")
                self.assertFalse(attempt.provider_reference)
                self.assertTrue(attempt.billing_is_open)
        self.assertIn("nothing was booked", invoice.activity_ids[0].note)
        attempt._billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(attempt.provider_reference, "pi_0")

    def test_own_charge_is_not_finished_by_odoos_page(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        intent = {
            "id": "pi_0",
            "status": "succeeded",
            "amount": 4500,
            "currency": "usd",
            "description": attempt.reference,
            "customer": "cus_0",
        }
        self._hear(attempt, intent)
        self.assertEqual(attempt.state, "draft")
        attempt._billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")

    def test_lost_payment_is_taken_over_by_its_own_intent(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        charge = self.gateway.charges[intent]
        self.gateway.charges[intent] = replace(charge, reference="INV/OTHER")
        payment._billing_take_over()
        self.assertEqual(payment.state, "draft")
        self.gateway.charges[intent] = charge
        payment._billing_take_over()
        self.assertEqual(invoice.billing_state, "paid")

    def test_form_paid_after_the_job_gave_up_asking_is_learnt_by_who_pays(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._open_form(invoice)
        payment.last_state_change -= timedelta(days=5)
        self.api.pay(intent)
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(payment.state, "draft")
        with self.assertRaisesRegex(UserError, "has just confirmed|cannot be paid"):
            self._pay(invoice, mode="cash")
        self.assertEqual(payment.state, "done")
        self.assertEqual(invoice.billing_state, "paid")

    def test_key_of_the_other_mode_charges_nothing(self):
        """Else real money is taken that nobody books, or the other way around."""
        invoice = self._bill_amounts(45)
        for state, key in (("test", "sk_live_1"), ("enabled", "rk_test_1")):
            self.provider.write({"stripe_secret_key": key, "state": state})
            # Odoo archives the cards of the other mode.
            card = self._save_card()
            with self.assertRaisesRegex(UserError, "mode"):
                invoice._billing_charge(card)
            with self.assertRaisesRegex(UserError, "mode"):
                self._open_form(invoice)
        self.assertFalse(self.gateway.charges)
        self.assertFalse(self.api.calls)

    def test_missing_reference_is_nobody_s(self):
        Transaction = self.env["payment.transaction"].sudo()
        self._create_payment(self._bill_amounts(45))
        for data in ({}, {"reference": None}, {"reference": ""}):
            self.assertFalse(Transaction._process("stripe", dict(data)))

    def test_repeated_intents_make_way_for_the_rule(self):
        """What an earlier version, or Odoo alone, let happen."""
        invoices = self._bill_amounts(45, 45, 45)
        (first, intent), *others = [self._open_form(invoice) for invoice in invoices]
        second, third = (payment for payment, _intent in others)
        self.env.flush_all()
        self.env.cr.execute("DROP INDEX payment_transaction_billing_intent_uniq")
        (second + third).provider_reference = intent
        (second + third).state = "done"
        self.env.flush_all()
        with mute_logger("odoo.addons.omni_billing.hooks"):
            _set_repeated_intents_aside(self.env.cr)
        self.env.invalidate_all()
        _tell_of_repeated_intents(self.env)
        self.assertEqual(second.provider_reference, intent)
        for payment in first + third:
            self.assertEqual(payment.provider_reference, f"again: {intent}")
        # Which was not done took nothing from anybody.
        told = invoices.filtered("activity_ids")
        self.assertEqual(told, third.invoice_ids)
        self.assertIn("no money of its own", told.activity_ids.note)
        # As the to-do says.
        third._post_process()
        accountant = self._create_user("books-test", "account.group_account_manager")
        third.payment_id.with_user(accountant).action_cancel()
        self.assertEqual(third.invoice_ids.billing_state, "unpaid")
        self.assertFalse(told._billing_get_card_payments())

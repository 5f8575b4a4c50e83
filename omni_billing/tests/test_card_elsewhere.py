"""What is known here, and is another database's: a copy has what began before it."""

from dataclasses import replace
from datetime import timedelta

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.gateways.stripe_answers import DATABASE, REFERENCE

from .doors_common import DoorsCommon


@tagged("post_install", "-at_install")
class TestPaymentsOfAnotherDatabase(DoorsCommon):
    """They keep nobody, are told once, never booked, and left alone at Stripe (W21)."""

    def _open_elsewhere(self, invoice, status=None, **values):
        """Have a form that was opened in another database; return it and its intent."""
        self.api.odd = {"metadata": {DATABASE: "another"}}
        payment, intent = self._open_form(invoice, **values)
        metadata = {REFERENCE: payment.reference, DATABASE: "another"}
        self.api.intents[intent]["metadata"] = metadata
        if status:
            self.api.pay(intent, status=status)
        return payment, intent

    def _assert_let_go(self, payment, record):
        self.assertEqual(payment.state, "cancel")
        self.assertFalse(payment.payment_id)
        todos = self._get_todos(record)
        self.assertEqual(todos.count(payment.provider_reference), 1)
        self.assertIn("another database", todos)

    def _do(self, door, invoice):
        if door == "cash":
            self._pay(invoice, mode="cash")
        elif door == "charge":
            invoice._billing_charge(self.card)
        else:
            getattr(invoice, door)()

    def test_it_keeps_nobody(self):
        """By our doors and by Accounting's, whatever became of it there."""
        for status in (None, "processing", "requires_capture", "succeeded"):
            for door in ("cash", "charge", "action_billing_void"):
                with self.subTest(door, status=status):
                    invoice = self._bill_amounts(45)
                    payment, intent = self._open_elsewhere(invoice, status)
                    before = self.gateway.charges[intent].status
                    self._do(door, invoice)
                    self.assertIn(invoice.billing_state, ("paid", "void"))
                    self._assert_let_go(payment, invoice)
                    self.assertEqual(self.gateway.charges[intent].status, before)

    def test_it_keeps_accounting_from_nothing(self):
        for door in ("button_draft", "unlink"):
            with self.subTest(door):
                invoice = self.init_invoice(
                    "out_invoice", self.customer, amounts=[45], post=door != "unlink"
                )
                payment, intent = self._open_elsewhere(invoice, "succeeded", amount=45)
                self._do(door, invoice)
                # What is on an invoice goes with it.
                record = self.customer if door == "unlink" else invoice
                self._assert_let_go(payment, record)
                self.assertEqual(self.gateway.charges[intent].status, "succeeded")

    def test_the_job_learns_it_and_nobody_is_told_again(self):
        """Whatever it was here when the database was copied."""
        for state in ("draft", "pending", "authorized"):
            with self.subTest(state):
                invoice = self._bill_amounts(45)
                payment, intent = self._open_elsewhere(invoice, "succeeded")
                payment.state = state
                payment.last_state_change -= timedelta(hours=1)
                self._resolve()
                self._assert_let_go(payment, invoice)
                invoice.activity_ids.unlink()
                payment.last_state_change -= timedelta(hours=1)
                self._resolve()
                self._tell(
                    "payment_intent.succeeded",
                    f"evt_{payment.id}",
                    id=intent,
                    description=payment.reference,
                )
                data = {"payment_intent": self.api.intents[intent]}
                payment._process("stripe", data)
                self._pay(invoice, mode="cash")
                self.assertFalse(invoice.activity_ids)
                self.assertFalse(payment.payment_id)
                self.assertEqual(invoice.billing_state, "paid")

    def test_its_page_or_event_comes_first(self):
        for way in ("event", "page"):
            with self.subTest(way):
                invoice = self._bill_amounts(45)
                payment, intent = self._open_elsewhere(invoice, "succeeded")
                if way == "page":
                    data = {"payment_intent": self.api.intents[intent]}
                    payment._process("stripe", data)
                else:
                    reference = payment.reference
                    kind = "payment_intent.succeeded"
                    self._tell(kind, id=intent, description=reference)
                self._resolve()
                self._assert_let_go(payment, invoice)

    def test_another_id_shown_for_ours_lets_nothing_go(self):
        """Anybody may open the page of return with the id of another payment."""
        invoice = self._bill_amounts(45)
        payment, own = self._open_form(invoice)
        _other, intent = self._open_elsewhere(self._bill_amounts(45), "succeeded")
        shown = self.api.intents[intent] | {"description": payment.reference}
        payment._process("stripe", {"payment_intent": shown})
        self.assertEqual(payment.state, "draft")
        self.assertEqual(payment.provider_reference, own)

    def test_charge_that_was_under_way(self):
        """A saved card was charged there, and its customer has to confirm."""
        for is_old in (False, True):
            with self.subTest(is_old=is_old):
                invoice = self._bill_amounts(45)
                self.gateway.ask_customer()
                attempt = invoice._billing_charge(self.card, is_customer_present=True)
                intent = attempt.provider_reference
                self.assertTrue(attempt.billing_is_open)
                charge = self.gateway.charges[intent]
                self.gateway.charges[intent] = replace(charge, database="another")
                if is_old:
                    attempt.create_date -= timedelta(hours=2)
                self._resolve()
                self.assertFalse(invoice.billing_attempt_id)
                self._assert_let_go(attempt, invoice)
                self.assertEqual(self.gateway.charges[intent].status, "requires_action")
                self._pay(invoice, mode="cash")
                self.assertEqual(invoice.billing_state, "paid")

    def test_what_a_bank_holds_is_neither_taken_nor_given_back(self):
        """By Odoo's own buttons: it is the other database's to decide."""
        for action in ("action_capture", "action_void"):
            with self.subTest(action):
                invoice = self._bill_amounts(45)
                payment, intent = self._open_elsewhere(invoice, "requires_capture")
                payment.state = "authorized"
                staff = payment.with_user(self.staff).sudo(False)
                with self.assertRaisesRegex(UserError, "another database"):
                    getattr(staff, action)()
                called = [path for _method, path in self.api.calls if intent in path]
                self.assertFalse(called)

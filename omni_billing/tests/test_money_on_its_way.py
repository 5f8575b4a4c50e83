"""What happens to an invoice while money is on its way to it, or may still come."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.exceptions import (
    GatewayDenied,
    GatewayRefused,
    GatewayUnknown,
)
from odoo.addons.omni_billing.tools.write_guard import trust

from .doors_common import DoorsCommon


@tagged("post_install", "-at_install")
class TestDeclinedOnAForm(DoorsCommon):
    """Whoever kept the page can pay it with another card, until it is given up."""

    def _decline(self, invoice):
        """Have a bank decline what a customer typed; return payment and intent."""
        payment, intent = self._open_form(invoice)
        error = {"code": "card_declined", "decline_code": "generic_decline"}
        self._hear(payment, intent, last_payment_error=error)
        self.assertEqual(payment.state, "error")
        return payment, intent

    def _hear(self, payment, intent, **values):
        """Have Odoo's page of return, or an event, tell how it stands."""
        self.api.intents[intent] |= values
        data = {
            "reference": payment.reference,
            "payment_intent": self.api.intents[intent],
        }
        payment._process("stripe", data)

    def _assert_given_up(self, payment, intent):
        self.assertEqual(self.gateway.charges[intent].status, "canceled")
        self.assertEqual(payment.state, "cancel")

    def test_cash_and_charge_give_it_up(self):
        for mode in ("cash", "stripe"):
            with self.subTest(mode):
                invoice = self._bill_amounts(45)
                payment, intent = self._decline(invoice)
                self._pay(invoice, mode=mode)
                self.assertEqual(invoice.billing_state, "paid")
                self._assert_given_up(payment, intent)

    def test_void_gives_it_up(self):
        for door in ("model", "dialog", "bulk"):
            with self.subTest(door):
                invoice = self._bill_amounts(45)
                payment, intent = self._decline(invoice)
                values = {"invoice_ids": [Command.set(invoice.ids)]}
                if door == "model":
                    invoice.action_billing_void()
                elif door == "dialog":
                    self.env["omni.billing.void.wizard"].create(values).action_void()
                else:
                    bulk = self.env["omni.billing.bulk"].create(
                        values | {"operation": "void"}
                    )
                    self.assertFalse(bulk.run_step(invoice.ids)[0]["error"])
                self.assertEqual(invoice.billing_state, "void")
                self._assert_given_up(payment, intent)

    def test_it_is_asked_once(self):
        invoice = self._bill_amounts(45)
        self._decline(invoice)
        self._pay(invoice, mode="cash", amount=20)
        with patch.object(self.gateway, "cancel", side_effect=AssertionError):
            self._pay(invoice, mode="cash", amount=25)
        self.assertEqual(invoice.billing_state, "paid")

    def test_what_was_paid_by_then_is_booked_and_the_invoice_stays(self):
        for door in ("void", "cash"):
            with self.subTest(door):
                invoice = self._bill_amounts(45)
                payment, intent = self._decline(invoice)
                self.api.pay(intent)
                before = self.gateway.taken
                with self.assertRaisesRegex(
                    UserError, "just confirmed|right now|is paid"
                ):
                    if door == "void":
                        invoice.action_billing_void()
                    else:
                        self._pay(invoice, mode="cash", amount=20)
                self.env["payment.transaction"].flush_model()
                self.assertNotEqual(invoice.billing_state, "void")
                self.assertEqual(self.gateway.taken, before)
                invoice._billing_settle_attempts()
                self.assertEqual(payment.state, "done")
                self.assertEqual(invoice.billing_state, "paid")

    def test_a_dialog_of_void_books_it(self):
        invoice = self._bill_amounts(45)
        payment, intent = self._decline(invoice)
        self.api.pay(intent)
        wizard = self.env["omni.billing.void.wizard"].create(
            {"invoice_ids": [Command.set(invoice.ids)]}
        )
        # Not by assertRaises, which undoes what was booked.
        refused = ""
        try:
            wizard.action_void()
        except UserError as error:
            refused = str(error)
        self.assertTrue(refused)
        self.assertEqual(payment.state, "done")
        self.assertEqual(invoice.billing_state, "paid")
        self._check_books()

    def test_another_amount_holds_nobody_up(self):
        """It is never booked: staff were told, and record it by hand."""
        for is_known in (True, False):
            with self.subTest(is_known=is_known):
                invoice = self._bill_amounts(45)
                payment, intent = self._open_form(invoice)
                self.api.pay(intent, amount=4400, amount_received=4400)
                charge = self.gateway.charges[intent]
                self.gateway.charges[intent] = replace(charge, amount=4400)
                self._hear(payment, intent)
                self.assertEqual(payment.state, "error")
                if not is_known:
                    # From before it was written down why.
                    payment.billing_decline_code = False
                    invoice.activity_ids.unlink()
                self._pay(invoice, mode="cash", amount=1)
                self.assertIn("4400", self._get_todos(invoice))
                self.assertEqual(invoice.amount_residual, 44)

    def test_what_stripe_does_not_know_any_more_holds_nobody_up(self):
        """The key is of another account by now."""
        invoice = self._bill_amounts(45)
        _payment, intent = self._decline(invoice)
        del self.gateway.charges[intent]
        error = GatewayRefused("resource_missing", "No such payment_intent")
        with patch.object(self.gateway, "cancel", side_effect=error):
            self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_state, "paid")

    def test_our_own_declined_charge_is_not_asked_for(self):
        invoice = self._bill_amounts(45)
        self.gateway.decline()
        invoice._billing_charge(self.card)
        with patch.object(self.gateway, "cancel", side_effect=AssertionError):
            self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_state, "paid")


@tagged("post_install", "-at_install")
class TestNotBookedYet(DoorsCommon):
    """What was paid and the books could not take is asked for nobody again."""

    def _pay_unbooked(self, invoice):
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        with self._closed_books():
            self._tell(
                "payment_intent.succeeded",
                f"evt_{payment.id}",
                id=intent,
                description=payment.reference,
            )
        self.assertEqual(payment.state, "done")
        self.assertFalse(payment.payment_id)
        return payment

    def _is_remindable(self, invoice):
        self.env.flush_all()
        domain = invoice._billing_get_remindable_domain(self.company)
        found = bool(invoice.filtered_domain(domain))
        self.assertEqual(bool(invoice.search(domain) & invoice), found)
        return found

    def test_nobody_is_reminded_nor_fined(self):
        invoice = self._bill_amounts(45)
        trust(invoice).invoice_date_due = self.today - timedelta(days=40)
        self.assertTrue(self._is_remindable(invoice))
        self._pay_unbooked(invoice)
        self.assertFalse(self._is_remindable(invoice))
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 5})
        fees = self.env["omni.billing.late.fee"].sudo()  # sudo: a job
        fees._charge(invoice.sudo(), self.company)
        self.assertFalse(fees.search([("move_id", "=", invoice.id)]))
        self._resolve()
        self.assertEqual(invoice.billing_state, "paid")

    def test_credit_is_not_kept_for_it(self):
        paid, other = self._bill_amounts(45, 30)
        self._pay_unbooked(paid)
        self._create_credit(20)
        self._bill()
        owed = (paid + other)._billing_get_amounts_owed()
        self.assertEqual(owed, {paid.id: 45, other.id: 10})

    def test_amount_that_differs_is_told_once(self):
        """Also when events name it again, after staff have looked at it."""
        invoice = self._bill_amounts(30)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent, amount_received=2000)
        charge = self.gateway.charges[intent]
        self.gateway.charges[intent] = replace(charge, amount=2000)
        self._tell("payment_intent.succeeded", "evt_p", id=intent)
        self.assertIn("2000", self._get_todos(invoice))
        invoice.activity_ids.unlink()
        for number in range(2):
            self._tell(
                "charge.dispute.updated",
                f"evt_{number}",
                id="dp_1",
                payment_intent=intent,
                status="needs_response",
            )
        self.assertNotIn("2000", self._get_todos(invoice))
        self.assertEqual(payment.state, "error")


@tagged("post_install", "-at_install")
class TestAccountingWaits(DoorsCommon):
    """Odoo's own buttons on an invoice of a customer, with items of ours or without."""

    def _make(self, **values):
        """Return an invoice that was made in Accounting."""
        return self.init_invoice(
            "out_invoice", self.customer, amounts=[45], post=True, **values
        )

    @contextmanager
    def _refused(self, message="on its way"):
        with self.assertRaisesRegex(UserError, message):
            yield
        self.env.invalidate_all()

    def _reverse(self, invoice, method="refund_moves"):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, "reason": "Wrong"})
        )
        return getattr(wizard, method)()

    def _check_waits(self, invoice, message="on its way"):
        for step in (
            invoice.button_draft,
            invoice.button_cancel,
            lambda: invoice.write({"state": "draft"}),
            lambda: invoice.write({"state": "cancel"}),
            lambda: self._reverse(invoice),
            lambda: self._reverse(invoice, "modify_moves"),
        ):
            with self._refused(message):
                step()
        self.assertEqual(invoice.state, "posted")
        self.assertFalse(invoice.reversal_move_ids)

    def test_charge_whose_answer_is_lost(self):
        invoice = self._make()
        self.gateway.lose(is_executed=True)
        attempt = invoice._billing_charge(self.card)
        self._check_waits(invoice)
        self._resolve()
        self.assertEqual(attempt.state, "done")
        self.assertEqual(invoice.payment_state, "paid")
        invoice.button_draft()
        self.assertEqual(invoice.state, "draft")

    def test_debit_that_a_bank_decides_on(self):
        invoice = self._make()
        payment, intent = self._open_form(invoice)
        self.gateway.settle(intent, "processing")
        payment._set_pending()
        self._check_waits(invoice)
        self.gateway.settle(intent, "canceled")
        payment.last_state_change -= timedelta(hours=1)
        self._resolve()
        self.assertEqual(payment.state, "cancel")
        invoice.button_draft()

    def test_paid_and_not_booked(self):
        invoice = self._make()
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        with self._closed_books():
            self._tell(
                "payment_intent.succeeded", id=intent, description=payment.reference
            )
        self._check_waits(invoice)
        self._resolve()
        self.assertEqual(invoice.payment_state, "paid")

    def test_form_that_is_open_is_given_up(self):
        for step in ("button_draft", "button_cancel", "reverse"):
            with self.subTest(step):
                invoice = self._make()
                payment, intent = self._open_form(invoice)
                if step == "reverse":
                    self._reverse(invoice)
                else:
                    getattr(invoice, step)()
                self.assertEqual(payment.state, "cancel")
                self.assertEqual(self.gateway.charges[intent].status, "canceled")

    def test_form_that_was_paid_just_now(self):
        invoice = self._make()
        _payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        self._check_waits(invoice, "right now")

    def test_draft_is_not_deleted_meanwhile(self):
        """Odoo's links send customers to drafts, too."""
        invoice = self.init_invoice("out_invoice", self.customer, amounts=[45])
        payment, intent = self._open_form(invoice, amount=invoice.amount_total)
        self.api.pay(intent)
        for step in (invoice.unlink, invoice.button_cancel):
            with self._refused("right now"):
                step()
        self.gateway.settle(intent, "requires_payment_method")
        invoice.unlink()
        self.assertEqual(payment.state, "cancel")

    def test_items_of_ours(self):
        """Only a credit note could come between: Odoo's other buttons are refused."""
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        invoice._billing_charge(self.card)
        with self._refused():
            self._reverse(invoice)
        self.assertFalse(invoice.reversal_move_ids)
        self._resolve()
        self._reverse(invoice)
        self.assertEqual(invoice.reversal_move_ids.amount_total, 45)

    def test_refund_without_a_note_is_on_its_way(self):
        """Or else it would post a second credit note."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.lose(is_executed=True)
        invoice._billing_refund()
        with self._refused():
            self._reverse(invoice)
        self._resolve()
        self.assertEqual(invoice.reversal_move_ids.mapped("amount_total"), [45])

    def test_draft_that_was_paid_in_part_asks_for_the_rest(self):
        invoice = self._make()
        payment = self._open_form(invoice, amount=20)
        self.api.pay(payment[1])
        self._tell(
            "payment_intent.succeeded", id=payment[1], description=payment[0].reference
        )
        self.assertEqual(invoice.amount_residual, 25)
        invoice.button_draft()
        self.assertEqual(invoice._billing_get_chargeable_amount(), 25)


@tagged("post_install", "-at_install")
class TestNobodyCanBeAsked(DoorsCommon):
    """What customers began long ago, and Stripe was disabled or changed since."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Before the tests take its place.
        cls.real = staticmethod(type(cls.provider)._billing_get_gateway)

    def _make(self, **values):
        return self.init_invoice("out_invoice", self.customer, amounts=[45], **values)

    @contextmanager
    def _cut_off(self, why):
        """Have Stripe disabled, its key gone, or the key of another account."""
        if why == "missing":
            error = GatewayRefused("resource_missing", "No such payment_intent")
            with (
                patch.object(self.gateway, "cancel", side_effect=error),
                patch.object(self.gateway, "get_charge", side_effect=error),
            ):
                yield
            return
        values = {"disabled": {"state": "disabled"}, "no key": {"state": "test"}}[why]
        before = self.provider.state, self.provider.stripe_secret_key
        with patch.object(type(self.provider), "_billing_get_gateway", self.real):
            self.provider.write(values)
            if why == "no key":
                self.env.cr.execute(
                    "UPDATE payment_provider SET stripe_secret_key = NULL"
                    " WHERE id = %s",
                    [self.provider.id],
                )
                self.provider.invalidate_recordset()
            yield
        self.provider.write(
            {"stripe_secret_key": before[1], "state": before[0]},
        )

    def _reverse(self, invoice):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, "reason": "Wrong"})
        )
        wizard.refund_moves()

    def _do(self, door, invoice):
        if door == "reverse":
            self._reverse(invoice)
            self.assertTrue(invoice.reversal_move_ids)
        elif door == "unlink":
            invoice.unlink()
        elif door == "cash":
            self._pay(invoice, mode="cash")
            self.assertEqual(invoice.billing_state, "paid")
        else:
            getattr(invoice, door)()

    def _check(self, why, state, doors):
        for door in doors:
            with self.subTest(door, why=why, state=state):
                is_ours = door in ("cash", "action_billing_void")
                if is_ours:
                    invoice = self._bill_amounts(45)
                else:
                    invoice = self._make(post=door != "unlink")
                values = {"amount": 45} if door == "unlink" else {}
                payment, _intent = self._open_form(invoice, **values)
                if state == "error":
                    payment._set_error("Declined")
                payment.last_state_change -= timedelta(days=300)
                with self._cut_off(why):
                    self._do(door, invoice)
                record = self.customer if door == "unlink" else invoice
                self.assertIn(payment.reference, self._get_todos(record))
                self.assertIn(payment.provider_reference, self._get_todos(record))
                self.assertEqual(payment.state, state)

    def test_stripe_was_disabled(self):
        for state in ("draft", "error"):
            self._check(
                "disabled",
                state,
                ("button_draft", "reverse", "unlink", "cash", "action_billing_void"),
            )

    def test_key_is_gone(self):
        self._check("no key", "draft", ("button_cancel", "reverse"))

    def test_account_was_changed(self):
        for state in ("draft", "error"):
            self._check(
                "missing",
                state,
                ("button_draft", "reverse", "unlink", "cash", "action_billing_void"),
            )

    def test_it_is_told_once_and_asked_again_when_stripe_is_back(self):
        invoice = self._make(post=True)
        payment, intent = self._open_form(invoice)
        with self._cut_off("disabled"):
            invoice.button_draft()
            self.assertIn(payment.reference, self._get_todos(invoice))
            invoice.activity_ids.unlink()
            invoice.button_cancel()
        self.assertFalse(invoice.activity_ids)
        invoice.button_draft()
        self.assertEqual(payment.state, "cancel")
        self.assertEqual(self.gateway.charges[intent].status, "canceled")

    def test_what_is_paid_all_the_same_is_booked_and_told(self):
        for why in ("missing", "disabled"):
            with self.subTest(why):
                invoice = self._bill_amounts(45)
                payment, intent = self._open_form(invoice)
                with self._cut_off(why):
                    self._pay(invoice, mode="cash", amount=20)
                invoice.activity_ids.unlink()
                self.api.pay(intent)
                self._tell(
                    "payment_intent.succeeded",
                    f"evt_{payment.id}",
                    id=intent,
                    description=payment.reference,
                )
                self.assertEqual(payment.state, "done")
                self.assertIn("all the same", self._get_todos(invoice))

    def test_no_answer_is_no_reason(self):
        """It comes back: the form could be paid still."""
        for error in (GatewayUnknown("", "No answer"), GatewayDenied("x", "Rolled")):
            with self.subTest(error=error):
                invoice = self._make(post=True)
                payment, _intent = self._open_form(invoice)
                with (
                    patch.object(self.gateway, "cancel", side_effect=error),
                    self.assertRaisesRegex(UserError, "Nothing was changed"),
                ):
                    invoice.button_draft()
                self.assertEqual(payment.state, "draft")


@tagged("post_install", "-at_install")
class TestNeverBooked(DoorsCommon):
    """What was paid, and no job will book any more."""

    def _make(self, code, days, is_ours=False):
        invoice = (
            self._bill_amounts(45)
            if is_ours
            else self.init_invoice(
                "out_invoice", self.customer, amounts=[45], post=True
            )
        )
        payment = self._create_payment(invoice, provider_reference="x")
        if code != "stripe":
            other = self.env.ref("payment.payment_provider_adyen").id
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE payment_transaction SET provider_id = %s WHERE id = %s",
                [other, payment.id],
            )
            self.env.invalidate_all()
        payment.state = "done"
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE payment_transaction SET is_post_processed = FALSE,"
            " last_state_change = now() at time zone 'utc' - %s * interval '1 day'"
            " WHERE id = %s",
            [days, payment.id],
        )
        self.env.invalidate_all()
        return invoice, payment

    def _credit(self, invoice):
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, "reason": "Wrong"})
        )
        wizard.refund_moves()
        self.assertTrue(invoice.reversal_move_ids)

    def test_the_invoice_waits_for_some_days(self):
        invoice, payment = self._make("stripe", 0)
        with self.assertRaisesRegex(UserError, payment.reference):
            self._credit(invoice)

    def test_then_it_can_be_mended_and_staff_are_told(self):
        for is_ours in (False, True):
            with self.subTest(is_ours=is_ours):
                invoice, payment = self._make("stripe", 5, is_ours)
                # Whose customer is asked for nothing all the same.
                self.assertFalse(invoice._billing_get_chargeable_amount())
                self._credit(invoice)
                self.assertIn(payment.reference, self._get_todos(invoice))

    def test_of_other_providers_it_is_as_odoo_does(self):
        for state in ("done", "authorized", "pending"):
            with self.subTest(state):
                invoice, payment = self._make("none", 0)
                self.env.cr.execute(
                    "UPDATE payment_transaction SET state = %s WHERE id = %s",
                    [state, payment.id],
                )
                self.env.invalidate_all()
                invoice.button_draft()
                self.assertEqual(invoice.state, "draft")
                self.assertFalse(invoice.activity_ids)


@tagged("post_install", "-at_install")
class TestTwoRefundsOfTheDashboard(DoorsCommon):
    """Both on their way, of one invoice."""

    def _begin(self, amount, number):
        refund = self.gateway.add_foreign_refund("pi_0", amount)
        self.gateway.refunds[refund.id] = replace(refund, status="pending")
        self._hear(refund, number)
        return refund

    def _hear(self, refund, number):
        self._tell("refund.updated", f"e{number}", id=refund.id, payment_intent="pi_0")

    def test_the_invoice_waits_for_both(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        first, second = self._begin(2000, 1), self._begin(1000, 2)
        self.assertTrue(invoice.billing_attempt_id)
        self.gateway.refunds[first.id] = first
        self._hear(first, 3)
        self.assertEqual(invoice.reversal_move_ids.mapped("amount_total"), [20])
        self.assertEqual(invoice.billing_attempt_id.provider_reference, second.id)
        with self.assertRaisesRegex(UserError, "under way"):
            invoice._billing_refund()
        self.gateway.refunds[second.id] = second
        self._hear(second, 4)
        self.assertFalse(invoice.billing_attempt_id)
        self.assertEqual(
            invoice.reversal_move_ids.sorted("id").mapped("amount_total"), [20, 10]
        )
        self.assertEqual(self._get_books_balance(), 0)
        self._check_books()

    def test_a_refund_that_is_told_during_a_charge_waits_after_it(self):
        """A part is charged while another part of the same invoice goes back."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card, 20)
        self.gateway.lose(is_executed=True)
        charge = invoice._billing_charge(self.card, 10)
        refund = self._begin(2000, 1)
        self.assertEqual(invoice.billing_attempt_id, charge)
        self._resolve()
        self.assertFalse(charge.billing_is_open)
        self.assertEqual(invoice.billing_attempt_id.provider_reference, refund.id)


@tagged("post_install", "-at_install")
class TestRefundOfNoInvoice(DoorsCommon):
    """Of an advance: Odoo's own, which undoes its row when the answer is lost."""

    def test_lost_answer_is_found_after_a_day(self):
        payment, intent = self._open_form()
        self.api.pay(intent)
        self._tell("payment_intent.succeeded", id=intent, description=payment.reference)
        self.gateway.lose(is_executed=True)
        with (
            self.assertRaisesRegex(UserError, "did not refund"),
            self.env.cr.savepoint(),
        ):
            payment.action_refund(10)
        self.assertEqual(self.gateway.taken, 3500)
        # Stripe has forgotten the key.
        self.gateway.keys.clear()
        with (
            self.assertRaisesRegex(UserError, "10.00"),
            self.env.cr.savepoint(),
        ):
            payment.action_refund(15)
        payment.action_refund(10)
        self.assertEqual(self.gateway.taken, 3500)
        refund = payment.child_transaction_ids
        self.assertEqual((refund.state, refund.amount), ("done", -10))
        payment.action_refund(5)
        self.assertEqual(self.gateway.taken, 3000)

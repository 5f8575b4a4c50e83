"""Odoo's dialog *Pay* with a saved card: charged once, whatever happens, and booked."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.exceptions import UserError
from odoo.modules.migration import load_script
from odoo.tests import tagged

from odoo.addons.account.models.account_payment import AccountPayment

from .doors_common import DoorsCommon

SCRIPTS = Path(__file__).resolve().parents[1] / "migrations"


class Killed(BaseException):
    """The process is gone. No Exception, since no code gets to handle it."""


@tagged("post_install", "-at_install")
class TestCardInOdoosDialog(DoorsCommon):
    """Odoo makes the payment, in process and with a draft entry, before it charges."""

    def _die_while_charging(self, is_charged=True):
        """Have the process killed when Stripe was asked, or just before."""

        def die(tx):
            if is_charged:
                values = tx._billing_prepare_charge()
                self.gateway.charge(**values, is_customer_present=False)
            raise Killed

        Transaction = type(self.env["payment.transaction"])
        return patch.object(Transaction, "_billing_send", die)

    def _find_attempt(self, invoice):
        return invoice.sudo().transaction_ids  # sudo: attempts are internal

    def _assert_paid_once(self, invoice):
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(self.gateway.taken, round(invoice.amount_total * 100))
        with suppress(UserError):
            invoice._billing_charge(self.card)
        self.assertEqual(self.gateway.taken, round(invoice.amount_total * 100))
        self._check_books()

    def test_process_dies_while_stripe_charges(self):
        invoice = self._bill_amounts(100)
        with self._die_while_charging(), suppress(Killed):
            self._register(invoice)
        self.assertNotEqual(self._find_attempt(invoice).payment_id.move_id, False)
        self._resolve()
        self._assert_paid_once(invoice)

    def test_process_dies_before_stripe_is_asked(self):
        """Nothing was taken: the payment that the dialog made is given up."""
        invoice = self._bill_amounts(100)
        with self._die_while_charging(is_charged=False), suppress(Killed):
            self._register(invoice)
        self._resolve()
        self.env.invalidate_all()
        attempt = self._find_attempt(invoice)
        self.assertFalse(attempt.billing_is_open)
        self.assertEqual(attempt.payment_id.state, "canceled")
        self.assertEqual(invoice.billing_state, "unpaid")
        invoice._billing_charge(self.card)
        self._assert_paid_once(invoice)

    def test_upgrade_books_what_was_taken_for_booked(self):
        invoice = self._bill_amounts(100)
        with self._die_while_charging(), suppress(Killed):
            self._register(invoice)
        attempt = self._find_attempt(invoice)
        # As the version before left it.
        attempt._billing_close()
        attempt.write({"state": "done", "is_post_processed": True})
        attempt.provider_reference = list(self.gateway.charges)[-1]
        self.env.flush_all()
        path = SCRIPTS / "19.0.1.5.0" / "post-unbooked.py"
        with self.assertLogs(level="WARNING"):
            load_script(str(path), "unbooked").migrate(self.env.cr, "19.0.1.3.0")
        self.env.invalidate_all()
        self.assertFalse(attempt.is_post_processed)
        self._resolve()
        self._assert_paid_once(invoice)

    def test_books_are_closed_when_the_job_looks(self):
        """What is charged and not booked is not charged again, and booked later."""
        invoice = self._bill_amounts(100)
        with self._die_while_charging(), suppress(Killed):
            self._register(invoice)
        with self._closed_books():
            self._resolve()
            self.assertEqual(invoice._billing_get_chargeable_amount(), 0)
            self.assertTrue(self._get_todos(invoice))
        self._resolve()
        self._assert_paid_once(invoice)

    def test_conflict_after_the_charge(self):
        """Odoo would run the request again, and charge what is left of a part."""
        for door in ("action_post", "reconcile"):
            for amount in (100, 30):
                with self.subTest(door=door, amount=amount):
                    self._try_conflict(door, amount)

    def _try_conflict(self, door, amount):
        invoice = self._bill_amounts(100)
        taken = self.gateway.taken
        original = AccountPayment.action_post

        def conflict(payments):
            if payments:
                raise SerializationFailure
            return original(payments)

        owner, name, act = AccountPayment, "action_post", conflict
        if door == "reconcile":
            owner = type(self.env["account.payment.register"])
            name, act = "_reconcile_payments", lambda *_args, **_more: conflict(True)
        with (
            patch.object(owner, name, act),
            self.assertRaisesRegex(UserError, "may have been charged"),
        ):
            self._register(invoice, amount=amount)
        self.env.invalidate_all()
        self.assertEqual(self.gateway.taken - taken, amount * 100)
        left = invoice._billing_get_chargeable_amount()
        self.assertEqual(left, 100 - amount, "who looks sees what is left")

    def test_debit_that_is_done_and_not_booked(self):
        """Odoo cancels the payment of a pending debit; days later it is paid."""
        invoice = self._bill_amounts(45)
        sepa = self.env.ref("payment.payment_method_sepa_direct_debit").sudo()
        self.gateway.accounts.append("pm_3000")
        nothing = dict.fromkeys(
            ("billing_brand", "billing_last4", "billing_fingerprint"), False
        )
        card, self.card = (
            self.card,
            self._save_card("3000", payment_method_id=sepa.id, **nothing),
        )
        real = self.gateway.get_charge
        pending = patch.object(
            self.gateway,
            "get_charge",
            lambda reference: replace(real(reference), status="processing"),
        )
        with pending:
            payment = self._register(invoice)
        tx = payment.sudo().payment_transaction_id
        with self._closed_books():
            self._resolve()
            if tx.state != "done":
                tx._billing_apply(real(tx.provider_reference))
        self.assertEqual(tx.state, "done")
        self.assertEqual(invoice._billing_get_chargeable_amount(), 0)
        self.card = card
        self._resolve()
        self._assert_paid_once(invoice)


@tagged("post_install", "-at_install")
class TestRefundsOfNotes(DoorsCommon):
    """Money goes back for a credit note that is there, and once."""

    def test_note_that_is_void(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        note = invoice._billing_cancel_items(invoice.billing_transaction_ids)
        context = note.action_billing_refund()["context"]
        wizard = self.env["omni.billing.card.refund.wizard"].with_context(**context)
        wizard = wizard.create({})
        note.action_billing_void()
        with self.assertRaises(UserError):
            wizard.action_refund()
        self.assertEqual(self.gateway.taken, 4500)
        with self.assertRaisesRegex(UserError, "is void, or was not posted"):
            invoice._billing_refund(note=note)

    def test_note_is_void_when_the_money_went(self):
        """The attempt ends: the money is set against a new note."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        note = invoice._billing_cancel_items(invoice.billing_transaction_ids)
        self.gateway.lose(is_executed=True)
        invoice._billing_refund(note=note)
        refund = self.env["payment.transaction"].sudo()  # sudo: attempts are internal
        refund = refund.search([("operation", "=", "refund")], order="id desc", limit=1)
        self.assertTrue(refund.billing_is_open)
        # By a road that we do not know.
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET state = 'cancel', billing_is_void = TRUE"
            " WHERE id = %(id)s; UPDATE account_move_line SET parent_state = 'cancel'"
            " WHERE move_id = %(id)s",
            {"id": note.id},
        )
        self.env.invalidate_all()
        self._resolve()
        self.assertFalse(refund.billing_is_open)
        self.assertEqual(refund.state, "done")
        self.assertTrue(refund.payment_id.is_reconciled)

    def test_refund_of_the_dashboard_that_is_on_its_way(self):
        """Until it is decided nobody gives the same back in another way."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        refund = self.gateway.add_foreign_refund("pi_0", 4500)
        self.gateway.refunds[refund.id] = replace(refund, status="pending")
        self._tell("refund.created", "e1", id=refund.id, payment_intent="pi_0")
        wizard = self.env["omni.billing.cancel.wizard"].create(
            {"invoice_id": invoice.id, "mode": "cash"}
        )
        wizard.line_ids.included = True
        with self.assertRaisesRegex(UserError, "under way"):
            wizard.action_cancel_items()
        self.gateway.refunds[refund.id] = refund
        self._tell("refund.updated", "e2", id=refund.id, payment_intent="pi_0")
        [note] = invoice.reversal_move_ids
        self.assertEqual(note.amount_total, 45)
        self.assertFalse(invoice.billing_attempt_id)

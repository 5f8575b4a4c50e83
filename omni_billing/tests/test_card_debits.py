from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .doors_common import DoorsCommon

NO_ANSWER = "Could not establish the connection."


class NoAnswerError(OSError):
    """What Odoo hides in its own error: a time-out of its call."""

    response = None


@tagged("post_install", "-at_install")
class TestSavedBankAccount(DoorsCommon):
    """Saved bank accounts, which Odoo's own call debits: known before it is made."""

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(45)
        sepa = self.env.ref("payment.payment_method_sepa_direct_debit").sudo()
        self.gateway.accounts.append("pm_3000")
        self.account = self._save_card(
            "3000",
            payment_method_id=sepa.id,
            billing_brand=False,
            billing_last4=False,
            billing_exp_month=0,
            billing_exp_year=0,
            billing_fingerprint=False,
        )

    def _debit(self, lose=None):
        """Debit the account on Odoo's page; the call or its answer may be lost."""
        payment = self._create_payment(
            self.invoice,
            token_id=self.account.id,
            payment_method_id=self.account.sudo().payment_method_id.id,
            operation="online_token",
        )
        send = self._lose_answers(self.api.send, lose) if lose else self.api.send
        with patch.object(self.api, "send", send):
            payment._charge_with_token()
        return payment

    def _lose_answers(self, send, lose="answer"):
        """Return what sends, and loses each charge: its ``call`` or its ``answer``."""

        def sending(method, endpoint, **kwargs):
            if (method, endpoint) != ("POST", "payment_intents"):
                return send(method, endpoint, **kwargs)
            if lose == "answer":
                send(method, endpoint, **kwargs)
            try:
                raise NoAnswerError
            except NoAnswerError:
                raise ValidationError(NO_ANSWER)  # noqa: B904

        return sending

    def _resolve(self):
        self.env["payment.transaction"].sudo()._cron_billing_resolve()

    def test_it_is_booked_when_the_bank_pays(self):
        payment = self._debit()
        self.assertEqual(payment.state, "done")
        self.assertFalse(payment.billing_is_open)
        self.assertFalse(self.invoice.billing_attempt_id)
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_lost_answer_is_no_second_debit(self):
        payment = self._debit(lose="answer")
        self.assertTrue(payment.billing_is_open)
        with self.assertRaises(UserError):
            self._pay(self.invoice, mode="cash")
        with self.assertRaises(UserError):
            self._debit()
        self.env.invalidate_all()
        self.assertEqual(self.gateway.taken, 4500)
        self._resolve()
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(len(self.api.intents), 1)

    def test_lost_call_is_fenced(self):
        payment = self._debit(lose="call")
        self.assertTrue(payment.billing_is_open)
        self._resolve()
        self.assertFalse(payment.billing_is_open)
        self.assertEqual(payment.state, "error")
        self._pay(self.invoice, mode="cash")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self.gateway.taken, 0)

    def test_refusal_frees_the_invoice(self):
        refused = ValidationError("The payment provider rejected the request.")
        with patch.object(self.api, "send", side_effect=refused):
            payment = self._create_payment(
                self.invoice,
                token_id=self.account.id,
                payment_method_id=self.account.sudo().payment_method_id.id,
                operation="online_token",
            )
            payment._charge_with_token()
        self.assertEqual(payment.state, "error")
        self.assertFalse(self.invoice.billing_attempt_id)
        self._pay(self.invoice, mode="cash")
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_lost_answer_of_a_payment_without_an_invoice(self):
        """Odoo's form of payments, with a saved card: it is posted once it is known."""
        self.provider._billing_ensure_method_line()
        lines = self.provider.journal_id.inbound_payment_method_line_ids
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 45,
                "journal_id": self.provider.journal_id.id,
                "payment_method_line_id": lines.filtered(
                    lambda line: line.payment_provider_id == self.provider
                ).id,
                "payment_token_id": self.card.id,
            }
        )
        with patch.object(self.api, "send", self._lose_answers(self.api.send)):
            payment.action_post()
        self.assertNotIn(payment.state, ("in_process", "paid"))
        self._resolve()
        self.assertIn(payment.state, ("in_process", "paid"))
        self.assertEqual(self.gateway.taken, 4500)

from odoo.exceptions import UserError
from odoo.tests import tagged

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestPaymentTaken(CardCommon):
    """What Stripe moved is booked for good: Odoo's buttons do not forget it."""

    def setUp(self):
        super().setUp()
        self.invoice = self._bill_amounts(45)
        self.attempt = self.invoice._billing_charge(self.card)
        self.payment = self.attempt.payment_id
        accountant = "account.group_account_manager"
        self.accountant = self._create_user("accountant-test", accountant)

    def test_buttons_are_refused(self):
        entry, state = self.payment.move_id, self.payment.state
        for user in (self.staff, self.accountant, self.env.user):
            payment = self.payment.with_user(user)
            for call in (
                *(payment.action_draft, payment.action_cancel, payment.action_reject),
                *(payment.unlink, entry.with_user(user).button_draft),
                entry.with_user(user).button_cancel,
            ):
                name = call.__name__
                with self.subTest(name, user=user.login):
                    with self.assertRaisesRegex(UserError, "stays booked"):
                        call()
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self.payment.state, state)

    def test_amount_and_customer_stay(self):
        other = self.partner_a.id
        for values in (
            *({"amount": 1}, {"partner_id": other}, {"payment_type": "outbound"}),
            *({"state": "draft"}, {"state": "canceled"}),
        ):
            with self.subTest(values), self.assertRaisesRegex(UserError, "booked"):
                self.payment.with_user(self.accountant).write(values)
        self.payment.with_user(self.accountant).write({"amount": 45, "memo": "Card"})
        self.payment.with_user(self.accountant).action_validate()
        self.assertEqual(self.payment.state, "paid")

    def test_refund_stays_unless_it_bounced(self):
        refund = self.invoice._billing_refund().payment_id
        with self.assertRaisesRegex(UserError, "booked"):
            refund.action_cancel()
        refund.payment_transaction_id._set_error(
            "The refund did not reach the card.", extra_allowed_states=("done",)
        )
        refund.with_user(self.accountant).action_cancel()
        self.assertEqual(refund.state, "canceled")

    def test_cash_is_undone(self):
        invoice = self._bill_amounts(20)
        self._pay(invoice, mode="cash")
        payment = invoice.billing_receipt_ids.payment_id
        payment.with_user(self.accountant).action_draft()
        self.assertEqual(payment.state, "draft")

from psycopg2.errors import RestrictViolation

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

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

    def test_entry_stays_whatever_is_called(self):
        """As anybody, by RPC, and with what Odoo lets a caller say of itself."""
        entry = self.payment.move_id
        users = {
            "clerk": "account.group_account_invoice",
            "bookkeeper": "account.group_account_user",
            "chief": "account.group_account_manager",
            "manager": "omni_billing.omni_billing_group_manager",
        }
        people = [self._create_user(f"{name}-test", g) for name, g in users.items()]
        for user in (*people, self.staff):
            mine = entry.with_user(user).with_context(
                force_delete=True, check_move_validity=False, skip_invoice_sync=True
            )
            for name, call in (
                ("draft", lambda move=mine: move.write({"state": "draft"})),
                ("cancel", lambda move=mine: move.write({"state": "cancel"})),
                ("journal", lambda move=mine: move.write({"date": "2020-01-01"})),
                ("amount", lambda move=mine: move.line_ids.write({"balance": 0})),
                ("account", lambda move=mine: self._change_account(move)),
                ("lines", lambda move=mine: move.line_ids.unlink()),
                ("entry", lambda move=mine: move.unlink()),
            ):
                with self.subTest(name, user=user.login):
                    with self.assertRaises(UserError):
                        call()
                        self.env.flush_all()
        self.assertEqual(entry.state, "posted")
        self.assertEqual(self.invoice.billing_state, "paid")

    def _change_account(self, move):
        line = move.line_ids.filtered(lambda one: one.account_id.reconcile)[:1]
        line.account_id = self.company_data["default_account_revenue"]

    def test_database_keeps_the_entry(self):
        entry = self.payment.move_id
        self.env.flush_all()
        for query in (
            "UPDATE account_move SET state = 'draft' WHERE id = %s",
            "UPDATE account_move SET origin_payment_id = NULL WHERE id = %s",
            "DELETE FROM account_move WHERE id = %s",
            "UPDATE account_move_line SET balance = 0 WHERE move_id = %s",
            "DELETE FROM account_move_line WHERE move_id = %s",
        ):
            # What else refers to a row would keep it as well.
            with (
                self.subTest(query),
                self.assertRaisesRegex(RestrictViolation, "that Stripe moved"),
                self.cr.savepoint(),
                mute_logger("odoo.sql_db"),
            ):
                self.cr.execute(query, [entry.id])

    def test_entry_is_matched_with_the_bank(self):
        """What a bank statement does to it is no change."""
        entry = self.payment.move_id
        bank = entry.line_ids.filtered(
            lambda line: line.account_id.account_type != "asset_receivable"
        )
        other = self.env["account.move"].create(
            {
                "line_ids": [
                    Command.create({"account_id": bank.account_id.id, "credit": 45}),
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_assets"
                            ].id,
                            "debit": 45,
                        }
                    ),
                ]
            }
        )
        other.action_post()
        both = (bank + other.line_ids).filtered(
            lambda line: line.account_id == bank.account_id
        )
        both.with_user(self.accountant).reconcile()
        # The database takes it, too.
        self.env.flush_all()
        self.assertTrue(bank.reconciled)

    def test_refund_stays_unless_it_bounced(self):
        refund = self.invoice._billing_refund().payment_id
        with self.assertRaisesRegex(UserError, "booked"):
            refund.action_cancel()
        refund.payment_transaction_id._set_error(
            "The refund did not reach the customer.", extra_allowed_states=("done",)
        )
        refund.with_user(self.accountant).action_cancel()
        self.assertEqual(refund.state, "canceled")

    def test_cash_is_undone(self):
        invoice = self._bill_amounts(20)
        self._pay(invoice, mode="cash")
        payment = invoice.billing_receipt_ids.payment_id
        payment.with_user(self.accountant).action_draft()
        self.assertEqual(payment.state, "draft")

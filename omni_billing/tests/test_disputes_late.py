"""What comes after a dispute was decided, or could not be booked (W47)."""

from dataclasses import replace

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .settlement_common import SettlementCommon


@tagged("post_install", "-at_install")
class TestLateDisputes(SettlementCommon):
    def _lose(self):
        invoice, intent = self._charge(100)
        self._dispute(intent)
        self._close_dispute("dp_1", "lost")
        return invoice, self.Dispute.search([])

    def _lose_in_euros(self):
        """Have a charge in the company's currency that Stripe settles in another."""
        self._get_euro()
        invoice, intent = self._charge(100)
        row = self._move_dispute("dp_1", -9100, 1500, currency="eur")
        self._dispute(intent, status="warning_needs_response")
        self.gateway.disputes["dp_1"] = replace(
            self.gateway.disputes["dp_1"], status="lost", movements=(row,)
        )
        self._tell_dispute("dp_1", "evt_lost")
        return invoice, self.Dispute.search([])

    def test_money_that_comes_back_after_the_decision_is_told(self):
        invoice, dispute = self._lose()
        dispute._decide("owed")
        self.assertNotIn("was decided", self._get_todos(invoice))
        self._close_dispute("dp_1", "won")
        self.assertEqual(dispute.state, "owed")
        self.assertIn("was decided", dispute.problem)
        self.assertIn("was decided", self._get_todos(invoice))
        # An accountant takes it to where the decision was: then it is done.
        (held,) = dispute._get_held_lines().filtered(lambda line: not line.reconciled)
        # sudo: entries are an accountant's.
        entry = self.env["account.move"].sudo()
        entry = entry.create(
            {
                "move_type": "entry",
                "line_ids": [
                    (0, 0, {"account_id": self.held.id, "debit": 100}),
                    (0, 0, {"account_id": self.losses.id, "credit": 100}),
                ],
            }
        )
        entry.action_post()
        (held + entry.line_ids[:1]).sudo().reconcile()
        self.Payout._cron_fetch()
        self.assertFalse(dispute.problem)

    def test_what_could_not_be_booked_is_told(self):
        self.company.sudo().billing_dispute_account_id = False
        invoice, intent = self._charge(100)
        self._dispute(intent)
        self.assertIn("Choose the accounts", self._get_todos(invoice))
        count = len(invoice.sudo().activity_ids)
        self.Payout._cron_fetch()
        self.assertEqual(len(invoice.sudo().activity_ids), count)

    def test_written_off_to_an_expense_alone(self):
        _invoice, dispute = self._lose()
        for account in (self.clearing, self.held):
            with self.assertRaisesRegex(UserError, "expense"):
                dispute._decide("written_off", account)
        self.assertEqual(dispute.state, "lost")
        dispute._decide("written_off", self.losses)

    def test_booked_by_hand_is_decided(self):
        """Where Stripe settles in another currency, an accountant books it."""
        invoice, dispute = self._lose_in_euros()
        with self.assertRaisesRegex(UserError, "by a journal entry"):
            dispute._decide("owed")
        with self.assertRaisesRegex(UserError, "reconcile"):
            dispute._decide("owed_by_hand")
        self.assertEqual(invoice.billing_dispute, "lost")
        (held,) = dispute._get_held_lines()
        # sudo: entries are an accountant's.
        entry = self.env["account.move"].sudo()
        entry = entry.create(
            {
                "move_type": "entry",
                "line_ids": [
                    (
                        0,
                        0,
                        {
                            "account_id": account.id,
                            "currency_id": held.currency_id.id,
                            "amount_currency": sign * held.amount_currency,
                            "balance": sign * held.balance,
                        },
                    )
                    for account, sign in ((self.held, -1), (self.losses, 1))
                ],
            }
        )
        entry.action_post()
        (held + entry.line_ids[:1]).sudo().reconcile()
        wizard = self.env["omni.billing.dispute.wizard"].create(
            {"dispute_id": dispute.id, "decision": "owed_by_hand"}
        )
        wizard.action_decide()
        self.assertEqual(dispute.state, "owed")
        self.assertEqual(invoice.billing_dispute, "owed")
        self.assertEqual(len(self._get_entries()), 1)
        self.assertFalse(dispute._decide("owed_by_hand"))


@tagged("post_install", "-at_install")
class TestPayoutsBack(SettlementCommon):
    """What comes back without an entry here is told (W46)."""

    def test_manual_payout_that_comes_back_is_told(self):
        self._pay_out(self._move("adjustment", 500), is_automatic=False)
        self.Payout._cron_fetch()
        self._change_payout("po_1", status="failed", failure="account_closed")
        self.Payout._cron_fetch()
        self.assertIn("account_closed", self._find_payout().reason)
        self.assertIn("account_closed", self._get_todos(self.company.partner_id))

    def test_payout_that_is_canceled_before_stripe_tells_is_told(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent), is_complete=False)
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "waiting")
        self._change_payout("po_1", status="canceled")
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "person")
        self.assertIn("came back", self._get_todos(self.company.partner_id))
        # It is booked when Stripe tells.
        self._change_payout("po_1", is_complete=True)
        self.Payout._cron_fetch()
        self.assertTrue(self._find_payout().return_move_id)
        self.assertEqual(self._find_payout().state, "booked")

    def _pay_out_with_a_refund_that_came_back(self):
        """Return the refund; its payout was asked for."""
        invoice, intent = self._charge(100)
        invoice._billing_refund(40)
        (refund,) = self.gateway.refunds.values()
        back = self._move(
            "refund_failure",
            4000,
            kind="refund",
            source=refund.id,
            source_amount=4000,
            source_currency="usd",
            intent=intent,
        )
        self._pay_out(self._move_charge(intent), self._move_refund(refund), back)
        self.Payout._cron_fetch()
        return refund

    def test_refund_that_came_back_is_named(self):
        refund = self._pay_out_with_a_refund_that_came_back()
        problems = self._find_payout().row_ids.mapped("problem")
        (problem,) = [problem for problem in problems if problem]
        self.assertIn("came back", problem)
        self.assertIn(refund.reference, problem)

    def test_payout_with_a_refund_that_came_back_is_done_once_that_is_settled(self):
        """Given back in another way, and reconciled: nobody has to press anything."""
        self._pay_out_with_a_refund_that_came_back()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        row = payout.row_ids.filtered(lambda row: row.kind == "refund_failure")
        item = row.line_id
        entry = self.env["account.move"].create(
            {
                "line_ids": [
                    Command.create({"account_id": account.id, "balance": balance})
                    for account, balance in (
                        (item.account_id, -item.balance),
                        (self.company_data["default_account_assets"], item.balance),
                    )
                ]
            }
        )
        entry.action_post()
        (item + entry.line_ids[:1]).sudo().reconcile()
        self.assertEqual((payout.state, payout.reason), ("booked", False))
        self.assertFalse(row.problem)
        self.Payout._cron_fetch()
        self.assertEqual((payout.state, row.problem), ("booked", False))
        entry.line_ids.remove_move_reconcile()
        self.assertEqual(payout.state, "person")

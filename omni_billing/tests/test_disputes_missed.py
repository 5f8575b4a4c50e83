"""Disputes of which no event came, or one too late: Stripe is asked (W47)."""

from dataclasses import replace

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..gateways.stripe_balance import Dispute
from .settlement_common import SettlementCommon


@tagged("post_install", "-at_install")
class TestMissedDisputes(SettlementCommon):
    """Nothing depends on events."""

    def _open(self):
        invoice, intent = self._charge(100)
        self._dispute(intent)
        return invoice, intent, self.Dispute.search([])

    def _end(self, status, intent):
        """Have the bank decide, and the event be lost; return what came back."""
        told = self.gateway.disputes["dp_1"]
        back = self._move_dispute("dp_1", told.amount, kind="dispute", intent=intent)
        movements = told.movements + ((back,) if status == "won" else ())
        self.gateway.disputes["dp_1"] = replace(
            told, status=status, movements=movements
        )
        return back

    def _begin_untold(self, intent, status="needs_response"):
        """Have a dispute of which a payout tells first."""
        row = self._move_dispute("dp_9", -10000, 1500, kind="dispute", intent=intent)
        self.gateway.disputes["dp_9"] = Dispute(
            id="dp_9",
            status=status,
            reason="fraudulent",
            amount=10000,
            currency="usd",
            intent=intent,
            charge="ch",
            created=self.now,
            movements=(row,),
        )
        self._pay_out(self._move_charge(intent), row)
        self.Payout._cron_fetch()

    def test_lost_without_an_event_is_to_be_decided(self):
        invoice, intent, dispute = self._open()
        self._end("lost", intent)
        self.Payout._cron_fetch()
        self.assertEqual(dispute.state, "lost")
        self.assertEqual(invoice.billing_dispute, "lost")
        self.assertIn("the dispute is lost", self._get_todos(invoice))

    def test_won_without_an_event_is_booked_by_the_job(self):
        invoice, intent, dispute = self._open()
        back = self._end("won", intent)
        self._pay_out(back)
        self.Payout._cron_fetch()
        self.assertEqual(dispute.state, "won")
        self.assertEqual(invoice.billing_dispute, "won")
        self.assertEqual(self._get_balance(self.held), 0)
        self.assertEqual(self._find_payout().state, "booked")

    def test_won_after_the_payout_was_read_is_booked_by_match_again(self):
        _invoice, intent, dispute = self._open()
        row = self._move_dispute("dp_1", 10000, kind="dispute", intent=intent)
        self._pay_out(row)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self._end("won", intent)
        payout.action_match_again()
        self.assertEqual(dispute.state, "won")
        self.assertEqual(payout.state, "booked", payout.reason)
        self.assertEqual(self._get_balance(self.held), 0)

    def test_one_that_stripe_does_not_tell_of_holds_up_no_other(self):
        _invoice, intent, dispute = self._open()
        self._end("lost", intent)
        lost = self.gateway.disputes.pop("dp_1")
        _other, second = self._charge(50)
        self._dispute(second, id="dp_2")
        self._tell_dispute("dp_2", "evt_second")
        self.gateway.disputes["dp_2"] = replace(
            self.gateway.disputes["dp_2"], status="lost"
        )
        self.Payout._cron_fetch()
        self.assertEqual(dispute.state, "open")
        self.assertEqual(
            self.Dispute.search([("reference", "=", "dp_2")]).state, "lost"
        )
        self.gateway.disputes["dp_1"] = lost
        self.Payout._cron_fetch()
        self.assertEqual(dispute.state, "lost")

    def test_learnt_from_a_payout_it_is_told(self):
        invoice, intent = self._charge(100)
        self._begin_untold(intent)
        self.assertEqual(self.Dispute.search([]).state, "open")
        self.assertEqual(invoice.billing_dispute, "open")
        self.assertIn("is disputed", self._get_todos(invoice))

    def test_learnt_from_a_payout_its_payment_is_not_refunded(self):
        invoice, intent = self._charge(100)
        self._begin_untold(intent, "lost")
        with self.assertRaisesRegex(UserError, "disputed"):
            invoice._billing_refund(40)
        self.assertFalse(self.gateway.refunds)

    def test_late_event_does_not_turn_it_round(self):
        invoice, intent, dispute = self._open()
        self._close_dispute("dp_1", "won")
        self._tell(
            "charge.dispute.closed",
            "evt_late",
            id="dp_1",
            payment_intent=intent,
            status="lost",
            reason="fraudulent",
        )
        self.assertEqual(dispute.state, "won")
        self.assertEqual(invoice.billing_dispute, "won")

    def test_answer_that_was_read_before_does_not_turn_it_back(self):
        _invoice, _intent, dispute = self._open()
        before = self.gateway.disputes["dp_1"]
        self._close_dispute("dp_1", "lost")
        self.Dispute._note(dispute.transaction_id, before)
        self.assertEqual((dispute.state, dispute.status), ("lost", "lost"))

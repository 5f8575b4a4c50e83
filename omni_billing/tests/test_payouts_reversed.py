"""A payout that Stripe takes from the bank again, into its balance (W46)."""

from datetime import timedelta

from odoo.tests import tagged

from .settlement_common import SettlementCommon


@tagged("post_install", "-at_install")
class TestPayoutsReversed(SettlementCommon):
    """It is booked where its original is; all else is for a person."""

    def setUp(self):
        super().setUp()
        _invoice, intent = self._charge(100)
        self._pay_out(
            self._move_charge(intent, 320), created=self.now - timedelta(days=3)
        )

    def _get_state(self):
        back = self._find_payout("po_back")
        return back.state, back.reason or ""

    def test_reversal_takes_it_off_the_bank_and_puts_it_on_the_balance(self):
        self.Payout._cron_fetch()
        self._reverse_payout("po_1")
        self.Payout._cron_fetch()
        self.Payout._cron_fetch()
        back = self._find_payout("po_back")
        self.assertEqual(self._get_state(), ("booked", ""))
        self.assertEqual(back.original_ref, "po_1")
        self.assertEqual(self._get_balance(self.clearing), 96.8)
        self.assertEqual(self._get_balance(self.transit), 0)
        self.assertEqual(self._get_balance(self.fees), 3.2)
        self.assertEqual(len(self._get_entries()), 2)
        # The bank shows both: each has its item to be matched with.
        items = self._get_entries().line_ids.filtered(
            lambda line: line.account_id == self.transit
        )
        self.assertEqual(sorted(items.mapped("balance")), [-96.8, 96.8])
        self.assertFalse(any(items.mapped("reconciled")))
        self.assertIn("po_back", items.filtered(lambda item: item.credit).name)

    def test_next_payout_has_what_came_back(self):
        self.Payout._cron_fetch()
        movement = self._reverse_payout("po_1")
        self.assertEqual(movement.net, 9680)
        self._pay_out(movement, reference="po_2")
        self.Payout._cron_fetch()
        second = self._find_payout("po_2")
        self.assertEqual((second.state, second.reason), ("booked", False))
        self.assertEqual((second.gross, second.fee), (96.8, 0))
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.transit), 96.8)
        self.assertTrue(second.row_ids.is_matched)

    def test_both_are_known_at_once(self):
        self._reverse_payout("po_1")
        self.Payout._cron_fetch()
        self.assertEqual(self._get_state(), ("booked", ""))

    def test_before_its_original_is_booked_it_waits(self):
        self._change_payout("po_1", is_complete=False)
        self._reverse_payout("po_1")
        self.Payout._cron_fetch()
        self.assertEqual(self._get_state()[0], "waiting")
        self._change_payout("po_1", is_complete=True)
        self.Payout._cron_fetch()
        self.assertEqual(self._get_state(), ("booked", ""))

    def test_original_that_is_not_here_is_left_to_a_person(self):
        self._reverse_payout("po_1")
        self.gateway.payouts.pop("po_1")
        self.Payout._cron_fetch()
        state, reason = self._get_state()
        self.assertEqual(state, "person")
        self.assertIn("takes back po_1", reason)
        self.assertFalse(self._get_entries())

    def test_another_amount_is_left_to_a_person(self):
        self.Payout._cron_fetch()
        self._reverse_payout("po_1", amount=5000)
        self.Payout._cron_fetch()
        self.assertEqual(self._get_state()[0], "person")
        self.assertEqual(len(self._get_entries()), 1)

    def test_one_whose_original_came_back_by_itself_is_left_to_a_person(self):
        self._change_payout("po_1", status="failed", failure="account_closed")
        self._reverse_payout("po_1")
        self.Payout._cron_fetch()
        self.assertEqual(self._get_state()[0], "person")
        self.assertEqual(self._get_balance(self.clearing), 96.8)

    def test_reversal_that_was_canceled_before_it_was_booked_is_nothing(self):
        """Stripe cancels it where the original fails meanwhile."""
        self.Payout._cron_fetch()
        self._change_payout("po_1", status="failed", failure="account_closed")
        self._reverse_payout("po_1", status="canceled")
        self.Payout._cron_fetch()
        self.assertEqual(self._get_balance(self.clearing), 96.8)
        self.assertEqual(self._get_balance(self.transit), 0)

    def test_reversal_that_the_bank_refuses(self):
        self.Payout._cron_fetch()
        self._reverse_payout("po_1")
        self.Payout._cron_fetch()
        self._change_payout("po_back", status="failed", failure="debit_not_authorized")
        self._tell("payout.failed", id="po_back")
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.transit), 96.8)
        # The balance gave it back, which the next payout says.
        _invoice, intent = self._charge(100)
        refused = self._move("payout_failure", -9680, kind="payout", source="po_back")
        taken = self.gateway.movements["po_back"][-1]
        self._pay_out(taken, refused, self._move_charge(intent), reference="po_2")
        self.Payout._cron_fetch()
        second = self._find_payout("po_2")
        self.assertEqual((second.state, second.reason), ("booked", False))
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_manual_payout_in_the_rows_of_another_is_named(self):
        _invoice, intent = self._charge(100)
        manual = self._move("payout", -500, source="po_manual")
        self._pay_out(self._move_charge(intent), manual, reference="po_2")
        self.Payout._cron_fetch()
        second = self._find_payout("po_2")
        self.assertEqual(second.state, "person")
        self.assertIn(manual.id, second.reason)
        self.assertEqual(second.move_id.state, "posted")

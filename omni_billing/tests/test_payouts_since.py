"""From which day on payouts are booked, and what was booked by hand before (W46)."""

from datetime import datetime, time, timedelta

from odoo import Command
from odoo.modules.migration import load_script
from odoo.tests import Form, tagged

from .settlement_common import SettlementCommon
from .test_names import SCRIPTS


@tagged("post_install", "-at_install")
class TestPayoutsSince(SettlementCommon):
    """What lies before the day is in the books by hand, and is not booked again."""

    def setUp(self):
        super().setUp()
        # sudo: settings are an administrator's.
        self.books = self.company.sudo()

    def _pay_out_on(self, days, reference, fee=100):
        """Have Stripe pay out a fee of its own that many days ago."""
        moment = self.now - timedelta(days=days)
        row = self._move("stripe_fee", fee, created=moment)
        self._pay_out(row, reference=reference, created=moment)

    def _get_known(self):
        return sorted(self.Payout.search([]).mapped("reference"))

    def _set_since(self, days):
        self.books.billing_payouts_since = self.today - timedelta(days=days)

    def _choose_again(self):
        self.books.billing_fee_account_id = False
        self.env.flush_all()
        self.books.billing_fee_account_id = self.fees

    def _match_by_hand(self, invoice, amount):
        """Take a payment off the clearing account, as an accountant does."""
        # sudo: entries are an accountant's.
        paid = invoice.transaction_ids.sudo().payment_id.move_id
        item = paid.line_ids.filtered(lambda line: line.account_id == self.clearing)
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create({"account_id": account.id, "balance": balance})
                    for account, balance in (
                        (self.clearing, -amount),
                        (self.transit, amount),
                    )
                ],
            }
        )
        entry.action_post()
        (item + entry.line_ids[:1]).reconcile()
        return item + entry.line_ids[:1]

    # An earlier day.

    def test_earlier_day_books_what_lies_between_once(self):
        self._set_since(2)
        for days, reference in ((100, "po_a"), (50, "po_b"), (1, "po_c")):
            self._pay_out_on(days, reference)
        self.Payout._cron_fetch()
        self.assertEqual(self._get_known(), ["po_c"])
        self._set_since(60)
        self.Payout._cron_fetch()
        self.Payout._cron_fetch()
        self.assertEqual(self._get_known(), ["po_b", "po_c"])
        self._set_since(200)
        self.Payout._cron_fetch()
        self.assertEqual(self._get_known(), ["po_a", "po_b", "po_c"])
        self.assertEqual(len(self._get_entries()), 3)
        self.assertEqual(set(self.Payout.search([]).mapped("state")), {"booked"})

    def test_what_lies_between_is_asked_for_until_it_is_known(self):
        self._set_since(2)
        self._pay_out_on(1, "po_c")
        self.Payout._cron_fetch()
        self._pay_out_on(50, "po_b")
        self._set_since(60)
        self.gateway.is_closed = True
        self.Payout._cron_fetch()
        self.gateway.is_closed = False
        self.Payout._cron_fetch()
        self.assertEqual(self._get_known(), ["po_b", "po_c"])

    def test_later_day_and_an_earlier_one_again(self):
        self._set_since(100)
        self._pay_out_on(1, "po_c")
        self.Payout._cron_fetch()
        self._set_since(10)
        self.Payout._cron_fetch()
        self._pay_out_on(50, "po_b")
        self._set_since(60)
        self.Payout._cron_fetch()
        self.assertEqual(self._get_known(), ["po_b", "po_c"])

    def test_day_is_that_of_the_company(self):
        """In Sydney a payout of the evening before, in UTC, is of that day."""
        self.books.partner_id.tz = "Australia/Sydney"
        since = self.today - timedelta(days=5)
        self.books.billing_payouts_since = since
        for reference, day, hour in (("po_in", 1, 20), ("po_before", 1, 1)):
            moment = datetime.combine(since - timedelta(days=day), time(hour))
            row = self._move("stripe_fee", 100, created=moment)
            self._pay_out(row, reference=reference, created=moment)
        self.Payout._cron_fetch()
        for reference in ("po_in", "po_before"):
            self._tell("payout.paid", f"evt_{reference}", id=reference)
        self.assertEqual(self._get_known(), ["po_in"])
        self.assertEqual(self._find_payout("po_in").date, since)

    def test_upgrade_asks_for_nothing_again(self):
        """An earlier day changed nothing so far, and was booked by hand."""
        self._set_since(2)
        self._pay_out_on(1, "po_c")
        self.Payout._cron_fetch()
        self._pay_out_on(50, "po_b")
        self._set_since(60)
        self.provider.sudo().billing_payouts_asked = False
        self.env.flush_all()
        path = SCRIPTS / "19.0.1.6.0" / "post-payouts-asked.py"
        script = load_script(str(path), "asked")
        script.migrate(self.env.cr, "19.0.1.5.0")
        self.env.invalidate_all()
        self.Payout._cron_fetch()
        self.assertEqual(self._get_known(), ["po_c"])
        # sudo: settings are an administrator's.
        other = self.setup_other_company()["company"].sudo()
        other.billing_payouts_since = self.today
        self.env.flush_all()
        script.migrate(self.env.cr, "19.0.1.5.0")
        self.env.invalidate_all()
        self.assertFalse(other.billing_payouts_since)
        self.assertTrue(self.books.billing_payouts_since)

    # What was booked by hand.

    def test_account_that_is_chosen_again_begins_on_that_day(self):
        invoice, intent = self._charge(100)
        self._pay_out(
            self._move_charge(intent),
            created=self.now - timedelta(days=2),
            is_complete=False,
        )
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "waiting")
        self.books.billing_fee_account_id = False
        self.assertFalse(self.books.billing_payouts_since)
        self._pay_out_on(1, "po_2")
        self._match_by_hand(invoice, 100)
        self.books.billing_fee_account_id = self.fees
        self.assertEqual(self.books.billing_payouts_since, self.today)
        self._change_payout("po_1", is_complete=True)
        self.Payout._cron_fetch()
        self._tell("payout.paid", id="po_1")
        self._tell("payout.paid", "evt_2", id="po_2")
        self.assertFalse(self._get_entries())
        self.assertEqual(self._get_known(), ["po_1"])
        payout = self._find_payout()
        self.assertEqual(payout.state, "hand")
        self.assertIn("before", payout.reason)
        self.assertFalse(self._get_todos(self.books.partner_id))

    def test_known_one_before_the_day_is_booked_when_the_day_is_set_earlier(self):
        _invoice, intent = self._charge(100)
        self._pay_out(
            self._move_charge(intent),
            created=self.now - timedelta(days=2),
            is_complete=False,
        )
        self.Payout._cron_fetch()
        self._choose_again()
        self._change_payout("po_1", is_complete=True)
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "hand")
        self._set_since(3)
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "booked")
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_what_was_matched_by_hand_is_not_booked_again(self):
        """Also where the day is set before it: its payments say so."""
        invoice, intent = self._charge(100)
        items = self._match_by_hand(invoice, 100)
        self._pay_out(self._move_charge(intent))
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "hand")
        self.assertIn("by hand", payout.reason)
        self.assertFalse(self._get_entries())
        self.assertEqual(self._get_balance(self.transit), 100)
        items.remove_move_reconcile()
        payout.sudo(False).action_match_again()
        self.assertEqual(payout.state, "booked")

    def test_settings_show_the_day_on_which_it_begins_again(self):
        """A form that was open keeps no day of before."""
        self._set_since(60)
        settings = self.env["res.config.settings"].sudo()
        with Form(settings) as form:
            form.billing_fee_account_id = self.env["account.account"]
        self.assertFalse(self.books.billing_payouts_since)
        with Form(settings) as form:
            form.billing_fee_account_id = self.fees
            self.assertEqual(form.billing_payouts_since, self.today)
        self.assertEqual(self.books.billing_payouts_since, self.today)
        with Form(settings) as form:
            form.billing_payouts_since = self.today - timedelta(days=5)
        self.assertEqual(
            self.books.billing_payouts_since, self.today - timedelta(days=5)
        )

    # Disputes.

    def _dispute_before(self):
        """Have a bank take a charge back on a day that is booked by hand."""
        invoice, intent = self._charge(100)
        self._set_since(0)
        created = self.now - timedelta(days=3)
        row = self._move_dispute("dp_1", -10000, 1500, created=created)
        self._dispute(intent, created=created)
        return invoice, row

    def test_dispute_of_before_is_booked_by_hand(self):
        invoice, _row = self._dispute_before()
        dispute = self.Dispute.search([])
        self.assertEqual(dispute.state, "open")
        self.assertIn("by hand", dispute.problem)
        self.Payout._cron_fetch()
        self.assertFalse(self._get_entries())
        self._close_dispute("dp_1", "lost")
        wizard = self.env["omni.billing.dispute.wizard"]
        wizard.create(
            {"dispute_id": dispute.id, "decision": "owed_by_hand"}
        ).action_decide()
        self.assertEqual(dispute.state, "owed")
        self.assertEqual(invoice.billing_dispute, "owed")
        self.assertFalse(self._get_entries())
        self.Payout._cron_fetch()
        self.assertFalse(dispute.problem)

    def test_dispute_of_before_that_is_written_off_by_hand(self):
        self._dispute_before()
        self._close_dispute("dp_1", "lost")
        dispute = self.Dispute.search([])
        self.assertFalse(dispute._decide("written_off", self.losses))
        self.assertEqual(dispute.state, "written_off")
        self.assertFalse(self._get_entries())

    def test_dispute_of_before_that_is_paid_out_after_is_booked(self):
        self._dispute_before()
        (withdrawn,) = self.gateway.disputes["dp_1"].movements
        _other, second = self._charge(300)
        self._pay_out(self._move_charge(second), withdrawn)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "booked", payout.reason)
        dispute = self.Dispute.search([])
        self.assertFalse(dispute.problem)
        self.assertEqual(self._get_balance(self.held), 100)
        self.assertFalse(self._get_todos(self.books.partner_id))

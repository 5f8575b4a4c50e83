"""What Stripe pays out comes into the books: fees, payouts, and what they are of."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import RestrictViolation

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .settlement_common import RATE, SettlementCommon


@tagged("post_install", "-at_install")
class TestPayouts(SettlementCommon):
    """W46: an accountant reconciles what the bank got, to the cent."""

    def _pay_out_one(self, amount=100, fee=320, **values):
        invoice, intent = self._charge(amount)
        self._pay_out(self._move_charge(intent, fee, **values))
        self.Payout._cron_fetch()
        return invoice, self._find_payout()

    def test_fee_and_payout_are_booked_and_the_clearing_account_is_empty(self):
        invoice, payout = self._pay_out_one()
        self.assertEqual((payout.state, payout.reason), ("booked", False))
        self.assertEqual(payout.amount, 96.8)
        self.assertEqual((payout.gross, payout.fee), (100, 3.2))
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.fees), 3.2)
        self.assertEqual(self._get_balance(self.transit), 96.8)
        self.assertTrue(payout.row_ids.line_id.reconciled)
        self.assertTrue(payout.row_ids.counterpart_id.reconciled)
        self.assertIn("txn_pi_0", payout.row_ids.line_id.name)
        self.assertEqual(payout.move_id.date, payout.date)
        self.assertEqual(invoice.billing_state, "paid")

    def test_bank_statement_of_the_net_amount_is_matched(self):
        _invoice, payout = self._pay_out_one()
        bank = self.company_data["default_journal_bank"]
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": bank.id,
                "date": self.today + timedelta(days=2),
                "payment_ref": "STRIPE po_1",
                "amount": 96.8,
            }
        )
        item = payout.move_id.line_ids.filtered(
            lambda item: item.account_id == self.transit
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        # As Odoo's own reconciliation does.
        move = line.move_id.with_context(skip_readonly_check=True)
        move.write(
            {
                "line_ids": [
                    Command.update(
                        suspense.id, {"account_id": self.transit.id, "name": item.name}
                    )
                ]
            }
        )
        (suspense + item).reconcile()
        self.assertTrue(item.reconciled)
        self.assertTrue(line.is_reconciled)
        for account in (self.clearing, self.transit):
            self.assertEqual(self._get_balance(account), 0)

    def test_tax_in_a_fee_is_input_tax_if_there_is_an_account(self):
        self.company.sudo().billing_fee_tax_account_id = self.fee_tax
        self._pay_out_one(fee=360, tax=60)
        self.assertEqual(self._get_balance(self.fees), 3.0)
        self.assertEqual(self._get_balance(self.fee_tax), 0.6)
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_refund_is_matched_by_its_id(self):
        invoice, intent = self._charge(100)
        invoice._billing_refund(40)
        (refund,) = self.gateway.refunds.values()
        self._pay_out(self._move_charge(intent), self._move_refund(refund))
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "booked")
        self.assertEqual(payout.amount, 59)
        self.assertTrue(all(payout.row_ids.mapped("is_matched")))
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_what_is_not_ours_is_left_to_a_person_and_the_rest_is_booked(self):
        _invoice, intent = self._charge(100)
        foreign = self._move(
            "charge",
            5000,
            150,
            kind="charge",
            source="ch_x",
            intent="pi_x",
            source_amount=5000,
            source_currency="usd",
        )
        other = self._move("climate_order_purchase", -200)
        self._pay_out(self._move_charge(intent), foreign, other)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self.assertIn(foreign.id, payout.reason)
        self.assertIn(other.id, payout.reason)
        self.assertNotIn("txn_pi_0", payout.reason)
        self.assertEqual(self._get_balance(self.transit), payout.amount)
        self.assertEqual(self._get_balance(self.fees), 2.5)
        # What is not explained stays visible.
        self.assertEqual(self._get_balance(self.clearing), -48)
        self.assertIn("po_1", self._get_todos(self.company.partner_id))
        # An accountant books what it was, and matches it.
        for row in payout.row_ids.filtered(lambda row: not row.is_matched):
            entry = self.env["account.move"].create(
                {
                    "move_type": "entry",
                    "line_ids": [
                        Command.create(
                            {"account_id": account.id, "balance": sign * row.amount}
                        )
                        for account, sign in ((self.clearing, 1), (self.losses, -1))
                    ],
                }
            )
            entry.action_post()
            (
                row.line_id
                + entry.line_ids.filtered(lambda line: line.account_id == self.clearing)
            ).reconcile()
        payout.sudo(False).action_match_again()
        self.assertEqual((payout.state, payout.reason), ("booked", False))
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_fees_apart_from_charges_are_fees(self):
        _invoice, intent = self._charge(100)
        apart = self._move("stripe_fee", -250)
        tax = self._move("tax_fee", -50)
        self.company.sudo().billing_fee_tax_account_id = self.fee_tax
        self._pay_out(self._move_charge(intent), apart, tax)
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "booked")
        self.assertEqual(self._get_balance(self.fees), 3.5)
        self.assertEqual(self._get_balance(self.fee_tax), 0.5)

    def test_nothing_is_booked_without_an_account_for_fees(self):
        self.company.sudo().billing_fee_account_id = False
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        self.Payout._cron_fetch()
        self.assertFalse(self._find_payout())
        with self.assertRaisesRegex(UserError, "account for Stripe's fees"):
            self.env["omni.billing.payout"].action_fetch()
        self.assertFalse(self._get_entries())

    def test_account_that_is_taken_away_again(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent), is_complete=False)
        self.Payout._cron_fetch()
        self.company.sudo().billing_fee_account_id = False
        self._change_payout("po_1", is_complete=True)
        payout = self._find_payout()
        payout._refresh()
        self.assertEqual(payout.state, "waiting")
        self.assertIn("Choose an account", payout.reason)
        self.assertFalse(self._get_entries())

    def test_manual_payout_is_left_to_a_person(self):
        self._pay_out(self._move("adjustment", 500), is_automatic=False)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self.assertIn("by hand", payout.reason)
        self.assertFalse(self._get_entries())

    def test_what_stripe_does_not_tell_yet_waits(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent), is_complete=False, status="in_transit")
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "waiting")
        self._change_payout("po_1", is_complete=True, status="paid")
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "booked")

    def test_rows_that_do_not_come_to_it_are_not_booked(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent), amount=9901)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self.assertIn("99.01", payout.reason)
        self.assertFalse(self._get_entries())

    def test_booked_once_whoever_tells_and_how_often(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        for number in (1, 2):
            event = self._tell(
                "payout.reconciliation_completed", f"evt_{number}", id="po_1"
            )
            self.assertEqual(event.state, "done")
            self.Payout._cron_fetch()
            self.env["omni.billing.payout"].action_fetch()
        self.assertEqual(len(self._get_entries()), 1)
        self.assertEqual(len(self._find_payout()), 1)

    def test_event_of_a_payout_before_it_was_set_up(self):
        self._pay_out(
            self._move("adjustment", 500), created=self.now - timedelta(days=40)
        )
        event = self._tell("payout.paid", id="po_1")
        self.assertEqual(event.state, "done")
        self.Payout._cron_fetch()
        self.assertFalse(self._find_payout())

    def test_payout_before_its_charges_are_booked(self):
        invoice = self._bill_amounts(100)
        with self._closed_books():
            invoice._billing_charge(self.card)
        intent = list(self.gateway.charges)[-1]
        self._pay_out(self._move_charge(intent))
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "waiting")
        self.assertIn("not booked yet", payout.reason)
        self._resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.Payout._cron_fetch()
        self.assertEqual((payout.state, payout.reason), ("booked", False))
        self.assertTrue(payout.row_ids.counterpart_id)
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_charge_whose_answer_was_lost_is_known_by_what_it_says(self):
        invoice, _intent = self._lose_charge()
        attempt = invoice.transaction_ids.sudo()
        intent = list(self.gateway.charges)[-1]
        row = self._move_charge(
            intent,
            reference=attempt.reference,
            database=self.provider._billing_get_uuid(),
        )
        self._pay_out(row)
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "waiting")
        self._resolve()
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "booked")

    def test_closed_period_is_said_and_booked_when_it_opens(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent), created=self.now - timedelta(days=1))
        # sudo: locks are an accountant's.
        company = self.company.sudo()
        company.fiscalyear_lock_date = self.today - timedelta(days=1)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self.assertIn("closed", payout.reason.lower())
        self.assertFalse(self._get_entries())
        company.fiscalyear_lock_date = False
        self.Payout._cron_fetch()
        self.assertEqual(payout.state, "booked")

    def test_failure_on_the_way_leaves_nothing_half_booked(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        with patch.object(
            type(self.env["account.move"]),
            "action_post",
            side_effect=UserError("No."),
        ):
            self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual((payout.state, payout.reason), ("person", "No."))
        self.assertFalse(self._get_entries())
        self.assertFalse(payout.row_ids.line_id)
        self.Payout._cron_fetch()
        self.assertEqual(payout.state, "booked")

    def test_stripe_does_not_answer(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        self.gateway.is_closed = True
        self.Payout._cron_fetch()
        self.assertFalse(self._find_payout())
        with self.assertRaises(UserError):
            self.env["omni.billing.payout"].action_fetch()
        self.gateway.is_closed = False
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout().state, "booked")

    def test_payout_that_comes_back(self):
        _invoice, payout = self._pay_out_one()
        self._change_payout("po_1", status="failed", failure="account_closed")
        self._tell("payout.failed", id="po_1")
        self.assertEqual(self._get_balance(self.transit), 0)
        self.assertEqual(self._get_balance(self.clearing), 96.8)
        self.assertTrue(payout.return_move_id)
        self._tell("payout.failed", "evt_2", id="po_1")
        self.assertEqual(len(self._get_entries()), 2)
        # Who read before that it was paid comes late.
        before = replace(self.gateway.payouts["po_1"], status="paid", failure="")
        self.Payout._take(self.provider.sudo(), before)
        payout = self._find_payout()
        self.assertEqual((payout.status, payout.failure), ("failed", "account_closed"))
        # The next one has it.
        back = self._move("payout_failure", 9680, kind="payout", source="po_1")
        self._pay_out(back, reference="po_2")
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_2").state, "booked")
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.transit), 96.8)

    def test_negative_payout(self):
        """Stripe takes from the bank what a refund left it short of."""
        invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        self.Payout._cron_fetch()
        invoice._billing_refund(40)
        (refund,) = self.gateway.refunds.values()
        self._pay_out(self._move_refund(refund), reference="po_2")
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_2").state, "booked")
        self.assertEqual(self._get_balance(self.transit), 59)
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_another_currency_than_the_charge(self):
        """Stripe keeps euros: each item is in the currency of what it is of."""
        self._get_euro(0.9)
        _invoice, intent = self._charge(100)
        row = self._move_charge(intent, 92, amount=9200, currency="eur", rate=RATE)
        self._pay_out(row, currency="eur")
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual((payout.state, payout.amount), ("booked", 91.08))
        self.assertEqual(payout.row_ids.exchange_rate, 0.92)
        item = payout.move_id.line_ids.filtered(
            lambda line: line.account_id == self.transit
        )
        self.assertEqual((item.currency_id.name, item.amount_currency), ("EUR", 91.08))
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertTrue(payout.row_ids.line_id.reconciled)

    def test_charge_in_another_currency_than_the_books(self):
        """It is taken off at what Stripe gave; what the rate made of it is Odoo's."""
        euro = self._get_euro(0.9)
        invoice = self._bill_amounts(90, currency_id=euro.id)
        invoice._billing_charge(self.card)
        intent = list(self.gateway.charges)[-1]
        self.assertEqual(self._get_balance(self.clearing), 100)
        row = self._move_charge(intent, 300, amount=10400, rate=RATE)
        self._pay_out(row)
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual((payout.state, payout.amount), ("booked", 101))
        self.assertEqual(self._get_balance(self.transit), 101)
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.clearing, currency=True), 0)
        item = payout.row_ids.line_id
        matches = item.matched_debit_ids + item.matched_credit_ids
        self.assertTrue(matches.exchange_move_id)

    def test_charge_of_another_amount_is_left_to_a_person(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent, amount=9000, source_amount=9000))
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self.assertIn("another amount", payout.row_ids.problem)
        self.assertEqual(self._get_balance(self.clearing), 10)

    def test_payment_that_was_matched_by_hand_is_said(self):
        invoice, intent = self._charge(100)
        # sudo: payments are read by accountants.
        paid = invoice.transaction_ids.sudo().payment_id.move_id
        item = paid.line_ids.filtered(lambda line: line.account_id == self.clearing)
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "line_ids": [
                    Command.create({"account_id": account.id, "balance": balance})
                    for account, balance in ((self.clearing, -100), (self.losses, 100))
                ],
            }
        )
        entry.action_post()
        (item + entry.line_ids[:1]).reconcile()
        _second, other = self._charge(50)
        self._pay_out(self._move_charge(intent), self._move_charge(other))
        self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        (row,) = payout.row_ids.filtered("problem")
        self.assertIn("something else", row.problem)
        (item + entry.line_ids[:1]).remove_move_reconcile()
        payout.sudo(False).action_match_again()
        self.assertEqual(payout.state, "booked")

    def test_database_keeps_the_entry(self):
        _invoice, payout = self._pay_out_one()
        self.env.flush_all()
        for query in (
            "UPDATE account_move SET state = 'draft' WHERE id = %s",
            "UPDATE account_move SET billing_stripe_ref = NULL WHERE id = %s",
            "UPDATE account_move_line SET balance = 0 WHERE move_id = %s",
            "DELETE FROM account_move WHERE id = %s",
            "DELETE FROM account_move_line WHERE move_id = %s",
        ):
            with (
                self.subTest(query),
                self.assertRaises(RestrictViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(query, [payout.move_id.id])

    def test_what_cannot_be_matched_stays_booked(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        with patch.object(
            type(self.env["account.move.line"]),
            "_reconcile_plan",
            side_effect=UserError("No journal for exchange differences."),
        ):
            self.Payout._cron_fetch()
        payout = self._find_payout()
        self.assertEqual(payout.state, "person")
        self.assertIn("No journal", payout.reason)
        self.assertTrue(payout.move_id)
        self.Payout._cron_fetch()
        self.assertEqual(payout.state, "booked")
        self.assertEqual(len(self._get_entries()), 1)

    def test_payout_that_stripe_does_not_know_holds_up_no_other(self):
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent), is_complete=False)
        self.Payout._cron_fetch()
        self.gateway.payouts.clear()
        self._pay_out(self._move("stripe_fee", 100), reference="po_2")
        self.Payout._cron_fetch()
        self.assertEqual(self._find_payout("po_2").state, "booked")
        self.assertEqual(self._find_payout().state, "waiting")

    def test_many_movements_take_few_statements(self):
        payments = [self._charge(10)[1] for _number in range(6)]
        self._pay_out(*(self._move_charge(intent) for intent in payments[:2]))
        self.Payout._cron_fetch()
        counts = []
        self._pay_out(
            *(self._move_charge(intent) for intent in payments[2:]), reference="po_2"
        )
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        self.Payout._cron_fetch()
        counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(self._find_payout("po_2").state, "booked")
        self.assertLess(counts[0], 230)

    def test_entry_stays_as_it_is(self):
        _invoice, payout = self._pay_out_one()
        entry = payout.move_id.sudo(False)
        for change in (
            entry.button_draft,
            entry.button_cancel,
            entry.unlink,
            lambda: entry.write({"date": self.today - timedelta(days=3)}),
            lambda: entry.line_ids[0].write({"name": "X", "account_id": self.fees.id}),
            lambda: entry.write({"billing_stripe_ref": False}),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()
        self.assertEqual(entry.state, "posted")

    def test_nobody_writes_payouts(self):
        _invoice, payout = self._pay_out_one()
        chief = self._create_user("chief", "omni_billing.omni_billing_group_manager")
        reader = self._create_user("reader", "account.group_account_readonly")
        for user in (chief, reader):
            records = payout.with_env(self.env(user=user, su=False))
            for record in (records, records.row_ids):
                self.assertTrue(record.read(["reference"]))
                for change in (
                    record.unlink,
                    lambda record=record: record.write({"reference": "x"}),
                    lambda record=record: record.create({"reference": "x"}),
                ):
                    with self.assertRaises(AccessError):
                        change()
        for user in (self.staff, self.portal, self.outsider):
            with self.assertRaises(AccessError):
                payout.with_env(self.env(user=user, su=False)).read(["reference"])
            with self.assertRaises(AccessError):
                self.env["omni.billing.payout"].with_user(user).action_fetch()
        with self.assertRaises(AccessError):
            self.env["omni.billing.payout"].with_user(reader).action_fetch()

    def test_payouts_of_another_company_are_not_seen(self):
        _invoice, payout = self._pay_out_one()
        other = self.setup_other_company()["company"]
        chief = self._create_user("chief", "omni_billing.omni_billing_group_manager")
        chief.write({"company_id": other.id, "company_ids": [Command.set(other.ids)]})
        self.assertFalse(self.env["omni.billing.payout"].with_user(chief).search([]))
        with self.assertRaises(AccessError):
            payout.with_env(self.env(user=chief, su=False)).read(["reference"])

    def test_companies_share_an_account(self):
        """The one that is set up for it books; what is the other's is told."""
        other = self.setup_other_company()["company"]
        # sudo: providers are an administrator's.
        theirs = self.provider.sudo().copy(
            {"company_id": other.id, "state": "disabled"}
        )
        theirs.write(
            {
                "stripe_publishable_key": "pk_test_1",
                "stripe_secret_key": "sk_test_1",
                "state": "test",
            }
        )
        _invoice, intent = self._charge(100)
        self._pay_out(self._move_charge(intent))
        Event = self.env["omni.billing.stripe.event"].sudo()
        event = {
            "id": "evt_1",
            "type": "payout.paid",
            "data": {"object": {"id": "po_1"}},
        }
        Event._store(theirs, event)
        Event._cron_process()
        self.assertEqual(self._find_payout().company_id, self.company)
        self.assertEqual(self._find_payout().state, "booked")

    def test_setting_up_begins_today(self):
        company = self.company.sudo()
        company.write({"billing_fee_account_id": False, "billing_payouts_since": False})
        company.billing_fee_account_id = self.fees
        self.assertEqual(company.billing_payouts_since, self.today)

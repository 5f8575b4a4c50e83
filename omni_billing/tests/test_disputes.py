"""Disputes: the money that leaves, comes back, or is lost; and who bears it (W47)."""

from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .settlement_common import RATE, SettlementCommon


@tagged("post_install", "-at_install")
class TestDisputesInBooks(SettlementCommon):
    """What a dispute moves is booked by Stripe's ids, once."""

    def _find(self, reference="dp_1"):
        return self.Dispute.search([("reference", "=", reference)])

    def test_opening_books_what_leaves_and_the_fee(self):
        invoice, intent = self._charge(100)
        self._dispute(intent)
        dispute = self._find()
        self.assertEqual((dispute.state, dispute.amount), ("open", 100))
        self.assertEqual(dispute.invoice_ids, invoice)
        self.assertFalse(dispute.problem)
        self.assertEqual(self._get_balance(self.held), 100)
        self.assertEqual(self._get_balance(self.fees), 15)
        self.assertEqual(self._get_balance(self.clearing), -15)
        self.assertEqual(invoice.billing_state, "paid")

    def test_events_twice_and_late_book_once(self):
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        self._close_dispute("dp_1", "won")
        for number in range(3):
            self._tell_dispute("dp_1", f"evt_again_{number}")
        self.assertEqual(len(self._get_entries()), 2)
        self.assertEqual(self._find().state, "won")

    def test_winning_takes_it_back(self):
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        self._close_dispute("dp_1", "won")
        self.assertEqual(self._get_balance(self.held), 0)
        # The fee of a dispute is not given back.
        self.assertEqual(self._get_balance(self.fees), 15)
        self.assertEqual(self._get_balance(self.clearing), 85)
        held = self._find()._get_held_lines()
        self.assertTrue(all(held.mapped("reconciled")))

    def test_all_of_it_is_paid_out(self):
        _invoice, intent = self._charge(100)
        _other, second = self._charge(50)
        self._dispute(intent)
        (withdrawn,) = self.gateway.disputes["dp_1"].movements
        # As a list of a payout tells of it: with its source.
        self._pay_out(self._move_charge(intent), self._move_charge(second), withdrawn)
        self.Payout._cron_fetch()
        payout = self.Payout.search([("reference", "=", "po_1")])
        self.assertEqual(payout.state, "booked", payout.reason)
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.transit), 150 - 2 - 115)
        self.assertEqual(self._get_balance(self.fees), 17)

    def test_paid_out_before_the_dispute_could_be_booked(self):
        """Its fee is booked once."""
        company = self.company.sudo()
        company.billing_dispute_account_id = False
        _invoice, intent = self._charge(200)
        self._dispute(intent, 10000)
        (withdrawn,) = self.gateway.disputes["dp_1"].movements
        self._pay_out(self._move_charge(intent), withdrawn)
        self.Payout._cron_fetch()
        payout = self.Payout.search([])
        self.assertEqual(payout.state, "person")
        self.assertIn(withdrawn.id, payout.reason)
        self.assertEqual(self._get_balance(self.clearing), 115)
        company.billing_dispute_account_id = self.held
        self.Payout._cron_fetch()
        self.Payout._cron_fetch()
        self.assertEqual(payout.state, "booked", payout.reason)
        self.assertEqual(self._get_balance(self.clearing), 0)
        self.assertEqual(self._get_balance(self.fees), 16)
        self.assertEqual(self._get_balance(self.held), 100)

    def test_dispute_whose_event_never_came(self):
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        dispute = self.gateway.disputes["dp_1"]
        _other, second = self._charge(200)
        lost = self._move_dispute("dp_2", -5000, kind="dispute", intent=second)
        self.gateway.disputes["dp_2"] = type(dispute)(
            **vars(dispute)
            | {"id": "dp_2", "intent": second, "amount": 5000, "movements": (lost,)}
        )
        self._pay_out(self._move_charge(second), lost)
        self.Payout._cron_fetch()
        self.assertEqual(self._find("dp_2").state, "open")
        self.assertEqual(self.Payout.search([]).state, "booked")

    def test_inquiry_moves_nothing(self):
        invoice, intent = self._charge(100)
        self._dispute(intent, status="warning_needs_response")
        self.assertEqual(self._find().state, "inquiry")
        self.assertEqual(invoice.billing_dispute, "inquiry")
        self.assertFalse(self._get_entries())
        # It may be given back, which ends it.
        invoice._billing_refund(10)
        self._close_dispute("dp_1", "warning_closed")
        self.assertEqual(self._find().state, "won")
        self.assertFalse(self._get_entries())

    def test_inquiry_that_becomes_a_dispute(self):
        invoice, intent = self._charge(100)
        self._dispute(intent, status="warning_needs_response")
        self._dispute(intent)
        self._tell_dispute("dp_1", "evt_2")
        self.assertEqual(invoice.billing_dispute, "open")
        self.assertEqual(self._get_balance(self.held), 100)

    def test_without_accounts_it_is_said_and_booked_when_there_are(self):
        company = self.company.sudo()
        company.billing_dispute_account_id = False
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        dispute = self._find()
        self.assertIn("Choose the accounts", dispute.problem)
        self.assertFalse(self._get_entries())
        company.billing_dispute_account_id = self.held
        self.Payout._cron_fetch()
        self.assertFalse(dispute.problem)
        self.assertEqual(self._get_balance(self.held), 100)

    def test_another_currency_than_the_charge(self):
        self._get_euro(0.9)
        _invoice, intent = self._charge(90)
        row = self._move_dispute("dp_1", -8280, 1500, currency="eur", rate=RATE)
        self._dispute(intent, status="warning_needs_response")
        dispute = self.gateway.disputes["dp_1"]
        self.gateway.disputes["dp_1"] = type(dispute)(
            **vars(dispute) | {"status": "needs_response", "movements": (row,)}
        )
        self._tell_dispute("dp_1", "evt_2")
        self.assertEqual(self._get_balance(self.held, currency=True), 82.8)
        self.assertEqual(self._get_balance(self.held), 92)

    def test_no_refund_while_it_is_open_or_after_it_is_lost(self):
        invoice, intent = self._charge(100)
        self._dispute(intent)
        with self.assertRaisesRegex(UserError, "disputed"):
            invoice._billing_refund(10)
        self._close_dispute("dp_1", "lost")
        with self.assertRaisesRegex(UserError, "disputed"):
            invoice._billing_refund(10)
        self.assertFalse(self.gateway.refunds)

    def test_what_another_card_paid_is_refunded(self):
        invoice = self._bill_amounts(100)
        invoice._billing_charge(self.card, 40)
        invoice._billing_charge(self.card, 60)
        self._dispute("pi_0")
        self.assertEqual(invoice._billing_get_refundable_amount(), 60)
        invoice._billing_refund(60)
        (refund,) = self.gateway.refunds.values()
        self.assertEqual((refund.charge, refund.amount), ("pi_1", 6000))


@tagged("post_install", "-at_install")
class TestLostDisputes(SettlementCommon):
    """A lost dispute is decided once, and the books and the ledger say the same."""

    def _lose(self, amount=100, disputed=None):
        invoice, intent = self._charge(amount)
        self._dispute(intent, disputed)
        self._close_dispute("dp_1", "lost")
        return invoice, self.env["omni.billing.dispute"].search([])

    def _open(self, dispute, decision="owed", **values):
        return self.env["omni.billing.dispute.wizard"].create(
            {"dispute_id": dispute.id, "decision": decision, **values}
        )

    def _check_agree(self):
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def test_staff_are_told_to_decide(self):
        invoice, dispute = self._lose()
        self.assertEqual(dispute.state, "lost")
        self.assertIn("the dispute is lost", self._get_todos(invoice))
        self.assertEqual(invoice.billing_dispute, "lost")
        action = invoice.action_billing_decide_dispute()
        self.assertEqual(action["context"]["default_dispute_id"], dispute.id)

    def test_customer_owes_it_again(self):
        invoice, dispute = self._lose()
        self._open(dispute, note="It is due").action_decide()
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertEqual(invoice.amount_residual, 100)
        self.assertEqual(invoice.billing_dispute, "owed")
        self.assertEqual(self._get_balance(self.held), 0)
        self.assertTrue(all(dispute.sudo()._get_held_lines().mapped("reconciled")))
        self.assertEqual(self._get_books_balance(), 100)
        self._check_agree()
        self.assertEqual(dispute.decided_by_id, self.env.user)
        # It can be paid again, by another card.
        invoice._billing_charge(self._save_card("5555"))
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(self._get_books_balance(), 0)
        self._check_agree()
        self.assertEqual(invoice._billing_get_refundable_amount(), 100)

    def test_what_was_told_of_the_day_of_payment_stays(self):
        invoice, dispute = self._lose()
        (receipt,) = invoice.billing_receipt_ids
        self._open(dispute).action_decide()
        self.assertEqual(receipt.state, "invoiced")
        self.assertFalse(receipt.partial_id)
        entries = self.env["omni.billing.transaction"].search(
            [("payment_id", "=", receipt.payment_id.id), ("state", "=", "invoiced")]
        )
        self.assertEqual(sum(entries.mapped("amount_total")), 0)

    def test_reminders_go_on(self):
        invoice, dispute = self._lose()
        self._open(dispute).action_decide()
        self.assertNotIn("disputed", invoice._billing_get_reminder_obstacle() or "")

    def test_part_of_a_payment_of_two_invoices(self):
        first, second = self._bill_amounts(60, 40)
        (first + second)._billing_charge(self.card)
        self._dispute("pi_0", 7000)
        self._close_dispute("dp_1", "lost")
        dispute = self.env["omni.billing.dispute"].search([])
        self._open(dispute).action_decide()
        self.assertEqual(first.amount_residual + second.amount_residual, 70)
        self.assertEqual(self._get_books_balance(), 70)
        self._check_agree()

    def test_written_off(self):
        invoice, dispute = self._lose()
        self._open(dispute, "written_off", account_id=self.losses.id).action_decide()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice.billing_dispute, "written_off")
        self.assertEqual(self._get_balance(self.losses), 100)
        self.assertEqual(self._get_balance(self.held), 0)
        self.assertEqual(self._get_books_balance(), 0)
        self._check_agree()

    def test_decided_once(self):
        invoice, dispute = self._lose()
        first = self._open(dispute)
        answer = first.action_decide()
        self.assertEqual(first.action_decide(), answer)
        # Another dialog, of the same mind: the same entry.
        self._open(dispute).action_decide()
        with self.assertRaisesRegex(UserError, "decided already"):
            self._open(
                dispute, "written_off", account_id=self.losses.id
            ).action_decide()
        self.assertEqual(invoice.amount_residual, 100)
        self.assertEqual(len(self._get_entries()), 2)
        # What the bank says later does not change it.
        self._tell_dispute("dp_1", "evt_late")
        self.assertEqual(dispute.state, "owed")
        self.assertEqual(invoice.billing_dispute, "owed")

    def test_what_is_not_lost_or_not_booked_is_not_decided(self):
        _invoice, intent = self._charge(100)
        self._dispute(intent)
        dispute = self.env["omni.billing.dispute"].search([])
        with self.assertRaisesRegex(UserError, "not lost"):
            self._open(dispute).action_decide()
        self.company.sudo().billing_dispute_account_id = False
        _other, second = self._charge(50)
        self._dispute(second, id="dp_2")
        self._close_dispute("dp_2", "lost")
        dispute = self.env["omni.billing.dispute"].search([("reference", "=", "dp_2")])
        with self.assertRaisesRegex(UserError, "not in the books"):
            self._open(dispute).action_decide()

    def test_write_off_needs_an_account(self):
        _invoice, dispute = self._lose()
        with self.assertRaisesRegex(UserError, "Choose the account"):
            self._open(dispute, "written_off").action_decide()
        self.assertEqual(dispute.state, "lost")

    def test_in_a_closed_period_nothing_is_decided(self):
        invoice, dispute = self._lose()
        # sudo: locks are an accountant's.
        self.company.sudo().fiscalyear_lock_date = self.today
        with self.assertRaises(UserError):
            self._open(dispute).action_decide()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(dispute.state, "lost")

    def test_payment_that_is_credit_on_file(self):
        """Its invoice was voided, or paid otherwise: nothing is opened again."""
        payment = self._begin_online()
        self.gateway.begin("pi_free", "succeeded", 4500, payment.reference)
        payment.provider_reference = "pi_free"
        payment._set_done()
        payment._post_process()
        self.assertEqual(self._get_books_balance(), -45)
        self._dispute("pi_free")
        self._close_dispute("dp_1", "lost")
        dispute = self.env["omni.billing.dispute"].search([])
        self._open(dispute).action_decide()
        self.assertEqual(self._get_books_balance(), 0)

    def test_won_after_it_was_lost(self):
        """An appeal: what comes back is booked, and nothing is left to decide."""
        _invoice, dispute = self._lose()
        self._close_dispute("dp_1", "won")
        self.assertEqual(dispute.state, "won")
        self.assertEqual(self._get_balance(self.held), 0)

    def test_managers_alone_decide(self):
        _invoice, dispute = self._lose()
        with self.assertRaises(AccessError):
            self.env["omni.billing.dispute.wizard"].with_user(self.staff).create(
                {"dispute_id": dispute.id}
            )
        reader = self._create_user("reader", "account.group_account_readonly")
        for user in (self.staff, reader, self.portal):
            with self.assertRaises(AccessError):
                dispute.with_env(self.env(user=user, su=False))._decide("owed")
        other = self.setup_other_company()["company"]
        chief = self._create_user("chief", "omni_billing.omni_billing_group_manager")
        chief.write({"company_id": other.id, "company_ids": [Command.set(other.ids)]})
        with self.assertRaises(AccessError):
            self.env["omni.billing.dispute.wizard"].with_user(chief).create(
                {"dispute_id": dispute.id}
            )

    def test_entry_of_a_decision_stays(self):
        _invoice, dispute = self._lose()
        self._open(dispute).action_decide()
        with self.assertRaises(UserError):
            dispute.decision_move_id.button_draft()
        self.assertEqual(dispute.decision_move_id.date, self.today)
        self.assertGreater(self.today, self.today - timedelta(days=1))

from dataclasses import replace
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.gateways.stripe_answers import Decline, Mandate
from odoo.addons.omni_billing.tools.write_guard import trust

from .settlement_common import SettlementCommon


class DebitCommon(SettlementCommon):
    """A company that debits bank accounts, in dollars (ACSS), and one such account."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"billing_debits": True, "billing_debit_notice_days": 0})
        # sudo: methods are an administrator's.
        cls.acss = cls.env.ref("omni_billing.payment_method_acss_debit").sudo()

    def setUp(self):
        super().setUp()
        self.gateway.mandates["mandate_1"] = Mandate("mandate_1", "active", "REF-1")
        self.account = self._save_account()
        self.account.action_billing_set_default()
        self.invoice = self._bill_amounts(45)

    def _save_account(self, last4="6789", **values):
        self.gateway.accounts.append(f"pm_{last4}")
        nothing = dict.fromkeys(
            ("billing_brand", "billing_exp_month", "billing_exp_year"), False
        )
        account = self._save_card(
            last4,
            **nothing
            | {"payment_method_id": self.acss.id, "stripe_mandate": "mandate_1"}
            | values,
        )
        if values.get("agrees", True):
            account._billing_agree("paper")
        return account

    def _debit(self, invoice=None):
        """Have a debit be under way; return the attempt."""
        self.gateway.wait()
        return (invoice or self.invoice)._billing_charge(self.account)

    def _answer(self, attempt, status="succeeded", code="", **values):
        """Have its bank answer, and Stripe tell of it."""
        reference = attempt.provider_reference
        charge = self.gateway.charges[reference]
        decline = Decline(code, "", "No.") if code else None
        self.gateway.charges[reference] = replace(
            charge, status=status, decline=decline, **values
        )
        kind = "succeeded" if status == "succeeded" else "payment_failed"
        self._tell(
            f"payment_intent.{kind}",
            event_ref=f"evt_{reference}_{kind}_{code}",
            id=reference,
            metadata={},
        )
        self.env.invalidate_all()

    def _return(self, attempt, code="insufficient_funds"):
        self._answer(attempt, "requires_payment_method", code)

    def _is_remindable(self, invoice=None):
        invoice = invoice or self.invoice
        return bool(
            invoice.filtered_domain(
                invoice._billing_get_remindable_domain(self.company)
            )
        )


@tagged("post_install", "-at_install")
class TestBankDebits(DebitCommon):
    """W33: a bank account is charged as a card is, and waits for its bank."""

    def test_account_is_saved_as_a_method(self):
        self.account.sudo()._billing_read_mandate()
        self.assertTrue(self.account.billing_is_charged)
        self.assertFalse(self.account.billing_is_card)
        self.assertTrue(self.account.billing_is_default)
        self.assertIn("6789", self.account.display_name)
        self.assertEqual(self.account.billing_mandate, "REF-1 · Valid")
        self.assertEqual(self.customer._billing_get_cards()[:1], self.account)

    def test_only_where_the_company_wants_it(self):
        self.company.billing_debits = False
        self.assertFalse(self.account.billing_is_charged)
        self.assertEqual(self.customer._billing_get_cards(), self.card)
        with self.assertRaisesRegex(UserError, "no card saved"):
            self.invoice._billing_charge(self.account)

    def test_debit_names_its_kind_and_its_mandate(self):
        self._debit()
        self.assertEqual(self.gateway.named_charges[-1], ("acss_debit", "mandate_1"))
        self.invoice = self._bill_amounts(10)
        self.invoice._billing_charge(self.card)
        self.assertEqual(self.gateway.named_charges[-1], ("card", ""))

    def test_consent_names_the_mandate(self):
        consent = self.account._billing_find_standing()
        self.assertEqual(consent.mandate_ref, "mandate_1")
        self.assertIn("debit", consent.text)
        self.assertIn("mandate_1", consent.text)
        self.assertNotIn("this card", consent.text)
        attempt = self._debit()
        self.assertEqual(attempt.billing_consent_id, consent)

    def test_nobody_is_debited_without_having_agreed(self):
        self.account._billing_withdraw("The customer took it back.")
        with self.assertRaisesRegex(UserError, "did not agree"):
            self.invoice._billing_charge(self.account)
        self.assertFalse(self.gateway.named_charges)

    def test_invoice_is_being_collected(self):
        attempt = self._debit()
        self.assertTrue(attempt.billing_is_open)
        self.assertEqual(attempt.state, "pending")
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self.assertIn("being collected", self.invoice.billing_collecting)
        self.assertFalse(self._is_remindable())
        self.assertFalse(self.invoice._billing_get_chargeable_amount())
        for mode in ("stripe", "cash"):
            with self.assertRaisesRegex(UserError, "being collected.*Stop the Debit"):
                self._pay(self.invoice, mode=mode)
        with self.assertRaisesRegex(UserError, "cannot be voided"):
            self.invoice.action_billing_void()
        self.assertEqual(len(self.gateway.named_charges), 1)
        self.assertFalse(attempt.billing_mail_due)

    def test_no_late_fee_meanwhile(self):
        trust(self.invoice).invoice_date_due = self.today - timedelta(days=40)
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 5})
        fees = self.env["omni.billing.late.fee"].sudo()  # sudo: a job
        attempt = self._debit()
        fees._charge(self.invoice.sudo(), self.company)
        self.assertFalse(fees.search([("move_id", "=", self.invoice.id)]))
        self._return(attempt)
        self.assertTrue(self._is_remindable())
        fees._charge(self.invoice.sudo(), self.company)
        self.assertTrue(fees.search([("move_id", "=", self.invoice.id)]))

    def test_success_is_booked_as_a_cards(self):
        attempt = self._debit()
        self._answer(attempt)
        self.assertEqual(attempt.state, "done")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertFalse(self.invoice.billing_collecting)
        self.assertEqual(attempt.payment_id.journal_id, self.provider.journal_id)
        self.assertEqual(self.gateway.taken, 4500)
        # The same again is old news.
        attempt._billing_apply(self.gateway.charges[attempt.provider_reference])
        self.assertEqual(len(self.invoice.billing_receipt_ids), 1)

    def test_stripe_is_not_asked_all_the_time(self):
        attempt = self._debit()
        asked = []
        real = self.gateway.get_charge
        self.gateway.get_charge = lambda name: asked.append(name) or real(name)
        self._resolve()
        self.assertFalse(asked)
        attempt.billing_ask_at = fields.Datetime.now() - timedelta(seconds=1)
        self._resolve()
        self.assertEqual(len(asked), 1)
        # Weeks later it is asked for still, and learnt without any event.
        self.gateway.settle(attempt.provider_reference, "succeeded")
        attempt.last_state_change -= timedelta(days=40)
        attempt.billing_ask_at = fields.Datetime.now() - timedelta(seconds=1)
        self._resolve()
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_expected_day_is_told(self):
        attempt = self._debit()
        reference = attempt.provider_reference
        self.gateway.charges[reference] = replace(
            self.gateway.charges[reference], debit_date="2026-12-24"
        )
        self._tell("charge.updated", id="ch_1", payment_intent=reference)
        self.assertEqual(str(attempt.billing_debit_date), "2026-12-24")
        self.assertIn("12/24/2026", self.invoice.billing_collecting)

    def test_staff_stop_a_debit_that_can_be(self):
        attempt = self._debit()
        invoice = self.invoice.with_user(self.staff)
        with self.assertRaisesRegex(UserError, "cannot be stopped"):
            invoice.action_billing_stop_debit()
        self.assertTrue(attempt.billing_is_open)
        # One of the few that can be called back.
        self.gateway.settle(attempt.provider_reference, "requires_action")
        invoice.action_billing_stop_debit()
        self.assertEqual(attempt.state, "cancel")
        self._pay(self.invoice, mode="cash")
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertFalse(self.gateway.taken)
        with self.assertRaisesRegex(UserError, "under way any more"):
            invoice.action_billing_stop_debit()

    def test_others_stop_nothing(self):
        attempt = self._debit()
        for user in (self.outsider, self.portal):
            with self.assertRaises(AccessError):
                self.invoice.with_user(user).action_billing_stop_debit()
        self.assertTrue(attempt.billing_is_open)

    def test_lost_answer_is_no_second_debit(self):
        self.gateway.plan.append(("lose", True))
        attempt = self.invoice._billing_charge(self.account)
        self.assertTrue(attempt.billing_is_open)
        self.gateway.settle(list(self.gateway.charges)[-1], "processing")
        self._resolve()
        self.assertTrue(attempt._billing_is_collecting())
        with self.assertRaisesRegex(UserError, "being collected"):
            self._pay(self.invoice, mode="stripe")
        self._answer(attempt)
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(len(self.gateway.named_charges), 1)

    def test_odoos_own_dialog(self):
        """odoo/odoo#253876: the payment of a pending token is canceled there."""
        card, self.card = self.card, self.account
        self.gateway.wait()
        self._register(self.invoice)
        attempt = self.invoice.billing_attempt_id
        self.assertTrue(attempt.sudo()._billing_is_collecting())
        self._answer(attempt.sudo())
        self.card = card
        self.assertEqual(self.invoice.billing_state, "paid")
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_mandate_that_ended_is_not_charged(self):
        self.gateway.mandates["mandate_1"] = Mandate("mandate_1", "inactive", "REF-1")
        event = self._tell("mandate.updated", id="mandate_1")
        self.assertEqual(event.state, "done")
        self.assertEqual(self.account.billing_mandate_state, "inactive")
        self.assertFalse(self.account._billing_find_active())
        with self.assertRaisesRegex(UserError, "mandate.*has ended"):
            self.invoice._billing_charge(self.account, is_customer_present=True)
        self.assertFalse(self.gateway.named_charges)

    def test_mandate_that_stripe_refuses_has_ended(self):
        self.gateway.refuse("payment_intent_mandate_invalid")
        attempt = self.invoice._billing_charge(self.account)
        self.assertEqual(attempt.state, "error")
        self.assertEqual(self.account.billing_mandate_state, "inactive")
        self.assertFalse(self.account._billing_find_active())

    def test_currency_has_to_be_the_schemes(self):
        sepa = self.env.ref("payment.payment_method_sepa_direct_debit").sudo()
        self.account.sudo().payment_method_id = sepa
        with self.assertRaisesRegex(UserError, "EUR.*USD"):
            self.invoice._billing_charge(self.account)


@tagged("post_install", "-at_install")
class TestReturnedDebits(DebitCommon):
    """W33: a debit that its bank does not pay, or takes back, is owed again."""

    def _count_fees(self):
        return self.env["omni.billing.transaction"].search_count(
            [("name", "like", "Fee for the returned debit of")]
        )

    def _take_back(self, attempt, reason="insufficient_funds"):
        """Have a bank take back what it paid: Stripe tells of it several times."""
        intent = attempt.provider_reference
        self._dispute(intent, status="lost", reason=reason)
        for number in range(2):
            self._tell_dispute("dp_1", f"evt_again_{number}")
        self.env.invalidate_all()
        return self.Dispute.search([("reference", "=", "dp_1")])

    def test_return_is_told_and_left_to_staff(self):
        attempt = self._debit()
        self._return(attempt, "account_closed")
        self.assertEqual(attempt.state, "error")
        self.assertIn("closed", attempt.state_message)
        self.assertTrue(attempt.billing_needs_action)
        self.assertFalse(self.invoice.billing_attempt_id)
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self.assertEqual(self.account.billing_mandate_state, "inactive")
        self.assertFalse(self.account._billing_find_active())
        failure = self.invoice._billing_get_failure()
        self.assertIn("closed", failure["reason"])
        self.assertTrue(failure["is_debit"])

    def test_to_do_says_it_in_words_of_debits(self):
        self._return(self._debit())
        self.env.flush_all()
        row = self.env["omni.billing.todo"].search(
            [("kind", "=", "attempt"), ("move_id", "=", self.invoice.id)]
        )
        self.assertIn("The bank did not pay", row.reason)
        self.assertNotIn("Card", row.reason)

    def test_operators_are_not_alarmed_by_days(self):
        attempt = self._debit()
        watch = self.env["omni.billing.watch"]

        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            rows = watch.search([("kind", "=", "attempt")])
            return sum(rows.mapped("waiting"))

        before = count()
        attempt.billing_ask_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual(count(), before + 1)

    def test_too_little_money_ends_nothing(self):
        attempt = self._debit()
        self._return(attempt)
        self.assertIn("not enough money", attempt.state_message)
        self.assertNotEqual(self.account.billing_mandate_state, "inactive")
        self.assertTrue(self.account._billing_find_standing())

    def test_fee_is_off_by_default(self):
        self._return(self._debit())
        self.assertFalse(self._count_fees())

    def test_fee_is_charged_once_for_each_return(self):
        product = self.env["product.product"].create({"name": "Return"})
        self.company.write(
            {
                "billing_return_fee": 12,
                "billing_return_fee_product_id": product.id,
            }
        )
        attempt = self._debit()
        self._return(attempt)
        fee = attempt.billing_return_fee_id
        self.assertEqual((fee.amount_untaxed, fee.product_id), (12, product))
        self.assertEqual(fee.partner_id, self.customer)
        self.assertIn(self.invoice.name, fee.name)
        charge = self.gateway.charges[attempt.provider_reference]
        attempt._billing_apply(charge)
        fee.action_void()
        attempt._billing_note_return("insufficient_funds")
        self.assertEqual(self._count_fees(), 1)
        second = self._debit()
        self._return(second)
        self.assertEqual(self._count_fees(), 2)

    def test_declined_card_costs_no_fee(self):
        self.company.billing_return_fee = 12
        self.gateway.decline(decline_code="insufficient_funds")
        self.invoice._billing_charge(self.card)
        self.assertFalse(self._count_fees())

    def test_paid_debit_that_comes_back_is_owed_again(self):
        self.company.billing_return_fee = 12
        attempt = self._debit()
        self._answer(attempt)
        self.assertEqual(self.invoice.billing_state, "paid")
        dispute = self._take_back(attempt)
        self.assertEqual(dispute.state, "owed")
        self.assertEqual(self.invoice.billing_state, "unpaid")
        self.assertEqual(self.invoice.amount_residual, 45)
        self.assertEqual(self.invoice.billing_dispute, "owed")
        self.assertEqual(self._count_fees(), 1)
        self.assertTrue(self._is_remindable())
        self.assertIn("took back the debit", self.invoice.activity_ids.note)
        # It can be paid otherwise, and only once more.
        self._pay(self.invoice, mode="cash")
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_it_is_owed_again_where_payouts_are_booked_by_hand(self):
        self.company.sudo().write(
            {"billing_fee_account_id": False, "billing_dispute_account_id": False}
        )
        attempt = self._debit()
        self._answer(attempt)
        dispute = self._take_back(attempt)
        self.assertEqual(dispute.state, "owed")
        self.assertEqual(self.invoice.amount_residual, 45)
        self.assertTrue(attempt.payment_id.billing_undo_move_id)
        balance = sum(
            self.env["account.move.line"]
            .search(
                [
                    ("account_id.account_type", "=", "asset_receivable"),
                    ("partner_id", "=", self.customer.id),
                    ("parent_state", "=", "posted"),
                ]
            )
            .mapped("balance")
        )
        self.assertEqual(balance, 45)

    def test_payouts_that_are_booked_later_do_not_book_it_again(self):
        """W33: the reversal has it in the books; a first day before it changes nothing.

        What the bank took would stand as disputed, too, and be owed a second time.
        """
        accounts = {
            name: self.company[name].id
            for name in ("billing_fee_account_id", "billing_dispute_account_id")
        }
        self.company.sudo().write(dict.fromkeys(accounts, False))
        attempt = self._debit()
        self._answer(attempt)
        dispute = self._take_back(attempt)
        self.assertTrue(dispute.row_ids)
        since = self.today - timedelta(days=30)
        self.company.sudo().write(accounts | {"billing_payouts_since": since})
        self.Dispute._look_again()
        self.assertFalse(dispute.row_ids.move_id)
        self.assertFalse(dispute.problem)
        for account in (self.clearing, self.held):
            lines = self.env["account.move.line"].search(
                [("account_id", "=", account.id), ("parent_state", "=", "posted")]
            )
            self.assertFalse(sum(lines.mapped("balance")), account.name)
        self.assertEqual(self.invoice.amount_residual, 45)

    def test_authorization_that_is_disputed_ends_the_consent(self):
        attempt = self._debit()
        self._answer(attempt)
        self._take_back(attempt, "debit_not_authorized")
        self.assertEqual(self.account.billing_mandate_state, "inactive")
        self.assertFalse(self.account._billing_find_active())
        self.assertEqual(self.invoice.billing_state, "unpaid")

    def test_disputed_card_is_a_managers_to_decide(self):
        attempt = self.invoice._billing_charge(self.card)
        dispute = self._take_back(attempt, "fraudulent")
        self.assertEqual(dispute.state, "lost")
        self.assertEqual(self.invoice.billing_state, "paid")


@tagged("post_install", "-at_install")
class TestDebitsOfRuns(DebitCommon):
    """W33: runs debit the default account, wait for its bank, and retry as allowed."""

    def setUp(self):
        super().setUp()
        self.run = self.env["omni.billing.run"].create(
            {"is_charge": True, "partner_ids": self.customer.ids}
        )
        self._create_transaction(20)
        self.gateway.wait()
        self.run.action_start()
        self._work()
        self.line = self.run.line_ids
        self.attempt = self.line.sudo().charge_attempt_id

    def _work(self):
        self.env.flush_all()
        # sudo: the job is nobody's.
        self.env["omni.billing.run"].sudo()._cron_process()
        self.env.invalidate_all()

    def test_run_waits_and_asks_nobody(self):
        self.assertEqual(self.line.charge_state, "collecting")
        self.assertEqual(self.run.state, "done")
        due = self.line.filtered_domain(self.line._get_due_domain())
        self.assertFalse(due)
        self._work()
        self.assertEqual(len(self.gateway.named_charges), 1)

    def test_run_learns_that_it_was_paid(self):
        self._answer(self.attempt)
        self._work()
        self.assertEqual(self.line.charge_state, "paid")
        self.assertEqual(self.line.invoice_id.billing_state, "paid")

    def test_end_that_nobody_told_of_is_seen_each_day(self):
        self.gateway.settle(self.attempt.provider_reference, "succeeded")
        self.attempt._billing_apply(
            self.gateway.charges[self.attempt.provider_reference]
        )
        self.assertEqual(self.line.charge_state, "collecting")
        self.line.sudo()._gc_settled()
        self._work()
        self.assertEqual(self.line.charge_state, "paid")

    def test_too_little_money_is_tried_again_as_the_scheme_allows(self):
        """Rule H1: once more; what the company chose for cards is for cards."""
        self.company.billing_retry_days = "1, 3, 7"
        self._return(self.attempt)
        self._work()
        self.assertEqual(self.line.charge_state, "retry")
        self.assertEqual(self.line.charge_date, self.today + timedelta(days=7))
        self.line.sudo().charge_date = self.today
        self.gateway.wait()
        self._work()
        self.assertEqual(self.line.charge_state, "collecting")
        again = self.line.sudo().charge_attempt_id
        self.assertNotEqual(again, self.attempt)
        self._return(again)
        self._work()
        self.assertEqual(self.line.charge_state, "failed")

    def test_other_returns_are_never_tried_again(self):
        self._return(self.attempt, "refer_to_customer")
        self._work()
        self.assertEqual(self.line.charge_state, "failed")
        self.assertIn("could not debit", self.line.charge_error)

from datetime import timedelta
from types import SimpleNamespace

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing import const
from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestPaymentsDecidedElsewhere(CardCommon):
    """What a bank holds or debits is neither taken again nor asked for meanwhile."""

    def _begin(self, invoice, status, **values):
        """Begin a payment on Odoo's own form that stands so at Stripe."""
        reference = f"pi_form_{len(self.gateway.charges)}"
        minor = round(invoice.amount_residual * 100)
        payment = self._begin_online(invoice, provider_reference=reference, **values)
        self.gateway.begin(reference, status, minor, payment.reference)
        return payment

    def _begin_debit(self, invoice):
        """Begin a debit of a bank account: the bank takes days."""
        sepa = self.env.ref("payment.payment_method_sepa_direct_debit").sudo()
        payment = self._begin(invoice, "processing", payment_method_id=sepa.id)
        payment._set_pending()
        return payment

    def _is_remindable(self, invoice):
        domain = invoice._billing_get_remindable_domain(self.company)
        found = bool(invoice.filtered_domain(domain))
        self.env.flush_all()
        self.assertEqual(bool(invoice.search(domain) & invoice), found)
        return found

    def test_nothing_else_is_taken_while_a_bank_holds_the_money(self):
        """Captured by hand: a card charge beside it would take the amount twice."""
        invoice = self._bill_amounts(45)
        payment = self._begin(invoice, "requires_capture")
        payment._set_authorized()
        with self.assertRaisesRegex(UserError, "authorized"):
            invoice._billing_charge(self.card)
        for mode in ("stripe", "cash"):
            with self.assertRaisesRegex(UserError, "authorized"):
                self._pay(invoice, mode=mode)
        self.assertEqual(list(self.gateway.charges), ["pi_form_0"])
        self.assertEqual(self.gateway.charges["pi_form_0"].status, "requires_capture")
        self.assertFalse(self._is_remindable(invoice))
        payment._set_canceled()
        self.assertTrue(self._is_remindable(invoice))
        invoice._billing_charge(self.card)
        self.assertEqual(invoice.billing_state, "paid")

    def test_what_is_captured_at_stripe_is_booked(self):
        """Without a webhook; for less, staff are told."""
        invoice, second = self._bill_amounts(45, 30)
        for each, amount in ((invoice, 4500), (second, 2000)):
            payment = self._begin(each, "requires_capture")
            payment._set_authorized()
            payment.last_state_change -= timedelta(days=6)
            reference = payment.provider_reference
            self.gateway.begin(reference, "succeeded", amount, payment.reference)
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(second.billing_state, "unpaid")
        self.assertIn("2000", second.activity_ids.note)

    def test_what_is_captured_for_less_is_not_booked_as_all(self):
        """By Odoo's own way: an event, or its page of return."""
        invoice, second = self._bill_amounts(45, 30)
        for each, asked, taken in ((invoice, 4500, 4500), (second, 3000, 2000)):
            payment = self._begin(each, "requires_capture")
            payment._set_authorized()
            intent = {
                "id": payment.provider_reference,
                "status": "succeeded",
                "amount": asked,
                "amount_received": taken,
                "currency": "usd",
                "description": payment.reference,
            }
            payment._process("stripe", {"payment_intent": intent})
            self.assertEqual(payment.state, "done" if asked == taken else "error")
        self.assertFalse(invoice.activity_ids)
        self.assertIn("2000", second.activity_ids.note)

    def test_debit_says_what_is_true_and_is_not_called_back(self):
        invoice = self._bill_amounts(45)
        payment = self._begin_debit(invoice)

        def cancel(charge_id):
            raise AssertionError("The customer wanted it.")

        self.gateway.cancel = cancel
        for mode in ("stripe", "cash"):
            with self.assertRaisesRegex(
                UserError, "SEPA Direct Debit.* bank debit up to two weeks"
            ):
                self._pay(invoice, mode=mode)
        self.assertEqual(payment.state, "pending")
        self.assertEqual(self.gateway.taken, 0)

    def test_debit_pauses_reminders_and_late_fees(self):
        """Until it is decided, or nothing will be heard of it any more."""
        invoice = self._bill_amounts(45)
        trust(invoice).invoice_date_due = self.today - timedelta(days=40)
        self.assertTrue(self._is_remindable(invoice))
        payment = self._begin_debit(invoice)
        self.assertFalse(self._is_remindable(invoice))
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 5})
        fees = self.env["omni.billing.late.fee"].sudo()  # sudo: a job
        fees._charge(invoice.sudo(), self.company)
        self.assertFalse(fees.search([("move_id", "=", invoice.id)]))
        payment.last_state_change = fields.Datetime.now() - timedelta(
            days=const.BANK_DAYS, hours=1
        )
        self.assertTrue(self._is_remindable(invoice))
        fees._charge(invoice.sudo(), self.company)
        self.assertTrue(fees.search([("move_id", "=", invoice.id)]))

    def test_payment_of_another_provider_that_is_pending_pauses_nothing(self):
        """A customer who chose to send money by bank need not have done so."""
        invoice = self._bill_amounts(45)
        payment = self._begin_debit(invoice)
        self.assertFalse(self._is_remindable(invoice))
        other = self.env.ref("payment.payment_provider_transfer")
        self.env.cr.execute(
            "UPDATE payment_transaction SET provider_id = %s WHERE id = %s",
            [other.id, payment.id],
        )
        payment.invalidate_recordset(["provider_id", "provider_code"])
        self.assertTrue(self._is_remindable(invoice))

    def test_debit_that_was_decided_after_a_week_is_learnt_without_a_webhook(self):
        invoice, second = self._bill_amounts(45, 30)
        paid, lost = map(self._begin_debit, (invoice, second))
        for payment in paid + lost:
            payment.last_state_change -= timedelta(days=7)
        # sudo: as the job.
        Transaction = self.env["payment.transaction"].sudo()
        Transaction._cron_billing_resolve()
        self.assertEqual((paid + lost).mapped("state"), ["pending", "pending"])
        self.gateway.settle(paid.provider_reference, "succeeded")
        self.gateway.settle(lost.provider_reference, "requires_payment_method")
        Transaction._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(lost.state, "error")
        self.assertIn("The bank did not pay", lost.state_message)
        self.assertEqual(second.billing_state, "unpaid")
        self.assertTrue(self._is_remindable(second))


@tagged("post_install", "-at_install")
class TestSavedBankAccount(CardCommon):
    """Odoo saves SEPA mandates as tokens: those are no cards."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sepa = cls.env.ref("payment.payment_method_sepa_direct_debit").sudo()
        cls.sepa_values = {
            "payment_method_id": sepa.id,
            "billing_brand": False,
            "billing_last4": False,
            "billing_exp_month": 0,
            "billing_exp_year": 0,
            "billing_fingerprint": False,
        }

    def _save_account(self, last4="3000", **values):
        self.gateway.accounts.append(f"pm_{last4}")
        return self._save_card(last4, **self.sepa_values | values)

    def test_bank_account_is_not_shown_as_a_card(self):
        account = self._save_account()
        self.assertFalse(account.billing_is_card)
        self.assertEqual(account.display_name, "SEPA Direct Debit •••• 3000")
        self.assertEqual(self.customer._billing_get_cards(), self.card)
        # sudo: cards are removed by an administrator here.
        self.card.sudo().active = False
        self.assertFalse(self.customer._billing_get_cards())
        run = self.env["omni.billing.run"].new({"company_id": self.company.id})
        self.assertNotIn(self.customer.id, run._find_customers_with_card())

    def test_bank_account_does_not_become_the_default(self):
        other = self.env["res.partner"].create({"name": "Bo"})
        account = self._save_account(partner=other)
        self.assertFalse(account.billing_is_default)
        with self.assertRaisesRegex(UserError, "no card"):
            account.action_billing_set_default()
        card = self._save_card("4444", partner=other)
        self.assertTrue(card.billing_is_default)
        card.sudo().active = False  # sudo: as above
        self.assertFalse(account.billing_is_default)

    def test_bank_account_is_not_charged_as_a_card(self):
        invoice = self._bill_amounts(45)
        account = self._save_account()
        with self.assertRaisesRegex(UserError, "SEPA Direct Debit .* no card"):
            invoice._billing_charge(account)
        with self.assertRaisesRegex(UserError, "no card"):
            self.env["omni.billing.installment"]._plan(
                invoice, [(self.today, 45)], account
            )
        self.assertFalse(self.gateway.charges)
        self.assertFalse(invoice.billing_attempt_id)

    def test_what_is_saved_by_brand_or_wallet_is_a_card(self):
        for code in ("card", "unknown", "visa"):
            method = self.env.ref(f"payment.payment_method_{code}").sudo()
            card = self._save_account("1111", payment_method_id=method.id)
            self.assertTrue(card.billing_is_card, code)

    def test_event_about_a_bank_account(self):
        account = self._save_account()
        Event = self.env["omni.billing.stripe.event"].sudo()  # sudo: a job

        def tell(kind, number):
            Event._store(
                self.provider,
                {
                    "id": f"evt_{number}",
                    "type": kind,
                    "data": {"object": {"id": "pm_3000"}},
                },
            )
            Event._cron_process()
            return Event.search([("event_ref", "=", f"evt_{number}")]).state

        self.assertEqual(tell("payment_method.updated", 1), "done")
        self.assertEqual(account.billing_exp_year, 0)
        # Nothing that a card has was written on it. sudo: an administrator's.
        self.assertFalse(account.sudo().billing_fingerprint)
        self.assertFalse(account.billing_is_card)
        self.gateway.detached.append("pm_3000")
        self.assertEqual(tell("payment_method.detached", 2), "done")
        self.assertFalse(account.active)


@tagged("post_install", "-at_install")
class TestAmountsAndWords(CardCommon):
    """Amounts that Stripe cannot charge, and what is said of what it refuses."""

    def test_three_decimals_end_in_zero(self):
        dinar = self.env.ref("base.KWD")
        dinar.active = True
        invoice = self._bill_amounts(1.234, currency_id=dinar.id)
        self.assertEqual(invoice.amount_residual, 1.234)
        with self.assertRaisesRegex(UserError, r"1\.234.*1\.230"):
            invoice._billing_charge(self.card)
        self.assertFalse(invoice.billing_attempt_id)
        invoice._billing_charge(self.card, 1.23)
        self.assertEqual(self.gateway.charges["pi_0"].amount, 1230)
        self.assertAlmostEqual(invoice.amount_residual, 0.004)
        with self.assertRaisesRegex(UserError, r"1\.225.*1\.220"):
            invoice._billing_refund(1.225)
        # What Stripe has refunded may be split over invoices.
        # sudo: as the job of events
        paid = invoice.sudo().transaction_ids.filtered(lambda tx: tx.state == "done")
        values = {"is_refund": True, "provider_reference": "re_1"}
        self.assertEqual(paid._create_child_transaction(0.001, **values).amount, -0.001)
        with self.assertRaisesRegex(UserError, r"0\.004.*0\.000"):
            self._begin_online(invoice, amount=0.004)

    def test_refusals_are_said_in_our_words(self):
        """Stripe's own are for the history, which customers do not read."""
        expected = {
            "amount_too_small": "smallest that can be charged",
            "amount_too_large": "largest that can be charged",
            "resource_missing": "does not know this card",
            "api_key_expired": "did not accept it.*api_key_expired",
            "": "no reason given",
        }
        for code, words in expected.items():
            with self.subTest(code):
                invoice = self._bill_amounts(45)
                self.gateway.refuse(code)
                attempt = invoice._billing_charge(self.card)
                self.assertEqual(attempt.state, "error")
                self.assertRegex(attempt.state_message, words)
                said = f"{attempt.state_message}{attempt.billing_get_client_values()}"
                for secret in ("acct_", "sk_test", "Stripe's"):
                    self.assertNotIn(secret, said)
                note = self.env["omni.billing.activity.log"].search(
                    [("move_id", "=", invoice.id), ("action", "=", "charge_failed")]
                )
                self.assertIn(f"Stripe's {code}, acct_1", note.note)
                self.assertFalse(invoice.billing_attempt_id)

    def _answer(self, error, status=400):
        """Return how Odoo explains an answer of Stripe to who pays, and to others."""

        def read():
            if error is None:
                raise ValueError("No JSON")
            return {"error": error}

        response = SimpleNamespace(json=read, status_code=status)
        provider = self.provider.sudo()  # sudo: an administrator's
        payer = provider.with_context(billing_explains=True)
        return (
            payer._parse_response_error(response),
            error and provider._parse_response_error(response),
        )

    def test_answers_to_odoos_own_calls_are_said_in_our_words(self):
        raw = "No such customer: 'cus_1'; keys of acct_1: sk_test_***2345"
        said, told = self._answer({"code": "resource_missing", "message": raw})
        self.assertIn("does not know this card", said)
        # Who sets Stripe up reads what Stripe says.
        self.assertEqual(told, raw)
        said, _told = self._answer({"code": "amount_too_small", "message": raw})
        self.assertIn("smallest", said)
        declined = {"type": "card_error", "code": "card_declined", "message": raw}
        said, _told = self._answer(declined | {"decline_code": "insufficient_funds"})
        self.assertIn("not enough money", said)
        said, _told = self._answer(declined | {"decline_code": "stolen_card"})
        self.assertIn("Card declined. Choose another card", said)
        said, _told = self._answer({"message": raw})
        self.assertIn("did not accept", said)
        said, _told = self._answer(None, 502)
        self.assertIn("did not accept", said)

    def test_why_a_bank_said_no_is_said_in_our_words(self):
        """On the page that Odoo shows after its own form."""
        invoice = self._bill_amounts(45)
        tx = self._begin_online(invoice)
        error = {
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "message": "Stripe's words, acct_1",
        }
        intent = {
            "id": "pi_1",
            "status": "requires_payment_method",
            "last_payment_error": error,
        }
        tx._apply_updates({"payment_intent": intent})
        self.assertEqual(tx.state, "error")
        self.assertIn("not enough money", tx.state_message)
        self.assertNotIn("acct_1", tx.state_message)

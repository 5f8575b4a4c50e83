from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing import const

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestCardPayment(CardCommon):
    """Promise 1: money never moves twice, and is never lost."""

    def _assert_agrees(self, *invoices):
        """Stripe's money is the money in the books."""
        booked = sum(
            payment.amount if payment.payment_type == "inbound" else -payment.amount
            for payment in self.env["account.payment"].search(
                [("partner_id", "=", self.customer.id), ("state", "!=", "canceled")]
            )
        )
        self.assertEqual(self.gateway.taken, round(booked * 100))

    def test_charge_pays_and_reconciles(self):
        """F133-F136: default card pre-selected, reference kept, ledger entry."""
        invoice = self._bill_amounts(45)
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": invoice.ids, "mode": "stripe"}
        )
        self.assertEqual(wizard.token_id, self.card)
        action = wizard.action_pay()
        self.assertEqual(action["params"]["type"], "success")
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice.billing_payment_reference, "pi_0")
        self.assertFalse(invoice.billing_attempt_id)
        self.assertRecordValues(
            invoice.billing_receipt_ids,
            [{"amount_total": -45, "payment_reference": "pi_0"}],
        )
        self.assertEqual(self._get_books_balance(), 0)
        self._assert_agrees()

    def test_customer_gets_a_receipt(self):
        """F124: of the charge, and of the refund."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        invoice._billing_refund()
        mails = self.env["mail.mail"].search(
            [("model", "=", "account.payment")], order="id"
        )
        self.assertEqual(len(mails), 2)
        self.assertIn("we received", mails[0].body_html)
        self.assertIn("gave", mails[1].body_html)
        for mail in mails:
            self.assertIn("45.00", mail.body_html)
            self.assertEqual(mail.recipient_ids, self.customer)

    def test_card_of_a_provider_that_is_switched_off_is_not_charged(self):
        """Nothing is written down that would block the invoice."""
        invoice = self._bill_amounts(45)
        # Archived with it by the form; a card can be left, or come back by an import.
        self.env.cr.execute(
            "UPDATE payment_provider SET state = 'disabled' WHERE id = %s",
            [self.provider.id],
        )
        self.provider.invalidate_recordset(["state"])
        with self.assertRaisesRegex(UserError, "switched off"):
            invoice._billing_charge(self.card)
        with self.assertRaisesRegex(UserError, "switched off"):
            self.env["omni.billing.installment"]._plan(
                invoice, [(self.today, 45)], self.card
            )
        self.assertFalse(invoice.billing_attempt_id)
        self.assertFalse(invoice.sudo().transaction_ids)

    def test_card_is_not_charged_where_stripe_has_no_key(self):
        invoice = self._bill_amounts(45)
        refuse = UserError("Stripe is not set up")
        with (
            patch.object(
                type(self.provider), "_billing_get_gateway", side_effect=refuse
            ),
            self.assertRaisesRegex(UserError, "not set up"),
        ):
            invoice._billing_charge(self.card)
        self.assertFalse(invoice.billing_attempt_id)
        self.assertFalse(invoice.sudo().transaction_ids)

    def test_payment_begins_with_a_provider_that_the_page_offers(self):
        """By any page: our own, an invoice's link, Odoo's page of cards."""
        invoice = self._bill_amounts(45)
        other = self.setup_other_company()["company"]
        self.provider.is_published = True
        providers = {
            "switched off": self._copy_provider(state="disabled"),
            "not published": self._copy_provider(is_published=False),
            "of another company": self._copy_provider(company_id=other.id),
        }
        guest = self.env.ref("base.public_user").sudo()  # sudo: of no company
        for what in (
            {"invoice_ids": [Command.set(invoice.ids)]},
            {"operation": "validation"},
        ):
            for user in (self.portal, guest):
                for name, provider in providers.items():
                    if user == guest and "operation" in what:
                        continue  # saves no card at all
                    with (
                        self.subTest(name, **what, user=user.login),
                        self.assertRaisesRegex(UserError, "not available here"),
                    ):
                        self._begin_online(user=user, provider_id=provider.id, **what)
            self.assertTrue(self._begin_online(user=self.portal, **what))
        begun = self._begin_online(invoice, self.portal)
        with self.assertRaisesRegex(UserError, "not available here"):
            begun.provider_id = providers["of another company"]

    def test_payment_does_not_begin_with_a_card_of_another_provider(self):
        invoice = self._bill_amounts(45)
        what = {"invoice_ids": [Command.set(invoice.ids)], "operation": "online_token"}
        second = self._copy_provider()
        foreign = self._save_card("1881", provider_id=second.id)
        deleted = self._save_card("1117")
        deleted.sudo().active = False
        for card in (foreign, deleted):
            with self.assertRaisesRegex(UserError, "not available here"):
                self._begin_online(user=self.portal, token_id=card.id, **what)
        self.assertTrue(
            self._begin_online(user=self.portal, token_id=self.card.id, **what)
        )

    def test_branch_pays_with_the_provider_of_the_company_above(self):
        branch = self.company.create(
            {"name": "Branch", "parent_id": self.company.id, "country_id": False}
        )
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "company_id": branch.id,
            }
        )
        self.provider.is_published = True
        self.assertTrue(self._begin_online(invoice, self.portal))

    def test_part_of_the_amount(self):
        invoice = self._bill_amounts(45)
        attempt = invoice._billing_charge(self.card, 20)
        self.assertEqual(attempt.state, "done")
        self.assertEqual(invoice.amount_residual, 25)
        self.assertEqual(invoice.billing_state, "partial")
        with self.assertRaisesRegex(UserError, "at most"):
            invoice._billing_charge(self.card, 25.01)
        self._assert_agrees()

    def test_one_charge_over_several_invoices(self):
        """W16"""
        invoices = self._bill_amounts(45, 30)
        invoices._billing_charge(self.card)
        self.assertEqual(set(invoices.mapped("billing_state")), {"paid"})
        self.assertEqual(len(self.gateway.charges), 1)
        self._assert_agrees()

    def test_decline_says_why_and_leaves_the_invoice(self):
        """F142, F143"""
        invoice = self._bill_amounts(45)
        self.gateway.decline("expired_card", "expired_card")
        with self.assertRaisesRegex(UserError, "Card expired"):
            self._pay(invoice, mode="stripe")
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertFalse(invoice.billing_attempt_id)
        self.gateway.decline(decline_code="insufficient_funds")
        with self.assertRaisesRegex(UserError, "not enough money"):
            self._pay(invoice, mode="stripe")
        self.gateway.decline(decline_code="stolen_card")
        with self.assertRaisesRegex(UserError, r"^Card declined\. Choose"):
            self._pay(invoice, mode="stripe")
        self._pay(invoice, mode="stripe")
        # A new PaymentIntent each time: the last one paid.
        self.assertEqual(invoice.billing_payment_reference, "pi_3")
        self._assert_agrees()

    def test_lost_answer_of_a_success_is_found(self):
        """W2, W3: no answer, the money was taken: booked once, never taken again."""
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        action = self._pay(invoice, mode="stripe")
        self.assertEqual(action["params"]["type"], "warning")
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertTrue(invoice.billing_attempt_id.billing_is_open)
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertFalse(invoice.billing_attempt_id)
        self.assertEqual(len(self.gateway.charges), 1)
        self._assert_agrees()

    def test_call_under_way_is_not_given_up(self):
        """The job comes between the commit of the attempt and Stripe."""
        invoice = self._bill_amounts(45)
        charge = self.gateway.charge

        def charge_slowly(**values):
            # sudo: as the job.
            self.env["payment.transaction"].sudo()._cron_billing_resolve()
            return charge(**values)

        with (
            patch.object(const, "CALL_GRACE", timedelta(minutes=1)),
            patch.object(self.gateway, "charge", charge_slowly),
        ):
            attempt = invoice._billing_charge(self.card)
        self.assertEqual(attempt.state, "done")
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_lost_answer_blocks_until_it_is_known(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        invoice._billing_charge(self.card)
        self.gateway.lose(is_executed=True)  # the question is lost too
        with self.assertRaisesRegex(UserError, "outcome is not known"):
            self._pay(invoice, mode="stripe")
        with self.assertRaisesRegex(UserError, "money was received"):
            invoice.action_billing_void()
        # The next click asks first, and finds it paid.
        with self.assertRaisesRegex(UserError, "it is paid"):
            self._pay(invoice, mode="cash")
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(len(self.gateway.charges), 1)
        self._assert_agrees()

    def test_lost_call_is_fenced_and_tried_anew(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=False)
        attempt = invoice._billing_charge(self.card)
        self.assertTrue(attempt.billing_is_open)
        again = invoice._billing_charge(self.card)
        self.assertEqual(attempt.state, "error")
        self.assertEqual(attempt.billing_decline_code, "never_reached")
        self.assertEqual(again.state, "done")
        self.assertNotEqual(attempt.billing_key, again.billing_key)
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_refused_call_closes_the_attempt(self):
        invoice = self._bill_amounts(45)
        self.gateway.refuse("resource_missing")
        with self.assertRaisesRegex(UserError, "does not know this card"):
            self._pay(invoice, mode="stripe")
        self.assertFalse(invoice.billing_attempt_id)

    def test_bank_takes_its_time(self):
        invoice = self._bill_amounts(45)
        self.gateway.wait()
        attempt = invoice._billing_charge(self.card)
        self.assertEqual(attempt.state, "pending")
        self.assertTrue(invoice.billing_attempt_id)
        self.gateway.settle("pi_0", "succeeded")
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_absent_customer_is_asked_to_confirm(self):
        """W7"""
        invoice = self._bill_amounts(45)
        self.gateway.ask_customer()
        with self.assertRaisesRegex(UserError, "asks the customer to confirm"):
            self._pay(invoice, mode="stripe")
        self.assertFalse(invoice.billing_attempt_id)
        self.assertEqual(self.gateway.charges["pi_0"].status, "canceled")
        mail = self.env["mail.mail"].search(
            [("model", "=", "account.move"), ("res_id", "=", invoice.id)]
        )
        self.assertIn("confirm", mail.subject)
        self.assertIn(
            invoice._billing_get_pay_url(), mail.body_html.replace("&amp;", "&")
        )

    def test_present_customer_confirms(self):
        invoice = self._bill_amounts(45)
        self.gateway.ask_customer()
        attempt = invoice._billing_charge(self.card, is_customer_present=True)
        values = attempt.billing_get_client_values()
        self.assertEqual(values["state"], "action")
        self.assertEqual(values["client_secret"], "secret")
        self.gateway.settle("pi_0", "succeeded")
        attempt._billing_resolve()
        self.assertEqual(attempt.billing_get_client_values()["state"], "done")
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_customer_walks_away_from_confirming(self):
        invoice = self._bill_amounts(45)
        self.gateway.ask_customer()
        first = invoice._billing_charge(self.card, is_customer_present=True)
        second = invoice._billing_charge(self.card)
        self.assertEqual(first.state, "cancel")
        self.assertEqual(second.state, "done")
        self._assert_agrees()

    def test_books_that_cannot_take_it_lose_nothing(self):
        """A closed period after the money was taken: told, blocked, booked later."""
        invoice = self._bill_amounts(45)
        journal = self.provider.journal_id
        self.assertTrue(journal)
        self.company.fiscalyear_lock_date = self.today
        attempt = invoice._billing_charge(self.card)
        if attempt.is_post_processed:
            # Odoo moved the entry to the next open day by itself.
            self.assertEqual(invoice.billing_state, "paid")
        self.company.fiscalyear_lock_date = False
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_staff_are_told_once_of_what_cannot_be_booked(self):
        invoice = self._bill_amounts(45)
        Transaction = type(self.env["payment.transaction"])
        with patch.object(
            Transaction, "_post_process", side_effect=UserError("R&D is closed.")
        ):
            invoice._billing_charge(self.card)
            for _time in range(3):
                # sudo: as the job.
                self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(len(invoice.activity_ids), 1)
        self.assertIn("R&amp;D is closed", invoice.activity_ids.note)

    def test_which_cards_are_refused(self):
        """F129, F130"""
        invoice = self._bill_amounts(45)
        other = self.env["res.partner"].create({"name": "Other"})
        foreign = self._save_card("1111", partner=other)
        expired = self._save_card("0069", billing_exp_year=2020)
        for card, message in (
            (foreign, "another customer"),
            (expired, "Card expired"),
            (self.env["payment.token"], "No payment method"),
        ):
            with self.assertRaisesRegex(UserError, message):
                invoice._billing_charge(card)
        self.assertFalse(self.gateway.charges)

    def test_attempt_cannot_be_forged(self):
        invoice = self._bill_amounts(45).with_user(self.staff)
        with self.assertRaises(AccessError):
            invoice.write({"billing_attempt_id": False})
        with self.assertRaises(AccessError):
            invoice.write({"billing_dispute": "won"})

    def test_customers_pay_their_own(self):
        invoice = self._bill_amounts(45)
        invoice.with_user(self.portal)._billing_charge(self.card)
        self.assertEqual(invoice.billing_state, "paid")

    def _begin_on_form(self, invoice):
        """Have a payment that a customer began on Odoo's own form."""
        return self._wait_for_card(self._begin_online(invoice))

    def test_what_a_customer_began_is_given_up(self):
        """W1: the form in another tab cannot charge a second time."""
        invoice = self._bill_amounts(45)
        begun = self._begin_on_form(invoice)
        self._pay(invoice, mode="cash")
        self.assertEqual(begun.state, "cancel")
        self.assertEqual(self.gateway.charges["pi_0"].status, "canceled")

    def test_what_a_customer_just_paid_is_not_paid_again(self):
        invoice = self._bill_amounts(45)
        self._begin_on_form(invoice)
        self.gateway.settle("pi_0", "succeeded")
        # Stripe is asked, and it is booked.
        with self.assertRaisesRegex(UserError, "it is paid"):
            self._pay(invoice, mode="cash")
        with self.assertRaisesRegex(UserError, "amount"):
            self._pay(invoice, mode="stripe")
        self.assertEqual(invoice.billing_state, "paid")
        self._assert_agrees()

    def test_provider_that_is_gone_holds_up_no_other(self):
        """Lost answers are asked for, whatever is wrong with another payment."""
        begun = self._begin_on_form(self._bill_amounts(20))
        begun.last_state_change -= timedelta(minutes=11)
        other = self._copy_provider()
        begun.provider_id = other
        other.state = "disabled"
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        invoice._billing_charge(self.card)
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "paid")

    def test_one_broken_attempt_holds_up_no_other(self):
        first, second = self._bill_amounts(20, 45)
        for invoice in (first, second):
            self.gateway.lose(is_executed=True)
            invoice._billing_charge(self.card)
        Transaction = type(self.env["payment.transaction"])
        resolve = Transaction._billing_resolve_one

        def broken(attempt):
            if attempt.invoice_ids == second:
                raise KeyError("A hook of another addon")
            return resolve(attempt)

        with patch.object(Transaction, "_billing_resolve_one", broken):
            # sudo: as the job.
            self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(first.billing_state, "paid")
        self.assertEqual(second.billing_state, "unpaid")

    def test_declined_in_a_dialog_is_tried_there_with_another_card(self):
        """F142"""
        invoice = self._bill_amounts(100)
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": invoice.ids, "mode": "stripe"}
        )
        self.gateway.decline()
        try:
            wizard.action_pay()
        except UserError as error:
            self.assertIn("declined", str(error))
        # sudo: what was committed with the attempt.
        self.assertEqual(wizard.sudo().attempt_id.state, "error")
        wizard.token_id = self._save_card("1111")
        wizard.action_pay()
        self.assertEqual(invoice.billing_state, "paid")

    # === Refunds === #

    def test_full_refund(self):
        """F171, F172, F173: money back, credit note, status, references; once."""
        invoice = self._bill_amounts(45, tax_ids=self.tax_10)
        invoice._billing_charge(self.card)
        self.assertTrue(invoice.billing_refundable)
        wizard = self.env["omni.billing.card.refund.wizard"].with_context(
            **invoice.action_billing_refund()["context"]
        )
        wizard.create({}).action_refund()
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertEqual(invoice.billing_refund_reference, "re_0")
        self.assertEqual(self.gateway.taken, 0)
        note = invoice.reversal_move_ids
        self.assertRecordValues(
            note, [{"state": "posted", "amount_total": 49.5, "amount_residual": 0}]
        )
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self._get_ledger_balance(), 0)
        with self.assertRaisesRegex(UserError, "cannot be paid|no online payment"):
            invoice._billing_refund()
        self._assert_agrees()

    def test_partial_refunds_add_up(self):
        """F177: up to what is left, taxes in proportion."""
        invoice = self._bill_amounts(45, tax_ids=self.tax_10)
        invoice._billing_charge(self.card)
        invoice._billing_refund(20)
        self.assertEqual(invoice.billing_state, "paid")
        note = invoice.reversal_move_ids
        self.assertEqual(note.amount_total, 20)
        self.assertEqual(note.amount_tax, 1.82)
        self.assertEqual(invoice._billing_get_refundable_amount(), 29.5)
        with self.assertRaisesRegex(UserError, "at most"):
            invoice._billing_refund(29.51)
        invoice._billing_refund()
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self.gateway.taken, 0)
        self._assert_agrees()

    def test_lost_answer_of_a_refund(self):
        """W18"""
        for is_executed in (True, False):
            with self.subTest(is_executed=is_executed):
                invoice = self._bill_amounts(45)
                invoice._billing_charge(self.card)
                self.gateway.lose(is_executed)
                attempt = invoice._billing_refund()
                self.assertTrue(attempt.billing_is_open)
                # sudo: as the job.
                self.env["payment.transaction"].sudo()._cron_billing_resolve()
                self.assertEqual(invoice.billing_state, "refunded")
                self.assertEqual(self.gateway.taken, 0)
                self._assert_agrees()

    def test_no_refund_of_cash(self):
        """F174, F175: without a card payment there is no button."""
        invoice = self._bill_amounts(45)
        self._pay(invoice, mode="cash")
        self.assertFalse(invoice.billing_refundable)
        with self.assertRaisesRegex(UserError, "by hand"):
            invoice._billing_refund()

    def test_refund_of_two_card_payments(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card, 20)
        invoice._billing_charge(self.card)
        invoice._billing_refund()
        self.assertEqual(len(self.gateway.refunds), 2)
        self.assertEqual(self.gateway.taken, 0)
        self.assertEqual(invoice.billing_state, "refunded")
        self._assert_agrees()

    def test_refund_is_for_managers(self):
        with self.assertRaises(AccessError):
            self.env["omni.billing.card.refund.wizard"].with_user(self.staff).create({})


@tagged("post_install", "-at_install")
class TestSavedCards(CardCommon):
    """F125-F131, W4-W6"""

    def test_first_card_is_the_default(self):
        """F126, F127"""
        second = self._save_card("4444")
        self.assertTrue(self.card.billing_is_default)
        self.assertFalse(second.billing_is_default)
        second.action_billing_set_default()
        self.assertTrue(second.billing_is_default)
        self.assertFalse(self.card.billing_is_default)
        self.assertEqual(self.gateway.default_card, ("cus_0", "pm_4444"))
        self.assertEqual(self.customer._billing_get_cards()[0], second)

    def test_deleted_card_is_detached(self):
        second = self._save_card("4444")
        self.card.action_billing_delete()
        self.assertFalse(self.card.active)
        self.assertTrue(second.billing_is_default)
        self.assertFalse(self.gateway.detached)
        self.gateway.lose(is_executed=False)
        self.env["payment.token"]._cron_billing_detach_cards()
        self.assertTrue(self.card.billing_detach_pending)
        self.env["payment.token"]._cron_billing_detach_cards()
        self.assertEqual(self.gateway.detached, ["pm_4242"])
        self.assertFalse(self.card.billing_detach_pending)

    def test_card_in_use_is_not_deleted(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        invoice._billing_charge(self.card)
        with self.assertRaisesRegex(UserError, "under way"):
            self.card.action_billing_delete()

    def test_same_card_saved_twice_is_shown_once(self):
        again = self._save_card("4242", stripe_payment_method="pm_new")
        self.assertFalse(self.card.active)
        self.assertTrue(again.billing_is_default)
        self.assertEqual(self.customer._billing_get_cards(), again)

    def test_names_and_expiry(self):
        self.assertEqual(self.card.display_name, "Visa •••• 4242 (12/2040)")
        self.assertFalse(self.card.billing_is_expired)
        self.card.billing_exp_year = 2020
        self.assertTrue(self.card.billing_is_expired)
        with self.assertRaisesRegex(UserError, "expired"):
            self.card.action_billing_set_default()

    def test_one_customer_for_each_partner(self):
        """W4"""
        contact = self.env["res.partner"].create(
            {"name": "Jo", "parent_id": self.customer.id}
        )
        first = self.provider._billing_get_customer(contact)
        self.assertEqual(self.provider._billing_get_customer(self.customer), first)
        self.assertEqual(len(self.gateway.customers), 1)
        self.gateway.customers.clear()
        second = self.provider._billing_get_customer(self.customer)
        self.assertTrue(self.gateway.has_customer(second))

    def test_notice_before_expiry(self):
        """W5: once, and again for the next expiry."""
        self.card.write(
            {"billing_exp_year": self.today.year, "billing_exp_month": self.today.month}
        )
        Token = self.env["payment.token"]
        for expected in (1, 1):
            Token._cron_billing_tell_expiry()
            mails = self.env["mail.mail"].search(
                [("model", "=", "payment.token"), ("res_id", "=", self.card.id)]
            )
            self.assertEqual(len(mails), expected)
        self.assertIn("/my/billing/cards", mails.body_html)


@tagged("post_install", "-at_install")
class TestStripeEvents(CardCommon):
    """W3, W6, W18, W19: what Stripe tells, in any order, as often as it likes."""

    def _tell(self, kind, event_ref="evt_1", times=1, **obj):
        # sudo: as the webhook and the job.
        Event = self.env["omni.billing.stripe.event"].sudo()
        for _time in range(times):
            Event._store(
                self.provider, {"id": event_ref, "type": kind, "data": {"object": obj}}
            )
        Event._cron_process()
        return Event.search([("event_ref", "=", event_ref)])

    def test_event_is_kept_once(self):
        event = self._tell("payment_intent.succeeded", times=3, id="pi_nobody")
        self.assertEqual(len(event), 1)
        self.assertEqual(event.state, "unknown")

    def test_webhook_of_a_lost_answer(self):
        invoice, intent = self._lose_charge()
        for number in range(3):
            event_ref = f"evt_{number}"
            event = self._tell("payment_intent.succeeded", event_ref, **intent)
            self.assertEqual(event.state, "done")
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(len(invoice.billing_receipt_ids), 1)

    def test_webhook_of_a_lost_answer_is_told_to_who_waits(self):
        invoice, intent = self._lose_charge()
        attempt = invoice.billing_attempt_id
        told = []
        with patch.object(
            type(attempt), "_billing_tell_waiting", lambda self: told.append(self)
        ):
            self._tell("payment_intent.succeeded", **intent)
        self.assertEqual(told, [attempt])

    def test_webhook_is_registered_for_all_we_use(self):
        sent = []

        def send(_provider, *args, **kwargs):
            sent.append(kwargs["data"])
            return {"secret": "whsec_new"}

        base = self.env.registry["payment.provider"].__mro__
        core = next(
            cls
            for cls in base
            if cls.__module__ == "odoo.addons.payment.models.payment_provider"
        )
        self.provider.stripe_webhook_secret = False
        with patch.object(core, "_send_api_request", send):
            self.provider.action_stripe_create_webhook()
        events = sent[0]["enabled_events[]"]
        self.assertIn("charge.dispute.created", events)
        self.assertIn("payment_intent.succeeded", events)
        self.assertEqual(self.provider.stripe_webhook_secret, "whsec_new")

    def test_other_database_is_not_ours(self):
        invoice, intent = self._lose_charge()
        intent["metadata"]["odoo_database"] = "other"
        event = self._tell("payment_intent.succeeded", **intent)
        self.assertEqual(event.state, "unknown")
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_old_news_change_nothing(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        event = self._tell("payment_intent.payment_failed", id="pi_0")
        self.assertEqual(event.state, "done")
        self.assertEqual(invoice.billing_state, "paid")

    def test_refund_in_the_dashboard_is_booked_once(self):
        """W18"""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.add_foreign_refund("pi_0", 4500)
        for number, kind in enumerate(("charge.refunded", "refund.created")):
            self._tell(kind, event_ref=f"evt_{number}", id="x", payment_intent="pi_0")
        self.assertEqual(invoice.billing_state, "refunded")
        self.assertEqual(len(invoice.reversal_move_ids), 1)
        self.assertEqual(self._get_books_balance(), 0)

    def test_refund_in_the_dashboard_is_split_over_the_invoices_it_paid(self):
        """W18: each gives back what it got, with its own taxes; none gives more."""
        untaxed = self._bill_amounts(100)
        taxed = self._bill_amounts(200, tax_ids=self._create_tax(15))
        invoices = untaxed + taxed
        invoices._billing_charge(self.card)
        self.gateway.add_foreign_refund("pi_0", 9900)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(untaxed.reversal_move_ids.amount_total, 30)
        self.assertRecordValues(
            taxed.reversal_move_ids, [{"amount_total": 69, "amount_tax": 9}]
        )
        self.gateway.add_foreign_refund("pi_0", 23100)
        self._tell("refund.created", "evt_2", id="re_2", payment_intent="pi_0")
        self.assertEqual(sum(untaxed.reversal_move_ids.mapped("amount_total")), 100)
        self.assertEqual(sum(taxed.reversal_move_ids.mapped("amount_total")), 230)
        self.assertEqual(sum(taxed.reversal_move_ids.mapped("amount_tax")), 30)
        self.assertEqual(set(invoices.mapped("billing_state")), {"refunded"})
        self.assertEqual(self._get_books_balance(), 0)
        self.assertEqual(self._get_ledger_balance(), 0)

    def test_refund_in_the_dashboard_is_of_who_was_paid(self):
        """A charge that paid the older invoice gives nothing back on the newer."""
        older, newer = self._bill_amounts(100, 230)
        (older + newer)._billing_charge(self.card, amount=60)
        newer._billing_charge(self.card)
        self.assertEqual(newer._billing_get_refundable_amount(), 230)
        self.gateway.add_foreign_refund("pi_0", 6000)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(older.reversal_move_ids.amount_total, 60)
        self.assertFalse(newer.reversal_move_ids)

    def test_refund_in_the_dashboard_takes_all_open_credit_notes(self):
        invoice = self._bill(self._create_transaction(20), self._create_transaction(25))
        invoice._billing_charge(self.card)
        for item in invoice.billing_transaction_ids:
            invoice._billing_cancel_items(item)
        notes = invoice.reversal_move_ids
        self.gateway.add_foreign_refund("pi_0", 4500)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(invoice.reversal_move_ids, notes)
        self.assertEqual(notes.mapped("amount_residual"), [0, 0])

    def test_refund_in_the_dashboard_of_what_was_given_back_otherwise(self):
        """No invoice is credited twice: the customer owes it, and staff are told."""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        note = invoice._billing_cancel_items(invoice.billing_transaction_ids)
        other = self._bill_amounts(45)
        self._pay(other, mode="credit")
        self.assertEqual(note.amount_residual, 0)
        self.gateway.add_foreign_refund("pi_0", 4500)
        event = self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(event.state, "done")
        self.assertEqual(invoice.reversal_move_ids, note)
        self.assertEqual(self._get_books_balance(), 45)
        self.assertIn("no invoice", invoice.activity_ids.note)

    def test_echo_of_our_own_refund(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        invoice._billing_refund(20)
        self._tell("charge.refunded", id="ch_1", payment_intent="pi_0")
        self.assertEqual(len(invoice.reversal_move_ids), 1)

    def test_dispute_flags_the_invoice(self):
        """W19"""
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self._tell(
            "charge.dispute.created",
            id="dp_1",
            payment_intent="pi_0",
            status="needs_response",
            reason="fraudulent",
        )
        self.assertEqual(invoice.billing_dispute, "open")
        self.assertIn("cardholder", invoice.activity_ids.note)
        self._tell(
            "charge.dispute.closed",
            event_ref="evt_2",
            id="dp_1",
            payment_intent="pi_0",
            status="lost",
        )
        # A late event of the opening does not open it again.
        self._tell(
            "charge.dispute.updated",
            event_ref="evt_3",
            id="dp_1",
            payment_intent="pi_0",
            status="under_review",
        )
        self.assertEqual(invoice.billing_dispute, "lost")

    def test_card_network_updates_the_card(self):
        """W6"""
        self._tell("payment_method.automatically_updated", id="pm_4242")
        self.assertEqual(self.card.billing_expiry, "11/2041")
        self.gateway.detached.append("pm_4242")
        self._tell("payment_method.detached", event_ref="evt_2", id="pm_4242")
        self.assertFalse(self.card.active)
        self.assertFalse(self.card.billing_detach_pending)

    def test_customer_deleted_at_stripe(self):
        reference = self.provider._billing_get_customer(self.customer)
        self.card.provider_ref = reference
        event = self._tell("customer.deleted", id=reference)
        self.assertEqual(event.state, "done")
        self.assertFalse(self.card.active)

    def test_what_fails_is_kept_for_a_person(self):
        invoice, intent = self._lose_charge()
        for _try in range(10):
            self.gateway.lose(is_executed=True)
        event = self._tell("payment_intent.succeeded", **intent)
        for _try in range(9):
            event.next_try = False
            event._cron_process()
        self.assertEqual(event.state, "failed")
        event.sudo(False).action_process_again()
        self.assertEqual(event.state, "done")
        self.assertEqual(invoice.billing_state, "paid")

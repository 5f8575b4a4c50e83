from dataclasses import replace
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.gateways.stripe_answers import Card

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestConsent(CardCommon):
    """W32: no card is charged without its owner there, or what the owner agreed to."""

    def setUp(self):
        super().setUp()
        self.plain = self._save_card("1111", agrees=False)
        self.plain.action_billing_set_default()
        self.invoice = self._bill(self._create_transaction(45))
        self.env.flush_all()

    def _open_dialog(self, **values):
        return (
            self.env["omni.billing.payment.wizard"]
            .with_user(self.staff)
            .create(
                {
                    "invoice_ids": [Command.set(self.invoice.ids)],
                    "mode": "stripe",
                    "token_id": self.plain.id,
                    **values,
                }
            )
        )

    def _record(self, **values):
        wizard = (
            self.env["omni.billing.consent.wizard"]
            .with_user(self.staff)
            .create({"token_id": self.plain.id, "given_by": "Ada", **values})
        )
        wizard.action_record()
        return self.plain._billing_find_standing()

    def _collect(self, **values):
        run = self.env["omni.billing.run"].create(
            {"is_charge": True, "partner_ids": self.customer.ids, **values}
        )
        self._create_transaction(20)
        run.action_start()
        self._work()
        return run.line_ids

    def _work(self):
        self.env.flush_all()
        # sudo: the job is nobody's.
        self.env["omni.billing.run"].sudo()._cron_process()
        self.env.invalidate_all()

    # === WHO IS CHARGED === #

    def test_run_charges_nobody_who_did_not_agree(self):
        line = self._collect()
        self.assertEqual(line.charge_state, "no_consent")
        self.assertIn("did not agree", line.charge_error)
        self.assertFalse(self.gateway.taken)
        self.assertEqual(line.run_id.no_consent_count, 1)
        self.assertIn("Not agreed", line.run_id.message_ids[0].body)

    def test_run_charges_who_agreed(self):
        consent = self._record()
        line = self._collect()
        self.assertEqual(line.charge_state, "paid")
        self.assertEqual(line.charge_attempt_id.billing_consent_id, consent)

    def test_more_than_was_agreed_is_left_to_staff(self):
        self._record(amount_limit=20)
        line = self._collect()
        self.assertEqual(line.charge_state, "paid")
        self._create_transaction(1)
        self._record(amount_limit=10)
        line = self._collect()
        self.assertEqual(line.charge_state, "failed")
        self.assertIn("$\xa010.00 at most", line.charge_error)
        self.assertFalse(line.invoice_id.billing_attempt_id)

    def test_check_says_who_did_not_agree(self):
        self._create_transaction(20)
        run = self.env["omni.billing.run"].create(
            {"is_charge": True, "partner_ids": self.customer.ids}
        )
        run.action_check()
        self._work()
        self.assertIn("did not agree", run.line_ids.reason)

    def test_service_that_is_not_paid_automatically(self):
        """W32: no invoice with something of it is charged, whichever door is used."""
        self._record()
        service = self.env["omni.billing.service"].create(
            {"name": "Locker", "partner_id": self.customer.id}
        )
        service.with_user(self.staff).action_autopay_off()
        self._create_transaction(5, service_id=service.id)
        line = self._collect()
        self.assertEqual(line.charge_state, "no_consent")
        self.assertIn("Locker is not paid automatically", line.charge_error)
        self.assertFalse(self.gateway.taken)
        # It is over, and still on its last invoice.
        service.active = False
        with self.assertRaisesRegex(UserError, "Locker is not paid"):
            line.invoice_id._billing_charge(self.plain)
        service.active = True
        self.assertEqual(self._collect().charge_state, "paid")
        service.with_user(self.staff).action_autopay_on()
        service._billing_turn_autopay("customer")
        with self.assertRaisesRegex(UserError, "alone turns it on"):
            service.with_user(self.staff).action_autopay_on()
        with self.assertRaises(UserError):
            service.with_user(self.staff).write({"autopay_off": False})

    def test_staff_say_how_it_was_agreed(self):
        dialog = self._open_dialog()
        self.assertTrue(dialog.needs_consent)
        with self.assertRaisesRegex(UserError, "did not agree"):
            dialog.action_pay()
        self.assertFalse(self.gateway.taken)
        self._open_dialog(
            consent_channel="phone", consent_given_by="Ada Acme"
        ).action_pay()
        self.assertEqual(self.invoice.billing_state, "paid")
        consent = self.invoice.sudo().transaction_ids.billing_consent_id
        self.assertRecordValues(
            consent,
            [
                {
                    "kind": "single",
                    "channel": "phone",
                    "given_by": "Ada Acme",
                    "amount_limit": 45,
                    "move_ids": self.invoice.ids,
                    "create_uid": self.staff.id,
                }
            ],
        )
        self.assertIn("$\xa045.00", consent.text)

    def test_single_consent_is_spent(self):
        self._open_dialog(consent_channel="phone", amount=20).action_pay()
        dialog = self._open_dialog(amount=20)
        self.assertTrue(dialog.needs_consent)
        with self.assertRaises(UserError):
            dialog.action_pay()
        self.assertEqual(self.invoice.amount_residual, 25)

    def test_declined_charge_does_not_spend_it(self):
        self.gateway.decline(decline_code="insufficient_funds")
        self._open_dialog(consent_channel="phone")._record_consent()
        attempt = self.invoice._billing_charge(self.plain, 45)
        self.assertEqual(attempt.state, "error")
        self.assertTrue(attempt.billing_consent_id)
        self.assertFalse(self._open_dialog().needs_consent)
        self._open_dialog().action_pay()
        self.assertEqual(self.invoice.billing_state, "paid")

    def test_plan_needs_a_consent(self):
        later = self.today + timedelta(days=30)
        values = {"is_post_dated": True, "date_first": later}
        with self.assertRaisesRegex(UserError, "did not agree"):
            self._open_dialog(**values).action_plan()
        self._open_dialog(**values, consent_channel="paper").action_plan()
        [installment] = self.invoice.billing_installment_ids
        self.assertTrue(self.plain._billing_has_consent_for(self.invoice))
        self.plain._billing_withdraw("The customer took it back.")
        installment.sudo()._charge()
        self.assertEqual(installment.charge_state, "failed")
        self.assertFalse(self.gateway.taken)

    def test_odoos_own_dialog(self):
        self.card._billing_withdraw("The customer took it back.")
        with self.assertRaisesRegex(UserError, "did not agree"):
            self._register(self.invoice)
        self.assertFalse(self.gateway.taken)

    def test_customer_who_is_there_needs_none(self):
        attempt = self.invoice._billing_charge(self.plain, 45, is_customer_present=True)
        self.assertEqual(attempt.state, "done")
        self.assertFalse(attempt.billing_consent_id)

    def test_staff_on_a_page_of_odoos_are_not_the_owner(self):
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "amount": 45,
            "currency_id": self.currency.id,
            "partner_id": self.customer.id,
            "token_id": self.plain.id,
            "operation": "online_token",
            "invoice_ids": [Command.set(self.invoice.ids)],
        }
        # sudo: as the route of Odoo's does, for whoever is logged in.
        payments = self.env["payment.transaction"].with_user(self.staff).sudo()
        with self.assertRaisesRegex(UserError, "did not agree"):
            payments.create(values)
        owner = payments.with_user(self.portal).sudo()
        payment = owner.create(values | {"reference": "by its owner"})
        self.assertFalse(payment.billing_consent_id)

    # === WHAT IS KEPT === #

    def test_record_says_who_when_how_and_what(self):
        consent = self._record(
            channel="paper", amount_limit=100, document=b"UGFwZXI=", note="Signed"
        )
        self.assertRecordValues(
            consent,
            [
                {
                    "kind": "standing",
                    "channel": "paper",
                    "given_by": "Ada",
                    "amount_limit": 100,
                    "create_uid": self.staff.id,
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "document": b"UGFwZXI=",
                }
            ],
        )
        self.assertIn(self.company.name, consent.text)
        self.assertIn("$\xa0100.00", consent.text)
        self.assertEqual(len(consent.text_version), 12)
        self.assertIn("at most $\xa0100.00", self.plain.billing_autopay)

    def test_words_are_in_the_customers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        self.company.with_context(lang="fr_FR").billing_consent_words = "J'accepte."
        consent = self._record()
        self.assertEqual((consent.text, consent.lang), ("J'accepte.", "fr_FR"))

    def test_evidence_is_not_changed(self):
        consent = self._record()
        for user in (self.staff, self.env.user):
            with self.assertRaises(AccessError):
                consent.with_user(user).write({"state": "ended"})
            with self.assertRaises(AccessError):
                consent.with_user(user).unlink()
        with self.assertRaisesRegex(UserError, "kept as it was"):
            consent.write({"text": "Something else"})
        with self.assertRaisesRegex(UserError, "stays"):
            consent.unlink()

    def test_nobody_agreed_in_the_future(self):
        with self.assertRaisesRegex(UserError, "future"):
            self._record(agreed_on=fields.Datetime.now() + timedelta(days=1))

    def test_taking_it_back(self):
        consent = self._record()
        wizard = (
            self.env["omni.billing.consent.wizard"]
            .with_user(self.staff)
            .create({"token_id": self.plain.id, "note": "By e-mail"})
        )
        wizard.action_withdraw()
        self.assertEqual(
            (consent.state, consent.withdrawn_by_id, consent.withdrawn_why),
            ("ended", self.staff, "By e-mail"),
        )
        self.assertEqual(self.plain.billing_autopay, "Off")
        self.assertEqual(self._collect().charge_state, "no_consent")

    def test_customer_is_told_what_staff_recorded(self):
        """W32: who, how, the words, the limit; and that it was taken back."""
        self.customer.email = "acme@example.com"
        self._record(amount_limit=80)
        mails = self.env["mail.mail"].sudo()
        told = mails.search([], order="id desc", limit=1)
        self.assertEqual(told.recipient_ids, self.customer)
        for words in (
            "is on",
            "Ada",
            "By Phone",
            "80.00 at most",
            "/my/billing/cards",
        ):
            self.assertIn(words, f"{told.subject} {told.body_html}")
        wizard = self.env["omni.billing.consent.wizard"].with_user(self.staff)
        wizard.create({"token_id": self.plain.id}).action_withdraw()
        told = mails.search([], order="id desc", limit=1)
        self.assertIn("is off", told.subject)
        before = mails.search_count([])
        wizard.create({"token_id": self.plain.id}).action_withdraw()
        self.assertEqual(mails.search_count([]), before)

    # === OTHER CARDS === #

    def test_card_that_its_owner_puts_in_its_place_goes_on(self):
        consent = self._record(amount_limit=30)
        newer = self._save_card("2222", agrees=False)
        newer.with_user(self.portal).sudo().action_billing_replace_default()
        goes_on = newer._billing_find_standing()
        self.assertEqual(goes_on.origin_id, consent)
        self.assertEqual(goes_on.text, consent.text)
        self.assertEqual(goes_on.amount_limit, 30)
        self.assertEqual(consent.state, "ended")
        self.assertEqual(self._collect().charge_state, "paid")

    def test_staff_put_no_other_card_in_its_place(self):
        self._record()
        newer = self._save_card("2222", agrees=False)
        newer.with_user(self.staff).action_billing_replace_default()
        self.assertFalse(newer._billing_find_standing())
        self.assertEqual(self._collect().charge_state, "no_consent")

    def test_same_card_saved_again_goes_on(self):
        consent = self._record()
        again = self._save_card("1111", agrees=False)
        self.assertEqual(again._billing_find_standing().origin_id, consent)

    def test_what_was_used_counts_on_the_card_after_it(self):
        self._open_dialog(consent_channel="phone", amount=20).action_pay()
        self._open_dialog(consent_channel="phone", amount=15)._record_consent()
        self._save_card("1111", agrees=False)
        card = self._save_card("1111", agrees=False)
        self.assertTrue(card._billing_find_consent(15, self.currency, self.invoice))
        self.assertFalse(card._billing_find_consent(16, self.currency, self.invoice))

    def test_card_whose_contact_moved_to_another_customer(self):
        """What one customer agreed to charges no card of another."""
        self._record()
        other = self.env["res.partner"].create({"name": "Beta", "is_company": True})
        self.plain.sudo().partner_id = other
        self.assertFalse(self.plain._billing_find_standing())

    def test_agreed_again_does_not_come_on_top(self):
        for _time in range(2):
            self._open_dialog(consent_channel="phone", amount=20)._record_consent()
            self.plain._billing_agree(
                "phone", "single", move_ids=self.invoice.ids, amount_limit=20
            )
        self.assertEqual(len(self.plain._billing_find_active()), 1)

    def test_single_consent_says_how_much(self):
        with self.assertRaisesRegex(UserError, "how much"):
            self.plain._billing_agree("phone", "single", move_ids=self.invoice.ids)

    def test_plan_is_agreed_as_it_is_planned(self):
        later = self.today + timedelta(days=30)
        dialog = self._open_dialog(
            is_post_dated=True, date_first=later, consent_channel="phone", amount=40
        )
        dialog.plan_line_ids.amount = 12
        dialog.action_plan()
        consent = self.plain._billing_find_active()
        self.assertEqual(consent.amount_limit, 12)
        self.assertIn("$\xa012.00", consent.text)
        self.invoice.billing_installment_ids.with_user(self.staff).action_cancel()
        self.assertEqual(consent.state, "ended")

    def test_money_of_no_invoice_is_of_what_holds_for_all(self):
        none = self.invoice.browse()
        self.plain._billing_agree(
            "phone", "single", move_ids=self.invoice.ids, amount_limit=20
        )
        self.assertFalse(self.plain._billing_find_consent(5, self.currency, none))
        self._record(amount_limit=10)
        self.assertTrue(self.plain._billing_find_consent(5, self.currency, none))
        self.assertFalse(self.plain._billing_find_consent(11, self.currency, none))

    def test_other_card_of_the_customer_is_not_meant(self):
        self._record()
        other = self._save_card("2222", agrees=False)
        other.action_billing_set_default()
        self.assertEqual(self._collect().charge_state, "no_consent")

    def test_deleted_card_ends_it(self):
        consent = self._record()
        self.plain.action_billing_delete()
        self.assertEqual(consent.state, "ended")

    def test_another_brand_is_asked_anew(self):
        """Another number of the same brand goes on."""
        consent = self._record()
        renewed = Card("pm_1111", "cus_0", "visa", "9999", 1, 2041, "print-1111")
        self.plain.sudo()._billing_update_card(renewed)
        self.assertEqual(consent.state, "active")
        self.plain.sudo()._billing_update_card(replace(renewed, brand="mastercard"))
        self.assertEqual(consent.state, "ended")

    # === CARDS SAVED BEFORE === #

    def _decide(self, **values):
        wizards = self.env["omni.billing.consent.base.wizard"]
        return wizards.create({"company_id": self.company.id, **values})

    def test_company_states_a_legal_base(self):
        wizard = self._decide()
        self.assertEqual(wizard.card_count, 1)
        with self.assertRaisesRegex(UserError, "on what"):
            wizard.action_state()
        self._decide(basis="Contract of 2024, clause 7").action_state()
        consent = self.plain._billing_find_standing()
        self.assertRecordValues(
            consent,
            [
                {
                    "channel": "legal_base",
                    "text": "Contract of 2024, clause 7",
                    "given_by": self.env.user.name,
                }
            ],
        )
        self.assertEqual(self._decide().card_count, 0)

    def test_company_asks_again(self):
        self.company.billing_mail_sender = "Bills <bills@seller.example>"
        self._decide().action_ask()
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertIn("automatic payment", mail.body_html)
        self.assertNotIn("card", mail.subject)
        self.assertEqual(mail.email_from, self.company.billing_mail_sender)
        self.assertEqual(mail.recipient_ids, self.customer)
        self.assertFalse(self.plain._billing_find_standing())

    def test_staff_do_not_decide_for_all(self):
        with self.assertRaises(AccessError):
            self.env["omni.billing.consent.base.wizard"].with_user(self.staff).create(
                {"basis": "Because"}
            )

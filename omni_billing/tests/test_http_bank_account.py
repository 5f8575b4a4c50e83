"""A customer saves a bank account on Stripe's page, and verifies it (W33, W32)."""

from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.gateways.stripe_answers import Mandate

from .test_http_card_link import CardLinkCommon

CARDS = "odoo.addons.omni_billing.models.cards"


class AccountCommon(CardLinkCommon):
    """A company of the United States: pre-authorized debits in dollars, and ACH."""

    def setUp(self):
        super().setUp()
        self.company.billing_debits = True
        # sudo: the country of the company, and methods, are an administrator's.
        self.company.sudo().partner_id.country_id = self.env.ref("base.us")
        self.provider.is_published = True
        self.acss = self.env.ref("omni_billing.payment_method_acss_debit").sudo()
        self.ach = self.env.ref("payment.payment_method_ach_direct_debit").sudo()
        self.gateway.mandates["mandate_1"] = Mandate("mandate_1", "active", "REF-1")

    def _begin_account(self, path="/my/billing/cards", method=None, **form):
        """Ask for Stripe's page; return where the answer leads."""
        tree = self._open(path)
        values = {
            "csrf_token": tree.xpath("//input[@name='csrf_token']/@value")[0],
            "method_id": (method or self.acss).id,
        }
        response = self.url_open(
            f"{path}/account", data=values | form, allow_redirects=False
        )
        return response.headers.get("Location") or response.text

    def _get_done_path(self):
        """Return where Stripe's page leads back to."""
        return urlsplit(self.gateway.pages["cs_0"]["done_url"]).path

    def _answer(self, path, is_lost=False, **form):
        """Tell of the deposits, on the page of the account.

        :param is_lost: whether Stripe hears of it, and we not what it says.
        """
        token = self._open(path).xpath("//input[@name='csrf_token']/@value")[0]
        if is_lost:
            self.gateway.lose(is_executed=True)
        response = self.url_open(f"{path}/verify", data={"csrf_token": token} | form)
        return response.text

    def _find_mails(self):
        self.env.flush_all()
        # sudo: mail of others.
        mails = self.env["mail.mail"].sudo()
        return mails.search([("subject", "like", "Your bank account with")])

    def _find_accounts(self):
        return self.customer._billing_get_cards().filtered(
            lambda card: not card.billing_is_card
        )


@tagged("post_install", "-at_install")
class TestBankAccount(AccountCommon):
    def test_customer_saves_an_account_and_agrees(self):
        url = self._begin_account(agrees="1")
        self.assertEqual(url, "https://checkout.stripe.test/cs_0")
        asked = self.gateway.pages["cs_0"]
        self.assertEqual((asked["kind"], asked["currency"]), ("acss_debit", "USD"))
        self.assertEqual(
            asked["options"]["mandate_options"]["payment_schedule"], "combined"
        )
        path = self._get_done_path()
        self.assertIn("Nothing is saved yet", self._open(path).text_content())
        self.gateway.finish_page("cs_0")
        for _twice in range(2):
            self.assertIn("6789 is saved", self._open(path).text_content())
        account = self._find_accounts()
        self.assertEqual(account.billing_mandate, "REF-1 · Valid")
        self.assertEqual(account.sudo().stripe_mandate, "mandate_1")
        consent = account._billing_find_standing()
        self.assertEqual((consent.channel, consent.mandate_ref), ("portal", "REF-1"))
        self.assertIn("the account that I save", consent.text)
        # What it said is confirmed at once, and once.
        mail = self._find_mails()
        self.assertEqual(len(mail), 1)
        self.assertIn("the account that I save", mail.body_html)
        self.assertIn("REF-1", mail.body_html)
        self.assertTrue(account.billing_is_default)

    def test_not_agreed_is_no_consent(self):
        self._begin_account()
        self.gateway.finish_page("cs_0")
        self._open(self._get_done_path())
        account = self._find_accounts()
        self.assertFalse(account._billing_find_active())
        self.assertFalse(account.billing_is_default)
        self.assertIn("each time that I ask for it", self._find_mails().body_html)

    def test_deposits_verify_an_account(self):
        """By who has the link of the mail, without a login; staff see that it waits."""
        path = self._get_path(replaces=False)
        self.authenticate(None, None)
        url = self._begin_account(path, self.ach, agrees="1")
        self.assertEqual(url, "https://checkout.stripe.test/cs_0")
        self.assertEqual(self.gateway.pages["cs_0"]["kind"], "us_bank_account")
        self.gateway.finish_page("cs_0", "descriptor_code")
        page = self._get_done_path()
        self.assertIn("begins with SM", self._open(page).text_content())
        self.assertFalse(self._find_accounts())
        self.assertIn("/my/billing/account/", self._find_mails().body_html)
        waiting = self.customer.with_user(self.staff).billing_waiting_accounts
        self.assertIn("6789 waits", waiting)
        # An answer that was lost is sent again, and is no other try.
        lost = self._answer(page, is_lost=True, code="SM9999")
        self.assertIn("gives no answer", lost)
        self.assertIn("try 2 more times", self._answer(page, code="SM9999"))
        self.assertEqual(len(self.gateway.answers), 1)
        self.assertIn("six characters", self._answer(page, code="' OR 1"))
        self.assertIn("is saved", self._answer(page, is_lost=True, code="sm11aa"))
        self.assertEqual(self._find_accounts()._billing_find_standing().channel, "link")
        self.assertEqual(len(self._find_mails()), 1)
        self.customer.invalidate_recordset()
        self.assertFalse(self.customer.billing_waiting_accounts)

    def test_three_wrong_answers_or_ten_days_end_it(self):
        self._begin_account()
        self.gateway.finish_page("cs_0", "amounts")
        page = self._get_done_path()
        self._open(page)
        cards = self._open("/my/billing/cards").text_content()
        self.assertIn("To Be Verified", cards)
        for first, second in (("0.10", "0.11"), ("12", "0,13")):
            self.assertIn(
                "not what was sent", self._answer(page, first=first, second=second)
            )
        self.assertIn(
            "as your bank shows", self._answer(page, first="x", second="1.50")
        )
        self.assertIn(
            "could not be verified", self._answer(page, first="0.01", second="0.02")
        )
        self.assertFalse(self._find_accounts())
        # It is over: the right answer comes too late.
        saving = self._find_saving()
        self.assertEqual(saving.state, "cancel")
        self.assertEqual(saving._billing_verify_account("0.32", "0.45"), "")
        self.assertFalse(self._find_accounts())
        # Another one is not looked at in time.
        self._begin_account()
        self.gateway.finish_page("cs_1", "amounts")
        late = self._find_saving()
        late._billing_learn_account()
        with freeze_time(self.env.cr.now() + timedelta(days=14)):
            late.billing_ask_at = fields.Datetime.now()
            late._cron_billing_resolve()
        self.assertEqual(late.state, "cancel")

    def test_it_is_learnt_without_the_browser(self):
        """By the event, the job, or both: one account; or by neither, in time."""
        self._begin_account()
        saving = self._find_saving()
        self.gateway.finish_page("cs_0")
        saving._cron_billing_resolve()
        self.assertEqual(saving.state, "draft")
        saving.billing_ask_at = fields.Datetime.now()
        self.gateway.plan.append(("lose", True))
        saving._cron_billing_resolve()
        self.assertEqual(saving.state, "draft")
        saving._cron_billing_resolve()
        self.assertEqual(saving.state, "done")
        self._hear("cs_0", "completed")
        self.assertEqual(len(self._find_accounts()), 1)
        # The event is first.
        self._begin_account()
        saving = self._find_saving()
        self.gateway.finish_page("cs_1", last4="1111")
        self.assertEqual(saving.state, "draft")
        self._hear("cs_1", "completed")
        self.assertEqual(saving.state, "done")
        saving.billing_ask_at = fields.Datetime.now()
        saving._cron_billing_resolve()
        self.assertEqual(len(self._find_accounts()), 2)
        # Nobody came.
        self._begin_account()
        saving = self._find_saving()
        self.gateway.expire_page("cs_2")
        self._hear("cs_2", "expired")
        self.assertEqual(saving.state, "cancel")
        self.assertEqual(len(self._find_accounts()), 2)

    def _hear(self, page, what):
        """Have Stripe tell of a page."""
        event = self.env["omni.billing.stripe.event"].sudo()  # sudo: as the webhook
        event._store(
            self.provider,
            {
                "id": f"evt_{page}",
                "type": f"checkout.session.{what}",
                "data": {"object": {"id": page}},
            },
        )
        event._cron_process()
        event = event.search([("event_ref", "=", f"evt_{page}")])
        self.assertEqual(event.state, "done")

    def test_account_is_saved_whatever_else_is_wrong(self):
        """A template that is broken, and debits that are switched off meanwhile."""
        self._begin_account(agrees="1")
        ticked = fields.Datetime.now().replace(microsecond=0)
        self.gateway.finish_page("cs_0", "descriptor_code")
        saving = self._find_saving()
        with (
            patch.object(
                type(saving), "_billing_send_template", side_effect=ValueError("No.")
            ),
            mute_logger(f"{CARDS}.payment_transaction_account"),
        ):
            saving._billing_learn_account()
        self.assertTrue(saving.billing_deposits)
        # sudo: what staff were told.
        told = saving.partner_id.commercial_partner_id.sudo().activity_ids
        self.assertIn("could not be confirmed", told[:1].note or "")
        self.company.billing_debits = False
        with freeze_time(self.env.cr.now() + timedelta(days=3)):
            saving._billing_verify_account(code="SM11AA")
        self.assertEqual(saving.state, "done")
        consent = saving.token_id._billing_find_standing()
        self.assertLess(abs(consent.agreed_on - ticked), timedelta(hours=1))
        self.assertFalse(saving.token_id.billing_is_default)
        # Nearest first, and none that is for tests.
        self.company.billing_debits = True
        keys = {"stripe_publishable_key": "pk_test_2", "stripe_secret_key": "sk_test_2"}
        other = self.provider.sudo().copy({"state": "test", "sequence": -1} | keys)
        other.is_published = True
        self.provider.sudo().state = "enabled"
        self.assertEqual(
            self.customer._billing_get_account_provider(self.company), self.provider
        )

    def test_page_that_stripe_does_not_know_is_over(self):
        """Nor is what it may have heard of asked for with other values."""
        self._begin_account()
        for _twice in range(2):
            self.gateway.lose(is_executed=False)
            self.assertIn("gives no answer", self._begin_account())
        self.assertEqual(len(set(self.gateway.page_keys)), 3)
        saving = self._find_saving()
        with freeze_time(self.env.cr.now() + timedelta(days=31)):
            # Stripe did not look at it.
            saving.billing_ask_at = fields.Datetime.now()
            self.gateway.refuse("rate_limit")
            saving._cron_billing_resolve()
            self.assertEqual(saving.state, "draft")
        saving.billing_ask_at = fields.Datetime.now()
        self.gateway.refuse("resource_missing")
        saving._cron_billing_resolve()
        self.assertEqual(saving.state, "cancel")

    def test_nothing_is_begun_that_is_not_offered(self):
        for method in (
            self.method,
            self.env.ref("payment.payment_method_sepa_direct_debit"),
        ):
            self.assertIn("Choose what kind", self._begin_account(method=method))
        self.assertIn("Choose what kind", self._begin_account(method_id="x"))
        self.gateway.refuse("parameter_invalid")
        self.assertIn("cannot be saved just now", self._begin_account())
        self.gateway.lose(is_executed=False)
        self.assertIn("gives no answer", self._begin_account())
        self.company.billing_debits = False
        self.assertNotIn(
            "Add a Bank Account", self._open("/my/billing/cards").text_content()
        )
        self.assertIn("Choose what kind", self._begin_account())
        self.assertFalse(self.gateway.pages)
        self.assertFalse(self._find_saving())

    def test_only_the_signed_link_opens_it(self):
        """A link of another kind, cut, made up or old; nor the id of the payment."""
        self._begin_account()
        self.gateway.finish_page("cs_0", "amounts")
        path = self._get_done_path()
        saving = self._find_saving()
        card_link = self._get_path().rpartition("/")[2]
        wrong = (
            path[:-3],
            f"/my/billing/account/{card_link}",
            f"/my/billing/account/{saving.id}",
            "/my/billing/account/x%00",
        )
        for address in wrong:
            text = self._open(address).text_content()
            self.assertIn("not valid any more", text)
            self.assertNotIn("6789", text)
        with freeze_time(self.env.cr.now() + timedelta(days=31)):
            self.assertIn("not valid any more", self._open(path).text_content())
        self.authenticate("foreign-test", "foreign-test")
        self.assertNotIn(
            "To Be Verified", self._open("/my/billing/cards").text_content()
        )
        with self.assertRaises(UserError):
            self.env["payment.transaction"]._billing_begin_account(
                self.customer, self.company, self.method, "/"
            )

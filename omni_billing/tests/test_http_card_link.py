"""A link to save a card: for one account, for a week, for who has it (F125)."""

from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from odoo.addons.omni_billing import const
from odoo.addons.payment_stripe.controllers.main import StripeController

from .fake_api import FakeApi
from .test_http_portal import PortalCommon


class CardLinkCommon(PortalCommon):
    def setUp(self):
        super().setUp()
        self.api = FakeApi(self.gateway)
        provider = type(self.provider)
        for name, value in (
            ("_send_api_request", lambda _p, *args, **kw: self.api.send(*args, **kw)),
            ("_get_validation_currency", lambda p: p.company_id.currency_id),
        ):
            patcher = patch.object(provider, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)

    def _open_wizard(self, **values):
        return (
            self.env["omni.billing.card.link.wizard"]
            .with_user(self.staff)
            .create({"partner_id": self.customer.id} | values)
        )

    def _get_path(self, **values):
        return urlsplit(self._open_wizard(**values).link).path

    def _begin(self, path, **values):
        form = {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "token_id": None,
            "amount": None,
            "flow": "direct",
            "tokenization_requested": True,
            "landing_route": "/my",
            "is_validation": True,
            "access_token": None,
            "csrf_token": "x",
        }
        return self.url_open(f"{path}/transaction", json={"params": form | values})

    def _find_saving(self):
        # sudo: payments are internal.
        return (
            self.env["payment.transaction"]
            .sudo()
            .search([("operation", "=", "validation")], order="id desc", limit=1)
        )

    def _finish(self, saving, last4="1111"):
        """Have Stripe say that the card was saved."""
        [intent] = [
            found
            for found in self.api.intents.values()
            if found["id"] == saving.provider_reference
        ]
        card = {"brand": "visa", "last4": last4, "exp_month": 12, "exp_year": 2040}
        method = {"id": f"pm_{last4}", "type": "card", "card": card}
        self.api.pay(intent["id"], payment_method=method)
        data = {"reference": saving.reference}
        StripeController._include_setup_intent_in_payment_data(intent, data)
        saving._process("stripe", data)
        return saving.token_id


@tagged("post_install", "-at_install")
class TestCardLink(CardLinkCommon):
    def test_guest_saves_a_card_and_sees_nothing(self):
        """F125: the form alone: no name, no address, no card of the customer."""
        self.customer.write({"street": "12 Secret Street", "phone": "+1 555 0100"})
        path = self._get_path(replaces=False)
        self.authenticate(None, None)
        tree = self._open(path)
        [form] = tree.xpath("//form[@id='o_payment_form']")
        self.assertEqual(form.get("data-mode"), "validation")
        self.assertEqual(form.get("data-transaction-route"), f"{path}/transaction")
        text = html.tostring(tree, encoding="unicode")
        name = self.customer.name
        for secret in (name, "acme@example.com", "Secret Street", "555 01", "• 4242"):
            self.assertNotIn(secret, text)
        answer = self._begin(path).json()
        self.assertIn("result", answer, answer)
        saving = self._find_saving()
        self.assertEqual(saving.partner_id, self.customer)
        self.assertTrue(saving.tokenize)
        card = self._finish(saving)
        self.assertEqual(card.partner_id, self.customer)
        self.assertTrue(self.card.active and self.card.billing_is_default)
        self.assertFalse(card.billing_is_default)
        self.assertFalse(self.gateway.charges)
        tree = self._open(path)
        self.assertIn("card is saved", tree.text_content())
        self.assertNotIn("• 1111", tree.text_content())

    def test_only_who_is_not_logged_in_as_somebody_else(self):
        """The customer has a page of its own; what another saves is not the link's."""
        path = self._get_path()
        response = self.url_open(path, allow_redirects=False)
        self.assertEqual(
            urlsplit(response.headers["Location"]).path, "/my/billing/cards"
        )
        self.authenticate("foreign-test", "foreign-test")
        tree = self._open(path)
        self.assertFalse(tree.xpath("//form[@id='o_payment_form']"))
        self.assertIn("another account", tree.text_content())
        self.assertIn("error", self._begin(path).json())
        self.assertFalse(self._find_saving())

    def test_nothing_but_this(self):
        """Another customer, a charge, a link that somebody made up, or an old one."""
        path = self._get_path()
        self.authenticate(None, None)
        answers = [
            self._begin(path, flow="token", token_id=self.card.id),
            self._begin(path, provider_id=999999),
            self._begin(path[:-3]),
            self._begin("/my/billing/card/x"),
            self._begin("/my/billing/card/é"),
        ]
        for answer in answers:
            self.assertIn("error", answer.json(), answer.text[:300])
        self.assertFalse(self._find_saving())
        for wrong in (path[:-3], "/my/billing/card/AQ", "/my/billing/card/x%00"):
            text = self._open(wrong).text_content()
            self.assertIn("not valid any more", text)
        days = timedelta(days=const.CARD_LINK_DAYS, hours=1)
        with freeze_time(self.env.cr.now() + days):
            self.assertIn("not valid any more", self._open(path).text_content())
            self.assertIn("error", self._begin(path).json())
        self.customer.active = False
        self.assertIn("not valid any more", self._open(path).text_content())

    def test_it_charges_nothing(self):
        """Of a browser neither amount nor customer counts: a card is saved for whom the
        link is, and none is charged."""
        path = self._get_path()
        self.authenticate(None, None)
        answer = self._begin(
            path, amount=500, is_validation=False, partner_id=self.stranger.id
        ).json()
        self.assertIn("result", answer, answer)
        saving = self._find_saving()
        self.assertEqual((saving.operation, saving.amount), ("validation", 0))
        self.assertEqual(saving.partner_id, self.customer)
        self.assertFalse(saving.invoice_ids)
        self.assertFalse(self.gateway.charges)

    def test_of_one_link_not_too_many(self):
        path = self._get_path()
        self.authenticate(None, None)
        at_once, _step = const.LIMITS["card"]["guest"]
        for _try in range(at_once):
            self.assertIn("result", self._begin(path).json())
        self.assertEqual(self._begin(path).status_code, 429)

    def test_guests_still_save_none_otherwise(self):
        """W22: the link is no key to Odoo's own routes."""
        guest = self.env.ref("base.public_user")
        with self.assertRaises(AccessError):
            self._begin_online(user=guest, operation="validation", amount=0)
        forged = {"billing_card_link": {"partner": self.customer.id}}
        payments = self.env["payment.transaction"].with_user(guest).sudo()
        with self.assertRaises(AccessError):
            payments.with_context(**forged).create(
                {
                    "provider_id": self.provider.id,
                    "payment_method_id": self.method.id,
                    "amount": 0,
                    "currency_id": self.currency.id,
                    "partner_id": self.customer.id,
                    "operation": "validation",
                }
            )

    def test_new_card_takes_the_place_of_the_old_one(self):
        """F127: if staff say so with the link."""
        path = self._get_path(replaces=True)
        self.authenticate(None, None)
        # What a guest sends does not count.
        self._begin(path, replaces=False)
        card = self._finish(self._find_saving())
        self.assertTrue(card.billing_is_default)
        self.assertFalse(self.card.active)

    def test_guest_takes_no_card_away(self):
        path = self._get_path(replaces=False)
        self.authenticate(None, None)
        self._begin(path, replaces=True)
        card = self._finish(self._find_saving())
        self.assertTrue(self.card.active and self.card.billing_is_default)
        self.assertFalse(card.billing_is_default)

    def test_customer_ticks_it(self):
        """F127: on the page of the cards."""
        tree = self._open("/my/billing/cards")
        self.assertTrue(tree.xpath("//input[contains(@class, 'o_billing_replaces')]"))
        self._begin("/my/billing/cards", replaces=True)
        card = self._finish(self._find_saving())
        self.assertTrue(card.billing_is_default)
        self.assertFalse(self.card.active)
        self._begin("/my/billing/cards")
        other = self._finish(self._find_saving(), "2222")
        self.assertTrue(other.active and card.active and card.billing_is_default)

    def test_default_with_the_tick(self):
        other = self._save_card("1111")
        self._post(f"/my/billing/cards/{other.id}/default", replaces="1")
        self.env.invalidate_all()
        self.assertTrue(other.billing_is_default)
        self.assertFalse(self.card.active)

    def test_what_was_planned_goes_on(self):
        """F148: payments of the old card are charged to the one in its place."""
        invoice = self._bill_amounts(45)
        [planned] = self.env["omni.billing.installment"]._plan(
            invoice, [(self.today + timedelta(days=9), 45)], self.card
        )
        other = self._save_card("1111")
        other.with_user(self.staff).action_billing_replace_default()
        self.assertFalse(self.card.active)
        self.assertEqual(planned.sudo().token_id, other)

    def test_tick_beside_the_form_is_a_consent(self):
        """W32: of who opened the link, once the card is saved, and not before."""
        path = self._get_path(replaces=False)
        self.authenticate(None, None)
        shown = self._open(path).text_content()
        self._begin(path, agrees=True)
        card = self._finish(self._find_saving())
        consent = card._billing_find_standing()
        self.assertEqual(consent.channel, "link")
        self.assertEqual(consent.given_by, self.customer.display_name)
        self.assertIn(consent.text, shown)
        self.assertTrue(consent.ip and consent.user_agent)

    def test_without_the_tick_nothing_was_agreed(self):
        """W32: also not if it takes the place of one that was."""
        self.assertTrue(self.card._billing_find_standing())
        path = self._get_path(replaces=True)
        self.authenticate(None, None)
        self._begin(path)
        card = self._finish(self._find_saving())
        self.assertTrue(card.billing_is_default)
        self.assertFalse(card._billing_find_standing())

    def test_customer_turns_it_on_and_off(self):
        """W32: the words that the page shows are those that are kept."""
        self.card._billing_withdraw("Before.")
        page = self._open("/my/billing/cards")
        [words] = page.xpath("//p[@id='o_billing_autopay_words']")
        path = f"/my/billing/cards/{self.card.id}"
        self._post(f"{path}/agree", limit="80,50")
        consent = self.card._billing_find_standing()
        self.assertEqual((consent.channel, consent.amount_limit), ("portal", 80.5))
        self.assertIn(words.text_content().strip(), consent.text)
        self.assertEqual(consent.create_uid, self.portal)
        self.assertIn("80.50", self._open("/my/billing/cards").text_content())
        self._post(f"{path}/withdraw")
        self.env.invalidate_all()
        self.assertEqual(consent.state, "ended")
        self.assertFalse(self.card._billing_find_standing())

    def test_wrong_limit_turns_nothing_on(self):
        """W32"""
        self.card._billing_withdraw("Before.")
        for limit in ("much", "-5", "nan", "1e99", "0.001"):
            answer = self._post(f"/my/billing/cards/{self.card.id}/agree", limit=limit)
            self.assertIn("Nothing was changed", answer.text)
        self.assertFalse(self.card._billing_find_standing())

    def test_card_of_another_customer_is_not_agreed_for(self):
        """W32"""
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        other = self._save_card("8888", partner=stranger, agrees=False)
        answer = self._post(f"/my/billing/cards/{other.id}/agree")
        self.assertEqual(answer.status_code, 404)
        self.assertFalse(other._billing_find_standing())

    def test_card_that_is_being_charged_stays(self):
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=True)
        invoice._billing_charge(self.card)
        other = self._save_card("1111")
        with self.assertRaisesRegex(UserError, "under way"):
            other.action_billing_replace_default()
        self.assertTrue(self.card.active and self.card.billing_is_default)

    def test_dialog_sends_it_in_the_customers_language(self):
        """F125: by e-mail to who gets the invoices; the history says so."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        self.company.billing_mail_sender = "Bills <bills@seller.example>"
        contact = self.env["res.partner"].create(
            {
                "name": "Books",
                "parent_id": self.customer.id,
                "type": "invoice",
                "email": "books@example.com",
            }
        )
        action = self.customer.with_user(self.staff).action_billing_card_link()
        self.assertEqual(action["res_model"], "omni.billing.card.link.wizard")
        wizard = self._open_wizard()
        self.assertEqual(wizard.recipients, "books@example.com")
        result = wizard.action_send()
        self.assertEqual(wizard.action_send(), result)
        mail = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertEqual(mail.recipient_ids, contact)
        self.assertIn("/my/billing/card/", mail.body_html)
        self.assertIn("Bonjour", mail.body_html)
        self.assertEqual(mail.email_from, self.company.billing_mail_sender)
        log = self.env["omni.billing.activity.log"].search(
            [
                ("action", "=", "card_link"),
                ("commercial_partner_id", "=", self.customer.id),
            ]
        )
        self.assertEqual(len(log), 1)

    def test_dialog_says_what_is_missing(self):
        self.customer.email = False
        with self.assertRaisesRegex(UserError, "no e-mail address"):
            self._open_wizard().action_send()
        self.provider.is_published = False
        wizard = self._open_wizard()
        self.assertIn("Payment Providers", wizard.problem)
        with self.assertRaisesRegex(UserError, "Payment Providers"):
            wizard.action_send()

    def test_payment_dialog_offers_it(self):
        """F130, F138: without a card it says so, with the link."""
        self.card.active = False
        invoice = self._bill_amounts(45)
        dialog = (
            self.env["omni.billing.payment.wizard"]
            .with_user(self.staff)
            .create({"invoice_ids": [Command.set(invoice.ids)], "mode": "stripe"})
        )
        self.assertTrue(dialog.lacks_card)
        action = dialog.action_card_link()
        self.assertEqual(action["context"]["default_partner_id"], self.customer.id)
        with self.assertRaisesRegex(UserError, "link"):
            dialog.action_pay()

    def test_pay_link_offers_to_log_in(self):
        """F119: and comes back to this invoice."""
        invoice = self._bill_amounts(45)
        invoice._portal_ensure_token()
        path = f"/my/billing/invoices/{invoice.id}/pay"
        self.authenticate(None, None)
        tree = self._open(f"{path}?access_token={invoice.access_token}")
        [link] = tree.xpath("//a[contains(@href, '/web/login?redirect=')]/@href")
        self.assertIn(f"%2Fmy%2Fbilling%2Finvoices%2F{invoice.id}%2Fpay", link)
        response = self.url_open(link)
        [back] = html.fromstring(response.content).xpath("//input[@name='redirect']")
        self.assertTrue(back.get("value").startswith(path))
        self.authenticate("portal-test", "portal-test")
        tree = self._open(f"{path}?access_token={invoice.access_token}")
        self.assertFalse(tree.xpath("//a[contains(@href, '/web/login?redirect=')]"))

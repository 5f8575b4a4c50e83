from urllib.parse import urlencode, urlsplit

from odoo.tests import new_test_user, tagged

from odoo.addons.omni_billing.tools.write_guard import trust
from odoo.addons.payment import utils as payment_utils

from .doors_common import DoorsCommon
from .test_http_portal import PortalCommon


class PagesCommon(DoorsCommon, PortalCommon):
    def _begin(self, path, **values):
        """Begin a payment on one of Odoo's own pages; return the message if refused."""
        answer = self._call(
            path,
            **{
                "provider_id": self.provider.id,
                "payment_method_id": self.method.id,
                "token_id": None,
                "amount": 45,
                "flow": "direct",
                "tokenization_requested": False,
                "landing_route": "/my",
            }
            | values,
        )
        return answer["error"]["data"]["message"] if "error" in answer else ""

    def _pay_with_card(self, path, card, **values):
        return self._begin(path, flow="token", token_id=card.id, **values)

    def _get_last_payment(self):
        return self.env["payment.transaction"].sudo().search([], limit=1)


@tagged("post_install", "-at_install")
class TestSavedCardsByAnyPage(PagesCommon):
    """Saved cards are charged by those they belong to, whichever page is asked (W22)"""

    def _get_pages(self, invoice):
        """Return each page of Odoo that begins a payment, with what it wants."""
        partner, currency = invoice.partner_id.id, invoice.currency_id.id
        token = payment_utils.generate_access_token(
            partner, 45.0, currency, env=self.env
        )
        link = invoice._portal_ensure_token()
        payment = {"currency_id": currency, "partner_id": partner}
        return {
            f"/invoice/transaction/{invoice.id}": {"access_token": link},
            "/payment/transaction": {"access_token": token, **payment},
            f"/my/billing/pay/transaction/{invoice.id}": {"access_token": link},
        }

    def test_guest_charges_no_card(self):
        """By trying one number after the other, with the link of one invoice."""
        invoice = self._bill_one(45)
        pages = self._get_pages(invoice)
        self.authenticate(None, None)
        before = self._count_payments()
        missing = self.card.browse(self.card.id + 999)
        for path, values in pages.items():
            messages = {
                self._pay_with_card(path, card, **values)
                for card in (self.card, missing)
            }
            with self.subTest(path):
                # What is there is not told from what is not.
                self.assertEqual(len(messages), 1)
                self.assertRegex(messages.pop(), "Sign in|404")
        self.assertEqual(self._count_payments(), before)
        self.assertFalse(self.api.calls)
        self.assertFalse(self.gateway.charges)

    def test_guest_is_shown_no_card(self):
        invoice = self._bill_one(45)
        link = invoice._portal_ensure_token()
        partner, currency = self.customer.id, invoice.currency_id.id
        token = payment_utils.generate_access_token(
            partner, 45.0, currency, env=self.env
        )
        self.authenticate(None, None)
        for page in (
            f"/my/invoices/{invoice.id}?access_token={link}",
            f"/payment/pay?amount=45&currency_id={currency}"
            f"&partner_id={partner}&company_id={self.company.id}&access_token={token}",
        ):
            with self.subTest(page):
                text = self.url_open(page).text
                self.assertIn('id="o_payment_form"', text)
                self.assertNotIn("4242", text)
                self.assertNotIn("o_payment_tokenize_checkbox", text)

    def test_guest_saves_no_card(self):
        """A card of whoever has the link would be charged for the customer's."""
        invoice = self._bill_one(45)
        pages = self._get_pages(invoice)
        token = payment_utils.generate_access_token(
            self.customer.id, None, None, env=self.env
        )
        self.authenticate(None, None)
        for path, values in pages.items():
            with self.subTest(path):
                self.assertFalse(
                    self._begin(path, tokenization_requested=True, **values)
                )
                self.assertFalse(self._get_last_payment().tokenize)
        message = self._begin(
            "/payment/transaction",
            partner_id=self.customer.id,
            currency_id=None,
            access_token=token,
            amount=None,
            is_validation=True,
        )
        self.assertIn("Sign in", message)

    def test_login_charges_its_own_cards(self):
        invoice = self._bill_one(45)
        path = f"/invoice/transaction/{invoice.id}"
        foreign = self._save_card("1881", partner=self.stranger)
        missing = self.card.browse(foreign.id + 999)
        for card in (foreign, missing):
            message = self._pay_with_card(path, card, access_token=None)
            self.assertIn("not one of yours", message)
        self.assertFalse(self._pay_with_card(path, self.card, access_token=None))
        self.assertEqual(self._get_last_payment().token_id, self.card)

    def test_own_card_does_not_pay_for_another_customer(self):
        """Somebody logged in opens the link of an invoice that is not his."""
        invoice = self._bill_one(45)
        link = invoice._portal_ensure_token()
        card = self._save_card("1881", partner=self.stranger)
        self.authenticate("foreign-test", "foreign-test")
        path = f"/invoice/transaction/{invoice.id}"
        message = self._pay_with_card(path, card, access_token=link)
        self.assertIn("belongs to another customer", message)
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_contact_of_narrow_scope_does_not_charge_the_company_s_card(self):
        """Nor with the link of an invoice, which it may have."""
        self.company.billing_portal_scope = "invoice"
        invoice = self._bill_one(45)
        own = self._save_card("1881", partner=self.portal.partner_id)
        link = invoice._portal_ensure_token()
        path = f"/invoice/transaction/{invoice.id}"
        message = self._pay_with_card(path, self.card, access_token=link)
        self.assertIn("the company's", message)
        self.assertFalse(self._pay_with_card(path, own, access_token=link))

    def test_overdue_invoices_are_paid_with_own_cards(self):
        path = "/invoice/transaction/overdue"
        self.assertIn("overdue", self._begin(path, payment_reference="All"))
        self.portal.partner_id = self.customer
        self.env.registry.clear_cache()
        trust(self._bill_one(45)).invoice_date_due = "2020-01-01"
        foreign = self._save_card("1881", partner=self.stranger)
        values = {"payment_reference": "All"}
        message = self._pay_with_card(path, foreign, **values)
        self.assertIn("not one of yours", message)
        self.authenticate(None, None)
        self.assertTrue(self._pay_with_card(path, self.card, **values))
        self.assertFalse(self.api.calls)

    def test_credit_is_used_on_odoo_s_own_pages(self):
        """W15: what they ask for is what credit leaves, and no more is charged."""
        invoice = self._bill_one(45)
        self._bill(self._create_credit(20))
        self.assertIn("25.00", self.url_open(f"/my/invoices/{invoice.id}").text)
        values = invoice._get_invoice_next_payment_values()
        self.assertEqual((values["amount_due"], values["next_amount_to_pay"]), (25, 25))
        path = f"/invoice/transaction/{invoice.id}"
        before = self._count_payments()
        message = self._pay_with_card(path, self.card, access_token=None)
        self.assertIn("at most the", message)
        self.assertEqual(self._count_payments(), before)
        self.assertFalse(
            self._pay_with_card(path, self.card, access_token=None, amount=25)
        )
        self.assertEqual(self.gateway.taken, 2500)
        self.env.invalidate_all()
        self.assertEqual(invoice.billing_state, "paid")
        covered = self._bill_one(10)
        self._bill(self._create_credit(10))
        self.assertFalse(covered._has_to_be_paid())

    def test_overdue_invoices_ask_for_what_credit_leaves(self):
        self.portal.partner_id = self.customer
        self.env.registry.clear_cache()
        trust(self._bill_one(45)).invoice_date_due = "2020-01-01"
        self._bill(self._create_credit(20))
        self.assertIn("25.00", self.url_open("/my/invoices/overdue").text)

    def test_plain_user_charges_no_customer_s_card(self):
        new_test_user(self.env, login="plain-test", groups="base.group_user")
        invoice = self._bill_one(45)
        link = invoice._portal_ensure_token()
        self.authenticate("plain-test", "plain-test")
        for path, values in self._get_pages(invoice).items():
            values = {"access_token": link} | values
            self.assertTrue(self._pay_with_card(path, self.card, **values), path)
        self.assertFalse(self.api.calls)

    def test_odd_values_are_answered_with_a_message(self):
        invoice = self._bill_one(45)
        path = f"/invoice/transaction/{invoice.id}"
        before = self._count_payments()
        for name in ("provider_id", "payment_method_id", "token_id"):
            for value in ("x", "\0", 10**30, -1, 1.5, True, [1], {}):
                flow = "token" if name == "token_id" else "direct"
                with self.subTest(name, value=value):
                    message = self._begin(
                        path, access_token=None, flow=flow, **{name: value}
                    )
                    self.assertIn("is no id", message)
        for amount in (0, -45, 1e308, "x", None, True, [45]):
            with self.subTest(amount=amount):
                message = self._begin(path, access_token=None, amount=amount)
                self.assertIn("amount", message)
        self.assertEqual(self._count_payments(), before)


@tagged("post_install", "-at_install")
class TestReturnPage(PagesCommon):
    """W21: Odoo's return page, which anybody may open with any ids."""

    def _return(self, **query):
        answer = self.url_open(f"/payment/stripe/return?{urlencode(query)}")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(urlsplit(answer.url).path, "/payment/status")
        self.env.invalidate_all()

    def test_own_payment_is_taken(self):
        invoice = self._bill_one(45)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        self._return(reference=payment.reference, payment_intent=intent)
        self.assertEqual(payment.state, "done")
        payment._post_process()
        self.assertEqual(invoice.billing_state, "paid")

    def test_replay_pays_nothing(self):
        """Any paid intent, on any payment, by nobody or by who paid it."""
        paid, unpaid = self._bill_amounts(45, 45)
        first, intent = self._open_form(paid)
        self.api.pay(intent)
        payment, _own = self._open_form(unpaid)
        before = len(self.api.calls)
        for login in (None, "portal-test"):
            self.authenticate(login, login)
            for _time in range(2):
                self._return(reference=payment.reference, payment_intent=intent)
                self.assertEqual(payment.state, "draft")
        self.assertEqual(unpaid.billing_state, "unpaid")
        # A stranger does not have Stripe asked, either.
        self.assertEqual(len(self.api.calls), before)
        self._return(reference=first.reference, payment_intent=intent)
        self.assertEqual(first.state, "done")

    def test_part_payment_pays_once(self):
        invoice = self._bill_one(240)
        first, intent = self._open_form(invoice, amount=100)
        self.api.pay(intent)
        self._return(reference=first.reference, payment_intent=intent)
        first._post_process()
        second, _own = self._open_form(invoice, amount=100)
        self._return(reference=second.reference, payment_intent=intent)
        second._post_process()
        self.assertEqual(invoice.amount_residual, 140)

    def test_card_of_another_customer_is_not_saved(self):
        _theirs, intent = self._open_form(operation="validation", amount=0)
        self.api.pay(intent)
        own, _intent = self._open_form(
            operation="validation",
            amount=0,
            tokenize=True,
            partner_id=self.foreign_user.partner_id.id,
        )
        self.authenticate("foreign-test", "foreign-test")
        self._return(reference=own.reference, setup_intent=intent)
        self.assertEqual(own.state, "draft")
        self.assertFalse(own.token_id)

    def test_nonsense_is_answered(self):
        invoice = self._bill_one(45)
        payment, intent = self._open_form(invoice)
        self.api.pay(intent)
        payment.provider_reference = False  # begun before it was kept
        before = len(self.api.calls)
        for path in ("", "../charges/ch_1", f"{intent}/capture", "pi_\0", "x" * 5000):
            self._return(reference=payment.reference, payment_intent=path)
        for reference in ("", "nobody's", "\0", "%"):
            self._return(reference=reference, payment_intent=intent)
        # What Odoo would find by the id of a refund, and read from the address.
        self._return(
            event_type="charge.refund.updated", object_id="re_1", refund="re_1"
        )
        self.assertEqual(payment.state, "draft")
        self.assertEqual(len(self.api.calls), before)

import json
import re
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

from lxml import html

from odoo import http
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tests import new_test_user, tagged
from odoo.tools import format_date

from odoo.addons.omni_billing.const import LIMITS
from odoo.addons.omni_billing.controllers.portal import BillingPortal
from odoo.addons.omni_billing.controllers.portal_lists import BillingPortalLists
from odoo.addons.omni_billing.controllers.portal_rows import write_moves
from odoo.addons.omni_billing.tools.write_guard import trust
from odoo.addons.portal.controllers.portal import CustomerPortal

from .card_common import CardCommon
from .http_common import PatientHttpCase
from .mail_common import MailCommon

PAGES = [
    "/my/billing",
    "/my/billing/transactions",
    "/my/billing/invoices",
    "/my/billing/cards",
    "/my/billing/activity",
    "/my/billing/pay",
]
FAILURE = "//*[@data-failure]"
#: A Stripe.js that confirms whatever it is asked.
STRIPE_JS = (
    "data:text/javascript,window.Stripe=()=>({"
    "elements:()=>({create:()=>({on(){},mount(){}}),update(){},submit(){}}),"
    "handleNextAction:async(o)=>{window.confirmed=o.clientSecret;return{}}})"
)


class PortalCommon(CardCommon, PatientHttpCase):
    """A customer with a contact who logs in, and another one with secrets."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider.is_published = True
        cls.env["ir.config_parameter"].sudo().set_param(
            "omni_billing.stripe_js_url", STRIPE_JS
        )
        cls.stranger = cls.env["res.partner"].create(
            {"name": "Secret Society", "is_company": True}
        )
        cls.foreign_user = cls._create_user("foreign-test", "base.group_portal")
        cls.foreign_user.partner_id.parent_id = cls.stranger

    def setUp(self):
        super().setUp()
        self.authenticate("portal-test", "portal-test")

    @classmethod
    def _bill_stranger(cls):
        cls._create_transaction(4321, name="Secret meeting", partner_id=cls.stranger.id)
        return cls._bill(partner_id=cls.stranger.id)

    @classmethod
    def _bill_one(cls, cost=100, **values):
        return cls._bill(cls._create_transaction(cost, **values))

    def _open(self, path, status=200):
        response = self.url_open(path)
        self.assertEqual(response.status_code, status, path)
        self.assertEqual(urlsplit(response.url).path, urlsplit(path).path)
        return html.fromstring(response.content)

    def _read(self, tree, xpath):
        """Return the texts of these elements, with single spaces."""
        return [" ".join(found.text_content().split()) for found in tree.xpath(xpath)]

    def _read_ids(self, tree, table):
        rows = tree.xpath(f"//table[contains(@class, '{table}')]/tbody/tr")
        return [int(row.get("data-id")) for row in rows]

    def _post(self, path, **data):
        return self.url_open(
            path, data={"csrf_token": http.Request.csrf_token(self), **data}
        )

    def _call(self, path, **params):
        response = self.url_open(path, json={"params": params})
        self.assertEqual(response.status_code, 200)
        return response.json()

    def _charge(self, invoices, card=None, amount=None):
        return self._call(
            "/my/billing/pay/charge",
            ids=",".join(map(str, invoices.ids)),
            card_id=(card or self.card).id,
            amount=sum(invoices.mapped("amount_residual"))
            if amount is None
            else amount,
        )

    def _assert_refused(self, path):
        """It is answered just as for an invoice that there never was."""
        missing = re.sub(r"/invoices/\d+", "/invoices/999999999", path)
        answers = [
            (response.status_code, response.headers.get("Location"))
            for response in (
                self.url_open(path, allow_redirects=False),
                self.url_open(missing, allow_redirects=False),
            )
        ]
        self.assertEqual(answers[0], answers[1], path)
        self.assertIn(answers[0][0], (302, 303, 404))


@tagged("post_install", "-at_install")
class TestPortalPages(PortalCommon):
    """F3: the customer's own pages."""

    def test_overview_has_the_balance_and_three_sections(self):
        """F3, F32: unbilled is told, and is not payable."""
        self._bill_one(100, tax_ids=self.tax_10)
        self._create_transaction(45)
        tree = self._open("/my/billing")
        self.assertEqual(
            self._read(tree, "//section/*/h2"),
            [
                *("Unpaid", "Unbilled", "Credit on File"),
                *("Payment Methods", "Transactions", "Invoices"),
            ],
        )
        due, unbilled, credit = self._read(tree, "//*[@data-balance]")
        self.assertIn("$ 110.00", due)
        self.assertIn("$ 45.00", unbilled)
        self.assertIn("It can be paid once it is invoiced", unbilled)
        self.assertIn("$ 0.00", credit)
        self.assertEqual(
            tree.xpath("//*[@data-balance]//a/@href"), ["/my/billing/pay?ids=all"]
        )

    def test_overview_shows_unused_money_as_credit(self):
        """Money paid in advance is credit, though its entry is not a portal user's."""
        payment = self.env["account.payment"].create(
            {"partner_id": self.customer.id, "amount": 30, "payment_type": "inbound"}
        )
        payment.action_post()
        tree = self._open("/my/billing")
        self.assertIn("$ 30.00", self._read(tree, "//*[@data-balance='credit']")[0])

    def test_overview_shows_the_cards_of_the_models(self):
        """F18, F69: under the customer's own rights."""
        self._bill_stranger()
        self._bill_one(100)
        self._create_transaction(45)
        tree = self._open("/my/billing")
        stats = self._read(tree, "//a[@data-card]")
        self.assertEqual(len(stats), 8)
        self.assertIn("Total $ 145.00 2", stats[0])
        self.assertIn("Unbilled $ 45.00 1", stats[1])
        self.assertIn("All Invoices $ 100.00 1", stats[4])
        self.assertIn("Unpaid Invoices $ 100.00 1", stats[5])

    def test_overview_shows_the_latest_five(self):
        transactions = self._create_transaction(1)
        for days in range(1, 8):
            transactions += self._create_transaction(
                1, date=self.today - timedelta(days=days)
            )
        tree = self._open("/my/billing")
        self.assertEqual(
            self._read_ids(tree, "o_billing_transactions"), transactions[:5].ids
        )
        for name in ("transactions", "invoices", "cards"):
            self.assertTrue(tree.xpath(f"//a[@href='/my/billing/{name}']"))

    def test_history_is_the_customers_own(self):
        """F10: what was done, and nothing of staff or of other customers."""
        self._bill_stranger()
        invoice = self._bill_one(name="Internal name")
        void = self._bill_one()
        void.action_billing_void(reason="The accountant forgot it")
        self.env["omni.billing.transaction"].search([]).flush_recordset()
        for path in ("/my/billing", "/my/billing/activity"):
            tree = self._open(path)
            rows = self._read(tree, "//table[contains(@class, 'activities')]//tr")
            text = " ".join(rows)
            self.assertIn("Invoice Generated", text)
            self.assertIn("Invoice Voided", text)
            self.assertIn(invoice.name, text)
            self.assertNotIn("forgot", text)
            self.assertNotIn("Transaction Added", text)
            self.assertNotIn("Secret", text)
            links = tree.xpath("//table[contains(@class, 'activities')]//a/@href")
            self.assertIn(f"/my/billing/invoices/{invoice.id}", links)

    def test_warning_without_a_card_when_something_is_unpaid(self):
        """F130, F138: and a link to add one."""
        warning = "//a[contains(@class, 'btn') and @href='/my/billing/cards']"
        self.card.sudo().active = False
        self.assertFalse(self._open("/my/billing").xpath(warning))
        self._bill_one()
        tree = self._open("/my/billing")
        self.assertTrue(tree.xpath(warning))
        self.assertIn("No payment method found", tree.text_content())
        expired = self._save_card("0002", billing_exp_year=2020)
        self.assertTrue(self._open("/my/billing").xpath(warning))
        expired.sudo().active = False
        self._save_card("0003")
        self.assertFalse(self._open("/my/billing").xpath(warning))

    def test_home_has_a_card_once_there_is_something(self):
        tree = self._open("/my")
        self.assertTrue(tree.xpath("//*[@data-placeholder_count='billing_count']"))
        counters = {"counters": ["billing_count"]}
        answer = self._call("/my/counters", **counters)
        self.assertFalse(answer["result"]["billing_count"])
        self._create_transaction()
        answer = self._call("/my/counters", **counters)
        self.assertTrue(answer["result"]["billing_count"])

    def test_contact_of_the_same_company_sees_the_same(self):
        """A file is the company's, whichever contact looks."""
        invoice = self._bill_one()
        colleague = self._create_user("colleague-test", "base.group_portal")
        colleague.partner_id.parent_id = self.customer
        self._save_card("5555", partner=self.portal.partner_id)
        self.authenticate("colleague-test", "colleague-test")
        tree = self._open("/my/billing")
        self.assertEqual(self._read_ids(tree, "o_billing_invoices"), invoice.ids)
        self.assertEqual(len(tree.xpath("//section[@id='cards']//li")), 2)
        self._open(f"/my/billing/invoices/{invoice.id}")
        self.assertEqual(self._charge(invoice)["result"]["state"], "done")

    def test_an_employee_without_rights_sees_an_empty_file(self):
        self._bill_one()
        self.authenticate("outsider-test", "outsider-test")
        for path in PAGES:
            tree = self._open(path)
            self.assertFalse(tree.xpath("//tr[@data-id]"))
            self.assertNotIn("Fibre 500", tree.text_content())

    def test_staff_see_their_own_file_only(self):
        """A portal page is about who is logged in, not about all customers."""
        self._bill_one()
        self.authenticate("staff-test", "staff-test")
        for path in PAGES:
            self.assertFalse(self._open(path).xpath("//tr[@data-id]"))

    def test_french(self):
        """Amounts and percentages are written as the customer's language does."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.portal.lang = "fr_FR"
        invoice = self._bill_one(100, tax_ids=self.tax_10)
        self.authenticate("portal-test", "portal-test")
        self.opener.cookies["frontend_lang"] = "fr_FR"
        response = self.url_open(f"/my/billing/invoices/{invoice.id}")
        tree = html.fromstring(response.content)
        self.assertEqual(tree.xpath("/html/@lang"), ["fr-FR"])
        [tax] = self._read(tree, "//td[@data-cell='tax']")
        self.assertIn("(10 %)", tax)


@tagged("post_install", "-at_install")
class TestPortalLists(PortalCommon):
    """F3, F9, F19: lists with filters, sort, search and pages."""

    def _list(self, query="", name="transactions"):
        tree = self._open(f"/my/billing/{name}?{query}")
        return self._read_ids(tree, f"o_billing_{name}")

    def test_transactions_are_filtered(self):
        """F19: as on the cards, and by kind."""
        void = self._create_transaction(7)
        void.action_void()
        billed = self._create_transaction(100)
        invoice = self._bill(billed)
        self._pay(invoice, mode="cash")
        payment = invoice.billing_receipt_ids
        old = self._create_transaction(8, date=self.today - timedelta(days=200))
        credit = self._create_credit(5)
        self._bill_stranger()
        for query, expected in {
            "": void + billed + payment + old + credit,
            "filterby=unbilled": old + credit,
            "filterby=invoiced": billed,
            "filterby=credits": credit,
            "filterby=payments": payment,
            "filterby=void": void,
            "filterby=this_month": billed + credit,
            "filterby=nonsense&sortby=nonsense": void + billed + payment + old + credit,
        }.items():
            self.assertEqual(sorted(self._list(query)), sorted(expected.ids), query)

    def test_invoices_are_filtered(self):
        """F19, F69: overdue is unpaid and late."""
        late, paid, note = self._bill_amounts(10, 20, 30)
        self._pay(paid, mode="cash")
        trust(late).invoice_date_due = self.today - timedelta(days=3)
        self._create_credit(5)
        credit = self._bill()
        for query, expected in {
            "": late + paid + note + credit,
            "filterby=unpaid": late + note + credit,
            "filterby=overdue": late,
            "filterby=paid": paid,
            "filterby=credit_notes": credit,
            "filterby=this_month": late + paid + note + credit,
            "filterby=last_month": self.env["account.move"],
        }.items():
            found = self._list(query, "invoices")
            self.assertEqual(sorted(found), sorted(expected.ids), query)

    def test_lists_are_sorted(self):
        cheap, dear, middle = (self._create_transaction(x) for x in (1, 9, 5))
        self.assertEqual(self._list("sortby=amount"), [dear.id, middle.id, cheap.id])
        invoices = self._bill_amounts(1, 9, 5)
        self.assertEqual(
            self._list("sortby=name", "invoices"), invoices.sorted("name").ids[::-1]
        )

    def test_search_finds_words_numbers_and_ids(self):
        """F9: one transaction or invoice by ID, title, number or reference."""
        fibre = self._create_transaction(100, name="Fibre 500")
        invoice = self._bill(fibre)
        self._pay(invoice, mode="cash", reference="Till 99")
        payment = invoice.billing_receipt_ids
        other = self._create_transaction(1, name="100 % cotton", description="Towel")
        secret = self._bill_stranger()
        for search, expected in {
            "fibre": fibre,
            "towel": other,
            "100 %25": other,
            "Till 99": payment,
            str(fibre.id): fibre,
            secret.name: self.env["omni.billing.transaction"],
            "9" * 5000: self.env["omni.billing.transaction"],
        }.items():
            self.assertEqual(self._list(f"search={search}"), expected.ids, search)
        self.assertEqual(
            set(self._list(f"search={invoice.name}")), set((fibre + payment).ids)
        )
        self.assertEqual(self._list(f"search={invoice.id}", "invoices"), invoice.ids)
        self.assertEqual(self._list(f"search={secret.id}", "invoices"), [])

    def test_pages(self):
        transactions = self.env["omni.billing.transaction"].concat(
            *(self._create_transaction(1) for _index in range(5))
        )
        expected = transactions.ids[::-1]
        with patch.object(CustomerPortal, "_items_per_page", 2):
            self.assertEqual(self._list("sortby=date"), expected[:2])
            tree = self._open("/my/billing/transactions/page/3?filterby=unbilled")
            self.assertEqual(
                self._read_ids(tree, "o_billing_transactions"), expected[4:]
            )
            [link] = {
                url
                for url in tree.xpath("//ul[contains(@class, 'pagination')]//a/@href")
                if "/page/2" in url
            }
            self.assertIn("filterby=unbilled", link)
            # Beyond the end there is the last page.
            tree = self._open("/my/billing/transactions/page/999999999999")
            self.assertEqual(
                self._read_ids(tree, "o_billing_transactions"), expected[4:]
            )

    def test_void_is_muted(self):
        """F17: found, and not counted."""
        void = self._create_transaction(7)
        void.action_void()
        self.company.billing_void_method = "credit_note"
        invoice = self._bill_one(50)
        invoice.action_billing_void("Wrong")
        tree = self._open("/my/billing/transactions?filterby=void")
        [row] = tree.xpath("//tr[@data-id]")
        self.assertEqual(row.get("class"), "o_billing_void")
        tree = self._open("/my/billing/invoices")
        [row] = tree.xpath(f"//tr[@data-id='{invoice.id}']")
        self.assertEqual(row.get("class"), "o_billing_void")
        self.assertFalse(row.xpath(".//a[contains(@href, '/pay')]"))

    def test_a_transaction_on_a_draft_has_no_link(self):
        """An invoice that is being prepared is not the customer's to see."""
        transaction = self._create_transaction(12)
        transaction._set_invoiced(self._create_draft(transaction))
        self.assertTrue(transaction.invoice_id)
        tree = self._open("/my/billing/transactions")
        self.assertEqual(
            self._read_ids(tree, "o_billing_transactions"), transaction.ids
        )
        self.assertFalse(tree.xpath("//td[@data-cell='invoice']/a"))
        self.assertFalse(self._list("", "invoices"))

    def test_lists_are_read_without_writing(self):
        """A replica may answer: Odoo complains where a page has to write after all."""
        self._bill_one()
        for name in ("transactions", "invoices", "activity"):
            page = getattr(BillingPortalLists, f"billing_{name}")
            self.assertTrue(page.original_routing["readonly"])
            with self.assertNoLogs("odoo.http", "WARNING"):
                self._open(f"/my/billing/{name}")

    def test_queries_do_not_grow_with_the_rows(self):
        def count(path):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self._open(path)
            return self.cr.sql_log_count - before

        most = {
            "/my/billing/transactions": 25,
            "/my/billing/invoices": 25,
            "/my/billing/activity": 20,
            "/my/billing": 62,
        }
        self._pay(self._bill_amounts(1, 2, 3), mode="cash")
        self._bill_amounts(*range(4, 11))
        for path in most:
            self._open(path)
        few = {path: count(path) for path in most}
        self.assertEqual(len(self._list("", "invoices")), 10)
        self._pay(self._bill_amounts(*range(1, 9)), mode="cash")
        self._bill_amounts(*range(1, 33))
        many = {path: count(path) for path in most}
        self.assertEqual(len(self._list("", "invoices")), 50)
        for path, limit in most.items():
            self.assertLessEqual(many[path], few[path], path)
            self.assertLessEqual(many[path], limit, path)

    def test_rows_say_what_the_widgets_of_odoo_say(self):
        """They are written once a page, in the language of the reader."""
        self.env["res.lang"]._activate_lang("fr_FR")
        invoice, paid = self._bill_amounts(12345.6, 7)
        self._pay(paid, mode="cash")
        trust(invoice).invoice_date_due = self.today - timedelta(days=3)
        self._create_credit(5)
        note = self._bill()
        for lang, late in (("en_US", "Overdue"), ("fr_FR", "En retard")):
            env = self.env(context={"lang": lang})
            moves = (invoice + paid + note).with_env(env)
            amount = env["ir.qweb.field.omni_billing_amount"].value_to_html
            currency = {"display_currency": invoice.currency_id}
            rows = write_moves(moves, self.today)
            for move, row in zip(moves, rows, strict=True):
                sign = -1 if move.move_type == "out_refund" else 1
                owed = sign * move._billing_get_amount_owed()
                self.assertEqual(
                    row["total"], amount(sign * move.amount_total, currency)
                )
                self.assertEqual(row["left"], amount(owed, currency))
                self.assertEqual(row["date"], format_date(env, move.invoice_date))
            self.assertEqual([row["is_payable"] for row in rows], [True, False, False])
            self.assertEqual(rows[0]["state"], late)
            label = dict(moves._fields["billing_state"]._description_selection(env))
            self.assertEqual(rows[1]["state"], label["paid"])


@tagged("post_install", "-at_install")
class TestPortalInvoice(PortalCommon):
    """F119: one invoice, for its customer or by its link."""

    def test_content(self):
        """F78-F82: lines with their tax, totals, payments."""
        taxed = self._create_transaction(
            100, tax_ids=self.tax_10, name="Fibre", description="<b>Fast</b>"
        )
        free = self._create_transaction(40, name="Stamp")
        invoice = self._bill(taxed, free, title="January <3")
        self._pay(invoice, mode="cash", amount=50, reference="Till 7")
        tree = self._open(f"/my/billing/invoices/{invoice.id}")
        rows = self._read(
            tree, "//table[contains(@class, 'o_billing_lines')]//tbody/tr"
        )
        self.assertEqual(len(rows), 2)
        text = " ".join(rows)
        self.assertIn("<b>Fast</b>", text)
        self.assertIn("$ 100.00", text)
        taxes = self._read(tree, "//td[@data-cell='tax']")
        self.assertEqual(sorted(taxes), ["-", "Tax $ 10.00 (10%)"])
        self.assertEqual(
            self._read(tree, "//table[contains(@class, 'o_billing_totals')]//td")[-3:],
            ["$ 150.00", "$ 50.00", "$ 100.00"],
        )
        [receipt] = self._read(
            tree, "//table[contains(@class, 'o_billing_receipts')]//tbody/tr"
        )
        self.assertIn("Till 7 $ 50.00", receipt)
        [heading] = self._read(tree, "//h1")
        self.assertIn(invoice.name, heading)
        self.assertIn("January <3", tree.text_content())
        self.assertEqual(self._read(tree, "//*[@data-fact='due']"), ["$ 100.00"])
        self.assertTrue(tree.xpath("//a[contains(@href, '/pay')]"))

    def test_failed_charge_is_told_until_it_is_paid(self):
        """F142, F155: why, and a way to pay, on the page and on that of the account."""
        invoice = self._bill_one(10)
        self.gateway.decline(decline_code="stolen_card")
        invoice._billing_charge(self.card)
        path = f"/my/billing/invoices/{invoice.id}"
        for page in ("/my/billing", path):
            tree = self._open(page)
            [told] = self._read(tree, "//*[@data-failure]")
            self.assertIn(f"The payment failed for {invoice.name}", told)
            self.assertIn("Card declined.", told)
            self.assertNotIn("stolen", told)
            [link] = tree.xpath("//*[@data-failure]//a/@href")
            self.assertEqual(link, f"{path}/pay")
        self.authenticate(None, None)
        link = invoice._billing_get_view_link()
        [told] = self._read(html.fromstring(self.url_open(link).content), FAILURE)
        self.assertIn("Card declined.", told)
        self._pay(invoice, mode="cash")
        self.authenticate("portal-test", "portal-test")
        for page in ("/my/billing", path):
            self.assertFalse(self._open(page).xpath(FAILURE))

    def test_paid_and_void_have_nothing_to_pay(self):
        paid = self._bill_one(10)
        self._pay(paid, mode="cash")
        self._create_credit(5)
        note = self._bill()
        self.company.billing_void_method = "credit_note"
        void = self._bill_one(20)
        void.action_billing_void("Wrong")
        for invoice in paid + note + void:
            tree = self._open(f"/my/billing/invoices/{invoice.id}")
            self.assertFalse(tree.xpath("//a[contains(@href, '/pay')]"))
            tree = self._open(f"/my/billing/invoices/{invoice.id}/pay")
            self.assertIn("There is nothing to pay", tree.text_content())
            self.assertFalse(tree.xpath("//form[contains(@class, 'payment_form')]"))

    def test_pdf(self):
        """F99, F195: ours, by login or by link."""
        invoice = self._bill_one()
        invoice._portal_ensure_token()
        path = f"/my/billing/invoices/{invoice.id}/pdf"
        for query in ("", f"?access_token={invoice.access_token}"):
            response = self.url_open(path + query)
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.headers["Content-Type"], "application/pdf")
            self.assertTrue(response.content.startswith(b"%PDF"))
            self.assertEqual(
                response.headers["Content-Disposition"],
                f"attachment; filename*=UTF-8''Invoice_{invoice.name[-5:]}.pdf",
            )
            self.authenticate(None, None)

    def test_link_opens_this_invoice_and_nothing_else(self):
        """F119: without a login there is no balance, no other page, no card."""
        invoice = self._bill_one(100, name="Fibre 500")
        self._bill_one(77, name="Other invoice")
        self._create_transaction(55, name="Unbilled thing")
        invoice._portal_ensure_token()
        self.authenticate(None, None)
        for page in ("", "/pay"):
            tree = self._open(
                f"/my/billing/invoices/{invoice.id}{page}"
                f"?access_token={invoice.access_token}"
            )
            text = tree.text_content()
            for secret in ("Other invoice", "77.00", "Unbilled thing", "•••• 4242"):
                self.assertNotIn(secret, text)
            for url in tree.xpath("//*[@id='wrap']//a/@href"):
                if url.startswith("/web/login?redirect="):
                    # To come back to this very page.
                    continue
                self.assertTrue(url.startswith(f"/my/billing/invoices/{invoice.id}"))
                self.assertIn(f"access_token={invoice.access_token}", url)
            self.assertFalse(tree.xpath("//ol[contains(@class, 'breadcrumb')]"))
            self.assertFalse(tree.xpath("//form[contains(@class, 'o_billing_pay')]"))

    def test_link_of_a_void_invoice_says_so(self):
        invoice = self._bill_one()
        invoice._portal_ensure_token()
        invoice.action_billing_void("Wrong")
        self.authenticate(None, None)
        path = f"/my/billing/invoices/{invoice.id}?access_token={invoice.access_token}"
        tree = self._open(path)
        self.assertIn("Void", self._read(tree, "//header//span"))
        self.assertFalse(tree.xpath("//a[contains(@href, '/pay')]"))

    def test_what_is_not_ones_own_is_answered_as_what_is_not_there(self):
        """F193: another customer's, drafts, vendor bills, forged links, no login."""
        secret = self._bill_stranger()
        secret._portal_ensure_token()
        draft = self._create_draft(self._create_transaction(9))
        draft._portal_ensure_token()
        bill = self.init_invoice("in_invoice", self.partner_a, amounts=[9], post=True)
        bill._portal_ensure_token()
        own_bill = self.init_invoice(
            "in_invoice", self.customer, amounts=[9], post=True
        )
        for login in ("portal-test", None):
            self.authenticate(login, login)
            for query in ("", "?access_token=guessed", "?access_token="):
                for page in ("", "/pdf", "/pay"):
                    for move in secret + draft + bill + own_bill:
                        self._assert_refused(
                            f"/my/billing/invoices/{move.id}{page}{query}"
                        )
            for move in draft + bill:
                self._assert_refused(
                    f"/my/billing/invoices/{move.id}?access_token={move.access_token}"
                )
            # A right token opens its own invoice only.
            other = self._bill_one()
            if not login:
                self._assert_refused(
                    f"/my/billing/invoices/{other.id}?access_token={secret.access_token}"
                )

    def test_nonsense_in_the_address(self):
        for number in ("0", "-1", "2147483648", "9" * 40):
            for page in ("", "/pdf", "/pay"):
                self._assert_refused(f"/my/billing/invoices/{number}{page}")
        for number in ("abc", "1.5"):
            response = self.url_open(f"/my/billing/invoices/{number}")
            self.assertEqual(response.status_code, 404, number)

    def test_pages_without_login_lead_to_it(self):
        self.authenticate(None, None)
        for path in PAGES:
            response = self.url_open(path)
            self.assertEqual(urlsplit(response.url).path, "/web/login", path)

    def test_wrong_methods(self):
        invoice = self._bill_one()
        own = f"/my/billing/invoices/{invoice.id}"
        for path in [*PAGES, own, f"{own}/pdf", f"{own}/pay"]:
            self.assertEqual(self._post(path).status_code, 405, path)
        for operation in ("default", "delete"):
            path = f"/my/billing/cards/{self.card.id}/{operation}"
            self.assertEqual(self.url_open(path).status_code, 405)
        for name in ("charge", "check", f"transaction/{invoice.id}"):
            path = f"/my/billing/pay/{name}"
            self.assertEqual(self.url_open(path).status_code, 405)
            # A form of another site cannot send JSON.
            self.assertEqual(self._post(path).status_code, 415)
        self.assertFalse(self.gateway.charges)


@tagged("post_install", "-at_install")
class TestPortalCards(PortalCommon):
    """F125-F127: saved cards."""

    def test_list(self):
        """F125: what a card is, which is charged first, which is expired."""
        self._save_card("1111", billing_brand="mastercard", billing_exp_year=2020)
        self._save_card("9999", partner=self.stranger)
        tree = self._open("/my/billing/cards")
        first, second = self._read(tree, "//li[@data-id]")
        self.assertIn("Visa •••• 4242 (12/2040) Default", first)
        self.assertNotIn("Set as Default", first)
        self.assertIn("Mastercard •••• 1111 (12/2020) Expired", second)
        self.assertNotIn("Set as Default", second)
        self.assertNotIn("•••• 9999", tree.text_content())

    def test_a_card_is_added_on_odoos_own_form(self):
        """F126: the number is typed into Stripe's field, never into ours."""
        tree = self._open("/my/billing/cards")
        [form] = tree.xpath("//form[@id='o_payment_form']")
        self.assertEqual(form.get("data-mode"), "validation")
        self.assertEqual(form.get("data-landing-route"), "/my/billing/cards")
        self.assertFalse(form.xpath(".//*[@data-payment-option-type='token']"))

    def test_without_a_provider_it_is_said_how_to_pay(self):
        self.company.billing_payment_instructions = "Come to the desk."
        self.provider.is_published = False
        tree = self._open("/my/billing/cards")
        self.assertFalse(tree.xpath("//form[@id='o_payment_form']"))
        self.assertIn("Come to the desk.", tree.text_content())
        invoice = self._bill_one()
        tree = self._open(f"/my/billing/invoices/{invoice.id}/pay")
        self.assertIn("Come to the desk.", tree.text_content())
        self.assertFalse(tree.xpath("//form[contains(@class, 'o_billing_pay')]"))

    def test_default(self):
        """F127: the other one is charged first from then on."""
        other = self._save_card("1111")
        response = self._post(f"/my/billing/cards/{other.id}/default")
        self.assertEqual(urlsplit(response.url).path, "/my/billing/cards")
        self.env.invalidate_all()
        self.assertTrue(other.billing_is_default)
        self.assertFalse(self.card.billing_is_default)

    def test_delete(self):
        """F125: also a card that a colleague saved."""
        other = self._save_card("1111", partner=self.portal.partner_id.copy())
        self._post(f"/my/billing/cards/{other.id}/delete")
        self.env.invalidate_all()
        self.assertFalse(other.active)
        self.assertTrue(self.card.active)
        tree = self._open("/my/billing/cards")
        self.assertNotIn("•••• 1111", tree.text_content())

    def test_what_is_wrong_is_said(self):
        expired = self._save_card("1111", billing_exp_year=2020)
        response = self._post(f"/my/billing/cards/{expired.id}/default")
        self.assertIn("is expired", html.fromstring(response.content).text_content())
        self.env.invalidate_all()
        self.assertTrue(self.card.billing_is_default)

    def test_cards_of_others_are_not_there(self):
        """F193: just as one that never was; nor without login or CSRF token."""
        secret = self._save_card("9999", partner=self.stranger)
        for operation in ("default", "delete"):
            for number in (secret.id, 999999999, "9" * 40):
                path = f"/my/billing/cards/{number}/{operation}"
                self.assertEqual(self._post(path).status_code, 404)
            path = f"/my/billing/cards/{self.card.id}/{operation}"
            self.assertEqual(self.url_open(path, data={"x": 1}).status_code, 400)
        response = self._post(f"/my/billing/cards/{self.card.id}/burn")
        self.assertEqual(response.status_code, 404)
        self.authenticate(None, None)
        self._post(f"/my/billing/cards/{self.card.id}/delete")
        self.env.invalidate_all()
        self.assertTrue(secret.active and self.card.active)


@tagged("post_install", "-at_install")
class TestPortalPayment(PortalCommon):
    """F119, F132-F138, W16: paying online."""

    def test_page(self):
        """F133: the default card is chosen, an expired one cannot be."""
        self._save_card("1111", billing_exp_year=2020)
        other = self._save_card("2222")
        invoice = self._bill_one(100, tax_ids=self.tax_10)
        tree = self._open(f"/my/billing/invoices/{invoice.id}/pay")
        self.assertEqual(self._read(tree, "//*[@data-total]"), ["$ 110.00"])
        radios = tree.xpath("//form[contains(@class, 'o_billing_pay')]//input")
        self.assertEqual(
            [(radio.get("value"), radio.get("checked")) for radio in radios[:2]],
            [(str(self.card.id), "True"), (str(other.id), None)],
        )
        self.assertTrue(radios[2].get("disabled"))
        [button] = self._read(
            tree, "//button[contains(@class, 'o_billing_pay_button')]"
        )
        self.assertEqual(button, "Pay $ 110.00")
        # A new card, on Odoo's form, which pays the same.
        [form] = tree.xpath("//form[@id='o_payment_form']")
        self.assertEqual(form.get("data-amount"), "110.0")
        self.assertFalse(form.xpath(".//*[@data-payment-option-type='token']"))

    def test_only_an_expired_card_is_chosen_by_nobody(self):
        self.card.sudo().billing_exp_year = 2020
        invoice = self._bill_one()
        tree = self._open(f"/my/billing/invoices/{invoice.id}/pay")
        self.assertFalse(tree.xpath("//input[@name='card' and @checked]"))
        error = self._charge(invoice)["error"]
        self.assertIn("Card expired", error["data"]["message"])
        self.assertFalse(self.gateway.charges)

    def test_several_at_once(self):
        """W16: one amount over them, the oldest first."""
        first, second = self._bill_amounts(10, 20)
        paid = self._bill_one(40)
        self._pay(paid, mode="cash")
        tree = self._open("/my/billing/pay?ids=all")
        self.assertEqual(self._read(tree, "//*[@data-total]"), ["$ 30.00"])
        [form] = tree.xpath("//form[contains(@class, 'o_billing_pay')]")
        self.assertEqual(form.get("data-ids"), f"{first.id},{second.id}")
        tree = self._open(f"/my/billing/pay?ids={second.id}")
        self.assertEqual(self._read(tree, "//*[@data-total]"), ["$ 20.00"])
        answer = self._charge(first + second)["result"]
        self.assertEqual(answer["state"], "done")
        self.assertEqual(answer["landing_url"], "/my/billing")
        self.assertEqual(self.gateway.taken, 3000)
        self.env.invalidate_all()
        self.assertEqual({first.billing_state, second.billing_state}, {"paid"})

    def _read_sums(self, tree):
        return [
            self._read(tree, f"//*[@data-{name}]")
            for name in ("due", "credit", "total")
        ]

    def test_credit_is_used_before_the_card(self):
        """W15, F154: the page asks for what credit leaves, and so does the charge."""
        invoice = self._bill_one(60)
        self._bill(self._create_credit(25))
        tree = self._open(f"/my/billing/invoices/{invoice.id}/pay")
        self.assertEqual(
            self._read_sums(tree), [["$ 60.00"], ["-\ufeff$ 25.00"], ["$ 35.00"]]
        )
        tree = self._open(f"/my/billing/invoices/{invoice.id}")
        self.assertEqual(self._read(tree, "//*[@data-fact='due']"), ["$ 35.00"])
        tree = self._open("/my/billing")
        self.assertIn("$ 35.00", self._read(tree, "//*[@data-to-pay]")[0])
        self.assertIn("$ 35.00", self._read(tree, "//*[@data-cell='left']")[1])
        self.assertIn("error", self._charge(invoice, amount=60))
        self.assertFalse(self.gateway.charges)
        self.assertEqual(self._charge(invoice, amount=35)["result"]["state"], "done")
        self.assertEqual(self.gateway.taken, 3500)
        self.env.invalidate_all()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(self._get_books_balance(), 0)

    def test_credit_that_pays_all_needs_no_card(self):
        older, invoice = self._bill_amounts(10, 60)
        self._bill(self._create_credit(70))
        tree = self._open("/my/billing/pay")
        self.assertEqual(self._read_sums(tree)[2], ["$ 0.00"])
        self.assertFalse(tree.xpath("//form[contains(@class, 'o_billing_pay')]"))
        [ids] = tree.xpath("//form[@action='/my/billing/pay/credit']/input/@value")[1:]
        self._post("/my/billing/pay/credit", ids=ids)
        self.env.invalidate_all()
        self.assertEqual((older + invoice).mapped("billing_state"), ["paid"] * 2)
        self.assertFalse(self.gateway.charges)
        self.assertEqual(self._get_books_balance(), 0)

    def test_credit_of_others_stays_theirs(self):
        invoice = self._bill_stranger()
        self._create_credit(20, partner_id=self.stranger.id)
        self._bill(partner_id=self.stranger.id)
        self._post("/my/billing/pay/credit", ids=str(invoice.id))
        self.env.invalidate_all()
        self.assertEqual(invoice.amount_residual, 4321)

    def test_several_currencies_are_paid_one_after_the_other(self):
        euro = self.setup_other_currency("EUR", rates=[("2020-01-01", 0.5)])
        dollars = self._bill_one(10)
        euros = self._bill_one(20, currency_id=euro.id)
        tree = self._open("/my/billing/pay")
        self.assertFalse(tree.xpath("//form"))
        self.assertEqual(
            {url for url in tree.xpath("//li//a/@href") if "ids=" in url},
            {f"/my/billing/pay?ids={invoice.id}" for invoice in dollars + euros},
        )
        error = self._charge(dollars + euros, amount=30)["error"]
        self.assertTrue(error["data"]["message"])
        self.assertFalse(self.gateway.charges)

    def test_several_accounts_are_paid_one_after_the_other(self):
        """A payment is booked on one receivable account."""
        first = self._bill_one(10)
        receivable = self.company_data["default_account_receivable"]
        self.customer.property_account_receivable_id = receivable.copy()
        invoices = first + self._bill_one(20)
        tree = self._open("/my/billing/pay")
        self.assertEqual(
            {url for url in tree.xpath("//li//a/@href") if "ids=" in url},
            {f"/my/billing/pay?ids={invoice.id}" for invoice in invoices},
        )
        error = self._charge(invoices, amount=30)["error"]
        self.assertIn("reload", error["data"]["message"])
        self.assertFalse(self.gateway.charges)
        for invoice in invoices:
            self.assertEqual(self._charge(invoice)["result"]["state"], "done")
        self.assertEqual(self.gateway.taken, 3000)

    def test_of_others_nothing_is_paid(self):
        """W16, F193: not even beside one's own; nonsense leads back."""
        own, secret = self._bill_one(10), self._bill_stranger()
        for ids in (secret.id, f"{own.id},{secret.id}", f"{own.id},999999999"):
            response = self.url_open(f"/my/billing/pay?ids={ids}")
            self.assertEqual(urlsplit(response.url).path, "/my/billing")
            error = self._call(
                "/my/billing/pay/charge", ids=ids, card_id=self.card.id, amount=10
            )["error"]
            self.assertEqual(error["data"]["name"], "odoo.exceptions.MissingError")
        for ids in ("", "x", "1,,2", "9" * 40, "9" * 5000, "1;2"):
            response = self.url_open(f"/my/billing/pay?ids={ids}")
            self.assertEqual(response.status_code, 200)
            self.assertEqual(urlsplit(response.url).path, "/my/billing")
        self.assertFalse(self.gateway.charges)

    def test_charge(self):
        """F119, F134-F137: paid, told, and in the ledger."""
        invoice = self._bill_one(45)
        answer = self._charge(invoice)["result"]
        self.assertEqual(answer["state"], "done")
        self.assertEqual(answer["landing_url"], f"/my/billing/invoices/{invoice.id}")
        self.assertEqual(self.gateway.taken, 4500)
        self.env.invalidate_all()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(invoice.billing_receipt_ids.amount_total, -45)
        tree = self._open(f"/my/billing/invoices/{invoice.id}")
        self.assertIn("pi_0", tree.text_content())
        # A second click finds nothing to pay.
        self.assertIn("error", self._charge(invoice, amount=45))
        self.assertEqual(self.gateway.taken, 4500)

    def test_only_the_amount_on_the_page_is_charged(self):
        """W16: what changed meanwhile is shown first."""
        invoice = self._bill_one(45)
        self._pay(invoice, mode="cash", amount=5)
        params = {"ids": str(invoice.id), "card_id": self.card.id, "amount": 45}
        for amount in ("45", "1", "0", "-40", '"40"', "null", "[40]", "NaN", "1e400"):
            response = self.url_open(
                "/my/billing/pay/charge",
                data=json.dumps({"params": params}).replace(": 45}", f": {amount}}}"),
                headers={"Content-Type": "application/json"},
            )
            message = response.json()["error"]["data"]["message"]
            self.assertIn("has changed", message, amount)
        self.assertFalse(self.gateway.charges)
        self.assertEqual(self._charge(invoice, amount=40)["result"]["state"], "done")

    def test_decline(self):
        """F142: the customer reads why, and may try another card."""
        invoice = self._bill_one(45)
        self.gateway.decline(decline_code="insufficient_funds")
        answer = self._charge(invoice)["result"]
        self.assertEqual(answer["state"], "declined")
        self.assertIn("not enough money", answer["message"])
        other = self._save_card("2222")
        self.assertEqual(self._charge(invoice, other)["result"]["state"], "done")

    def test_lost_answer(self):
        """W2: nothing is charged twice; asking again tells."""
        invoice = self._bill_one(45)
        self.gateway.lose(is_executed=True)
        answer = self._charge(invoice)["result"]
        self.assertEqual(answer["state"], "unknown")
        tree = self._open(f"/my/billing/invoices/{invoice.id}/pay")
        self.assertIn("is under way", tree.text_content())
        answer = self._call("/my/billing/pay/check", reference=answer["reference"])
        self.assertEqual(answer["result"]["state"], "done")
        self.assertEqual(self.gateway.taken, 4500)

    def test_confirmation_by_the_bank(self):
        """W7: a secret for the bank's own page, then the outcome."""
        invoice = self._bill_one(45)
        self.gateway.ask_customer()
        answer = self._charge(invoice)["result"]
        self.assertEqual(answer["state"], "action")
        self.assertEqual(answer["client_secret"], "secret")
        self.assertEqual(answer["publishable_key"], "pk_test_1")
        self.gateway.settle("pi_0", "succeeded")
        answer = self._call("/my/billing/pay/check", reference=answer["reference"])
        self.assertEqual(answer["result"]["state"], "done")

    def test_check_is_for_ones_own_attempts(self):
        invoice = self._bill_one(45)
        reference = self._charge(invoice)["result"]["reference"]
        self.authenticate("foreign-test", "foreign-test")
        for unknown in (reference, "nothing", None, ["x"], ""):
            answer = self._call("/my/billing/pay/check", reference=unknown)
            self.assertEqual(answer["error"]["code"], 404, unknown)

    def test_cards_of_others_are_not_charged(self):
        """F193: as if there was no such card (F130)."""
        invoice = self._bill_one(45)
        secret = self._save_card("9999", partner=self.stranger)
        for card_id in (secret.id, 999999999, "x", None):
            answer = self._call(
                "/my/billing/pay/charge",
                ids=str(invoice.id),
                card_id=card_id,
                amount=45,
            )
            message = answer["error"]["data"]["message"]
            self.assertIn("No payment method found", message)
        self.assertFalse(self.gateway.charges)

    def test_without_login_no_card_is_charged(self):
        invoice = self._bill_one(45)
        self.authenticate(None, None)
        self.assertEqual(self._charge(invoice)["error"]["code"], 100)
        answer = self._call("/my/billing/pay/check", reference=invoice.name)
        self.assertEqual(answer["error"]["code"], 100)
        self.assertFalse(self.gateway.charges)

    def test_form_by_link(self):
        """F119, F131: whoever has the link may pay, and saves no card."""
        invoice = self._bill_one(45)
        invoice._portal_ensure_token()
        self.authenticate(None, None)
        tree = self._open(
            f"/my/billing/invoices/{invoice.id}/pay?access_token={invoice.access_token}"
        )
        [form] = tree.xpath("//form[@id='o_payment_form']")
        self.assertEqual(form.get("data-access-token"), invoice.access_token)
        self.assertEqual(
            form.get("data-landing-route"),
            f"/my/billing/invoices/{invoice.id}?access_token={invoice.access_token}",
        )
        self.assertFalse(form.xpath(".//input[@name='o_payment_tokenize_checkbox']"))

    # === The transaction behind Odoo's form === #

    def _begin(self, ids, amount, **kwargs):
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "token_id": None,
            "flow": "direct",
            "tokenization_requested": True,
            "landing_route": "https://evil.example.com",
            "access_token": None,
        }
        seam = patch.object(
            type(self.env["payment.transaction"]),
            "_get_specific_processing_values",
            lambda *_args: {},
        )
        with seam:
            return self._call(
                f"/my/billing/pay/transaction/{ids}", amount=amount, **values | kwargs
            )

    def _get_last_payment(self):
        return self.env["payment.transaction"].sudo().search([], limit=1)

    def test_form_pays_what_is_owed(self):
        """W16: amount and landing page are the server's to say."""
        first, second = self._bill_amounts(10, 20)
        self.assertIn("result", self._begin(f"{first.id},{second.id}", 30))
        payment = self._get_last_payment()
        self.assertEqual(payment.amount, 30)
        self.assertEqual(payment.invoice_ids, first + second)
        self.assertEqual(payment.landing_route, "/my/billing")
        self.assertEqual(payment.partner_id, self.portal.partner_id)
        self.assertTrue(payment.tokenize)

    def test_form_pays_what_credit_leaves(self):
        """W15: the credit is used as the payment begins."""
        invoice = self._bill_one(60)
        self._bill(self._create_credit(25))
        self.assertIn("error", self._begin(invoice.id, 60))
        self.assertIn("result", self._begin(invoice.id, 35))
        self.assertEqual(self._get_last_payment().amount, 35)
        self.env.invalidate_all()
        self.assertEqual(invoice.amount_residual, 35)

    def test_form_takes_no_provider_that_it_did_not_offer(self):
        invoice = self._bill_one(45)
        other = self.setup_other_company()["company"]
        foreign = self._copy_provider(company_id=other.id)
        last = self._get_last_payment()
        for provider in (foreign, self._copy_provider(state="disabled")):
            answer = self._begin(invoice.id, 45, provider_id=provider.id)
            self.assertIn("not available here", answer["error"]["data"]["message"])
            self.assertEqual(self._get_last_payment(), last)

    def test_odd_values_are_answered_with_a_message(self):
        invoice = self._bill_one(45)
        for amount in (1e308, -1e308, 10**400, "45", None, True, [45], {}):
            with self.subTest(amount=str(amount)[:9]):
                answer = self._charge(invoice, amount=amount or {})
                message = answer["error"]["data"]["message"]
                self.assertIn("What is left to pay has changed", message)
        for ids in ("\0", "1\0", "9" * 10, "1,,2", [1], {}, None, True):
            answer = self._call(
                "/my/billing/pay/charge", ids=ids, card_id=self.card.id, amount=45
            )
            self.assertIn("does not exist", answer["error"]["data"]["message"])
        for reference in ("\0", "x\0y", None, [1], {}):
            answer = self._call("/my/billing/pay/check", reference=reference)
            self.assertEqual(answer["error"]["code"], 404)
        for name in ("provider_id", "payment_method_id"):
            for value in (None, "x", "\0", 10**30, -1, 1.5, [1], {}):
                answer = self._begin(invoice.id, 45, **{name: value})
                with self.subTest(name, value=value):
                    message = answer["error"]["data"]["message"]
                    self.assertIn("is no id", message)
        self.assertFalse(invoice.sudo().transaction_ids)

    def test_odd_addresses_are_answered_as_missing_ones(self):
        invoice = self._bill_one(45)
        for path in (
            "/my/billing/transactions?search=%00",
            "/my/billing/invoices?search=a%00b&sortby=%00&filterby=%00",
            "/my/billing/invoices?search=9999999999",
            "/my/billing/invoices/page/99999999999999999999",
            "/my/billing/invoices/9999999999",
            "/my/billing/invoices/99999999999999999999/pdf",
            "/my/billing/invoices/9999999999/pay",
            "/my/billing/pay?ids=9999999999",
            "/my/billing/pay?ids=%00",
            f"/my/billing/invoices/{invoice.id}?access_token=%C3%A9",
            f"/my/billing/invoices/{invoice.id}?access_token=%00",
        ):
            with self.subTest(path):
                self.assertEqual(self.url_open(path).status_code, 200)
        answer = self.url_open("/billing/bulk/9999999999/invoices.pdf")
        self.assertEqual(answer.status_code, 404)

    def test_pdf_is_kept_by_nobody_on_the_way(self):
        invoice = self._bill_one(45)
        answer = self.url_open(f"/my/billing/invoices/{invoice.id}/pdf")
        self.assertEqual(answer.headers["Cache-Control"], "private, no-cache")

    def test_form_begins_in_no_other_way(self):
        invoice = self._bill_one(45)
        last = self._get_last_payment()
        for flow in ("token", "iou", "", None, ["direct"], {}, 1):
            with self.subTest(flow=flow):
                answer = self._begin(invoice.id, 45, flow=flow)
                self.assertEqual(answer["error"]["code"], 404)
        self.assertEqual(self._get_last_payment(), last)

    def test_form_by_link_saves_no_card(self):
        invoice = self._bill_one(45)
        token = invoice._portal_ensure_token()
        self.authenticate(None, None)
        self.assertIn("result", self._begin(invoice.id, 45, access_token=token))
        payment = self._get_last_payment()
        self.assertEqual(payment.partner_id, self.customer)
        self.assertFalse(payment.tokenize)
        self.assertEqual(
            payment.landing_route,
            f"/my/billing/invoices/{invoice.id}?access_token={token}",
        )

    def test_form_refuses(self):
        """F193: other amounts, other invoices, saved cards, other values."""
        invoice, secret = self._bill_one(45), self._bill_stranger()
        before = self._get_last_payment()
        for ids, amount, values in (
            (invoice.id, 1, {}),
            (invoice.id, None, {}),
            (secret.id, 4321, {}),
            (secret.id, 4321, {"access_token": "guessed"}),
            (f"{invoice.id},{secret.id}", 4366, {}),
            ("x", 45, {}),
            (invoice.id, 45, {"flow": "token", "token_id": self.card.id}),
            (invoice.id, 45, {"is_validation": True}),
            (invoice.id, 45, {"custom_create_values": {"amount": 1}}),
        ):
            self.assertIn("error", self._begin(ids, amount, **values), values)
        self.authenticate(None, None)
        self.assertIn("error", self._begin(invoice.id, 45))
        self.assertIn("error", self._begin(f"{invoice.id},{invoice.id}", 45))
        self.assertEqual(self._get_last_payment(), before)


@tagged("post_install", "-at_install")
class TestPortalStory(MailCommon, PortalCommon):
    def test_eight_steps(self):
        """F213: items, a free line, page, taxes, card, self-pay, reminder, cancel."""
        self._use_mailjet()
        page = self.env["omni.billing.template"].create(
            {"name": "Clinic", "is_automatic": False}
        )
        self.customer.billing_template_id = page
        self._create_transaction(50, name="First visit", tax_ids=self.tax_10)
        self._create_transaction(5, name="Bandage")
        visit = self._bill()
        self.assertEqual(page._select_for(visit), page)
        self.assertEqual((visit.amount_tax, visit.amount_total), (5, 60))
        self._pay(visit, mode="stripe")
        self.assertEqual(visit.billing_state, "paid")
        own = self._bill_one(20)
        self.assertEqual(self._charge(own)["result"]["state"], "done")
        self.env.invalidate_all()
        self.assertEqual(own.billing_state, "paid")
        wrong = self._bill_one(30)
        wrong.action_billing_remind()
        self.assertEqual(wrong.billing_mail_ids.kind, "reminder")
        self.assertIn("reminder", self.mailjet.sent[-1].subject)
        wrong.action_billing_void()
        self.env.invalidate_all()
        self.assertEqual(self.customer.billing_unbilled_amount, 30)
        self.assertEqual(self.gateway.taken, 8000)
        self.assertEqual(self._get_books_balance(), 0)


@tagged("post_install", "-at_install")
class TestPortalPayInBrowser(PortalCommon):
    """F119, W7: what the page does with the answers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pages = "web.assets_frontend"
        cls._make_assets(scripts=[f"{pages}_minimal", f"{pages}_lazy"], styles=[pages])

    def _pay_in_browser(self, invoice, steps):
        code = """
            const button = document.querySelector(".o_billing_pay_button");
            const check = document.querySelector(".o_billing_check_button");
            const message = document.querySelector(".o_billing_pay_message");
            const until = async (what, test) => {
                for (let i = 0; i < 100 && !test(); i++) {
                    await new Promise((resolve) => setTimeout(resolve, 50));
                }
                if (!test()) {
                    throw new Error(`In vain: ${what}; ${message.textContent}`);
                }
            };
            (async () => {
                STEPS
                console.log("test successful");
            })().catch((error) => console.error(error.message));
            """
        self.browser_js(
            f"/my/billing/invoices/{invoice.id}/pay",
            code.replace("STEPS", steps),
            "!document.querySelector('.o_billing_pay_button').disabled",
            login="portal-test",
        )
        self.env.invalidate_all()

    def test_decline_then_paid(self):
        """F142: the reason is read, the button works again; one charge a click."""
        invoice = self._bill_one(45)
        self.gateway.decline(decline_code="expired_card")
        self._pay_in_browser(
            invoice,
            """
            button.click();
            button.click();
            await until("busy", () => button.disabled);
            await until("declined", () => message.dataset.state === "declined");
            await until("free", () => !button.disabled);
            if (!message.textContent.includes("Card expired")) {
                throw new Error(message.textContent);
            }
            """,
        )
        self.assertEqual(len(self.gateway.charges), 1)
        self._pay_in_browser(
            invoice,
            """
            button.click();
            await until("done", () => message.dataset.state === "done");
            """,
        )
        self.assertEqual(invoice.billing_state, "paid")

    def test_confirmation(self):
        """W7: Stripe.js is given the secret; then the server says what came of it."""
        invoice = self._bill_one(45)
        self.gateway.ask_customer()
        confirm = self.gateway.get_charge

        def get_charge(charge_id):
            charge = confirm(charge_id)
            if charge.needs_customer:
                # Asked once for the secret; from then on the bank has said yes.
                self.gateway.settle(charge_id, "succeeded")
            return charge

        self.gateway.get_charge = get_charge
        self._pay_in_browser(
            invoice,
            """
            button.click();
            await until("done", () => message.dataset.state === "done");
            if (window.confirmed !== "secret") {
                throw new Error(`Confirmed: ${window.confirmed}`);
            }
            """,
        )
        self.assertEqual(invoice.billing_state, "paid")
        self.assertEqual(self.gateway.taken, 4500)

    def test_lost_answer(self):
        """W2: nothing can be paid before the outcome is known."""
        invoice = self._bill_one(45)
        self.gateway.lose(is_executed=True)
        self._pay_in_browser(
            invoice,
            """
            button.click();
            await until("unknown", () => message.dataset.state === "unknown");
            await until("asking", () => !check.classList.contains("d-none"));
            if (!button.disabled) {
                throw new Error("It can be paid twice");
            }
            check.click();
            await until("done", () => message.dataset.state === "done");
            """,
        )
        self.assertEqual(self.gateway.taken, 4500)

    def test_refusal_is_read(self):
        """What changed meanwhile is said, and nothing is charged."""
        invoice = self._bill_one(45)
        self._pay_in_browser(
            invoice,
            """
            button.closest("form").dataset.amount = "44";
            button.click();
            await until("refused", () => message.dataset.state === "declined");
            if (!message.textContent.includes("has changed")) {
                throw new Error(message.textContent);
            }
            """,
        )
        self.assertFalse(self.gateway.charges)


@tagged("post_install", "-at_install")
class TestPortalScope(PortalCommon):
    """Issue of contacts: a seller may show the account to invoice contacts only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._bill_one(cost=7654.32)
        cls._create_transaction(55, name="Not billed yet")

    def setUp(self):
        super().setUp()
        self.token = self._save_card()

    def _is_seen(self):
        self.env.flush_all()
        pages = "".join(self.url_open(page).text for page in PAGES)
        by_rpc = self.env["account.move"].with_user(self.portal)
        by_rpc = by_rpc.search_count([("id", "=", self.invoice.id)])
        transactions = self.env["omni.billing.transaction"].with_user(self.portal)
        seen = {
            self.invoice.name in pages,
            "Not billed yet" in pages,
            # An amount that no token or address of an asset has in it.
            "7,654.32" in pages,
            bool(by_rpc),
            bool(transactions.search_count([])),
        }
        self.assertEqual(len(seen), 1, "all of it, or nothing")
        return seen.pop()

    def test_all_contacts_see_it_unless_the_seller_says_otherwise(self):
        self.assertTrue(self._is_seen())
        self.company.billing_portal_scope = "invoice"
        self.assertFalse(self._is_seen())
        for path in ("", "/pdf", "/pay"):
            response = self.url_open(f"/my/billing/invoices/{self.invoice.id}{path}")
            self.assertNotIn(self.invoice.name, response.text)
        self.assertIn("invoice contacts only", self.url_open("/my/billing").text)
        card = f"•••• {self.token.billing_last4}"
        self.assertNotIn(card, self.url_open(PAGES[3]).text)

    def test_invoice_contact_and_own_login_see_it(self):
        self.company.billing_portal_scope = "invoice"
        contact = self.portal.partner_id
        contact.type = "invoice"
        self.assertTrue(self._is_seen())
        contact.type = "contact"
        self.assertFalse(self._is_seen())
        self.portal.partner_id = self.customer
        self.env.registry.clear_cache()
        self.assertTrue(self._is_seen())

    def test_link_still_pays(self):
        """Who was sent the link of one invoice sees that one."""
        self.company.billing_portal_scope = "invoice"
        response = self.url_open(self.invoice._billing_get_pay_url())
        self.assertIn(self.invoice.name, response.text)

    def test_staff_are_not_meant(self):
        self.company.billing_portal_scope = "invoice"
        self.invoice.with_user(self.staff).check_access("read")

    def test_lines_are_seen_by_who_sees_the_invoice(self):
        """By RPC: neither what was bought nor for how much."""
        lines = self.invoice.line_ids
        for scope, count in (("company", len(lines)), ("invoice", 0)):
            self.company.billing_portal_scope = scope
            self.env.invalidate_all()
            Line = self.env["account.move.line"].with_user(self.portal)
            self.assertEqual(Line.search_count([("id", "in", lines.ids)]), count)
        with self.assertRaises(AccessError):
            lines.with_user(self.portal).read(["name"])
        self.assertEqual(len(lines.with_user(self.staff).read(["name"])), len(lines))
        self.portal.partner_id.type = "invoice"
        self.env.invalidate_all()
        self.assertTrue(lines.with_user(self.portal).read(["name"]))

    def test_cards_of_the_company_are_out_of_reach(self):
        """Odoo's own page shows them, and its route deletes them."""
        own = self._save_card("1881", partner=self.portal.partner_id)
        page = "/my/payment_method"
        self.assertIn(self.token.payment_details, self.url_open(page).text)
        self.company.billing_portal_scope = "invoice"
        shown = self.url_open(page).text
        # The hash of a file may have any digits.
        self.assertNotRegex(shown, rf"\b{self.token.payment_details}\b")
        self.assertIn(own.payment_details, shown)
        answer = self._call("/payment/archive_token", token_id=self.token.id)
        self.assertIn("the company's", answer["error"]["data"]["message"])
        self.assertTrue(self.token.active)
        self._call("/payment/archive_token", token_id=own.id)
        self.assertFalse(own.active)

    def test_cards_of_the_company_are_not_charged_or_put_first(self):
        self.company.billing_portal_scope = "invoice"
        own = self._save_card("1881", partner=self.portal.partner_id)
        for method in ("action_billing_set_default", "action_billing_delete"):
            with self.assertRaises(AccessError):
                getattr(self.token.with_user(self.portal), method)()
        with self.assertRaises(AccessError):
            own.with_user(self.portal).action_billing_set_default()
        Transaction = self.env["payment.transaction"].with_user(self.portal)
        values = {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "amount": 5,
            "currency_id": self.currency.id,
            "partner_id": self.portal.partner_id.id,
            "operation": "online_token",
        }
        with self.assertRaises(AccessError):
            # sudo: as Odoo's page of payments does.
            Transaction.sudo().create({"token_id": self.token.id, **values})
        self.assertTrue(Transaction.sudo().create({"token_id": own.id, **values}))

    def test_same_card_saved_again_takes_the_place_of_the_other(self):
        self.company.billing_portal_scope = "invoice"
        # sudo: as Odoo does when Stripe tells of a new card.
        again = self.token.with_user(self.portal).sudo().copy()
        again.sudo().billing_fingerprint = self.token.sudo().billing_fingerprint
        again._billing_replace_same_card()
        self.assertFalse(self.token.active)


@tagged("post_install", "-at_install")
class TestPortalAddresses(PortalCommon):
    """Nobody diverts the invoices of a company to an address of one's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._bill_one(45)
        cls.own_login = cls._create_user("own-login", "base.group_portal")
        cls.own_login.partner_id = cls.customer

    def _submit(self, email="diverted@example.com", **values):
        """Send the form of an address, as the page does."""
        answer = self._send(email, **values)
        self.assertIn("redirectUrl", answer.text)
        Partner = self.env["res.partner"]
        return Partner.search(
            Domain("email", "=", email) | Domain("billing_pending_email", "=", email)
        )

    def _send(self, email, **values):
        form = {
            "address_type": "billing",
            "name": "Accounts",
            "email": email,
            "phone": "+1 555 0100",
            "street": "1 Main Street",
            "city": "Springfield",
            "zip": "12345",
            "country_id": str(self.env.ref("base.be").id),
        }
        answer = self._post("/my/address/submit", **form | values)
        self.env.invalidate_all()
        return answer

    def _create_contact(self, name="accounts", **values):
        return self.env["res.partner"].create(
            {
                "name": name.capitalize(),
                "type": "invoice",
                "email": f"{name}@example.com",
                "parent_id": self.customer.id,
                **values,
            }
        )

    def _get_recipients(self):
        self.env.invalidate_all()
        return self.invoice._billing_get_recipients().mapped("email")

    def _find_told(self):
        # sudo: mails are the server's.
        mails = self.env["mail.mail"].sudo()
        mails = mails.search([("subject", "=", "An e-mail address to confirm")])
        return sorted(mails.mapped("email_to"))

    def test_new_address_gets_nothing_before_it_is_confirmed(self):
        """The others are told, and staff have a to-do."""
        self.company.billing_portal_scope = "invoice"
        address = self._submit()
        self.assertEqual(address.type, "invoice")
        self.assertFalse(address.email)
        self.assertEqual(address.billing_pending_user_id, self.portal)
        self.assertEqual(self._get_recipients(), ["acme@example.com"])
        self.assertEqual(
            self.customer.address_get(["invoice"])["invoice"], self.customer.id
        )
        self.assertEqual(self._find_told(), ["acme@example.com"])
        self.assertIn("diverted@example.com", address.activity_ids.note)
        self.assertIn("diverted@example.com", self.url_open("/my/addresses").text)
        self.assertEqual(self._bill_one(5).partner_id, self.customer)
        # sudo: somebody else's to-do on the same contact.
        other = address.sudo().activity_schedule("mail.mail_activity_data_warning")
        address.with_user(self.staff).action_billing_confirm_address()
        self.assertEqual(self._get_recipients(), ["diverted@example.com"])
        self.assertFalse(address.billing_pending_email)
        self.assertFalse(address.billing_pending_user_id)
        self.assertEqual(address.activity_ids, other)

    def test_changed_address_stays_before_the_new_one_is_confirmed(self):
        """It has one to-do, and who gets the invoices is told each time."""
        contact = self._create_contact()
        self._submit(partner_id=contact.id, street="2 Main Street", email=contact.email)
        self.assertFalse(contact.billing_pending_email, "it is the same address")
        self.assertEqual(contact.street, "2 Main Street")
        for email in ("diverted@example.com", "again@example.com", "again@example.com"):
            self._submit(partner_id=contact.id, email=email)
            self.assertEqual(contact.billing_pending_email, email)
            self.assertEqual(self._get_recipients(), ["accounts@example.com"])
        self.assertEqual(self._find_told(), 2 * ["accounts@example.com"])
        self.assertIn("again@example.com", contact.activity_ids.note)
        contact.with_user(self.staff).action_billing_confirm_address()
        self.assertEqual(self._get_recipients(), ["again@example.com"])

    def test_address_that_staff_refuse(self):
        contact, new = self._create_contact(), self._submit("new@example.com")
        self._submit(partner_id=contact.id)
        both = (contact + new).with_user(self.staff)
        both.action_billing_refuse_address()
        self.assertEqual(self._get_recipients(), ["accounts@example.com"])
        self.assertFalse(contact.billing_pending_email)
        self.assertFalse(both.activity_ids)
        self.assertTrue(contact.active)
        self.assertFalse(new.active)

    def test_address_that_staff_enter_settles_it(self):
        contact = self._create_contact()
        self._submit(partner_id=contact.id)
        contact.with_user(self.staff).email = "right@example.com"
        self.assertFalse(contact.billing_pending_email)
        self.assertFalse(contact.activity_ids)

    def test_one_address_and_each_field_is_checked(self):
        """Whatever else the form says: Odoo takes all of it for arguments."""
        contact = self._create_contact()
        for email in ("accounts@example.com, diverted@example.com", "", "nobody"):
            answer = self._send(
                email,
                partner_id=contact.id,
                verify_address_values="",
                required_fields="",
            )
            self.assertTrue(answer.json()["messages"], email)
            with self.assertRaisesRegex(ValidationError, "one valid"):
                # sudo: as Odoo's pages do.
                contact.with_user(self.portal).sudo().email = email
        self.assertEqual(contact.email, "accounts@example.com")
        self.assertFalse(contact.billing_pending_email)

    def test_too_many_addresses_are_told_above_the_form(self):
        contact = self._create_contact()
        for number in range(LIMITS["address"]["account"][0]):
            self._submit(f"a{number}@example.com", partner_id=contact.id)
        answer = self._send("more@example.com", partner_id=contact.id)
        self.assertEqual(answer.status_code, 429)
        self.assertIn("Retry-After", answer.headers)
        self.assertRegex(answer.json()["messages"][0], r"\d min")

    def test_invoice_contact_is_archived_by_the_own_login_only(self):
        contact = self._create_contact()
        # sudo: as Odoo's page does.
        theirs = contact.with_user(self.portal).sudo()
        with self.assertRaisesRegex(UserError, "own login"):
            theirs.action_archive()
        self._submit().with_user(self.portal).sudo().action_archive()
        contact.with_user(self.own_login).sudo().action_archive()
        self.assertFalse(contact.active)

    def test_contact_without_the_account_does_not_say_who_is_billed(self):
        """Numbered invoices print the company, and their own contact, as they are."""
        contact, site = self._create_contact(), self._create_contact("site")
        self.assertEqual(self._bill_one(5).partner_id, contact)
        own = self.portal.partner_id
        before = self.customer.name, self.customer.street
        self.company.billing_portal_scope = "invoice"
        values = {"name": own.name, "company_name": "Else", "street": "2 Else Street"}
        self._submit(own.email, partner_id=own.id, **values)
        self.assertEqual(own.street, "2 Else Street")
        self.assertEqual((self.customer.name, self.customer.street), before)
        self.assertEqual(self._send("x@y.com", partner_id=contact.id).status_code, 403)
        self.assertEqual(contact.name, "Accounts")
        self._submit(site.email, partner_id=site.id, name="Works")
        self.assertEqual(site.name, "Works")
        self.company.billing_portal_scope = "company"
        self._submit(own.email, partner_id=own.id, **values)
        self.assertEqual(self.customer.name, "Else")

    def test_login_of_another_company_s_customer(self):
        """Who has no business in its company does not get its link for a password."""
        other = self.env["res.company"].create({"name": "Other"})
        clerk = new_test_user(
            self.env,
            login="clerk",
            groups="base.group_user,base.group_partner_manager",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        customer = self.customer.with_user(clerk)
        for active in (True, False):
            self.own_login.active = active
            with self.assertRaisesRegex(AccessError, "login at another company"):
                customer.email = "diverted@example.com"
        customer.write({"email": self.customer.email, "phone": "1"})
        clerk.company_ids += self.company
        customer.email = "right@example.com"
        self.assertEqual(self.customer.email, "right@example.com")

    def test_own_login_enters_and_confirms(self):
        address = self._submit()
        path = f"/my/billing/addresses/{address.id}/confirm"
        self._post(path)
        self.env.invalidate_all()
        self.assertFalse(address.email, "not by who entered it")
        self.assertNotIn("diverted@example.com", self.url_open("/my/billing").text)
        self.authenticate("own-login", "own-login")
        self.assertIn("diverted@example.com", self.url_open("/my/billing").text)
        self._post(path)
        self.env.invalidate_all()
        self.assertEqual(address.email, "diverted@example.com")
        self.assertNotIn(address.email, self.url_open("/my/billing").text)
        self.assertEqual(self._submit("own@example.com").email, "own@example.com")

    def test_own_login_refuses(self):
        """It reads who entered which address, for whom, and says no."""
        address = self._submit()
        self.authenticate("own-login", "own-login")
        page = html.fromstring(self.url_open("/my/billing").content)
        [form] = page.xpath("//form[contains(@action, '/addresses/')]")
        words = " ".join(form.text_content().split())
        said = f"{self.portal.name} entered an e-mail address for {address.name}:"
        self.assertIn(f"{said} diverted@example.com", words)
        [button] = form.xpath(".//button[normalize-space() = 'Refuse']")
        self._post(button.get("formaction"))
        self.env.invalidate_all()
        self.assertFalse(address.billing_pending_email or address.email)
        self.assertFalse(address.active, "a contact that nobody wanted")
        self.assertNotIn("diverted@example.com", self.url_open("/my/billing").text)

    def test_another_customer_does_not_confirm(self):
        address = self._submit()
        self.foreign_user.partner_id = self.stranger
        self.authenticate("foreign-test", "foreign-test")
        for decision in ("confirm", "refuse"):
            self._post(f"/my/billing/addresses/{address.id}/{decision}")
        self.env.invalidate_all()
        self.assertFalse(address.email)
        self.assertTrue(address.billing_pending_email)
        for user in (self.foreign_user, self.portal, self.outsider):
            for method in ("confirm", "refuse"):
                with self.assertRaises(AccessError):
                    name = f"action_billing_{method}_address"
                    getattr(address.with_user(user), name)()

    def test_address_of_any_kind_waits_and_one_s_own_counts(self):
        """Staff may bill a site, and what is entered there is no less somebody's."""
        site = self._submit("door@example.com", address_type="delivery")
        self.assertEqual(site.type, "delivery")
        self.assertFalse(site.email)
        told = self._find_told()
        contact = self.portal.partner_id
        contact.type = "invoice"
        self._submit("new@example.com", partner_id=contact.id)
        self.assertEqual(contact.email, "new@example.com")
        self.assertFalse(contact.billing_pending_email)
        by_staff = self._create_contact("b").with_user(self.staff)
        self.assertEqual(by_staff.email, "b@example.com")
        self.assertEqual(self._find_told(), told)

    def test_shop_takes_an_address_that_waits(self):
        """W43: a contact buys, and is not asked for the same e-mail for ever."""
        pages = BillingPortal()
        for kind in ("billing", "delivery"):
            address = self._submit(f"{kind}@example.com", address_type=kind)
            # sudo: as a shop does.
            address = address.with_user(self.portal).sudo()
            self.assertFalse(address.email)
            is_whole = getattr(pages, f"_check_{kind}_address")
            self.assertTrue(is_whole(address))
            address.city = False
            self.assertFalse(is_whole(address))
            address.write({"city": "Springfield", "billing_pending_email": False})
            self.assertFalse(is_whole(address))

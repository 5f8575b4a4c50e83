import io
import re
from datetime import timedelta
from functools import cache

import polib
from lxml import html
from pypdf import PdfReader

from odoo.tests import tagged
from odoo.tools.misc import file_path
from odoo.tools.translate import TranslationImporter

from .test_http_portal import PortalCommon

#: Beside English and French; our files have what customers see.
LANGUAGES = {"de_DE": "de", "es_ES": "es"}
#: Titles of documents are those of Odoo's report.
TITLES = "account.report_invoice_document"
#: What a page says beside its text.
ATTRIBUTES = ("placeholder", "title", "aria-label")
#: What is filled in, and what says how a text looks.
NO_WORDS = re.compile(r"\{\{.*?\}\}|%\(\w+\)s|<[^>]*>")
WORD = re.compile(r"[^\W\d_]{2,}")


@cache
def read_english(family):
    """Return the words of our texts that are English, and nothing in the language."""
    terms = polib.pofile(file_path(f"omni_billing/i18n/{family}.po"))
    texts = {entry.msgid: entry.msgstr for entry in terms}
    return find_words(*texts) - find_words(*texts.values())


def find_words(*texts):
    return {
        word.lower() for text in texts for word in WORD.findall(NO_WORDS.sub(" ", text))
    }


@tagged("post_install", "-at_install")
class TestLanguagesOfCustomers(PortalCommon):
    """F93, W50: who reads German or Spanish meets no word of ours in English."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        importer = TranslationImporter(cls.env.cr, verbose=False)
        for code, family in LANGUAGES.items():
            cls.env["res.lang"]._activate_lang(code)
            importer.load_file(f"omni_billing/i18n/{family}.po", code)
            importer.load_file(f"account/i18n/{family}.po", code, xmlids={TITLES})
        importer.save(overwrite=True)
        cls.env.registry.clear_all_caches()
        # What people wrote is in whatever language it is.
        cls.company.write({"name": "Omni", "email": "billing@omni.example.com"})
        cls.tax_10.tax_group_id.name = "10 %"

    def _bill_all_kinds(self):
        """Have one of each thing that is told: paid, declined, late, void, credited."""
        self.paid = self._bill_one(45, quantity=3, tax_ids=self.tax_10)
        self._pay(self.paid)
        self.declined = self._bill_one(100)
        self.gateway.decline(decline_code="insufficient_funds")
        self.env["omni.billing.installment"]._plan(
            self.declined,
            [(self.today, 60), (self.today + timedelta(10), 40)],
            self.card,
        )
        self.env["omni.billing.installment"].sudo()._cron_charge()
        self.late = self._bill(
            self._create_transaction(30), date_due=self.today - timedelta(days=9)
        )
        self.void = self._bill_one(7)
        self.void.action_billing_void()
        self._create_credit(5)
        self.note = self._bill()
        self._create_transaction(12)

    def _assert_not_english(self, lang, *texts):
        self.assertTrue(all(texts))
        english = read_english(LANGUAGES[lang])
        for text in texts:
            self.assertFalse(find_words(text) & english, text)

    def _read_all(self, tree):
        """Return the texts of ours on a page, without Odoo's form of payment."""
        [page] = tree.xpath("//*[contains(@class, 'o_billing_portal')]")
        for theirs in page.xpath(".//script | .//form[@id='o_payment_form']"):
            theirs.drop_tree()
        names = " | ".join(f".//@{name}" for name in ATTRIBUTES)
        texts = [*page.itertext(), *page.xpath(names)]
        return [text for text in texts if text.strip()]

    def _read_pdf(self, content):
        pages = PdfReader(io.BytesIO(content)).pages
        return "\n".join(page.extract_text() for page in pages)

    def _speak(self, lang):
        self.customer.lang = self.portal.lang = lang
        self.authenticate("portal-test", "portal-test")
        self.opener.cookies["frontend_lang"] = lang

    def test_english_is_known(self):
        for family in LANGUAGES.values():
            words = read_english(family)
            self.assertLess({"invoice", "paid", "your", "card", "charged"}, words)
            self.assertGreater(len(words), 300)

    def test_nothing_is_english(self):
        """F3, F124: mails, documents, and the page of billing."""
        for lang in LANGUAGES:
            with self.subTest(lang=lang):
                self._speak(lang)
                self._bill_all_kinds()
                self._check_mails(lang)
                self._check_page(lang)

    def _check_mails(self, lang):
        documents = [self.declined._billing_get_pdf(), self.void._billing_get_pdf()]
        for kind, invoice in (
            ("invoice", self.paid),
            ("invoice", self.note),
            ("declined", self.declined),
            ("reminder", self.late),
        ):
            mail = invoice._billing_prepare_mail(kind)
            texts = filter(str.strip, html.fromstring(mail["body"]).itertext())
            self._assert_not_english(lang, mail["subject"], *texts)
            documents += [content for _name, content, _kind in mail["files"]]
        self.assertGreater(len(documents), 5)
        self._assert_not_english(lang, *map(self._read_pdf, documents))

    def _check_page(self, lang):
        tree = html.fromstring(self.url_open("/my/billing").content)
        self.assertEqual(tree.get("lang"), lang.replace("_", "-"))
        self._assert_not_english(lang, *self._read_all(tree))

    def test_what_the_browser_says(self):
        """F133: while a card is charged, and what became of it."""
        for lang in LANGUAGES:
            url = f"/website/translations?lang={lang}"
            modules = self.url_open(url).json()["modules"]
            terms = modules["omni_billing"]["messages"]
            self._assert_not_english(lang, *[term["string"] for term in terms])

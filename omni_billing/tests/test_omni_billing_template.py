import base64
import io
from pathlib import Path

from pypdf import PdfReader

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Date
from odoo.modules.migration import load_script
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.mail.tests.common import MailCase
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon

SCRIPTS = Path(__file__).resolve().parents[1] / "migrations"
#: A page with each variable of F84-F88, as those of other systems are written.
PAGE = """<html><head><style>@page { size: A4; margin: 1cm }</style></head><body>
<h1>Invoice {{ invoice_number }}</h1>
<p>Date {{ date.split("T")[0] }} Due {{ due_date }}
From {{ start_date }} To {{ end_date }}</p>
<p>{{ client.name }}, {{ client.address.address_line_1 }},
{{ client.address.address_line_2 }}, {{ client.address.city }},
{{ client.address.state }}, {{ client.address.zip_code }},
{{ client.address.country }}</p>
{% for sub_transaction in transactions %}
<p>{{ sub_transaction.transaction_id }} {{ sub_transaction.created.split("T")[0] }}
{{ sub_transaction.title }} {{ sub_transaction.description }}
${{ "%.2f"|format(sub_transaction.retail_cost) }}
{% if sub_transaction.tax_amount > 0 %}
${{ "%.2f"|format(sub_transaction.tax_amount) }} ({{ sub_transaction.tax_percentage }}%)
{% else %}-{% endif %}</p>
{% endfor %}
<p>Subtotal ${{ "%.2f"|format(total_amount) }} Tax ${{ "%.2f"|format(total_tax) }}
Total ${{ "%.2f"|format(total_amount + total_tax) }}</p>
{% if total_amount > 1000 %}<p>High balance</p>{% endif %}
{% if client.address.country == "Australia" %}<p>GST included</p>{% endif %}
<a href="{{ payment_url }}">Pay online</a>
</body></html>"""


class TemplateCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Template = cls.env["omni.billing.template"]
        cls.customer.write(
            {
                "street": "18 Harbour Street",
                "street2": "Flat 2",
                "city": "Perth",
                "zip": "6000",
                "state_id": cls.env.ref("base.state_au_8").id,
                "country_id": cls.env.ref("base.au").id,
                "lang": "en_US",
            }
        )
        cls._create_transaction(
            1000, tax_ids=cls.tax_10, date="2025-01-10", description="January"
        )
        cls._create_transaction(50, name="Postage", date="2025-01-11")
        cls.invoice = cls._bill(
            title="January services",
            date_start="2025-01-01",
            date_end="2025-01-31",
            date_due="2025-02-10",
        )

    def _use(self, **values):
        template = self.Template.create(
            {"name": "Ours", "engine": "jinja", "body": PAGE, "is_automatic": False}
            | values
        )
        self.customer.billing_template_id = template
        return template

    def _read(self, invoice=None):
        content = (invoice or self.invoice)._billing_get_pdf()
        pages = PdfReader(io.BytesIO(content)).pages
        text = "\n".join(page.extract_text() for page in pages)
        return " ".join(text.split())


@tagged("post_install", "-at_install")
class TestTemplatePage(TemplateCommon):
    def test_variables_of_other_systems(self):
        """F83-F88, F92"""
        self._use()
        text = self._read()
        transaction = self.invoice.billing_transaction_ids.sorted("date")[0]
        today = Date.to_string(self.invoice.invoice_date)
        for words in (
            f"Invoice {self.invoice.name}",
            f"Date {today} Due 2025-02-10 From 2025-01-01 To 2025-01-31",
            "Acme Rentals, 18 Harbour Street, Flat 2, Perth, Western Australia, 6000,"
            " Australia",
            f"{transaction.id} 2025-01-10 Fibre 500 January $1000.00 $100.00 (10%)",
            "2025-01-11 Postage $50.00 -",
            "Subtotal $1050.00 Tax $100.00 Total $1150.00",
            "High balance",
            "GST included",
        ):
            self.assertIn(words, text)

    def test_country_in_each_language(self):
        """F92: a condition asks for the same name, whatever the customer reads."""
        self.env["res.lang"]._activate_lang("fr_FR")
        spain = self.env.ref("base.es")
        spain.with_context(lang="fr_FR").name = "Espagne"
        self.customer.write({"country_id": spain.id, "lang": "fr_FR"})
        body = (
            "<p>{{ client.address.country_name }}, {{ client.address.country_code }}"
            " {% if client.address.country == 'Spain' %}IVA{% endif %}</p>"
        )
        self._use(body=body)
        self.assertEqual(self._read(), "Espagne, ES IVA")

    def test_upgrade_prints_countries_as_before(self):
        template = self._use(
            body="<p>{{client.address.country }} {{ company.address.country }}"
            "{% if client.address.country == 'Spain' %}IVA{% endif %}</p>"
        )
        self.env.flush_all()
        path = SCRIPTS / "19.0.1.6.0" / "post-countries.py"
        load_script(str(path), "countries").migrate(self.env.cr, "19.0.1.5.0")
        self.env.invalidate_all()
        self.assertEqual(
            template.body,
            "<p>{{client.address.country_name }} {{ company.address.country_name }}"
            "{% if client.address.country == 'Spain' %}IVA{% endif %}</p>",
        )

    def test_template_of_one_invoice(self):
        """F64: chosen in the proforma, or later; it tells the parties and amounts."""
        self._use(name="The customer's", body="<p>Customer's page</p>")
        house = self.Template.create(
            {"name": "House", "engine": "jinja", "body": PAGE, "is_automatic": False}
        )
        self._create_transaction(7)
        wizard = self.env["omni.billing.proforma.wizard"].create(
            {"partner_id": self.customer.id, "template_id": house.id}
        )
        wizard.action_generate()
        latest = self.customer.billing_invoice_ids.sorted("id")[-1]
        self.assertEqual(latest.billing_template_id, house)
        self.assertEqual(self._read(), "Customer's page")
        self.assertIn("Acme Rentals, 18 Harbour Street", self._read(latest))
        self.assertIn("Subtotal $7.00 Tax $0.00 Total $7.00", self._read(latest))
        with Form(latest) as form:
            form.billing_template_id = self.Template
        self.assertEqual(self._read(latest), "Customer's page")
        latest.billing_template_id = house
        house.active = False
        self.assertEqual(self._read(latest), "Customer's page")

    def test_template_of_another_company(self):
        other = self.setup_other_company()["company"]
        house = self.Template.create({"name": "Theirs", "company_id": other.id})
        with self.assertRaises(UserError):
            self.invoice.billing_template_id = house

    def test_totals_are_the_invoices(self):
        """Promise 4."""
        values = self.invoice._billing_prepare_template_variables()
        self.assertEqual(values["total_amount"], self.invoice.amount_untaxed)
        self.assertEqual(values["total_tax"], self.invoice.amount_tax)
        self.assertAlmostEqual(
            sum(line["retail_cost"] for line in values["transactions"]),
            self.invoice.amount_untaxed,
        )

    def test_values_are_plain(self):
        """No record gets into the hands of a template."""

        def check(value):
            if isinstance(value, dict):
                for one in value.values():
                    check(one)
            elif isinstance(value, list):
                for one in value:
                    check(one)
            else:
                self.assertIsInstance(value, (str, int, float, bool))

        template = self._use()
        check(self.invoice._billing_prepare_template_variables())
        check(template._prepare_options(self.invoice))

    def test_example_is_like_an_invoice(self):
        """What passes the check has what an invoice has."""
        template = self._use()
        self.invoice.ref = "PO-1"
        real = self.invoice._billing_prepare_template_variables()
        real |= template._prepare_options(self.invoice)

        def get_names(value):
            if isinstance(value, dict):
                return {name: get_names(one) for name, one in value.items()}
            return get_names(value[0]) if isinstance(value, list) and value else None

        self.assertEqual(get_names(template._prepare_example()), get_names(real))

    def test_fault_is_told_when_saving(self):
        """F101: with line and variable."""
        with self.assertRaisesRegex(ValidationError, "line 2: .*nmae"):
            self._use(body="<p>\n{{ client.nmae }}</p>")
        with self.assertRaisesRegex(ValidationError, "Write the HTML"):
            self._use(body=" ")

    def test_fault_that_only_an_invoice_shows(self):
        """F104: nothing is half done, and the message says where."""
        self._use(
            body="<p>x</p>\n{{ 1 / (transactions|length - 3) }}"
            "{% if total == 1150 %}{{ gone }}{% endif %}"
        )
        with self.assertRaisesRegex(UserError, "Ours, line 2: .*gone"):
            self.invoice._billing_get_pdf()
        self.assertFalse(
            self.env["omni.billing.pdf.cache"].search(
                [("move_id", "=", self.invoice.id), ("attachment_id", "!=", False)]
            )
        )

    def test_examples(self):
        """Our two samples: unpaid, paid, void, credit note, in each language."""
        self._create_transaction(10)
        void = self._bill()
        void.action_billing_void()
        for transaction in void.billing_transaction_ids:
            transaction.action_void()
        self._create_credit(30)
        self.env["omni.billing.transaction"].search(
            [("state", "=", "unbilled"), ("transaction_type", "=", "charge")]
        ).action_void()
        note = self._bill()
        for name in ("band", "compact"):
            template = self.env.ref(f"omni_billing.omni_billing_template_{name}")
            template.write({"terms": "Late fee 2 %", "show_author": True})
            self.customer.billing_template_id = template
            self.customer.lang = "en_US"
            with self.subTest(name=name):
                text = self._read()
                for words in (
                    self.invoice.name,
                    "18 Harbour Street",
                    "Fibre 500",
                    "1150.00",
                    "How to pay",
                    "Late fee 2 %",
                    "Your contact",
                ):
                    self.assertIn(words, text)
                self.assertIn("VOID", self._read(void))
                self.assertIn("Credit Note", self._read(note))
                self.assertNotIn("How to pay", self._read(note))
                for lang, words in (
                    ("fr_FR", "Facturé à"),
                    ("de_DE", "Rechnung an"),
                    ("es_ES", "Facturado a"),
                ):
                    self.env["res.lang"]._activate_lang(lang)
                    self.customer.lang = lang
                    text = self._read()
                    self.assertIn(words, text)
                    self.assertIn("1150,00", text)

    def test_options_of_the_standard_page(self):
        """F89, F91, F94, F105, F218: the terms warn of late fees."""
        template = self.Template._select_for(self.invoice)
        template.write(
            {
                "show_author": True,
                "show_payment_qr": True,
                "terms": "Payable within 30 days. Late fee 2 % a month",
                "footer": "Acme Ltd\nTax ID 123",
            }
        )
        text = self._read()
        for words in (
            "Your contact",
            "Scan to pay",
            "within 30 days",
            "Late fee 2 %",
            "Tax ID 123",
        ):
            self.assertIn(words, text)
        self._pay(self.invoice)
        self.assertNotIn("Scan to pay", self._read())

    def test_author_is_who_made_it_until_another_is_named(self):
        """F181, F105"""
        self.Template._select_for(self.invoice).show_author = True
        self.assertEqual(self.invoice.invoice_user_id, self.env.user)
        colleague = new_test_user(self.env, "colleague", name="Ada Colleague")
        self.invoice.invoice_user_id = colleague
        self.assertIn("Ada Colleague", self._read())

    def test_paper(self):
        template = self.Template._select_for(self.invoice)
        sizes = {}
        for paper in ("A4", "letter"):
            template.paper_format = paper
            reader = PdfReader(io.BytesIO(self.invoice._billing_get_pdf()))
            sizes[paper] = tuple(round(side) for side in reader.pages[0].mediabox[2:])
        self.assertEqual(sizes, {"A4": (595, 842), "letter": (612, 792)})

    def test_bank_code_in_euro(self):
        """An EPC code, by Odoo's own addon."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        bank = self.env["res.partner.bank"].create(
            {
                "acc_number": "BE71096123456769",
                "partner_id": self.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        self.assertFalse(self.invoice._billing_get_bank_qr())
        self._create_transaction(20, currency_id=euro.id)
        invoice = self._bill()
        self.assertEqual(invoice.currency_id, euro)
        trust(invoice).partner_bank_id = bank
        code = invoice._billing_get_bank_qr()
        self.assertTrue(code.startswith("data:image/svg+xml;base64,"))


@tagged("post_install", "-at_install")
class TestTemplateChoice(TemplateCommon):
    def _create(self, **values):
        return self.Template.create(
            {"name": "T", "sequence": 1, "is_automatic": True} | values
        )

    def _select(self):
        return self.Template._select_for(self.invoice)

    def test_by_language(self):
        """F93"""
        standard = self._select()
        self.assertEqual(
            standard, self.env.ref("omni_billing.omni_billing_template_standard")
        )
        for code in ("fr_FR", "fr_BE", "es_ES"):
            self.env["res.lang"]._activate_lang(code)
        self.customer.lang = "fr_BE"
        spanish = self._create(lang="es_ES")
        self.assertEqual(self._select(), standard)
        french = self._create(lang="fr_FR")
        self.assertEqual(self._select(), french)
        belgian = self._create(lang="fr_BE", sequence=99)
        self.assertEqual(self._select(), belgian)
        self.customer.lang = "es_ES"
        self.assertEqual(self._select(), spanish)

    def test_by_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._create(company_id=other.id)
        self.assertNotEqual(self._select().company_id, other)
        own = self._create(company_id=self.company.id, sequence=99)
        self._create()
        self.assertEqual(self._select(), own)

    def test_by_customer(self):
        chosen = self._create(is_automatic=False)
        self.assertNotEqual(self._select(), chosen)
        self.customer.billing_template_id = chosen
        self.assertEqual(self._select(), chosen)
        contact = self.env["res.partner"].create(
            {"name": "Accounts", "parent_id": self.customer.id, "type": "invoice"}
        )
        self._create_transaction(5)
        invoice = self._bill()
        self.assertEqual(invoice.partner_id, contact)
        self.assertEqual(self.Template._select_for(invoice), chosen)
        chosen.active = False
        self.assertNotEqual(self._select(), chosen)

    def test_new_one_is_nobodys(self):
        """F64: until somebody says whose it is."""
        before = self._select()
        new = self.Template.create({"name": "Draft", "sequence": 1})
        self.assertEqual(self._select(), before)
        self.assertTrue(new.is_for_nobody)
        self.assertIn("Nobody's yet", new.audience)

    def test_it_says_whose_it_is(self):
        """F64, F93"""
        self.env["res.lang"]._activate_lang("fr_FR")
        mine = self._create(company_id=self.company.id, lang="fr_FR")
        self.assertFalse(mine.is_for_nobody)
        self.assertIn(self.company.name, mine.audience)
        self.assertIn("French", mine.audience)
        later = self._create(company_id=self.company.id, lang="fr_FR", sequence=5)
        self.assertIn("“T” comes before it", later.audience)
        later.company_id = False
        self.assertIn("All customers of all companies", later.audience)
        mine.active = False
        later.invalidate_recordset(["audience"])
        self.assertNotIn("comes before", later.audience)
        later.is_automatic = False
        self.customer.billing_template_id = later
        later.invalidate_recordset(["audience"])
        self.assertEqual(later.audience, "Chosen for: Acme Rentals.")

    def test_without_any(self):
        """The standard page needs no template."""
        self.Template.search([]).unlink()
        self.assertFalse(self._select())
        self.assertIn("January services", self._read())


@tagged("post_install", "-at_install")
class TestTemplateTrying(TemplateCommon, MailCase):
    def test_preview(self):
        """F100: before anything is saved."""
        template = self._use()
        result = template.get_preview({"body": "<p>Hello {{ invoice_number }}</p>"})
        text = PdfReader(io.BytesIO(base64.b64decode(result["pdf"]))).pages[0]
        self.assertIn(f"Hello {self.invoice.name}", text.extract_text())
        self.assertEqual(template.body, PAGE)
        fault = template.get_preview({"body": "<p>\n{{ nobody }}</p>"})
        self.assertEqual(fault["line"], 2)
        self.assertIn("nobody", fault["error"])
        new = self.Template.get_preview({"engine": "qweb", "color": "#ff0000"})
        self.assertTrue(new["pdf"])

    def test_page_of_ones_own_starts_from_a_sample(self):
        """F83"""
        with Form(self.Template) as form:
            form.name = "Mine"
            form.engine = "jinja"
            self.assertIn("invoice_number", form.body)
        self.assertFalse(form.record.is_automatic)
        self.assertEqual(form.record.get_preview({})["lacks"], [])

    def test_what_the_law_wants_and_the_page_lacks(self):
        """F101"""
        self.company.write({"vat": False, "country_id": self.env.ref("base.us").id})
        template = self._use(body="<p>{{ title }}</p>", company_id=self.company.id)
        lacks = " ".join(template.get_preview({})["lacks"])
        for name in (
            "invoice_number",
            "(date)",
            "total_tax",
            "tax_percentage",
            "status",
        ):
            self.assertIn(name, lacks)
        # Of what the form holds, before it is saved.
        whole = self.env.ref("omni_billing.omni_billing_template_band").body
        self.assertEqual(template.get_preview({"body": whole})["lacks"], [])
        other = self.env.ref("omni_billing.omni_billing_template_compact").body
        self.assertEqual(template.get_preview({"body": other})["lacks"], [])
        self.assertEqual(self.Template.get_preview({"engine": "qweb"})["lacks"], [])

    def test_what_is_written_out_is_not_lacking(self):
        self.company.write({"vat": "US12345", "street": "1 Quay"})
        template = self._use(body="<p>{{ title }}</p>", company_id=self.company.id)
        self.assertIn("company.tax_id", " ".join(template.get_preview({})["lacks"]))
        body = (
            f"<p>{self.company.name}, 1 Quay. Tax number US12345. {{{{ title }}}}</p>"
        )
        lacks = " ".join(template.get_preview({"body": body})["lacks"])
        self.assertNotIn("company.", lacks)

    def test_image_that_is_lost_is_told(self):
        """F104"""
        template = self._use()
        body = '<p>{{ title }}<img src="https://qr.example.com/code.png"></p>'
        result = template.get_preview({"body": body})
        self.assertTrue(result["pdf"])
        self.assertEqual(result["lost"], ["Image: https://qr.example.com/code.png"])
        result = template.get_preview({"body": "<p>{{ title }}</p>"})
        self.assertEqual(result["lost"], [])
        result = self.Template.get_preview({"engine": "qweb"})
        self.assertEqual(result["lost"], [])

    def test_preview_is_for_managers_and_their_invoices(self):
        template = self._use()
        with self.assertRaises(AccessError):
            template.with_user(self.staff).get_preview({})
        other = self.env["res.company"].create({"name": "Other"})
        foreign = (
            self.env["account.move"]
            .sudo()
            .create(
                {
                    "move_type": "entry",
                    "company_id": other.id,
                    "journal_id": self.env["account.journal"]
                    .sudo()
                    .create(
                        {
                            "name": "M",
                            "code": "M",
                            "type": "general",
                            "company_id": other.id,
                        }
                    )
                    .id,
                }
            )
        )
        self.env.user.company_ids -= other
        result = template.with_context(
            allowed_company_ids=self.company.ids
        ).get_preview({}, foreign.id)
        self.assertNotIn("pdf", result)

    def test_test_mail(self):
        """F100: to oneself, with the file."""
        self.env.user.email = "manager@example.com"
        template = self._use()
        with self.mock_mail_gateway():
            template.action_send_test()
        [mail] = self._mails
        self.assertIn("manager@example.com", mail["email_to"][0])
        [(name, content, kind)] = mail["attachments"]
        self.assertEqual(name, self.invoice._billing_get_filename())
        self.assertEqual(kind, "application/pdf")
        self.assertTrue(content.startswith(b"%PDF"))
        self.env.user.email = False
        with self.assertRaisesRegex(UserError, "no e-mail address"):
            template.action_send_test()

    def test_access(self):
        template = self._use()
        template.with_user(self.staff).check_access("read")
        for user in (self.staff, self.portal, self.outsider):
            with self.assertRaises(AccessError):
                template.with_user(user).write({"name": "x"})
        with self.assertRaises(AccessError):
            template.with_user(self.portal).read(["body"])
        manager = self._create_user(
            "manager-test", "omni_billing.omni_billing_group_manager"
        )
        template.with_user(manager).write({"color": "#123456"})

    def test_color_is_a_color(self):
        for color in ("red", "#12345", "#1234567", "#12345g", "url(x)"):
            with self.assertRaises(ValidationError):
                self._use(color=color)

    def test_form(self):
        with Form(self.Template) as form:
            form.name = "Mine"
            form.engine = "jinja"
            form.body = "<p>{{ invoice_number }}</p>"
        self.assertTrue(form.record.body)

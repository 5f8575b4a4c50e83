import io
from unittest.mock import patch

from pypdf import PdfReader

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.exceptions import RenderError
from odoo.addons.omni_billing.gateways import pdf, pdf_worker
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestInvoicePdf(BillingCommon):
    def _print(self, invoice, report="omni_billing.report_invoice"):
        content, kind = (
            self.env["ir.actions.report"]
            .with_context(force_report_rendering=True)
            ._render_qweb_pdf(report, invoice.ids)
        )
        self.assertEqual(kind, "pdf")
        self.assertTrue(content.startswith(b"%PDF"))
        return content

    def _read(self, content):
        return "\n".join(
            page.extract_text() for page in PdfReader(io.BytesIO(content)).pages
        )

    def test_page_says_what_the_invoice_says(self):
        """F83, F84, F85, F86, F87, F88, F79"""
        self.customer.write({"street": "18 Harbour Street", "city": "Bristol"})
        self._create_transaction(100, tax_ids=self.tax_10, description="January")
        self._create_transaction(50, name="Postage")
        invoice = self._bill(title="January services")
        text = self._read(self._print(invoice))
        for words in (
            invoice.name,
            "January services",
            "Acme Rentals",
            "18 Harbour Street",
            "Fibre 500",
            "January",
            "$ 10.00",
            "(10%)",
            "$ 150.00",
            "$ 160.00",
        ):
            self.assertIn(words, text.replace("\xa0", " "))

    def test_standard_report_prints_ours(self):
        """Print button, portal and e-mail all print Odoo's report by name."""
        self._create_transaction(100)
        invoice = self._bill(title="January services")
        for report in ("account.account_invoices", "account.report_invoice"):
            self.assertIn("January services", self._read(self._print(invoice, report)))
        self.assertEqual(
            self.env["account.move.send"]._get_default_pdf_report_id(invoice),
            self.env.ref("omni_billing.report_invoice"),
        )

    def test_other_reports_are_left_alone(self):
        """Odoo may give a stream without a record, or the same record twice."""
        partners = self.partner_a + self.partner_a
        report = self.env["ir.actions.report"].create(
            {
                "name": "Labels",
                "model": "res.partner",
                "report_type": "qweb-pdf",
                "report_name": "web.preview_externalreport",
            }
        )
        calls = []
        Base = type(self.env["ir.actions.report"]).__mro__[-1]

        def prepare(records, ref, data, res_ids=None):
            calls.append(res_ids)
            return {False: {"stream": None, "attachment": None}}

        for parent in type(report).__mro__[1:]:
            own = parent.__dict__.get("_render_qweb_pdf_prepare_streams")
            module = getattr(own, "__module__", "")
            if own and "odoo.addons.base" in module:
                Base = parent
        self.patch(Base, "_render_qweb_pdf_prepare_streams", prepare)
        streams = report._render_qweb_pdf_prepare_streams(report, {}, partners.ids * 2)
        self.assertEqual(list(streams), [False])
        self.assertEqual(calls, [partners.ids * 2])

    def test_credit_note_of_an_accountant_is_ours_too(self):
        self._create_transaction(100)
        note = self._bill()._reverse_moves(cancel=True)
        self.assertTrue(note.billing_have_own_pdf())
        plain = self.init_invoice("out_invoice", self.customer, amounts=[5])
        self.assertFalse((note + plain).billing_have_own_pdf())

    def test_many_invoices_in_one_file(self):
        for _index in range(2):
            self._create_transaction(100)
            self._bill()
        pdf = PdfReader(io.BytesIO(self._print(self.customer.billing_invoice_ids)))
        self.assertEqual(len(pdf.pages), 2)

    def test_long_invoice_repeats_its_head_and_numbers_its_pages(self):
        """F97, F98"""
        for index in range(120):
            self._create_transaction(10, name=f"Call {index}")
        content = self._print(self._bill())
        pages = PdfReader(io.BytesIO(content)).pages
        self.assertGreater(len(pages), 2)
        for number, page in enumerate(pages, 1):
            text = page.extract_text()
            self.assertIn(f"{number} / {len(pages)}", text)
            if "Call" in text:
                self.assertIn("Description", text)
        self.assertLess(len(content), 5_000_000)

    def test_marks(self):
        """F106, F162, W13, W17: PAID and VOID, at once."""
        self._create_transaction(100)
        invoice = self._bill()
        before = self._read(self._print(invoice))
        self.assertNotIn("PAID", before)
        self.assertIn("How to pay", before)
        self._pay(invoice, reference="Receipt 9")
        paid = self._read(self._print(invoice))
        self.assertIn("PAID", paid)
        self.assertIn("Receipt 9", paid)
        self._create_transaction(100)
        void = self._bill()
        void.action_billing_void()
        self.assertIn("VOID", self._read(self._print(void)))

    def test_partial_payment_shows_what_is_left(self):
        self._create_transaction(100)
        invoice = self._bill()
        self._pay(invoice, amount=30)
        text = self._read(self._print(invoice)).replace("\xa0", " ")
        self.assertIn("$ 70.00", text)
        self.assertIn("Amount due", text)

    def test_credit_note(self):
        self._create_credit(30)
        text = self._read(self._print(self._bill()))
        self.assertIn("Credit Note", text)
        self.assertNotIn("How to pay", text)

    def test_text_of_any_kind(self):
        """Emoji, right-to-left, markup and a word that is too long."""
        self._create_transaction(10, name="📞 calls", description="خدمة الإنترنت")
        self._create_transaction(10, name="<b>bold</b> & co", description="שירות")
        self._create_transaction(10, name="x" * 512)
        text = self._read(self._print(self._bill(title="عنوان الفاتورة")))
        self.assertIn("<b>bold</b> & co", text)

    def test_plain_invoice(self):
        """W44: another invoice has Odoo's page, whatever prints it."""
        invoice = self.init_invoice(
            "out_invoice", self.customer, amounts=[50], taxes=self.tax_10, post=True
        )
        report = self.env.ref("omni_billing.report_invoice")
        content = report._billing_render_weasyprint(invoice)
        self.assertFalse(content.startswith(b"%PDF"))
        self.assertIn("55.00", content.decode())

    def test_tax_numbers_have_the_name_of_their_country(self):
        self.company.partner_id.write(
            {"vat": "ATU12345675", "country_id": self.env.ref("base.at").id}
        )
        self.env.ref("base.au").vat_label = "ABN"
        self.customer.write(
            {"vat": "83914571673", "country_id": self.env.ref("base.au").id}
        )
        self._create_transaction(10)
        text = self._read(self._print(self._bill()))
        self.assertIn("USt ATU12345675", text)
        self.assertIn("ABN 83914571673", text)

    def test_quick_parser_reads_the_same(self):
        """The page that lxml read is the one that WeasyPrint's own parser reads."""
        self._create_transaction(10, name="<b>bold</b> & co", description="1 <\n2")
        invoice = self._bill(title="Ünïcode & more")
        trust(invoice).narration = "<p>One</p><ul><li>Two <b>three</b> four</li></ul>"
        document = invoice._billing_prepare_document()
        renderer = self.env["ir.actions.report"]._billing_get_pdf_renderer()
        quick = self._read(renderer.render(document))
        with patch.object(pdf, "_parse_own", pdf_worker.parse):
            self.assertEqual(self._read(renderer.render(document)), quick)
        self.assertIn("<b>bold</b> & co 1 < 2", " ".join(quick.split()))

    def test_customer_without_address(self):
        """F102: no address is no reason to fail."""
        self.customer.write(
            {"street": False, "city": False, "zip": False, "country_id": False}
        )
        self._create_transaction(10)
        invoice = self._bill()
        self.assertIn("Acme Rentals", self._read(self._print(invoice)))
        template = self.env["omni.billing.template"].create(
            {
                "name": "Ours",
                "engine": "jinja",
                "body": "<p>{{ client.name }} of {{ client.address.city }}.</p>"
                "{% if client.address.country == 'Australia' %}<p>GST</p>{% endif %}",
                "is_automatic": False,
            }
        )
        self.customer.billing_template_id = template
        self.assertIn("Acme Rentals of .", self._read(self._print(invoice)))

    def test_how_to_pay(self):
        """F90: online, and by transfer with the invoice's number as reference."""
        self.company.billing_payment_instructions = "Pay online, or by transfer."
        bank = self.env["res.partner.bank"].create(
            {
                "acc_number": "12345678",
                "clearing_number": "082-001",
                "acc_holder_name": "Omni Holder",
                "partner_id": self.company.partner_id.id,
                "bank_id": self.env["res.bank"].create({"name": "Harbour Bank"}).id,
                "allow_out_payment": True,
            }
        )
        self._create_transaction(10)
        invoice = self._bill()
        trust(invoice).partner_bank_id = bank
        text = self._read(self._print(invoice))
        for words in (
            "Pay online, or by transfer.",
            "Harbour Bank",
            "Omni Holder",
            "082-001 12345678",
            f"Reference: {invoice.name}",
        ):
            self.assertIn(words, text)

    def test_failure_says_why(self):
        """F101, F104"""
        self._create_transaction(10)
        invoice = self._bill()

        class BrokenRenderer:
            def render(self, document):
                raise RenderError("no font at all")

        Report = type(self.env["ir.actions.report"])
        self.patch(Report, "_billing_get_pdf_renderer", lambda report: BrokenRenderer())
        with self.assertRaisesRegex(UserError, "no font at all"):
            self._print(invoice)

    def test_file_name(self):
        """F103"""
        self._create_transaction(50)
        invoice = self._bill()
        report = self.env.ref("omni_billing.report_invoice")
        name = invoice._get_invoice_report_filename(report=report)
        self.assertEqual(name, f"Invoice_{invoice.name[-5:]}.pdf")
        for move_type, number, short, whole in (
            ("out_invoice", "INV-2025-001234", "Invoice_01234", "INV-2025-001234"),
            ("out_invoice", "F/26/1234567", "Invoice_1234567", "F-26-1234567"),
            ("out_refund", "RINV/2026/00001", "Credit_Note_00001", "RINV-2026-00001"),
            ("out_invoice", "№ 12 b", "Invoice", "12-b"),
            ("out_invoice", False, "Invoice", "Invoice"),
        ):
            move = invoice.new({"move_type": move_type, "name": number})
            self.assertEqual(move._billing_get_filename(), f"{short}.pdf")
            name = move._billing_get_filename(among_others=True)
            self.assertEqual(name, f"{whole}.pdf")

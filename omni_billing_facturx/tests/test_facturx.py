import io
import json
import subprocess
import sys
from types import SimpleNamespace

from lxml import etree
from pypdf import PdfReader

from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tests import tagged
from odoo.tools import config

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import NAMESPACES, FacturXCommon

#: The factur-x library, in a process without Odoo, whose import hooks it cannot bear.
READER = """
import json, logging, sys
from facturx import get_xml_from_pdf
logging.basicConfig()
name, xml = get_xml_from_pdf(sys.stdin.buffer.read(), check_xsd=True)
if not xml:
    sys.exit("no valid XML is inside")
print(json.dumps([name, xml.decode()]))
"""


@tagged("post_install", "-at_install", "omni_install")
class TestFacturX(FacturXCommon):
    """W20: PDF/A-3b with the XML inside."""

    def _bill_all(self):
        self._create_transaction(100, tax_ids=self.tax_20)
        self._create_transaction(50, name="Postage", tax_ids=self.tax_20)
        self._create_credit(10, tax_ids=self.tax_20)
        invoice = self._bill(title="January")
        trust(invoice).partner_bank_id = self.bank
        return invoice

    def _read_xml(self, invoice):
        """Return the XML inside, checked against the schema of the library."""
        result = subprocess.run(
            [sys.executable, "-I", "-c", READER],
            input=invoice._billing_get_pdf(),
            capture_output=True,
            check=False,
        )
        self.assertEqual(result.returncode, 0, result.stderr.decode()[-2000:])
        name, xml = json.loads(result.stdout.splitlines()[-1])
        self.assertEqual(name, "factur-x.xml")
        return etree.fromstring(xml.encode())

    def _read_metadata(self, reader):
        stream = reader.trailer["/Root"]["/Metadata"].get_data()
        return etree.fromstring(stream.strip())

    def test_xml_is_valid_and_says_the_same(self):
        """Against the schema that the factur-x library ships."""
        invoice = self._bill_all()
        tree = self._read_xml(invoice)
        total = tree.findtext(".//ram:GrandTotalAmount", namespaces=NAMESPACES)
        self.assertEqual(float(total), invoice.amount_total)
        lines = tree.findall(
            ".//ram:IncludedSupplyChainTradeLineItem", namespaces=NAMESPACES
        )
        self.assertEqual(len(lines), 3)

    def test_what_only_the_xml_tells_makes_a_new_one(self):
        """Promise 6: products and the address of delivery are not on the page."""
        product = self.env["product.product"].create(
            {"name": "Router", "default_code": "R1", "taxes_id": self.tax_20.ids}
        )
        self._create_transaction(100, product_id=product.id, tax_ids=self.tax_20)
        invoice = self._bill()
        delivery = self.customer.copy({"name": "Store", "type": "delivery"})
        trust(invoice).partner_shipping_id = delivery
        path = ".//ram:SellerAssignedID"
        seller_id = self._read_xml(invoice).findtext(path, namespaces=NAMESPACES)
        self.assertEqual(seller_id, "R1")
        product.default_code = "R2"
        seller_id = self._read_xml(invoice).findtext(path, namespaces=NAMESPACES)
        self.assertEqual(seller_id, "R2")
        delivery.city = "Rennes"
        tree = self._read_xml(invoice)
        city = tree.findtext(
            ".//ram:ShipToTradeParty//ram:CityName", namespaces=NAMESPACES
        )
        self.assertEqual(city, "Rennes")

    def test_pdf_is_of_the_archive_kind(self):
        """PDF/A-3b: what ISO 19005-3 asks for and can be read off the file."""
        reader = PdfReader(io.BytesIO(self._bill_all()._billing_get_pdf()))
        root = reader.trailer["/Root"]
        self.assertFalse(reader.is_encrypted)
        self.assertTrue(reader.trailer["/ID"])
        [intent] = root["/OutputIntents"]
        self.assertEqual(intent.get_object()["/S"], "/GTS_PDFA1")
        self.assertTrue(intent.get_object()["/DestOutputProfile"].get_object())
        for file in root["/AF"]:
            self.assertEqual(file.get_object()["/AFRelationship"], "/Data")
            self.assertEqual(file.get_object()["/UF"], "factur-x.xml")
        self.assertNotIn("/JavaScript", root.get("/Names", {}))
        for page in reader.pages:
            for font in page["/Resources"].get("/Font", {}).values():
                self._assert_embedded(font.get_object())
        packet = self._read_metadata(reader)
        for path, value in (
            ("pdfaid:part", "3"),
            ("pdfaid:conformance", "B"),
        ):
            prefix, name = path.split(":")
            name = f"{{{NAMESPACES[prefix]}}}{name}"
            found = [
                element.get(name) or element.findtext(name)
                for element in packet.iter(f"{{{NAMESPACES['rdf']}}}Description")
            ]
            self.assertIn(value, found)
        self.assertEqual(
            packet.findtext(".//fx:DocumentFileName", namespaces=NAMESPACES),
            "factur-x.xml",
        )
        self.assertEqual(
            packet.findtext(".//fx:ConformanceLevel", namespaces=NAMESPACES), "EN 16931"
        )
        self.assertEqual(len(packet.findall("rdf:RDF", NAMESPACES)), 1)

    def _assert_embedded(self, font):
        for descendant in font.get("/DescendantFonts", [font]):
            descriptor = descendant.get_object()["/FontDescriptor"].get_object()
            self.assertTrue({"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor))

    def test_template_of_the_customers_own(self):
        """An HTML template gets it too."""
        self.customer.billing_template_id = self.env.ref(
            "omni_billing.omni_billing_template_compact"
        )
        invoice = self._bill_all()
        self.assertTrue(len(self._read_xml(invoice)))

    def test_credit_note(self):
        note = self._bill_all()._reverse_moves(cancel=True)
        trust(note).partner_bank_id = self.bank
        tree = self._read_xml(note)
        path = "{*}ExchangedDocument/{*}TypeCode"
        self.assertEqual(tree.findtext(path), "381")
        total = tree.findtext(".//ram:GrandTotalAmount", namespaces=NAMESPACES)
        self.assertEqual(float(total), note.amount_total)

    def test_fast_billing_leaves_each_to_odoo(self):
        """W45: what the format asks for is asked when Odoo posts."""
        Proven = self.env["omni.billing.proven"]
        one = SimpleNamespace(values={"journal_id": 0})
        problem = Proven._find_problem_of_books(self.company, one)
        self.assertIn("Factur-X", Proven._describe_reason(problem))
        self.assertIn("credit note", Proven._describe_reason("credit_note"))

    def test_without_the_setting(self):
        self.company.billing_facturx = False
        content = self._bill_all()._billing_get_pdf()
        self.assertFalse(PdfReader(io.BytesIO(content)).attachments)

    def test_drafts_and_void_invoices_carry_none(self):
        invoice = self._bill_all()
        invoice.action_billing_void()
        charge = self._create_transaction(10, tax_ids=self.tax_20)
        draft = self._create_draft(charge)
        charge._set_invoiced(draft)
        for move in (invoice, draft):
            content = move._billing_get_pdf()
            self.assertFalse(PdfReader(io.BytesIO(content)).attachments)

    def test_what_is_missing_is_named(self):
        """Of an invoice that was complete when it was posted."""
        invoice = self._bill_all()
        self.company.write({"vat": False, "company_registry": False})
        with self.assertRaisesRegex(UserError, "(?s)Factur-X.*SIREN"):
            invoice._billing_get_pdf()

    def test_payment_shows_in_the_xml(self):
        """W13: what is in the file follows too."""
        invoice = self._bill_all()
        path = ".//ram:DuePayableAmount"
        for _time in range(2):
            due = self._read_xml(invoice).findtext(path, namespaces=NAMESPACES)
            self.assertEqual(float(due), invoice.amount_residual)
            self._pay(invoice, amount=40)

    def test_metadata_says_the_profile_of_the_xml(self):
        """The two once said different ones."""
        outside = self._create_tax(0, name="Outside", ubl_cii_tax_category_code="O")
        invoice = self._bill(
            self._create_transaction(10, tax_ids=self.tax_20),
            self._create_transaction(5, tax_ids=outside),
        )
        reader = PdfReader(io.BytesIO(invoice._billing_get_pdf()))
        level = self._read_metadata(reader).findtext(
            ".//fx:ConformanceLevel", namespaces=NAMESPACES
        )
        path = ".//ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"
        profile = self._read_xml(invoice).findtext(path, namespaces=NAMESPACES)
        self.assertEqual(level, "EXTENDED")
        self.assertTrue(profile.endswith(":extended"))

    def test_odoo_puts_no_second_xml_into_the_pdf(self):
        """Send & Print, and other channels, would add one, and end PDF/A."""
        invoice = self._bill_all()
        content = invoice._billing_get_pdf()
        data = {"pdf_attachment_values": {"raw": content}, "sending_methods": set()}
        self.patch(config, "options", config.options.new_child({"test_enable": False}))
        self.env["account.move.send"]._hook_invoice_document_after_pdf_report_render(
            invoice, data
        )
        self.assertEqual(data["pdf_attachment_values"]["raw"], content)

    def test_invoice_of_another_is_odoos(self):
        """W44: to the letter, with our templates as without."""
        product = self.env["product.product"].create({"name": "Rope"})
        foreign = self.init_invoice("out_invoice", self.customer, products=product)
        lines = [
            {"name": "By hand\nand by name", "price_unit": 1.2345, "discount": 10},
            {"name": "Another", "price_unit": 20},
        ]
        foreign.write(
            {
                "invoice_line_ids": [
                    Command.create(
                        {**line, "quantity": 3, "tax_ids": [Command.set(tax.ids)]}
                    )
                    for line, tax in zip(
                        lines, (self.tax_20, self._create_tax(0)), strict=True
                    )
                ],
                "invoice_payment_term_id": self.env.ref(
                    "account.account_payment_term_30days"
                ).id,
            }
        )
        foreign.action_post()
        export = self.env["account.edi.xml.cii"]._export_invoice
        found = export(foreign)
        # sudo: an administrator's.
        views = self.env["ir.model.data"].sudo()
        views = views.search(
            Domain("module", "=", "omni_billing_facturx")
            & Domain("name", "like", "facturx_export_22")
        )
        self.env["ir.ui.view"].browse(views.mapped("res_id")).active = False
        self.assertEqual(len(views), 3)
        self.assertEqual(found, export(foreign))

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import html2plaintext

from odoo.addons.omni_billing.models.documents import account_move_printed as printed
from odoo.addons.omni_billing.tools.qr import make_qr, make_qr_of
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon


class PrintedCommon(BillingCommon):
    def _read_page(self, invoice):
        """Return the text of our page, with plain spaces."""
        self.env.flush_all()
        self.env.invalidate_all()
        source = invoice._billing_prepare_document().source
        text = html2plaintext(source.partition("<body")[2], include_references=False)
        return " ".join(text.split())

    def _read_odoo(self, invoice):
        """Return the text of Odoo's own page."""
        page, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice", invoice.ids
        )
        text = html2plaintext(page.decode(), include_references=False)
        return " ".join(text.split())


@tagged("post_install", "-at_install")
class TestPrinted(PrintedCommon):
    """What Odoo's own report prints is on our page (W48)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.position = cls.env["account.fiscal.position"].create(
            {"name": "Abroad", "note": "<p>Exempt under article 39</p>"}
        )
        cls.term = cls.env["account.payment.term"].create(
            {
                "name": "Two parts",
                "note": "<p>A late payment costs 40 EUR</p>",
                "display_on_invoice": True,
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days})
                    for days in (10, 40)
                ],
            }
        )
        cls.customer.write(
            {
                "ref": "C-4711",
                "property_account_position_id": cls.position.id,
                "property_payment_term_id": cls.term.id,
            }
        )
        cls.tax_10.invoice_legal_notes = "<p>Reverse charge</p>"

    def _bill_with_all(self):
        self.company.write(
            {
                "report_header": "<p>Internet since 1999</p>",
                "report_footer": "<p>Capital of 10,000 euros</p>",
                "company_registry": "REG-112233",
                "display_invoice_amount_total_words": True,
            }
        )
        self._create_transaction(100, tax_ids=self.tax_10)
        invoice = self._bill(customer_reference="PO-2025-9")
        incoterm = self.env.ref("account.incoterm_DAP")
        trust(invoice).write(
            {
                "invoice_incoterm_id": incoterm.id,
                "incoterm_location": "Antwerp",
                "delivery_date": "2025-03-04",
                "invoice_origin": "S00077",
            }
        )
        return invoice

    def test_what_odoo_prints_is_on_our_page(self):
        invoice = self._bill_with_all()
        facts = (
            "Internet since 1999",
            "Capital of 10,000 euros",
            "C-4711",
            "PO-2025-9",
            "DAP",
            "Antwerp",
            "03/04/2025",
            "S00077",
            "Exempt under article 39",
            "Reverse charge",
            "A late payment costs 40 EUR",
            "55.00",
            invoice.amount_total_words,
        )
        ours, theirs = self._read_page(invoice), self._read_odoo(invoice)
        for words in facts:
            with self.subTest(words=words):
                self.assertIn(words, theirs)
                self.assertIn(words, ours)
        self.assertIn("REG-112233", ours)

    def test_nothing_is_printed_where_there_is_nothing(self):
        self.customer.write(
            {
                "ref": False,
                "property_account_position_id": False,
                "property_payment_term_id": False,
            }
        )
        self._create_transaction(100)
        page = self._bill()._billing_prepare_pdf_context()
        for name in ("tagline", "footer", "facts", "parties", "mentions", "words"):
            self.assertFalse(page[name], name)
        for name in ("payment_terms", "installments", "codes", "swiss"):
            self.assertFalse(page[name], name)
        self.assertFalse(page["company_taxes"])
        self.assertEqual(page["title"], "Invoice")

    def test_all_that_is_read_is_watched(self):
        """A stored PDF is looked at again when any of it changes."""
        invoice = self._bill_with_all()
        for record, values in (
            (self.position, {"note": "<p>Article 41</p>"}),
            (self.term, {"note": "<p>Interest of 3%</p>"}),
            (self.tax_10, {"invoice_legal_notes": "<p>Due by the buyer</p>"}),
            (self.company, {"report_header": "<p>Phones, too</p>"}),
            (self.company, {"report_footer": "<p>Capital of 20,000</p>"}),
            (self.customer, {"ref": "C-4712"}),
            (invoice, {"ref": "PO-late"}),
        ):
            with self.subTest(values=values):
                self.registry.cache_invalidated.clear()
                invoice._billing_get_pdf()
                self.assertTrue(self._is_current(invoice))
                record.write(values)
                self.assertFalse(self._is_current(invoice))

    def _is_current(self, invoice):
        self.env.flush_all()
        # Done at each commit.
        self.registry.cache_invalidated.clear()
        return bool(self.env["omni.billing.pdf.cache"].sudo()._read(invoice))

    def test_layout_of_the_company_is_kept(self):
        """What staff wrote as header in Odoo is on our page, and nothing twice."""
        self.company.write(
            {
                "phone": "+32 2 290 34 90",
                "vat": "US12345671",
                "company_details": f"<p>{self.company.name}<br/>Rue du Port 7<br/>"
                "1000 Brussels<br/>+32 2 290 34 90</p>",
            }
        )
        self._create_transaction(10)
        seller = self._bill()._billing_prepare_pdf_context()["seller"]
        self.assertEqual(seller.count("+32 2 290 34 90"), 1)
        self.assertTrue(seller.startswith("Rue du Port 7\n1000 Brussels"))
        self.assertIn("US12345671", seller)

    def test_tax_number_of_another_country(self):
        """A fiscal position may have a number of the seller's in its country."""
        self.company.vat = "US12345671"
        belgium = self.env.ref("base.be")
        self.position.write({"country_id": belgium.id, "foreign_vat": "BE0477472701"})
        self._create_transaction(10)
        seller = self._bill()._billing_prepare_pdf_context()["seller"]
        self.assertIn("BE0477472701", seller)
        self.assertNotIn("US12345671", seller)

    def test_title_is_that_of_the_report(self):
        """Of whatever addon says which report it is, in whatever words."""
        view = self.env["ir.ui.view"].create(
            {
                "name": "tax invoice",
                "key": "omni_billing.test_tax_invoice",
                "type": "qweb",
                "mode": "primary",
                "inherit_id": self.env.ref("account.report_invoice_document").id,
                "arch": """
                    <data>
                        <t name="invoice_title" position="replace">
                            <t name="invoice_title">Tax Invoice</t>
                        </t>
                    </data>
                """,
            }
        )
        Move = self.registry["account.move"]
        self.patch(Move, "_get_name_invoice_report", lambda move: view.key)
        self._create_transaction(10)
        invoice = self._bill()
        self.assertIn("Tax Invoice", self._read_page(invoice))
        note = invoice._reverse_moves(cancel=True)
        self.assertIn("Credit Note", self._read_page(note))
        charge = self._create_transaction(10)
        draft = self._create_draft(charge)
        self.assertIn("Draft Invoice", self._read_page(draft))

    def test_title_that_a_method_gives(self):
        self.patch(printed, "TITLE_METHODS", ("_get_other_title",))
        Move = self.registry["account.move"]
        Move._get_other_title = lambda move: "Bill of Supply"
        self.addCleanup(delattr, Move, "_get_other_title")
        self._create_transaction(10)
        self.assertIn("Bill of Supply", self._read_page(self._bill()))

    def test_taxes_in_the_currency_of_the_company(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.company.display_invoice_tax_company_currency = True
        self._create_transaction(100, currency_id=euro.id, tax_ids=self.tax_10)
        invoice = self._bill()
        [line] = invoice.line_ids.filtered("tax_line_id")
        amount = self.company.currency_id.format(-line.balance)
        [(_name, found)] = invoice._billing_prepare_pdf_context()["company_taxes"]
        self.assertEqual(found, amount)

    def test_taxes_on_different_amounts(self):
        """Each says on which, as in Odoo."""
        self._create_transaction(100, tax_ids=self.tax_10)
        other = self._create_tax(5)
        other.tax_group_id = self.tax_10.tax_group_id.copy({"name": "Reduced"})
        self._create_transaction(30, tax_ids=other)
        text = self._read_page(self._bill())
        self.assertRegex(text, r"Reduced on \$\s?30\.00")

    def test_discount_for_early_payment(self):
        self.term.write(
            {
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 7,
                "line_ids": [
                    Command.clear(),
                    Command.create({"value_amount": 100, "nb_days": 30}),
                ],
            }
        )
        self._create_transaction(100)
        invoice = self._bill()
        self.assertIn("98.00", self._read_page(invoice))
        self.assertIn("98.00 due if paid before", self._read_odoo(invoice))

    def test_contact_of_a_company_in_france(self):
        """The company's number and address, as the addons for France and Germany do."""
        self.company.account_fiscal_country_id = self.env.ref("base.fr")
        self.customer.write(
            {
                "street": "1 rue du Siège",
                "company_registry": "73282932000074",
                "country_id": self.env.ref("base.fr").id,
            }
        )
        contact = self.env["res.partner"].create(
            {"name": "Ada", "parent_id": self.customer.id, "type": "invoice"}
            | {"street": "2 rue de la Facture"}
        )
        self._create_transaction(10, partner_id=contact.id)
        page = self._bill()._billing_prepare_pdf_context()
        self.assertIn("SIRET 73282932000074", page["buyer"])
        self.assertIn("2 rue de la Facture", page["buyer"])
        [(_label, company)] = page["parties"]
        self.assertIn("1 rue du Siège", company)

    def test_codes_of_tax_offices(self):
        """As text, as what Odoo drew, or as the address that would draw it."""
        text = "https://example.com/q?a=1&b=2"
        url = (
            "/report/barcode/?barcode_type=QR&value=https%3A%2F%2Fexample.com%2Fq"
            "%3Fa%3D1%26b%3D2&width=180"
        )
        self.assertEqual(make_qr_of(text), make_qr(text))
        self.assertEqual(make_qr_of(url), make_qr(text))
        self.assertEqual(
            make_qr_of("data:image/png;base64,AA"), "data:image/png;base64,AA"
        )
        added = printed.Added("name", "Tax office", lambda move: f"Q{move.name}")
        self.patch(printed, "CODES", (added,))
        self._create_transaction(10)
        self.assertIn("Tax office", self._read_page(self._bill()))

    def test_codes_that_the_company_wants(self):
        """Odoo's own settings of QR codes count for our page as for its own."""
        self.company.link_qr_code = True
        self._create_transaction(10)
        self.assertIn("Scan to pay online", self._read_page(self._bill()))

    def test_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        invoice = self._bill_with_all()
        text = self._read_page(invoice.with_context(lang="fr_FR"))
        self.assertIn("Facture", text)
        self.assertIn("Votre référence PO-2025-9", text)


@tagged("post_install", "-at_install")
class TestCustomerReference(PrintedCommon):
    """The customer's own number, like that of its order (W49)."""

    def test_of_a_service(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "price_unit": 31,
                "unit": "month",
                "date_start": self.today,
                "setup_price": 5,
                "customer_reference": "PO-7",
            }
        )
        service.action_write_due()
        charges = service.transaction_ids
        self.assertEqual(charges.mapped("customer_reference"), ["PO-7", "PO-7"])
        invoice = self._bill()
        self.assertEqual(invoice.ref, "PO-7")
        text = self._read_page(invoice)
        self.assertEqual(text.count("PO-7"), 1, "once, at the head")
        found = self.env["account.move"].search([("ref", "ilike", "po-7")])
        self.assertEqual(found, invoice)

    def test_of_several(self):
        """Each line says its own, and the head all of them."""
        self._create_transaction(10, customer_reference="PO-1")
        self._create_transaction(20, customer_reference="PO-2", description="May")
        self._create_transaction(30, customer_reference="PO-1")
        self._create_transaction(40)
        invoice = self._bill()
        self.assertEqual(invoice.ref, "PO-1, PO-2")
        text = self._read_page(invoice)
        self.assertEqual(text.count("Your reference: PO-1"), 2)
        self.assertIn("May Your reference: PO-2", text)

    def test_too_many_for_the_head(self):
        for number in range(9):
            self._create_transaction(10, customer_reference=f"PO-{number}")
        invoice = self._bill()
        self.assertFalse(invoice.ref)
        self.assertIn("Your reference: PO-8", self._read_page(invoice))

    def test_what_staff_type_counts(self):
        self._create_transaction(10, customer_reference="PO-1")
        invoice = self._bill(customer_reference="FRAME-9")
        self.assertEqual(invoice.ref, "FRAME-9")
        self.assertEqual(invoice.invoice_line_ids.billing_reference, "PO-1")

    def test_of_a_run(self):
        self._create_transaction(10)
        run = self.env["omni.billing.run"].create(
            {
                "name": "Group",
                "partner_ids": [Command.set(self.customer.ids)],
                "customer_reference": "FRAME-1",
            }
        )
        run.action_start()
        # sudo: the job is nobody's.
        run.sudo()._cron_process()
        self.assertEqual(run.line_ids.invoice_id.ref, "FRAME-1")

    def test_of_a_schedule(self):
        schedule = self.env["omni.billing.run.schedule"].create(
            {"name": "Monthly", "customer_reference": "FRAME-2"}
        )
        values = schedule._prepare_run_values()
        self.assertEqual(values["customer_reference"], "FRAME-2")

    def test_a_credit_note_has_that_of_its_invoice(self):
        """And not the reason, which is for staff."""
        self._create_transaction(10, customer_reference="PO-5")
        invoice = self._bill()
        note = invoice._reverse_moves([{"ref": "he complained"}], cancel=True)
        text = self._read_page(note)
        self.assertIn("PO-5", text)
        self.assertNotIn("he complained", text)

    def test_void_keeps_it(self):
        """The line does, and the transaction is billed again with it."""
        charge = self._create_transaction(10, customer_reference="PO-3")
        self._create_transaction(10)
        invoice = self._bill()
        invoice.action_billing_void()
        self.assertIn("Your reference: PO-3", self._read_page(invoice))
        self.assertEqual(self._bill(charge).ref, "PO-3")

    def test_it_may_come_late(self):
        self._create_transaction(10)
        invoice = self._bill()
        invoice.ref = "PO-late"
        self.assertIn("PO-late", self._read_page(invoice))

    def test_a_billed_one_stays(self):
        charge = self._create_transaction(10, customer_reference="PO-3")
        self._bill()
        with self.assertRaises(UserError, msg="posted is posted"):
            charge.customer_reference = "PO-4"

from datetime import timedelta

from lxml import etree

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.common import BillingCommon
from odoo.addons.omni_billing.tests.test_omni_billing_run import RunCommon
from odoo.addons.omni_billing.tools.write_guard import trust

from .common import NAMESPACES, FacturXCommon

PERIOD = ".//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod"
DUE = ".//ram:DueDateDateTime/udt:DateTimeString"


@tagged("post_install", "-at_install")
class TestFacturXContent(FacturXCommon):
    """W20: the XML says what the invoice says, and what French law asks."""

    def _bill_one(self, cost=100, **values):
        day = values.get("date_end", self.today)
        charge = self._create_transaction(cost, tax_ids=self.tax_20, date=day)
        return self._bill(charge, **values)

    def test_period_is_that_of_the_invoice(self):
        invoice = self._bill_one(date_start="2026-01-01", date_end="2026-01-31")
        days = self._find_all(invoice, f"{PERIOD}//udt:DateTimeString")
        self.assertEqual(days, ["20260101", "20260131"])

    def test_without_a_period_none_is_made_up(self):
        invoice = self._bill_one(date_due=self.today + timedelta(days=30))
        trust(invoice).write({"billing_date_start": False, "billing_date_end": False})
        self.assertEqual(self._find_all(invoice, f"{PERIOD}//udt:DateTimeString"), [])

    def test_due_before_its_date_is_said_in_words(self):
        """No rule lets it be the due date; the invoice is as it was posted."""
        invoice = self._bill_one()
        self.assertEqual(self._find(invoice, DUE), self.today.strftime("%Y%m%d"))
        trust(invoice).invoice_date_due = self.today - timedelta(days=3)
        self.assertFalse(self._find(invoice, DUE))
        terms = self._find(invoice, ".//ram:SpecifiedTradePaymentTerms/ram:Description")
        self.assertIn(str(invoice.invoice_date_due.year), terms)

    def test_order_is_the_customers(self):
        """BT-13 is the number of the buyer's order, and never ours."""
        path = ".//ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"
        invoice = self._bill_one()
        self.assertFalse(self._find(invoice, path))
        invoice.ref = "PO-7"
        self.assertEqual(self._find(invoice, path), "PO-7")
        note = invoice._reverse_moves([{"ref": "Reversal of it"}], cancel=True)
        self.assertEqual(self._find(note, path), "PO-7")

    def test_credit_note_names_its_invoice(self):
        invoice = self._bill_one()
        note = invoice._reverse_moves(cancel=True)
        path = ".//ram:InvoiceReferencedDocument/"
        number = self._find(note, f"{path}ram:IssuerAssignedID")
        self.assertEqual(number, invoice.name)
        day = self._find(note, f"{path}/qdt:DateTimeString")
        self.assertEqual(day, invoice.invoice_date.strftime("%Y%m%d"))
        self.assertFalse(self._find(invoice, f"{path}ram:IssuerAssignedID"))

    def test_vat_in_euros_beside_dollars(self):
        """Of the books, at the rate of the day; and no second one in euros."""
        charge = self._create_transaction(
            100, tax_ids=self.tax_20, currency_id=self._use_dollars().id
        )
        invoice = self._bill(charge)
        for move in (invoice, invoice._reverse_moves(cancel=True)):
            totals = self._export(move).findall(".//ram:TaxTotalAmount", NAMESPACES)
            found = {total.get("currencyID"): float(total.text) for total in totals}
            self.assertEqual(found, {"USD": 20.0, "EUR": 16.0})
            self.assertEqual(self._find(move, ".//ram:TaxCurrencyCode"), "EUR")
        self.assertFalse(self._find(self._bill_one(), ".//ram:TaxCurrencyCode"))

    def _read_parties(self, invoice):
        tree = self._export(invoice)
        result = []
        for side in ("Seller", "Buyer"):
            party = tree.find(f".//ram:{side}TradeParty", NAMESPACES)
            address = party.find("ram:URIUniversalCommunication/ram:URIID", NAMESPACES)
            registry = party.find("ram:SpecifiedLegalOrganization/ram:ID", NAMESPACES)
            result.append(
                (
                    party.findtext("ram:GlobalID", namespaces=NAMESPACES),
                    registry.text,
                    registry.get("schemeID"),
                    address.get("schemeID"),
                    address.text,
                )
            )
        return result

    def test_parties_in_france_are_known_by_siren(self):
        """BT-29, BT-30 and BT-34 of the seller, BT-46, BT-47 and BT-49 of the buyer."""
        invoice = self._bill_one()
        self.assertEqual(
            self._read_parties(invoice),
            [
                ("33417522101010", "334175221", "0002", "0225", "334175221"),
                (None, "404833048", "0002", "0225", "404833048"),
            ],
        )
        # As registered by the customer in the directory of platforms.
        self.customer.write(
            {"peppol_eas": "0225", "peppol_endpoint": "404833048_ACCOUNTS"}
        )
        self.assertEqual(self._read_parties(invoice)[1][-1], "404833048_ACCOUNTS")

    def test_party_abroad_is_known_by_peppol_or_mail(self):
        abroad = self._create_customer("be", company_registry="0477472701")
        charge = self._create_transaction(10, partner_id=abroad.id, tax_ids=self.tax_20)
        invoice = self._bill(charge, partner_id=abroad.id)
        self.assertEqual(
            self._read_parties(invoice)[1],
            (None, "0477472701", None, "0208", "0477472701"),
        )
        abroad.write({"peppol_eas": False, "peppol_endpoint": False})
        self.assertEqual(
            self._read_parties(invoice)[1][-2:], ("EM", "post@example.com")
        )

    def _read_notes(self, invoice):
        return {
            note.findtext("ram:SubjectCode", namespaces=NAMESPACES): note.findtext(
                "ram:Content", namespaces=NAMESPACES
            )
            for note in self._export(invoice).iter(
                f"{{{NAMESPACES['ram']}}}IncludedNote"
            )
        }

    def test_notes_that_french_law_asks(self):
        """By law, by what is set, or as the company words it."""
        invoice = self._bill_one()
        notes = self._read_notes(invoice)
        self.assertIn("40 €", notes["PMT"])
        self.assertIn("European Central Bank", notes["PMD"])
        self.assertEqual(notes["AAB"], "No discount for early payment.")
        self.company.write(
            {"billing_late_fee": "percent", "billing_late_fee_percent": 1.5}
        )
        self.assertIn("1.5 %", self._read_notes(invoice)["PMD"])
        self.company.write(
            {
                "billing_facturx_penalty": "P",
                "billing_facturx_recovery": "R",
                "billing_facturx_discount": "D",
            }
        )
        self.assertEqual(
            self._read_notes(invoice), {"PMT": "R", "PMD": "P", "AAB": "D"}
        )

    def test_notes_are_in_the_language_of_the_customer(self):
        self.customer.lang = "fr_FR"
        invoice = self._bill_one()
        self.assertIn("escompte", self._read_notes(invoice)["AAB"])

    def test_discount_of_the_terms_is_said(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "2 % in 8 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 8,
                "line_ids": [Command.create({"value": "percent", "value_amount": 100})],
            }
        )
        invoice = self._bill_as(100, header={"invoice_payment_term_id": term.id})
        self.assertEqual(
            self._read_notes(invoice)["AAB"], "Discount of 2 % if paid within 8 days."
        )

    def test_elsewhere_there_is_nothing_french(self):
        self.company.write(
            {"country_id": self.env.ref("base.de").id, "vat": "DE123456788"}
        )
        invoice = self._bill_as(100, header={"partner_bank_id": self.bank.id})
        self.assertEqual(self._read_notes(invoice), {})

    def test_goods_and_services_are_told_apart(self):
        """BT-23: what the invoice is of."""
        path = ".//ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"
        goods = self.env["product.product"].create({"name": "Box", "type": "consu"})
        box = {"product_id": goods.id, "tax_ids": self.tax_20}
        kinds = []
        for charges in ([{}], [box], [box, {}]):
            made = [
                self._create_transaction(5, **{"tax_ids": self.tax_20, **values})
                for values in charges
            ]
            kinds.append(self._find(self._bill(*made), path))
        self.assertEqual(kinds, ["S1", "B1", "M1"])

    def test_vat_on_payment_is_said(self):
        """BT-8: when the VAT of services is due."""
        path = ".//ram:DueDateTypeCode"
        self.assertEqual(self._find(self._bill_one(), path), "5")
        self.company.tax_exigibility = True
        account = self.company_data["default_account_tax_sale"].copy()
        account.reconcile = True
        tax = self._create_tax(
            20,
            name="On payment",
            tax_exigibility="on_payment",
            cash_basis_transition_account_id=account.id,
        )
        charge = self._create_transaction(10, tax_ids=tax)
        self.assertEqual(self._find(self._bill(charge), path), "72")

    def test_small_prices_keep_their_decimals(self):
        """BT-146: what Odoo would write as 0.01 for each."""
        charge = self._create_usage(1500, 0.012)
        invoice = self._bill(charge)
        path = ".//ram:NetPriceProductTradePrice/ram:ChargeAmount"
        self.assertEqual(self._find(invoice, path), "0.012")
        path = ".//ram:SpecifiedLineTradeSettlement//ram:LineTotalAmount"
        self.assertEqual(self._find(invoice, path), "18.00")

    def test_price_is_what_was_agreed_and_of_as_many_as_it_takes(self):
        """BT-146 and BT-149 (W40): French platforms take 6 decimals of a price."""
        # Where taxes are rounded over the whole, 7 for 0.26 are one of that price.
        self.company.tax_calculation_rounding_method = "round_per_line"
        for quantity, price, stated, base, total in (
            (7, 0.0375, "0.0375", None, "0.26"),
            (1_000_000, 0.00003751, "0.003751", "100", "37.51"),
        ):
            charge = self._create_usage(quantity, price)
            charge.uom_id = self.env.ref("omni_billing.product_uom_second")
            tree = self._export(self._bill(charge))
            units = {node.get("unitCode") for node in tree.findall(".//*[@unitCode]")}
            self.assertEqual(units, {"SEC"})
            for kind in ("Net", "Gross"):
                path = f".//ram:{kind}PriceProductTradePrice/ram:"
                for name, value in (("ChargeAmount", stated), ("BasisQuantity", base)):
                    found = tree.findtext(f"{path}{name}", namespaces=NAMESPACES)
                    self.assertEqual(found, value, (price, kind, name))
            path = ".//ram:SpecifiedLineTradeSettlement//ram:LineTotalAmount"
            self.assertEqual(tree.findtext(path, namespaces=NAMESPACES), total)

    def test_addressee_is_who_the_page_names(self):
        """A contact that left for another company is not whom the XML names."""
        contact = self.env["res.partner"].create(
            {
                "name": "Ada",
                "parent_id": self.customer.id,
                "type": "invoice",
                "country_id": self.france.id,
            }
        )
        invoice = self._bill_as(9, header={"partner_id": contact.id})
        contact.parent_id = self._create_customer("fr", name="Elsewhere")
        name = self._find(invoice, ".//ram:BuyerTradeParty/ram:Name")
        self.assertEqual(name, self.customer.name)


@tagged("post_install", "-at_install")
class TestFacturXRefusals(FacturXCommon):
    """W20: what no platform takes is refused before it is posted, with what to do."""

    def _assert_refused(self, words, *transactions, **values):
        with self.assertRaisesRegex(UserError, words), self.env.cr.savepoint():
            self._bill(*transactions, **values)
        for transaction in transactions:
            self.assertEqual(transaction.state, "unbilled")

    def test_line_without_a_tax(self):
        charge = self._create_transaction(10, name="Untaxed")
        self._assert_refused("(?s)Untaxed.*Tax Category Code", charge)

    def test_what_is_said_to_be_outside_vat_is_taken(self):
        outside = self._create_tax(0, name="Outside", ubl_cii_tax_category_code="O")
        invoice = self._bill(self._create_transaction(10, tax_ids=outside))
        path = ".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/"
        self.assertEqual(self._find(invoice, f"{path}ram:CategoryCode"), "O")
        self.assertFalse(self._find(invoice, f"{path}ram:RateApplicablePercent"))

    def test_tax_that_is_no_percentage(self):
        fixed = self._create_tax(2, name="Fixed", amount_type="fixed")
        charge = self._create_transaction(10, name="Odd", tax_ids=fixed)
        self._assert_refused("Odd", charge)

    def test_customer_without_a_country(self):
        self.customer.country_id = False
        charge = self._create_transaction(10, tax_ids=self.tax_20)
        self._assert_refused("(?s)Acme Rentals.*country.*Contacts", charge)

    def test_company_in_france_without_a_siren(self):
        self.customer.vat = False
        charge = self._create_transaction(10, tax_ids=self.tax_20)
        self._assert_refused("(?s)Acme Rentals.*SIREN.*Contacts", charge)
        # A person has none, and no platform delivers to persons.
        self.customer.is_company = False
        self.assertEqual(self._bill(charge).state, "posted")

    def test_seller_without_a_siren(self):
        self.company.write({"vat": False, "company_registry": False})
        charge = self._create_transaction(10, tax_ids=self.tax_20)
        self._assert_refused("SIREN", charge)

    def test_reverse_charge_without_a_vat_number(self):
        tax = self._create_tax(0, name="AE", ubl_cii_tax_category_code="AE")
        abroad = self._create_customer("de")
        charge = self._create_transaction(10, partner_id=abroad.id, tax_ids=tax)
        self._assert_refused("VAT number", charge, partner_id=abroad.id)

    def test_credit_note_of_nothing(self):
        """Credits that exceed the charges correct no invoice that anybody named."""
        credit = self._create_credit(10, tax_ids=self.tax_20)
        self._assert_refused("credit note", credit)

    def test_number_that_no_platform_takes(self):
        journal = self.company_data["default_journal_sale"]
        journal.code = "N°"
        self._assert_refused(
            "numbering", self._create_transaction(10, tax_ids=self.tax_20)
        )

    def test_bank_account_is_no_matter_in_france(self):
        self.bank.unlink()
        invoice = self._bill(self._create_transaction(10, tax_ids=self.tax_20))
        self.assertTrue(len(self._export(invoice)))

    def test_what_corrects_an_invoice_is_posted(self):
        """Money may have moved; what is missing is said where the file is made."""
        invoice = self._bill(self._create_transaction(10, tax_ids=self.tax_20))
        self.customer.country_id = False
        note = invoice._reverse_moves(cancel=True)
        self.assertEqual(note.state, "posted")
        with self.assertRaisesRegex(UserError, "country"):
            note._billing_get_pdf()

    def test_without_the_setting_nothing_is_refused(self):
        self.company.billing_facturx = False
        self.customer.country_id = False
        self.assertTrue(self._bill(self._create_transaction(10)))

    def test_mail_that_cannot_be_made_is_on_the_list(self):
        invoice = self._bill(self._create_transaction(10, tax_ids=self.tax_20))
        self.customer.country_id = False
        [mail] = invoice._billing_queue_mail("invoice")
        self.assertRecordValues(
            mail, [{"state": "failed", "error_code": "facturx", "needs_action": True}]
        )
        self.assertIn("country", mail.error)
        with self.assertRaisesRegex(UserError, "country"):
            invoice._billing_send_mail()


@tagged("post_install", "-at_install")
class TestFacturXRuns(FacturXCommon, RunCommon):
    """W20: a run says what it could not bill or send, and does all the rest."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fine = cls._create_customer("fr", name="Fine", vat="FR44732829320")
        cls.both = cls.customer + cls.fine

    def test_who_lacks_something_is_parked(self):
        self._charge_all(10, self.both, tax_ids=self.tax_20)
        self.customer.country_id = False
        run = self._do()
        self.assertEqual(self._read(run), {self.customer: "parked", self.fine: "done"})
        [parked] = run.line_ids.filtered(lambda line: line.state == "parked")
        self.assertIn("has no country", parked.reason)
        self.assertIn("parked: 1", run.message_ids[0].body)

    def test_check_says_it_before(self):
        self._charge_all(10, self.both, tax_ids=self.tax_20)
        self._create_transaction(5, partner_id=self.fine.id, name="Untaxed")
        self.customer.country_id = False
        run = self._create_run()
        run.action_check()
        self._work()
        remarks = {line.partner_id: line.reason for line in run.line_ids}
        self.assertIn("has no country", remarks[self.customer])
        self.assertIn("Untaxed", remarks[self.fine])

    def test_what_is_not_sent_is_told(self):
        """The invoice was posted before; its e-mail finds out."""
        self._charge_all(10, self.both, tax_ids=self.tax_20)
        run = self._create_run(is_email=True)
        Line = type(self.env["omni.billing.run.line"])
        send = Line._send_email

        def lose_country(line, move):
            if move.partner_id == self.customer:
                self.customer.country_id = False
            return send(line, move)

        self.patch(Line, "_send_email", lose_country)
        self._do(run)
        states = {line.partner_id: line.mail_state for line in run.line_ids}
        self.assertEqual(states, {self.customer: "failed", self.fine: "queued"})
        self.assertEqual(run.unsent_count, 1)
        self.assertIn("not sent: 1", run.message_ids[0].body)


@tagged("post_install", "-at_install")
class TestFacturXOfOthers(BillingCommon):
    """W44: invoices that are not ours have Odoo's XML."""

    def test_invoice_of_others_is_as_odoo_makes_it(self):
        self.company.billing_facturx = True
        move = self.init_invoice("out_invoice", amounts=[10], taxes=self.tax_10)
        move.action_post()
        xml, _faults = self.env["account.edi.xml.cii"]._export_invoice(move)
        tree = etree.fromstring(xml)
        order = tree.findtext(
            ".//ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
            namespaces=NAMESPACES,
        )
        self.assertEqual(order, move.name)
        self.assertIsNone(
            tree.find(
                ".//ram:BusinessProcessSpecifiedDocumentContextParameter", NAMESPACES
            )
        )

import json
import subprocess
import sys
from pathlib import Path

from lxml import etree

from odoo.fields import Command

from odoo.addons.omni_billing.tests.common import BillingCommon
from odoo.addons.omni_billing.tools.write_guard import trust

RULES = Path(__file__).parent / "rules.py"

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "fx": "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "ram": "urn:un:unece:uncefact:data:standard:"
    "ReusableAggregateBusinessInformationEntity:100",
}


class FacturXCommon(BillingCommon):
    """A company in France, with books in euros, and a customer there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.euro = cls.env.ref("base.EUR")
        cls.euro.active = True
        cls.france = cls.env.ref("base.fr")
        cls.company.write(
            {
                "billing_facturx": True,
                "currency_id": cls.euro.id,
                "country_id": cls.france.id,
                "vat": "FR23334175221",
                "company_registry": "33417522101010",
                "street": "1 Rue du Port",
                "zip": "29200",
                "city": "Brest",
                "phone": "+33 2 55 50 00 00",
                "email": "billing@example.com",
            }
        )
        cls.currency = cls.company.currency_id
        cls.customer.write(
            {
                "country_id": cls.france.id,
                "street": "18 Quai Sud",
                "zip": "44000",
                "city": "Nantes",
                "vat": "FR83404833048",
                "email": "ada@example.com",
            }
        )
        cls.bank = cls.env["res.partner.bank"].create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": cls.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        cls.tax_20 = cls._create_tax(20)

    @classmethod
    def _create_customer(cls, country, **values):
        return cls.env["res.partner"].create(
            {
                "name": f"Customer in {country.upper()}",
                "is_company": True,
                "country_id": cls.env.ref(f"base.{country}").id,
                "street": "1 Main Street",
                "zip": "10115",
                "city": "Springfield",
                "email": "post@example.com",
            }
            | values
        )

    def _use_dollars(self):
        """Return the dollar: 1.25 of it are a euro."""
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.env["res.currency.rate"].search(
            [("currency_id", "=", dollar.id), ("company_id", "=", self.company.id)]
        ).unlink()
        self.env["res.currency.rate"].create(
            {
                "currency_id": dollar.id,
                "company_id": self.company.id,
                "name": "2020-01-01",
                "rate": 1.25,
            }
        )
        return dollar

    def _bill_as(self, cost, *others, header=None, **values):
        """Post an invoice that is not what billing alone would make of it.

        :param others: values of further lines.
        :param dict header: values of the invoice.
        :param values: of its line.
        """
        charge = self._create_transaction(cost, tax_ids=self.tax_20)
        prepared = charge._prepare_invoice_values(self.customer) | (header or {})
        prepared["invoice_line_ids"][0][2].update(values)
        prepared["invoice_line_ids"] += map(Command.create, others)
        Move = self.env["account.move"]
        draft = Move.browse(trust(Move).create([prepared]).id)
        charge._set_invoiced(draft)
        draft.action_post()
        return draft

    def _create_usage(self, quantity, price):
        """Charge for many of something, at a price below a cent."""
        return self.env["omni.billing.transaction"].create(
            {
                "name": "Minutes",
                "partner_id": self.customer.id,
                "quantity": quantity,
                "price_unit": price,
                "tax_ids": self.tax_20.ids,
            }
        )

    def _export(self, invoice):
        """Return the XML that is in the PDF, as a tree."""
        [file] = invoice._billing_prepare_document().files
        return etree.fromstring(file.content)

    def _find(self, invoice, path):
        return self._export(invoice).findtext(path, namespaces=NAMESPACES)

    def _find_all(self, invoice, path):
        found = self._export(invoice).findall(path, namespaces=NAMESPACES)
        return [element.text for element in found]

    @staticmethod
    def _judge(documents):
        """Return what rules each document breaks, in one process for all."""
        result = subprocess.run(
            [sys.executable, "-I", RULES],
            input=json.dumps(documents),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(result.stdout)

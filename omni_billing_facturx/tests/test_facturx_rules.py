from odoo import fields
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import FacturXCommon

#: What breaks a file, by the rules that it breaks: from, to.
BROKEN = {
    "xsd": ("ram:InvoiceCurrencyCode", "ram:Odd"),
    "profile": (
        "<ram:GrandTotalAmount>120.00",
        "<ram:GrandTotalAmount>121.00",
    ),
    "fr": ("<ram:SubjectCode>PMT", "<ram:SubjectCode>AAI"),
}


@tagged("post_install", "-at_install")
class TestFacturXRules(FacturXCommon):
    """W20: the files keep the rules of the format, and of French platforms."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax_0 = cls._create_tax(0)
        cls.tax_10_reduced = cls._create_tax(10, name="10 % reduced")
        cls.tax_5_5 = cls._create_tax(5.5)
        cls.tax_reverse = cls._create_tax(
            0, name="Reverse charge", ubl_cii_tax_category_code="AE"
        )

    def _list_documents(self):
        """Return what makes an invoice of each kind, by a name."""
        year = {"date_start": "2026-01-01", "date_end": "2026-12-31"}
        return {
            "20 %": lambda: self._bill_new(100),
            "rates": self._bill_rates,
            "included": self._bill_included,
            "credits on it": self._bill_credits,
            "period": lambda: self._bill_new(100, **year),
            "credit note": lambda: self._bill_new(80)._reverse_moves(cancel=True),
            "partial credit note": self._cancel_item,
            "intra-EU": lambda: self._bill_abroad("de", vat="DE123456788"),
            "export": lambda: self._bill_abroad("us"),
            "reverse charge": lambda: self._bill_abroad(
                "de", self.tax_reverse, vat="DE123456788"
            ),
            "20 % abroad": lambda: self._bill_abroad("us", self.tax_20),
            "USD": self._bill_dollars,
            "USD credit note": lambda: self._bill_dollars()._reverse_moves(cancel=True),
            "penalty beside": lambda: self._bill_penalty(100),
            "penalty alone": self._bill_penalty,
            "zero": self._bill_zero,
            "discount": self._bill_discount,
            "thirds": self._bill_thirds,
            "usage": self._bill_usage,
            "usage of millions": lambda: self._bill(
                self._create_usage(1_000_000, 0.00003751)
            ),
            "partly paid": self._bill_partly_paid,
            "paid": self._bill_paid,
            "cash rounding": self._bill_cash_rounding,
            "rounded globally": self._bill_globally,
            "person": self._bill_person,
        }

    def _bill_new(self, cost, taxes=None, **values):
        charge = self._create_transaction(
            cost,
            tax_ids=self.tax_20 if taxes is None else taxes,
            **{name: values.pop(name) for name in ("currency_id",) if name in values},
        )
        return self._bill(charge, **values)

    def _bill_rates(self):
        self._create_transaction(49.99, tax_ids=self.tax_20)
        self._create_transaction(12.34, tax_ids=self.tax_10_reduced)
        self._create_transaction(7.77, tax_ids=self.tax_5_5)
        self._create_transaction(3.33, tax_ids=self.tax_0)
        return self._bill()

    def _bill_included(self):
        for cost in (9.99, 19.99, 0.03):
            self._create_transaction(cost, tax_ids=self.tax_20_included)
        return self._bill()

    def _bill_credits(self):
        self._create_transaction(100, tax_ids=self.tax_20)
        self._create_credit(10, tax_ids=self.tax_20)
        return self._bill(title="January")

    def _cancel_item(self):
        kept = self._create_transaction(30, tax_ids=self.tax_20)
        item = self._create_transaction(70, tax_ids=self.tax_20)
        invoice = self._bill(kept, item)
        return invoice._billing_cancel_items(item, penalty=12)

    def _bill_abroad(self, country, taxes=None, **values):
        customer = self._create_customer(country, **values)
        charge = self._create_transaction(
            60, partner_id=customer.id, tax_ids=taxes or self.tax_0
        )
        return self._bill(charge, partner_id=customer.id)

    def _bill_dollars(self):
        return self._bill_new(100, currency_id=self._use_dollars().id)

    def _bill_penalty(self, cost=0):
        """Have the job charge a penalty, and bill it: beside something, or alone."""
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 15})
        due = fields.Date.subtract(self.today, days=45)
        late = self._bill_new(100, date_due=due)
        fees = self.env["omni.billing.late.fee"].sudo()  # sudo: as the job
        fees._charge(late, self.company)
        self.company.billing_late_fee = "none"
        fee = fees.search([("move_id", "=", late.id)]).transaction_id.sudo(False)
        others = [self._create_transaction(cost, tax_ids=self.tax_20)] if cost else []
        return self._bill(fee, *others)

    def _bill_zero(self):
        free = {"name": "Included", "price_unit": 0, "tax_ids": self.tax_20.ids}
        return self._bill_as(50, free)

    def _bill_discount(self):
        return self._bill_as(33.33, discount=15)

    def _bill_thirds(self):
        return self._bill_as(100, quantity=3, price_unit=33.3333)

    def _bill_usage(self):
        charge = self._create_usage(1500, 0.012)
        return self._bill(charge)

    def _bill_partly_paid(self):
        invoice = self._bill_new(100)
        self._pay(invoice, amount=40)
        return invoice

    def _bill_paid(self):
        invoice = self._bill_new(100)
        self._pay(invoice)
        return invoice

    def _bill_cash_rounding(self):
        rounding = self.env["account.cash.rounding"].create(
            {
                "name": "To 0.05",
                "rounding": 0.05,
                "strategy": "add_invoice_line",
                "profit_account_id": self.company_data["default_account_revenue"].id,
                "loss_account_id": self.company_data["default_account_expense"].id,
            }
        )
        return self._bill_as(9.99, header={"invoice_cash_rounding_id": rounding.id})

    def _bill_globally(self):
        self.company.tax_calculation_rounding_method = "round_globally"
        for cost in (10.03, 10.03, 10.03):
            self._create_transaction(cost, tax_ids=self.tax_20_included)
        invoice = self._bill()
        self.company.tax_calculation_rounding_method = "round_per_line"
        return invoice

    def _bill_person(self):
        person = self.env["res.partner"].create(
            {
                "name": "Ada",
                "country_id": self.france.id,
                "street": "1 Rue A",
                "zip": "75001",
                "city": "Paris",
                "email": "ada@example.org",
            }
        )
        charge = self._create_transaction(
            5, partner_id=person.id, tax_ids=self.tax_20_included
        )
        return self._bill(charge, partner_id=person.id)

    def test_documents_keep_all_rules(self):
        """XSD and schematron of the profile that it names, and BR-FR.

        Each of the three sees what is broken on purpose.
        """
        documents = {}
        for name, make in self._list_documents().items():
            with self.subTest(document=name), self.env.cr.savepoint():
                invoice = make()
                if invoice.move_type == "out_invoice":
                    trust(invoice).partner_bank_id = self.bank
                [file] = invoice._billing_prepare_document().files
                documents[name] = file.content.decode()
        broken = {
            rule_set: documents["20 %"].replace(*change)
            for rule_set, change in BROKEN.items()
        }
        verdicts = self._judge(documents | broken)
        for rule_set in broken:
            with self.subTest(broken=rule_set):
                self.assertTrue(verdicts.pop(rule_set)[rule_set])
        for name, verdict in verdicts.items():
            for rule_set, faults in verdict.items():
                with self.subTest(document=name, rules=rule_set):
                    self.assertEqual(faults, [], "\n".join(faults))

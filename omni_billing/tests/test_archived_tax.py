"""A tax that was entered stays in force until somebody replaces it."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestArchivedTax(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls._create_tax(20)

    def test_what_the_list_says_is_billed(self):
        """F20, F50: the list, the preview and the invoice."""
        charge = self._create_transaction(100, tax_ids=self.tax)
        self.tax.action_archive()
        self.env.invalidate_all()
        self.assertEqual(charge.amount_total, 120)
        wizard = self._open_proforma()
        self.assertEqual(wizard.amount_total, 120)
        invoice = self._bill()
        self.assertEqual((invoice.amount_total, invoice.amount_tax), (120, 20))

    def test_void_and_bill_again(self):
        self._create_transaction(100, tax_ids=self.tax)
        self._create_transaction(60, tax_ids=self.tax, tax_included=True)
        invoice = self._bill()
        self.tax.action_archive()
        invoice.action_billing_void()
        self.env.invalidate_all()
        self.assertEqual(self._bill().amount_total, 180)

    def test_services_charge_it_every_month(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "price_unit": 100,
                "unit": "day",
                "date_start": self.today,
                "tax_ids": self.tax.ids,
            }
        )
        self.tax.action_archive()
        self.env.invalidate_all()
        service.action_write_due()
        self.assertEqual(service.transaction_ids.amount_total, 120)
        self.assertEqual(self._bill().amount_total, 120)

    def test_credit_notes_have_it(self):
        """F170, F172"""
        item = self._create_transaction(100, tax_ids=self.tax)
        self._create_transaction(50, tax_ids=self.tax)
        invoice = self._bill()
        self.tax.action_archive()
        self.env.invalidate_all()
        self.assertEqual(invoice._billing_cancel_items(item).amount_tax, 20)
        self.assertEqual(invoice._billing_create_refund_note(12).amount_tax, 2)

    def test_rate_of_an_archived_tax(self):
        """F20: what carries it follows, as its invoice will."""
        group = self.env["account.tax"].create(
            {
                "name": "Both",
                "amount_type": "group",
                "type_tax_use": "sale",
                "children_tax_ids": self.tax.ids,
            }
        )
        charges = self._create_transaction(100, tax_ids=self.tax)
        charges += self._create_transaction(100, tax_ids=group)
        group.action_archive()
        self.tax.amount = 30
        self.assertEqual(charges.mapped("amount_total"), [130, 130])

    def test_it_is_told_where_it_is_archived(self):
        self._create_transaction(100, tax_ids=self.tax)
        self.env["omni.billing.service"].create(
            {"name": "Fibre", "partner_id": self.customer.id, "tax_ids": self.tax.ids}
        )
        self.assertFalse(self.tax.billing_in_force)
        told = self.tax.action_archive()["params"]["message"]
        self.assertIn("1 unbilled transactions and 1 services", told)
        self.assertEqual(self.tax.billing_in_force, told)
        other = self._create_tax(3)
        self.assertNotIsInstance(other.action_archive(), dict)
        self.assertFalse(other.billing_in_force)
        with self.assertRaisesRegex(UserError, "stays in force"):
            self.tax.unlink()

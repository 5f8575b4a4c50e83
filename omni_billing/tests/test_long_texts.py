"""Texts that are too long for what Odoo keeps of them are refused, with words."""

import random
import string

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.omni_billing.const import MAX_TITLE_LENGTH

from .common import BillingCommon

#: Odoo has an index on what a journal item is called, which takes 2,704 bytes.
LONG = "".join(random.Random(1).choices(string.ascii_letters, k=9000))


@tagged("post_install", "-at_install")
class TestLongTexts(BillingCommon):
    def _refuse(self, call, *args, **values):
        with (
            self.assertRaisesRegex(ValidationError, str(MAX_TITLE_LENGTH)),
            self.env.cr.savepoint(),
        ):
            call(*args, **values)

    def test_customers_reference(self):
        """Wherever it is entered: the invoice could not be made."""
        self._refuse(self._create_transaction, 10, customer_reference=LONG)
        charge = self._create_transaction(10)
        self._refuse(charge.write, {"customer_reference": LONG})
        self._refuse(self._open_proforma, customer_reference=LONG)
        product = {"partner_id": self.customer.id, "name": "Rent", "price_unit": 5}
        Service = self.env["omni.billing.service"]
        self._refuse(Service.create, product | {"customer_reference": LONG})
        Run = self.env["omni.billing.run"]
        run = {"date_end": self.today, "date_due": self.today}
        self._refuse(Run.create, run | {"customer_reference": LONG})
        kept = "".join(random.Random(2).choices("éü漢字😀", k=MAX_TITLE_LENGTH))
        charge.customer_reference = kept
        self.assertEqual(self._bill(charge).ref, kept)

    def test_many_long_references_are_on_their_lines(self):
        for letter in "ABCDE":
            self._create_transaction(1, customer_reference=letter * 200)
        invoice = self._bill()
        self.assertFalse(invoice.ref)
        lines = invoice.invoice_line_ids
        self.assertEqual(len(set(lines.mapped("billing_reference"))), 5)

    def test_reasons_and_references_in_dialogs(self):
        invoice = self._bill(self._create_transaction(10))
        for name, values in (
            ("omni.billing.void.wizard", {"reason": LONG}),
            ("omni.billing.cancel.wizard", {"reason": LONG}),
            ("omni.billing.payment.wizard", {"reference": LONG}),
            ("omni.billing.payment.wizard", {"external_ref": LONG}),
        ):
            dialog = self._prepare_dialogs(invoice)[name]
            self._refuse(self.env[name].create, dialog | values)
        # Nor by a program.
        charge = {"name": "A", "partner_id": self.customer.id, "retail_cost": 5}
        Transaction = self.env["omni.billing.transaction"]
        self._refuse(Transaction.create, charge | {"external_ref": LONG})
        with self.assertRaisesRegex(UserError, str(MAX_TITLE_LENGTH)):
            Transaction.create(charge | {"name": LONG})

    def test_one_sum_over_very_many_invoices(self):
        """The memo names as many of them as there is room for."""
        pool = [self._create_transaction(1) for _number in range(36)]
        batches = [(charge, self.customer, {}) for charge in pool]
        invoices = self.env["omni.billing.transaction"]._create_invoices(batches)
        values = invoices._billing_prepare_payment_values("cash", 36)
        self.assertLessEqual(len(values["memo"]), MAX_TITLE_LENGTH)
        self.assertTrue(values["memo"].startswith(invoices[0].name + ", "))
        self.assertTrue(values["memo"].endswith("…"))
        self._pay(invoices, mode="cash")
        self.assertEqual(set(invoices.mapped("billing_state")), {"paid"})

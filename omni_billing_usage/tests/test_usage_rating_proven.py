from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tests.test_proven import ProvenCommon

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestRatingProven(ProvenCommon, RatingCommon):
    """W45: fast billing knows this addon, which many invoices of a telecom have."""

    def test_usage_is_billed_fast(self):
        """W41: to the last column as by Odoo; what comes late is a further part."""
        self.assertEqual(self.Proven._find_unknown(), [])
        partners = self.env["res.partner"].create(
            [{"name": f"Caller {number}"} for number in range(6)]
        )
        lines = self.env["omni.billing.service"].create(
            [
                {
                    "name": "Line",
                    "partner_id": partner.id,
                    "date_start": "2026-01-01",
                    "tax_ids": [Command.set(self.tax_10.ids)],
                }
                for partner in partners
            ]
        )
        for number, line in enumerate(lines):
            self._give(line)
            self._use(f"call-{number}", 1000 * (number + 1), service=line.id)
        self._rate(OVER)
        day = fields.Date.to_date("2026-12-02")
        batches = [
            (
                self._parts(service=line).transaction_id
                + self._create_transaction(3, partner_id=line.partner_id.id),
                line.partner_id,
                {"title": "December", "invoice_date": day},
            )
            for line in lines
        ]
        self.assertFalse(self._compare(batches))
        # As fast billing has it, not one invoice of a charge.
        invoices, count, reasons = ProvenCommon._bill(self, batches)
        self.assertEqual((count, reasons), (4, set()))
        self.assertEqual(invoices[-1]._billing_find_usage(), self._parts(service=line))
        self._use("late", 500, service=line.id)
        self._rate()
        self.assertEqual(self._parts(service=line).mapped("amount"), [72, 6])

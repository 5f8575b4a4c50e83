from datetime import datetime

from odoo.exceptions import UserError
from odoo.tests import tagged

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestRatingBilled(RatingCommon):
    """W41: what is billed of usage stays where it is, and as long as it is to be."""

    def setUp(self):
        super().setUp()
        self.number = self.env["omni.billing.usage.identifier"].create(
            {"value": "+33199001234", "service_id": self.line.id}
        )
        self._give()
        self._give(self.other_line)

    def _use_number(self):
        self._use("by-number", 1000, service=None, identifier="+33199001234")

    def _move(self):
        self.number.service_id = self.other_line
        Usage = self.env["omni.billing.usage"]
        begin, until = datetime(2026, 11, 1), datetime(2026, 12, 1)
        # sudo: as the dialog.
        return Usage.sudo()._move(self.company, "+33199001234", begin, until)

    def test_usage_that_is_moved_costs_its_new_service(self):
        """While it is unbilled, the charge of the one becomes that of the other."""
        self._use_number()
        self._rate(OVER)
        [part] = self._parts()
        self.assertEqual(part.transaction_id.amount_untaxed, 12)
        self._move()
        self._rate()
        [part] = self._parts(service=self.other_line)
        self.assertEqual(part.transaction_id.amount_untaxed, 12)
        charges = self.line.transaction_ids.filtered(lambda one: one.state != "void")
        self.assertEqual(sum(charges.mapped("amount_untaxed")), 0)

    def test_what_is_billed_is_not_moved(self):
        self._use_number()
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        with self.assertRaisesRegex(UserError, "is billed: nothing was moved"):
            self._move()

    def test_usage_stays_until_it_is_billed(self):
        Usage = self.env["omni.billing.usage"]
        self.assertIsNone(Usage._get_settled_until(self.company))
        self._use_number()
        begin = datetime(2026, 10, 31, 23)
        # Nothing is known yet of what is billed of it.
        self.assertIsNone(Usage._get_settled_until(self.company))
        self._rate()
        self.assertEqual(Usage._get_settled_until(self.company), begin)
        self._rate(OVER)
        self.assertEqual(Usage._get_settled_until(self.company), begin)
        invoice = self._bill(self._parts().transaction_id)
        now = datetime(2026, 12, 1, 8)
        self.assertEqual(Usage._get_settled_until(self.company), now)
        invoice.action_billing_void("A mistake")
        self.assertEqual(Usage._get_settled_until(self.company), begin)

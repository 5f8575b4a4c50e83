from datetime import datetime

from odoo.exceptions import UserError
from odoo.fields import Command
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

    def _move(self, service=None):
        self.number.service_id = service or self.other_line
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

    def test_what_was_moved_by_mistake_is_moved_back(self):
        """The charge that came to nothing is void, and that bills nothing."""
        self._use_number()
        self._rate(OVER)
        for service, other in (
            (self.other_line, self.line),
            (self.line, self.other_line),
        ):
            self._move(service)
            self._rate()
            charges = service.transaction_ids.filtered(lambda one: one.state != "void")
            self.assertEqual(sum(charges.mapped("amount_untaxed")), 12)
            gone = other.transaction_ids.filtered(lambda one: one.state != "void")
            self.assertEqual(sum(gone.mapped("amount_untaxed")), 0)

    def test_month_of_which_usage_went_stays_as_it_was_charged(self):
        """In Paris November begins in October: a part of it goes with that."""
        self._use("early", 1000, time="2026-10-31T23:30:00Z")
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        self.company.sudo().billing_usage_kept_from = "2026-11-01"  # sudo: the job
        self.env.cr.execute("DELETE FROM omni_billing_usage_event WHERE ref = 'early'")
        event = {"ref": "late", "meter": "data", "quantity": 1}
        event |= {"service": self.line.id, "time": "2026-11-20T12:00:00Z"}
        Usage = self.env["omni.billing.usage"]
        [refused] = Usage.take_in("switch", [event])["refused"]
        self.assertEqual(refused["reason"], "closed")
        # Nor is it rated from what is left, whatever that is.
        self.company.sudo().billing_usage_kept_from = False  # sudo: as above
        self._use("late", 1)
        self.company.sudo().billing_usage_kept_from = "2026-11-01"  # sudo: as above
        self._rate()
        self.assertEqual(self._parts().mapped("amount"), [12])
        self._identify_late()
        with self.assertRaisesRegex(UserError, "is billed: nothing was moved"):
            self._move()

    def _identify_late(self):
        query = "UPDATE omni_billing_usage_event SET identifier = %s WHERE ref = 'late'"
        self.env.cr.execute(query, [self.number.value])

    def test_least_stays_on_the_meter_on_which_it_was_charged(self):
        """Also if a rate of another meter comes before it by now."""
        plan = self._add_plan(
            least=20, rates=[{"name": "Data", "meter_id": self.data.id, "price": 0.01}]
        )
        self.line.usage_plan_ids.plan_id = plan
        self._use_number()
        self._rate(OVER)
        self.assertEqual(self._parts().mapped("amount"), [20])
        self._bill(self._parts().transaction_id)
        plan.rate_ids = [
            Command.create(
                {
                    "name": "Calls",
                    "meter_id": self.calls.id,
                    "price": 1,
                    "sequence": 1,
                    "date_from": "2026-11-01",
                }
            )
        ]
        self._rate()
        self.assertEqual(self._parts().mapped("amount"), [20])
        self.assertEqual(sum(self._parts(self.calls).mapped("amount")), 0)

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

    def test_usage_without_a_price_stays(self):
        """It may have one yet, and a rate of 0 says that it has none."""
        self.line.usage_plan_ids.unlink()
        self._use_number()
        self._rate(OVER)
        self.assertTrue(self._parts(day="2026-11-01").unrated)
        Usage = self.env["omni.billing.usage"]
        self.assertLess(Usage._get_settled_until(self.company), datetime(2026, 11, 11))

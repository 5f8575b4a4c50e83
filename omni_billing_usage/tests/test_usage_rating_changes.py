from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestRatingChanges(RatingCommon):
    """W41: what is changed while usage is rated charges nothing twice."""

    def test_months_that_were_charged_stay(self):
        """W41: no plan of another day counts events of a charged month again."""
        middle = self._add_plan(
            [{"name": "Data", "meter_id": self.data.id, "price": 1}], day=15
        )
        row = self._give(plan=middle, day="2026-10-15")
        other = self._give(self.other_line, middle, day="2026-11-15")
        self._use("a", 10)
        self._use("b", 500, "2026-11-16T12:00:00+01:00", service=self.other_line.id)
        self._rate()
        charge = self._parts(day="2026-10-15").transaction_id
        self.assertEqual(charge.state, "unbilled")
        moved = {"plan_id": self.plan.id, "date_from": "2026-11-01"}
        with self.assertRaisesRegex(ValidationError, "begin on one day"):
            row.write(moved)
        with self.assertRaisesRegex(UserError, "instead of removing"):
            row.unlink()
        # What only runs is of the months of the other plan from now on.
        other.write(moved)
        self._rate()
        parts = self.Rating.search([("service_id", "=", self.other_line.id)])
        self.assertEqual(str(parts.date_from), "2026-11-01")
        self.assertEqual(parts.amount, 6.0)
        other.unlink()
        self._rate()
        parts = self.Rating.search([("service_id", "=", self.other_line.id)])
        self.assertEqual((len(parts), parts.amount, parts.unrated), (1, 0.0, 1))

    def test_unbilled_charge_follows_taxes_and_product(self):
        """W41: taxes that are included, and the product of the meter."""
        self._give()
        self._use("a", 1500)
        self._rate(OVER)
        charge = self._parts().transaction_id
        self.assertEqual(charge.amount_total, 19.8)
        self.plan.tax_included = True
        self._rate()
        self.assertEqual((charge.tax_included, charge.amount_total), (True, 18.0))
        product = self.env["product.product"].create(
            {"name": "Data", "taxes_id": [Command.clear()]}
        )
        self.data.product_id = product
        self._rate()
        self.assertEqual((charge.product_id, charge.amount_total), (product, 18.0))
        self.assertFalse(charge.tax_ids)

    def test_archived_service_owes_the_months_that_it_was_there(self):
        """W41: the fee of a month that began stays, and none comes after it."""
        plan = self._add_plan(
            [{"name": "Data", "meter_id": self.data.id, "price": 1}], least=8
        )
        self._give(plan=plan)
        self._rate()
        self.line.active = False
        self._rate(OVER)
        charge = self._parts().transaction_id
        self.assertEqual(charge.retail_cost, 8.0)
        self.Rating._mark(self.line, self._parts().begin, self._parts().begin)
        self._rate()
        self.assertEqual(charge.state, "unbilled")
        self.assertFalse(self._parts(day="2026-12-01"))

    def test_shared_allowance_stays_with_who_was_charged(self):
        """W41: of another payer from then on; late usage takes it from nobody."""
        family = {"name": "Family", "meter_id": self.data.id, "units": 10}
        plan = self._add_plan(
            [{"name": "Data", "meter_id": self.data.id, "price": 1}],
            [family | {"is_shared": True}],
        )
        lines = self.line | self.other_line
        for number, line in enumerate(lines):
            self._give(line, plan)
            time = f"2026-11-1{number}T12:00:00+01:00"
            self._use(f"a{number}", 6, time, service=line.id)
        self._rate(OVER)
        self.assertEqual(self._parts(service=self.other_line).amount, 2.0)
        self._bill(self._parts(service=self.other_line).transaction_id)
        self.line.payer_id = self.env["res.partner"].create({"name": "Other Payer"})
        self.assertNotEqual(*lines.mapped("commercial_partner_id.id"))
        for number, line in enumerate(lines):
            time = f"2026-11-2{number}T12:00:00+01:00"
            self._use(f"b{number}", 1, time, service=line.id)
            self._rate()
        amounts = [self._parts(service=line).mapped("amount") for line in lines]
        self.assertEqual(amounts, [[1.0], [2.0, 1.0]])
        # December is of each alone.
        for number, line in enumerate(lines):
            time = "2026-12-01T08:00:00+01:00"
            self._use(f"c{number}", 8, time, service=line.id)
        self._rate()
        for line in lines:
            self.assertEqual(self._parts(service=line, day="2026-12-01").amount, 0)

    def test_number_of_a_meter_is_said_later(self):
        """W41: who counted first has prices by prefix, until they are charged."""
        meter = self.env["omni.billing.meter"].create(
            {"name": "Messages", "code": "sms", "dimensions": "called"}
        )
        rate = {"name": "Mobiles", "meter_id": meter.id, "price": 1, "prefixes": "+336"}
        self._give(plan=self._add_plan([rate]))
        self._use("a", 1, meter="sms", dimensions={"called": "+33612345678"})
        self._rate()
        self.assertEqual(
            (self._parts(meter).amount, self._parts(meter).unrated), (0, 1)
        )
        meter.number_dimension = "called"
        self._rate(OVER)
        self.assertEqual(
            (self._parts(meter).amount, self._parts(meter).unrated), (1, 0)
        )
        self._bill(self._parts(meter).transaction_id)
        with self.assertRaisesRegex(UserError, "Number"):
            meter.number_dimension = False

    def test_check_says_what_usage_the_run_bills(self):
        """W41: what is rated by now, of periods that are over by then."""
        self._give()
        self._use("a", 1000)
        self._rate()
        customers = self.customer.commercial_partner_id
        Service = self.env["omni.billing.service"]
        for day, costs in (("2026-11-30", []), ("2026-12-01", [12.0])):
            moment = self.Rating._fields["end"].to_datetime(f"{day} 12:00:00")
            found = Service._preview_all_due(moment, self.company, customers)
            self.assertEqual(found.mapped("retail_cost"), costs)
        self.assertEqual(str(found.date), "2026-11-30")
        self.assertFalse(found.id)
        run = self.env["omni.billing.run"].create(
            {
                "company_id": self.company.id,
                "date_start": "2026-11-01",
                "date_end": "2026-11-30",
                "scheduled_at": "2026-12-01 12:00:00",
            }
        )
        self.assertIn((customers, self.company.currency_id), run._find_served())

    def test_price_has_nothing_that_its_model_does_not_know(self):
        """W41: a price costs what it says, also by RPC and import."""
        tiers = [Command.create({"is_last": True, "price": 1})]
        for rate, name in (
            ({"least": 5}, "At Least"),
            ({"charge": "graduated", "tier_ids": tiers, "flat": 5}, "Fee per Period"),
            ({"charge": "plan", "fee": 1}, "Fee per Event"),
            ({"charge": "percentage", "size": 10}, "For"),
            ({"is_whole": True}, "Begun Counts"),
            ({"tier_ids": tiers}, "no tiers"),
            ({"charge": "package", "least": 2.5}, "whole"),
        ):
            with self.subTest(name), self.assertRaisesRegex(ValidationError, name):
                self._add_plan([{"name": "x", "meter_id": self.data.id} | rate])
        empty = self._add_plan(least=5)
        with self.assertRaisesRegex(ValidationError, "no rate"):
            self._give(plan=empty)

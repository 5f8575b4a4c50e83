from odoo.fields import Command
from odoo.tests import tagged

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestManyRates(RatingCommon):
    """W41, W45: a price list of thousands of destinations is imported and changed."""

    def setUp(self):
        super().setUp()
        self.made = []
        original = self.registry["omni.billing.rate"]._make_charge

        def make_charge(rate, *args):
            self.made.append(rate.name)
            return original(rate, *args)

        self.patch(self.registry["omni.billing.rate"], "_make_charge", make_charge)

    def _import(self, plan, numbers, cost, **values):
        """Import rates as from a CSV file; those that are known are changed."""
        rows = [
            {
                "id": f"omni_test.many_{plan.id}_{number}",
                "plan_id/.id": str(plan.id),
                "name": f"Destination {number}",
                "meter_id/.id": str(self.calls.id),
                "price": str(cost),
                "size": "60",
                "prefixes": f"+{1000 + number}",
            }
            | values
            for number in numbers
        ]
        columns = list(rows[0])
        model = self.env["omni.billing.rate"].with_context(import_file=True)
        return model.load(columns, [[row[name] for name in columns] for row in rows])

    def _count(self, step):
        """Return how many prices are made, and how many statements, in a step."""
        self.env.flush_all()
        self.env.invalidate_all()
        self.made.clear()
        before = self.env.cr.sql_log_count
        step()
        self.env.flush_all()
        return len(self.made), self.env.cr.sql_log_count - before

    def test_one_price_of_many_costs_no_more_than_one_of_few(self):
        """W45: written, added, with its tiers, or as another version."""
        counted = []
        # The first one asks for what all others know then.
        for number in (1, 2, 40):
            plan = self._add_plan()
            self._import(plan, range(number), 0.1)
            rate = plan.rate_ids[0]
            new = {"plan_id": plan.id, "name": "New", "meter_id": self.calls.id}
            counted.append(
                [
                    self._count(lambda rate=rate: rate.write({"price": 0.2})),
                    self._count(lambda rate=rate, new=new: rate.create(new)),
                    self._count(
                        lambda rate=rate: rate.copy({"date_from": "2027-01-01"})
                    ),
                ]
            )
        self.assertEqual(*counted[1:])
        self.assertEqual([made for made, _statements in counted[1]], [1, 1, 2])

    def test_import_checks_each_price_once(self):
        """W45: what is new, and what is there, which Odoo writes one by one."""
        plan = self._add_plan()
        added = self._count(lambda: self._import(plan, range(40), 0.1))
        self.assertEqual(added[0], 40)
        made, statements = self._count(lambda: self._import(plan, range(40), 0.2))
        self.assertEqual(made, 40)
        self.assertEqual(set(plan.rate_ids.mapped("price")), {0.2})
        _made, few = self._count(lambda: self._import(plan, range(20), 0.3))
        # Odoo's own: two names that are looked up, and the record.
        self.assertLessEqual((statements - few) / 20, 6)
        # Nor does a plan ask for each price whether it was charged.
        lines = [
            {"name": f"Other {number}", "meter_id": self.calls.id}
            for number in range(40)
        ]
        few, many = (
            self._count(lambda lines=lines[:size]: self._add_plan(rates=lines))[1]
            for size in (2, 40)
        )
        self.assertLessEqual(many - few, 2)

    def test_import_is_refused_as_a_whole(self):
        """W41: whatever a line breaks; what was charged stays."""
        plan, other = self._add_plan(), self._add_plan()
        self._import(plan, range(3), 0.1)
        other_version = {"name": "Destination 0", "date_from": "2027-01-01"}
        for numbers, values, text in (
            ([9], other_version, "versions of one"),
            (range(5), {"charge": "graduated", "price": "0"}, "each tier ends"),
            (range(5), {"price": "-1"}, "below zero"),
        ):
            told = self._import(plan, numbers, 0.2, **values)
            self.assertFalse(told["ids"])
            self.assertIn(text, str(told["messages"]).lower())
        self.assertEqual(plan.rate_ids.mapped("price"), [0.1] * 3)
        # What leaves a plan that is given is missing there.
        self._give(plan=plan)
        plan.least = 5
        told = self._import(plan, range(3), 0.1, **{"plan_id/.id": str(other.id)})
        self.assertFalse(told["ids"])
        self.assertIn("has a least", str(told["messages"]))
        self._call("a", 60, called="+1000555")
        self._rate(OVER)
        self._bill(self._parts(self.calls).transaction_id)
        told = self._import(plan, range(3), 0.2)
        self.assertFalse(told["ids"])
        self.assertIn("was charged by until", str(told["messages"]))

    def test_import_of_tiers_is_checked_too(self):
        """W41: they come to a price that is there, which may have been charged."""
        self.plan.rate_ids[0].write(
            {
                "price": 0,
                "charge": "volume",
                "tier_ids": [Command.create({"is_last": True, "price": 0.012})],
            }
        )
        rate, model = self.plan.rate_ids[0], self.env["omni.billing.rate.tier"]
        columns, row = ["rate_id/.id", "until", "price"], [str(rate.id), "10", "0.01"]
        told = model.load(columns, [row, row])
        self.assertFalse(told["ids"])
        self.assertIn("each tier ends", str(told["messages"]))
        self._give()
        self._use("a", 1000)
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        told = model.load(columns, [row])
        self.assertFalse(told["ids"])
        self.assertIn("was charged by until", str(told["messages"]))

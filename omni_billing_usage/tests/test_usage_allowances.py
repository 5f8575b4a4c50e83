import runpy
from pathlib import Path

from psycopg2.errors import CheckViolation

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .rating_common import OVER, RatingCommon

#: While October runs, and when it is over.
OCTOBER, NOVEMBER = "2026-10-20 12:00:00", "2026-11-02 08:00:00"


@tagged("post_install", "-at_install")
class TestAllowances(RatingCommon):
    """W41: what is left of allowances, and what a meter costs at most."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.month = {"name": "100 GB", "meter_id": cls.data.id, "units": 100}
        cls.rate = {"name": "Data", "meter_id": cls.data.id, "price": 1}

    def _have(self, service=None, **values):
        """Give a service a plan from October on, with an allowance."""
        plan = self._add_plan([self.rate], [self.month | values])
        self._give(service, plan, "2026-10-01")
        return plan

    def _use_at(self, ref, quantity, day, service=None):
        service = service or self.line
        self._use(ref, quantity, time=f"{day}T12:00:00+02:00", service=service.id)

    def _lines(self, part):
        return [
            (line.kind, line.allowance or "", line.quantity) for line in part.line_ids
        ]

    def _find_left(self, service=None):
        return [
            (one.kind, one.name, one.units, one.used, one.left)
            for one in self.Rating._billing_find_left(service or self.line)
        ]

    def test_what_is_left_rolls_over_for_one_month_and_is_drawn_first(self):
        """W41: up to a limit; and each month says so, line by line."""
        self._have(rolls_over=30)
        self._set_now(OCTOBER)
        self._use_at("a", 60, "2026-10-05")
        self._rate()
        self.assertEqual(
            self._find_left(), [("allowance", "100 GB", 100.0, 60.0, 40.0)]
        )
        self._set_now("2026-11-20 12:00:00")
        self._use_at("b", 20, "2026-11-05")
        self._rate()
        self.assertEqual(self._lines(self._parts()), [("rolled", "100 GB", 20.0)])
        self.assertEqual(
            self._find_left(),
            [
                ("rolled", "100 GB", 30.0, 20.0, 10.0),
                ("allowance", "100 GB", 100.0, 0.0, 100.0),
            ],
        )
        self._use_at("c", 115, "2026-11-06")
        self._rate(OVER)
        part = self._parts()
        self.assertEqual(
            self._lines(part),
            [
                ("rolled", "100 GB", 30.0),
                ("allowance", "100 GB", 100.0),
                ("units", "", 5.0),
            ],
        )
        self.assertEqual(part.amount, 5)
        told = "Data: 135, of these 30 rolled over, 100 included"
        self.assertIn(told, part.transaction_id.description)
        # Of November nothing is left, and nothing of October any more.
        self._set_now("2026-12-20 08:00:00")
        self._use_at("d", 110, "2026-12-05")
        self._rate()
        self.assertEqual(self._parts(day="2026-12-01").amount, 10)
        # A month without any usage has no row: all of its own rolls over.
        self._set_now("2027-02-20 08:00:00")
        self._use_at("e", 131, "2027-02-05")
        self._rate()
        self.assertEqual(self._parts(day="2027-02-01").amount, 1)

    def test_late_event_changes_the_months_after_it(self):
        """W41: as far as they go; what is billed gets a further part."""
        self._have(rolls_over=100)
        self._set_now("2026-11-20 12:00:00")
        for day in ("2026-10-05", "2026-11-05", "2026-12-05"):
            if day[5:7] == "12":
                self._set_now("2026-12-20 12:00:00")
            self._use_at(day, 90, day)
        self._rate()
        months = ("2026-10-01", "2026-11-01", "2026-12-01")
        self.assertEqual([self._parts(day=day).amount for day in months], [0, 0, 0])
        # 10 roll to November, 20 to December: 110 left.
        used = self.Rating._billing_find_left(self.line)
        self.assertEqual([one.left for one in used], [0.0, 30.0])
        # In October 130 are used: 30 cost, and 10 less are there in November.
        self._use_at("late", 40, "2026-10-06")
        self._rate()
        self.assertEqual([self._parts(day=day).amount for day in months], [30, 0, 0])
        used = self.Rating._billing_find_left(self.line)
        self.assertEqual([(one.units, one.left) for one in used], [(10, 0), (100, 20)])
        november = self._parts()
        self.assertEqual((november.state, november.amount), ("charged", 0.0))
        self._use_at("more", 25, "2026-11-07")
        self._rate()
        self.assertEqual(self._parts()[-1].amount, 15)
        before = self.Rating.search([]).mapped("fingerprint")
        # What comes to the same is not written again.
        rows = self.env["omni.billing.usage.left"].search([])
        self.patch(type(rows), "write", lambda *_args: self.fail("It was written."))
        self.Rating._mark(self.line, self._parts()[0].begin, OVER)
        self._rate()
        self.assertEqual(self.Rating.search([]).mapped("fingerprint"), before)
        self.assertEqual(rows.search([]), rows)

    def test_what_rolls_over_changes_what_is_billed_by_a_further_part(self):
        """W41: a late event of October is charged in November, that was billed."""
        self._have(rolls_over=50)
        self._set_now(NOVEMBER)
        self._use_at("a", 50, "2026-10-05")
        self._set_now(OVER)
        self._use_at("b", 160, "2026-11-05")
        self._rate()
        self._bill(self._parts().transaction_id)
        self.assertEqual(self._parts().amount, 10)
        self._use_at("late", 20, "2026-10-06")
        self._rate()
        self.assertEqual(self._parts().mapped("amount"), [10, 20])
        further = self._parts()[1]
        self.assertEqual((further.amount_period, further.events_late), (30, 0))
        self.assertIn("Of earlier months", further.transaction_id.description)
        self.assertEqual(further.transaction_id.state, "unbilled")
        self.assertEqual(
            self._lines(further),
            [
                ("rolled", "100 GB", 30.0),
                ("allowance", "100 GB", 100.0),
                ("units", "", 30.0),
            ],
        )

    def test_shared_rolls_over_to_who_shares_it_and_to_no_other_plan(self):
        """W41: also where a customer was merged with another, and where one leaves."""
        plan = self._have(rolls_over=50, is_shared=True)
        self._give(self.other_line, plan, "2026-10-01")
        self._set_now("2026-11-20 12:00:00")
        self._use_at("a", 30, "2026-10-05")
        self._use_at("b", 40, "2026-10-05", self.other_line)
        self._rate()
        self.assertEqual(self._find_left(), self._find_left(self.other_line))
        self.assertEqual(
            self._find_left(),
            [("rolled", "100 GB", 30.0, 0.0, 30.0)]
            + [("allowance", "100 GB", 100.0, 0.0, 100.0)],
        )
        # Who has another plan has nothing of it, what is left stays with the others.
        self._give(self.line, self._add_plan([self.rate], [self.month]))
        self._use_at("c", 101, "2026-11-05")
        self._use_at("d", 131, "2026-11-05", self.other_line)
        self._rate()
        self.assertEqual(self._parts().amount, 1)
        self.assertEqual(self._parts(service=self.other_line).amount, 1)
        # A customer that was merged: what was charged of October was the other's.
        kept = self.env["res.partner"].create({"name": "Kept"})
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE omni_billing_service SET partner_id = %(new)s,"
            " commercial_partner_id = %(new)s WHERE id = ANY(%(ids)s)",
            {"new": kept.id, "ids": [self.line.id, self.other_line.id]},
        )
        self.env.invalidate_all()
        self._use_at("e", 1, "2026-11-06", self.other_line)
        self._rate()
        self.assertEqual(self._parts(service=self.other_line).amount, 2)

    def test_what_rolled_over_is_drawn_before_any_other_allowance(self):
        """W41: or it would lapse, while another could roll over."""
        more = {"name": "Rest", "meter_id": self.data.id, "units": 50, "rolls_over": 50}
        plan = self._add_plan([self.rate], [self.month, more])
        self._give(plan=plan, day="2026-10-01")
        self._set_now("2026-11-20 12:00:00")
        self._use_at("a", 110, "2026-10-05")
        self._use_at("b", 60, "2026-11-05")
        self._rate()
        self.assertEqual(
            self._lines(self._parts()),
            [("rolled", "Rest", 40.0), ("allowance", "100 GB", 20.0)],
        )

    def test_free_units_of_a_month_go_with_its_fee(self):
        """W41: who ended has what is from before, and what who is there shares."""
        self._have(rolls_over=30)
        self._set_now(NOVEMBER)
        self._use_at("a", 90, "2026-10-05")
        self.line.date_end = "2026-10-31"
        self._set_now("2026-12-20 08:00:00")
        self._use_at("b", 25, "2026-11-05")
        self._use_at("c", 5, "2026-12-05")
        self._rate()
        self.assertEqual(self._lines(self._parts())[0], ("rolled", "100 GB", 10.0))
        self.assertEqual(self._parts().amount, 15)
        self.assertEqual(self._parts(day="2026-12-01").amount, 5)
        self.assertEqual(self._find_left(), [])
        shared = self._add_plan([self.rate], [self.month | {"is_shared": True}])
        lines = self.line.copy() | self.line.copy()
        for line in lines:
            self._give(line, shared, "2026-10-01")
            line.date_end = False
        lines[0].date_end = "2026-10-31"
        for number, line in enumerate(lines):
            self._use_at(f"d{number}", 20, "2026-11-05", line)
        self._rate()
        self.assertEqual([self._parts(service=one).amount for one in lines], [0, 0])
        self.assertEqual(self._find_left(lines[0])[0][1:], ("100 GB", 100.0, 0.0, 100))
        lines[1].date_end = "2026-10-31"
        self._rate()
        self.assertEqual([self._parts(service=one).amount for one in lines], [20, 20])

    def test_who_was_archived_keeps_what_months_without_usage_had(self):
        """W41: a month after them was rated, so it was there in them."""
        self._have(units=10, rolls_over=10)
        self._use_at("a", 15, "2026-11-05")
        self._rate(OVER)
        self.line.active = False
        self._use_at("late", 1, "2026-11-06")
        self._rate()
        self.assertEqual(self._lines(self._parts())[0], ("rolled", "100 GB", 10.0))
        self.assertEqual(self._parts().amount, 0)
        self._use_at("later", 9, "2026-10-06")
        self._rate()
        self.assertEqual(self._parts(day="2026-10-01").amount, 0)
        self.assertEqual(self._parts().amount, 5)

    def test_what_was_charged_before_an_update_keeps_what_was_free(self):
        """W41: a late event of a service that had ended costs itself alone."""
        calls = {"name": "Calls", "meter_id": self.calls.id, "price": 1}
        plan = self._add_plan([self.rate, calls | {"included": 120}], [self.month])
        self._give(plan=plan)
        self._use("a", 100)
        self._call("b", 120)
        self._rate(OVER)
        # As it was written until then.
        self.env.cr.execute("UPDATE omni_billing_usage_rating SET is_gone = NULL")
        self.env.invalidate_all()
        self.line.date_end = "2026-10-31"
        for number in (1, 2):
            self._use(f"late-{number}", 1)
            self._call(f"late-call-{number}", 60)
            self._rate()
            self.assertEqual(self._parts().amount, number)
            self.assertEqual(self._parts(self.calls).amount, 60 * number)

    def test_what_was_rated_before_is_so_again_after_an_update(self):
        """W41: what is left of the month that runs is known from then on."""
        self._have()
        self._set_now(OCTOBER)
        self._use_at("a", 60, "2026-10-05")
        self._rate()
        before = self._find_left()
        self.env["omni.billing.usage.left"].sudo().search([]).unlink()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.2.0"
        script = runpy.run_path(str(folder / "end-allowances.py"))
        script["migrate"](self.env.cr, "19.0.1.1.0")
        self._rate()
        self.assertEqual(self._find_left(), before)

    @mute_logger("odoo.sql_db")
    def test_what_an_allowance_says_is_checked(self):
        """W41: no more rolls over than there is; what was charged stays."""
        with self.assertRaises(CheckViolation), self.env.cr.savepoint():
            self._have(rolls_over=101)
        plan = self._have(rolls_over=100)
        self._set_now(NOVEMBER)
        self._use_at("a", 200, "2026-10-05")
        self._rate()
        self._bill(self._parts(day="2026-10-01").transaction_id)
        with self.assertRaisesRegex(UserError, "duplicate the plan"):
            plan.allowance_ids.rolls_over = 5
        named = self._add_plan([self.rate], [self.month | {"rate_names": "Data"}])
        with self.assertRaisesRegex(ValidationError, "has not: Data"):
            named.rate_ids.name = "Gigabytes"

    def test_most_of_a_meter_comes_before_that_of_the_plan(self):
        """W41: it is told which of both was reached; the least comes after both."""
        plan = self._add_plan(
            [
                self.rate,
                {"name": "Calls", "meter_id": self.calls.id, "price": 0.1},
            ],
            most=50,
            most_ids=[Command.create({"meter_id": self.data.id, "most": 30})],
        )
        self._give(plan=plan)
        self._use("a", "40.5")
        self._call("b", 90)
        self._rate()
        data, calls = self._parts(), self._parts(self.calls)
        self.assertEqual((data.amount, calls.amount), (30, 9))
        self.assertEqual(
            [(line.kind, line.amount) for line in data.line_ids],
            [("units", 40.5), ("capped", -10.5)],
        )
        self._call("c", 900)
        self._rate(OVER)
        self.assertEqual((data.amount + calls.amount, data.amount), (50, 30))
        self.assertIn("Beyond the most of Data", data.transaction_id.description)
        with self.assertRaisesRegex(ValidationError, "cost less at most"):
            self._add_plan(
                [self.rate],
                least=31,
                most_ids=[Command.create({"meter_id": self.data.id, "most": 30})],
            )
        with self.assertRaisesRegex(ValidationError, "no rate for"):
            self.plan.rate_ids.filtered(lambda r: r.meter_id == self.data).unlink()
            row = {"meter_id": self.data.id, "most": 1}
            self.plan.most_ids = [Command.create(row)]

    def test_steps_are_those_of_the_price_with_which_a_call_begins(self):
        """W41: or of the meter, where a rate says none."""
        calls = {"meter_id": self.calls.id, "price": 0.01}
        plan = self._add_plan(
            [
                {**calls, "name": "Far", "prefixes": "+1"}
                | {"step_first": 30, "step_then": 6},
                {**calls, "name": "Far", "prefixes": "+1", "date_from": "2026-11-12"}
                | {"step_first": 0, "step_then": 10},
                {**calls, "name": "Near"},
            ]
        )
        self._give(plan=plan)
        self._call("a", 31, "+1")
        self._call("b", 31, "+1", time="2026-11-12T12:00:00+01:00")
        self._call("c", 31, "+33")
        self._rate()
        lines = self._parts(self.calls).line_ids
        self.assertEqual(
            lines.mapped(lambda line: (line.name, line.quantity)),
            [("Far", 36.0), ("Far", 40.0), ("Near", 60.0)],
        )
        with self.assertRaisesRegex(ValidationError, "counts no duration"):
            self._add_plan([self.rate | {"step_then": 6}])

from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .rating_common import OVER, RUNS, RatingCommon


@tagged("post_install", "-at_install")
class TestTopups(RatingCommon):
    """W41: units that are added to a service, and last until they are used."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.small = cls._add_plan(
            [
                {"name": "Data", "meter_id": cls.data.id, "price": 1},
                {"name": "Calls", "meter_id": cls.calls.id, "price": 1},
            ],
            [{"name": "10 GB", "meter_id": cls.data.id, "units": 10}],
        )
        cls._give(plan=cls.small)
        cls.Topup = cls.env["omni.billing.usage.topup"]

    def _top_up(self, units, env=None, **values):
        usual = {
            "name": "More",
            "service_id": self.line.id,
            "meter_id": self.data.id,
            "units": units,
            "valid_from": "2026-11-05 00:00:00",
        }
        return self.Topup.with_env(env or self.env).create(usual | values)

    def test_it_comes_after_the_plan_and_carries_on_until_its_end(self):
        """W41: from month to month; a late event draws before what was later."""
        topup = self._top_up(20, valid_until="2026-12-31 23:00:00")
        self._use("a", 14, time="2026-11-04T12:00:00+01:00")
        self._use("b", 6)
        self._rate()
        part = self._parts()
        self.assertEqual(part.amount, 4)
        self.assertEqual(
            part.line_ids.mapped(lambda one: (one.kind, one.allowance, one.quantity)),
            [("allowance", "10 GB", 10), ("topup", "More", 6), ("units", False, 4)],
        )
        self.assertEqual((topup.left, topup.state), (14, "there"))
        self._rate(OVER)
        self.assertIn("6 from a top-up", part.transaction_id.description)
        self._set_now("2026-12-20 08:00:00")
        self._use("c", 30, time="2026-12-10T12:00:00+01:00")
        self._rate()
        december = self._parts(day="2026-12-01")
        self.assertEqual((december.amount, topup.left), (6, 0))
        self.assertEqual(topup.state, "used")
        left = self.Rating._billing_find_left(self.line)
        self.assertEqual(
            [(one.kind, one.units, one.used, one.left) for one in left],
            [("allowance", 10, 10, 0), ("topup", 20, 20, 0)],
        )
        # Four more in November: as many less in December.
        self._use("late", 4)
        self._rate()
        self.assertEqual((part.amount, december.amount, topup.left), (4, 10, 0))
        self._set_now("2027-01-20 08:00:00")
        self._use("d", 11, time="2027-01-10T12:00:00+01:00")
        self._rate()
        self.assertEqual(self._parts(day="2027-01-01").amount, 1)
        self.assertEqual(topup.state, "ended")

    def test_what_is_given_back_to_it_is_there_for_later_months(self):
        """W41: also where nothing was left of it until now."""
        topup = self._top_up(5)
        self._use("a", 16)
        self._set_now("2026-12-20 08:00:00")
        self._use("b", 13, time="2026-12-10T12:00:00+01:00")
        self._rate()
        self.assertEqual(self._parts(day="2026-12-01").amount, 3)
        # What ended in November was drawn there alone.
        second = self._top_up(3, valid_until="2026-12-01 00:00:00")
        self._rate()
        self.assertEqual((topup.left, second.left), (0, 0))
        self.assertEqual(self._parts(day="2026-12-01").amount, 1)

    def test_price_is_a_charge_and_a_top_up_ends_with_it(self):
        """W41: what was used until it was voided stays covered."""
        staff = self.env(user=self.staff)
        topup = self._top_up(20, env=staff, price=9.5)
        charge = topup.transaction_id
        self.assertEqual((charge.state, charge.retail_cost), ("unbilled", 9.5))
        self.assertEqual(charge.tax_ids, self.tax_10)
        self.assertIn("Line, top-up: More", charge.name)
        free = self._top_up(1, price=1, valid_from="2026-12-30 00:00:00")
        free.transaction_id._set_void("Free of charge", is_free=True)
        self.assertFalse(free.valid_until)
        self._use("a", 14)
        with self.assertRaisesRegex(UserError, "void it instead"):
            charge.unlink()
        charge._set_void("Not wanted")
        self.assertEqual(topup.valid_until, fields.Datetime.to_datetime(RUNS))
        self._set_now("2026-11-25 12:00:00")
        self._use("b", 5, time="2026-11-24T12:00:00+01:00")
        self._use("c", 1, time="2026-11-20T11:00:00+01:00")
        self._rate(OVER)
        self.assertEqual((self._parts().amount, topup.left), (5, 15))
        self.assertEqual(topup.state, "ended")

    def test_all_lines_with_the_plan_share_one(self):
        """W41: a customer's, in the order of time; those of another plan do not."""
        self._give(self.other_line, self.small)
        third = self.line.copy({"name": "Third"})
        self._give(third, self.small.copy())
        topup = self._top_up(10, is_shared=True)
        for number, service in enumerate((self.other_line, self.line, third)):
            at = f"2026-11-1{number}T12:00:00+01:00"
            self._use(f"a{number}", 18, time=at, service=service.id)
        self._rate()
        costs = [
            self._parts(service=service).amount
            for service in (self.other_line, self.line, third)
        ]
        self.assertEqual((costs, topup.left), ([0, 6, 8], 0))
        [both] = [
            one
            for one in self.Rating._billing_find_left(self.line)
            if one.kind == "topup"
        ]
        self.assertEqual(both.services, self.line | self.other_line)

    def test_shared_one_stays_with_who_was_charged(self):
        """W41: whichever line has another payer from then on."""
        lines = self.line | self.other_line
        self._give(self.other_line, self.small)
        other = self.env["res.partner"].create({"name": "Other Payer"})
        topup = self._top_up(20, is_shared=True, valid_from="2026-10-31 23:00:00")
        for number, line in enumerate(lines):
            time = f"2026-11-1{number}T12:00:00+01:00"
            self._use(f"a{number}", 13 + 3 * number, time, service=line.id)
        self._rate(OVER)
        # 3 and 6 of it, and 11 are left for December.
        self.assertEqual(topup.left, 11)
        for moved, kept in (lines, reversed(lines)):
            savepoint = self.env.cr.savepoint()
            moved.payer_id = other
            for number, line in enumerate(lines):
                time = f"2026-11-2{number}T12:00:00+01:00"
                self._use(f"b{number}", 1, time, service=line.id)
                if number == 0:
                    # Once each alone, then both at once.
                    self._rate()
            self._use("c", 1, time, service=moved.id)
            self._rate()
            costs = [sum(self._parts(service=line).mapped("amount")) for line in lines]
            self.assertEqual((costs, topup.left), ([0, 0], 8))
            # From December on it is drawn by those with whom its service is.
            for line in lines:
                time = "2026-12-01T08:00:00+01:00"
                self._use(f"d{line.id}", 11, time, service=line.id)
            self._rate()
            costs = {
                line: self._parts(service=line, day="2026-12-01").amount
                for line in lines
            }
            self.assertEqual(costs, {self.line: 0, self.other_line: 1})
            self.assertEqual((kept != moved, topup.left), (True, 7))
            self.env.invalidate_all()
            savepoint.close(rollback=True)

    def test_shared_one_holds_up_nobody_without_a_plan(self):
        """W41: nobody draws from it there, and events wait for a plan."""
        topup = self._top_up(5, is_shared=True)
        self._use("a", 12)
        self._rate()
        topup.action_end()
        self.line.usage_plan_ids.unlink()
        self._use("b", 1)
        self._rate()
        self.assertEqual(self._parts().unrated, 2)

    def test_names_of_rates_are_read_of_those_that_change(self):
        """W45: who imports thousands of prices writes them one by one."""
        Rate, seen = self.registry["omni.billing.rate"], []
        real = Rate._list_names
        self.patch(Rate, "_list_names", lambda self: seen.append(self) or real(self))
        for rate in self.small.rate_ids:
            names = {"name": rate.name, "plan_id": self.small.id}
            rate.write(names | {"meter_id": rate.meter_id.id, "price": 2})
        self.assertEqual({len(rates) for rates in seen}, {1})
        self._top_up(5)
        self.small.rate_ids.filtered(lambda rate: rate.name == "Calls").unlink()
        self.assertLessEqual(max(len(rates) for rates in seen), 1)

    def test_it_ends_when_its_charge_is_canceled(self):
        """W41: the credit note gives its price back."""
        topup = self._top_up(20, price=9.5)
        invoice = self._bill(topup.transaction_id)
        invoice._billing_cancel_items(topup.transaction_id, reason="Not wanted")
        self.assertEqual(topup.state, "ended")

    @mute_logger("odoo.sql_db")
    def test_who_adds_one_and_how_it_stays(self):
        """W41: staff add and end; it changes nothing that is billed."""
        staff = self.env(user=self.staff)
        with Form(self.Topup.with_env(staff)) as form:
            form.name = "By Hand"
            form.service_id = self.line.with_env(staff)
            form.meter_id = self.data.with_env(staff)
            form.units = 3
        topup = form.record
        for act in (
            lambda: topup.write({"units": 5}),
            lambda: topup.unlink(),
            lambda: topup.sudo().unlink(),
            lambda: self._top_up(1, env=staff, transaction_id=1),
        ):
            with self.assertRaises(UserError):
                act()
        for values, reason in (
            ({"meter_id": self.calls.id, "rate_names": "Data"}, "plan has not"),
            ({"service_id": self.other_line.id}, "no rate plan"),
            ({"units": float("inf")}, "reckoned"),
        ):
            with (
                self.assertRaisesRegex(ValidationError, reason),
                self.env.cr.savepoint(),
            ):
                self._top_up(**({"units": 1} | values))
        topup.action_end()
        self.assertEqual(topup.state, "ended")
        self._top_up(1, reference="order-1")
        with self.assertRaises(UniqueViolation), self.env.cr.savepoint():
            self._top_up(1, reference="order-1")
        self._use("a", 20)
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        with self.assertRaisesRegex(UserError, "is charged until"):
            self._top_up(1)
        self.assertTrue(self._top_up(1, valid_from="2026-12-01 00:00:00"))

    def test_what_it_is_for_stays(self):
        """W41: a rate by its name, its service, and a month whose events are there."""
        topup = self._top_up(5, rate_names="Data")
        with (
            self.assertRaisesRegex(UserError, "something is left"),
            self.env.cr.savepoint(),
        ):
            self.small.rate_ids.filtered(lambda r: r.name == "Data").name = "GB"
        self.env.invalidate_all()
        self.assertFalse(topup.warning)
        self._give(plan=self.plan, day="2026-12-01")
        self.plan.rate_ids[0].name = "GB"
        self._set_now(OVER)
        self.env.invalidate_all()
        self.assertIn("no rate Data", topup.warning)
        whole = self._top_up(5, valid_from="2026-12-01 00:00:00")
        self.assertFalse(whole.warning)
        with (
            self.assertRaisesRegex(UserError, "for the rate GB"),
            self.env.cr.savepoint(),
        ):
            self.plan.rate_ids[0].unlink()
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "is left of"), self.env.cr.savepoint():
            self.line.usage_plan_ids.unlink()
        self.env.invalidate_all()
        row = self.line.usage_plan_ids.filtered(lambda r: r.plan_id == self.plan)
        row.plan_id = self._add_plan()
        self.env.invalidate_all()
        self.assertIn("no rate Data", whole.warning)
        row.plan_id = self.plan
        # Of the plan of before nothing draws any more.
        self.small.rate_ids.filtered(lambda r: r.name == "Data").name = "GB"
        with self.assertRaisesRegex(UserError, "which stays"), self.env.cr.savepoint():
            self.line.unlink()
        self._set_now(RUNS)
        self._give(self.other_line, self.small)
        self._use("a", 1, service=self.other_line.id)
        self._rate()
        self._parts(service=self.other_line).is_closed = True
        with self.assertRaisesRegex(UserError, "may begin after that"):
            self._top_up(1, service_id=self.other_line.id)

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestRatingDue(RatingCommon):
    """W41: what is over or due is charged, whoever else is used meanwhile."""

    def _add_fee(self, **values):
        rate = {"name": "Data", "meter_id": self.data.id, "charge": "plan", "flat": 5}
        return self._add_plan([rate | values])

    def _check_fees(self, fees):
        """Check what is charged or runs, by the first day."""
        parts = self.Rating.search([("service_id", "=", self.line.id)])
        found = {str(part.date_from)[:7]: part.amount for part in parts}
        self.assertEqual({day: fee for day, fee in found.items() if fee}, fees)

    def test_month_that_is_over_is_charged_while_the_next_is_used(self):
        """W41: by the job, a run and a person, and by each of them alone."""
        Service = self.env["omni.billing.service"]
        self._give(day="2026-10-01")
        acts = (
            self._rate,
            lambda: Service._write_all_due(fields.Datetime.now(), self.env.company),
            lambda: self.line.action_rate_usage(),
        )
        for number, act in enumerate(acts):
            month = 10 + number
            with self.subTest(month):
                self._set_now(f"2026-{month}-20 12:00:00")
                self._use(f"{number}-old", 1000, time=f"2026-{month}-10T12:00:00+01:00")
                self._rate()
                after = f"2026-{month + 1}" if month < 12 else "2027-01"
                self._set_now(f"{after}-01 08:00:00")
                self._use(f"{number}-new", 1, time=f"{after}-01T08:30:00+01:00")
                act()
                part = self._parts(day=f"2026-{month}-01")
                self.assertEqual(part.transaction_id.state, "unbilled")

    def test_fee_of_a_service_that_begins_after_its_plan(self):
        self.line.date_start = "2027-01-01"
        self._give(plan=self._add_fee())
        self._rate()
        self._rate(OVER)
        self._check_fees({})
        self._rate("2027-01-02 08:00:00")
        self._check_fees({"2027-01": 5})

    def test_fee_of_a_plan_that_begins_later(self):
        """W41: also if nobody rated for a while."""
        self._give()
        self._give(plan=self._add_fee(), day="2026-12-01")
        self._rate()
        self._rate("2027-01-20 08:00:00")
        self._check_fees({"2026-12": 5, "2027-01": 5})

    def test_fee_after_a_time_that_is_free(self):
        plan = self._add_fee(flat=0)
        plan.rate_ids.copy({"date_from": "2027-01-01", "flat": 5})
        self._give(plan=plan)
        for now in (OVER, "2027-01-02 08:00:00", "2027-02-02 08:00:00"):
            self._rate(now)
        self._check_fees({"2027-01": 5, "2027-02": 5})
        self.Rating._mark_over(fields.Datetime.now())
        self.assertFalse(self.Rating._count_marked())

    def test_fee_of_a_service_that_ends_and_is_taken_up_again(self):
        """W41: what ends later is charged since; what was archived, from now on."""
        self._give(plan=self._add_fee())
        self.line.date_end = "2026-11-15"
        self._rate(OVER)
        self._rate("2027-01-10 08:00:00")
        self._check_fees({"2026-11": 5})
        self.line.date_end = False
        self._rate()
        self._check_fees({"2026-11": 5, "2026-12": 5, "2027-01": 5})
        self.line.active = False
        self._rate("2027-04-10 08:00:00")
        self.line.active = True
        self._rate()
        self.assertFalse(self._parts(day="2027-03-01").filtered("amount"))
        self.assertEqual(self._parts(day="2027-04-01").amount, 5)

    def _count_waiting(self):
        watch = self.env["omni.billing.watch"].search([("kind", "=", "rating")])
        return sum(watch.mapped("waiting"))

    def test_what_is_used_after_the_end_has_its_price_alone(self):
        """W41: no fee of a month in which the service is not, and no least."""
        plan = self._add_fee(price=2, included=3)
        plan.least = 40
        self._give(plan=plan)
        self.line.date_end = "2026-11-15"
        self._rate(OVER)
        self._use("late", 10, time="2026-12-01T08:30:00+01:00")
        self._rate("2027-01-10 08:00:00")
        self._check_fees({"2026-11": 40, "2026-12": 20})

    def test_who_was_archived_is_not_there_again_since_it_was_rated(self):
        """W41: nothing that a period costs or includes, however often events come."""
        self._give(plan=self._add_fee(price=2, included=3))
        self._rate(OVER)
        self.line.active = False
        self._rate("2027-01-10 08:00:00")
        for number, amount in enumerate((20, 22)):
            quantity = 1 if number else 10
            time = f"2027-01-0{number + 2}T08:30:00+01:00"
            self._use(f"late-{number}", quantity, time=time)
            self._rate()
            self.assertEqual(self._parts(day="2027-01-01").amount, amount)
        # The month that it was rated in before stays as it was.
        self._use("of-then", 10)
        self._rate()
        self.assertEqual(sum(self._parts().mapped("amount")), 5 + 14)

    def test_month_that_was_detached_stays_and_holds_up_nothing(self):
        """W45: neither what was charged, nor other months; Health tells of the rest."""
        self._give(day="2026-10-01")
        self._use("a", 1000, time="2026-10-10T12:00:00+02:00")
        self._rate()
        october = self._parts(day="2026-10-01")
        self._bill(october.transaction_id)
        self._use("b", 1000)
        self._rate()
        self.env.cr.execute("DELETE FROM omni_billing_usage_event WHERE ref = 'a'")
        self.Rating._mark(self.line, october.begin, october.begin)
        self._rate(OVER)
        self.assertEqual(self._parts(day="2026-10-01"), october)
        self.assertEqual((october.amount, october.is_closed), (12.0, True))
        self.assertEqual(self._parts().transaction_id.retail_cost, 12.0)
        self.assertEqual(self._count_waiting(), 0)
        # What was never charged waits for a person, and is not tried for ever.
        self._use("c", 1000, time="2026-12-01T08:30:00+01:00")
        self._rate()
        self.env.cr.execute(
            "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS"
            " SELECT * FROM omni_billing_usage_event WHERE ref = 'c'"
        )
        self.env.cr.execute("DELETE FROM omni_billing_usage_event WHERE ref = 'c'")
        self._rate("2027-01-02 08:00:00")
        december = self._parts(day="2026-12-01")
        self.assertEqual((december.state, december.is_closed), ("running", True))
        self.assertEqual(self._count_waiting(), 1)
        self.Rating._mark_over(fields.Datetime.now())
        self.assertFalse(self.Rating._count_marked())
        # It is attached again, and somebody says so.
        self.env.cr.execute("INSERT INTO omni_billing_usage_event TABLE kept")
        self.line.action_rate_usage()
        self.assertEqual((december.amount, december.is_closed), (12.0, False))
        self.assertEqual(december.transaction_id.state, "unbilled")

    def test_month_that_was_detached_keeps_what_services_share(self):
        """W45: nobody gets what another had of it, when events are not there."""
        data = {"name": "Data", "meter_id": self.data.id}
        shared = data | {"units": 10, "is_shared": True}
        plan = self._add_plan([data | {"price": 1}], [shared])
        other = self.other_line
        self._give(plan=plan)
        self._give(other, plan)
        self._use("a", 10)
        self._use("b", 8, time="2026-11-12T12:00:00+01:00", service=other.id)
        self._rate(OVER)
        self._bill(self._parts(service=other).transaction_id)
        self.env.cr.execute("DELETE FROM omni_billing_usage_event WHERE ref = 'a'")
        late = {"time": "2026-11-13T12:00:00+01:00", "service": other.id}
        self._use("c", 1, **late)
        self._rate()
        self.assertEqual(self._parts(service=other).mapped("amount"), [8.0])
        self.assertTrue(self._parts(service=other).is_closed)

    def test_what_is_free_once_it_has_a_rate_is_quiet(self):
        """W41: there is nothing to charge, and nobody is told any more."""
        self._give()
        self._call("a", 60)
        self._call("b", 60, called="+33122334455")
        self._rate(OVER)
        self._bill(self._parts(self.calls).transaction_id)
        self.assertEqual(self._count_waiting(), 1)
        rate = {"name": "Others", "meter_id": self.calls.id, "price": 0}
        self.plan.rate_ids = [Command.create(rate | {"date_from": "2026-11-01"})]
        self._rate()
        part = self._parts(self.calls)
        self.assertEqual((part.unrated, part.unrated_refs), (0, False))
        self.assertEqual(self._count_waiting(), 0)

    def test_oldest_comes_first_and_a_run_leaves_what_runs(self):
        """W45: nobody waits for ever; what failed is last, and who is gone, never."""
        lines = self.line + self.other_line + self.line.copy() + self.line.copy()
        first, second, failed, gone = lines
        for line in lines[:3]:
            self._give(line)
        self.env.cr.execute("DELETE FROM omni_billing_usage_mark")
        now, over = fields.Datetime.now(), fields.Datetime.to_datetime("2026-10-31")
        for line, begin in ((failed, over), (second, now), (first, over), (gone, now)):
            self.Rating._mark(line, begin, begin)
            self.Rating._mark(line, now, now)
        self.Rating._note_problem(failed, "It failed.")
        order = [second.id, first.id, gone.id, failed.id]
        self.assertEqual(self.Rating._list_marked(), order)
        order = [first.id, failed.id]
        company = self.env.company
        self.assertEqual(self.Rating._list_marked(company, now), order)
        gone.unlink()
        self._rate()
        self.assertFalse(self.Rating._count_marked())

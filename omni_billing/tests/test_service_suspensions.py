import runpy
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .properties import tried
from .service_common import ServiceCommon

#: Days from one click to the next.
days = st.integers(0, 40)


@tagged("post_install", "-at_install")
class TestServiceSuspensions(ServiceCommon):
    """A service is suspended more than once: F192, W35"""

    # === WHAT IS CHARGED === #

    @given(
        timing=st.sampled_from(["advance", "arrears"]),
        interval=st.sampled_from([7, 31]),
        pauses=st.lists(st.tuples(days, days), min_size=2, max_size=3),
        jobs=st.lists(st.booleans(), min_size=7, max_size=7),
        end=days,
    )
    @tried(ci=6, deep=400)
    def test_days_suspended_and_days_charged_are_all_days(
        self, timing, interval, pauses, jobs, end
    ):
        """W35: a day costs 1; the buttons, whenever the job comes in between."""
        service = self._create_service(
            timing=timing, unit="day", interval=interval, price_unit=interval
        )
        first = day = date(2025, 1, 1)
        suspended, looks = set(), iter(jobs)

        def press(action, day):
            noon = f"{day} 12:00:00"
            if next(looks):
                self._charge(noon)
            with freeze_time(noon):
                service.invalidate_recordset()
                getattr(service, action)()
                service.action_adjust()
                self.assertFalse(service.adjustment)

        for running, without in pauses:
            day += timedelta(days=running)
            press("action_suspend", day)
            suspended |= {day + timedelta(days=n) for n in range(1, without)}
            day += timedelta(days=without)
            press("action_resume", day)
        last = day + timedelta(days=end)
        service.date_end = last
        with freeze_time(f"{last} 13:00:00"):
            service.action_adjust()
        self._charge(f"{last + timedelta(days=40)} 12:00:00")
        service.invalidate_recordset()
        self.assertFalse(service.adjustment)
        self.assertFalse(service.next_date)
        charged = sum(amount for _day, amount in self._read(service))
        self.assertEqual(charged, (last - first).days + 1 - len(suspended))

    def test_days_of_each_suspension_are_not_charged(self):
        """W35: a quarter in arrears, with what was suspended before it is charged."""
        service = self._create_service(interval=3, timing="arrears", price_unit=90)
        with freeze_time("2025-01-10 12:00:00"):
            service.action_suspend()
        with freeze_time("2025-01-21 12:00:00"):
            service.action_resume()
        with freeze_time("2025-02-09 12:00:00"):
            service.action_suspend()
        with freeze_time("2025-02-20 12:00:00"):
            service.action_resume()
        found = service.suspension_ids.sorted("date_from")
        self.assertEqual(
            [(str(row.date_from), str(row.date_to)) for row in found],
            [("2025-01-11", "2025-01-20"), ("2025-02-10", "2025-02-19")],
        )
        self._charge("2025-03-31 12:00:00")
        # 70 of 90 days.
        self.assertEqual(self._read(service), [("2025-03-31", 70.0)])
        self.assertFalse(service.adjustment)

    def test_resumed_on_the_last_day_of_a_period_charges_that_day(self):
        """W35: the job, that same morning, does not pass over it yet."""
        service = self._create_service(price_unit=28, suspended_from="2025-02-01")
        # It comes late, so it looks at both months.
        self._charge("2025-02-28 08:00:00")
        with freeze_time("2025-02-28 12:00:00"):
            service.action_resume()
        self._charge("2025-02-28 13:00:00")
        self.assertEqual(
            self._read(service), [("2025-01-01", 28.0), ("2025-02-28", 1.0)]
        )

    def test_new_suspension_does_not_charge_the_days_of_the_last_one(self):
        """W35: not as a difference of what was charged, either (killbill#2306)."""
        service = self._create_service(
            suspended_from="2025-02-01", suspended_to="2025-02-14"
        )
        self._charge("2025-03-01 12:00:00")
        charged = [("2025-01-01", 31.0), ("2025-02-15", 15.5), ("2025-03-01", 31.0)]
        self.assertEqual(self._read(service), charged)
        service.write({"suspended_from": "2025-04-01", "suspended_to": "2025-04-15"})
        self.assertEqual(len(service.suspension_ids), 2)
        self.assertEqual(service.suspended_from, date(2025, 4, 1))
        service.invalidate_recordset(["adjustment"])
        self.assertFalse(service.adjustment)
        self._charge("2025-04-16 12:00:00")
        self.assertEqual(self._read(service)[3:], [("2025-04-16", 15.5)])

    def test_suspension_that_is_shortened_later_is_charged_as_a_difference(self):
        """W35: a whole month was passed over, and a part of it was used after all."""
        service = self._create_service(
            suspended_from="2025-02-01", suspended_to="2025-03-10"
        )
        self._charge("2025-03-11 12:00:00")
        self.assertEqual(
            self._read(service), [("2025-01-01", 31.0), ("2025-03-11", 21.0)]
        )
        service.suspended_to = "2025-02-14"
        service.invalidate_recordset(["adjustment"])
        self.assertEqual(service.adjustment, 15.5 + 10)
        with freeze_time("2025-03-12 12:00:00"):
            service.action_adjust()
        self.assertEqual(sum(amount for _day, amount in self._read(service)), 77.5)
        self.assertFalse(service.adjustment)

    def test_what_others_charged_before_is_no_difference(self):
        """W10: a service that comes charged until a day, and begins long before."""
        service = self._create_service(charged_until="2025-03-31")
        self._charge("2025-04-01 12:00:00")
        self.assertEqual(self._read(service), [("2025-04-01", 31.0)])
        self.assertFalse(service.adjustment)

    # === ITS ROWS === #

    def test_latest_suspension_is_edited_in_its_place(self):
        service = self._create_service(suspended_from="2025-02-01")
        service.suspended_to = "2025-02-14"
        service.suspended_from = "2025-02-03"
        [row] = service.suspension_ids
        self.assertEqual((row.date_from.day, row.date_to.day), (3, 14))
        service.write({"suspended_from": "2025-03-01", "suspended_to": False})
        self.assertEqual(len(service.suspension_ids), 2)
        self.assertFalse(service.suspended_to)
        service.write({"suspended_from": False, "suspended_to": False})
        self.assertEqual(service.suspension_ids, row)
        self.assertEqual(service.suspended_from, date(2025, 2, 3))
        with self.assertRaisesRegex(UserError, "first day"):
            self._create_service(suspended_to="2025-02-14")

    def test_suspensions_do_not_overlap(self):
        service = self._create_service(
            suspended_from="2025-02-01", suspended_to="2025-02-14"
        )
        for first, last in (("2025-02-14", "2025-02-20"), ("2025-01-01", False)):
            with (
                self.assertRaisesRegex(UserError, "suspended on"),
                self.env.cr.savepoint(),
            ):
                service.suspension_ids.create(
                    {"service_id": service.id, "date_from": first, "date_to": last}
                )
        service.suspension_ids.create(
            {"service_id": service.id, "date_from": "2025-02-15"}
        )

    def test_suspending_again_goes_on_until_further_notice(self):
        """What was planned for later is a part of it; what was, stays."""
        service = self._create_service(
            suspended_from="2025-01-05", suspended_to="2025-01-06"
        )
        service.write({"suspended_from": "2025-01-15", "suspended_to": "2025-01-25"})
        service.write({"suspended_from": "2025-03-01", "suspended_to": "2025-03-31"})
        with freeze_time("2025-01-20 12:00:00"):
            service.action_suspend()
        self.assertEqual(
            service.suspension_ids.sorted("date_from").mapped("date_to"),
            [date(2025, 1, 6), False],
        )
        with freeze_time("2025-02-01 12:00:00"):
            service.invalidate_recordset(["state"])
            self.assertEqual(service.state, "suspended")
            service.action_resume()
            self.assertEqual(service.state, "running")

    def test_next_charge_is_behind_all_suspensions_in_a_row(self):
        service = self._create_service(charged_until="2025-01-31")
        for first, last in (
            ("2025-02-01", "2025-02-20"),
            ("2025-02-21", "2025-04-10"),
            ("2025-05-01", "2025-05-02"),
        ):
            service.write({"suspended_from": first, "suspended_to": last})
        self.assertEqual(service.next_date, date(2025, 4, 11))

    def test_other_programs_are_told_of_the_one_that_began(self):
        """W39: not of one that is planned for later."""
        service = self._create_service(
            suspended_from="2025-02-01", suspended_to="2025-02-10"
        )
        service.write({"suspended_from": "2025-03-01", "suspended_to": "2025-03-10"})
        for day, told in (("01-31", "02-01"), ("02-05", "02-01"), ("03-01", "03-01")):
            with self.subTest(day), freeze_time(f"2025-{day} 12:00:00"):
                data = service._billing_prepare_webhook_data()
                self.assertEqual(data["suspended_from"], f"2025-{told}")

    def test_staff_write_rows_of_their_companies_alone(self):
        other = self.setup_other_company()["company"]
        own = self._create_service(suspended_from="2025-02-01")
        foreign = self._create_service(company_id=other.id, tax_ids=False)
        foreign.suspended_from = "2025-02-01"
        rows = (own + foreign).suspension_ids.with_user(self.staff)
        self.assertEqual(rows.search([]), own.suspension_ids)
        with self.assertRaises(AccessError):
            foreign.suspension_ids.with_user(self.staff).date_to = "2025-02-14"

    def test_suspensions_from_before_are_rows(self):
        """The migration to 19.0.1.11.0; twice does no harm."""
        service = self._create_service(
            charged_until="2025-01-31",
            suspended_from="2025-02-01",
            suspended_to="2025-02-14",
        )
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM omni_billing_service_suspension")
        self.env.cr.execute("UPDATE omni_billing_service SET next_date = NULL")
        self.env.invalidate_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.11.0"
        script = runpy.run_path(str(folder / "post-days-suspended.py"))
        for _time in range(2):
            script["migrate"](self.env.cr, "19.0.1.10.0")
        self.env.invalidate_all()
        [row] = service.suspension_ids
        self.assertEqual((row.date_from.day, row.date_to.day), (1, 14))
        self.assertEqual(service.next_date, date(2025, 2, 15))

    def test_customer_sees_where_a_suspended_service_stands(self):
        """Days are staff's to read; what follows of them is shown."""
        service = self._create_service(suspended_from="2025-01-01")
        own = service.with_user(self.portal)
        self.assertEqual(own.state, "suspended")
        self.assertIn("until further notice", own.suspension)
        with self.assertRaises(AccessError):
            own.read(["suspension_ids"])

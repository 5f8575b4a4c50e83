"""Another plan of a service: shown before, done as shown, taken back (W36)."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from .properties import tried
from .service_common import ServiceCommon


class PlanCommon(ServiceCommon):
    """A gym with a small and a large plan, of other taxes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.large = cls._add_plan("Large", 60)
        cls.yearly = cls._add_plan("Year", 300, billing_unit="year")
        cls.small = cls._add_plan("Small", 30, taxes_id=cls.tax_10)
        cls.small.billing_plan_ids = cls.large | cls.yearly

    @classmethod
    def _add_plan(cls, name, price, taxes_id=(), **values):
        return cls.env["product.product"].create(
            {
                "name": name,
                "type": "service",
                "billing_unit": "month",
                "billing_recurring_price": price,
                "taxes_id": [Command.set([tax.id for tax in taxes_id])],
            }
            | values
        )

    @classmethod
    def _add_service(cls, **values):
        return cls.Service.create(
            {
                "name": "Gym",
                "partner_id": cls.customer.id,
                "product_id": cls.small.id,
                "date_start": "2025-01-01",
            }
            | values
        )

    def _change(self, service, when="now", product=None, **agreed):
        product = product or self.large
        preview = service._billing_preview_plan(product, when, agreed)
        return service._billing_change_plan(product, when, preview["seen"], agreed)

    def _read_totals(self, services):
        return [
            (str(t.date), round(t.amount_total, 2))
            for t in services.transaction_ids.sorted(lambda t: (t.date, t.id))
        ]


@tagged("post_install", "-at_install")
class TestServicePlans(PlanCommon):
    @given(
        day=st.integers(1, 75),
        late=st.booleans(),
        timing=st.sampled_from(["advance", "arrears"]),
        when=st.sampled_from(["now", "period"]),
        plan=st.sampled_from(["large", "yearly", "small"]),
        price=st.sampled_from([0.01, 30, 99.99]),
        discount=st.sampled_from(
            [None, ("percent", 33.33), ("amount", 0.01), ("percent", 100)]
        ),
    )
    @tried(ci=10, deep=400)
    def test_what_is_shown_is_what_is_charged(
        self, day, late, timing, when, plan, price, discount
    ):
        """W36: to the cent, now and later; no day of both plans, nor of none."""
        service = self._add_service(timing=timing, price_unit=price)
        if discount:
            kind, value = discount
            service.discount_ids = [
                Command.create(
                    {
                        "name": "Friends",
                        "kind": kind,
                        "value": value,
                        "date_from": "2025-01-20",
                    }
                )
            ]
        now = date(2025, 1, 1) + timedelta(days=day)
        if not late:
            self._charge(now)
        product = getattr(self, plan)
        with freeze_time(now):
            before = self._read_totals(service)
            preview = service._billing_preview_plan(product, when)
            self.assertEqual(self._read_totals(service), before)
            new = service._billing_change_plan(product, when, preview["seen"])
            if when == "now":
                due = [
                    (str(row["date"]), round(row["amount"], 2))
                    for row in preview["rows"]
                    if row["date"] <= now
                ]
                written = self._read_totals(service | new)
                for entry in before:
                    written.remove(entry)
                self.assertEqual(sorted(written), sorted(due))
        self.assertEqual(service.date_end, new.date_start - timedelta(days=1))
        # What costs nothing is no charge.
        last = max((row["date"] for row in preview["rows"]), default=now)
        self._charge(last)
        written = self._read_totals(service | new)
        for entry in before:
            written.remove(entry)
        shown = [(str(r["date"]), round(r["amount"], 2)) for r in preview["rows"]]
        self.assertEqual(sorted(written), sorted(shown))
        self.assertFalse(service.adjustment)

    def test_large_plan_at_once(self):
        """W36: unused days come back with their taxes, the rest has those of now."""
        service = self._add_service()
        self._charge("2025-04-10")
        with freeze_time("2025-04-16"):
            new = self._change(service)
        credit = service.transaction_ids.sorted("id")[-1]
        self.assertEqual(credit.transaction_type, "credit")
        self.assertEqual((credit.retail_cost, credit.amount_total), (15, -16.5))
        self.assertEqual(credit.tax_ids, self.tax_10)
        self.assertRecordValues(
            new.transaction_ids,
            [{"retail_cost": 30, "amount_total": 30, "date": date(2025, 4, 16)}],
        )
        self.assertEqual(new.next_date, date(2025, 5, 1))
        self.assertEqual(service.state, "ended")

    def test_unused_days_of_a_period_that_began_elsewhere(self):
        """W36: they come back of what was charged here, however it began."""
        service = self._add_service(price_unit=28, charged_until="2025-02-15")
        self._charge("2025-02-16")
        with freeze_time("2025-02-20"):
            new = self._change(service)
        totals = [("2025-02-16", 14.3), ("2025-02-20", -9.9)]
        self.assertEqual(self._read_totals(service), totals)
        self.assertEqual(self._read_totals(new), [("2025-02-20", 19.29)])
        self.assertFalse(service.adjustment)
        with self.assertRaisesRegex(UserError, "credited: the change"):
            service.action_undo_plan()

    def test_days_charged_elsewhere_are_not_charged_again(self):
        """W36: nor credited. A change that cost nothing yet can be taken back."""
        service = self._add_service(charged_until="2025-02-15")
        with freeze_time("2025-02-10"):
            preview = service._billing_preview_plan(self.large, "now")
            new = self._change(service)
            service.action_undo_plan()
            self.assertFalse(new.exists() or service.date_end)
            new = self._change(service)
        self.assertIn("until 02/15/2025 were charged elsewhere", preview["notes"][0])
        shown = [(str(r["date"]), round(r["amount"], 2)) for r in preview["rows"]]
        with freeze_time("2025-02-12"):
            # Whatever the plan is changed to.
            other = self._change(new, product=self.small)
            self.assertTrue(new.can_undo_plan)
            new.action_undo_plan()
        self.assertFalse(other.exists())
        self._charge("2025-04-01")
        self.assertEqual(self._read_totals(service | new), shown)
        self.assertEqual(shown[0], ("2025-02-16", 27.86))
        self.assertFalse(new.adjustment or service.adjustment)
        self.assertFalse(service.can_undo_plan)

    def test_plan_from_the_next_period_on_is_taken_back(self):
        """W36: before anything is charged; nothing of it is left."""
        service = self._add_service(date_end="2026-12-31")
        with freeze_time("2025-04-16"):
            self.Service._cron_write_due()
            new = self._change(service, "period", self.yearly)
            self.assertEqual(new.date_start, date(2025, 5, 1))
            self.assertEqual(new.date_end, date(2026, 12, 31))
            self.assertEqual(service.date_end, date(2025, 4, 30))
            self.assertIn("Year", service.plan_change)
            with self.assertRaisesRegex(UserError, "has another plan from 05/01/2025"):
                self._change(service)
            service.action_undo_plan()
        self.assertFalse(new.exists())
        self.assertEqual(service.date_end, date(2026, 12, 31))
        self._charge("2025-05-02")
        self.assertEqual(self._read_totals(service)[-1], ("2025-05-01", 33))

    def test_what_was_given_away_is_not_given_back(self):
        """W36: nor what was voided, nor more than stands of it."""
        for free in ("action_mark_free", "action_void"):
            service = self._add_service()
            with freeze_time("2025-04-16"):
                self.Service._cron_write_due()
                getattr(service.transaction_ids.sorted("date")[-1], free)()
                self._change(service)
            credits_ = service.transaction_ids.filtered("credit_type_id")
            self.assertFalse(credits_, free)
            self.assertFalse(service.adjustment, free)

    def test_days_come_back_as_they_were_charged(self):
        """W36: with the taxes of then, and as the days that are not used."""
        service = self._add_service()
        with freeze_time("2025-04-16"):
            self.Service._cron_write_due()
            service.tax_ids = False
            self._change(service)
        credit = service.transaction_ids.filtered("credit_type_id")
        self.assertRecordValues(
            credit,
            [
                {
                    "tax_ids": self.tax_10.ids,
                    "amount_total": -16.5,
                    "period_start": date(2025, 4, 16),
                    "period_end": date(2025, 4, 30),
                }
            ],
        )
        self.assertFalse(service.adjustment)

    def test_what_was_said_since_outlives_the_change(self):
        """W36: an end and its reason, pauses; another price is not lost unseen."""
        service = self._add_service()
        reason = self.env.ref("omni_billing.closing_reason_price")
        with freeze_time("2025-04-16"):
            self.Service._cron_write_due()
            service.suspension_ids.create(
                {"service_id": service.id, "date_from": "2025-04-20"}
            )
            plan = self._change(service, "period")
            plan._billing_close(date(2025, 8, 31), reason, "Moves")
            plan.suspension_ids.date_to = "2025-05-10"
            plan.suspension_ids.create(
                {
                    "service_id": plan.id,
                    "date_from": "2025-06-01",
                    "date_to": "2025-06-15",
                    "reason": "customer",
                }
            )
            change = self.env["omni.billing.service.change"].create(
                {"service_id": plan.id, "date": "2025-07-01", "price_unit": 70}
            )
            with self.assertRaisesRegex(UserError, "Another price"):
                service.action_undo_plan()
            change.unlink()
            discount = self.env["omni.billing.service.discount"].create(
                {
                    "service_id": plan.id,
                    "name": "Friends",
                    "value": 20,
                    "date_from": "2025-07-01",
                }
            )
            with self.assertRaisesRegex(UserError, "Another price"):
                service.action_undo_plan()
            discount.unlink()
            service.action_undo_plan()
        self.assertRecordValues(
            service,
            [
                {
                    "date_end": date(2025, 8, 31),
                    "closing_reason_id": reason.id,
                    "closing_note": "Moves",
                }
            ],
        )
        self.assertRecordValues(
            service.suspension_ids.sorted("date_from"),
            [
                {
                    "date_from": date(2025, 4, 20),
                    "date_to": date(2025, 5, 10),
                    "reason": "staff",
                },
                {
                    "date_from": date(2025, 6, 1),
                    "date_to": date(2025, 6, 15),
                    "reason": "customer",
                },
            ],
        )

    def test_what_is_resumed_goes_on_in_the_plan_to_come(self):
        """W36: and no other suspension of it, by staff and customers."""
        self.company.billing_pause_days = 60
        for resume in ("action_resume", "_billing_unpause"):
            service = self._add_service()
            with freeze_time("2025-04-16"):
                self.Service._cron_write_due()
                service.suspension_ids.create(
                    {
                        "service_id": service.id,
                        "date_from": "2025-04-17",
                        "date_to": "2025-05-20",
                        "reason": "customer",
                    }
                )
                plan = self._change(service, "period")
                later = plan.suspension_ids.create(
                    {"service_id": plan.id, "date_from": "2025-07-01"}
                )
            with freeze_time("2025-04-18"):
                getattr(service, resume)()
            self.assertEqual(service.suspended_to, date(2025, 4, 17))
            self.assertEqual(plan.suspension_ids, later, resume)

    def test_nothing_leaves_a_day_to_both_plans(self):
        """W36: by no door; the dialog of a service that changed since says so."""
        service = self._add_service()
        with freeze_time("2025-04-16"):
            self.Service._cron_write_due()
            seen = service._billing_preview_plan(self.large, "now")["seen"]
            self.large.billing_recurring_price = 61
            with self.assertRaisesRegex(UserError, "not what was shown"):
                service._billing_change_plan(self.large, "now", seen)
            self.assertFalse(service.replaced_by_ids)
            new = self._change(service, "period")
            for change in (
                lambda: service.write({"date_end": False}),
                lambda: service.write({"date_end": "2025-06-30"}),
                lambda: new.write({"date_start": "2025-04-20"}),
                lambda: new.write({"replaces_id": False}),
                lambda: service.write({"replaced_by_ids": [Command.clear()]}),
                new.unlink,
                lambda: self._add_service(replaces_id=service.id),
            ):
                with self.assertRaises(UserError):
                    change()
            self.assertFalse(service.copy().replaced_by_ids)

    def test_suspended_service_does_not_begin_its_new_plan(self):
        """W36: and goes on with it."""
        service = self._add_service()
        with freeze_time("2025-04-16"):
            self.Service._cron_write_due()
            new = self._change(service, "period")
            service.action_suspend()
            self.assertEqual(new.suspended_from, date(2025, 5, 1))
        self._charge("2025-05-10")
        self.assertFalse(new.transaction_ids)
        with freeze_time("2025-05-11"):
            new.action_resume()
            self.Service._cron_write_due()
        # 21 of 31 days of 60.
        self.assertEqual(new.transaction_ids.retail_cost, 40.65)

    def test_suspended_service_has_another_plan_from_the_next_period_on(self):
        """W36: not at once, which would settle no suspended day; and resumes before."""
        self.company.billing_plan_rule = "upgrade"
        service = self._add_service()
        with freeze_time("2025-04-10 12:00:00"):
            self.Service._cron_write_due()
            pause = service.suspension_ids.create(
                {"service_id": service.id, "date_from": "2025-04-12"}
            )
        with freeze_time("2025-04-16 12:00:00"):
            service.invalidate_recordset()
            self.assertEqual(service.state, "suspended")
            with self.assertRaisesRegex(
                UserError, "suspended: change it from the next"
            ):
                self._change(service)
            # What staff suspended, no customer changes.
            self.assertFalse(service._billing_get_own_plans())
            pause.reason = "customer"
            self.assertEqual(service._billing_get_own_plans(), self.large | self.yearly)
            preview = service._billing_preview_own_plan(self.large)
            plan = service._billing_change_own_plan(self.large, preview["seen"])
            self.assertEqual(plan.date_start, date(2025, 5, 1))
            self.assertEqual(plan.suspended_from, date(2025, 5, 1))
        with freeze_time("2025-04-20 12:00:00"):
            service.invalidate_recordset()
            service.action_resume()
        self.assertFalse(plan.suspension_ids)
        self._charge("2025-05-10")
        self.assertEqual(plan.transaction_ids.retail_cost, 60)

    def test_quantity_agreed_for_later_goes_on(self):
        """W36: at the new plan's price; another price does not, and that is said."""
        service = self._add_service()
        service.change_ids = [
            Command.create({"date": day, "quantity": quantity, "price_unit": price})
            for day, quantity, price in (
                ("2025-04-20", 2, 30),
                ("2025-06-01", 3, 33),
                ("2025-07-01", 3, 35),
            )
        ]
        with freeze_time("2025-04-16 12:00:00"):
            self.Service._cron_write_due()
            preview = service._billing_preview_plan(self.large, "period")
            self.assertEqual(
                [row["amount"] for row in preview["rows"]], [120, 180, 180]
            )
            self.assertEqual(
                [note.replace("\xa0", " ") for note in preview["notes"]],
                [
                    "As agreed, the quantity is 3 from 06/01/2025 on.",
                    "Not for the new plan: the price of $ 33.00 from 06/01/2025 on;"
                    " the price of $ 35.00 from 07/01/2025 on.",
                ],
            )
            # What is agreed meanwhile was not shown.
            later = service.change_ids.create(
                {
                    "service_id": service.id,
                    "date": "2026-01-01",
                    "quantity": 4,
                    "price_unit": 35,
                }
            )
            with self.assertRaisesRegex(UserError, "not what was shown"):
                service._billing_change_plan(self.large, "period", preview["seen"])
            later.unlink()
            plan = self._change(service, "period")
            # What is entered here would be of no plan, and keep this one for ever.
            for day, quantity in (("2025-04-25", 9), ("2025-06-15", 3)):
                with (
                    self.assertRaisesRegex(UserError, "another plan from 05/01/2025"),
                    self.env.cr.savepoint(),
                ):
                    service.change_ids.create(
                        {"service_id": service.id, "date": day, "quantity": quantity}
                        | {"price_unit": 30}
                    )
                self.env.invalidate_all()
            # Another price until then is of this plan alone.
            service.change_ids.create(
                {"service_id": service.id, "date": "2025-04-25", "quantity": 2}
                | {"price_unit": 31}
            ).unlink()
            self.assertFalse(plan._billing_has_new_terms())
            plan.change_ids.unlink()
            with self.assertRaisesRegex(UserError, "Another price"):
                service.action_undo_plan()
            plan.change_ids.create(
                {
                    "service_id": plan.id,
                    "date": "2025-06-01",
                    "quantity": 3,
                    "price_unit": 60,
                }
            )
            service.action_undo_plan()
            plan = self._change(service, "period")
        self._charge("2025-07-02")
        self.assertEqual(
            self._read_totals(plan),
            [("2025-05-01", 120), ("2025-06-01", 180), ("2025-07-01", 180)],
        )

    def test_coming_service_is_of_the_other_plan_from_its_start(self):
        """W36: it stays the service it is, with what was agreed; shown to the cent."""
        with freeze_time("2025-01-10 12:00:00"):
            service = self._add_service(
                date_start="2025-02-01",
                trial_end="2025-02-07",
                term_end="2026-01-31",
                setup_price=12,
                date_end="2027-12-31",
                anchor_day=15,
                discount_ids=[
                    Command.create(
                        {
                            "name": name,
                            "kind": kind,
                            "value": 10,
                            "date_from": "2025-02-01",
                        }
                    )
                    for name, kind in (("Friends", "amount"), ("Old", "percent"))
                ],
                change_ids=[
                    Command.create(
                        {"date": "2025-02-15", "quantity": 2, "price_unit": 30}
                    )
                ],
            )
            coming = self._change(service, product=self.large)
            self.assertEqual(coming, service)
            preview = service._billing_preview_plan(self.yearly, "now")
            self.assertIn("from its start on", " ".join(preview["notes"]))
            self.assertIn("10.00 off (Friends).", " ".join(preview["notes"]))
            self.assertEqual({row["part"] for row in preview["rows"]}, {"after"})
            for when in ("now", "period"):
                self.assertEqual(self._change(service, when, self.yearly), service)
            self.assertFalse(service.transaction_ids)
            self.assertRecordValues(
                service,
                [
                    {
                        "state": "upcoming",
                        "name": "Year",
                        "product_id": self.yearly.id,
                        "unit": "year",
                        "price_unit": 300,
                        "setup_price": 12,
                        "tax_ids": [],
                        "trial_end": date(2025, 2, 7),
                        "term_end": date(2026, 1, 31),
                        "date_end": date(2027, 12, 31),
                        "anchor_day": 15,
                        "replaced_for": False,
                    }
                ],
            )
            self.assertEqual(service.discount_ids.name, "Old")
            self.assertRecordValues(
                service.change_ids,
                [{"date": date(2025, 2, 15), "quantity": 2, "price_unit": 300}],
            )
        self._charge(preview["rows"][-1]["date"])
        shown = [(str(r["date"]), round(r["amount"], 2)) for r in preview["rows"]]
        self.assertEqual(sorted(self._read_totals(service)), sorted(shown))
        self.assertEqual(len(shown), 4)

    def test_coming_service_that_is_charged_keeps_its_plan(self):
        """W36: a plan to come is changed again, and taken back by who changed it."""
        self.company.billing_plan_rule = "period"
        self.large.billing_plan_ids = self.yearly
        with freeze_time("2025-04-16 12:00:00"):
            charged = self._add_service(
                date_start="2025-05-01", charged_until="2025-05-31"
            )
            with self.assertRaisesRegex(UserError, "charged already, and begins on"):
                self._change(charged)
            for was_own, is_own, keeps in (
                (True, True, True),
                (True, False, False),
                (False, True, False),
            ):
                service = self._add_service()
                service.action_write_due()
                change = service._billing_change_own_plan if was_own else None
                plan = self._change_by(service, self.large, change)
                change = plan._billing_change_own_plan if is_own else None
                self.assertEqual(self._change_by(plan, self.yearly, change), plan)
                self.assertEqual(service._billing_may_keep_plan(), keeps)
                service.action_undo_plan()
                self.assertFalse(service.date_end)

    def _change_by(self, service, product, own):
        """Change a plan as its customer, or as staff."""
        if not own:
            return self._change(service, "period", product)
        return own(product, service._billing_preview_own_plan(product)["seen"])

    def test_dialog_writes_names_as_they_are(self):
        """W36: also where it says why there is no other plan."""
        service = self._add_service(name="<b>Gym</b>", date_end="2025-02-28")
        wizard = self.env["omni.billing.plan.wizard"].create(
            {"service_id": service.id, "product_id": self.large.id}
        )
        self.assertIn("&lt;b&gt;Gym", wizard.preview)

    def test_dialog_of_staff(self):
        """W36: another price than the product's may be agreed; once."""
        service = self._add_service()
        with freeze_time("2025-04-16"):
            self.Service._cron_write_due()
            Wizard = self.env["omni.billing.plan.wizard"].with_user(self.staff)
            wizard = Wizard.create(
                {"service_id": service.id, "product_id": self.large.id, "when": "now"}
            )
            self.assertEqual(wizard.price_unit, 60)
            wizard.price_unit = 50
            self.assertIn("8.50", wizard.preview)
            action = wizard.action_change()
            self.assertEqual(wizard.action_change(), action)
            new = self.Service.browse(action["res_id"])
        self.assertEqual(new.replaces_id, service)
        self.assertEqual(new.transaction_ids.retail_cost, 25)
        with self.assertRaises(AccessError):
            self.env["omni.billing.plan.wizard"].with_user(self.portal).create(
                {"service_id": service.id}
            )

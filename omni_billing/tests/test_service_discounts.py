"""Discounts for some time, and coupons (W36)."""

import runpy
from datetime import date
from pathlib import Path
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from ..tools.write_guard import trusting
from .test_service_plans import PlanCommon


class CouponCommon(PlanCommon):
    """A coupon of three periods, by a fifth."""

    @classmethod
    def _add_coupon(cls, **values):
        return cls.env["omni.billing.coupon"].create(
            {"name": "Spring", "code": "SPRING", "value": 20, "periods": 3} | values
        )

    @classmethod
    def _add_discount(cls, service, **values):
        return cls.env["omni.billing.service.discount"].create(
            {
                "service_id": service.id,
                "name": "Friends",
                "value": 20,
                "date_from": "2025-01-01",
            }
            | values
        )


@tagged("post_install", "-at_install")
class TestServiceDiscounts(CouponCommon):
    def test_charges_are_lower_and_say_so(self):
        """W36: to the day, with the taxes of what is paid; never below zero."""
        service = self._add_service()
        self._add_discount(service, date_to="2025-02-14")
        self._add_discount(
            service,
            name="Gift",
            kind="amount",
            value=50,
            date_from="2025-04-01",
            date_to="2025-04-30",
        )
        self._charge("2025-05-02 12:00:00")
        self.assertEqual(
            self._read_totals(service),
            [("2025-01-01", 26.4), ("2025-02-01", 29.7), ("2025-03-01", 33)]
            + [("2025-05-01", 33)],
        )
        first = service.transaction_ids.sorted("date")[0]
        text = first.description.replace("\xa0", " ")
        self.assertEqual(text, "Price $ 30.00, 20% off (Friends)")
        self.assertFalse(service.adjustment)
        # Found out later: what is charged is not changed behind anyone's back.
        self._add_discount(service, value=10, date_from="2025-05-01")
        self.assertEqual(service.adjustment, -3)
        self.assertEqual(service._billing_describe_price(), "$\xa030.00 a month")

    def test_coupon_is_for_periods_not_charged_yet(self):
        """W36: its code, once to each customer; the last use is the last."""
        coupon = self._add_coupon(max_uses=1)
        service = self._add_service()
        with freeze_time("2025-03-10 12:00:00"):
            self.Service._cron_write_due()
            wizard = self.env["omni.billing.coupon.wizard"].with_user(self.staff)
            wizard = wizard.create({"service_id": service.id, "code": " spring "})
            wizard.action_redeem()
            self.assertRecordValues(
                service.discount_ids,
                [
                    {
                        "date_from": date(2025, 4, 1),
                        "date_to": date(2025, 6, 30),
                        "coupon_id": coupon.id,
                        "customer_id": self.customer.id,
                    }
                ],
            )
            self.assertIn("20% off (Spring) from 04/01/2025", service.discount)
            self.assertEqual(coupon.uses, 1)
            other = self.env["res.partner"].create({"name": "Other"})
            with self.assertRaisesRegex(UserError, "cannot be redeemed"):
                self._add_service(partner_id=other.id)._billing_redeem("SPRING")
            service.discount_ids.unlink()
            self.assertEqual(coupon.uses, 0)

    def test_which_coupons_fit(self):
        """W36: validity, product, currency, customer, company; once to each."""
        with freeze_time("2025-03-10 12:00:00"):
            service = self._add_service()
            other = self.env["res.partner"].create({"name": "Other"})
            euro = self.env.ref("base.EUR")
            euro.active = True
            company = self.env["res.company"].sudo().create({"name": "Other"})
            for values in (
                {"date_to": "2025-03-09"},
                {"date_from": "2025-03-11"},
                {"active": False},
                {"product_ids": self.large.ids},
                {"partner_ids": other.ids},
                {"kind": "amount", "currency_id": euro.id},
                {"company_id": company.id},
            ):
                coupon = self._add_coupon(**values)
                self.assertFalse(coupon._billing_fits(service), values)
                with self.assertRaises(UserError, msg=values):
                    service._billing_redeem("SPRING")
                coupon.write({"active": True, "code": f"was {coupon.id}"})
                coupon.flush_recordset()
            coupon = self._add_coupon(
                product_ids=self.small.ids, partner_ids=self.customer.ids, periods=0
            )
            self.assertTrue(coupon._billing_fits(service))
            with self.assertRaises(UserError):
                service._billing_redeem("SPRIN_")
            service._billing_redeem("SPRING")
            self.assertFalse(service.discount_ids.date_to)
            for again in (service, self._add_service()):
                with self.assertRaises(UserError):
                    again._billing_redeem("SPRING")
            with self.assertRaises(UserError):
                coupon.unlink()
            with self.assertRaises(UserError):
                coupon.uses = 0
            with self.assertRaises(UserError):
                service.discount_ids.value = 90
            with self.assertRaises(UserError):
                self._add_discount(service, coupon_id=coupon.id)

    def test_another_plan_goes_on_with_the_discount(self):
        """W36: as far as its coupon is for that product; it is no other use."""
        coupon = self._add_coupon()
        service = self._add_service()
        with freeze_time("2025-04-16 12:00:00"):
            service._billing_redeem("SPRING")
            self.Service._cron_write_due()
            plan = self._change(service)
            # Unused: half of 24; the rest: half of 48.
            self.assertEqual(self._read_totals(service)[-1][1], -13.2)
            self.assertEqual(plan.transaction_ids.retail_cost, 24)
            self.assertEqual(coupon.uses, 1)
            coupon.product_ids = self.small | self.large
            preview = plan._billing_preview_plan(self.yearly, "period")
            self.assertIn("Not for the new plan: 20% off (Spring).", preview["notes"])
            plan = self._change(plan, "period", self.yearly)
            self.assertFalse(plan.discount_ids)

    def test_amount_off_is_of_a_period_as_long(self):
        """W36: 10 off a month is not 10 off a year, nor off a price with taxes."""
        service = self._add_service()
        self._add_discount(service, kind="amount", value=10)
        self._add_discount(service, name="Old")
        with freeze_time("2025-04-16 12:00:00"):
            for product, agreed in (
                (self.yearly, {}),
                (self.large, {"interval": 3}),
                (self.large, {"tax_included": True}),
            ):
                preview = service._billing_preview_plan(product, "period", agreed)
                [(_command, _id, row)] = preview["values"]["discount_ids"]
                self.assertEqual(row["name"], "Old")
                self.assertIn("10.00 off (Friends).", preview["notes"][0])
            wizard = self.env["omni.billing.plan.wizard"].create(
                {"service_id": service.id, "product_id": self.yearly.id}
            )
            self.assertIn("10.00 off (Friends).", wizard.preview)
            self.assertEqual(len(self._change(service).discount_ids), 2)

    def test_coupon_is_not_used_up_for_nothing(self):
        """W36: it begins after free and suspended days, before the service ends."""
        coupon = self._add_coupon(periods=1)
        with freeze_time("2025-03-10 12:00:00"):
            service = self._add_service(timing="arrears")
            days = [("2025-03-31", "2025-04-30"), ("2025-05-31", False)]
            rows = self.env["omni.billing.service.suspension"].create(
                [
                    {"service_id": service.id, "date_from": first, "date_to": last}
                    for first, last in days
                ]
            )
            service.charged_until = "2025-03-30"
            for values, row in (
                ({"date_end": "2025-04-30"}, {}),
                ({"active": False}, {}),
                ({}, {"date_to": False}),
                ({}, {"date_to": "9999-12-31"}),
            ):
                with (
                    self.assertRaisesRegex(UserError, "can have no discount"),
                    self.env.cr.savepoint(),
                ):
                    if row:
                        rows[1].unlink()
                    rows[0].write(row)
                    service.write(values)
                    self.assertFalse(service._billing_may_redeem())
                    service._billing_redeem("SPRING")
                self.env.invalidate_all()
            self.assertEqual(coupon.uses, 0)
            discount = service._billing_redeem("SPRING")
        self.assertEqual(discount.date_from, date(2025, 5, 1))
        self.assertEqual(discount.date_to, date(2025, 5, 31))

    def test_coupon_is_for_the_plan_to_come(self):
        """W36: of the plan that ends it would be lost with it."""
        self._add_coupon()
        with freeze_time("2025-03-10 12:00:00"):
            service = self._add_service(timing="arrears")
            service.charged_until = "2025-02-28"
            plan = self._change(service, "period")
            self.assertFalse(service._billing_may_redeem())
            with self.assertRaisesRegex(UserError, "redeem the code for Large"):
                service._billing_redeem("SPRING")
            self.assertEqual(plan._billing_redeem("SPRING").date_from, plan.date_start)

    def test_discount_is_of_the_plan_that_has_the_day(self):
        """W36: what a plan to come goes on with is changed there first."""
        service = self._add_service()
        old = self._add_discount(service)
        with freeze_time("2025-03-10 12:00:00"):
            self.Service._cron_write_due()
            plan = self._change(service, "period")
            for spoil in (
                lambda: self._add_discount(service, name="New", value=5),
                lambda: old.unlink(),
                lambda: old.write({"value": 30}),
                lambda: old.write({"date_to": "2025-03-20"}),
                lambda: service.write({"discount_ids": [Command.clear()]}),
                lambda: service.write({"trial_end": "2025-04-10"}),
            ):
                with (
                    self.assertRaisesRegex(UserError, "another plan from 04/01/2025"),
                    self.env.cr.savepoint(),
                ):
                    spoil()
                self.env.invalidate_all()
            # Of the days before, and of all of them once the plan has it, too.
            self._add_discount(service, name="Gift", value=5, date_to="2025-03-31")
            self._add_discount(plan, name="New", value=5, date_from="2025-04-01")
            self._add_discount(service, name="New", value=5)
            plan.discount_ids.filtered(lambda row: row.name == "Friends").unlink()
            old.date_to = "2025-03-20"
            self.assertEqual(plan.discount_ids.mapped("name"), ["New"])
        with freeze_time("2025-04-10 12:00:00"):
            old.unlink()
            with self.assertRaisesRegex(UserError, "another plan from 04/01/2025"):
                self._add_discount(service, date_from="2025-04-02")

    def test_what_is_not_for_the_plan_is_edited_where_it_is(self):
        """W36: so is what stays as it is; two that are alike are two."""
        service = self._add_service(timing="arrears")
        gift = self._add_discount(service, kind="amount", value=10)
        for _time in range(2):
            self._add_discount(service, value=5)
        with freeze_time("2025-03-10 12:00:00"):
            plan = self._change(service, "period", self.yearly)
            self.assertEqual(plan.discount_ids.mapped("value"), [5, 5])
            gift.value = 20
            gift.copy()
            for spoil in (
                lambda: self._add_discount(service, value=5),
                lambda: (service.discount_ids - gift)[:1].unlink(),
            ):
                with (
                    self.assertRaisesRegex(UserError, "another plan from 04/01/2025"),
                    self.env.cr.savepoint(),
                ):
                    spoil()
                self.env.invalidate_all()
            service.trial_end = "2025-02-28"
            plan.trial_end = "2025-04-10"
            service.trial_end = "2025-04-10"
            plan.trial_end = "2025-04-05"
            service.write({"trial_end": "2025-04-10", "name": "Gym"})

    def test_coupon_stays_for_whom_it_was(self):
        """W36: also if a product is archived; an emptied list would be for all."""
        product = self._add_plan("Old", 5)
        coupon = self._add_coupon(product_ids=product.ids)
        with (
            self.assertRaises(IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            product.unlink()
        product.active = False
        with freeze_time("2025-03-10 12:00:00"):
            with self.assertRaises(UserError):
                self._add_service()._billing_redeem("SPRING")
            self.assertEqual(coupon.product_ids, product)
        # Who is merged into another of the list leaves it; the last one stays.
        kim, sam = self.env["res.partner"].create([{"name": "Kim"}, {"name": "Sam"}])
        coupon.partner_ids = kim | sam
        self.env.flush_all()
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        merge._merge((kim + sam).ids, sam)
        self.env.invalidate_all()
        self.assertEqual(coupon.partner_ids, sam)
        with (
            self.assertRaises(IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            sam.unlink()

    def test_coupon_is_once_to_each_customer(self):
        """W36: who went over, too; and not again because a service is deleted."""
        coupon = self._add_coupon(periods=0)
        other = self.env["res.partner"].create({"name": "Other"})
        with freeze_time("2025-03-10 12:00:00"):
            service = self._add_service()
            service._billing_redeem("SPRING")
            service.partner_id = other
            for customer in (self.customer, other):
                with self.assertRaisesRegex(UserError, "cannot be redeemed"):
                    self._add_service(partner_id=customer.id)._billing_redeem("SPRING")
            # PostgreSQL would delete the discount, and count nothing.
            service.unlink()
            self.assertEqual(coupon.uses, 0)
            with self.assertRaises(UserError):
                self._add_service()._billing_redeem("\0")
            # A search leaves accents out, where the database is set up so.
            with patch.object(
                type(coupon), "search", lambda self, *_args, **_options: coupon
            ):
                self.assertFalse(coupon._billing_find("SPRÍNG", self.company))
                self.assertTrue(coupon._billing_find(" spr\0ing", self.company))

    def test_days_that_are_free_no_more_are_adjusted(self):
        """W36: whatever made them free, and however little was charged until then."""
        service = self._add_service()
        gift = self._add_discount(service, value=100, date_to="2025-03-31")
        gratis = self._create_service(price_unit=0)
        trial = self._add_service(trial_end="2025-01-31")
        self._charge("2025-02-10 12:00:00")
        self.assertFalse((service | gratis).transaction_ids)
        self.assertEqual((service | gratis | trial).mapped("adjustment"), [0, 0, 0])
        gift.date_to = "2025-01-31"
        self.assertEqual(service.adjustment, 30)
        gift.unlink()
        self.assertEqual(service.adjustment, 60)
        service.action_adjust()
        self.assertEqual(sum(service.transaction_ids.mapped("amount_total")), 66)
        self.assertFalse(service.adjustment)
        for day in ("2025-02-01", "2025-02-15"):
            gratis.change_ids.create(
                {"service_id": gratis.id, "date": day, "price_unit": 28}
            )
        self.assertEqual(gratis.adjustment, 28)
        trial.trial_end = "2025-01-30"
        self.assertEqual(trial.adjustment, 0.97)
        trial.trial_end = "2025-02-14"
        self.assertEqual(trial.adjustment, -15)

    def test_what_was_charged_elsewhere_is_not_adjusted(self):
        """F192: what was agreed for those days is entered for who looks it up."""
        old = self._create_service(price_unit=0, charged_until="2025-02-15")
        self.assertEqual(old.charged_elsewhere, date(2025, 2, 15))
        for day, price in (("2025-01-10", 28), ("2025-02-01", 0), ("2025-02-16", 28)):
            old.change_ids.create(
                {"service_id": old.id, "date": day, "price_unit": price}
            )
        self._charge("2025-03-01 12:00:00")
        self.assertEqual(
            self._read_totals(old), [("2025-02-16", 14.3), ("2025-03-01", 30.8)]
        )
        self.assertFalse(old.adjustment)
        # So a database of before has it, with charges or without.
        own = self._create_service()
        self._charge("2025-03-01 12:00:00")
        new = self._create_service(charged_until="2025-02-15")
        self._migrate(old | own | new)
        for service in (old, new):
            self.assertEqual(service.charged_elsewhere, date(2025, 2, 15))
        self.assertFalse(own.charged_elsewhere)
        old.change_ids.sorted("date")[1].unlink()
        old.trial_end = "2025-02-16"
        self.assertEqual(old.adjustment, -1)
        with self.assertRaisesRegex(UserError, "cannot be set by hand"):
            old.charged_elsewhere = False

    def test_free_days_of_before_the_upgrade_are_adjusted(self):
        """W36: whether something was charged since, or nothing at all."""
        gift, gratis, trial = services = self.Service.concat(
            *(self._add_service() for _time in range(3))
        )
        trial.trial_end = "2025-01-31"
        given = self._add_discount(gift, value=100, date_to="2025-01-31")
        given |= self._add_discount(gratis, value=100)
        self._charge("2025-02-10 12:00:00")
        self.assertEqual(len(services.transaction_ids), 2)
        self._migrate(services)
        self.assertEqual(services.mapped("charged_elsewhere"), [False] * 3)
        self.assertEqual(services.mapped("adjustment"), [0, 0, 0])
        given.unlink()
        trial.trial_end = False
        self.assertEqual(services.mapped("adjustment"), [30, 60, 30])

    def _migrate(self, services):
        """Have services as a database of before, and upgrade it: twice is as once."""
        with trusting(self.env):
            services.charged_elsewhere = False
        self.env.flush_all()
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.12.0"
        script = runpy.run_path(str(folder / "post-charged-elsewhere.py"))
        for _time in range(2):
            script["migrate"](self.env.cr, "19.0.1.11.0")

    def test_rows_stay_with_their_service(self):
        """F192, W36: no row is moved to a service that one may not write."""
        service, other = self._add_service(), self._add_service()
        self._add_discount(service)
        for name, values in (
            ("discount_ids", {}),
            ("change_ids", {"date": "2025-03-01", "price_unit": 1}),
            ("suspension_ids", {"date_from": "2025-03-01"}),
        ):
            if values:
                service[name] = [Command.create(values)]
            row = service[name]
            for move in (
                lambda row=row: row.write({"service_id": other.id}),
                lambda row=row, name=name: other.write({name: [Command.link(row.id)]}),
            ):
                with self.assertRaisesRegex(UserError, "belongs to Gym"):
                    move()
            row.service_id = service

    def test_only_managers_make_coupons(self):
        """W36: staff redeem them, and give discounts."""
        Coupon = self.env["omni.billing.coupon"].with_user(self.staff)
        with self.assertRaises(AccessError):
            Coupon.create({"name": "X", "code": "X", "value": 1})
        service = self._add_service().with_user(self.staff)
        service.discount_ids = [
            Command.create({"name": "X", "value": 5, "date_from": "2025-01-01"})
        ]
        self.assertTrue(service.discount)
        for model in ("omni.billing.coupon", "omni.billing.service.discount"):
            for user in (self.portal, self.outsider):
                with self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])

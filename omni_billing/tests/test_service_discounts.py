"""Discounts for some time, and coupons (W36)."""

from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

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
            plan = self._change(plan, "period", self.yearly)
            self.assertFalse(plan.discount_ids)

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

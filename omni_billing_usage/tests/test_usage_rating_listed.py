from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestRatingListed(RatingCommon):
    """W41: a price is that of a product, by the pricelist of each customer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pricelists = cls.env.ref("product.group_product_pricelist")
        cls.env.ref("base.group_user")._apply_group(pricelists)
        cls.gigabyte = cls.env["product.product"].create(
            {"name": "Gigabyte", "list_price": 0.05}
        )
        cls.pricelist = cls.env["product.pricelist"].create(
            {
                "name": "Business",
                "currency_id": cls.plan.currency_id.id,
                "item_ids": [
                    Command.create(
                        {
                            "applied_on": "0_product_variant",
                            "product_id": cls.gigabyte.id,
                            "fixed_price": price,
                            "date_start": begin,
                            "date_end": end,
                        }
                    )
                    for price, begin, end in (
                        (0.0125, False, "2026-11-15 11:00:00"),
                        (0.02, "2026-11-15 11:00:01", False),
                    )
                ],
            }
        )
        cls.customer.property_product_pricelist = cls.pricelist
        cls.plan = cls._add_plan(
            [
                {
                    "name": "Data",
                    "meter_id": cls.data.id,
                    "charge": "plan",
                    "flat": 1,
                    "included": 100,
                    "product_id": cls.gigabyte.id,
                }
            ]
        )

    def _use_all(self, service):
        """Use 500 units at the moment at which a rule ends, and 200 after it."""
        for ref, quantity, time in (
            ("a", 500, "2026-11-15T12:00:00+01:00"),
            ("b", 200, "2026-11-15T12:00:01+01:00"),
        ):
            ref = f"{service.id}-{ref}"
            self._use(ref, quantity, time=time, service=service.id)

    def test_price_of_each_customer(self):
        """W41: dated, what is included goes on across it; charged, it stays so."""
        other = self.env["omni.billing.service"].create(
            {
                "name": "Line",
                "partner_id": self.env["res.partner"].create({"name": "Other"}).id,
                "date_start": "2026-01-01",
            }
        )
        other.partner_id.property_product_pricelist = self.env[
            "product.pricelist"
        ].create({"name": "Public", "currency_id": self.plan.currency_id.id})
        for service in (self.line, other):
            self._give(service)
            self._use_all(service)
        self._rate()
        found = {one: self._parts(service=one).amount for one in (self.line, other)}
        # 1 + 400 × 0.0125 + 200 × 0.02, and 1 + 600 × 0.05.
        self.assertEqual(found, {self.line: 10, other: 31})
        self.assertEqual(
            self._parts()
            .line_ids.filtered(lambda r: r.kind == "units")
            .mapped("price"),
            [0.0125, 0.02],
        )
        self.pricelist.item_ids.filtered("date_start").fixed_price = 0.03
        self._rate(OVER)
        part = self._parts()
        self.assertEqual(part.amount, 12)
        # What was charged is not dearer because of a list that changed since.
        self.pricelist.item_ids.fixed_price = 9
        self._use("late", 100, time="2026-11-20T12:00:00+01:00")
        self._rate()
        self.assertEqual(part.amount, 15)
        self._bill(part.transaction_id)
        self._use("later", 100, time="2026-11-20T12:00:00+01:00")
        self._rate()
        self.assertEqual(self._parts().mapped("amount"), [15, 3])
        self._use("next", 101, time="2026-12-01T08:30:00+01:00")
        self._rate("2026-12-01 09:00:00")
        self.assertEqual(self._parts(day="2026-12-01").amount, 10)

    def test_prices_are_asked_for_once(self):
        """W41: also where each customer shares something, and is rated by itself."""
        free = {"name": "One", "meter_id": self.data.id, "units": 1}
        self.plan.allowance_ids = [Command.create(free | {"is_shared": True})]
        for name in ("Other", "Third"):
            partner = self.env["res.partner"].create({"name": name})
            partner.property_product_pricelist = self.pricelist
            line = self.other_line.copy({"partner_id": partner.id})
            self._give(line)
            self._use_all(line)
        moments, Pricelist = [], type(self.pricelist)
        known = Pricelist._get_products_price

        def count(pricelist, *args, **values):
            moments.append(values["date"])
            return known(pricelist, *args, **values)

        self.patch(Pricelist, "_get_products_price", count)
        self._rate()
        self.assertEqual(len(moments), len(set(moments)))
        self.assertTrue(moments)

    def test_product_that_is_new_costs_what_the_pricelist_says(self):
        """W41: also in a month that was charged by another product."""
        self._give()
        self._use_all(self.line)
        self._rate(OVER)
        other = self.env["product.product"].create({"name": "Other", "list_price": 7})
        self.pricelist.item_ids[0].copy(
            {
                "product_id": other.id,
                "product_tmpl_id": other.product_tmpl_id.id,
                "fixed_price": 0.5,
                "date_start": False,
                "date_end": False,
            }
        )
        self.plan.rate_ids.product_id = other
        self._rate()
        self.assertEqual(self._parts().amount, 301)

    def test_packages_in_any_case_without_usage(self):
        """W41: a product's price says nothing of whether the month is rated."""
        self.pricelist.item_ids.fixed_price = 5
        self.plan.rate_ids.write(
            {"charge": "package", "flat": 0, "included": 0, "least": 2}
        )
        self._give()
        self._rate(OVER)
        self.assertEqual(self._parts().amount, 10)

    def test_what_makes_no_price_is_refused(self):
        """W41: a price beside it, a model that has none, another company's product."""
        foreign = self.env["product.product"].create(
            {
                "name": "Foreign",
                "company_id": self.env["res.company"].create({"name": "Second"}).id,
            }
        )
        for values in (
            {"price": 1},
            {"charge": "percentage", "flat": 0},
            {"product_id": foreign.id},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.plan.rate_ids.write(values)

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .rating_common import OVER, RUNS, RatingCommon


@tagged("post_install", "-at_install")
class TestRating(RatingCommon):
    """W41: usage becomes one transaction for each service, meter and period."""

    def test_price_of_many_decimals_is_exact(self):
        """W41: 1,500 × 0.012 is 18.00; a period is charged when it is over."""
        self._give()
        self._use("a", 700)
        self._use("b", "799")
        self._rate()
        part = self._parts()
        self.assertEqual((part.state, part.amount, part.events), ("running", 17.99, 2))
        self.assertFalse(part.transaction_id)
        self._set_now(OVER)
        self._use("c", 1, time="2026-11-30T23:59:59+01:00")
        self._use("d", 5, time="2026-12-01T00:00:00+01:00")
        self._rate()
        charge = part.transaction_id
        self.assertEqual(
            (charge.state, charge.retail_cost, charge.quantity, charge.price_unit),
            ("unbilled", 18.0, 1500.0, 0.012),
        )
        self.assertEqual(charge.amount_total, 19.8)
        self.assertEqual(str(charge.date), "2026-11-30")
        self.assertIn("Line, Data", charge.name)
        [line] = part.line_ids
        self.assertEqual(
            (line.name, line.kind, line.quantity, line.price, line.amount, line.events),
            ("Data", "units", 1500.0, 0.012, 18.0, 3),
        )
        self.assertEqual(self._parts(day="2026-12-01").amount, 0.06)
        invoice = self._bill(charge)
        self.assertEqual(invoice.amount_total, 19.8)
        # Nothing more comes of it.
        self._rate("2026-12-02 08:00:00")
        self.assertEqual(self._parts(), part)

    def test_unbilled_is_rated_anew_and_what_is_billed_gets_a_further_part(self):
        """W41: events that come late are a part of the next invoice, which says so."""
        self._give()
        self._use("a", 1000)
        self._rate(OVER)
        part = self._parts()
        charge = part.transaction_id
        self._use("b", 500)
        self._rate()
        self.assertEqual((charge.retail_cost, charge.quantity), (18.0, 1500.0))
        self._bill(charge)
        self._use("c", 100)
        self._rate("2026-12-03 08:00:00")
        first, second = self._parts()
        self.assertEqual((first, first.amount), (part, 18.0))
        self.assertEqual(first.line_ids.quantity, 1500.0)
        self.assertEqual(
            (second.amount, second.amount_before, second.amount_period),
            (1.2, 18.0, 19.2),
        )
        self.assertEqual(second.events_late, 1)
        later = second.transaction_id
        self.assertEqual((later.retail_cost, later.transaction_type), (1.2, "charge"))
        self.assertIn("correction", later.name)
        self.assertIn("came late: 1", later.description)
        # What was voided counts as charged: it does not come back by itself.
        later._set_void("given away")
        self._use("d", 100)
        self._rate()
        third = self._parts()[2]
        self.assertEqual((third.amount, third.amount_before), (1.2, 19.2))

    def test_released_by_a_void_invoice_is_rated_anew(self):
        self._give()
        self._use("a", 1000)
        self._rate(OVER)
        charge = self._parts().transaction_id
        invoice = self._bill(charge)
        invoice.action_billing_void("wrong")
        self.assertEqual(charge.state, "unbilled")
        self._use("b", 1000)
        self._rate()
        self.assertEqual(charge.retail_cost, 24.0)
        self.assertEqual(len(self._parts()), 1)

    def test_what_falls_is_given_back_and_no_more_than_stands(self):
        """W41: volume prices fall with the quantity; the difference is a credit."""
        plan = self._add_plan(
            [
                {
                    "name": "Data",
                    "meter_id": self.data.id,
                    "charge": "volume",
                    "tier_ids": [
                        Command.create({"until": 100, "price": 1}),
                        Command.create({"is_last": True, "price": 0.5}),
                    ],
                }
            ]
        )
        self._give(plan=plan)
        self._use("a", 100)
        self._rate(OVER)
        self._bill(self._parts().transaction_id)
        self._use("b", 20)
        self._rate()
        credit = self._parts()[1].transaction_id
        self.assertEqual((credit.transaction_type, credit.retail_cost), ("credit", 40))
        self.assertEqual(credit.tax_ids, self.tax_10)
        # 200 at 0.5 are the 100 that were charged: there is no credit any more.
        self._use("c", 80)
        self._rate()
        second = self._parts()[1]
        self.assertEqual((second.amount, credit.state), (0.0, "void"))
        self._use("d", 2)
        self._rate()
        self.assertEqual(self._parts().mapped("amount"), [100.0, 0.0, 1.0])

    def test_shared_allowance_goes_to_who_comes_first(self):
        """W41: services of a customer share it, and are rated together."""
        plan = self._add_plan(
            [{"name": "Data", "meter_id": self.data.id, "price": 1}],
            [
                {
                    "name": "Family",
                    "meter_id": self.data.id,
                    "units": 10,
                    "is_shared": True,
                }
            ],
        )
        self._give(plan=plan)
        self._give(self.other_line, plan)
        self._use("b", 8, time="2026-11-12T12:00:00+01:00")
        self._rate()
        self.assertEqual(self._parts().amount, 0)
        # One that comes later, and was used earlier, takes from the other.
        self._use("a", 7, service=self.other_line.id)
        self._rate()
        self.assertEqual(self._parts(service=self.other_line).amount, 0)
        self.assertEqual(self._parts().amount, 5)
        self.assertEqual(
            self._parts().line_ids.mapped(lambda line: (line.kind, line.quantity)),
            [("allowance", 3.0), ("units", 5.0)],
        )

    def test_fee_and_least_come_without_any_usage(self):
        """W41: each period, as long as the service is there."""
        plan = self._add_plan(
            [
                {
                    "name": "Data",
                    "meter_id": self.data.id,
                    "charge": "plan",
                    "flat": 5,
                    "included": 10,
                    "price": 2,
                }
            ],
            least=8,
            most=20,
        )
        self._give(plan=plan, day="2026-10-01")
        self._rate()
        october, november = self._parts(day="2026-10-01"), self._parts()
        self.assertEqual((october.state, october.amount), ("charged", 8.0))
        self.assertEqual(
            october.line_ids.mapped(lambda line: (line.kind, line.amount)),
            [("flat", 5.0), ("added", 3.0)],
        )
        self.assertEqual((november.state, november.amount), ("running", 8.0))
        self._use("a", 50)  # 85.00
        self.line.date_end = "2026-11-15"
        self._rate(OVER)
        self.assertEqual(november.transaction_id.retail_cost, 20.0)
        self.assertFalse(self._parts(day="2026-12-01"))

    def test_steps_prefixes_and_what_no_rate_is_for(self):
        """W41: what has no price has a place, and is rated once there is one."""
        self._give()
        self._call("a", 61)
        self._call("b", 30, time="2026-11-11T12:00:00+01:00")
        self._call("c", 30, called="+33122334455")
        self._rate(OVER)
        part = self._parts(self.calls)
        # 61 and 60 seconds, at 0.10 a minute.
        self.assertEqual((part.amount, part.unrated), (0.2, 1))
        self.assertEqual(part.unrated_refs, "c")
        watch = self.env["omni.billing.watch"].search([("kind", "=", "rating")])
        self.assertEqual(sum(watch.mapped("waiting")), 1)
        self._bill(part.transaction_id)
        self.env["omni.billing.rate"].create(
            {
                "plan_id": self.plan.id,
                "name": "Others",
                "meter_id": self.calls.id,
                "date_from": "2026-11-01",
                "price": 0.05,
                "size": 60,
            }
        )
        self._rate()
        self.assertEqual(self._parts(self.calls).mapped("amount"), [0.2, 0.05])
        self.assertEqual(self._parts(self.calls).mapped("unrated"), [0, 0])

    def test_usage_before_there_is_a_plan(self):
        """W41: it costs nothing, is told, and is rated once the service has one."""
        self._use("a", 1000)
        self._rate()
        self.assertEqual((self._parts().unrated, self._parts().amount), (1, 0))
        self._give()
        self._rate()
        self.assertEqual((self._parts().unrated, self._parts().amount), (0, 12.0))

    def test_price_change_keeps_the_past(self):
        """W41: what was charged stays; a version begins later, and tiers go on."""
        self._give()
        [rate] = self.plan.rate_ids.filtered(lambda rate: rate.meter_id == self.data)
        self._use("a", 1000)
        self._rate()
        # Nothing was charged: a mistake is corrected, and what runs is rated anew.
        rate.price = 0.02
        self._rate(OVER)
        charge = self._parts().transaction_id
        self.assertEqual(charge.retail_cost, 20.0)
        rate.price = 0.012
        self._rate()
        self.assertEqual(charge.retail_cost, 12.0)
        self._bill(charge)
        for act in (
            lambda: rate.write({"price": 5}),
            lambda: rate.unlink(),
            lambda: rate.copy({"date_from": "2026-11-15"}),
            lambda: self.plan.write({"least": 5}),
            lambda: self.plan.write({"zone": "UTC"}),
            lambda: self.line.usage_plan_ids.unlink(),
            lambda: self._give(day="2026-10-01"),
            lambda: self.plan.write(
                {
                    "allowance_ids": [
                        Command.create(
                            {"name": "x", "meter_id": self.data.id, "units": 1}
                        )
                    ]
                }
            ),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                act()
        rate.copy({"date_from": "2026-12-10", "price": 1})
        self._set_now("2026-12-20 08:00:00")
        self._use("b", 10, time="2026-12-09T23:59:59+01:00")
        self._use("c", 10, time="2026-12-10T00:00:00+01:00")
        self._rate()
        self.assertEqual(self._parts(day="2026-12-01").amount, 10.12)
        self.assertEqual(self._parts().mapped("amount"), [12.0])

    def test_plan_that_makes_no_prices_is_refused_at_once(self):
        data = self.data.id
        tier = Command.create
        for rate, reason in (
            ({"price": -1}, "below zero"),
            ({"price": 0.123456789}, "decimals"),
            ({"charge": "graduated"}, "whatever is beyond"),
            (
                {"charge": "volume", "tier_ids": [tier({"until": 5, "price": 1})]},
                "whatever is beyond",
            ),
            ({"conditions": "planet=Mars"}, "no dimension planet"),
            ({"conditions": "country"}, "write conditions"),
            ({"charge": "percentage", "least": 5, "most": 2}, "below its least"),
        ):
            with self.subTest(reason), self.assertRaisesRegex(ValidationError, reason):
                self._add_plan([{"name": "x", "meter_id": data} | rate])
        with self.assertRaisesRegex(ValidationError, "versions of one"):
            self._add_plan(
                [
                    {"name": "x", "meter_id": data},
                    {
                        "name": "x",
                        "meter_id": data,
                        "date_from": "2026-12-01",
                        "conditions": "country=FR",
                    },
                ]
            )
        with self.assertRaisesRegex(ValidationError, "begins with a period"):
            self._give(day="2026-11-02")
        band = {"name": "Evening", "clock_from": 18, "clock_to": 0}
        plan = self._add_plan(band_ids=[tier(band)])
        rates = [
            {
                "name": "Evening",
                "meter_id": data,
                "price": 1,
                "band_id": plan.band_ids.id,
            },
            {"name": "Day", "meter_id": data, "price": 2},
        ]
        plan.rate_ids = [tier(rate) for rate in rates]
        copied = plan.copy()
        self.assertEqual(len(copied.rate_ids), 2)
        self.assertEqual(copied.rate_ids.band_id, copied.band_ids)

    def test_what_counts_of_a_period_is_as_the_pure_rules_have_it(self):
        """W41: maximum, last and different values; see tools/rating/meters.py."""
        expected = {"maximum": 9, "last": 4, "unique": 2, "count": 4}
        counting = {"unique": 1, "count": 1}
        for kind, units in expected.items():
            meter = self.env["omni.billing.meter"].create(
                {
                    "name": kind,
                    "code": kind,
                    "kind": kind,
                    "dimensions": "user",
                    "unique_dimension": "user",
                }
            )
            plan = self._add_plan([{"name": kind, "meter_id": meter.id, "price": 1}])
            service = self.line.copy()
            self._give(service, plan)
            for number, (quantity, user) in enumerate(
                ((3, "a"), (9, "b"), (9, "a"), (4, "a"))
            ):
                self._use(
                    f"{kind}-{number}",
                    counting.get(kind, quantity),
                    time=f"2026-11-{10 + number // 2}T12:00:0{number % 2}+01:00",
                    service=service.id,
                    meter=kind,
                    dimensions={"user": user},
                )
            self._rate()
            with self.subTest(kind):
                self.assertEqual(self._parts(meter, service).amount, units)

    def test_services_are_rated_together(self):
        """W45: many services are rated and charged in as many statements as a few."""
        made = iter(range(1000))

        def rate(number):
            services = self.env["omni.billing.service"].create(
                [
                    {"name": f"Many {n}", "partner_id": self.customer.id}
                    for n in range(number)
                ]
            )
            for service in services:
                self._give(service)
                self._use(f"many-{next(made)}", 100, service=service.id)
            self._set_now(OVER)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._rate()
            self._set_now(RUNS)
            return self.env.cr.sql_log_count - before

        rate(2)
        few = rate(2)
        self.assertLessEqual((rate(12) - few) / 10, 1.5)

    def test_what_cannot_be_rated_stays_alone_and_is_told(self):
        """W45: one service holds up no other, and is tried again."""
        broken = self.plan.copy()
        self._give(plan=broken)
        self._give(self.other_line)
        self._use("a", 100)
        self._use("b", 100, service=self.other_line.id)
        self.env.flush_all()
        original = type(broken)._make_list

        def make_list(plan, meter, *listed):
            if plan == broken:
                raise ValueError("No price is made.")
            return original(plan, meter, *listed)

        self.patch(type(broken), "_make_list", make_list)
        with mute_logger("odoo.addons.omni_billing_usage"):
            self.Rating._cron_rate()
        self.assertEqual(self._parts(service=self.other_line).amount, 1.2)
        self.assertFalse(self._parts())
        watch = self.env["omni.billing.watch"].search([("kind", "=", "rating")])
        self.assertEqual(sum(watch.mapped("failed")), 1)
        opened = watch.filtered("failed")._open_rating()
        failed = self.env["omni.billing.service"].search(opened["domain"])
        self.assertEqual(failed, self.line)
        self.assertIn("No price", failed.usage_problem)
        self.patch(type(broken), "_make_list", original)
        self._rate(OVER)
        self.assertEqual(self._parts().amount, 1.2)

    def test_period_that_is_rated_twice_is_charged_once(self):
        """W41: as where what is left of an earlier one changed meanwhile."""
        self._give()
        self._use("a", 1000)
        original = type(self.Rating)._rate_group

        def rate_twice(rating, *args):
            rated, stale = original(rating, *args)
            return [*rated, *rated], stale

        self.patch(type(self.Rating), "_rate_group", rate_twice)
        self._rate(OVER)
        part = self._parts()
        self.assertEqual((len(part), len(part.line_ids)), (1, 1))
        charges = self.env["omni.billing.transaction"].search(
            [("service_id", "=", self.line.id)]
        )
        self.assertEqual(charges, part.transaction_id)

    def test_who_shares_is_rated_again_when_another_leaves(self):
        """W41: what the one used is there for the other, charged already or not."""
        shared = self._add_plan(
            [{"name": "Data", "meter_id": self.data.id, "price": 1}],
            [
                {
                    "name": "All",
                    "meter_id": self.data.id,
                    "units": 100,
                    "is_shared": True,
                }
            ],
        )
        row = self._give(plan=shared)
        self._give(self.other_line, shared)
        self._use("a", 80)
        self._use("b", 50, service=self.other_line.id, time="2026-11-11T12:00:00Z")
        self._use("c", 20, time="2026-11-12T12:00:00Z")
        self._rate(OVER)
        self.assertEqual(self._parts(service=self.other_line).amount, 30)
        row.plan_id = self.plan
        self._rate()
        self.assertEqual(self._parts(service=self.other_line).amount, 0)
        self.assertEqual(self._parts().amount, 1.2)

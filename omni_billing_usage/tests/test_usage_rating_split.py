from contextlib import suppress
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.rating.prices import Event
from odoo.addons.omni_billing.tools.rating.rate import rate_all

from .rating_common import OVER, RatingCommon
from .test_usage_at_once import DeadError

BEGIN = datetime(2026, 10, 31, 23, tzinfo=timezone.utc)
MONTH = timedelta(days=30)

#: Of each event: its line, second of the month, quantity; and what happens after it.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, MONTH // timedelta(seconds=1) - 1),
        st.decimals(0, 40, places=3),
        st.sampled_from(("more", "more", "rate", "dies", "bill")),
    ),
    min_size=1,
    max_size=8,
)


@tagged("post_install", "-at_install")
class TestSplit(RatingCommon):
    """W41: however events come, what is charged of a period is the rating of it all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiers = [
            {"until": 20, "price": 0.5, "flat": 1},
            {"is_last": True, "price": 0.125},
        ]
        cls.shared = cls._add_plan(
            [
                {
                    "name": "Data",
                    "meter_id": cls.data.id,
                    "charge": "graduated",
                    "tier_ids": [Command.create(tier) for tier in tiers],
                }
            ],
            [
                {
                    "name": "Family",
                    "meter_id": cls.data.id,
                    "units": 30,
                    "is_shared": True,
                }
            ],
        )
        cls.lines = (cls.line, cls.other_line)
        for line in cls.lines:
            cls._give(line, cls.shared)
        # The table of the month is there, and the lines have been used.
        cls.Rating._cron_rate()
        cls.env.flush_all()

    def _die(self):
        """Have the job end before its end."""

        def dies(self, *args):
            original(self, *args)
            raise DeadError

        Rating = type(self.Rating)
        original = Rating._write_charges
        with suppress(DeadError), patch.object(Rating, "_write_charges", dies):
            with self.env.cr.savepoint():
                self.Rating._cron_rate()
        self.env.invalidate_all()

    def _act(self, step):
        if step == "rate":
            self._rate()
        elif step == "dies":
            self._die()
        elif step == "bill":
            self._rate()
            parts = self.Rating.search(
                [("service_id", "in", (self.line.id, self.other_line.id))]
            )
            charges = parts.transaction_id.filtered(lambda t: t.state == "unbilled")
            for charge in charges:
                self._bill(charge)

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS)
    def test_sum_of_parts_is_the_rating_of_all(self, steps):
        """W41: any order, any runs, deaths, and invoices between."""
        self._set_now(OVER)
        savepoint = self.env.cr.savepoint()
        try:
            events = {line: [] for line in self.lines}
            for number, (which, second, quantity, after) in enumerate(steps):
                line = self.lines[which]
                moment = BEGIN + timedelta(seconds=second)
                ref = f"event-{number}"
                self._use(ref, quantity, time=moment.isoformat(), service=line.id)
                events[line].append(Event(ref, moment, quantity))
                self._act(after)
            self._rate()
            prices = self.shared._make_list(self.data)
            keys = {line: f"{line.id:010}" for line in self.lines}
            lines = self.line | self.other_line
            period = self.shared._make_calendar().find(datetime(2026, 11, 2))
            supplies = self.Rating._find_supplies(
                self.shared, period, lines, self.customer.id, lines
            )
            expected, _left = rate_all(
                {
                    f"{key}/{self.data.id:010}": (prices, events[line])
                    for line, key in keys.items()
                },
                [supply.make_grant() for supply in supplies],
            )
            for line, key in keys.items():
                rating = expected[f"{key}/{self.data.id:010}"]
                parts = self._parts(service=line)
                amount = float(rating.get_amount(2))
                self.assertEqual(round(sum(parts.mapped("amount")), 2), amount)
                charged = sum(
                    -one.retail_cost
                    if one.transaction_type == "credit"
                    else one.retail_cost
                    for one in parts.transaction_id
                    if one.state != "void"
                )
                self.assertEqual(round(charged, 2), amount)
        finally:
            self.env.invalidate_all()
            savepoint.rollback()
            savepoint.close(rollback=True)

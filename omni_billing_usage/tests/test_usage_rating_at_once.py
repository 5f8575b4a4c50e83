"""Two who rate at once, on connections that commit: no test of Odoo's runner."""

from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .test_usage_at_once import AtOnceCommon, DeadError


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestRatingAtOnce(AtOnceCommon):
    """W41: whoever rates, bills or brings events meanwhile: each is charged once."""

    year, months = 2025, iter(range(1, 13))

    def setUp(self):
        super().setUp()
        with self._connect() as env:
            meter = env["omni.billing.meter"].browse(self.meter_id)
            meter.dimensions = False
            plan = env["omni.billing.rate.plan"].create(
                {
                    "name": self.month,
                    "zone": "UTC",
                    "rate_ids": [
                        Command.create({"name": "x", "meter_id": meter.id, "price": 1})
                    ],
                }
            )
            number = env["omni.billing.usage.identifier"].search(
                [("value", "=", self.month)]
            )
            self.service_id = number.service_id.id
            env["omni.billing.usage.plan"].create(
                {
                    "service_id": self.service_id,
                    "plan_id": plan.id,
                    "date_from": f"{self.month}-01",
                }
            )

    def _rate(self, env):
        service = env["omni.billing.service"].browse(self.service_id)
        now = fields.Datetime.now()
        env["omni.billing.usage.rating"]._try_rate(service, now)
        env.flush_all()

    def _read(self, env):
        parts = env["omni.billing.usage.rating"].search(
            [("service_id", "=", self.service_id)], order="part"
        )
        env.cr.execute(
            "SELECT COUNT(*) FROM omni_billing_usage_mark WHERE service_id = %s",
            [self.service_id],
        )
        [marks] = env.cr.fetchone()
        charges = parts.transaction_id.mapped("retail_cost")
        return parts.mapped("amount"), charges, marks > 0

    @mute_logger("odoo.sql_db")
    def test_two_rate_at_once_while_events_come(self):
        with self._connect() as env:
            self._take_in(env, range(1, 4))
        with self._connect() as first, self._connect() as second:
            self._rate(first)
            # The second leaves the customer to the first, and loses nothing of it.
            self._rate(second)
            self.assertEqual(self._read(second), ([], [], True))
            self._take_in(second, range(4, 6))
        with self._connect() as env:
            self.assertEqual(self._read(env), ([6.0], [6.0], True))
        # One that began before another ended does not know what that wrote.
        with self._connect() as late:
            late.cr.execute("SELECT 1")
            with self._connect() as env:
                self._rate(env)
            with self.assertRaises(SerializationFailure):
                self._rate(late)
            late.cr.rollback()
        with self._connect() as env:
            self.assertEqual(self._read(env), ([15.0], [15.0], False))
            self._take_in(env, range(6, 7))
        # Somebody bills, or voids, what is being rated.
        with self._connect() as late:
            late.cr.execute("SELECT 1")
            with self._connect() as env:
                parts = env["omni.billing.usage.rating"].search(
                    [("service_id", "=", self.service_id)]
                )
                trust(parts.transaction_id)._set_void("x")
            with self.assertRaises(SerializationFailure):
                self._rate(late)
            late.cr.rollback()
        with self._connect() as env:
            self._rate(env)
            self.assertEqual(self._read(env), ([15.0, 6.0], [15.0, 6.0], False))
            self._take_in(env, range(7, 8))
        self._check_run_waits()

    def _check_run_waits(self):
        """Check that a run bills nobody without the usage that another is at."""
        Rating = self.registry["omni.billing.usage.rating"]
        original = Rating._rate_chunk
        with self._connect() as other, self._connect() as run:
            service = other["omni.billing.service"].browse(self.service_id)
            other["omni.billing.usage.rating"]._take_customers(service)

            def rate_and_end(rating, *args):
                busy = original(rating, *args)
                self.assertEqual(busy.ids, service.ids)
                other.cr.commit()
                run.cr.commit()
                return busy

            with (
                patch.object(Rating, "_rate_chunk", rate_and_end),
                patch.object(Rating, "_list_marked", lambda *_args: service.ids),
            ):
                now = fields.Datetime.now()
                run["omni.billing.usage.rating"]._rate_all(now, is_run=True)
        with self._connect() as env:
            self.assertEqual(self._read(env), ([15.0, 13.0], [15.0, 13.0], False))

    def test_process_that_dies_has_charged_nothing(self):
        with self._connect() as env:
            self._take_in(env, range(1, 4))
        Rating = self.registry["omni.billing.usage.rating"]
        for name in ("_rate_group", "_write_parts", "_write_charges"):
            original = getattr(Rating, name)

            def dies(self, *args, original=original):
                original(self, *args)
                raise DeadError

            with (
                self.subTest(name),
                patch.object(Rating, name, dies),
                self.assertRaises(DeadError),
                self._connect() as env,
            ):
                self._rate(env)
            with self._connect() as env:
                self.assertEqual(self._read(env), ([], [], True))
        with self._connect() as env:
            self._rate(env)
            self.assertEqual(self._read(env), ([6.0], [6.0], False))

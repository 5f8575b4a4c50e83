"""Two who agree, rate or tell at once, on connections that commit."""

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_usage_at_once import AtOnceCommon


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestCapsAtOnce(AtOnceCommon):
    """W41: whoever agrees while others rate, it counts; each alert is told once."""

    def setUp(self):
        super().setUp()
        # Of the month that runs: no other is told of.
        self.today = fields.Datetime.now()
        self.month_of = f"{self.today:%Y-%m}"
        with self._connect() as env:
            meter = env["omni.billing.meter"].browse(self.meter_id)
            rate = {"name": "x", "meter_id": meter.id, "price": 1}
            plan = env["omni.billing.rate.plan"].create(
                {
                    "name": self.month,
                    "zone": "UTC",
                    "rate_ids": [Command.create(rate)],
                    "cap_ids": [Command.create({"name": "All", "amount": 10})],
                }
            )
            number = env["omni.billing.usage.identifier"].search(
                [("value", "=", self.month)]
            )
            service = number.service_id
            service.partner_id.email = "at.once@example.com"
            self.service_id = service.id
            env["omni.billing.usage.plan"].create(
                {
                    "service_id": service.id,
                    "plan_id": plan.id,
                    "date_from": f"{self.month_of}-01",
                }
            )

    def _events(self, numbers):
        moment = f"{self.today.isoformat()}Z"
        return [one | {"time": moment} for one in super()._events(numbers)]

    def _service(self, env):
        return env["omni.billing.service"].browse(self.service_id)

    def _rate(self, env):
        now = fields.Datetime.now()
        env["omni.billing.usage.rating"]._try_rate(self._service(env), now)
        env.flush_all()

    def _agree(self, env, amount):
        self._service(env)._billing_agree_cap("", "consent", amount, way="staff")
        env.flush_all()

    @mute_logger("odoo.sql_db")
    def test_who_agrees_while_another_rates(self):
        mine = [("service_id", "=", self.service_id)]
        with self._connect() as env:
            self._take_in(env, range(1, 9))
        # Two who rate: one alert of each percent.
        with self._connect() as first, self._connect() as second:
            self._rate(first)
            self._rate(second)
        with self._connect() as env:
            alerts = env["omni.billing.usage.alert"].search(mine, order="id")
            self.assertEqual(alerts.mapped("percent"), [80, 100])
        # Two who tell: one e-mail.
        now = fields.Datetime.now()
        with self._connect() as first, self._connect() as second:
            for env in (first, second):
                env["omni.billing.usage.alert"].search(mine).try_lock_for_update(
                    allow_referencing=True
                )._tell_all(now)
                env.flush_all()
        with self._connect() as env:
            mails = env["mail.mail"].search([("res_id", "in", alerts.ids)])
            self.assertEqual(len(mails.filtered(lambda m: m.model == alerts._name)), 1)
            self.assertNotIn("todo", env[alerts._name].search(mine).mapped("state"))
        # One agrees while another rates by what held before: it is rated again.
        with self._connect() as late:
            late.cr.execute("SELECT 1")
            with self._connect() as env:
                self._agree(env, 20)
            with self.assertRaises(SerializationFailure):
                self._rate(late)
            late.cr.rollback()
        # Of two who agree the second begins again, and sees the first.
        with self._connect() as late:
            late.cr.execute("SELECT 1")
            with self._connect() as env:
                self._agree(env, 30)
            with self.assertRaises(SerializationFailure):
                self._agree(late, 25)
            late.cr.rollback()
        with self._connect() as env:
            self._rate(env)
            spent = env["omni.billing.usage.spent"].search(mine)
            self.assertEqual((spent.cap_limit, spent.amount), (30, 10))
            self.assertFalse(spent.is_blocked)
            rows = env["omni.billing.usage.cap"].search(mine, order="id")
            self.assertEqual(rows.mapped("amount"), [20, 30])

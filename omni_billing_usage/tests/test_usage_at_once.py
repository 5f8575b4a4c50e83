"""Two at once, on connections of their own that commit: no test of Odoo's runner."""

from contextlib import contextmanager
from datetime import date
from threading import Thread
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields, modules
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.lock import take_turns, wait_for

from ..models.omni_billing_usage_months import name_month

#: Whether one connection waits for a lock that another has.
WAITING = "SELECT %s = ANY(pg_blocking_pids(%s))"


class DeadError(BaseException):
    """A process ends: nothing catches it."""


class AtOnceCommon(BaseCase):
    """A service that is used, and connections that commit."""

    #: Each test has months of its own, since tables of months stay.
    year, months = 2026, iter(range(1, 13))

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        self.month = f"{self.year}-{next(self.months):02}"
        with self._connect() as env:
            company = env.company
            self.context = {"allowed_company_ids": company.ids}
        with self._connect() as env:
            customer = env["res.partner"].create({"name": "At Once"})
            service = env["omni.billing.service"].create(
                {"name": "Line", "partner_id": customer.id}
            )
            values = {"value": self.month, "service_id": service.id}
            env["omni.billing.usage.identifier"].create(values)
            meter = env["omni.billing.meter"].create(
                {"name": "At Once", "code": self.month, "kind": "sum"}
            )
            self.meter_id = meter.id
            source = env["omni.billing.usage.source"].create(
                {"name": "At Once", "code": self.month, "late_days": 1830}
            )
            self.source_id = source.id

    @contextmanager
    def _connect(self):
        with self.registry.cursor() as cr:
            context = getattr(self, "context", {})
            yield api.Environment(cr, SUPERUSER_ID, context)

    def _events(self, numbers):
        return [
            {
                "ref": f"event-{number:03}",
                "meter": self.month,
                "identifier": self.month,
                "time": f"{self.month}-02T12:00:00Z",
                "quantity": number,
            }
            for number in numbers
        ]

    def _take_in(self, env, numbers):
        result = env["omni.billing.usage"].take_in(self.month, self._events(numbers))
        return {name: result[name] for name in ("taken", "double", "conflict")}

    def _forget(self):
        """Leave nothing that other tests would find waiting, or done."""
        with self._connect() as env:
            env.cr.execute(
                "DELETE FROM omni_billing_usage_refused WHERE source_id = %s",
                [self.source_id],
            )
            env["omni.billing.usage.move"].search([]).unlink()
            env["omni.billing.usage.closing"].search([]).unlink()

    def _stored(self):
        with self._connect() as env:
            usage = env["omni.billing.usage"].search(
                [("source_id", "=", self.source_id)], order="ref"
            )
            return usage.mapped("quantity")

    def _meet(self, first, second, then=None):
        """Have the first commit while the second waits for it; return what it answers.

        Who waited begins again then, as requests do.

        :param then: what the first does while the second waits.
        """
        answers, pids = [], []

        def act():
            with self._connect() as env:
                pids.append(env.cr._cnx.get_backend_pid())
                env.transaction.default_env = env
                try:
                    retrying(lambda: answers.append(second(env)), env)
                except UserError as error:
                    answers.append(str(error))

        with self._connect() as env:
            first(env)
            env.flush_all()
            mine, has_waited = env.cr._cnx.get_backend_pid(), False
            other = Thread(target=act)
            other.start()
            with self._connect() as watch:
                while other.is_alive() and not has_waited:
                    if pids:
                        watch.cr.execute(WAITING, [mine, *pids])
                        [has_waited] = watch.cr.fetchone()
            if then:
                then(env)
        other.join()
        self.assertTrue(has_waited)
        return answers[-1]


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestAtOnce(AtOnceCommon):
    """W41: whoever brings events at the same time, each is there once."""

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_bring_the_same(self):
        """W41: the second waits, in the month that the first makes, and has doubles."""
        told = self._meet(
            lambda env: self._take_in(env, range(5, 30)),
            lambda env: self._take_in(env, range(40)[::-1]),
        )
        self.assertEqual(told, {"taken": 15, "double": 25, "conflict": 0})
        self.assertEqual(self._stored(), list(range(40)))

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_meter_is_changed_while_its_first_usage_comes(self):
        """W41: who comes second is refused, and usage is counted as its meter says."""

        def change(env):
            env["omni.billing.meter"].browse(self.meter_id).kind = "maximum"
            env.flush_all()
            return "changed"

        told = self._meet(lambda env: self._take_in(env, range(3)), change)
        self.assertIn("has usage", told)
        with self._connect() as env:
            self.assertEqual(
                env["omni.billing.meter"].browse(self.meter_id).kind, "sum"
            )

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_service_changes_hands_while_its_first_usage_comes(self):
        """W41: who comes second is refused: its customer, company, and that it is."""
        with self._connect() as env:
            service = env["omni.billing.usage.identifier"].search(
                [("value", "=", self.month)]
            )
            service_id = service.service_id.id
            partner_id = env["res.partner"].create({"name": "Other"}).id

        def change(env):
            env["omni.billing.service"].browse(service_id).partner_id = partner_id
            env.flush_all()
            return "changed"

        told = self._meet(lambda env: self._take_in(env, range(3)), change)
        self.assertIn("was used", told)
        with self._connect() as env:
            service = env["omni.billing.service"].browse(service_id)
            self.assertNotEqual(service.partner_id.id, partner_id)
            self.assertTrue(service.has_usage)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_usage_is_billed_while_it_is_moved(self):
        """W41: who comes second sees what the first did, and it is billed once."""
        with self._connect() as env:
            self._take_in(env, range(3))
            number = env["omni.billing.usage.identifier"].search(
                [("value", "=", self.month)]
            )
            self.addCleanup(self._forget)
            old, new = number.service_id.id, number.service_id.copy().id
            number.service_id = new

        def bill(env, service_id=old):
            service = env["omni.billing.service"].browse(service_id)
            wait_for(service)
            take_turns(service)
            # It is known elsewhere, and not by the service.
            env["ir.config_parameter"].set_param(f"billed.{self.month}", service_id)
            return env["omni.billing.usage"].search_count(
                [("service_id", "=", service_id)]
            )

        def find_billed(usage, services, begin, until):
            param = f"billed.{self.month}"
            row = usage.env["ir.config_parameter"].search([("key", "=", param)])
            return services.filtered(lambda one: str(one.id) == row.value)

        def move(env):
            begin, until = f"{self.month}-01", f"{self.month}-03"
            company, usage = env.company, env["omni.billing.usage"]
            return len(usage._move(company, self.month, begin, until))

        Usage = self.registry["omni.billing.usage"]
        with patch.object(Usage, "_find_billed", find_billed):
            self.assertIn("is billed", self._meet(bill, move))
            with self._connect() as env:
                env["ir.config_parameter"].search(
                    [("key", "=", f"billed.{self.month}")]
                ).unlink()
            self.assertEqual(self._meet(move, bill), 0)
        with self._connect() as env:
            self.assertEqual(bill(env, new), 3)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_month_goes_while_somebody_reads_usage(self):
        """W45: they wait for no table, and it goes the next time."""
        # What commits does so, as in a server.
        self.patch(modules.module, "current_test", False)
        self.addCleanup(self._forget)
        months = [date(2020, 1, 1), date(2020, 2, 1)]
        with self._connect() as env:
            usage = env["omni.billing.usage"]
            for month in months:
                name = name_month(month.year, month.month)
                usage._make_month(name, (month.year, month.month), True)
                env["omni.billing.usage.closing"].create(
                    {
                        **{"company_id": env.company.id, "month": month},
                        **{"closed_date": month, "gone_date": month},
                    }
                )
        with self._connect() as reader, self._connect() as env:
            usage = env["omni.billing.usage"]
            reader.cr.execute("SELECT COUNT(*) FROM omni_billing_usage_event")
            tried = []
            with patch.object(type(usage), "_limit_wait", autospec=True) as wait:
                wait.side_effect = lambda usage: tried.append(
                    usage.env.cr.execute("SET LOCAL lock_timeout = '100ms'")
                )
                usage._drop_tables()
            # Of several, and again and again, each would keep all others waiting.
            self.assertEqual(len(tried), 1)
            reader.cr.rollback()
            self.assertTrue({*months} <= {*usage._list_months()})
            usage._drop_tables()
            self.assertFalse({*months} & {*usage._list_months()})
            self.assertFalse({*months} & {*usage._find_gone_tables()})

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_usage_comes_while_its_service_goes(self):
        """W41: no event is of a service that is not there."""

        def delete(env):
            number = env["omni.billing.usage.identifier"].search(
                [("value", "=", self.month)]
            )
            number.service_id.unlink()

        self.addCleanup(self._forget)
        told = self._meet(delete, lambda env: self._take_in(env, range(3)))
        self.assertEqual(told, {"taken": 0, "double": 0, "conflict": 0})
        self.assertEqual(self._stored(), [])

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_two_make_months_in_any_order(self):
        """W45: one waits for the other, and never each for the other."""
        year = fields.Datetime.now().year - 3

        def take_in(ref, month):
            def act(env):
                events = self._events([1])
                events[0] |= {"ref": ref, "time": f"{year}-{month:02}-02T12:00:00Z"}
                told = env["omni.billing.usage"].take_in(self.month, events)
                return told["taken"]

            return act

        begun = []
        # What is used first is written down, which others would begin again for.
        with self._connect() as env:
            self._take_in(env, [2])

        def back(env):
            begun.append(1)
            return [take_in("c", 2)(env), take_in("d", 1)(env)]

        told = self._meet(take_in("a", 1), back, then=take_in("b", 2))
        # With a lock for each month PostgreSQL would end one, which begins again.
        self.assertEqual((told, len(begun)), ([1, 1], 1))
        self.assertEqual(len(self._stored()), 5)

    def test_process_that_dies_has_taken_in_nothing(self):
        """openmeterio/openmeter#5118: key and event are there together, or not."""
        Usage = self.registry["omni.billing.usage"]
        for name in ("_insert", "_keep", "_finish"):
            original = getattr(Usage, name)

            def dies(self, *args, original=original):
                original(self, *args)
                raise DeadError

            with (
                self.subTest(name),
                patch.object(Usage, name, dies),
                self.assertRaises(DeadError),
                self._connect() as env,
            ):
                self._take_in(env, range(3))
            self.assertEqual(self._stored(), [])
        with self._connect() as env:
            told = self._take_in(env, range(3))
        self.assertEqual(told, {"taken": 3, "double": 0, "conflict": 0})
        self.assertEqual(self._stored(), [0, 1, 2])

    def test_others_read_and_write_while_a_month_is_made(self):
        """W45: who makes the table of a month holds up nobody in other months."""
        with self._connect() as env:
            self._take_in(env, range(3))
        now = fields.Datetime.now()
        other = self.month.replace("2026", str(now.year - 2))
        with self._connect() as making, self._connect() as env:
            env.cr.execute("SET LOCAL lock_timeout = '1s'")
            events = self._events([7])
            events[0]["time"] = f"{other}-02T12:00:00Z"
            making["omni.billing.usage"].take_in(self.month, events)
            self.assertEqual(self._take_in(env, range(2, 6))["taken"], 3)
            # The other waits for nobody who writes services, either.
            customer = env["res.partner"].create({"name": "At Once"})
            service = env["omni.billing.service"].create(
                {"name": "Line", "partner_id": customer.id}
            )
            service.name = "Other Line"
            service.flush_recordset()
            service.unlink()
            env.flush_all()
            self.assertEqual(
                len(
                    env["omni.billing.usage"].search(
                        [("source_id", "=", self.source_id)]
                    )
                ),
                6,
            )
        self.assertEqual(self._stored(), [*range(6), 7])

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .common import UsageCommon
from .test_usage_doors import METHODS

ADDON = "omni_billing_usage"
#: What the server alone writes, whoever asks.
KEPT = (
    *("alert", "arrival", "batch", "cap", "closing", "left", "move"),
    *("rating", "rating.line", "refused", "spent"),
)


class UndoneError(Exception):
    """What was done is undone."""


@tagged("post_install", "-at_install")
class TestAttacks(UsageCommon, PatientHttpCase):
    """W41: each model, field and public method, as whoever has no business there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.switch.write(
            {
                "kind": "file",
                "fetch_from": "sftp",
                "sftp_host": "switch.example.com",
                "sftp_user": "cdr",
                "sftp_host_key": "ssh-ed25519 AAAA",
                "sftp_password": "open sesame",
                "column_ids": [Command.create({"target": "ref", "value": "x"})],
            }
        )
        cls.rival = cls.env["res.company"].create({"name": "Rival"})
        cls.stranger = new_test_user(
            cls.env,
            login="usage-stranger",
            groups="omni_billing.omni_billing_group_manager",
            company_id=cls.rival.id,
            company_ids=[Command.set(cls.rival.ids)],
        )

    def setUp(self):
        super().setUp()
        self._take_in(self._event(1), self._event(2, identifier="?"))
        at = "2026-11-01 00:00:00"
        move = {"date_from": at, "date_until": at, "count": 1, "identifier": "+33"}
        services = {"from_service_id": self.line.id, "to_service_id": self.line.id}
        mine = {"company_id": self.company.id}
        made = {
            "arrival": {"name": "a.csv", "stamp": "1", "seen_date": at},
            "alert": {"percent": 80, "kind": "cap", "end": at, **mine},
            "closing": {"month": "2025-01-01", "closed_date": at, **mine},
            "move": {**move, **services, **mine},
        }
        made["arrival"]["source_id"] = self.switch.id
        days = {"date_from": "2026-11-01", "date_to": "2026-11-30"}
        made["alert"] |= days | {"service_id": self.line.id}
        for name, values in made.items():
            self.env[f"omni.billing.usage.{name}"].create(values)
        wizard = {"identifier": "+33", "date_from": at}
        with_manager = self.env(user=self.manager)
        with_manager["omni.billing.usage.move.wizard"].create(wizard)
        with_manager["omni.billing.usage.keep.wizard"].create({})
        with_manager["omni.billing.usage.import.wizard"].create(
            {"source_id": self.switch.id, "content": b"eA=="}
        )
        self._have_a_price()
        self.env.flush_all()
        self.records = {
            name: self.env[name].search([], limit=1, order="id desc")
            for name, cls in self.env.registry.items()
            if cls._original_module == ADDON and not cls._abstract
        }
        self.records.pop("omni.billing.usage.move.wizard.line")
        self.assertTrue(all(self.records.values()))

    def _have_a_price(self):
        """Have a plan with all that it may have, and usage that was rated by it."""
        band = {"name": "Night", "clock_from": 0, "clock_to": 6}
        tiers = [{"until": 10, "price": 2}, {"is_last": True, "price": 1}]
        rate = {
            "name": "Calls",
            "meter_id": self.calls.id,
            "charge": "graduated",
            "tier_ids": [Command.create(tier) for tier in tiers],
        }
        free = {"name": "Free", "units": 1, "meter_id": self.calls.id}
        most = {"meter_id": self.calls.id, "most": 100}
        plan = self.env["omni.billing.rate.plan"].create(
            {
                "name": "Plan",
                "zone": "UTC",
                "rate_ids": [Command.create(rate)],
                "band_ids": [Command.create(band)],
                "allowance_ids": [Command.create(free)],
                "most_ids": [Command.create(most)],
                "cap_ids": [Command.create({"name": "All", "amount": 1})],
            }
        )
        given = {"service_id": self.line.id, "plan_id": plan.id}
        self.env["omni.billing.usage.plan"].create({**given, "date_from": "2026-11-01"})
        topup = {"name": "More", "units": 1, "meter_id": self.calls.id}
        self.env["omni.billing.usage.topup"].create(
            topup | {"service_id": self.line.id}
        )
        self.env["omni.billing.usage.rating"]._cron_rate()
        self.line._billing_agree_cap("", "own", 2, way="staff")
        self.env["omni.billing.usage.cap.wizard"].with_user(self.manager).create(
            {"service_id": self.line.id}
        )

    def _call(self, user, record, method, *args):
        """Call a method as the web client does, which any program can."""
        model = record.env[record._name].with_user(user)
        return call_kw(model, method, list(args), {})

    def _find_held(self, user, calls):
        """Return those calls that were not refused; what they did is undone.

        :param calls: a record of the model, a method, and its arguments.
        """
        found = []
        for record, method, *args in calls:
            try:
                with self.env.cr.savepoint():
                    self._call(user, record, method, *args)
                    found.append((user.login, record._name, method, args))
                    self.env.flush_all()
                    raise UndoneError
            except (UserError, UndoneError):
                self.env.invalidate_all()
        return found

    def _list_fields(self, record):
        return [name for name, one in record._fields.items() if one.store]

    def _list_actions(self):
        return [
            (record, method, record.ids)
            for name, record in self.records.items()
            for method, verdict in METHODS.get(name, {}).items()
            # An action says nothing of a record: who opens it reads by rights.
            if verdict not in ("opens", "send")
        ]

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_access")
    def test_who_has_no_right_gets_at_nothing(self):
        """W41: portal, plain users and programs: no model, no field, no method."""
        calls = self._list_actions()
        for record in self.records.values():
            names = self._list_fields(record)
            calls += [
                (record, "search_read", [], ["id"]),
                (record, "search_count", []),
                (record, "formatted_read_group", [], [], ["__count"]),
                (record, "name_search", ""),
                (record, "web_search_read", [], {"id": {}}),
                (record, "read", record.ids, names),
                (record, "write", record.ids, dict.fromkeys(names[:1], False)),
                (record, "create", [{}]),
                (record, "export_data", record.ids, ["id"]),
                (record, "copy", record.ids),
                (record, "unlink", record.ids),
            ]
        for user in (self.portal, self.outsider, self.program):
            self.assertEqual(self._find_held(user, calls), [])

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_access")
    def test_another_company_gets_at_nothing(self):
        """W41: whatever rights one has there."""
        calls = self._list_actions()
        for record in self.records.values():
            found = self._call(self.stranger, record, "search", [])
            self.assertFalse(set(record.ids) & set(found), record._name)
            names = self._list_fields(record)
            calls += [(record, "read", record.ids, [n]) for n in names if n != "id"]
            calls += [
                (record, "write", record.ids, dict.fromkeys(names[:1], False)),
                (record, "unlink", record.ids),
                (record, "copy", record.ids),
            ]
        usage = self.env["omni.billing.usage"]
        calls.append((usage, "take_in", "switch", [self._event(3)]))
        wizard = self.env["omni.billing.usage.import.wizard"]
        values = {"source_id": self.switch.id, "content": "eA=="}
        calls.append((wizard, "create", [values]))
        self.assertEqual(self._find_held(self.stranger, calls), [])

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_access")
    def test_nobody_writes_what_the_server_writes(self):
        """W41: not even a manager, nor the password of a host."""
        calls, source = [], self.switch
        for name in KEPT:
            record = self.records[f"omni.billing.usage.{name}"]
            calls += [(record, "create", [{}]), (record, "unlink", record.ids)]
            calls += [
                (record, "write", record.ids, {field: False})
                for field in self._list_fields(record)
            ]
        calls += [
            (source, "read", source.ids, ["sftp_secret"]),
            (source, "write", source.ids, {"sftp_secret": "mine"}),
            (source, "search", [("sftp_secret", "like", "open")]),
            (source, "search_read", [], ["name"], 0, 1, "sftp_secret"),
            (source, "export_data", source.ids, ["sftp_secret"]),
            (source, "formatted_read_group", [], ["sftp_secret"], []),
        ]
        self.assertEqual(self._find_held(self.manager, calls), [])
        since = {"problem_since": False, "fetch_problem": False, "fetch_date": False}
        source.write({"fetch_problem": "x", "problem_since": "2026-11-01 00:00:00"})
        self._call(self.manager, source, "write", source.ids, since)
        self.assertEqual(source.fetch_problem, "x")
        values = {"name": "New", "code": "new", "fetch_problem": "x"}
        [made] = self._call(self.manager, source, "create", [values])
        self.assertFalse(source.browse(made).fetch_problem)
        self.assertEqual(source.sudo().sftp_secret, "open sesame")

    def test_guest_gets_at_nothing(self):
        """W41: without a login there is no door."""
        for name in self.records:
            answer = self.url_open(
                f"/json/2/{name}/search",
                data="{}",
                headers={"Content-Type": "application/json"},
            )
            self.assertIn(answer.status_code, (401, 403), name)
        answer = self.url_open("/odoo/billing-usage", allow_redirects=False)
        self.assertIn("/web/login", answer.headers["Location"])

from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tests.http_common import PatientHttpCase

from .common import UsageCommon
from .test_usage_doors import METHODS

ADDON = "omni_billing_usage"
#: What the server alone writes, whoever asks.
KEPT = ("arrival", "batch", "closing", "move", "refused")
REFUSED = (AccessError, MissingError)


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
            "closing": {"month": "2025-01-01", "closed_date": at, **mine},
            "move": {**move, **services, **mine},
        }
        made["arrival"]["source_id"] = self.switch.id
        for name, values in made.items():
            self.env[f"omni.billing.usage.{name}"].create(values)
        wizard = {"identifier": "+33", "date_from": at}
        with_manager = self.env(user=self.manager)
        with_manager["omni.billing.usage.move.wizard"].create(wizard)
        with_manager["omni.billing.usage.keep.wizard"].create({})
        with_manager["omni.billing.usage.import.wizard"].create(
            {"source_id": self.switch.id, "content": b"eA=="}
        )
        self.env.flush_all()
        self.records = {
            name: self.env[name].search([], limit=1, order="id desc")
            for name, cls in self.env.registry.items()
            if cls._original_module == ADDON and not cls._abstract
        }
        self.records.pop("omni.billing.usage.move.wizard.line")
        self.assertTrue(all(self.records.values()))

    def _call(self, user, record, method, *args):
        model = record.env[record._name].with_user(user)
        with (
            self.env.cr.savepoint(flush=False),
            mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base"),
        ):
            return call_kw(model, method, list(args), {})

    def _refuse(self, user, record, method, *args, error=REFUSED):
        with (
            self.subTest((user.login, record._name, method, str(args)[:60])),
            self.assertRaises(error),
        ):
            self._call(user, record, method, *args)
        self.env.invalidate_all()

    def _list_values(self, record):
        """Return each field that is kept, with nothing for it."""
        fields = record._fields.items()
        return [(name, False) for name, one in fields if one.store and name != "id"]

    def test_who_has_no_right_gets_at_nothing(self):
        """W41: portal, plain users and programs: no model, no field, no method."""
        for user in (self.portal, self.outsider, self.program):
            for name, record in self.records.items():
                for method, args in (
                    ("search_read", ([], ["id"])),
                    ("search_count", ([],)),
                    ("formatted_read_group", ([], [], ["__count"])),
                    ("name_search", ("",)),
                    ("web_search_read", ([], {"id": {}})),
                    ("create", ([{}],)),
                    ("export_data", (record.ids, ["id"])),
                    ("copy", (record.ids,)),
                    ("unlink", (record.ids,)),
                ):
                    self._refuse(user, record, method, *args, error=UserError)
                for field, value in self._list_values(record):
                    self._refuse(user, record, "read", record.ids, [field])
                    self._refuse(
                        user,
                        record,
                        "write",
                        record.ids,
                        {field: value},
                        error=UserError,
                    )
                for method in METHODS.get(name, {}):
                    if method == "take_in":
                        continue
                    self._refuse(user, record, method, record.ids)

    def test_another_company_gets_at_nothing(self):
        """W41: whatever rights one has there."""
        for name, record in self.records.items():
            found = self._call(self.stranger, record, "search", [])
            self.assertFalse(set(record.ids) & set(found), name)
            for field, value in self._list_values(record):
                self._refuse(self.stranger, record, "read", record.ids, [field])
                self._refuse(
                    self.stranger,
                    record,
                    "write",
                    record.ids,
                    {field: value},
                    error=UserError,
                )
            for method in METHODS.get(name, {}):
                if method != "take_in":
                    self._refuse(
                        self.stranger, record, method, record.ids, error=UserError
                    )
        self._refuse(
            self.stranger,
            self.env["omni.billing.usage"],
            "take_in",
            "switch",
            [self._event(3)],
            error=UserError,
        )
        wizard = self.env["omni.billing.usage.import.wizard"]
        values = {"source_id": self.switch.id, "content": "eA=="}
        self._refuse(self.stranger, wizard, "create", [values])

    def test_nobody_writes_what_the_server_writes(self):
        """W41: not even a manager, nor the password of a host."""
        for name in KEPT:
            record = self.records[f"omni.billing.usage.{name}"]
            self._refuse(self.manager, record, "create", [{}])
            self._refuse(self.manager, record, "unlink", record.ids)
            for field, value in self._list_values(record):
                self._refuse(self.manager, record, "write", record.ids, {field: value})
        source = self.switch
        for method, *args in (
            ("read", source.ids, ["sftp_secret"]),
            ("write", source.ids, {"sftp_secret": "mine"}),
            ("search", [("sftp_secret", "like", "open")]),
            ("search_read", [], ["name"], 0, 1, "sftp_secret"),
            ("export_data", source.ids, ["sftp_secret"]),
            ("formatted_read_group", [], ["sftp_secret"], []),
        ):
            self._refuse(self.manager, source, method, *args)
        since = {"problem_since": False, "fetch_problem": False, "fetch_date": False}
        source.write({"fetch_problem": "x", "problem_since": "2026-11-01 00:00:00"})
        self._call(self.manager, source, "write", source.ids, since)
        self.assertEqual(source.fetch_problem, "x")
        [made] = self._call(
            self.manager,
            source,
            "create",
            [{"name": "New", "code": "new", "fetch_problem": "x"}],
        )
        self.assertFalse(source.browse(made).fetch_problem)
        self.assertEqual(source.sudo().sftp_secret, "open sesame")

    def test_guest_gets_at_nothing(self):
        """W41: without a login there is no door."""
        for name in self.records:
            answer = self.url_open(f"/json/2/{name}/search", data="{}")
            self.assertIn(answer.status_code, (401, 403), name)
        answer = self.url_open("/odoo/billing-usage", allow_redirects=False)
        self.assertIn("/web/login", answer.headers["Location"])

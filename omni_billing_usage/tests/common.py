from odoo import fields
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user

#: How events of tests are written, a second apart.
TIME = "2026-11-30T14:05:{:02}+01:00"
NOW = "2026-12-01 12:00:00"


class UsageCommon(TransactionCase):
    """A company that counts calls and visits, and who sends them.

    No invoice is made here, and so there is no chart of accounts.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.customer = cls.env["res.partner"].create({"name": "Acme Rentals"})
        cls.line, cls.other_line = cls.env["omni.billing.service"].create(
            [
                {"name": name, "partner_id": cls.customer.id}
                for name in ("Line", "Other Line")
            ]
        )
        cls.calls, cls.visits = cls.env["omni.billing.meter"].create(
            [
                {
                    "name": "Calls",
                    "code": "calls",
                    "kind": "duration",
                    "dimensions": "country, direction",
                },
                {"name": "Visits", "code": "visits", "kind": "count"},
            ]
        )
        cls.switch = cls._add_source("switch")
        cls._identify("+33", cls.line)
        cls.program, cls.staff, cls.manager, cls.reader, cls.outsider, cls.portal = (
            cls._add_user(login, group)
            for login, group in {
                "program": "omni_billing_usage.omni_billing_usage_group_intake",
                "staff": "omni_billing.omni_billing_group_user",
                "manager": "omni_billing.omni_billing_group_manager",
                "reader": "account.group_account_readonly",
                "outsider": "base.group_user",
                "portal": "base.group_portal",
            }.items()
        )
        cls.env.flush_all()

    @classmethod
    def _add_user(cls, login, group):
        return new_test_user(
            cls.env,
            login=f"usage-{login}",
            groups=group,
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )

    @classmethod
    def _add_source(cls, code, **values):
        return cls.env["omni.billing.usage.source"].create(
            {"name": code.title(), "code": code} | values
        )

    @classmethod
    def _identify(cls, value, service, **values):
        return cls.env["omni.billing.usage.identifier"].create(
            {"value": value, "service_id": service.id} | values
        )

    def setUp(self):
        super().setUp()
        self._set_now(NOW)

    def _set_now(self, text):
        now = fields.Datetime.to_datetime(text)
        self.patch(fields.Datetime, "now", staticmethod(lambda *_args: now))

    def _event(self, number=1, **values):
        """Return what a program sends: a call, of a minute and a second."""
        return {
            "ref": f"call-{number}",
            "meter": "calls",
            "identifier": "+33",
            "time": TIME.format(number % 60),
            "quantity": 61,
        } | values

    def _take_in(self, *events, user=None, source="switch"):
        Usage = self.env["omni.billing.usage"].with_user(user or self.program)
        return Usage.take_in(source, list(events))

    def _count(self, result):
        """Return what became of events, without what did not occur."""
        names = ("taken", "double", "conflict", "unknown", "late", "broken")
        self.assertEqual(result["total"], sum(result[name] for name in names))
        return {name: result[name] for name in names if result[name]}

    def _stored(self):
        """Return what is there, in the order of time."""
        self.env.invalidate_all()
        usage = self.env["omni.billing.usage"].search(
            [("source_id", "=", self.switch.id)], order="moment, ref"
        )
        return [
            (one.ref, one.service_id, one.meter_id, one.moment, one.quantity)
            for one in usage
        ]

    def _refused(self, **values):
        return self.env["omni.billing.usage.refused"].search(
            [(name, "=", value) for name, value in values.items()], order="ref, id"
        )

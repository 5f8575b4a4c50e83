import inspect

from psycopg2.errors import ExclusionViolation, RestrictViolation, UniqueViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import call_kw, get_public_method
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import UsageCommon

#: Public methods: what one is to write or read for it.
METHODS = {
    "account.move": {"action_billing_usage_list": "opens"},
    "res.partner": {"action_billing_usage": "opens"},
    "omni.billing.service": {
        "action_open_usage": "opens",
        "action_open_usage_ratings": "opens",
        "action_open_usage_topups": "opens",
        "action_rate_usage": "staff",
        "action_set_usage_cap": "staff",
    },
    "omni.billing.transaction": {"action_open_usage_rating": "opens"},
    "omni.billing.usage": {"take_in": "send"},
    "omni.billing.usage.arrival": {
        "action_dismiss": "manager",
        "action_open_batches": "opens",
        "action_try_again": "manager",
    },
    "omni.billing.usage.rating": {
        "action_open_transaction": "opens",
        "action_open_usage": "opens",
    },
    "omni.billing.usage.topup": {
        "action_end": "staff",
        "action_open_transaction": "opens",
    },
    "omni.billing.usage.batch": {"action_open_usage": "opens"},
    "omni.billing.usage.cap.wizard": {"action_agree": "staff"},
    "omni.billing.usage.import.wizard": {"action_import": "manager"},
    "omni.billing.usage.keep.wizard": {"action_keep": "manager"},
    "omni.billing.usage.move.wizard": {"action_move": "manager"},
    "omni.billing.usage.refused": {
        "action_dismiss": "manager",
        "action_take_late": "manager",
        "action_try_again": "staff",
    },
    "omni.billing.usage.source": {
        "action_fetch": "manager",
        "action_open_arrivals": "opens",
        "action_open_batches": "opens",
        "action_open_refused": "opens",
    },
}
OURS = "odoo.addons.omni_billing_usage"


@tagged("post_install", "-at_install")
class TestDoors(UsageCommon):
    """W41: who gets at usage, by RPC, forms and the database."""

    def _call(self, user, record, method, *args):
        """Call a method as the web client does, which any program can."""
        model = record.env[record._name].with_user(user)
        ids = [record.ids] if record else []
        with (
            self.env.cr.savepoint(),
            mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base"),
        ):
            return call_kw(model, method, [*ids, *args], {})

    def _refuse(self, user, record, method, *args, error=AccessError):
        with (
            self.subTest((user.login, record._name, method, args)),
            self.assertRaises(error),
        ):
            self._call(user, record, method, *args)

    def test_each_public_method_has_a_verdict(self):
        found = {}
        for model, cls in self.env.registry.items():
            for part in cls.mro():
                if not part.__module__.startswith(OURS):
                    continue
                for name, value in vars(part).items():
                    is_new = not any(
                        name in vars(other)
                        for other in cls.mro()
                        if not other.__module__.startswith(OURS)
                        and not hasattr(other, "pool")
                    )
                    if inspect.isfunction(value) and is_new and name[0] != "_":
                        try:
                            get_public_method(self.env[model], name)
                        except AccessError:
                            continue
                        found.setdefault(model, set()).add(name)
        found = {model: names - {"init"} for model, names in found.items()}
        self.assertEqual(
            {model: names for model, names in found.items() if names},
            {model: set(names) for model, names in METHODS.items()},
        )

    def test_who_may_send(self):
        """W41: programs with the right, and managers; others get at nothing."""
        Usage = self.env["omni.billing.usage"]
        for user in (self.staff, self.reader, self.outsider, self.portal):
            self._refuse(user, Usage, "take_in", "switch", [self._event()])
        for number, user in enumerate((self.program, self.manager)):
            result = self._call(user, Usage, "take_in", "switch", [self._event(number)])
            self.assertEqual(self._count(result), {"taken": 1})
        self._take_in(self._event(7, identifier="?"))
        refused = self._refused()
        # Who sends usage reads none of it.
        for record in (Usage, refused, self.calls, self.switch, self.line):
            self._refuse(self.program, record.browse(), "search", [])
        for user in (self.program, self.reader, self.outsider, self.portal):
            for method in METHODS[refused._name]:
                self._refuse(user, refused, method)
        self.assertEqual((refused.state, refused.tries), ("open", 1))

    def test_nobody_writes_what_the_intake_writes(self):
        """W41: not by RPC, and not as a superuser."""
        self._take_in(self._event(1), self._event(2, identifier="?"))
        mine = [("source_id", "=", self.switch.id)]
        usage = self.env["omni.billing.usage"].search(mine)
        self.assertEqual(len(usage), 1)
        stored = self._stored()
        values = {"ref": "x", "quantity": 1}
        for env in (self.env, self.env(user=self.manager), self.env(su=True)):
            mine = usage.with_env(env)
            for act in (
                lambda mine=mine: mine.create(values),
                lambda mine=mine: mine.write(values),
                lambda mine=mine: mine.unlink(),
                lambda mine=mine: mine.copy(),
            ):
                with self.assertRaises(UserError):
                    act()
            loaded = mine.load(["ref"], [["x"]])
            self.assertIn("Nothing was done", loaded["messages"][0]["message"])
            self.assertEqual(self._stored(), stored)
        batch = self.env["omni.billing.usage.batch"].search([], limit=1)
        for record in (batch, self._refused()):
            self._refuse(self.manager, record, "write", {"company_id": self.company.id})
            self._refuse(self.manager, record, "unlink")
            self._refuse(self.manager, record.browse(), "create", [{}])
        with self.assertRaisesRegex(UserError, "kept"):
            batch.sudo().unlink()
        for record, vals in (
            (self.calls, {"kind": "sum"}),
            (self.switch, {"late_days": 1}),
        ):
            for user in (self.staff, self.reader, self.program, self.portal):
                self._refuse(user, record, "write", vals)

    def test_what_a_meter_counts_stays_once_it_has_usage(self):
        """W41: archive it and make another, which may have the same code."""
        meter = self.calls.with_user(self.manager)
        meter.write({"kind": "sum", "is_used": True})
        self.assertFalse(meter.is_used)
        meter.kind = "duration"
        self._take_in(self._event(1))
        self.assertTrue(meter.is_used)
        for values in (
            {"kind": "sum"},
            {"step_first": 60},
            {"code": "phone"},
            {"dimensions": "country"},
            {"uom_id": self.env.ref("uom.product_uom_hour").id},
        ):
            with (
                self.assertRaisesRegex(UserError, "has usage"),
                self.env.cr.savepoint(),
            ):
                meter.write(values)
            self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "Archive"), self.env.cr.savepoint():
            meter.unlink()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            meter.copy({"code": "calls"})
        meter.write({"name": "Phone", "dimensions": "direction,country, network"})
        meter.active = False
        new = meter.create({"name": "Calls", "code": "calls", "kind": "count"})
        self.assertFalse(new.is_used)
        self._take_in(self._event(2, quantity=None))
        self.assertEqual([one[2] for one in self._stored()], [self.calls, new])

    def test_what_a_meter_may_say(self):
        Meter = self.env["omni.billing.meter"]
        for values in (
            {"code": " x"},
            {"code": "x" * 129},
            {"dimensions": "Country"},
            {"dimensions": "a b"},
            {"kind": "unique"},
            {"kind": "unique", "dimensions": "user", "unique_dimension": "seat"},
        ):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                Meter.create({"name": "X", "code": "x"} | values)
        self.assertTrue(
            Meter.create(
                {
                    "name": "Seats",
                    "code": "seats",
                    "kind": "unique",
                    "dimensions": "user",
                    "unique_dimension": "user",
                }
            )
        )

    @mute_logger("odoo.sql_db")
    def test_identifier_is_of_one_service_at_a_time(self):
        """W41: the database sees to it."""
        known = self.line.usage_identifier_ids
        known.write({"valid_from": "2026-01-01", "valid_until": "2026-07-01"})
        for begin, end in (
            (False, False),
            ("2026-06-30 23:59:59", "2026-07-02"),
            ("2025-01-01", "2026-01-01 00:00:01"),
        ):
            with self.assertRaises(ExclusionViolation), self.env.cr.savepoint():
                self._identify(
                    "+33", self.other_line, valid_from=begin, valid_until=end
                )
        self._identify("+33", self.other_line, valid_from="2026-07-01")
        self._identify("+33", self.other_line, valid_until="2026-01-01")
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self._identify("+33 ", self.other_line)

    @mute_logger("odoo.sql_db")
    def test_service_with_usage_stays(self):
        """W41: its customer, its company, and that it is there."""
        other = self.env["res.partner"].create({"name": "Other"})
        company = self.env["res.company"].create({"name": "Other"})
        self._refuse(
            self.manager, self.line, "write", {"has_usage": True}, error=UserError
        )
        self.line.partner_id = other
        self.line.partner_id = self.customer
        self._take_in(self._event(1))
        self.assertEqual(
            (self.line.has_usage, self.other_line.has_usage), (True, False)
        )
        for vals in ({"partner_id": other.id}, {"company_id": company.id}):
            with self.assertRaisesRegex(UserError, "was used"):
                self.line.write({"name": "New", **vals})
        # What it is already may be written, as forms and imports do.
        self.line.write(
            {
                "name": "New",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
            }
        )
        self.assertEqual(self.line.name, "New")
        self.assertFalse(self.line.copy().has_usage)
        with self.assertRaisesRegex(UserError, "archive"):
            self.line.unlink()
        # Also whoever goes around the model.
        for statement in (
            "DELETE FROM omni_billing_service WHERE id = %s",
            "UPDATE omni_billing_service SET company_id = company_id + 1 WHERE id = %s",
        ):
            with self.assertRaises(RestrictViolation), self.env.cr.savepoint():
                self.env.cr.execute(statement, [self.line.id])

    def test_screens_of_staff_and_managers(self):
        """W41: a manager sets it up, staff see what came and what was refused."""
        env = self.env(user=self.manager)
        with Form(env["omni.billing.meter"]) as form:
            form.name = "Data"
            form.code = "data"
            form.kind = "sum"
        with Form(env["omni.billing.usage.source"]) as form:
            form.name = "Gateway"
            form.code = "gateway"
        with Form(self.line.with_user(self.staff)) as form:
            with form.usage_identifier_ids.new() as identifier:
                identifier.value = "SIM-1"
        events = [
            self._event(1, meter="data", identifier="SIM-1"),
            self._event(2, meter="data", identifier="SIM-2"),
        ]
        self._take_in(*events, source="gateway")
        action = self.line.with_user(self.staff).action_open_usage()
        Usage = self.env[action["res_model"]].with_user(self.staff)
        self.assertEqual(Usage.search(action["domain"]).identifier, "SIM-1")
        [group] = Usage.formatted_read_group(
            action["domain"], ["meter_id", "moment:month"], ["quantity:sum"]
        )
        self.assertEqual(group["quantity:sum"], 61)
        source = form.record.env["omni.billing.usage.source"].search(
            [("code", "=", "gateway")]
        )
        action = source.action_open_refused()
        refused = self.env[action["res_model"]].with_user(self.staff)
        refused = refused.search(action["domain"])
        self.assertEqual((source.refused_count, refused.detail), (1, "SIM-2"))
        self.assertIn("SIM-2", Form(refused).payload)
        watch = self.env["omni.billing.watch"].search(
            [("kind", "=", "usage"), ("company_id", "=", self.company.id)]
        )
        self.assertEqual((watch.waiting, watch.failed), (1, 0))
        self.assertEqual(refused.search(watch.action_open()["domain"]), refused)
        action = source.action_open_batches()
        batch = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual((batch.count_taken, batch.count_unknown), (1, 1))
        self.assertEqual(
            Usage.search(batch.action_open_usage()["domain"]).ref, "call-1"
        )

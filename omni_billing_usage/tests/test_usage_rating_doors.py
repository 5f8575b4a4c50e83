from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .rating_common import OVER, RatingCommon


@tagged("post_install", "-at_install")
class TestRatingDoors(RatingCommon):
    """W41: who gets at prices and amounts, by RPC and forms."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = new_test_user(
            cls.env,
            login="rating-reader",
            groups="account.group_account_readonly",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        elsewhere = cls.env["res.company"].create({"name": "Elsewhere"})
        cls.stranger = new_test_user(
            cls.env,
            login="rating-stranger",
            groups="omni_billing.omni_billing_group_user",
            company_id=elsewhere.id,
            company_ids=[Command.set(elsewhere.ids)],
        )

    def _charge(self):
        self._give()
        self._use("a", 1000)
        self._rate(OVER)
        return self._parts()

    def _call(self, user, record, method, *args):
        model = record.env[record._name].with_user(user)
        ids = [record.ids] if record else []
        with self.env.cr.savepoint(), mute_logger("odoo.addons.base.models.ir_rule"):
            return call_kw(model, method, [*ids, *args], {})

    def _refuse(self, user, record, method, *args, error=AccessError):
        with (
            self.subTest((user.login, record._name, method)),
            self.assertRaises(error),
        ):
            self._call(user, record, method, *args)

    def test_nobody_writes_what_usage_comes_to(self):
        """W41: plans are a manager's; ratings and amounts nobody's."""
        part = self._charge()
        charge, rate = part.transaction_id, self.plan.rate_ids[0]
        people = (self.staff, self.env.user, self.reader, self.portal, self.outsider)
        for user in people:
            for record, values in (
                (part, {"amount": 1}),
                (part, {"transaction_id": False}),
                (part.line_ids, {"amount": 1}),
            ):
                self._refuse(user, record, "write", values)
                self._refuse(user, record, "unlink")
                self._refuse(user, record.browse(), "create", [values])
        for user in (self.staff, self.reader, self.portal, self.outsider):
            self._refuse(user, rate, "write", {"price": 1})
            self._refuse(user, self.plan, "write", {"least": 1})
            self._refuse(user, self.plan, "copy")
        for user in (self.reader, self.portal, self.outsider):
            self._refuse(user, self.line, "action_rate_usage")
            self._refuse(user, self.line.usage_plan_ids, "unlink")
        for user in (self.portal, self.outsider, self.stranger):
            for record in (part, self.plan, rate, self.line.usage_plan_ids):
                self._refuse(user, record, "read", ["id"])
            self._refuse(user, part, "action_open_usage")
        self._refuse(
            self.stranger,
            self.line.usage_plan_ids.browse(),
            "create",
            [{"service_id": self.line.id, "plan_id": self.plan.id}],
        )
        self._refuse(self.stranger, self.line, "action_rate_usage")
        # The transaction is what its usage comes to, whoever asks.
        for user in (self.staff, self.env.user):
            for values in (
                {"retail_cost": 1},
                {"price_unit": 1},
                {"quantity": 1},
                {"date": "2026-10-01"},
                {"transaction_type": "credit"},
                {"partner_id": self.portal.partner_id.id},
            ):
                self._refuse(user, charge, "write", values, error=UserError)
            self._refuse(user, charge, "unlink", error=UserError)
            self._call(user, charge, "write", {"internal_note": "seen"})
        self.assertEqual(charge.retail_cost, 12.0)
        copied = charge.copy()
        self.assertFalse(copied.is_usage)
        copied.retail_cost = 1

    def test_who_only_invoices_sees_why(self):
        """W41: transactions can be opened, and what those of usage are made of."""
        part = self._charge()
        user = new_test_user(
            self.env,
            login="rating-invoicing",
            groups="account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        other = part.transaction_id.copy()
        name = {"fields": {"display_name": {}}}
        self.env.invalidate_all()
        for charge, is_usage in ((part.transaction_id, True), (other, False)):
            [read] = charge.with_user(user).web_read({"is_usage": {}})
            self.assertEqual(read["is_usage"], is_usage)
        action = part.transaction_id.with_user(user).action_open_usage_rating()
        views = part.with_user(user).get_views([(False, "form")])
        self.assertNotIn("action_open_usage", views["views"]["form"]["arch"])
        lines = {"fields": {"name": {}, "tier": {}, "amount": {}}}
        names = ("partner_id", "service_id", "meter_id", "plan_id", "transaction_id")
        self.env.invalidate_all()
        [read] = (
            part.browse(action["res_id"])
            .with_user(user)
            .web_read(
                {"display_name": {}, "line_ids": lines} | dict.fromkeys(names, name)
            )
        )
        self.assertEqual(read["plan_id"]["display_name"], "Mobile")
        self.assertEqual(read["line_ids"][0]["amount"], 12.0)
        self._refuse(user, part, "write", {"amount": 1})

    def test_screens(self):
        """W41: a manager makes a plan, staff give it and rate, all read why."""
        with Form(self.env["omni.billing.rate.plan"]) as form:
            form.name = "Data"
            with form.rate_ids.new() as rate:
                rate.name = "Data"
                rate.meter_id = self.data
                rate.charge = "graduated"
                with rate.tier_ids.new() as tier:
                    tier.until = 10
                    tier.price = 1
                with rate.tier_ids.new() as tier:
                    tier.is_last = True
                    tier.price = 0.5
        plan = form.record
        self._use("a", 30)
        with Form(self.line.with_user(self.staff)) as form:
            with form.usage_plan_ids.new() as row:
                row.plan_id = plan
        self.assertEqual(str(self.line.usage_plan_ids.date_from), "2026-11-01")
        action = self.line.with_user(self.staff).action_rate_usage()
        Rating = self.env["omni.billing.usage.rating"].with_user(self.reader)
        part = Rating.search(action["domain"])
        self.assertEqual((part.amount, part.state), (20.0, "running"))
        self.assertEqual(part.line_ids.mapped("tier"), ["up to 10", "over 10"])
        action = part.action_open_usage()
        usage = self.env["omni.billing.usage"].search(action["domain"])
        self.assertEqual(usage.ref, "a")
        self._rate(OVER)
        charge = part.transaction_id
        self.assertTrue(charge.with_user(self.staff).is_usage)
        action = charge.with_user(self.staff).action_open_usage_rating()
        self.assertEqual(action["res_id"], part.id)
        self.assertEqual(part.action_open_transaction()["res_id"], charge.id)
        # The tiers of a plan can be edited as one, and back.
        with Form(plan) as form:
            with form.rate_ids.edit(0) as rate:
                rate.name = "Gigabytes"
                # Of another model the form shows no tiers: it has none.
                rate.charge = "plan"
                rate.flat = 5
        self.assertEqual((plan.rate_ids.name, plan.rate_ids.flat), ("Gigabytes", 5))
        self.assertFalse(plan.rate_ids.tier_ids)

    def test_run_rates_before_it_bills(self):
        """W41: what is over is on the invoices of a run that begins now."""
        self._give()
        self._use("a", 1000)
        self._set_now(OVER)
        now = self.env["omni.billing.usage.rating"]._fields["end"].now()
        self.env["omni.billing.service"]._write_all_due(now, self.company)
        self.assertEqual(self._parts().transaction_id.retail_cost, 12.0)

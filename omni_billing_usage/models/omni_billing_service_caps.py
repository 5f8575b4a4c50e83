from datetime import timedelta
from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.lock import take_turns
from odoo.addons.omni_billing.tools.numbers import format_amount


class OmniBillingService(models.Model):
    """What usage of a service may cost: agreed by its customer, or by staff (W41)."""

    _inherit = "omni.billing.service"

    usage_cap_ids = fields.One2many(
        "omni.billing.usage.cap",
        "service_id",
        string="Agreed Spending Caps",
        groups="base.group_user",
    )

    # === ACTION METHODS === #

    def action_set_usage_cap(self):
        """Open the dialog in which a cap is changed, or consent to go on recorded."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Spending Cap"),
            "res_model": "omni.billing.usage.cap.wizard",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_service_id": self.id},
        }

    # === BUSINESS METHODS === #

    def _billing_find_running(self, now):
        """Return the rate plan that holds now, and the period that runs.

        :return: no plan and None, if there is none.
        """
        given = self.usage_plan_ids.sorted("date_from")
        if not given:
            return self.env["omni.billing.rate.plan"], None
        # All plans of a service cut its months alike.
        period = given[0].plan_id._make_calendar().find(now)
        plan = self._get_usage_plan(period.first)
        return plan, period if plan else None

    def _billing_find_caps(self, now):
        """Return what usage of the period that runs may cost.

        :rtype: list[odoo.addons.omni_billing_usage.tools.caps.Cap]
        """
        plan, period = self._billing_find_running(now)
        if not plan:
            return []
        Cap = self.env["omni.billing.usage.cap"]
        return Cap._find_caps(plan, period, self).get(self.id, [])

    def _billing_agree_cap(self, key, kind, amount=None, *, way, action=None, note=""):
        """Write down what usage may cost from now on, and have it rated by that.

        What was used beyond the cap until now is not charged, and stays so: who agrees,
        agrees to what comes (Regulation (EU) 2022/612, article 14: on request, services
        go on; Wireless Code: charges need consent before).

        :param str key: of the cap; empty: that of all usage.
        :param str kind: as of `omni.billing.usage.cap`.
        :param float amount: of a period, in all; nothing: there is no limit.
        :param str way: who agreed, as there.
        :param str action: what is beyond it; nothing: as before.
        :raise UserError: if there is no plan, or it changes nothing.
        :rtype: omni.billing.usage.cap
        """
        self.ensure_one()
        # Who agrees at the same moment sees what the other did.
        take_turns(self)
        now = fields.Datetime.now()
        plan, period = self._billing_find_running(now)
        if not plan:
            raise UserError(
                self.env._(
                    "%(service)s has no rate plan: its usage costs nothing.",
                    service=self.name,
                )
            )
        caps = {cap.key: cap for cap in self._billing_find_caps(now)}
        cap = caps.get(key)
        if key and not cap:
            raise UserError(self.env._("There is no such spending cap any more."))
        exact = None if amount is None else Decimal(str(amount))
        known = self.env["omni.billing.usage.cap"].browse(cap and cap.last.source)
        is_same = known.kind == kind and cap.last.amount == exact and not action
        if is_same or (kind == "plan" and not (cap and cap.last.source)):
            # Pressed twice.
            return known
        self._check_cap_amount(plan, cap, kind, exact)
        if kind == "own" and not action and key not in plan._find_caps(period.first):
            # Where the plan has none, that is what it is for.
            action = "stop"
        row = self.env["omni.billing.usage.cap"].create(
            {
                "service_id": self.id,
                "name": key or False,
                "kind": kind,
                "currency_id": plan.currency_id.id,
                "amount": amount or 0,
                "is_unlimited": kind != "plan" and amount is None,
                "action": action,
                "moment": _find_next_second(now, period),
                "user_id": self.env.uid,
                "way": way,
                "note": note or False,
            }
        )
        self._note_agreed(row, now)
        self.env["omni.billing.usage.rating"]._mark(self, now, now)
        self.env.ref("omni_billing_usage.ir_cron_rate")._trigger()
        return row

    def _billing_agree_own_cap(self, key, kind, text):
        """Have the customer say what usage may cost, as far as the company allows it.

        :param str text: the amount, as a form sends it.
        :raise UserError: if the company does not, or it is no amount.
        """
        self.ensure_one()
        caps = {cap.key: cap for cap in self._billing_find_caps(fields.Datetime.now())}
        if kind != "consent" and not self.company_id.billing_usage_own_caps:
            raise UserError(
                self.env._("Ask us to change your limit. Nothing was changed.")
            )
        # A cap of all usage may be the customer's own.
        if key and key not in caps:
            raise UserError(self.env._("There is no such spending cap any more."))
        try:
            amount = float(text or "x")
        except ValueError:
            amount = -1
        if kind == "plan":
            amount = None
        elif not 0 <= amount < float("inf"):
            raise UserError(
                self.env._("Enter an amount of money that is not below zero.")
            )
        self._billing_agree_cap(key, kind, amount, way="customer")

    def _check_cap_amount(self, plan, cap, kind, amount):
        currency = plan.currency_id
        if amount is not None and not (
            0 <= amount < 10**12 and amount == round(amount, currency.decimal_places)
        ):
            raise UserError(
                self.env._("Enter an amount of money that is not below zero.")
            )
        if kind != "consent":
            return
        if not cap or cap.last.amount is None:
            raise UserError(
                self.env._("There is no limit: nobody has to agree to anything.")
            )
        if amount is not None and amount <= cap.last.amount:
            raise UserError(
                self.env._(
                    "To go on, agree to more than %(limit)s, which holds now.",
                    limit=format_amount(self.env, float(cap.last.amount), currency),
                )
            )

    def _note_agreed(self, row, now):
        """Have pages say it, and the program that provides the service know it."""
        Spent = self.env["omni.billing.usage.spent"]
        caps = {cap.key: cap for cap in self._billing_find_caps(now)}
        known = self._billing_find_spent(now).filtered(
            lambda one: (one.name or "") == (row.name or "")
        )
        cap = caps.get(row.name or "")
        if known and cap:
            known.write(Spent._prepare_limit(cap.last))
        Spent._tell_blocked(self, now)


def _find_next_second(now, period):
    """Return since when it holds: what was used in the second before it is not of it.

    What is agreed as a period ends is of that one.
    """
    moment = now + timedelta(seconds=1)
    return moment if moment < period.end else now

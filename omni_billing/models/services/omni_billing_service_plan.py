from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_date

from ...const import PLAN_FIELDS
from ...tools.action import open_dialog, open_list
from ...tools.lock import lock_or_tell
from ...tools.recurrence import DAY, follow
from ...tools.write_guard import is_trusted, trust, without_any_default

#: By which both plans know each other.
LINKS = ("replaces_id", "replaced_end", "replaced_for")
#: What stays agreed, whatever the plan.
TERMS = ("notice_days", "renewal_months", "exit_fee_kind", "exit_fee")


class OmniBillingService(models.Model):
    """Another plan: from a day on, a service takes the place of another one (W36).

    A service keeps its periods, product and taxes once it is charged. So the one ends
    on the day before, and is credited for what is charged beyond; the other begins, and
    if its periods are as long, goes on in the rhythm of the one before. Both name each
    other, and no day is of both, nor of none.
    """

    _inherit = "omni.billing.service"

    replaces_id = fields.Many2one(
        "omni.billing.service",
        string="Plan Before",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The service of which this is the new plan.",
    )
    replaced_by_ids = fields.One2many(
        "omni.billing.service",
        "replaces_id",
        string="Plan After",
        readonly=True,
        copy=False,
        context={"active_test": False},
        groups="base.group_user",
    )
    replaced_end = fields.Date(
        string="End of the Plan Before",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="That it had, and gets back if the change is taken back.",
    )
    replaced_for = fields.Selection(
        [("staff", "Staff"), ("customer", "The Customer")],
        string="Changed by",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Who wanted this plan: what a customer changed, it may take back.",
    )
    plan_change = fields.Char(
        string="Change of Plan",
        compute="_compute_plan_change",
        help="Which plan takes its place, and when.",
    )
    can_undo_plan = fields.Boolean(compute="_compute_plan_change")

    # Two people at once do not change it to two plans.
    _replaces_unique = models.UniqueIndex(
        "(replaces_id) WHERE replaces_id IS NOT NULL",
        "This service has another plan already.",
    )

    # === COMPUTE METHODS === #

    @api.depends("replaced_by_ids.date_start", "replaced_by_ids.charged_until")
    @api.depends_context("lang")
    def _compute_plan_change(self):
        for service in self:
            # sudo: customers see which plan they will have.
            plan = service.sudo().replaced_by_ids[:1]
            service.can_undo_plan = bool(plan) and plan._billing_can_undo_plan()
            service.plan_change = bool(plan) and self.env._(
                "Its plan is %(plan)s from %(date)s on.",
                plan=plan.name,
                date=format_date(self.env, plan.date_start),
            )

    # === CRUD METHODS === #

    def write(self, vals):
        if not is_trusted(self.env):
            self._check_plan(vals)
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_plan(self):
        if not is_trusted(self.env) and self.filtered("replaces_id"):
            self._raise_plan(self.filtered("replaces_id")[0].replaces_id)

    @api.model
    def _billing_get_state_fields(self):
        """Override: which plan follows which."""
        return super()._billing_get_state_fields() | {
            *("replaces_id", "replaced_end", "replaced_for"),
        }

    def _check_plan(self, vals):
        """Refuse what would leave a day to both plans, or to none.

        Nor are days of a plan free that is not.
        """
        ends = self.filtered("replaced_by_ids") if "date_end" in vals else ()
        starts = self.filtered("replaces_id") if "date_start" in vals else ()
        for service in ends:
            if service._will_change("date_end", vals["date_end"]):
                self._raise_plan(service)
        for service in starts:
            if service._will_change("date_start", vals["date_start"]):
                self._raise_plan(service.replaces_id)
        free = fields.Date.to_date(vals.get("trial_end"))
        for service in self.filtered("replaced_by_ids") if free else ():
            # sudo: it may be of another team.
            plan = service.sudo().replaced_by_ids[:1]
            if plan.date_start <= free != plan.trial_end and service._will_change(
                "trial_end", free
            ):
                self._raise_plan(service)

    def _raise_plan(self, service):
        raise UserError(service._explain_other_plan())

    def _explain_other_plan(self):
        return self.env._(
            "%(service)s has another plan from %(date)s on. Take that change back"
            " first, on the service.",
            service=self.name,
            # sudo: customers end services without reading how plans follow.
            date=format_date(self.env, self.sudo().replaced_by_ids[:1].date_start),
        )

    # === ACTION METHODS === #

    def action_change_plan(self):
        """Open the dialog that shows what another plan comes to."""
        self.ensure_one()
        self.check_access("write")
        return open_dialog(
            "omni.billing.plan.wizard",
            self.env._("Change the Plan"),
            {"default_service_id": self.id},
        )

    def action_open_plans(self):
        """Show the service that took its place, or whose place it took."""
        self.ensure_one()
        plans = self | self.replaces_id | self.replaced_by_ids
        context = {"active_test": False}
        return open_list(
            self.env,
            "omni_billing_service_action",
            [("id", "in", plans.ids)],
            context,
        )

    def action_undo_plan(self):
        """Go on with this service, and not with the plan that was to follow.

        :raise UserError: if something is charged or credited for the change.
        """
        self.ensure_one()
        self.check_access("write")
        plan = self.replaced_by_ids[:1]
        if not plan:
            raise UserError(
                self.env._("%s has no change of plan to take back.", self.name)
            )
        plan._billing_undo_plan()
        return True

    def _end_suspensions(self, rows):
        """Override: and what goes on of them in the plan that is to follow."""
        # sudo: customers end their pauses, and need not read which plan follows.
        plan = self.sudo().replaced_by_ids
        goes_on = plan and rows.filtered(lambda row: row._holds(plan.date_start))
        result = super()._end_suspensions(rows)
        if goes_on:
            plan._end_suspensions(
                plan.suspension_ids.filtered(
                    lambda row: row.date_from == plan.date_start
                )
            )
        return result

    def _suspend(self, first):
        """Override: and the plan that is to follow, so that it does not begin."""
        result = super()._suspend(first)
        for plan in self.replaced_by_ids:
            plan._suspend(max(first, plan.date_start))
        return result

    # === BUSINESS METHODS === #

    def _billing_preview_plan(self, product, when, agreed=None):
        """Return what another plan comes to; nothing is changed.

        :param product: `product.product` of the plan.
        :param str when: ``now`` or ``period``.
        :param dict agreed: instead of what the product says; see `const.PLAN_FIELDS`.
        :return: its first ``day``; ``rows``, each with date, name, note, amount (taxes
            included, below zero for a credit) and which part of the change it is:
            ``before``, ``unused`` or ``after``; ``notes``, sentences; ``seen``, which
            says all of it in short; and the ``plan``, a service that is not in the
            database.
        :rtype: dict
        :raise UserError: if the plan cannot be changed, or not to this product.
        """
        self.ensure_one()
        if problem := self._explain_no_plan(when):
            raise UserError(
                self.env._("%(problem)s Nothing was changed.", problem=problem)
            )
        day = self._compute_plan_day(when)
        plan, values = self._draft_plan(product, day, agreed)
        if not plan.unit:
            raise UserError(
                self.env._(
                    "%(product)s is not a recurring service: enter its period and price"
                    " on the product first.",
                    product=product.display_name,
                )
            )
        rows = [
            row | {"part": part}
            for part, charges in self._prepare_plan_parts(plan, day)
            for row in self._describe_charges(charges)
        ]
        decimals = self.currency_id.decimal_places
        seen = [f"{row['date']} {row['amount']:.{decimals}f}" for row in rows]
        seen += [f"{one.date} × {one.quantity}" for one in plan.change_ids]
        return {
            "day": day,
            "plan": plan,
            "values": values,
            "notes": self._list_plan_notes(product, day, values),
            "rows": rows,
            "seen": "; ".join([str(day), str(plan.price_unit), *seen]),
        }

    def _billing_change_plan(self, product, when, seen, agreed=None):
        """Have another plan, as it was shown; what is due today is charged at once.

        :param str seen: of the preview that was shown.
        :return: the service that takes its place; itself if it has not begun.
        :raise UserError: if the plan cannot be changed, or comes to something else now.
        """
        self.ensure_one()
        lock_or_tell(self)
        preview = self._billing_preview_plan(product, when, agreed)
        if preview["seen"] != seen:
            raise UserError(
                self.env._(
                    "What the change comes to is not what was shown any more. Look at"
                    " it again. Nothing was changed."
                )
            )
        if preview["day"] == self.date_start:
            return self._take_plan(product, preview)
        last, now = preview["day"] - DAY, fields.Datetime.now()
        unused = self._prepare_unused(last)
        Service = without_any_default(self.env["omni.billing.service"])
        plan = trust(Service).create(preview["values"]).with_env(self.env)
        trust(self).date_end = last
        trust(self.env["omni.billing.transaction"]).create(unused)
        self._note_plan(plan)
        left = self | plan
        while left:
            left = left._write_due(now)
        self._billing_log_plan("service_plan", plan)
        return plan

    def _billing_can_undo_plan(self):
        """Whether this plan can be taken back: nothing of the change is charged yet."""
        self.ensure_one()
        # sudo: customers take their change back, and do not see how it is kept.
        plan = self.sudo()
        before = plan.replaces_id
        return bool(before) and not (
            before._is_charged_after(plan.date_start - DAY)
            or plan._is_charged_after(plan.date_start - DAY)
            or plan.transaction_ids
            or plan.replaced_by_ids
        )

    def _billing_undo_plan(self, is_over=False):
        """Take this plan back, and go on with the one before.

        :param bool is_over: whether what was agreed for it is over as well.
        :return: the service that goes on.
        :raise UserError: if something is charged or credited for the change, or another
            price was agreed for the plan since.
        """
        self.ensure_one()
        before = self.replaces_id
        lock_or_tell(before | self)
        if not self._billing_can_undo_plan():
            raise UserError(
                self.env._(
                    "%(service)s is charged, or what was before is credited: the change"
                    " cannot be taken back. Change the plan again instead.",
                    service=self.name,
                )
            )
        if not is_over and self._billing_has_new_terms():
            raise UserError(
                self.env._(
                    "Another price or quantity is agreed for %(service)s, and would be"
                    " lost with it. Take that back first.",
                    service=self.name,
                )
            )
        before._billing_log_plan("service_plan_undone", self)
        before._note_plan_undone(self)
        # What was said of the end since, and of pauses, was said of what goes on.
        ends = {"date_end": self.date_end}
        if self.date_end and self.closing_reason_id:
            ends["closing_reason_id"] = self.closing_reason_id.id
            ends["closing_note"] = self.closing_note
        self._give_suspensions_back(before)
        trust(self).replaces_id = False
        trust(before).write(ends)
        trust(self).unlink()
        return before

    def _billing_has_new_terms(self):
        """Whether more is agreed for this plan than it began with. Hook."""
        return False

    def _give_suspensions_back(self, before):
        """Have the plan before suspended as this one, from its first day on."""
        first = self.date_start
        # Nobody decides anything on them by that.
        rows = trust(before.suspension_ids)
        rows.filtered(lambda row: row.date_from >= first).unlink()
        over = rows.exists().filtered(lambda row: row._holds(first))
        goes_on = self.suspension_ids.filtered(lambda row: row.date_from == first)
        if over:
            over.date_to = goes_on.date_to if goes_on else first - DAY
        left = self.suspension_ids - (goes_on if over else goes_on.browse())
        rows.create(
            [
                {
                    "service_id": before.id,
                    "date_from": row.date_from,
                    "date_to": row.date_to,
                    "reason": row.reason,
                }
                for row in left
            ]
        )

    def _list_plan_notes(self, product, day, values):
        """Return what people are to know of another plan, in sentences. Hook.

        :param dict values: of the plan, as `_prepare_plan` returns them.
        :rtype: list[str]
        """
        over = "; ".join(self._list_plan_over(product, day, values))
        return [self.env._("Not for the new plan: %(terms)s.", terms=over)] * bool(over)

    def _list_plan_over(self, product, day, values):
        """Return what is agreed now and is not for another plan, in words. Hook.

        :param dict values: as `_list_plan_notes`.
        :rtype: list[str]
        """
        return []

    def _note_plan(self, plan):
        """Note that another service takes the place of this one. Hook."""

    def _note_plan_undone(self, plan):
        """Note that this service goes on; the other is deleted then. Hook."""

    def _billing_log_plan(self, action, plan):
        self.env["omni.billing.activity.log"]._log(
            [
                {
                    "action": action,
                    "company": self.company_id,
                    "customer": self.commercial_partner_id,
                    "name": f"{self.name} → {plan.name}",
                }
            ]
        )

    # === HELPERS === #

    def _prepare_plan(self, product, day, agreed):
        """Return the values of the service that takes the place of this one. Hook.

        Taxes and price are the product's; who pays, and where it is used, stays.
        """
        agreed = {name: agreed[name] for name in PLAN_FIELDS if name in agreed}
        unit = agreed.get("unit", product.billing_unit)
        interval = agreed.get("interval") or product.billing_interval or 1
        rhythm = follow(self._get_recurrence(), day, unit, interval) if unit else None
        lang = self.partner_id.lang or self.env.lang
        # sudo: suspensions that customers see, and need not read.
        rows = self.sudo().suspension_ids.filtered(
            lambda row: not row.date_to or row.date_to >= day
        )
        return {
            "name": product.with_context(lang=lang).name,
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "payer_id": self.payer_id.id,
            "commercial_partner_id": self.commercial_partner_id.id,
            "site_id": self.site_id.id,
            "customer_reference": self.customer_reference,
            "currency_id": self.currency_id.id,
            "product_id": product.id,
            "quantity": self._find_quantity_on(day),
            "setup_price": 0.0,
            "timing": product.billing_timing or self.timing,
            "unit": unit,
            "interval": interval,
            "anchor_day": rhythm.day if rhythm else 0,
            "anchor_weekday": str(rhythm.weekday)
            if rhythm and rhythm.weekday is not None
            else False,
            "anchor_month": str(rhythm.month) if rhythm and rhythm.month else False,
            "date_start": day,
            "date_end": self.date_end,
            "charged_until": self._find_elsewhere(day),
            "tax_included": False,
            **self._keep_terms(day),
            "replaces_id": self.id,
            "replaced_end": self.date_end,
            "replaced_for": "staff",
            "suspension_ids": [
                Command.create(
                    {
                        "date_from": max(row.date_from, day),
                        "date_to": row.date_to,
                        "reason": row.reason,
                    }
                )
                for row in rows
            ],
            **agreed,
        }

    def _keep_terms(self, day):
        """Return what was agreed and holds for another plan, too: nothing is anew."""
        is_free = self.trial_end and self.trial_end >= day
        return {
            "trial_end": self.trial_end if is_free else False,
            "term_end": self.term_end,
            **{name: self[name] for name in TERMS},
        }

    def _draft_plan(self, product, day, agreed=None):
        """Return the service that would take the place of this one; not written.

        :return: it, and the values to create it with.
        """
        values = self._prepare_plan(product, day, agreed or {})
        plan = self.new({k: v for k, v in values.items() if k not in LINKS})
        values["change_ids"] = self._prepare_later(day, plan.price_unit)
        plan.change_ids = values["change_ids"]
        return plan, values

    def _find_quantity_on(self, day):
        return self._find_change_on(day).quantity

    def _find_change_on(self, day):
        """Return what says price and quantity of a day: a change, or the service."""
        begun = self.change_ids.filtered(lambda change: change.date <= day)
        return begun.sorted("date")[-1:] or self

from datetime import datetime, time

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.lock import lock_or_tell

from ..tools.periods import Calendar

#: When a service is there.
THERE_FIELDS = ("date_start", "date_end", "active")


class OmniBillingService(models.Model):
    """A service whose usage has a price (W41)."""

    _inherit = "omni.billing.service"

    usage_plan_ids = fields.One2many(
        "omni.billing.usage.plan",
        "service_id",
        string="Rate Plans",
        copy=False,
        groups="base.group_user",
    )

    usage_problem = fields.Char(
        compute="_compute_usage_problem",
        groups="base.group_user",
        help="Why its usage could not be rated; it is tried again every ten minutes.",
    )

    # === COMPUTE METHODS === #

    def _compute_usage_problem(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT service_id, MAX(problem) FROM omni_billing_usage_mark"
                " WHERE service_id = ANY(%s) AND problem IS NOT NULL"
                " GROUP BY service_id",
                self.ids,
            )
        )
        problems = dict(rows)
        for service in self:
            service.usage_problem = problems.get(service._origin.id, False)

    # === CRUD METHODS === #

    def write(self, vals):
        """Override of `omni_billing`: when it is there, its plans cost something."""
        if not vals.keys() & set(THERE_FIELDS):
            return super().write(vals)
        # sudo: plans are rated whoever may read them.
        planned = self.sudo().filtered("usage_plan_ids")
        before = {one: [one[name] for name in THERE_FIELDS] for one in planned}
        result = super().write(vals)
        for service, values in before.items():
            service._rate_since_changed(values)
        return result

    # === ACTION METHODS === #

    def action_rate_usage(self):
        """Rate the usage of these now, without waiting for the job."""
        self.check_access("write")
        now = fields.Datetime.now()
        # sudo: nobody writes what usage comes to but this.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        services = self.sudo()
        lock_or_tell(self)
        Rating._mark_over(now, services)
        Rating._mark(services, now, now)
        free = Rating._take_customers(services)
        if len(free) < len(services):
            raise UserError(
                self.env._(
                    "Usage of this customer is being rated right now. Nothing was"
                    " changed: try again in a moment."
                )
            )
        Rating._rate(free, now)
        return self.action_open_usage_ratings()

    def action_open_usage_ratings(self):
        """Open what usage of these comes to."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_rating_action"
        )
        return action | {"domain": [("service_id", "in", self.ids)], "context": {}}

    def action_open_usage_topups(self):
        """Open what was added to this service beside its plan."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_topup_action"
        )
        return action | {
            "domain": [("service_id", "=", self.id)],
            "context": {"default_service_id": self.id},
        }

    # === BUSINESS METHODS === #

    @api.model
    def _write_all_due(self, now, company=None, within=Domain.TRUE):
        """Override of `omni_billing`: before a run, usage is rated as well."""
        # sudo: nobody writes what usage comes to but this.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        Rating._mark_over(now)
        is_done = super()._write_all_due(now, company, within)
        return bool(is_done) and Rating._rate_all(now, company, is_run=True)

    def _rate_since_changed(self, before):
        """Have rated the periods that it is there in by now, or not any more.

        :param before: values of `THERE_FIELDS`.
        """
        after = [self[name] for name in THERE_FIELDS]
        if after == before:
            return
        first = min(self.usage_plan_ids.mapped("date_from"))
        pairs = zip(before[:2], after[:2], strict=True)
        # Who has no start was there from the first plan on.
        starts, ends = [pair if pair[0] != pair[1] else () for pair in pairs]
        days = [*(day or first for day in starts), *(day for day in ends if day)]
        now = fields.Datetime.now()
        moments = [datetime.combine(max(day, first), time.min) for day in days]
        self.env["omni.billing.usage.rating"]._mark(self, min([now, *moments]), now)

    def _find_usage_period(self, moment):
        """Return the period that a moment is in, as its rate plans cut them.

        :param datetime moment: in UTC.
        :rtype: Period
        """
        self.ensure_one()
        plans = self.usage_plan_ids.plan_id
        calendar = plans[0]._make_calendar() if plans else Calendar()
        return calendar.find(moment)

    def _get_usage_plan(self, day):
        """Return the rate plan that holds on a day, the first of a period.

        :rtype: omni.billing.rate.plan
        """
        self.ensure_one()
        rows = self.usage_plan_ids.filtered(lambda row: row.date_from <= day)
        return rows.sorted("date_from")[-1:].plan_id

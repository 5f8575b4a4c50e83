from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..tools.periods import Calendar


class OmniBillingUsagePlan(models.Model):
    """From a day on, usage of a service costs what a rate plan says (W41)."""

    _name = "omni.billing.usage.plan"
    _inherit = ["omni.billing.service.row.mixin"]
    _description = "Rate Plan of a Service"
    _order = "service_id, date_from desc"
    _rec_name = "plan_id"

    service_id = fields.Many2one(
        "omni.billing.service", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="service_id.company_id", store=True, precompute=True
    )
    plan_id = fields.Many2one(
        "omni.billing.rate.plan",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('company_id', '=', company_id)]",
    )
    date_from = fields.Date(
        string="From",
        required=True,
        compute="_compute_date_from",
        store=True,
        readonly=False,
        precompute=True,
        help="The first day of a period of the plan. The plan holds until the next.",
    )

    _date_unique = models.Constraint(
        "UNIQUE(service_id, date_from)", "A service has one rate plan at a time."
    )

    # === COMPUTE METHODS === #

    @api.depends("plan_id")
    def _compute_date_from(self):
        """Propose the period that runs."""
        now = fields.Datetime.now()
        for row in self:
            if row.plan_id and not row.date_from:
                row.date_from = row.plan_id._make_calendar().find(now).first

    # === CONSTRAINT METHODS === #

    @api.constrains("plan_id", "date_from", "company_id")
    def _check_plan(self):
        for row in self:
            plan = row.plan_id
            if plan.company_id != row.service_id.company_id:
                raise ValidationError(
                    self.env._(
                        "%(plan)s is of another company than %(service)s.",
                        plan=plan.name,
                        service=row.service_id.name,
                    )
                )
            if plan.least and not plan.rate_ids:
                plan._raise_no_rate()
            calendar = plan._make_calendar()
            others = row.service_id.usage_plan_ids.plan_id
            if any(other._make_calendar() != calendar for other in others) or not all(
                rating._is_cut_by(calendar) for rating in row._find_kept(row.service_id)
            ):
                raise ValidationError(
                    self.env._(
                        "%(service)s: periods of its rate plans begin on one day, in"
                        " one time zone. End the service and add another, or choose a"
                        " plan with those of the one before.",
                        service=row.service_id.name,
                    )
                )
            if not calendar.begins_on(row.date_from):
                noon = calendar.get_moment(row.date_from)
                raise ValidationError(
                    self.env._(
                        "%(service)s: a rate plan begins with a period. Enter"
                        " %(date)s, or the begin of another one.",
                        service=row.service_id.name,
                        date=format_date(self.env, calendar.find(noon).first),
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: what was charged stays; all else is rated again.

        :raise UserError: if it begins before what was charged ends.
        """
        rows = super().create(vals_list)
        rows._check_not_charged()
        rows._rate_again()
        return rows

    def write(self, vals):
        """Override of the ORM: as above."""
        self._check_not_charged()
        self._rate_again()
        result = super().write(vals)
        self._check_not_charged()
        self._rate_again()
        return result

    def unlink(self):
        """Override of the ORM: as above."""
        self._check_not_charged()
        self._rate_again()
        services = self.service_id
        result = super().unlink()
        for service in services.filtered(lambda one: not one.usage_plan_ids):
            self._leave_months(service, Calendar())
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_last(self):
        """Refuse it if nothing would say any more which months were charged."""
        for service in self.service_id:
            if not service.usage_plan_ids - self and self._find_kept(service):
                raise UserError(
                    self.env._(
                        "Months of %(service)s were charged by this plan. Choose"
                        " another plan in this row instead of removing it. Nothing was"
                        " changed.",
                        service=service.name,
                    )
                )

    # === HELPERS === #

    def _check_not_charged(self):
        Rating = self.env["omni.billing.usage.rating"]
        for row in self:
            until = Rating._find_charged_until(row.service_id)
            if until and row.date_from <= until:
                raise UserError(
                    self.env._(
                        "Usage of %(service)s is charged until %(date)s: what it was"
                        " charged by stays. A rate plan may begin after that. Nothing"
                        " was changed.",
                        service=row.service_id.name,
                        date=format_date(self.env, until),
                    )
                )

    def _find_kept(self, service):
        """Return the ratings of a service whose months stay: they are charged."""
        return self.env["omni.billing.usage.rating"].search(
            [
                ("service_id", "=", service.id),
                *("|", ("transaction_id", "!=", False)),
                *("&", ("state", "=", "charged"), ("plan_id", "!=", False)),
            ]
        )

    def _leave_months(self, service, calendar):
        """Take away what runs in other months: its events are of those of a calendar.

        Nothing of it was charged.
        """
        # sudo: nobody writes what usage comes to but business methods.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        self.env["omni.billing.usage.spent"].sudo()._leave_months(service, calendar)
        running = Rating.search(
            [("service_id", "=", service.id), ("state", "=", "running")]
        ).filtered(lambda rating: not rating._is_cut_by(calendar))
        # What was used of allowances then is so in other months, too. sudo: as above.
        rows = self.env["omni.billing.usage.left"].sudo()
        rows = rows.search([("service_id", "=", service.id)])
        rows.filtered(lambda row: not calendar.begins_on(row.date_from)).unlink()
        if running:
            first = min(running.mapped("begin"))
            running.unlink()
            Rating._mark(service, first, max(first, fields.Datetime.now()))

    def _rate_again(self):
        """Have the periods from its first day on rated by what holds then."""
        Rating = self.env["omni.billing.usage.rating"]
        now = fields.Datetime.now()
        for row in self:
            calendar = row.plan_id._make_calendar()
            begin = calendar.get_moment(row.date_from)
            self._leave_months(row.service_id, calendar)
            # What had no plan, and so months of its own, is rated anew. sudo: nobody
            # writes what usage comes to but business methods.
            unplanned = Rating.sudo().search(
                [("service_id", "=", row.service_id.id), ("plan_id", "=", False)]
            )
            begin = min([begin, now, *unplanned.mapped("begin")])
            unplanned.filtered(lambda rating: not rating.transaction_id).unlink()
            Rating._mark(row.service_id, begin, now)
        self._rate_sharing_again(now)

    def _rate_sharing_again(self, now):
        """Have rated who shares something with services that come or go."""
        Rating = self.env["omni.billing.usage.rating"]
        customers = self.service_id.commercial_partner_id
        # sudo: who shares is asked for all of them.
        shared = Rating.sudo()._find_shared(customers.ids)
        owners = {one.topup.partner_id for one in shared}
        Service = self.env["omni.billing.service"].with_context(active_test=False)
        for customer, rows in self.grouped(
            lambda row: row.service_id.commercial_partner_id
        ).items():
            is_shared = any(rows.plan_id.allowance_ids.mapped("is_shared"))
            if not is_shared and customer not in owners:
                continue
            others = Service.search(
                [
                    ("commercial_partner_id", "=", customer.id),
                    ("company_id", "in", rows.company_id.ids),
                    ("usage_plan_ids", "!=", False),
                    ("id", "not in", rows.service_id.ids),
                ]
            )
            moments = [
                row.plan_id._make_calendar().get_moment(row.date_from) for row in rows
            ]
            Rating._mark(others, min([now, *moments]), now)

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.lock import take_turns
from ...tools.recurrence import DAY
from ...tools.write_guard import is_trusted


class OmniBillingServiceSuspension(models.Model):
    """Days on which a service is suspended, and so never charged (F192, W35).

    A service is suspended as often as need be. What was is kept: periods that are
    charged later, in arrears or as an adjustment, are charged without it.
    """

    _name = "omni.billing.service.suspension"
    _inherit = ["omni.billing.service.row.mixin"]
    _description = "Suspension of a Billing Service"
    _order = "date_from, id"
    _rec_name = "date_from"

    service_id = fields.Many2one(
        "omni.billing.service", required=True, ondelete="cascade"
    )
    date_from = fields.Date(
        string="First Day", required=True, help="The first day that is not charged."
    )
    date_to = fields.Date(
        string="Last Day",
        help="The last day that is not charged. Empty: until further notice.",
    )

    reason = fields.Selection(
        [("staff", "By Staff"), ("customer", "By the Customer")],
        required=True,
        default="staff",
        help="Who wanted it: what a customer paused, the customer may resume.",
    )

    _dates_valid = models.Constraint(
        "CHECK(date_to IS NULL OR date_from <= date_to)",
        "A suspension has a first day, which is not after its last.",
    )
    _service_idx = models.Index("(service_id, date_from)")
    _end_idx = models.Index("(date_to)")

    @api.constrains("service_id", "date_from", "date_to")
    def _check_apart(self):
        """Check that no day is suspended twice, so that each can be taken back."""
        for service in self.service_id:
            rows = service.suspension_ids.sorted("date_from")
            for row, later in zip(rows, rows[1:], strict=False):
                if not row.date_to or row.date_to >= later.date_from:
                    raise ValidationError(
                        self.env._(
                            "%(service)s is suspended on %(day)s already. Change that"
                            " suspension instead.",
                            service=service.name,
                            day=format_date(self.env, later.date_from),
                        )
                    )

    def _holds(self, day):
        """Whether a day is one of its days."""
        self.ensure_one()
        return self.date_from <= day and (not self.date_to or day <= self.date_to)

    def _end(self, today):
        """Have them end the day before; what has not begun by then is no more."""
        begun = self.filtered(lambda row: row.date_from < today)
        begun.write({"date_to": today - DAY})
        (self - begun).unlink()

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        rows._wait_for_charges()
        rows.service_id._look_at_states()
        return rows

    def write(self, vals):
        self._wait_for_charges()
        services = self.service_id
        result = super().write(vals)
        (services | self.service_id)._look_at_states()
        return result

    def unlink(self):
        self._wait_for_charges()
        services = self.service_id
        result = super().unlink()
        services._look_at_states()
        return result

    def _wait_for_charges(self):
        """Override: also what jobs and customers write, who lock services at most."""
        result = super()._wait_for_charges()
        if is_trusted(self.env) and self:
            take_turns(self.service_id)
        return result


class OmniBillingService(models.Model):
    """Suspending and resuming (F192)."""

    _inherit = "omni.billing.service"

    suspension_ids = fields.One2many(
        "omni.billing.service.suspension",
        "service_id",
        string="Suspensions",
        copy=False,
        groups="base.group_user",
    )
    suspended_from = fields.Date(
        compute="_compute_suspended",
        inverse="_inverse_suspended",
        store=True,
        copy=False,
        help="The first day that is not charged, of the latest suspension. A day after"
        " its end is the first of another one.",
    )
    suspended_to = fields.Date(
        compute="_compute_suspended",
        inverse="_inverse_suspended",
        store=True,
        copy=False,
        help="The last day that is not charged. Empty: until further notice.",
    )
    suspension = fields.Char(
        compute="_compute_suspension",
        help="When it is, or will be, suspended; nothing once that is over.",
    )

    # === COMPUTE METHODS === #

    @api.depends("suspension_ids.date_from", "suspension_ids.date_to")
    def _compute_suspended(self):
        for service in self:
            latest = service.suspension_ids.sorted("date_from")[-1:]
            service.suspended_from = latest.date_from
            service.suspended_to = latest.date_to

    def _inverse_suspended(self):
        """Change the latest suspension, or add one that begins after its end."""
        for service in self:
            first, last = service.suspended_from, service.suspended_to
            latest = service.suspension_ids.sorted("date_from")[-1:]
            is_other = latest.date_to and first and first > latest.date_to
            values = {"date_from": first, "date_to": last}
            if not first and last:
                raise ValidationError(
                    self.env._("Enter the first day of the suspension as well.")
                )
            if not first:
                latest.unlink()
            elif latest and not is_other:
                # Whoever wanted it before: the customer does not take that back.
                latest.write(values | {"reason": "staff"})
            else:
                latest.create({"service_id": service.id, **values})

    @api.depends(
        "unit",
        "date_end",
        "partner_id",
        "suspension_ids.date_from",
        "suspension_ids.date_to",
    )
    @api.depends_context("lang")
    def _compute_suspension(self):
        now = fields.Datetime.now()
        for service in self:
            today, end = service._get_today(now), service.date_end
            coming = [
                (first, last)
                for first, last in service._get_suspensions()
                if not (last and last < today) and not (end and end < first)
            ]
            service.suspension = bool(service.unit and coming) and (
                service._describe_suspension(*coming[0])
            )

    def _describe_suspension(self, first, last):
        first = format_date(self.env, first)
        if last:
            return self.env._(
                "Suspended from %(first)s to %(last)s",
                first=first,
                last=format_date(self.env, last),
            )
        return self.env._("Suspended from %(first)s until further notice", first=first)

    # === CRUD METHODS === #

    def write(self, vals):
        result = super().write(vals)
        for name in {"suspended_from", "suspended_to"} & vals.keys():
            # The ORM keeps what was written; of a cleared one, the one before is shown.
            self.env.add_to_compute(self._fields[name], self)
        return result

    # === ACTION METHODS === #

    def action_suspend(self):
        """Suspend from tomorrow on, until further notice (F192)."""
        self.check_access("write")
        for service in self:
            service._suspend(service._get_today() + timedelta(days=1))
        return True

    def action_resume(self):
        """Charge again, from today on.

        What was to be suspended later is not, if nothing is suspended today.
        """
        self.check_access("write")
        for service in self:
            today = service._get_today()
            rows = service.suspension_ids
            current = rows.filtered(lambda row, day=today: row._holds(day))
            coming = rows.filtered(lambda row, day=today: row.date_from > day)
            service._end_suspensions(current or coming)
        return True

    # === BUSINESS METHODS === #

    def _suspend(self, first):
        """Suspend a service from a day on, until further notice.

        What was to be suspended later is a part of it.
        """
        self.ensure_one()
        rows = self.suspension_ids
        current = rows.filtered(lambda row: row._holds(first))
        (rows - current).filtered(lambda row: row.date_from > first).unlink()
        if current:
            current.write({"date_to": False, "reason": "staff"})
        else:
            rows.create({"service_id": self.id, "date_from": first})

    def _end_suspensions(self, rows):
        """Have suspensions of a service end today. Hook."""
        self.ensure_one()
        rows._end(self._get_today())

    def _get_coming_suspension(self):
        """Return the suspension that is, or else the next one; none if none is."""
        self.ensure_one()
        # sudo: as `_get_suspensions`.
        rows, today = self.sudo().suspension_ids, self._get_today()
        is_coming = rows.filtered(lambda row: not row.date_to or row.date_to >= today)
        return is_coming.sorted("date_from")[:1]

    def _get_suspensions(self):
        """Return the days on which it is suspended, as the calendar has them."""
        self.ensure_one()
        # sudo: customers see where their services stand.
        rows = self.sudo().suspension_ids.filtered("date_from").sorted("date_from")
        return tuple((row.date_from, row.date_to or None) for row in rows)

    def _is_suspended(self, day):
        return any(
            first <= day and (not last or day <= last)
            for first, last in self._get_suspensions()
        )

    @api.model
    def _get_turned_domains(self, today):
        """Return which services may begin, and which may end, a suspension by a day.

        Each on its own: of two that are joined by OR, PostgreSQL reads all services.
        """
        tomorrow, yesterday = today + DAY, today - DAY
        is_open = Domain("date_to", "=", False)
        begun = Domain("date_from", "<=", tomorrow)
        begins = begun & (is_open | Domain("date_to", ">=", yesterday))
        lasts = Domain("date_from", "<=", yesterday) & (
            is_open | Domain("date_to", ">", today)
        )
        return [
            Domain("known_state", "=", "running")
            & Domain("suspension_ids", "any", begins),
            Domain("known_state", "=", "suspended")
            & Domain("suspension_ids", "not any", lasts),
        ]

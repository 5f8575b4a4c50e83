import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from ...const import PERIOD_UNITS
from ...tools.action import open_list
from ...tools.database import commit_progress, retry, rollback
from ...tools.recurrence import DAY, Recurrence, get_today
from ...tools.write_guard import trust

_logger = logging.getLogger(__name__)


class OmniBillingRunSchedule(models.Model):
    """Runs that begin by themselves, like each month on the 1st (F187)."""

    _name = "omni.billing.run.schedule"
    _inherit = ["omni.billing.run.selection"]
    _description = "Schedule of Billing Runs"
    _order = "next_date, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    interval = fields.Integer(string="Every", default=1, required=True)
    unit = fields.Selection(
        PERIOD_UNITS, string="Period Unit", default="month", required=True
    )
    anchor_day = fields.Integer(
        string="Day of the Month",
        default=1,
        help="31 is the last day of a month. 0: the day of the first run.",
    )
    date_first = fields.Date(
        string="First Run",
        required=True,
        default=lambda self: self._get_default_first(),
    )
    next_date = fields.Date(
        string="Next Run",
        compute="_compute_next_date",
        store=True,
        index=True,
        help="In the time zone of the company.",
    )
    last_date = fields.Date(string="Last Run", readonly=True, copy=False)
    period = fields.Selection(
        [
            ("previous", "The period that ended the day before"),
            ("all", "All that is unbilled, up to the day before"),
        ],
        string="Bills",
        required=True,
        default="all",
    )
    due_days = fields.Integer(string="Days until Due", default=15)
    run_ids = fields.One2many("omni.billing.run", "schedule_id", readonly=True)
    run_count = fields.Integer(string="Runs", compute="_compute_run_count")

    _interval_positive = models.Constraint(
        "CHECK(interval BETWEEN 1 AND 366)",
        "A period has 1 to 366 days, weeks, months or years.",
    )
    _anchor_day_valid = models.Constraint(
        "CHECK(anchor_day BETWEEN 0 AND 31)",
        "The day of the month is from 1 to 31, or 0 for the day of the first run.",
    )
    _due_days_valid = models.Constraint(
        "CHECK(due_days >= 0)", "An invoice cannot be due before its date."
    )

    @api.constrains("due_days")
    def _check_due_days(self):
        for schedule in self:
            if schedule.due_days > 365:
                raise ValidationError(
                    self.env._(
                        "“%(name)s”: an invoice is due within 365 days.",
                        name=schedule.name,
                    )
                )

    @api.model
    def _get_default_first(self):
        today = fields.Date.context_today(self)
        return fields.Date.add(today.replace(day=1), months=1)

    @api.depends("interval", "unit", "anchor_day", "date_first", "last_date")
    def _compute_next_date(self):
        for schedule in self:
            if not schedule.date_first or schedule.interval < 1:
                schedule.next_date = False
                continue
            recurrence = schedule._get_recurrence()
            after = max(
                schedule.date_first,
                (schedule.last_date + DAY)
                if schedule.last_date
                else schedule.date_first,
            )
            number = recurrence.get_number(after)
            first = recurrence.get_whole(number).first
            schedule.next_date = (
                first if first >= after else recurrence.get_whole(number + 1).first
            )

    @api.depends("run_ids")
    def _compute_run_count(self):
        for schedule in self:
            schedule.run_count = len(schedule.run_ids)

    def _get_recurrence(self):
        return Recurrence(self.date_first, self.unit, self.interval, self.anchor_day)

    def action_open_runs(self):
        self.ensure_one()
        domain = [("schedule_id", "=", self.id)]
        return open_list(self.env, "omni_billing_run_action", domain)

    @api.model
    def _start_due(self, now):
        """Begin the runs whose day has come, each once; commits after each."""
        tomorrow = (now + timedelta(days=1)).date()
        for schedule in self.search(Domain("next_date", "<=", tomorrow)):
            zone = schedule.company_id.partner_id.tz
            try:
                while schedule.next_date <= get_today(now, zone):
                    retry(self.env, schedule._start_next)
                    commit_progress(self.env)
            except Exception as error:  # one must not hold up all other runs
                rollback(self.env)
                _logger.warning("%s is not started: %r", schedule, error)

    def _start_next(self):
        """Begin the next run, and move on; the database allows it once."""
        self.ensure_one()
        self.lock_for_update(allow_referencing=True)
        self.invalidate_recordset()
        run = trust(self.env["omni.billing.run"]).create(self._prepare_run_values())
        self.last_date = self.next_date
        run.with_env(self.env)._begin("running")

    def _prepare_run_values(self):
        """Return the values of the next run. Hook."""
        day = self.next_date
        recurrence = self._get_recurrence()
        whole = recurrence.get_whole(recurrence.get_number(day) - 1)
        names = self.env["omni.billing.run.selection"]._fields.keys() & {
            *("company_id", "partner_ids", "category_ids", "lang", "payment_method"),
            *("currency_id", "filter_text", "amount_minimum", "title", "due_policy"),
            *("payment_term_id", "is_charge", "is_email", "customer_reference"),
        }
        values = {
            name: self._fields[name].convert_to_write(self[name], self)
            for name in names
        }
        return values | {
            "name": f"{self.name}, {day}",
            "schedule_id": self.id,
            "schedule_date": day,
            "user_id": self.create_uid.id,
            "date_start": whole.first if self.period == "previous" else False,
            "date_end": day - DAY,
            "invoice_date": day,
            "date_due": day + timedelta(days=self.due_days),
        }

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date, format_list

from ...const import MAX_TITLE_LENGTH
from ...tools.action import open_list
from ...tools.lock import wait_for
from ...tools.numbers import format_amount
from ...tools.pace import estimate_pace
from ...tools.write_guard import is_trusted, trust

#: How far the run is.
STATE_FIELDS = {
    "state",
    "is_prepared",
    "working_since",
    "working_from",
    "finished_at",
    "charging_stopped_at",
    "schedule_id",
    "schedule_date",
}
#: What may change once the run has begun.
FREE_FIELDS = {"name", "user_id"}
#: The states in which the job works on a run.
WORKING_STATES = ("checking", "running", "collecting")


class OmniBillingRun(models.Model):
    """Bill many customers at once: an invoice for each of them (F40, F186-F188, W9).

    A job does it in steps (see `_work`), each of which is done or not at all: it can be
    stopped anywhere, by a person or by a power cut, and goes on where it was.
    """

    _name = "omni.billing.run"
    _inherit = [
        "omni.billing.guard.mixin",
        "omni.billing.run.selection",
        "mail.thread",
    ]
    _description = "Billing Run"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(required=True, default=lambda self: self._get_default_name())
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        default=lambda self: self.env.user,
        help="Is told how the run ended.",
    )
    date_start = fields.Date(
        string="Period Start", help="Empty: whatever is unbilled, however old."
    )
    date_end = fields.Date(
        string="Period End", required=True, default=fields.Date.context_today
    )
    invoice_date = fields.Date(
        required=True,
        default=fields.Date.context_today,
        help="The date of the invoices in the books.",
    )
    date_due = fields.Date(
        string="Due Date",
        compute="_compute_date_due",
        store=True,
        readonly=False,
        precompute=True,
    )
    scheduled_at = fields.Datetime(
        string="Start at", copy=False, help="Empty: when somebody presses Bill."
    )
    schedule_id = fields.Many2one(
        "omni.billing.run.schedule", readonly=True, copy=False, ondelete="restrict"
    )
    schedule_date = fields.Date(readonly=True, copy=False)
    line_ids = fields.One2many(
        "omni.billing.run.line", "run_id", string="Lines", readonly=True
    )

    # === How far it is === #
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("checking", "Checking"),
            ("checked", "Checked"),
            ("scheduled", "Scheduled"),
            ("running", "Being Billed"),
            ("collecting", "Charging and Sending"),
            ("paused", "Paused"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        tracking=True,
    )
    is_prepared = fields.Boolean(readonly=True, copy=False)
    working_since = fields.Datetime(readonly=True, copy=False)
    working_from = fields.Integer(
        readonly=True, copy=False, help="How much was done when it began or went on."
    )
    finished_at = fields.Datetime(readonly=True, copy=False)
    charging_stopped_at = fields.Datetime(
        string="Nothing Charged since",
        readonly=True,
        copy=False,
        help="When Stripe last refused the key of the account.",
    )
    line_count = fields.Integer(string="Customers", compute="_compute_counts")
    ready_count = fields.Integer(string="To Bill", compute="_compute_counts")
    remark_count = fields.Integer(string="With a Note", compute="_compute_counts")
    done_count = fields.Integer(string="Billed", compute="_compute_counts")
    skipped_count = fields.Integer(string="Skipped", compute="_compute_counts")
    parked_count = fields.Integer(
        string="Needs Attention",
        compute="_compute_counts",
        help="Customers whom the run could not bill: a person looks at why.",
    )
    failed_count = fields.Integer(string="Not Charged", compute="_compute_counts")
    amounts = fields.Char(string="Total", compute="_compute_counts")

    _schedule_unique = models.UniqueIndex(
        "(schedule_id, schedule_date) WHERE schedule_id IS NOT NULL",
        "This run of the schedule exists already.",
    )
    _working_idx = models.Index(
        "(id) WHERE state IN ('checking', 'running', 'collecting', 'scheduled')"
    )

    @api.model
    def _get_default_name(self):
        today = format_date(self.env, fields.Date.context_today(self))
        return self.env._("Billing of %(date)s", date=today)

    # === COMPUTE METHODS === #

    @api.depends("invoice_date")
    def _compute_date_due(self):
        """Propose today; a later date of the invoices moves an earlier day."""
        for run in self:
            today = fields.Date.context_today(run)
            days = (run.date_due or today, run.invoice_date)
            run.date_due = max(filter(None, days))

    @api.depends("line_ids.state", "line_ids.amount_total")
    def _compute_counts(self):
        counts = self._read_counts()
        for run in self:
            mine = counts.get(run.id, [])
            run.line_count = sum(count for _state, _unit, count, _amount in mine)
            for state in ("ready", "done", "skipped", "parked"):
                run[f"{state}_count"] = sum(row[2] for row in mine if row[0] == state)
            sums = {}
            for state, unit, _count, amount in mine:
                if state in ("done", "ready"):
                    sums[unit] = sums.get(unit, 0) + amount
            run.amounts = format_list(
                self.env,
                [
                    format_amount(self.env, amount, unit)
                    for unit, amount in sums.items()
                ],
            )
        Line = self.env["omni.billing.run.line"]
        failed = self._count_lines(Line._get_action_domain())
        remarks = self._count_lines(
            Domain("state", "=", "ready") & Domain("reason", "!=", False)
        )
        for run in self:
            run.failed_count = failed.get(run, 0)
            run.remark_count = remarks.get(run, 0)

    def _count_lines(self, domain):
        groups = self.env["omni.billing.run.line"]._read_group(
            Domain("run_id", "in", self.ids) & domain, ["run_id"], ["__count"]
        )
        return dict(groups)

    def _read_counts(self):
        """Return (state, currency, count, amount) of the lines, by id of the run."""
        result = {}
        groups = self.env["omni.billing.run.line"]._read_group(
            [("run_id", "in", self.ids)],
            ["run_id", "state", "currency_id"],
            ["__count", "amount_total:sum"],
        )
        for run, *values in groups:
            result.setdefault(run.id, []).append(values)
        return result

    # === CONSTRAINT METHODS === #

    @api.constrains(
        *("date_start", "date_end", "due_policy", "date_due", "invoice_date", "title")
    )
    def _check_values(self):
        for run in self:
            if run.date_start and run.date_start > run.date_end:
                raise ValidationError(
                    self.env._(
                        "The period cannot end before it starts: %(start)s is after"
                        " %(end)s.",
                        start=format_date(self.env, run.date_start),
                        end=format_date(self.env, run.date_end),
                    )
                )
            if run.due_policy == "date" and not run.date_due:
                raise ValidationError(self.env._("Enter a due date."))
            if run.due_policy == "date" and (
                problem := self.env["omni.billing.transaction"]._find_wrong_due_date(
                    run.date_due, run.invoice_date
                )
            ):
                raise ValidationError(problem)
            if len(run.title or "") > MAX_TITLE_LENGTH:
                raise ValidationError(
                    self.env._(
                        "The title has %(length)s characters, more than the"
                        " %(maximum)s allowed.",
                        length=len(run.title),
                        maximum=MAX_TITLE_LENGTH,
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        runs = super(OmniBillingRun, model).create(vals_list)
        runs._check_responsible()
        return runs

    def write(self, vals):
        """Override: what a run is about is fixed when it begins."""
        if is_trusted(self.env):
            return super().write(vals)
        self._billing_guard_write(vals)
        # Messages, activities and followers are not about the run itself.
        changed = {
            name
            for name in vals.keys() - FREE_FIELDS
            if not name.startswith(("message_", "activity_"))
        }
        if changed:
            for run in self:
                if run.state not in ("draft", "checked"):
                    raise UserError(
                        self.env._(
                            "%(run)s has begun and cannot be edited. Duplicate it for"
                            " another one.",
                            run=run.name,
                        )
                    )
            self._forget_lines()
        result = super().write(vals)
        if "user_id" in vals:
            self._check_responsible()
        return result

    def _check_responsible(self):
        """Nobody bills in the name of somebody else; managers hand runs over.

        Not as a constraint: Odoo asks those as the superuser.
        """
        user = self.env.user
        if self.env.su or user.has_group("omni_billing.omni_billing_group_manager"):
            return
        if any(run.user_id != user for run in self):
            raise AccessError(
                self.env._(
                    "You answer for the runs that you start. To have somebody else"
                    " answer for one, ask a billing manager."
                )
            )

    def _take_over(self):
        """Have who sets a run to work answer for it; managers leave it as it is."""
        user = self.env.user
        if self.env.su or user.has_group("omni_billing.omni_billing_group_manager"):
            return
        trust(self.filtered(lambda run: run.user_id != user)).user_id = user

    @api.ondelete(at_uninstall=False)
    def _unlink_except_begun(self):
        if begun := self.filtered(lambda run: run.state not in ("draft", "checked")):
            raise UserError(
                self.env._(
                    "%(run)s has begun and stays on file.", run=begun[0].display_name
                )
            )

    @api.model
    def _billing_get_state_fields(self):
        """Override: how far the run is."""
        return super()._billing_get_state_fields() | STATE_FIELDS

    def _billing_raise_state_fields(self, names):
        raise AccessError(
            self.env._("The state of a run cannot be set by hand: use its buttons.")
        )

    def _forget_lines(self):
        """A check is void when what was checked changes."""
        # sudo: lines are the job's; who may edit the run may have it checked again.
        self.sudo().line_ids.unlink()
        trust(self).write({"state": "draft", "is_prepared": False})

    # === ACTION METHODS === #

    def action_check(self):
        """Compute what the run would do, and do nothing (a dry run)."""
        self.ensure_one()
        self._check_can_start(("draft", "checked"))
        self._begin("checking")
        return True

    def action_start(self):
        """Bill, as a job: now, or at the time that was entered."""
        self.ensure_one()
        self._check_can_start(("draft", "checked", "scheduled"))
        self._take_over()
        is_later = self.scheduled_at and self.scheduled_at > fields.Datetime.now()
        if is_later and self.state != "scheduled":
            trust(self).state = "scheduled"
            self._trigger_job(at=self.scheduled_at)
        else:
            self._begin("running")
        return True

    def action_pause(self):
        """Stop after the step that is under way."""
        self._change_state(("running", "collecting"), "paused")
        return True

    def action_resume(self):
        """Go on where it was."""
        self._lock_state()
        self._take_over()
        for run in self.filtered(lambda run: run.state == "paused"):
            has_pending = run._count_pending() or not run.is_prepared
            run._go_on("running" if has_pending else "collecting")
        return True

    def action_cancel(self):
        """Stop for good; what was billed stays billed."""
        self._change_state(
            ("checking", "checked", "scheduled", "running", "collecting", "paused"),
            "cancelled",
        )
        for run in self.filtered(lambda run: run.state == "cancelled"):
            run._cancel_lines()
        return True

    def action_retry_parked(self):
        """Try the customers again that were parked."""
        self._lock_state()
        self._take_over()
        for run in self:
            if run.state not in ("running", "collecting", "paused", "done"):
                continue
            run._find_lines(Domain("state", "=", "parked"))._set_pending()
            if run.state != "paused":
                run._go_on("running")
        return True

    def action_open_lines(self):
        """Open the list of customers; the filter is in the context."""
        self.ensure_one()
        context = {"billing_hide_run": True}
        if name := self.env.context.get("billing_filter"):
            context[f"search_default_{name}"] = 1
        domain = [("run_id", "=", self.id)]
        action = open_list(self.env, "omni_billing_run_line_action", domain, context)
        action["display_name"] = self.env._("Customers of %(run)s", run=self.name)
        return action

    def action_open_invoices(self):
        self.ensure_one()
        domain = [("billing_run_line_ids.run_id", "=", self.id)]
        return open_list(self.env, "account_move_action_billing", domain, {})

    @api.readonly
    def get_progress(self):
        """Return how far the run is, for the web client.

        :rtype: dict
        """
        self.ensure_one()
        self.check_access("read")
        done, pending = self._count_progress()
        now = fields.Datetime.now()
        seconds = (
            (now - self.working_since).total_seconds() if self.working_since else 0
        )
        rate, left = estimate_pace(done - self.working_from, pending, seconds)
        return {
            "state": self.state,
            "is_working": self.state in WORKING_STATES,
            "is_prepared": self.is_prepared,
            "total": done + pending,
            "done": done,
            "billed": self.done_count,
            "ready": self.ready_count,
            "remarks": self.remark_count,
            "skipped": self.skipped_count,
            "parked": self.parked_count,
            "failed": self.failed_count,
            "amounts": self.amounts,
            "rate": rate,
            "seconds_left": left,
        }

    def _count_progress(self):
        """Return how many customers are done, and how many are left, in this phase."""
        if self.state in WORKING_STATES and not self.is_prepared:
            return 0, 0
        if self.state != "collecting":
            pending = self._count_pending()
            return self.line_count - pending, pending
        Line = self.env["omni.billing.run.line"]
        mine = Domain("run_id", "=", self.id)
        wanted = Domain("charge_state", "!=", False) | Domain(
            "email_state", "!=", False
        )
        pending = Line.search_count(mine & Line._get_collecting_domain())
        return Line.search_count(mine & wanted) - pending, pending

    # === BUSINESS METHODS - STATE === #

    def _check_can_start(self, states):
        """Say what would stop the whole run, before it begins.

        :raise UserError: if it has begun, or nothing could be posted.
        """
        self.check_access("write")
        self._lock_state()
        if self.state not in states:
            raise UserError(
                self.env._("%(run)s has begun already.", run=self.display_name)
            )
        self._check_open()

    def _check_open(self):
        company = self.company_id
        company._billing_check_open(self.invoice_date, company._billing_get_journal())

    def _begin(self, state):
        trust(self).write({"is_prepared": False, "finished_at": False})
        self._go_on(state)

    def _go_on(self, state):
        done = self.line_count - self._count_pending() if self.is_prepared else 0
        trust(self).write(
            {
                "state": state,
                "working_since": fields.Datetime.now(),
                "working_from": done if state == "running" else 0,
            }
        )
        self._trigger_job()

    def _change_state(self, sources, target):
        self._lock_state()
        trust(self.filtered(lambda run: run.state in sources)).state = target

    def _lock_state(self):
        """Let nobody else change the state; then see where the run stands."""
        self.check_access("write")
        wait_for(self)

    @api.model
    def _trigger_job(self, at=None):
        # sudo: who starts a run has it done at once.
        self.env.ref("omni_billing.ir_cron_process_runs").sudo()._trigger(at)

    def _count_pending(self):
        return self.env["omni.billing.run.line"].search_count(
            [("run_id", "in", self.ids), ("state", "=", "pending")]
        )

    def _cancel_lines(self):
        pending = self._find_lines(Domain("state", "=", "pending"))
        pending._set_skipped(self.env._("The run was cancelled."))
        self.env["omni.billing.run.line"]._stop_collecting(self)

    def _find_lines(self, domain):
        """Return lines of these runs; what is not asked for is not in memory."""
        # sudo: lines are the job's.
        Line = self.env["omni.billing.run.line"].sudo()
        return Line.search(Domain("run_id", "in", self.ids) & domain)

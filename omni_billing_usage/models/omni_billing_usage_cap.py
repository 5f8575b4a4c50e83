from dataclasses import replace
from decimal import Decimal

from odoo import api, fields, models

from ..tools.caps import Cap, Step, Watch


class OmniBillingUsageCap(models.Model):
    """What was agreed of what a service may cost, from its moment on (W41).

    It is a log, and never written again: what is charged goes by the time of usage and
    by these moments, which nobody chooses. So it is the same whenever it is rated.
    """

    _name = "omni.billing.usage.cap"
    _inherit = ["omni.billing.server.mixin"]
    _description = "Spending Cap of a Service"
    _order = "moment desc, id desc"

    service_id = fields.Many2one(
        "omni.billing.service", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="service_id.company_id", store=True, precompute=True, index=True
    )
    name = fields.Char(
        string="Cap",
        readonly=True,
        help="As its rate plan has it. Empty: of all usage.",
    )
    kind = fields.Selection(
        [
            ("own", "From Now on"),
            ("consent", "For This Period"),
            ("plan", "As in the Plan"),
        ],
        required=True,
        readonly=True,
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(
        readonly=True, help="What usage of a period may cost in all."
    )
    is_unlimited = fields.Boolean(string="No Limit", readonly=True)
    action = fields.Selection([("stop", "Stop"), ("warn", "Warn")], readonly=True)
    moment = fields.Datetime(string="When", required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", string="Who", required=True, readonly=True, ondelete="restrict"
    )
    way = fields.Selection(
        [("staff", "By Staff"), ("customer", "By the Customer")],
        required=True,
        readonly=True,
    )
    note = fields.Char(readonly=True)

    _service_idx = models.Index("(service_id, moment, id)")
    # That nothing may be used of, from month to month: `_list_unused`.
    _nothing_idx = models.Index("(service_id) WHERE kind = 'own' AND amount = 0")

    @api.depends("name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.name or self.env._("All usage")

    # === BUSINESS METHODS === #

    @api.model
    def _find_agreed(self, services, end):
        """Return what was agreed until a moment, in its order."""
        return self.search(
            [("service_id", "in", services.ids), ("moment", "<", end)],
            order="moment, id",
        )

    @api.model
    def _find_caps(self, plan, period, services, agreed=None):
        """Return what usage of services may cost in a period, by their numbers.

        :param agreed: of these services, and perhaps of others, if it is known.
        :rtype: dict[int, list[Cap]]
        """
        if agreed is None:
            agreed = self._find_agreed(services, period.end)
        # What was agreed in other money says nothing of this.
        rows = agreed.filtered(lambda row: row.currency_id == plan.currency_id)
        standard = plan._find_caps(period.first)
        by_cap = rows.grouped(lambda row: (row.service_id, row.name or ""))
        found = {}
        for service in services:
            keys = list(standard)
            if "" not in standard and (service, "") in by_cap:
                keys.append("")
            caps = [
                _make(key, standard.get(key), by_cap.get((service, key), ()), period)
                for key in keys
            ]
            if caps:
                found[service.id] = caps
        return found


class OmniBillingUsageRating(models.Model):
    """Rating: what is beyond a cap is not charged (W41)."""

    _inherit = "omni.billing.usage.rating"

    @api.model
    def _watch_caps(self, plan, period, services):
        """Return what looks at services whenever something else is agreed.

        :rtype: Watch
        """
        if not plan:
            return Watch({}, period.begin)
        caps = self.env["omni.billing.usage.cap"]._find_caps(plan, period, services)
        return Watch(caps, period.begin)


def _make(key, cap, rows, period):
    """Return a cap of a service, with what was agreed of it.

    :param cap: of the plan; nothing: there is none.
    """
    rates = cap._get_rate_names() if cap else frozenset()
    steps = _make_steps(cap, rows, period.begin)
    return Cap(key, cap.name if cap else "", rates, steps)


def _make_steps(cap, rows, begin):
    """Return what holds in a period, one after the other.

    :param cap: of the plan; nothing: there is none.
    :param rows: what was agreed, in its order.
    """
    amount = Decimal(str(cap.amount)) if cap else None
    standard = Step(begin, amount, bool(cap) and cap.action == "stop")
    before, after = standard, []
    for row in rows:
        last = after[-1] if after else before
        since = max(row.moment, begin)
        if row.kind == "plan":
            step = replace(standard, since=since)
        else:
            # Who agrees to another amount says nothing of what is beyond it.
            is_stop = row.action == "stop" if row.action else last.is_stop
            amount = None if row.is_unlimited else Decimal(str(row.amount))
            step = Step(since, amount, is_stop, row.id)
        if row.moment >= begin:
            after.append(step)
        elif row.kind != "consent":
            # What was agreed for one period alone ends with it.
            before = step
    return (before, *after)

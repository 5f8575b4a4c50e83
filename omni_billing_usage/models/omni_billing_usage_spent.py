from odoo import api, fields, models

#: What of it another job may have written meanwhile.
CHANGED = ("cap_limit", "is_unlimited", "action", "amount", "held", "step_number")


class OmniBillingUsageSpent(models.Model):
    """How much of a spending cap usage of a service and period comes to (W41).

    The rater writes it; pages read it. Whether more may be used is told to the program
    that provides the service, each time that it changes.
    """

    _name = "omni.billing.usage.spent"
    _inherit = "omni.billing.server.mixin"
    _description = "Spent of a Cap"
    _order = "date_from desc, service_id, name, id"

    service_id = fields.Many2one(
        "omni.billing.service", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    name = fields.Char(
        string="Cap",
        readonly=True,
        help="As its rate plan has it. Empty: of all usage.",
    )
    date_from = fields.Date(string="From", required=True, readonly=True)
    date_to = fields.Date(string="To", required=True, readonly=True)
    begin = fields.Datetime(required=True, readonly=True)
    end = fields.Datetime(string="Until", required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    cap_limit = fields.Monetary(string="Cap Amount", readonly=True)
    is_unlimited = fields.Boolean(string="No Limit", readonly=True)
    action = fields.Selection([("stop", "Stop"), ("warn", "Warn")], readonly=True)
    step_number = fields.Integer(
        readonly=True, help="Which agreement says so; 0: its rate plan."
    )
    amount = fields.Monetary(string="Spent", readonly=True)
    held = fields.Monetary(string="Not Charged", readonly=True)
    is_blocked = fields.Boolean(
        string="Blocked",
        readonly=True,
        help="Nothing more is charged until somebody agrees to it.",
    )

    _cap_unique = models.UniqueIndex(
        "(service_id, date_from, COALESCE(name, ''))",
        "This cap is there already.",
    )
    # That nothing may be used of: `_list_unused`.
    _nothing_idx = models.Index('("end") WHERE is_blocked AND cap_limit = 0')

    # === BUSINESS METHODS === #

    @api.model
    def _note(self, results, now):
        """Write what caps come to, and tell of the period that runs.

        :param list[Rated] results: what usage comes to.
        """
        rated = {(one.service, one.period.first): one for one in results}
        if not rated:
            return
        services = self.env["omni.billing.service"].union(*(one[0] for one in rated))
        known = {
            (row.service_id, row.date_from, row.name or ""): row
            for row in self.search(
                [
                    ("service_id", "in", services.ids),
                    ("date_from", "in", list({first for _service, first in rated})),
                ]
            )
        }
        new = []
        for (service, first), result in rated.items():
            for spent in result.spent:
                values = self._prepare(result, spent)
                row = known.pop((service, first, spent.cap.key), None)
                if row is None:
                    new.append(values)
                elif any(row[name] != values[name] for name in CHANGED):
                    row.write(values)
        # The plan has them no more.
        gone = [row for key, row in known.items() if key[:2] in rated]
        self.browse().concat(*gone)._let_go()
        self.create(new)
        self._tell_blocked(services, now)

    @api.model
    def _find_running(self, services, now):
        """Return how far caps of services are in the periods that run."""
        return self.search(
            [
                ("service_id", "in", services.ids),
                ("begin", "<=", now),
                ("end", ">", now),
            ],
            order="id",
        )

    @api.model
    def _leave_months(self, service, calendar):
        """Let go what is of months that another calendar does not have."""
        rows = self.search([("service_id", "=", service.id)])
        rows.filtered(lambda row: not row._is_cut_by(calendar))._let_go()

    @api.model
    def _tell_blocked(self, services, now):
        """Tell whose usage is to stop, or may go on, in the period that runs."""
        rows = self._find_running(services, now)
        changed = rows.filtered(lambda row: row._must_block() != row.is_blocked)
        for row in changed:
            row.is_blocked = not row.is_blocked
        Delivery = self.env["omni.billing.webhook.delivery"]
        blocked = changed.filtered("is_blocked")
        Delivery._tell("usage.cap_reached", blocked, "blocked")
        Delivery._tell("usage.cap_lifted", changed - blocked, "open")

    @api.model
    def _prepare(self, result, spent):
        service, period = result.service, result.period
        return {
            **self._prepare_unused(service, result.plan, period, spent.cap),
            "amount": float(spent.amount),
            "held": float(spent.held),
        }

    @api.model
    def _prepare_unused(self, service, plan, period, cap):
        """Return the values of a row of which nothing was used."""
        return {
            "service_id": service.id,
            "company_id": service.company_id.id,
            "name": cap.key or False,
            "date_from": period.first,
            "date_to": period.last,
            "begin": period.begin,
            "end": period.end,
            "currency_id": plan.currency_id.id,
            **self._prepare_limit(cap.last),
        }

    @api.model
    def _prepare_limit(self, step):
        """Return what a step of `tools/caps.py` says."""
        return {
            "cap_limit": float(step.amount or 0),
            "is_unlimited": step.amount is None,
            "action": "stop" if step.is_stop else "warn",
            "step_number": step.source,
        }

    def _is_cut_by(self, calendar):
        """Whether its period is one of a calendar."""
        self.ensure_one()
        period = calendar.find(self.begin)
        return (period.begin, period.end) == (self.begin, self.end)

    def _must_block(self):
        self.ensure_one()
        is_reached = self.currency_id.compare_amounts(self.amount, self.cap_limit) >= 0
        return self.action == "stop" and not self.is_unlimited and is_reached

    def _let_go(self):
        """Delete what no plan has any more; what it stopped goes on."""
        blocked = self.filtered("is_blocked")
        blocked.is_blocked = False
        self.env["omni.billing.webhook.delivery"]._tell(
            "usage.cap_lifted", blocked, "open"
        )
        self.unlink()

    def _billing_prepare_webhook_data(self):
        """Return what other programs are told of a cap. Hook.

        :return: plain values, amounts as text; neither names nor numbers of people.
        :rtype: dict
        """
        self.ensure_one()
        service, decimals = self.service_id, self.currency_id.decimal_places
        return {
            "id": self.id,
            "cap": self.name or None,
            "service": {
                "id": service.id,
                "product": service.product_id.default_code or None,
                "reference": service.customer_reference or None,
            },
            "customer": {
                "id": service.commercial_partner_id.id,
                "reference": service.commercial_partner_id.ref or None,
            },
            "currency": self.currency_id.name,
            "limit": None if self.is_unlimited else f"{self.cap_limit:.{decimals}f}",
            "amount": f"{self.amount:.{decimals}f}",
            "date_from": fields.Date.to_string(self.date_from),
            "date_to": fields.Date.to_string(self.date_to),
            "until": f"{self.end.isoformat()}+00:00",
        }


class OmniBillingUsageRating(models.Model):
    """Rating: how far caps and allowances are is kept, and told (W41)."""

    _inherit = "omni.billing.usage.rating"

    def _note_spent(self, results, now):
        """Write how far services are, and tell their customers."""
        self.env["omni.billing.usage.spent"]._note(results, now)
        self.env["omni.billing.usage.alert"]._note(results, now)

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from odoo.addons.omni_billing.tools.periods import format_period

#: Who has usage to be rated: appended by the intake, and by what changes prices; read
#: and deleted by the job. So no row of it is ever written by two.
MARKS = """
    CREATE TABLE IF NOT EXISTS omni_billing_usage_mark (
        id bigserial PRIMARY KEY,
        service_id integer NOT NULL,
        begin timestamp NOT NULL,
        until timestamp NOT NULL,
        problem text,
        since timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
    );
    CREATE INDEX IF NOT EXISTS omni_billing_usage_mark_service
        ON omni_billing_usage_mark (service_id);
    CREATE INDEX IF NOT EXISTS omni_billing_usage_mark_problem
        ON omni_billing_usage_mark (service_id) WHERE problem IS NOT NULL;
"""


class OmniBillingUsageRating(models.Model):
    """What the usage of a service, meter and period comes to, and why (W41).

    A period is rated as a whole, again and again until its charge is billed. What comes
    after that is a further part: the difference to what was charged. The job alone
    writes it, with its lines and the transaction that it is charged by.
    """

    _name = "omni.billing.usage.rating"
    _inherit = "omni.billing.server.mixin"
    _description = "Rated Usage"
    _order = "date_from desc, service_id, meter_id, part"

    service_id = fields.Many2one(
        "omni.billing.service",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    partner_id = fields.Many2one(
        related="service_id.commercial_partner_id", string="Customer"
    )
    owner_number = fields.Integer(
        readonly=True,
        help="By which customer's services allowances were shared, once it is charged:"
        " a number alone, as this stays where the service or customer is of another.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    meter_id = fields.Many2one(
        "omni.billing.meter",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    plan_id = fields.Many2one(
        "omni.billing.rate.plan",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="None: the service had no rate plan then, and nothing is charged.",
    )
    part = fields.Integer(
        readonly=True,
        required=True,
        default=0,
        aggregator=None,
        help="0 is the charge of the period, 1 and up are its corrections.",
    )
    date_from = fields.Date(string="From", required=True, readonly=True)
    date_to = fields.Date(string="To", required=True, readonly=True)
    begin = fields.Datetime(required=True, readonly=True)
    end = fields.Datetime(required=True, readonly=True)
    state = fields.Selection(
        [("running", "Running"), ("charged", "Charged")],
        string="Status",
        required=True,
        readonly=True,
        default="running",
        help="A period is charged when it is over.",
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount_period = fields.Monetary(
        string="Period", readonly=True, help="What all usage of the period comes to."
    )
    amount_before = fields.Monetary(
        string="Charged Before", readonly=True, help="By the parts before this one."
    )
    amount = fields.Monetary(
        readonly=True, help="Of this part: the period, less what was charged before."
    )
    events = fields.Integer(readonly=True, help="Of the period, by now.")
    events_late = fields.Integer(
        readonly=True, help="That came after the part before was charged."
    )
    unrated = fields.Integer(
        string="Not Rated", readonly=True, help="Events that no rate is for."
    )
    unrated_refs = fields.Char(
        string="Such As", readonly=True, help="References of the first of them."
    )
    is_gone = fields.Boolean(
        string="Service Not There",
        readonly=True,
        help="Its service had ended, or not begun: no fee, no least, and nothing that"
        " the period includes.",
    )
    is_closed = fields.Boolean(
        string="Closed",
        readonly=True,
        help="Events of it are not there any more: it stays as it is.",
    )
    listed = fields.Json(
        string="Prices of Products",
        readonly=True,
        help="By the customer's pricelist; once a period is charged they stay.",
    )
    fingerprint = fields.Char(readonly=True)
    line_ids = fields.One2many(
        "omni.billing.usage.rating.line", "rating_id", readonly=True
    )
    transaction_id = fields.Many2one(
        "omni.billing.transaction",
        string="Charge",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="None: the period runs, or this part comes to nothing.",
    )

    # Whoever rates, and however often: each part of a period is there once.
    _part_unique = models.UniqueIndex(
        "(service_id, meter_id, date_from, part)",
        "This part of the usage is there already.",
    )
    _transaction_unique = models.UniqueIndex(
        "(transaction_id) WHERE transaction_id IS NOT NULL",
        "A transaction charges one part of usage.",
    )
    _running_idx = models.Index("(\"end\") WHERE state = 'running'")
    _closed_idx = models.Index("(company_id) WHERE is_closed AND state = 'running'")
    _unrated_idx = models.Index("(company_id) WHERE unrated > 0")
    _owner_idx = models.Index("(owner_number, date_from) WHERE state = 'charged'")
    _plan_idx = models.Index("(plan_id, date_to) WHERE state = 'charged'")

    def init(self):
        """Override of the ORM: make the table of who is to be rated."""
        self.env.cr.execute(MARKS)

    @api.depends("service_id", "meter_id", "date_from", "part")
    def _compute_display_name(self):
        # sudo: who may read it reads of what it is.
        for rating in self.sudo():
            rating.display_name = (
                f"{rating.service_id.name}, {rating.meter_id.name},"
                f" {rating._format_period(self.env)}"
            )

    # === ACTION METHODS === #

    def action_open_usage(self):
        """Open the events of the period."""
        self.ensure_one()
        return self.env["omni.billing.usage"]._open(self._get_events_domain())

    def action_open_transaction(self):
        """Open the transaction that this part is charged by."""
        self.ensure_one()
        return self.transaction_id.action_open_detail()

    # === MARKS === #

    @api.model
    def _mark(self, services, begin, until):
        """Have periods of services rated: those from a moment to another."""
        self.env.cr.execute(
            SQL(
                "INSERT INTO omni_billing_usage_mark (service_id, begin, until)"
                " SELECT unnest(%s::int[]), %s, %s",
                sorted(services.ids),
                begin,
                until,
            )
        )

    @api.model
    def _note_moved(self, services, begin, until):
        """Have periods rated anew whose events were moved: there may be fewer now."""
        parts = self.search(
            [
                ("service_id", "in", services.ids),
                ("begin", "<", until),
                ("end", ">", begin),
            ]
        )
        parts.write({"events": 0, "fingerprint": False})
        self._mark(services, begin, until)

    @api.model
    def _mark_plans(self, plans):
        """Have rated what plans say something of, and is not charged yet.

        And what was not rated, which a rate that is new may be for; and the period that
        runs of those who have a plan and no usage. What is closed stays.
        """
        if not plans:
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO omni_billing_usage_mark (service_id, begin, until)
                SELECT rating.service_id, rating.begin, rating.begin
                  FROM omni_billing_usage_rating rating
             LEFT JOIN omni_billing_transaction charge
                    ON charge.id = rating.transaction_id
                 WHERE rating.plan_id = ANY(%(plans)s)
                   AND rating.is_closed IS NOT TRUE
                   AND (rating.state = 'running' OR charge.state = 'unbilled'
                        OR rating.unrated > 0)
                 UNION
                SELECT given.service_id, %(now)s, %(now)s
                  FROM omni_billing_usage_plan given
                 WHERE given.plan_id = ANY(%(plans)s)
                """,
                plans=plans.ids,
                now=fields.Datetime.now(),
            )
        )

    @api.model
    def _find_charged_until(self, service):
        """Return the last day of what was charged of a service, if something was."""
        self.env.flush_all()
        [[until]] = self.env.execute_query(
            SQL(
                """
                SELECT MAX(rating.date_to)
                  FROM omni_billing_usage_rating rating
             LEFT JOIN omni_billing_transaction charge
                    ON charge.id = rating.transaction_id
                 WHERE rating.service_id = %s AND rating.state = 'charged'
                   AND rating.plan_id IS NOT NULL
                   AND charge.state IS DISTINCT FROM 'unbilled'
                """,
                service.id,
            )
        )
        return until

    # === HELPERS === #

    def _get_events_domain(self):
        """Return which events it is made of."""
        self.ensure_one()
        return [
            ("service_id", "=", self.service_id.id),
            ("meter_id", "=", self.meter_id.id),
            ("moment", ">=", self.begin),
            ("moment", "<", self.end),
        ]

    def _is_cut_by(self, calendar):
        """Whether its period is one of a calendar."""
        self.ensure_one()
        period = calendar.find(self.begin)
        return (period.begin, period.end) == (self.begin, self.end)

    def _has_gone(self):
        """Whether its events are not kept any more, or may go at any moment."""
        self.ensure_one()
        kept_from = self.company_id.billing_usage_kept_from
        return bool(kept_from) and self.begin.date() < kept_from

    def _format_period(self, env):
        self.ensure_one()
        return format_period(
            self.date_from, self.date_to, lambda day: format_date(env, day)
        )

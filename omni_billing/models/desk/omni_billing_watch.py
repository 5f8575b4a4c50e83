from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.action import open_list

HOUR, DAY = 60, 24 * 60
#: What is watched: its number, which an id ends with; its name; after how many minutes
#: of waiting it is late, and failing; whether it is of the whole database.
KINDS = [
    (1, "run", "Billing Runs", 30, 4 * HOUR, False),
    # Of these only a day is kept: they are due from midnight on.
    (2, "charge", "Automatic Charges", DAY + 6 * HOUR, 2 * DAY + 6 * HOUR, False),
    (3, "attempt", "Payments without an Answer", 15, 2 * HOUR, False),
    (4, "booking", "Payments to Book", 30, 4 * HOUR, False),
    (5, "mail", "E-mails", 30, 4 * HOUR, False),
    (6, "stripe_event", "Events of Stripe", 30, 4 * HOUR, False),
    (7, "mail_event", "Events of Mailjet", 30, 4 * HOUR, False),
    (8, "service", "Charges of Services", DAY + 6 * HOUR, 2 * DAY + 6 * HOUR, False),
    (9, "pdf", "PDFs to Make", 2 * HOUR, DAY, False),
    (10, "cron", "Scheduled Actions", 30, 4 * HOUR, True),
    (12, "stale", "Amounts to Compute Anew", 30, 4 * HOUR, True),
    (13, "webhook", "Messages to Other Programs", 30, 4 * HOUR, False),
    (11, "todo", "To Do of Staff", 7 * DAY, None, False),
]
#: Where an id of a row has the id of its company; the number of the kind is below it.
STEP = 64


class OmniBillingWatch(models.Model):
    """What operators watch, one row for each kind of work and company (W45).

    Nothing is kept here: each row is counted when it is looked at, by indexes that hold
    what is open and not what there is.
    """

    _name = "omni.billing.watch"
    _description = "Health of Billing"
    _auto = False
    _order = "severity desc, id"
    _rec_name = "kind"

    kind = fields.Selection(
        [(kind, name) for _number, kind, name, *_rest in KINDS],
        string="What",
        readonly=True,
    )
    company_id = fields.Many2one("res.company", readonly=True)
    waiting = fields.Integer(
        readonly=True, aggregator="sum", help="What is due and not done yet."
    )
    failed = fields.Integer(
        readonly=True, aggregator="sum", help="What does not go on by itself."
    )
    since = fields.Datetime(
        string="Oldest", readonly=True, help="Since when the oldest of it waits."
    )
    severity = fields.Integer(readonly=True, aggregator="max")
    level = fields.Selection(
        [("fine", "Fine"), ("late", "Late"), ("failing", "Failing")],
        string="Status",
        readonly=True,
        help="Late: the oldest waits for longer than it should. Failing: for so long,"
        " or in such a way, that it is not going to be done by itself.",
    )
    advice = fields.Char(string="What to Do", compute="_compute_advice")
    is_mine = fields.Boolean(
        compute="_compute_is_mine", help="Whether the user may read what is counted."
    )

    @property
    def _table_query(self):
        now = fields.Datetime.now()
        kinds = SQL(", ").join(
            SQL("(%s, %s, %s::int, %s::int, %s)", number, kind, late, failing, whole)
            for number, kind, _name, late, failing, whole in self._get_kinds()
        )
        return SQL(
            """
            WITH found(kind, company_id, waiting, failed, since) AS (%(queries)s),
            counted AS (
              SELECT company.id::bigint * %(step)s + kind.number AS id, kind.kind,
                     NULLIF(company.id, 0) AS company_id,
                     COALESCE(found.waiting, 0)::int AS waiting,
                     COALESCE(found.failed, 0)::int AS failed, found.since,
                     CASE WHEN found.failed > 0 OR found.since < %(now)s::timestamp
                               - kind.failing * INTERVAL '1 minute' THEN 2
                          WHEN found.since < %(now)s::timestamp
                               - kind.late * INTERVAL '1 minute' THEN 1
                          ELSE 0 END AS severity
                FROM (VALUES %(kinds)s) kind(number, kind, late, failing, is_whole)
                JOIN (SELECT id FROM res_company WHERE active
                       UNION ALL SELECT 0) company
                  ON (company.id = 0) = kind.is_whole
           LEFT JOIN found ON found.kind = kind.kind
                 AND COALESCE(found.company_id, 0) = company.id)
            SELECT counted.*,
                   CASE severity WHEN 2 THEN 'failing' WHEN 1 THEN 'late' ELSE 'fine'
                   END AS level
              FROM counted
            """,
            queries=SQL(" UNION ALL ").join(self._get_queries(now)),
            step=STEP,
            kinds=kinds,
            now=now,
        )

    # === COMPUTE METHODS === #

    @api.depends("kind", "level")
    @api.depends_context("lang")
    def _compute_advice(self):
        texts = self._get_advice()
        for row in self:
            late = row.level != "fine"
            row.advice = texts.get(row.kind) if late else False

    @api.depends("kind")
    @api.depends_context("uid")
    def _compute_is_mine(self):
        # Those of the database are an administrator's.
        for row in self:
            row.is_mine = bool(row.company_id) or self.env.is_system()

    # === ACTION METHODS === #

    def action_open(self):
        """Open what is counted; that screen asks for the right to read it."""
        self.ensure_one()
        return getattr(self, f"_open_{self.kind}")()

    # === HOOKS === #

    @api.model
    def _get_kinds(self):
        """Return what is watched, as `KINDS` has it. Hook.

        Who adds one adds it to the selection of ``kind``, its query (`_get_queries`),
        its words (`_get_advice`), and a method ``_open_<kind>``. Its number is
        above 31.
        """
        return list(KINDS)

    @api.model
    def _get_advice(self):
        """Return what to do if a kind is late, or failing. Hook.

        :rtype: dict[str, str]
        """
        return {
            "run": self.env._(
                "Open the run: it says why it stopped. If it says nothing, look whether"
                " the scheduled actions run."
            ),
            "charge": self.env._(
                "Look whether the scheduled actions run, and whether Stripe takes the"
                " key of the account."
            ),
            "attempt": self.env._(
                "Stripe is asked every five minutes. Look at status.stripe.com, and at"
                " the key; a manager can close it by hand, on the invoice."
            ),
            "booking": self.env._(
                "Money came and is not in the books: the to-do on the invoice says why,"
                " mostly a closed period or an account that is missing."
            ),
            "mail": self.env._(
                "Look at the reason in the list: the keys of Mailjet, the mail server,"
                " or the scheduled action that sends."
            ),
            "stripe_event": self.env._(
                "Look at the error of the event, and have it worked on again. If many"
                " wait, look whether the scheduled actions run."
            ),
            "mail_event": self.env._("Look whether the scheduled actions run."),
            "service": self.env._(
                "The service says why it could not be charged. If none says so, look"
                " whether the scheduled actions run."
            ),
            "pdf": self.env._(
                "Who asks for one gets it all the same. Look whether the scheduled"
                " actions run, and whether the disk is full."
            ),
            "webhook": self.env._(
                "The webhook says what its program answered. If none says so, look"
                " whether the scheduled actions run."
            ),
            "stale": self.env._(
                "Sums over all customers have amounts from before a change of taxes."
                " Look whether the scheduled actions run."
            ),
            "cron": self.env._(
                "Look at the log of the server for why it failed; switch on again what"
                " was switched off; see that max_cron_threads is not 0."
            ),
            "todo": self.env._("It waits for a person: open it."),
        }

    # === WHERE IT IS: each returns an action === #

    def _open_run(self):
        domain = [("state", "not in", ("draft", "checked", "done", "cancelled"))]
        return self._open_in_company("omni_billing_run_action", domain)

    def _open_charge(self):
        domain = [("charge_state", "in", ("due", "retry"))]
        return self._open_in_company("omni_billing_installment_action", domain)

    def _open_attempt(self):
        asked = self.env["payment.transaction"]._billing_get_asked_domain()
        return self._open_payments(Domain("billing_is_open", "=", True) & asked)

    def _open_booking(self):
        return self._open_payments(
            [("state", "=", "done"), ("is_post_processed", "=", False)]
        )

    def _open_payments(self, domain):
        return self._open_in_company("payment.action_payment_transaction", domain)

    def _open_mail(self):
        domain = ["|", ("state", "=", "queued"), ("needs_action", "=", True)]
        return self._open_in_company("omni_billing_mail_action", domain)

    def _open_stripe_event(self):
        domain = [
            ("state", "in", ("new", "failed")),
            ("provider_id.company_id", "=", self.company_id.id),
        ]
        return open_list(self.env, "omni_billing_stripe_event_action", domain, {})

    def _open_mail_event(self):
        return self._open_in_company("omni_billing_mail_action", [])

    def _open_service(self):
        is_due = Domain("next_date", "<=", fields.Date.today())
        domain = is_due | Domain("settle_problem", "!=", False)
        return self._open_in_company("omni_billing_service_action", domain)

    def _open_pdf(self):
        domain = [("is_due", "=", True)]
        return self._open_in_company("omni_billing_pdf_cache_action", domain)

    def _open_cron(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("base.ir_cron_act")
        action["domain"] = [("id", "in", self._list_crons())]
        action["context"] = {"active_test": False}
        return action

    def _open_stale(self):
        return open_list(self.env, "omni_billing_transaction_action_unbilled", [], {})

    def _open_webhook(self):
        return self._open_in_company("omni_billing_webhook_action", [])

    def _open_todo(self):
        return self._open_in_company("omni_billing_todo_action", [])

    def _open_in_company(self, name, domain):
        domain = [*domain, ("company_id", "=", self.company_id.id)]
        return open_list(self.env, name, domain, {})

from odoo import api, fields, models
from odoo.tools import format_date, format_list

from ...tools.retell import retell

#: What a row is about: the kind, its name, and the model of its records.
SOURCES = [
    ("charge", "Failed Charge", "omni.billing.run.line"),
    ("installment", "Failed Scheduled Payment", "omni.billing.installment"),
    ("attempt", "Failed Payment", "payment.transaction"),
    ("refund", "Failed Refund", "payment.transaction"),
    ("expected", "Expected Payment", "omni.billing.installment"),
    ("promise", "Promise Not Kept", "account.move"),
    ("notice", "Services Not Suspended", "account.move"),
    ("cheque", "Cheque to Deposit", "omni.billing.cheque"),
    ("bounced", "Cheque Bounced", "omni.billing.cheque"),
    ("mail", "E-mail Did Not Arrive", "omni.billing.mail"),
    ("stuck", "E-mail Waiting", "omni.billing.mail"),
    ("unsent", "Invoice Not Sent", "omni.billing.run.line"),
    ("request", "Asked of a Manager", "omni.billing.request"),
    ("dispute", "Dispute", "omni.billing.dispute"),
    ("payout", "Payout of Stripe", "omni.billing.payout"),
    ("parked", "Not Billed by a Run", "omni.billing.run.line"),
    ("event", "Event of Stripe", "omni.billing.stripe.event"),
    ("report", "Charge Reported", "omni.billing.transaction"),
]
#: Sentences of ours are kept in the language of who was there: these are said anew.
SAID_ANEW = (
    *("attempt", "dispute", "promise", "cheque", "bounced", "request"),
    "notice",
)
#: What a customer says is nobody else's to say in other words.
OWN_WORDS = ("report",)
#: So many invoices of a request are named; all of them open from the row.
MOST_NAMES = 5


class OmniBillingTodo(models.Model):
    """All that waits for a person, one row each (F155, W30).

    Nothing is kept here: each row is one of another model's, and is gone when that is
    settled. What a row is, and which guards it has, are that model's; a button calls
    its method, with the rights of who pressed it.
    """

    _name = "omni.billing.todo"
    _description = "To Do of Billing"
    _auto = False
    _order = "date desc, id desc"

    kind = fields.Selection(
        [(kind, name) for kind, name, _model in SOURCES], string="What", readonly=True
    )
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", readonly=True
    )
    res_model = fields.Char(compute="_compute_res_model")
    date = fields.Datetime(string="Since", readonly=True)
    detail = fields.Char(string="As It Was Told", readonly=True)
    code = fields.Char(readonly=True)
    reason = fields.Char(string="Why", compute="_compute_reason")
    amount = fields.Monetary(readonly=True, aggregator=None)
    currency_id = fields.Many2one("res.currency", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    move_id = fields.Many2one("account.move", string="Document", readonly=True)
    move_name = fields.Char(
        string="Invoice",
        readonly=True,
        help="Its number alone: a list has not to read eighty invoices for it.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one("res.users", string="Responsible", readonly=True)
    turn = fields.Selection(
        [
            ("staff", "Staff"),
            ("manager", "Manager"),
            ("customer", "Customer"),
            ("bank", "Bank"),
            ("admin", "An Administrator"),
        ],
        string="Whose Turn",
        readonly=True,
        help="Who can do the next step. Staff see to it that it is done.",
    )

    # === COMPUTE METHODS === #

    @api.depends("kind")
    def _compute_res_model(self):
        for row in self:
            row.res_model = self._get_sources().get(row.kind, False)

    @api.depends("detail")
    @api.depends_context("lang")
    def _compute_reason(self):
        for row in self:
            if row.kind in SAID_ANEW:
                row.reason = row._explain()
            elif row.kind in OWN_WORDS:
                row.reason = row.detail
            else:
                row.reason = retell(self.env, row.detail)

    @api.depends("kind", "move_name", "partner_id")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for row in self:
            about = row.move_name or row.partner_id.name
            row.display_name = ": ".join(filter(None, (labels.get(row.kind), about)))

    def _explain(self):
        """Say why, in the language of who reads it."""
        return getattr(self, f"_explain_{self.kind}")()

    def _explain_attempt(self):
        payments = self.env["payment.transaction"]
        reason = payments._billing_explain_code(self.code)
        return reason or retell(self.env, self.detail)

    def _explain_promise(self):
        return self.env._(
            "Promised by %(date)s, and not paid.",
            date=format_date(self.env, self.date.date()),
        )

    def _explain_notice(self):
        return self.env._(
            "The notice did not arrive, so services go on: %s",
            retell(self.env, self.detail) or self.env._("remind the customer anew."),
        )

    def _explain_bounced(self):
        return self.env._(
            "Cheque %(number)s: %(reason)s", number=self.code, reason=self.detail
        )

    def _explain_cheque(self):
        """Say what is to be done with a cheque whose day has come."""
        if self.code == "not_owed":
            sentence = self.env._(
                "Cheque %s. Nothing is owed any more: cancel it and give it back, or"
                " deposit it as credit on file."
            )
        else:
            sentence = self.env._("Cheque %s: bring it to the bank.")
        return sentence % self.detail

    def _explain_request(self):
        """Say what is asked for, of which invoices, and why."""
        names = self._get_records().invoice_ids.mapped("display_name")
        told = format_list(self.env, names[:MOST_NAMES])
        if more := len(names[MOST_NAMES:]):
            told = f"{told} (+ {more})"
        values = {"invoices": told, "reason": self.detail}
        if self.code == "refund":
            return self.env._("Refund of %(invoices)s: %(reason)s", **values)
        return self.env._("Void %(invoices)s: %(reason)s", **values)

    def _explain_dispute(self):
        """Say what is to be done about a dispute."""
        if self.turn == "manager":
            sentence = self.env._("The dispute is lost (%s): decide who bears it.")
        elif self.turn == "bank":
            sentence = self.env._("The bank looks at it (%s). Wait for its decision.")
        else:
            sentence = self.env._("Disputed (%s): answer in Stripe's dashboard.")
        words = self.env["payment.transaction"]._billing_get_dispute_reasons()
        return sentence % words.get(self.detail, self.detail or "?")

    # === OVERRIDES OF THE ORM === #

    @api.model
    @api.private
    @api.readonly
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Override of the ORM: a row comes whole, since it has no table.

        What is asked for later would be found by looking at all of them again.
        """
        return super().search_fetch(domain, None, offset, limit, order)

    @api.model
    @api.readonly
    def web_search_read(
        self, domain, specification, offset=0, limit=None, order=None, count_limit=None
    ):
        """Override of `web`: a page and how many there are come of one look.

        To count them is as dear as to read them: the first page reads as many as are
        counted, and shows its own.
        """
        if not (limit and count_limit) or self.env.context.get("force_search_count"):
            return super().web_search_read(
                domain, specification, offset, limit, order, count_limit
            )
        most = max(limit, count_limit - offset)
        found = self.search_fetch(domain, specification, offset, most, order)
        # Not of a slice, which would read the names of all.
        records = self.browse(found.ids[:limit]).web_read(specification)
        return {"length": offset + len(found) if found else 0, "records": records}

    # === HOOKS === #

    @api.model
    def _get_sources(self):
        """Return the model that the rows of each kind are of. Hook."""
        return {kind: model for kind, _name, model in SOURCES}

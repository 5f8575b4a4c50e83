from odoo import api, fields, models

from ...tools.retell import retell

#: What a row is about. A row's id has the number of its kind (see `_get_queries`).
KINDS = [
    ("charge", "Failed Charge"),
    ("installment", "Failed Scheduled Payment"),
    ("attempt", "Failed Card Payment"),
    ("refund", "Failed Refund"),
    ("expected", "Expected Payment"),
    ("mail", "E-mail Did Not Arrive"),
    ("stuck", "E-mail Waiting"),
    ("unsent", "Invoice Not Sent"),
    ("dispute", "Dispute"),
    ("parked", "Not Billed by a Run"),
    ("event", "Event of Stripe"),
    ("report", "Charge Reported"),
]
#: Sentences of ours are kept in the language of who was there: these are said anew.
SAID_ANEW = ("attempt", "dispute")


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

    kind = fields.Selection(KINDS, string="What", readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", readonly=True
    )
    res_model = fields.Char(compute="_compute_res_model")
    date = fields.Datetime(string="Since", readonly=True)
    detail = fields.Char(string="As It Was Told", readonly=True)
    code = fields.Char(readonly=True)
    reason = fields.Text(string="Why", compute="_compute_reason")
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
            said = row._explain() if row.kind in SAID_ANEW else row.detail
            row.reason = retell(self.env, said)

    @api.depends("kind", "move_name", "partner_id")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for row in self:
            about = row.move_name or row.partner_id.name
            row.display_name = ": ".join(filter(None, (labels.get(row.kind), about)))

    def _explain(self):
        """Say why, in the language of who reads it."""
        if self.kind == "dispute":
            return self._explain_dispute()
        payments = self.env["payment.transaction"]
        return payments._billing_explain_code(self.code) or self.detail

    def _explain_dispute(self):
        """Say what is to be done about a dispute."""
        if self.turn == "manager":
            sentence = self.env._("The dispute is lost (%s): decide who bears it.")
        elif self.turn == "bank":
            sentence = self.env._("The bank looks at it (%s). Wait for its decision.")
        else:
            sentence = self.env._("Disputed (%s): answer in Stripe's dashboard.")
        return sentence % (self.detail or "?")

    # === HOOKS === #

    @api.model
    def _get_sources(self):
        """Return the model that the rows of each kind are of. Hook."""
        line, payment = "omni.billing.run.line", "payment.transaction"
        installment, mail = "omni.billing.installment", "omni.billing.mail"
        return {
            "charge": line,
            "installment": installment,
            "attempt": payment,
            "refund": payment,
            "expected": installment,
            "mail": mail,
            "stuck": mail,
            "unsent": line,
            "dispute": "omni.billing.dispute",
            "parked": line,
            "event": "omni.billing.stripe.event",
            "report": "omni.billing.transaction",
        }

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.action import open_list
from ...tools.retell import KeptSentence


class OmniBillingRunLine(models.Model):
    """One customer of a billing run, and what became of it (F186).

    There is one line, and at most one invoice, for each customer, currency and
    grouping key of a run: the database sees to it.
    """

    _name = "omni.billing.run.line"
    _inherit = "omni.billing.server.mixin"
    _description = "Customer of a Billing Run"
    _order = "run_id desc, id"
    _rec_name = "partner_id"

    run_id = fields.Many2one(
        "omni.billing.run", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    grouping_key = fields.Char(
        readonly=True,
        help="What tells the invoices of one customer apart. Unset until the"
        " transactions were looked at.",
    )
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("ready", "To Bill"),
            ("done", "Billed"),
            ("skipped", "Skipped"),
            ("parked", "Needs Attention"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="pending",
        help="Skipped: there is nothing to bill, or less than the minimum. Needs"
        " attention: the customer could not be billed; the note says why.",
    )
    reason = KeptSentence(string="Note", readonly=True)
    transaction_count = fields.Integer(string="Transactions", readonly=True)
    amount_total = fields.Monetary(string="Total", readonly=True)
    invoice_id = fields.Many2one(
        "account.move", readonly=True, index="btree_not_null", ondelete="set null"
    )
    is_fast = fields.Boolean(
        string="Fast Billing",
        readonly=True,
        help="The invoice was written like one that Odoo made.",
    )
    invoice_state = fields.Selection(
        related="invoice_id.billing_state", string="Invoice Status"
    )

    _key_unique = models.UniqueIndex(
        "(run_id, partner_id, currency_id, COALESCE(grouping_key, ''))",
        "This customer is in the run already.",
    )
    _state_idx = models.Index("(run_id, state, id)")
    _parked_idx = models.Index("(id) WHERE state = 'parked'")

    # === ACTION METHODS === #

    def action_retry(self):
        """Try parked customers again."""
        self.run_id._lock_state()
        self.run_id._take_over()
        # sudo: lines are the job's; the rights on the runs were checked.
        self.sudo().filtered(
            lambda line: (
                line.state == "parked"
                and line.run_id.state in ("running", "collecting", "paused", "done")
            )
        )._set_pending()
        for run in self.run_id:
            if run.state in ("collecting", "done"):
                run._go_on("running")
        return True

    def action_leave_out(self):
        """Leave parked customers out for good: what they have waits for another run."""
        self.run_id.check_access("write")
        # sudo: as above
        lines = self.sudo().filtered(lambda line: line.state == "parked")
        for line in lines:
            reason = self.env._(
                "Left out by %(user)s. %(reason)s",
                user=self.env.user.name,
                reason=line.reason,
            )
            line._set_skipped(reason, line.amount_total)
        return True

    def action_open_invoice(self):
        self.ensure_one()
        return self.invoice_id.action_billing_open_detail()

    def action_open_transactions(self):
        """Open what the customer has unbilled."""
        self.ensure_one()
        domain = [("commercial_partner_id", "=", self.partner_id.id)]
        context = {"search_default_unbilled": 1}
        return open_list(self.env, "omni_billing_transaction_action", domain, context)

    # === BUSINESS METHODS - STATE === #

    def _set_pending(self):
        self.write({"state": "pending", "reason": False})

    def _set_ready(self, transactions, amount, remark):
        self.write(
            {
                "state": "ready",
                "reason": remark,
                "transaction_count": len(transactions),
                "amount_total": amount,
            }
        )

    def _set_skipped(self, reason, amount=0.0):
        # Odoo rounds an amount by its currency, and would read that for each alone.
        self.fetch(["currency_id"])
        self.write({"state": "skipped", "reason": reason, "amount_total": amount})

    def _park(self, reason):
        """Leave the customer to a person, with the reason."""
        self.write({"state": "parked", "reason": reason})

    def _set_done(self, invoice):
        self.ensure_one()
        sign = -1 if invoice.move_type == "out_refund" else 1
        self.write(
            {
                "state": "done",
                "reason": False,
                "invoice_id": invoice.id,
                "is_fast": self.env["omni.billing.proven"]._is_fast(invoice),
                "transaction_count": len(invoice.billing_transaction_ids),
                "amount_total": sign * invoice.amount_total,
                **self._prepare_collecting_values(invoice),
            }
        )

    @api.model
    def _get_pending(self, run, limit, without=()):
        """Lock the next lines of a run; those that others work on are left to them."""
        lines = self.search(
            Domain("run_id", "=", run.id)
            & Domain("state", "=", "pending")
            & Domain("id", "not in", list(without)),
            order="id",
            limit=10 * limit,
        )
        return lines.try_lock_for_update(allow_referencing=True, limit=limit)

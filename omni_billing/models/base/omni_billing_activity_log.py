from odoo import api, fields, models
from odoo.tools import SQL

#: What can be done, and what that is called.
ACTIONS = [
    ("transaction_added", "Transaction Added"),
    ("transaction_edited", "Transaction Edited"),
    ("transaction_voided", "Transaction Voided"),
    ("transaction_free", "Transaction Marked Free"),
    ("transaction_deleted", "Transaction Deleted"),
    ("transaction_reported", "Charge Reported"),
    ("report_answered", "Report Answered"),
    ("invoice_generated", "Invoice Generated"),
    ("invoice_confirmed", "Invoice Confirmed"),
    ("invoice_voided", "Invoice Voided"),
    ("items_canceled", "Items Canceled"),
    ("payment_planned", "Payments Planned"),
    ("paid", "Payment Received"),
    ("payment_canceled", "Payment Canceled"),
    ("charged", "Payment Made"),
    ("charge_failed", "Payment Failed"),
    ("charge_closed", "Payment Closed by Hand"),
    ("refunded", "Refunded"),
    ("card_refunded", "Refunded Online"),
    ("refund_failed", "Refund Failed"),
    ("refund_closed", "Refund Closed by Hand"),
    ("handed", "Given in Person"),
    ("mailed", "Invoice Sent by E-mail"),
    ("reminded", "Reminder Sent"),
    ("failure_told", "Told of a Failed Charge"),
    ("debit_announced", "Told of a Debit"),
    ("mail_failed", "E-mail Failed"),
    ("reminders_paused", "Reminders Paused"),
    ("reminders_resumed", "Reminders Resumed"),
    ("promised", "Payment Promised"),
    ("promise_withdrawn", "Promise Taken Back"),
    ("promise_kept", "Promise Kept"),
    ("promise_broken", "Promise Not Kept"),
    ("card_added", "Payment Method Added"),
    ("card_removed", "Payment Method Removed"),
    ("card_default", "Payment Method Made the Default"),
    ("autopay_on", "Automatic Payment On"),
    ("autopay_off", "Automatic Payment Off"),
    ("card_link", "Link to Save a Card Sent"),
    ("service_paused", "Service Paused"),
    ("service_resumed", "Service Resumed"),
    ("service_to_end", "Service Ended by Notice"),
    ("coupon_redeemed", "Coupon Redeemed"),
    ("service_plan", "Plan Changed"),
    ("service_plan_undone", "Change of Plan Taken Back"),
    ("service_autopay_off", "Automatic Payment of a Service Off"),
    ("service_autopay_on", "Automatic Payment of a Service On"),
    ("services_suspended", "Services Suspended"),
    ("services_resumed", "Services Resumed"),
    ("suspension_decided", "Suspension Decided"),
    ("person_invited", "Person Invited"),
    ("person_removed", "Person Removed"),
]
#: What the address for notices is told of (F122, F123).
NOTICES = (
    "invoice_generated",
    "invoice_voided",
    "transaction_voided",
    "transaction_reported",
    "items_canceled",
    "paid",
    "charge_failed",
    "refunded",
)
#: Columns of a row: what each is called in a call, and its type in the database.
COLUMNS = {
    "company_id": ("company", SQL("integer[]")),
    "commercial_partner_id": ("customer", SQL("integer[]")),
    "move_id": ("move", SQL("integer[]")),
    "transaction_id": ("transaction", SQL("integer[]")),
    "currency_id": ("currency", SQL("integer[]")),
    "amount": ("amount", SQL("numeric[]")),
    "action": ("action", SQL("varchar[]")),
    "name": ("name", SQL("varchar[]")),
    "note": ("note", SQL("text[]")),
}


class OmniBillingActivityLog(models.Model):
    """Who did what, when: of a customer, of an invoice, and of all (F10, F166).

    Rows are written by business methods alone, many in one statement, and nobody edits
    or deletes them.
    """

    _name = "omni.billing.activity.log"
    _inherit = "omni.billing.server.mixin"
    _description = "Billing Activity"
    _order = "id desc"

    create_date = fields.Datetime(string="Date", readonly=True)
    create_uid = fields.Many2one(
        "res.users", string="Who", readonly=True, groups="base.group_user"
    )
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    commercial_partner_id = fields.Many2one(
        "res.partner", string="Customer", ondelete="set null"
    )
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        index="btree_not_null",
        ondelete="set null",
    )
    transaction_id = fields.Many2one(
        "omni.billing.transaction", index="btree_not_null", ondelete="set null"
    )
    action = fields.Selection(ACTIONS, required=True)
    name = fields.Char(string="What")
    amount = fields.Monetary(aggregator=None)
    currency_id = fields.Many2one("res.currency")
    note = fields.Text(string="Details", groups="base.group_user")
    to_tell = fields.Boolean(groups="base.group_system")

    _list_idx = models.Index("(company_id, id DESC)")
    _customer_idx = models.Index("(commercial_partner_id, company_id, id DESC)")
    _to_tell_idx = models.Index("(id) WHERE to_tell")

    @api.model
    def _log(self, rows):
        """Write rows, all in one statement.

        :param rows: dicts with ``action``, ``company``, and what is known of
            ``customer``, ``move``, ``transaction``, ``currency`` (records), ``amount``,
            ``name``, ``note``.
        """
        if not rows:
            return
        told = [
            company.id
            for company in {row["company"] for row in rows}
            # sudo: whether anybody wants to be told is no secret.
            if company.sudo().billing_notice_email
        ]
        columns = SQL(", ").join(map(SQL.identifier, COLUMNS))
        arrays = SQL(", ").join(
            SQL("%s::%s", [_get_value(row.get(name)) for row in rows], kind)
            for name, kind in COLUMNS.values()
        )
        self.env.cr.execute(
            SQL(
                "INSERT INTO omni_billing_activity_log (%(columns)s, to_tell,"
                " create_date, create_uid) SELECT %(columns)s,"
                " action = ANY(%(notices)s) AND company_id = ANY(%(told)s),"
                " now() at time zone 'UTC', %(user)s"
                " FROM unnest(%(arrays)s) AS row(%(columns)s)",
                columns=columns,
                arrays=arrays,
                notices=list(NOTICES),
                told=told,
                user=self.env.uid,
            )
        )

    @api.model
    def _log_transactions(self, action, transactions, note=None):
        """Write that something was done to transactions.

        :param action: for all, or a function that returns it for each.
        """
        self._log(
            [
                {
                    "action": action(transaction) if callable(action) else action,
                    "company": transaction.company_id,
                    "customer": transaction.commercial_partner_id,
                    "move": transaction.invoice_id,
                    "transaction": transaction,
                    "currency": transaction.currency_id,
                    "amount": transaction.amount_total,
                    "name": transaction.name,
                    "note": note,
                }
                for transaction in transactions
            ]
        )

    @api.model
    def _log_cards(self, action, tokens):
        """Write that something was done to saved cards."""
        self._log(
            [
                {
                    "action": action,
                    "company": token.company_id,
                    "customer": token.partner_id.commercial_partner_id,
                    "name": token.display_name,
                }
                for token in tokens
            ]
        )


def _get_value(value):
    """Return what the database keeps of a value."""
    if isinstance(value, models.BaseModel):
        return value.id or None
    return None if value is False or value == "" else value

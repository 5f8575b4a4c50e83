from odoo import api, fields, models

from ...const import UNPAID_STATES


class AccountMove(models.Model):
    """What lists and dialogs call the state of an invoice or a credit note."""

    _inherit = "account.move"

    billing_status = fields.Selection(
        [
            ("draft", "Draft"),
            ("unpaid", "Unpaid"),
            ("partial", "Partially Paid"),
            ("paid", "Paid"),
            ("refunded", "Refunded"),
            ("void", "Void"),
            ("open", "Open"),
            ("used", "Used"),
        ],
        string="Shown As",
        compute="_compute_billing_status",
        help="Nobody owes a credit note: it is open until it was used, or given back.",
    )

    billing_log_ids = fields.One2many(
        "omni.billing.activity.log",
        "move_id",
        string="History",
        readonly=True,
        copy=False,
        groups="omni_billing.omni_billing_group_user",
    )

    @api.depends("billing_state", "move_type")
    def _compute_billing_status(self):
        for move in self:
            state = move.billing_state
            if move.move_type == "out_refund":
                words = dict.fromkeys(UNPAID_STATES, "open") | {"paid": "used"}
                state = words.get(state, state)
            move.billing_status = state

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        """Override of the ORM: a list is sorted by where invoices stand."""
        name = "billing_state" if field_name == "billing_status" else field_name
        return super()._order_field_to_sql(alias, name, direction, nulls, query)

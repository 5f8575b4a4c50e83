from odoo import api, fields, models
from odoo.tools import SQL

#: Of its ids; those below sixteen are `omni_billing`'s, and 20 is Sales'.
NUMBER = 21


class OmniBillingTodo(models.Model):
    """Debits that came back, as long as their invoices are owed."""

    _inherit = "omni.billing.todo"
    _depends = {
        "omni.billing.sepa.return": [
            *("code", "company_id", "date", "is_settled", "move_id", "retry_date"),
            "text",
        ],
    }

    kind = fields.Selection(
        selection_add=[("sepa", "SEPA Debit Came Back")], ondelete={"sepa": "cascade"}
    )

    @api.model
    def _get_sources(self):
        return super()._get_sources() | {"sepa": "omni.billing.sepa.return"}

    @api.model
    def _get_queries(self):
        return [*super()._get_queries(), self._get_sepa_query()]

    @api.model
    def _get_sepa_query(self):
        """Return the SQL of returns that nobody deals with, and that are not paid."""
        return SQL(
            """
            SELECT %(id)s, 'sepa', back.id, back.date::timestamp, back.text, back.code,
                   move.amount_residual, move.currency_id, move.commercial_partner_id,
                   move.id, move.name, back.company_id, move.invoice_user_id, 'staff'
              FROM omni_billing_sepa_return back
              JOIN account_move move ON move.id = back.move_id
               AND move.billing_state IN ('unpaid', 'partial')
             WHERE back.is_settled IS NOT TRUE AND back.retry_date IS NULL
            """,
            id=self._get_id(SQL("back.id"), NUMBER),
        )

    @api.depends("code")
    def _compute_reason(self):
        """Override: in the words of who reads it."""
        returned = self.filtered(lambda row: row.kind == "sepa")
        result = super(OmniBillingTodo, self - returned)._compute_reason()
        for row in returned:
            row.reason = row._get_records()._explain()
        return result

    def _again_sepa(self):
        """Collect it by SEPA again, if the mandate still holds."""
        answer = self.move_id.action_billing_collect_sepa()
        self._give_up_sepa()
        return answer

    def _give_up_sepa(self):
        """Take it off the list; what is owed stays owed."""
        self.env["omni.billing.transaction"].check_access("write")
        # sudo: only the server writes returns; the list has what they may see.
        self._get_records().sudo().is_settled = True

from odoo import api, models


class OmniBillingActivityLog(models.Model):
    """What was done to invoices."""

    _inherit = "omni.billing.activity.log"

    @api.model
    def _log_moves(self, action, moves, note=None, **values):
        """Write that something was done to invoices.

        :param note: of all of them, or a function that says it of each.
        """
        self._log(
            [
                {
                    "action": action,
                    "company": move.company_id,
                    "customer": move.commercial_partner_id,
                    "move": move,
                    "currency": move.currency_id,
                    "amount": move.amount_total_in_currency_signed,
                    "name": move.name or move.billing_title,
                    "note": note(move) if callable(note) else note,
                    **values,
                }
                for move in moves
            ]
        )

    def action_open_invoice(self):
        self.ensure_one()
        return self.move_id.action_billing_open_detail()

from odoo import api, models

from ...const import BILLING_MOVE_TYPES


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _send_mails(self, moves_data):
        """Override of `account`: what Odoo's dialog sends is in the history too."""
        result = super()._send_mails(moves_data)
        moves = self.env["account.move"].union(*moves_data)
        self.env["omni.billing.activity.log"]._log_moves(
            "mailed",
            moves.filtered(lambda move: move.move_type in BILLING_MOVE_TYPES),
            note=self.env._("With a message, by Odoo"),
        )
        return result

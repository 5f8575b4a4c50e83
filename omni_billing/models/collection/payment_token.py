from odoo import models

from ...const import COMING_STATES


class PaymentToken(models.Model):
    """Scheduled payments of a saved card (F148)."""

    _inherit = "payment.token"

    def _billing_hand_over(self, newer):
        """Override: what was agreed for this card is charged to it as before."""
        result = super()._billing_hand_over(newer)
        # sudo: scheduled payments are the job's; it is the same customer.
        planned = self.env["omni.billing.installment"].sudo()
        planned.search(
            [
                ("token_id", "in", self.ids),
                ("charge_state", "in", (*COMING_STATES, "failed")),
            ]
        ).token_id = newer
        return result

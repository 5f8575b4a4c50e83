from odoo import models

from ...const import COMING_STATES
from ...tools.numbers import format_amount


class PaymentToken(models.Model):
    """Scheduled payments of a saved card (F148)."""

    _inherit = "payment.token"

    def _billing_hand_over(self, newer):
        """Override: what was agreed for this card is charged to the one in its place.

        What was agreed for a card is not debited to an account, nor the other way
        round: it stays where it was, is left to staff on its day, and they are told.
        """
        result = super()._billing_hand_over(newer)
        # sudo: scheduled payments are the job's; it is the same customer.
        planned = self.env["omni.billing.installment"].sudo()
        coming = planned.search(
            [
                ("token_id", "in", self.ids),
                ("charge_state", "in", (*COMING_STATES, "failed")),
            ]
        )
        goes_on = coming.filtered(
            lambda payment: payment.token_id._billing_is_charged_like(newer)
        )
        goes_on.token_id = newer
        stays = (coming - goes_on).filtered(
            lambda payment: payment.charge_state in ("due", "retry")
        )
        for payment in stays:
            payment.invoice_id._billing_tell_staff(
                self.env._(
                    "A payment of %(amount)s is planned with %(card)s, and the customer"
                    " put %(newer)s in its place. It was not agreed for that: ask the"
                    " customer, then cancel it and plan it anew.",
                    amount=format_amount(self.env, payment.amount, payment.currency_id),
                    card=payment.token_id.display_name,
                    newer=newer.display_name,
                )
            )
        return result

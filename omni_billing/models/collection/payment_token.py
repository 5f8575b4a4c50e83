from odoo import models

from ...const import COMING_STATES
from ...tools.numbers import format_amount


class PaymentToken(models.Model):
    """Scheduled payments of a saved card (F148)."""

    _inherit = "payment.token"

    def _billing_explain_no_notice(self, consent, amount, moves):
        """Override: an account is debited once its owner was told, as agreed (W33)."""
        if why := super()._billing_explain_no_notice(consent, amount, moves):
            return why
        days = consent._get_notice_days()
        if not days or not self._billing_get_debit():
            return ""
        debit = self.env.context.get("billing_debit")
        # A client sends names and numbers in its context, and no records.
        if isinstance(debit, models.BaseModel) and debit.invoice_id == moves:
            notice = self.env["omni.billing.mail"]._find_notice(self, debit)
            told, compare = notice.notice_amount, moves.currency_id.compare_amounts
            if notice and notice._is_ripe() and compare(amount, told) <= 0:
                return ""
        return self.env._(
            "The owner of %(account)s is told of each debit %(days)s days before it, as"
            " agreed, and was not told of this one. Nothing was debited: have it paid"
            " by a billing run or as planned, which tell by themselves, or ask the"
            " customer and record in the payment dialog how this payment was agreed.",
            account=self.display_name,
            days=days,
        )

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
        goes_on._forget_notices()
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

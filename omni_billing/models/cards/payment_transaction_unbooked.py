from odoo import fields, models

from ... import const
from ...tools.database import commit, insist


class PaymentTransaction(models.Model):
    """Payments that are done, as long as the books do not know of them."""

    _inherit = "payment.transaction"

    # === OVERRIDES OF PAYMENT === #

    def _post_process(self):
        """Override of `account_payment`: a payment of Odoo's dialog is posted, too.

        The dialog posts it, if it comes to that: a process may die before, and what
        has no answer yet it cancels. Its payment is "in process" all the while, with
        an entry that is a draft.
        """
        late = self.filtered(
            lambda tx: (
                tx.state == "done"
                and tx.provider_code == "stripe"
                and not tx.is_post_processed
                and tx.payment_id
                and not tx._billing_is_booked()
            )
        )
        result = super()._post_process()
        for payment in late:
            payment._billing_post_payment()
        return result

    def _billing_post_payment(self):
        """Post the payment that a dialog made before the card was charged."""
        payment = self.payment_id
        if payment.state == "canceled":
            payment.action_draft()
        payment.action_post()
        payment.move_id.filtered(lambda move: move.state == "draft").action_post()
        lines = payment.move_id.line_ids + self.invoice_ids.line_ids
        lines.filtered(
            lambda line: (
                line.account_id == payment.destination_account_id
                and line.parent_state == "posted"
                and not line.reconciled
            )
        ).reconcile()
        self._billing_check_used(payment)

    # === BUSINESS METHODS === #

    def _billing_is_booked(self):
        """Whether the books know of a payment that is done: its entry is posted.

        What an accountant canceled or deleted after was dealt with, too.
        """
        self.ensure_one()
        payment = self.payment_id
        if not payment or payment.state in ("canceled", "rejected"):
            return self.is_post_processed
        if payment.move_id:
            return payment.move_id.state == "posted"
        # Of other providers: a journal without an account for it makes no entry.
        return payment.state != "draft"

    def _billing_get_unbooked_amount(self, currency):
        """Return what was taken, is held, or may be on its way, and is not booked yet.

        :param currency: in which the amount is wanted.
        :rtype: float
        """
        self.ensure_one()
        if self.operation in ("refund", "validation") or self.source_transaction_id:
            # A capture is counted with what was authorized.
            return 0.0
        ended = self._billing_get_captures().filtered(
            lambda tx: tx.state in ("done", "cancel")
        )
        is_pending = (
            self.state == "pending"
            and self.provider_code not in const.OFFLINE_PROVIDERS
        )
        amount = 0.0
        if self._billing_is_held():
            amount = self.amount - sum(ended.mapped("amount"))
        elif is_pending or (self.billing_is_open and self.state == "draft"):
            amount = self.amount
        elif self.state == "done" and not ended and not self._billing_is_booked():
            amount = self.amount + sum(self._billing_get_refunds().mapped("amount"))
        for capture in ended:
            if capture.state == "done" and not capture._billing_is_booked():
                amount += capture.amount
        if self.currency_id != currency:
            day = fields.Date.context_today(self)
            amount = self.currency_id._convert(amount, currency, self.company_id, day)
        return max(0.0, amount)

    def _billing_book_late(self):
        """Book what is paid and was not booked, since a page was closed.

        It commits before, and after each, as `_billing_resolve` does.

        :return: what was booked.
        """
        late = (self._billing_get_captures() + self).filtered(
            lambda tx: (
                tx._billing_is_unbooked()
                and not tx.billing_is_open
                and tx.operation not in ("refund", "validation")
            )
        )
        if late:
            commit(self.env)
        for payment in late:
            insist(self.env, payment._billing_go_on)
        return late.filtered("is_post_processed")

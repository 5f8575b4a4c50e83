from odoo import models
from odoo.exceptions import UserError

from ...tools.write_guard import without_any_default


class PaymentTransaction(models.Model):
    """How what was paid, or given back, comes into the books."""

    _inherit = "payment.transaction"

    def _post_process(self):
        """Override of `account_payment`: each is booked once, whoever does it.

        The page of Odoo that waits for an outcome, its job, an event and our own jobs
        come here at the same moment. A refund posts its credit note too, once what it
        is of is booked.
        """
        # Whoever asks, what is booked has no default of a client's.
        self = without_any_default(self)  # noqa: PLW0642
        for tx in self.sorted("id"):
            tx._billing_lock()
        for tx in self:
            if tx.operation == "refund" and tx._billing_is_unbooked():
                tx._billing_book_source()
        left = self.filtered(lambda tx: not tx.is_post_processed)
        left.provider_id._billing_ensure_method_line()
        done = left.filtered(lambda tx: tx.state == "done")
        result = super(PaymentTransaction, left)._post_process()
        for tx in done:
            tx._billing_create_missing_payment()
            if tx.billing_refund_invoice_id:
                tx.billing_refund_invoice_id._billing_book_refund(tx)
            elif tx.operation == "refund" and tx.billing_is_open:
                tx._billing_book_rest()
            if tx.provider_code == "stripe":
                tx._billing_note_booking()
        return result

    def _create_payment(self, **extra_create_values):
        """Override of `account_payment`: on the account of what it is for, and used up.

        That may not be the customer's of today, which Odoo takes for refunds and
        captures; nothing could be set against it there.
        """
        account = self._billing_get_receivable_account()
        if account:
            extra_create_values.setdefault("destination_account_id", account.id)
        payment = super()._create_payment(**extra_create_values)
        self._billing_check_used(payment)
        return payment

    def _billing_get_receivable_account(self):
        """Return the receivable account of what is paid or given back, if any."""
        source = self.source_transaction_id
        moves = self.billing_refund_note_id or (
            self.billing_refund_invoice_id
            if self.operation == "refund"
            else self.invoice_ids or source.invoice_ids
        )
        if not moves and self.operation == "refund":
            return source._billing_get_payments()[:1].destination_account_id
        return moves._billing_get_receivable_lines().account_id[:1]

    def _billing_check_used(self, payment):
        """Have staff look at money of a customer that its invoices could not take."""
        if self.operation == "refund" or not self._billing_get_customer_invoices():
            return
        left = payment.move_id._billing_get_receivable_lines().filtered(
            lambda line: not line.reconciled
        )
        if left or not payment.move_id:
            unused = -sum(left.mapped("amount_residual_currency")) or self.amount
            self._billing_tell_staff(
                self.env._(
                    "%(amount)s of the payment %(reference)s paid none of its invoices:"
                    " the customer has them on file. Use them for another invoice, or"
                    " give them back.",
                    amount=self.currency_id._billing_format(unused),
                    reference=self.reference,
                )
            )

    def _billing_note_booking(self):
        """Write down that it is booked, and that the customer is to get a receipt."""
        is_refund = self.operation == "refund"
        # What was authorized is written down with its capture.
        if is_refund or (self.payment_id and self._billing_get_invoices()):
            self._billing_log("card_refunded" if is_refund else "charged")
        if self.billing_key and self.payment_id:
            # Odoo's own form tells on its page who is at the screen.
            self.billing_mail_due = "receipt"

    def _billing_book_source(self):
        """Book what a refund is of, where that is not done: it comes first.

        Odoo makes no payment any more of what has a refund that is booked.

        :raise UserError: if it cannot be; then the refund waits as well.
        """
        source = self.source_transaction_id._billing_get_captured()
        if not source or not source._billing_is_ours():
            return
        family = source._billing_get_captures() + source
        left = family.filtered(
            lambda tx: tx.state == "done" and not tx.is_post_processed
        )
        if left:
            left._post_process()
        if source.state != "done":
            raise UserError(
                self.env._(
                    "The payment %(reference)s is not known to be paid. Its refund is"
                    " booked once it is.",
                    reference=source.reference,
                )
            )

    def _billing_create_missing_payment(self):
        """Book what Odoo does not: it takes a refund for a capture.

        Odoo's `account_payment` makes no payment of what has any child that is done.
        """
        is_captured = any(
            tx.state in ("done", "cancel") for tx in self._billing_get_captures()
        )
        if (
            not self.payment_id
            and not is_captured
            and self.operation != "validation"
            and self._billing_is_ours()
        ):
            self.with_company(self.company_id)._create_payment()

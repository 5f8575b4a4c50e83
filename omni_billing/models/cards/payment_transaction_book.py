from odoo import models
from odoo.exceptions import UserError


class PaymentTransaction(models.Model):
    """How what was paid, or given back, comes into the books."""

    _inherit = "payment.transaction"

    def _post_process(self):
        """Override of `account_payment`: each is booked once, whoever does it.

        The page of Odoo that waits for an outcome, its job, an event and our own jobs
        come here at the same moment. A refund posts its credit note too, once what it
        is of is booked.
        """
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

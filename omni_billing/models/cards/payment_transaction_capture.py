from odoo import models


class PaymentTransaction(models.Model):
    """Money that a bank holds until staff capture it.

    A capture is a child of what the customer authorized. The invoices and the refunds
    are of what was authorized; the money is booked with the capture.
    """

    _inherit = "payment.transaction"

    def _billing_get_captured(self):
        """Return what the invoices name: for a capture, what was authorized."""
        source = self.source_transaction_id
        return source if source and self.operation == source.operation else self

    def _billing_get_captures(self):
        """Return what staff captured, or gave up, of what was authorized."""
        return self.child_transaction_ids.filtered(
            lambda tx: tx.operation == tx.source_transaction_id.operation
        )

    def _billing_get_payments(self):
        """Return what it is booked as: `account.payment`, one for each capture."""
        return self.payment_id | self._billing_get_captures().payment_id

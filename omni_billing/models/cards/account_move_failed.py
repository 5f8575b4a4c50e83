from odoo import models


class AccountMove(models.Model):
    """What a customer is told of a card payment that failed, until it is paid."""

    _inherit = "account.move"

    def _billing_get_failure(self):
        """Return why the last card payment failed, in words that a customer may read.

        :return: ``reason``, ``date`` of the charge, ``is_debit`` if it was one of a
            bank account, and ``next_date`` if it is charged again by itself; None once
            it is paid, or if nothing failed.
        :rtype: dict or None
        """
        self.ensure_one()
        if not self._billing_is_unpaid():
            return None
        last = self._billing_find_last_charge()
        if last.state != "error" or not last.billing_is_declined:
            return None
        return {
            "reason": last._billing_explain_to_customer(last.billing_decline_code),
            "date": last.last_state_change.date(),
            "is_debit": bool(last._billing_get_debit()),
            "next_date": self._billing_get_next_try(),
        }

    def _billing_find_last_charge(self):
        """Return the last payment that was made, or tried, online, in sudo."""
        # sudo: attempts are internal; whose invoice it is may know their outcome.
        charges = self.sudo().transaction_ids.filtered(
            lambda tx: tx.operation not in ("validation", "refund")
        )
        return charges.sorted("id")[-1:]

    def _billing_find_failed(self):
        """Return the invoices of which the last card payment failed: see above."""
        # sudo: as above.
        attempts = self.env["payment.transaction"].sudo()
        failed = attempts.search(
            [("invoice_ids", "in", self.ids), ("state", "=", "error")]
        )
        tried = set(failed.invoice_ids.ids)
        return self.filtered(
            lambda move: move.id in tried and move._billing_get_failure()
        )

    def _billing_get_next_try(self):
        """Return the day on which a card is charged again by itself, if any. Hook."""
        self.ensure_one()
        return None

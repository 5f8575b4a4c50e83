from odoo import models


class AccountMove(models.Model):
    """An invoice of usage: what its lines are made of (W41)."""

    _inherit = "account.move"

    def _billing_find_usage(self):
        """Return the parts of usage that an invoice charges.

        :rtype: omni.billing.usage.rating
        """
        self.ensure_one()
        # sudo: of an invoice that one may see.
        return self.sudo().billing_transaction_ids.usage_rating_ids

    def _billing_find_itemised(self):
        """Return those of the parts whose events are still kept.

        :rtype: omni.billing.usage.rating
        """
        return self._billing_find_usage().filtered(lambda part: not part._has_gone())

    def _billing_cancel_items(self, transactions, penalty=0.0, reason=None):
        """Override of `omni_billing`: a top-up ends that is given back."""
        note = super()._billing_cancel_items(transactions, penalty, reason)
        # sudo: whoever cancels it; it is not undone with the credit note.
        transactions.sudo().usage_topup_ids._end()
        return note

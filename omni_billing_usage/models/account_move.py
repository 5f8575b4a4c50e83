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

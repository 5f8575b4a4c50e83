from datetime import timedelta

from odoo import fields, models


class AccountPaymentLot(models.Model):
    """What a file debits on one day, by mandates of one kind."""

    _inherit = "account.payment.lot"

    def _billing_is_too_soon(self):
        """Whether its day is sooner after the notices than was agreed, or is over."""
        self.ensure_one()
        if self.date <= fields.Date.context_today(self):
            return True
        for payment in self.payment_ids:
            told = fields.Date.context_today(self, payment.create_date)
            days = payment.billing_mandate_id._billing_get_notice_days()
            if self.date < told + timedelta(days=days):
                return True
        return False

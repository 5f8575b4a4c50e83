from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.database import commit_progress

#: How many days before its own a scheduled debit is looked at: the longest notice.
LOOK_AHEAD = timedelta(days=61)


class OmniBillingInstallment(models.Model):
    """Debits on days that were planned: told of in time for these (W33)."""

    _inherit = "omni.billing.installment"

    def _get_planned_date(self):
        return self.date

    @api.model
    def _announce_coming(self):
        """Tell of debits whose day comes, as long before as was agreed; commits."""
        today = fields.Date.today()
        coming = self.search(
            Domain("charge_state", "=", "due")
            & Domain("date", ">", today)
            & Domain("date", "<=", today + LOOK_AHEAD)
            & Domain("token_id.billing_is_card", "=", False)
            & Domain("token_id.billing_is_charged", "=", True)
        )
        for payment in coming:
            payment._announce()
            if not commit_progress(self.env, 1):
                return

    def _announce(self):
        """Tell of it, if it is time to."""
        record = self._get_job_record()
        card = record._get_card()
        consent = card._billing_find_consent(
            record.amount, record.currency_id, record.invoice_id
        )
        days = consent._get_notice_days() if consent else 0
        is_time = record.date <= fields.Date.today() + timedelta(days=days + 1)
        if days and is_time and record.invoice_id._billing_is_unpaid():
            record._give_notice(card)

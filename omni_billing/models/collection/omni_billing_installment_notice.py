import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.database import commit_progress, retry, rollback

_logger = logging.getLogger(__name__)


class OmniBillingInstallment(models.Model):
    """Debits on days that were planned: told of in time for these (W33)."""

    _inherit = "omni.billing.installment"

    _notice_field = "notice_installment_id"

    notice_ids = fields.One2many(
        "omni.billing.mail",
        "notice_installment_id",
        string="Notices",
        readonly=True,
        copy=False,
        groups="base.group_system",
    )

    def _get_planned_date(self):
        return self.date

    @api.model
    def _announce_coming(self):
        """Tell of debits whose day comes, as long before as was agreed; commits."""
        # sudo: which accounts have one is asked for all of them.
        consents = self.env["omni.billing.consent"].sudo()
        longest = consents._get_longest_notice()
        if not longest:
            return
        coming = self.search(
            Domain("charge_state", "=", "due")
            & Domain("date", ">", fields.Date.today() - timedelta(days=1))
            & Domain("date", "<=", self._get_latest_day() + timedelta(days=longest + 1))
            & Domain("token_id.billing_is_card", "=", False)
            & Domain("token_id.billing_is_charged", "=", True)
            & Domain("notice_ids", "not any!", Domain("state", "!=", "canceled"))
        )
        for payment in coming:
            payment._announce_or_log()
            if not commit_progress(self.env, 1):
                return

    def _announce_or_log(self):
        """Tell of it; what breaks does not hold up the others.

        On its day it is tried again, and then left to staff.
        """
        try:
            retry(self.env, self._announce)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            # A conflict, or no database: the job begins again.
            raise
        except Exception:
            rollback(self.env)
            _logger.warning("%s: nobody is told of it yet", self, exc_info=True)

    def _announce(self):
        """Tell of it, if it is time to."""
        self.invalidate_recordset()
        record = self._get_job_record()
        today, card = record._get_today(), record._get_card()
        days = record._get_notice_days(card)
        is_time = today < record.date <= today + timedelta(days=days + 1)
        obstacle = record.invoice_id._billing_get_mail_obstacle("notice")
        if days and is_time and not obstacle:
            record._give_notice(card)

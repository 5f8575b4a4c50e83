from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

#: How long jobs wait before the scheduled actions do the work themselves.
PATIENCE = timedelta(minutes=15)
#: Our jobs.
METHODS = (
    *("_job_bill", "_job_collect", "_job_billing_render_pdf", "_job_deliver"),
    *("_job_send", "_job_write_due"),
)
#: A job in one of these will be done, or is being done.
OPEN_STATES = ("wait_dependencies", "pending", "enqueued", "started")
UNDER_WAY = Domain("state", "in", OPEN_STATES)


class QueueJob(models.Model):
    _inherit = "queue.job"

    @api.model
    def _billing_is_without_runner(self):
        """Whether jobs of ours wait, and none of anybody's has been begun for long.

        A job is an invitation, so it does no harm if they are begun after all.
        """
        since = fields.Datetime.now() - PATIENCE
        waiting = self.search(
            self._billing_get_waiting_domain()
            & Domain("date_created", "<", since)
            & (Domain("eta", "=", False) | Domain("eta", "<", since)),
            limit=1,
        )
        return bool(waiting) and not self.search(
            Domain("date_started", ">=", since) | Domain("date_done", ">=", since),
            limit=1,
        )

    @api.model
    def _billing_get_waiting_domain(self, *more):
        """Return which jobs of ours are not begun, or are in one of more states."""
        return Domain("method_name", "in", METHODS) & Domain(
            "state", "in", ("wait_dependencies", "pending", "enqueued", *more)
        )

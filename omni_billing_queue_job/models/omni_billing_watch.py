from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.omni_billing.models.desk.omni_billing_watch import HOUR

from .queue_job import METHODS


class OmniBillingWatch(models.Model):
    """Jobs that nobody begins, or that failed."""

    _inherit = "omni.billing.watch"
    _depends = {
        "queue.job": ["company_id", "date_created", "eta", "method_name", "state"]
    }

    kind = fields.Selection(selection_add=[("job", "Jobs of Billing")])

    @api.model
    def _get_kinds(self):
        """Override: the scheduled actions take over after a quarter of an hour."""
        return [
            *super()._get_kinds(),
            (32, "job", "Jobs of Billing", 20, 4 * HOUR, True),
        ]

    @api.model
    def _get_advice(self):
        """Override: what to do about jobs."""
        return super()._get_advice() | {
            "job": self.env._(
                "Open the jobs that failed, and requeue them. If many wait, see"
                " whether the job runner is started: queue_job among"
                " server_wide_modules."
            )
        }

    @api.model
    def _get_queries(self, now):
        """Override: jobs of ours; what is done there is no job of any company's."""
        return [
            *super()._get_queries(now),
            SQL(
                """
                SELECT 'job', NULL::int,
                       COUNT(*) FILTER (WHERE state != 'failed'
                                          AND COALESCE(eta, %(now)s) <= %(now)s),
                       COUNT(*) FILTER (WHERE state = 'failed'),
                       MIN(COALESCE(eta, date_created))
                           FILTER (WHERE state != 'failed')
                  FROM queue_job
                 WHERE state IN ('wait_dependencies', 'pending', 'enqueued', 'failed')
                   AND method_name IN %(methods)s
                """,
                now=now,
                methods=METHODS,
            ),
        ]

    def _open_job(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "queue_job.action_queue_job"
        )
        action["domain"] = [("method_name", "in", METHODS)]
        action["context"] = {"search_default_failed": 1, "search_default_pending": 1}
        return action

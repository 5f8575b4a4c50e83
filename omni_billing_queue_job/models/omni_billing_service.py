from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import split_every

from odoo.addons.omni_billing.models.services.omni_billing_service_charge import CHUNK
from odoo.addons.omni_billing.tools.database import commit_progress

from .queue_job import UNDER_WAY


class OmniBillingService(models.Model):
    """Charges of services on many workers.

    A job looks at some services, by their ids, and writes what is due of them: what is
    charged already, by another job or by the scheduled action, is not due any more, and
    a period that is charged twice the database refuses.
    """

    _inherit = "omni.billing.service"

    @api.model
    def _cron_write_due(self):
        """Override: have jobs for it, where it is more than one of them does."""
        # sudo: which jobs there are is not for everyone to read.
        jobs = self.env["queue.job"].sudo()
        if jobs._billing_is_without_runner() or not self._spread_due(
            "omni.billing.service"
        ):
            return super()._cron_write_due()
        commit_progress(self.env, remaining=0)
        return None

    @api.model
    def _spread_due(self, name, company=None, run=None):
        """Have a job for each chunk of what may be due; once for a name.

        :param str name: what the keys of the jobs begin with.
        :param run: the `omni.billing.run` that waits for it.
        :return: whether the jobs are still at it; no, if one chunk is all there is.
        """
        # sudo: as above
        jobs = self.env["queue.job"].sudo()
        mine = Domain("identity_key", "=like", f"{name} services %")
        if run and jobs.search_count(mine, limit=1):
            return bool(jobs.search_count(mine & UNDER_WAY, limit=1))
        if jobs.search_count(mine & UNDER_WAY, limit=1):
            return True
        due = self._get_due_domain(fields.Datetime.now(), company)
        ids = self._search(due, order="id").get_result_ids()
        if len(ids) <= CHUNK:
            return False
        for part in split_every(CHUNK, ids):
            key = f"{name} services {part[0]}"
            self.with_delay(identity_key=key)._job_write_due(
                part[0], part[-1], company and company.id, run and run.id
            )
        return True

    def _job_write_due(self, first_id, last_id, company_id=None, run_id=None):
        """Write the due charges of some services"""
        company = self.env["res.company"].browse(company_id) if company_id else None
        within = Domain("id", ">=", first_id) & Domain("id", "<=", last_id)
        self._write_all_due(fields.Datetime.now(), company, within)
        if run_id:
            # Known together with the end of this job: the queue commits both.
            self.env.ref("omni_billing.ir_cron_process_runs")._trigger()

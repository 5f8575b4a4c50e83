from odoo import api, models

from odoo.addons.omni_billing.tools.database import commit_progress

from .queue_job import OPEN_STATES

#: E-mails that get jobs before they are made to last.
BATCH = 500


class OmniBillingMail(models.Model):
    _inherit = "omni.billing.mail"

    @api.model
    def _cron_send(self, limit=None):
        """Override: have a job for each e-mail that is due."""
        # sudo: which jobs there are is not for everyone to read.
        jobs = self.env["queue.job"].sudo()
        if jobs._billing_is_without_runner():
            return super()._cron_send(limit or BATCH)
        mails = self.search(self._get_due_domain(), order="next_try, id", limit=limit)
        jobs = jobs.search(
            [("model_name", "=", self._name), ("state", "in", OPEN_STATES)]
        )
        there = set(jobs.mapped("identity_key"))
        missing = [mail for mail in mails if mail._get_job_key() not in there]
        for number, mail in enumerate(missing, start=1):
            mail.with_delay(identity_key=mail._get_job_key())._job_deliver()
            if number % BATCH == 0:
                commit_progress(self.env)
        commit_progress(self.env)
        return None

    def _get_job_key(self):
        return f"omni.billing.mail {self.id} {self.tries}"

    def _job_deliver(self):
        """Hand an e-mail over"""
        self._deliver()

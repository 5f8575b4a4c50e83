from odoo import api, models

from odoo.addons.omni_billing.tools.database import commit_progress

from .queue_job import OPEN_STATES


class OmniBillingWebhook(models.Model):
    _inherit = "omni.billing.webhook"

    @api.model
    def _cron_send(self):
        """Override: have a job for each program that something waits for."""
        # sudo: which jobs there are is not for everyone to read.
        jobs = self.env["queue.job"].sudo()
        if jobs._billing_is_without_runner():
            return super()._cron_send()
        jobs = jobs.search(
            [("model_name", "=", self._name), ("state", "in", OPEN_STATES)]
        )
        there = set(jobs.mapped("identity_key"))
        for webhook in self._find_due():
            if webhook._get_job_key() not in there:
                webhook.with_delay(identity_key=webhook._get_job_key())._job_send()
        commit_progress(self.env)
        return None

    def _get_job_key(self):
        return f"omni.billing.webhook {self.id}"

    def _job_send(self):
        """Tell a program what is due"""
        while self._send_next():
            continue

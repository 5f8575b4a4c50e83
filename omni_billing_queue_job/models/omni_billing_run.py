from odoo import api, fields, models
from odoo.tools import split_every

from odoo.addons.omni_billing.tools.database import commit_progress
from odoo.addons.omni_billing.tools.write_guard import trust

#: Customers whose cards are charged in one job.
CHARGES = 20
#: Invoices whose PDFs are made in one job.
PDFS = 10


class OmniBillingRun(models.Model):
    """Billing runs on many workers.

    A job is no more than an invitation to do the next step: which customers are next is
    found, and locked, when it runs. So it does not matter how many jobs there are, or
    whether one is lost: the scheduled action adds those that are missing.
    """

    _inherit = "omni.billing.run"

    is_without_runner = fields.Boolean(
        string="Job Queue Does Not Run",
        readonly=True,
        copy=False,
        help="The scheduled action does the work itself.",
    )

    @api.model
    def _billing_get_state_fields(self):
        """Override: whether the queue runs is found out."""
        return super()._billing_get_state_fields() | {"is_without_runner"}

    # === BUSINESS METHODS - SPREADING === #

    def _work(self):
        """Override: wait for the jobs that charge services; other runs go on."""
        if self._waits_for_services():
            return True
        return super()._work()

    def _waits_for_services(self):
        """Whether charges that the run is to bill are left to jobs, and not written."""
        # A check computes what services would charge.
        if self.state != "running" or self.is_prepared or not self._has_runner():
            return False
        run = self._as_responsible()
        services = run.env["omni.billing.service"]
        name = f"omni.billing.run {run.id}"
        if not services._spread_due(name, run.company_id, run):
            return False
        commit_progress(self.env, remaining=0)
        return True

    def _bill_pending(self):
        """Override: leave the chunks to jobs."""
        pending = self._count_pending()
        is_at_it = self.state in ("checking", "running")
        if is_at_it and pending and self._has_runner():
            self._spread("_job_bill", pending, self._get_chunk_size())
            return True
        return super()._bill_pending()

    def _collect(self):
        """Override: leave charges and e-mails to jobs."""
        Line = self.env["omni.billing.run.line"]
        todo = Line.search_count(self._get_collecting_domain())
        if self.state == "collecting" and todo and self._has_runner():
            self._spread("_job_collect", todo, CHARGES)
            return True
        return super()._collect()

    def _has_runner(self):
        """Whether somebody begins the jobs; where nobody does, it is said once."""
        # sudo: which jobs there are is not for everyone to read.
        is_without = self.env["queue.job"].sudo()._billing_is_without_runner()
        if is_without and not self.is_without_runner:
            self._tell(
                self.env._(
                    "The job queue does not run: its jobs have waited for a quarter of"
                    " an hour. The scheduled action goes on with this run by itself,"
                    " with one process. An administrator starts the queue (“queue_job”"
                    " among server_wide_modules, and workers), or uninstalls Omni"
                    " Billing: Job Queue."
                )
            )
        if is_without != self.is_without_runner:
            trust(self).is_without_runner = is_without
        return not is_without

    def _spread(self, method, count, size):
        """Have as many jobs as it takes; those that are there already count."""
        for number in range(-(-count // size)):
            key = f"omni.billing.run {self.id} {method} {number}"
            getattr(self.with_delay(identity_key=key), method)()
        # The jobs do the rest: tell the scheduler that its action is through.
        commit_progress(self.env, remaining=0)

    def _post_process(self, moves):
        """Override: make the PDFs that will be sent, once the invoices are safe."""
        result = super()._post_process(moves)
        if self.is_email and not self.is_without_runner:
            for part in split_every(PDFS, moves.ids, moves.browse):
                part.with_delay()._job_billing_render_pdf()
        return result

    # === BUSINESS METHODS - JOBS === #

    def _job_bill(self):
        """Bill a chunk of the customers"""
        self._work_or_pause("_bill_one_chunk")

    def _bill_one_chunk(self):
        run = self._as_responsible()
        if run.state in ("checking", "running"):
            run._bill_next(set())
            if not run._count_pending():
                # The job that billed the last customers also ends the step.
                run._bill_next(set())

    def _job_collect(self):
        """Charge cards and send invoices of some customers"""
        self._work_or_pause("_collect_some")

    def _collect_some(self):
        run = self._as_responsible()
        for _number in range(CHARGES + 1):
            if run.state != "collecting" or run._collect_next()[0]:
                break

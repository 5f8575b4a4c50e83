from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.runs import omni_billing_run_billing
from odoo.addons.omni_billing.models.services import omni_billing_service_charge
from odoo.addons.omni_billing.tests.common import BillingCommon
from odoo.addons.omni_billing.tests.webhook_common import FakeWebhooks
from odoo.addons.omni_billing_queue_job.hooks import uninstall_hook
from odoo.addons.omni_billing_queue_job.models import (
    omni_billing_run,
    omni_billing_service,
)

#: Customers of a run; how many of them are billed in one job, charged, and printed.
CUSTOMERS = 12
CHUNK = 10
CHARGES = 2
PDFS = 5
#: Services that are charged in one job.
SERVICES = 3
ADDON = Path(__file__).resolve().parents[1]
SCRIPT = ADDON / "migrations" / "19.0.1.1.0" / "pre-names.py"


@tagged("post_install", "-at_install")
class TestJobs(BillingCommon):
    """What jobs there are, and that too many or too few do no harm."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for module, name, size in (
            (omni_billing_run_billing, "CHUNK", CHUNK),
            (omni_billing_run, "CHARGES", CHARGES),
            (omni_billing_run, "PDFS", PDFS),
            (omni_billing_service_charge, "CHUNK", SERVICES),
            (omni_billing_service, "CHUNK", SERVICES),
        ):
            cls.startClassPatcher(patch.object(module, name, size))
        cls.customers = cls.env["res.partner"].create(
            [
                {"name": f"Subscriber {number}", "email": f"{number}@example.com"}
                for number in range(CUSTOMERS)
            ]
        )
        for customer in cls.customers:
            cls._create_transaction(10, partner_id=customer.id)

    def _start(self, **values):
        run = self.env["omni.billing.run"].create(
            {"company_id": self.company.id, **values}
        )
        run.action_start()
        self._run_cron()
        return run

    def _run_cron(self):
        self.env["omni.billing.run"]._cron_process()
        self.env.invalidate_all()

    def _jobs(self, method):
        jobs = self.env["queue.job"].sudo()
        return jobs.search([("method_name", "=", method)], order="id")

    def test_one_job_for_each_chunk(self):
        run = self._start()
        self.assertEqual(run.state, "running")
        jobs = self._jobs("_job_bill")
        self.assertEqual(len(jobs), 2)
        self.assertEqual(set(jobs.mapped("channel")), {"root.omni_billing.run"})
        self.assertFalse(run.line_ids.invoice_id)

    def test_operators_see_jobs_that_wait(self):
        """W45"""
        self._start()
        jobs = self._jobs("_job_bill")
        Watch = self.env["omni.billing.watch"]

        def look():
            self.env.flush_all()
            self.env.invalidate_all()
            row = Watch.search([("kind", "=", "job")])
            self.assertEqual(row.action_open()["res_model"], "queue.job")
            return row.level, row.waiting, row.failed, bool(row.advice)

        self.assertEqual(look(), ("fine", 2, 0, False))
        self._let_jobs_wait(30)
        self.assertEqual(look(), ("late", 2, 0, True))
        jobs[0].state = "failed"
        self.assertEqual(look(), ("failing", 1, 1, True))

    def _add_services(self, count):
        values = {"name": "Fibre", "price_unit": 31, "unit": "month"}
        values |= {"date_start": fields.Date.today()}
        return self.env["omni.billing.service"].create(
            [values | {"partner_id": self.customers[n].id} for n in range(count)]
        )

    def _do_jobs(self, method):
        """Do each job once, the last one first."""
        for job in reversed(self._jobs(method)):
            getattr(job.records, method)(*job.args, **job.kwargs)
            self._write_jobs("state", "done", f"id = {job.id}")
            self.env.invalidate_all()

    def test_services_are_charged_by_jobs(self):
        """W8"""
        services = self._add_services(7)
        for _number in range(2):
            services._cron_write_due()
            jobs = self._jobs("_job_write_due")
            self.assertEqual(len(jobs), 3)
            self.assertEqual(set(jobs.mapped("channel")), {"root.omni_billing.run"})
            self.assertFalse(services.transaction_ids)
        self._do_jobs("_job_write_due")
        self._do_jobs("_job_write_due")
        self.assertEqual(len(services.transaction_ids), 7)

    def test_few_services_need_no_job(self):
        services = self._add_services(3)
        services._cron_write_due()
        self.assertFalse(self._jobs("_job_write_due"))
        self.assertEqual(len(services.transaction_ids), 3)

    def test_run_waits_for_the_charges_of_services(self):
        services = self._add_services(7)
        run = self._start()
        self.assertEqual((run.state, run.is_prepared), ("running", False))
        self._run_cron()
        self.assertFalse(run.is_prepared)
        self._do_jobs("_job_write_due")
        self._run_cron()
        self.assertTrue(run.is_prepared)
        self.assertEqual(len(services.transaction_ids), 7)

    def test_services_do_without_a_runner(self):
        services = self._add_services(7)
        services._cron_write_due()
        self._let_jobs_wait()
        services._cron_write_due()
        self.assertEqual(len(services.transaction_ids), 7)
        self._do_jobs("_job_write_due")
        self.assertEqual(len(services.transaction_ids), 7)

    def test_jobs_are_not_doubled(self):
        self._start()
        self._run_cron()
        self.assertEqual(len(self._jobs("_job_bill")), 2)

    def test_last_job_ends_the_run(self):
        run = self._start()
        run._job_bill()
        self.assertEqual((run.state, run.done_count), ("running", CHUNK))
        run._job_bill()
        self.assertEqual((run.state, run.done_count), ("done", CUSTOMERS))
        self.assertEqual(len(run.line_ids.invoice_id), CUSTOMERS)

    def test_job_too_many_does_nothing(self):
        run = self._start()
        for _number in range(3):
            run._job_bill()
        self.assertEqual((run.state, len(run.line_ids.invoice_id)), ("done", CUSTOMERS))

    def test_lost_jobs_come_back(self):
        run = self._start()
        run._job_bill()
        self._jobs("_job_bill").unlink()
        self._run_cron()
        self.assertEqual(len(self._jobs("_job_bill")), 1)

    def test_paused_run_is_left_alone(self):
        run = self._start()
        run.action_pause()
        run._job_bill()
        self.assertFalse(run.line_ids.invoice_id)
        self.assertEqual(run.state, "paused")

    def test_check_is_spread_too(self):
        run = self.env["omni.billing.run"].create({"company_id": self.company.id})
        run.action_check()
        self._run_cron()
        self.assertEqual(len(self._jobs("_job_bill")), 2)
        run._job_bill()
        run._job_bill()
        self.assertEqual((run.state, run.ready_count), ("checked", CUSTOMERS))

    def test_what_breaks_everything_pauses_the_run(self):
        run = self._start()
        self.company.fiscalyear_lock_date = run.invoice_date
        run._job_bill()
        self.assertEqual(run.state, "paused")
        self.assertFalse(run.line_ids.invoice_id)

    def test_emails_get_pdfs_first_and_a_job_each(self):
        run = self._start(is_email=True)
        run._job_bill()
        run._job_bill()
        self.assertEqual(run.state, "collecting")
        self.assertEqual(len(self._jobs("_job_billing_render_pdf")), CHUNK // PDFS + 1)
        self._run_cron()
        self.assertEqual(len(self._jobs("_job_collect")), CUSTOMERS // CHARGES)
        for _number in range(CUSTOMERS // CHARGES):
            run._job_collect()
        self.assertEqual(run.state, "done")
        mails = self.env["omni.billing.mail"].search(
            [("move_id", "in", run.line_ids.invoice_id.ids)]
        )
        self.assertEqual(len(mails), CUSTOMERS)
        for _time in range(2):
            self.env["omni.billing.mail"]._cron_send()
        self.assertEqual(len(self._jobs("_job_deliver")), CUSTOMERS)

    def test_each_program_gets_a_job(self):
        """W39: one that gives no answer holds up no other."""
        programs = FakeWebhooks()
        Webhook = self.env["omni.billing.webhook"]
        self.patch(type(Webhook), "_get_gateway", lambda _webhook: programs)
        webhooks = Webhook.create(
            [
                {"name": name, "url": f"https://{name}.example.com/"}
                for name in ("first", "second", "idle")
            ]
        )
        rows = self.env["omni.billing.webhook.delivery"].sudo()
        for webhook in webhooks[:2]:
            for _number in range(3):
                rows += rows._create_test(webhook)
        for _time in range(2):
            Webhook.sudo()._cron_send()
        self.assertEqual(len(self._jobs("_job_send")), 2)
        webhooks[0].sudo()._job_send()
        self.assertEqual(len(programs.sent), 3)
        self._let_jobs_wait()
        Webhook.sudo()._cron_send()
        self.assertEqual(len(programs.sent), 6)
        self.assertEqual(set(rows.mapped("state")), {"sent"})

    # === NOBODY BEGINS THE JOBS === #

    def _let_jobs_wait(self, minutes=20):
        since = fields.Datetime.now() - timedelta(minutes=minutes)
        self._write_jobs("date_created", since, "state = 'pending'")

    def _write_jobs(self, name, value, which):
        """Write what nobody may write but the queue."""
        self.env.flush_all()
        query = f"UPDATE queue_job SET {name} = %s WHERE {which}"
        self.env.cr.execute(query, [value])
        self.env.invalidate_all()

    def test_scheduled_action_does_what_nobody_begins(self):
        run = self._start(is_email=True)
        self._let_jobs_wait(10)
        self._run_cron()
        self.assertEqual((run.state, run.done_count), ("running", 0), "not yet")
        self._let_jobs_wait()
        self._run_cron()
        self.assertEqual((run.state, run.done_count), ("done", CUSTOMERS))
        self.assertTrue(run.is_without_runner)
        told = run.message_ids.filtered(lambda each: "does not run" in each.body)
        self.assertEqual(len(told), 1)
        self.assertFalse(self._jobs("_job_billing_render_pdf"))
        self.assertFalse(self._jobs("_job_collect"))
        # E-mails, too.
        mails = self.env["omni.billing.mail"].search(
            [("move_id", "in", run.line_ids.invoice_id.ids)]
        )
        with mute_logger(
            "odoo.addons.omni_billing.models.mail.omni_billing_mail",
            "odoo.addons.mail.models.mail_mail",
        ):
            self.env["omni.billing.mail"]._cron_send()
        self.assertFalse(self._jobs("_job_deliver"))
        self.assertEqual(set(mails.mapped("tries")), {1})

    def test_one_that_comes_late_does_nothing_twice(self):
        run = self._start()
        self._let_jobs_wait()
        self._run_cron()
        run._job_bill()
        self.assertEqual((run.state, len(run.line_ids.invoice_id)), ("done", CUSTOMERS))

    def test_runner_that_comes_back_has_the_jobs(self):
        run = self._start()
        jobs = self._jobs("_job_bill")
        self._let_jobs_wait()
        # Of whatever addon: somebody begins jobs.
        self._write_jobs("date_started", fields.Datetime.now(), f"id = {jobs[0].id}")
        self._run_cron()
        self.assertEqual(run.state, "running")
        self.assertFalse(run.is_without_runner)
        self.assertFalse(run.line_ids.invoice_id)

    def test_no_job_stays_when_the_addon_goes(self):
        run = self._start()
        waits, failed = self._jobs("_job_bill")
        self._write_jobs("state", "failed", f"id = {failed.id}")
        other = self._start()
        of_others = self._jobs("_job_bill")[2]
        self._write_jobs("method_name", "of_others", f"id = {of_others.id}")
        uninstall_hook(self.env(su=True))
        self.assertEqual((waits + failed).mapped("state"), ["cancelled"] * 2)
        self.assertEqual(of_others.state, "pending")
        self.assertEqual((run + other).mapped("state"), ["running"] * 2)

    def test_pdf_job_fills_the_store(self):
        run = self._start(is_email=True)
        run._job_bill()
        moves = run.line_ids.invoice_id[:2]
        renders = self.env["omni.billing.pdf.cache"].search_count
        before = renders([])
        moves._job_billing_render_pdf()
        self.assertEqual(renders([]) - before, 2)

    def test_upgrade_renames_the_jobs_that_wait(self):
        run = self._start(is_email=True)
        run._job_bill()
        jobs = self._jobs("_job_billing_render_pdf")
        function = self.env.ref("omni_billing_queue_job.function_render_pdf").sudo()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE queue_job SET method_name = '_job_render_pdf' WHERE id IN %s",
            [jobs._ids],
        )
        self.env.cr.execute(
            "UPDATE queue_job_function SET method = '_job_render_pdf',"
            " name = '<account.move>._job_render_pdf' WHERE id = %s",
            [function.id],
        )
        script = load_script(str(SCRIPT), "names")
        script.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(set(jobs.mapped("method_name")), {"_job_billing_render_pdf"})
        self.assertEqual(function.name, "<account.move>._job_billing_render_pdf")
        self.assertEqual(function.method, "_job_billing_render_pdf")

    def test_fast_billing_is_proved_beside_the_queue(self):
        """W45: what the queue brings takes no part in making an invoice."""
        self.company.action_billing_prove()
        self.assertFalse(self.company.billing_proven_problem)
        self.assertTrue(self.company.billing_use_proven)
        # A job bills three chunks then: each of them has something to do.
        run = self._start()
        self.assertEqual(len(self._jobs("_job_bill")), 1)
        run._job_bill()
        self.assertEqual(run.done_count, CUSTOMERS)

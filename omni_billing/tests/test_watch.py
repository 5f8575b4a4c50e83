import re
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools import SQL, file_open, mute_logger

from odoo.addons.omni_billing.exceptions import GatewayRefused

from .card_common import CardCommon
from .mail_common import MAIL_LOGGERS, MailCommon
from .test_omni_billing_run import RunCommon

MANAGER = "omni_billing.omni_billing_group_manager"


@tagged("post_install", "-at_install")
class TestWatch(RunCommon, CardCommon, MailCommon):
    """W45: what operators watch, counted when it is looked at."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Watch = cls.env["omni.billing.watch"]
        cls.manager = cls._create_user("watch-manager", MANAGER)

    def setUp(self):
        super().setUp()
        self.now = fields.Datetime.now()
        # What is due is due from midnight on.
        self.midnight = timedelta(hours=self.now.hour, minutes=self.now.minute)

    def _look(self, kind, later=None, user=None):
        """Return the row of a kind, as it will be after a while."""
        self.env.flush_all()
        self.env.invalidate_all()
        Watch = self.Watch.with_user(user or self.manager)
        with freeze_time(self.now + (later or timedelta())):
            rows = Watch.search([("kind", "=", kind)])
            return rows.read(["level", "waiting", "failed", "since", "advice"])[0]

    def _follow(self, kind, *steps, waiting=1, failed=0):
        """Have a kind of work wait, and see what is said of it after a while.

        :param steps: pairs of a time from now on, and the status then.
        """
        for later, level in steps:
            with self.subTest(kind, later=later):
                row = self._look(kind, later)
                self.assertEqual(row["level"], level)
                self.assertEqual((row["waiting"], row["failed"]), (waiting, failed))
                self.assertEqual(bool(row["advice"]), level != "fine")

    # === ONE OF EACH KIND === #

    def test_nothing_waits(self):
        self.env.flush_all()
        rows = self.Watch.with_user(self.manager).search([("company_id", "!=", False)])
        self.assertEqual(set(rows.mapped("level")), {"fine"})
        self.assertEqual(len(rows), len(set(rows.mapped("kind"))))
        self.assertFalse(any(rows.mapped("waiting")))

    def test_email_that_waits(self):
        self._bill_one()._billing_queue_mail("invoice")
        self._follow(
            "mail",
            (timedelta(minutes=5), "fine"),
            (timedelta(hours=1), "late"),
            (timedelta(hours=5), "failing"),
        )

    def test_message_to_another_program_that_waits(self):
        """W39: from when it happened, whatever pause its program asked for."""
        webhook = self.env["omni.billing.webhook"].create(
            {"name": "Program", "url": "https://program.example.com/"}
        )
        self._bill_one()
        steps = (
            (timedelta(minutes=5), "fine"),
            (timedelta(hours=1), "late"),
            (timedelta(hours=5), "failing"),
        )
        self._follow("webhook", *steps)
        webhook.action_disable()
        self._follow("webhook", (timedelta(minutes=5), "failing"), failed=1)
        webhook.active = False
        self._follow("webhook", (timedelta(hours=5), "fine"), waiting=0)

    @mute_logger(*MAIL_LOGGERS)
    def test_email_that_an_administrator_has_to_see_to(self):
        self._use_mailjet()
        self.mailjet.fail_next(GatewayRefused("bad_credentials", "no"))
        self._bill_one().action_billing_email()
        self._follow("mail", (timedelta(), "failing"), waiting=0, failed=1)

    def test_card_whose_answer_is_lost(self):
        invoice, _intent = self._lose_charge()
        self._follow(
            "attempt",
            (timedelta(minutes=5), "fine"),
            (timedelta(hours=1), "late"),
            (timedelta(hours=3), "failing"),
        )
        self.assertTrue(invoice.billing_attempt_id)

    def test_event_of_stripe(self):
        events = self.env["omni.billing.stripe.event"].sudo()
        event = events.create(
            {
                "provider_id": self.provider.id,
                "event_ref": "evt_1",
                "event_type": "refund.updated",
            }
        )
        self._follow(
            "stripe_event",
            (timedelta(minutes=5), "fine"),
            (timedelta(hours=1), "late"),
            (timedelta(hours=5), "failing"),
        )
        event.next_try = self.now + timedelta(hours=8)
        self._follow("stripe_event", (timedelta(hours=5), "fine"), waiting=0)
        event.write({"state": "failed", "error": "It is broken."})
        self._follow("stripe_event", (timedelta(), "failing"), waiting=0, failed=1)

    def test_service_that_is_due(self):
        service = self.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": self.customer.id,
                "price_unit": 45,
                "unit": "month",
                "date_start": self.today,
            }
        )
        self._follow(
            "service",
            (timedelta(hours=1), "fine"),
            (timedelta(hours=40) - self.midnight, "late"),
            (timedelta(hours=80), "failing"),
        )
        # sudo: as the job.
        service.sudo()._cron_write_due()
        self._follow("service", (timedelta(hours=80), "fine"), waiting=0)

    def test_run_that_does_not_go_on(self):
        self._charge_all()
        run = self._create_run()
        run.action_start()
        self._follow(
            "run",
            (timedelta(minutes=5), "fine"),
            (timedelta(hours=1), "late"),
            (timedelta(hours=5), "failing"),
        )
        run.action_pause()
        self._follow("run", (timedelta(hours=1), "late"))
        run.action_resume()
        self._work()
        self.assertEqual(run.state, "done")
        self._follow("run", (timedelta(hours=5), "fine"), waiting=0)

    def test_card_whose_day_has_come(self):
        invoice = self._bill_amounts(100)
        planned = self.env["omni.billing.installment"]
        planned._plan(invoice, [(self.today, 100)], self.card)
        self._follow(
            "charge",
            (timedelta(hours=1), "fine"),
            (timedelta(hours=40) - self.midnight, "late"),
            (timedelta(hours=80), "failing"),
        )

    def test_pdf_to_make(self):
        invoice = self._bill_one()
        caches = self.env["omni.billing.pdf.cache"].sudo()
        caches.search([("move_id", "=", invoice.id)]).unlink()
        caches._ask_for(invoice)
        self._follow("pdf", (timedelta(hours=1), "fine"), (timedelta(hours=3), "late"))

    def test_scheduled_actions(self):
        # sudo: an administrator's.
        crons = self.env["ir.cron"].sudo().browse(self.Watch._list_crons())
        self.assertGreater(len(crons), 10)
        crons.write({"active": True, "nextcall": self.now + timedelta(hours=1)})
        self._follow("cron", (timedelta(), "fine"), waiting=0)
        crons[0].nextcall = self.now
        self._follow("cron", (timedelta(minutes=45), "late"))
        crons[0].write({"active": False})
        self._follow("cron", (timedelta(), "failing"), waiting=0, failed=1)

    def test_what_waits_for_staff(self):
        self.gateway.decline(decline_code="stolen_card")
        self._create_transaction(45)
        self._do(is_charge=True)
        self._follow("todo", (timedelta(), "fine"), (timedelta(days=8), "late"))

    # === WHO SEES IT === #

    def test_each_row_opens_what_it_counts(self):
        self.env.flush_all()
        for row in self.Watch.with_user(self.env.ref("base.user_admin")).search([]):
            with self.subTest(row.kind):
                action = row.action_open()
                self.env[action["res_model"]].search_count(
                    [leaf for leaf in action["domain"] if isinstance(leaf, tuple)]
                )

    def test_managers_and_administrators_alone(self):
        self.Watch.with_user(self.manager).search([]).read(["level"])
        for user in (self.staff, self.outsider, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.Watch.with_user(user).search([])

    def test_company_of_one_s_own(self):
        self._bill_one()._billing_queue_mail("invoice")
        minute = timedelta(minutes=1)
        other = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(
            self.env,
            "watch-other",
            MANAGER,
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        self.assertEqual(self._look("mail", minute, user)["waiting"], 0)
        self.assertEqual(self._look("mail", minute)["waiting"], 1)
        families = self.Watch.with_user(user)._list_families()
        told = {
            labels[-2]
            for family in families
            for labels, _value in family.samples
            if "company_id" in family.labels
        }
        self.assertEqual(told, {str(other.id), ""})

    def test_copy_of_a_database_has_no_key(self):
        keys = self.env["res.users.apikeys"].with_user(self.manager).sudo()
        key = keys._generate("omni_billing.metrics", "Counters", None)
        scope = {"scope": "omni_billing.metrics", "key": key}
        self.assertEqual(keys._check_credentials(**scope), self.manager.id)
        with file_open("omni_billing/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.assertFalse(keys._check_credentials(**scope))

    # === SPEED === #

    def test_each_part_has_its_index(self):
        """No table that grows is read from end to end."""
        self.env.flush_all()
        cr = self.env.cr
        cr.execute("SET LOCAL enable_seqscan = off")
        cr.execute(SQL("EXPLAIN %s", self.Watch._table_query))
        plan = "\n".join(line for (line,) in cr.fetchall())
        cr.execute("SET LOCAL enable_seqscan = on")
        read = set(re.findall(r"Seq Scan on (\w+)", plan))
        self.assertLessEqual(read, {"res_company", "omni_billing_stale"})
        for index in (
            *("run_line_charge_idx", "installment_coming_idx", "billing_open_idx"),
            *("billing_unbooked_idx", "mail_queued_", "mail_todo_idx"),
            *("stripe_event_new_idx", "stripe_event_failed_idx"),
            *("mail_event_new_idx", "service_next_date_idx", "pdf_cache_due_idx"),
        ):
            self.assertIn(index, plan)

    def test_counters_take_a_few_statements(self):
        """However many companies there are, and whatever waits."""
        self.env["res.company"].create([{"name": f"More {n}"} for n in range(10)])
        companies = self.env["res.company"].search([])
        self.manager.sudo().company_ids = companies
        self._bill_one()._billing_queue_mail("invoice")
        self.env.flush_all()
        self.env.invalidate_all()
        watch = self.Watch.with_user(self.manager)
        watch.check_access("read")
        watch = watch.with_context(allowed_company_ids=companies.ids)
        with self.assertQueryCount(17):
            text, _mimetype = watch._write_metrics()
        self.assertIn(b"omni_billing_waiting", text)

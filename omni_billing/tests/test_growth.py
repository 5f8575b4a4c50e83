from datetime import timedelta

from odoo.tests import freeze_time, tagged

from .mail_common import MailCommon
from .test_omni_billing_run import RunCommon

FEW, MANY = 5, 25


@tagged("post_install", "-at_install")
class TestGrowth(RunCommon, MailCommon):
    """W45: what is done for many costs no statement more for each of them, but for
    those that are said here."""

    def _bill_many(self, number):
        """Return so many unpaid invoices, each of a customer of its own."""
        customers = self.env["res.partner"].create(
            [{"name": f"Many {n}", "email": f"m{n}@example.com"} for n in range(number)]
        )
        transactions = self._charge_all(customers=customers)
        moves = transactions._create_invoices(
            [(each, each.partner_id, {}) for each in transactions]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        return moves

    def _count(self, work):
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _find_growth(self, prepare):
        """Return how many statements each further record costs.

        :param prepare: makes so many records, and returns what is done with them.
        """
        prepare(FEW)()
        self.env.flush_all()
        few = self._count(prepare(FEW))
        return (self._count(prepare(MANY)) - few) / (MANY - FEW)

    def test_messages_are_queued_together(self):
        """The contacts of each customer are looked up, one statement."""

        def prepare(number):
            moves = self._bill_many(number)
            return lambda: moves._billing_queue_mail("invoice")

        self.assertLessEqual(self._find_growth(prepare), 1.1)

    def test_late_fees(self):
        self.company.write(
            {"billing_late_fee": "percent", "billing_late_fee_percent": 5}
        )
        Fee = self.env["omni.billing.late.fee"].sudo()

        def prepare(number):
            moves = self._bill_many(number)

            def charge():
                with freeze_time(self.today + timedelta(days=40)):
                    Fee._charge(moves.sudo(), self.company)
                self.assertEqual(
                    len(Fee.search([("move_id", "in", moves.ids)])), number
                )

            return charge

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_charges_of_services(self):
        def prepare(number):
            customers = self.env["res.partner"].create(
                [{"name": f"Served {n}"} for n in range(number)]
            )
            values = {"name": "Fibre", "price_unit": 31, "unit": "month"}
            services = self.env["omni.billing.service"].create(
                [
                    values | {"partner_id": one.id, "date_start": self.today}
                    for one in customers
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()

            def charge():
                # sudo: the job is nobody's.
                with freeze_time(self.today + timedelta(days=1)):
                    services.sudo()._cron_write_due()
                self.assertTrue(all(one.transaction_ids for one in services))

            return charge

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_promises(self):
        """Each is told in the chatter of its invoice, and followed under its lock."""

        def prepare(number):
            moves = self._bill_many(number)
            moves._billing_promise(self.today)

            def follow():
                with freeze_time(self.today + timedelta(days=2)):
                    moves.sudo()._cron_billing_follow_promises()
                self.assertEqual(set(moves.mapped("billing_promise_state")), {"broken"})

            return follow

        self.assertLessEqual(self._find_growth(prepare), 10.1)

    def test_reminders(self):
        """Each customer is told in a message of its own, of what is still owed."""
        self.env["res.company"].sudo().search([]).billing_reminders = False
        self.company.billing_reminders = True

        def prepare(number):
            moves = self._bill_many(number)

            def remind():
                with freeze_time(self.today + timedelta(days=40)):
                    self.env["omni.billing.reminder"].sudo()._cron_remind()
                self.assertEqual(moves.filtered("billing_reminder_ids"), moves)

            return remind

        self.assertLessEqual(self._find_growth(prepare), 1.1)

    def test_parked_customers_are_tried_again_together(self):
        def prepare(number):
            run = self._park(number)
            return run.action_retry_parked

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def test_a_run_is_canceled_in_a_few_steps(self):
        def prepare(number):
            run = self._park(number)
            # sudo: lines are the job's.
            run.sudo().line_ids.state = "pending"
            self.env.flush_all()
            self.env.invalidate_all()
            return run.action_cancel

        self.assertLessEqual(self._find_growth(prepare), 0.1)

    def _park(self, number):
        """Return a run of so many customers, all of them parked."""
        customers = self.env["res.partner"].create(
            [{"name": f"Parked {n}"} for n in range(number)]
        )
        self._charge_all(customers=customers)
        run = self._create_run(partner_ids=customers.ids)
        run.action_start()
        # sudo: lines are the job's.
        run.sudo()._prepare_lines()
        run.sudo().line_ids._park("The test says so.")
        self.env.flush_all()
        self.env.invalidate_all()
        return run

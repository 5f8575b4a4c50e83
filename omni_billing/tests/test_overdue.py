"""Debts suspend services, after a notice and days of grace; payment resumes them."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.overdue import omni_billing_overdue_review
from odoo.addons.omni_billing.tools.write_guard import trust

from .test_reminder import ReminderCommon
from .webhook_common import WebhookCommon


class OverdueCommon(ReminderCommon):
    """The last level suspends, seven days after its message; there is one service."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.last.write({"suspends": True, "suspend_days": 7, "suspend_minimum": 20})
        cls.service = cls._add_service()

    @classmethod
    def _add_service(cls, **values):
        return cls.env["omni.billing.service"].create(
            {
                "name": "Fibre",
                "partner_id": cls.customer.id,
                "price_unit": 31,
                "unit": "month",
                "date_start": cls.today - timedelta(days=100),
                "tax_ids": [Command.clear()],
            }
            | values
        )

    def _at(self, later):
        return freeze_time(f"{self.today + timedelta(days=later)} 12:00:00")

    def _notice(self, invoice=None, later=0, days_ago=30):
        """Have the notice of an invoice go out; by default of a new one."""
        invoice = invoice or self._bill_due(days_ago)
        with self._at(later):
            self._run_job("omni.billing.reminder", "_cron_remind")
            self._send_outbox()
        return invoice

    def _review(self, later=0):
        """Have the job look, as it does each hour.

        :return: whether the service is suspended then.
        """
        with self._at(later):
            self._run_job("omni.billing.overdue", "_cron_review")
            return self.service.state == "suspended"

    def _pay_later(self, invoice, later, **values):
        with self._at(later):
            self._pay(invoice, mode="cash", **values)

    def _read_rows(self, service=None):
        rows = (service or self.service).suspension_ids.sorted("date_from")
        return [
            (
                (row.date_from - self.today).days,
                row.date_to and (row.date_to - self.today).days,
                row.reason,
            )
            for row in rows
        ]

    def _read_history(self):
        log = self.env["omni.billing.activity.log"]
        rows = log.search([("action", "=like", "services_%")])
        return rows.sorted("id").mapped("action")

    def _count_triggers(self):
        job = self.env.ref("omni_billing.ir_cron_review_overdue")
        triggers = self.env["ir.cron.trigger"].sudo()  # sudo: an administrator's
        return triggers.search_count([("cron_id", "=", job.id)])


@tagged("post_install", "-at_install")
class TestOverdue(WebhookCommon, OverdueCommon):
    """W35: by account, for what is really owed, and never without notice."""

    def test_notice_grace_suspension_payment(self):
        """The whole way; the notice says the day, and what prevents it."""
        invoice = self._notice()
        [message] = self.mailjet.sent
        day = f"{self.today + timedelta(days=7):%m/%d/%Y}"
        self.assertIn(f"If $\xa045.00 is not paid before {day}", message.html)
        self.assertFalse(self._review(6))
        self.assertTrue(self._review(7))
        self.assertEqual(self._read_rows(), [(7, False, "overdue")])
        told = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertIn("your services are suspended", told.subject)
        self.assertIn("45.00", told.body_html)
        self.assertTrue(self._review(8))
        self.assertEqual(self._read_rows(), [(7, False, "overdue")])
        before = self._count_triggers()
        self._pay_later(invoice, 10)
        self.assertGreater(self._count_triggers(), before)
        self.assertFalse(self._review(10))
        self.assertEqual(self._read_rows(), [(7, 9, "overdue")])
        self.assertEqual(
            self._read_history(), ["services_suspended", "services_resumed"]
        )
        self.assertEqual(
            [kind for kind in self._get_told() if kind.startswith("service")],
            ["service.suspended", "service.resumed"],
        )
        told = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        self.assertIn("your services go on", told.subject)

    def test_suspended_days_are_never_charged(self):
        """Ten days of debts, a service that costs 1 a day, charged in arrears."""
        self.service.active = False
        self.service = self._add_service(
            unit="day", price_unit=1, timing="arrears", date_start=self.today
        )
        invoice = self._notice()
        self._review(7)
        self._pay_later(invoice, 17)
        self._review(17)
        with self._at(20):
            self.env["omni.billing.service"].sudo()._cron_write_due()
        self.service.invalidate_recordset()
        # Days 0 to 20, without 7 to 16.
        charged = sum(self.service.transaction_ids.mapped("retail_cost"))
        self.assertEqual(charged, 21 - 10)
        self.assertFalse(self.service.adjustment)

    def test_suspended_days_that_were_charged_in_advance_are_credited(self):
        """As the mails say; what staff have to settle besides stays for them."""
        start = self.today - timedelta(days=1)
        self.service.active = False
        values = {"unit": "week", "price_unit": 70, "date_start": start}
        self.service, plain, open_case = (
            self._add_service(timing="advance", **values) for _number in range(3)
        )
        services = self.service + plain + open_case
        invoice = self._notice()
        with self._at(5):
            services.sudo()._cron_write_due()
            open_case.change_ids.create(
                {"service_id": open_case.id, "date": self.today, "price_unit": 35}
            )
        # Charged and suspended in the same night: a week from day 6 on.
        with self._at(7):
            services.sudo()._cron_write_due()
        self.assertTrue(self._review(7))
        with self._at(10):
            # Staff settle it before it is over: days 10 to 12 are charged again.
            self.service.action_adjust()
        self._pay_later(invoice, 10)
        self._review(10)
        services.invalidate_recordset()
        signs = {"credit": -1}
        for service in self.service + plain:
            self.assertFalse(service.adjustment)
            charged = sum(
                signs.get(one.transaction_type, 1) * one.retail_cost
                for one in service.transaction_ids
            )
            # Two weeks, without days 7 to 9.
            self.assertEqual(charged, 140 - 30)
        self.assertTrue(open_case.adjustment)

    def test_what_cannot_be_credited_suspends_nobody_further(self):
        """It goes on, and says what is wrong; staff settle its days."""
        self.service.write({"timing": "advance", "date_start": self.today})
        invoice = self._notice()
        with self._at(0):
            self.service.sudo()._cron_write_due()
        self.assertTrue(self._review(7))
        self._pay_later(invoice, 10)
        with (
            patch.object(
                type(self.service),
                "_prepare_adjustments",
                side_effect=ValueError("No."),
            ),
            mute_logger("odoo.addons.omni_billing.models.overdue.omni_billing_service"),
        ):
            self.assertFalse(self._review(10))
        self.assertEqual(self._read_rows(), [(7, 9, "overdue")])
        self.service.sudo()._write_due(fields.Datetime.now())
        self.assertEqual(self.service.settle_problem, "No.")
        self.assertTrue(self.service.adjustment)
        self.env.flush_all()
        domain = [("kind", "=", "service"), ("company_id", "=", self.company.id)]
        watch = self.env["omni.billing.watch"].sudo().search(domain)
        self.assertEqual((watch.failed, watch.level), (1, "failing"))
        # Of the other it says nothing.
        trust(self.service).problem = "Not this one."
        self.service.action_adjust()
        self.assertFalse(self.service.adjustment or self.service.settle_problem)
        self.assertTrue(self.service.problem)

    def test_no_notice_no_suspension(self):
        """The message has to go out, and days of grace count from then on."""
        self._bill_due(30)
        self._remind()
        self.assertFalse(self._review(9))
        with self._at(9):
            self._send_outbox()
        self.assertFalse(self._review(15))
        self.assertTrue(self._review(16))

    def test_a_notice_that_came_back_suspends_nothing_until_it_is_sent_again(self):
        invoice = self._notice()
        invoice.billing_mail_ids.sudo().state = "bounced"
        self.assertFalse(self._review(9))
        with self._at(9):
            Todo = self.env["omni.billing.todo"].with_user(self.staff)
            # The database has a clock of its own.
            notice = invoice.sudo().billing_reminder_ids.filtered("suspend_on")
            notice.suspend_on = self.today
            self.env.flush_all()
            row = Todo.search([("kind", "=", "notice")])
            self.assertEqual((row.move_id, row.amount), (invoice, 45))
            row.action_again()
        self.assertFalse(self._review(15))
        self.assertTrue(self._review(16))

    def test_what_the_salesperson_alone_reads_is_no_notice(self):
        """Another level of the same customer decides on the message."""
        self.env["omni.billing.reminder.level"].create(
            {
                "name": "Inside",
                "days": 40,
                "to_customer": False,
                "to_salesperson": True,
                "company_id": self.company.id,
            }
        )
        self._bill_due(45)
        late = self._notice()
        self.assertFalse(late.billing_reminder_ids.filtered("suspend_on"))
        self._notice(late, 1)
        self.assertTrue(late.billing_reminder_ids.filtered("suspend_on"))

    def test_what_the_message_did_not_say_is_no_notice(self):
        """Disputed while it waited, or all of it put off; Mailjet's template."""
        self.last.mailjet_template = "reminder-30"
        first, second = self._bill_due(30), self._bill_due(30, 25)
        self._remind()
        trust(first).billing_dispute = "open"
        self._send_outbox()
        self.assertIn("$\xa025.00 is not paid before", self.mailjet.sent[-1].html)
        trust(first).billing_dispute = False
        noticed = (first | second).billing_reminder_ids.filtered("suspend_on")
        self.assertEqual(noticed.move_id, second)
        self._pay(second, mode="cash")
        self._remind()
        self._decide(kept_until=self.today + timedelta(days=3), why="On its way")
        self._send_outbox()
        self.assertFalse(first.billing_reminder_ids.filtered("suspend_on"))
        self.assertFalse(self._review(20))

    def test_a_notice_that_staff_take_out_does_not_come_back(self):
        invoice = self._bill_due(30)
        self._remind()
        mail = invoice.billing_mail_ids
        mail.with_user(self.staff).action_cancel()
        self._review(1)
        with self._at(1):
            self._remind()
        self.assertEqual(invoice.billing_mail_ids, mail)
        with self._at(2):
            mail.with_user(self.staff).action_send_again()
            self._send_outbox()
        self.assertFalse(self._review(8))
        self.assertTrue(self._review(9))
        # What arrived is sent again: no other term begins, and no day that is over.
        with self._at(10):
            invoice.billing_mail_ids.filtered(
                lambda one: one.state != "canceled"
            ).action_send_again()
            self._send_outbox()
        self.assertNotIn("is not paid before", self.mailjet.sent[-1].html)
        self.assertTrue(self._review(10))

    def test_what_puts_it_off_or_lifts_it(self):
        """A dispute, a promise, a pause, a plan."""
        invoice = self._notice()
        promised = {
            "billing_promise_date": self.today + timedelta(days=9),
            "billing_promise_state": "open",
        }
        for first, then in (
            (promised, {"billing_promise_date": False, "billing_promise_state": False}),
            ({"billing_dispute": "open"}, {"billing_dispute": False}),
            ({"billing_reminders_paused": True}, {"billing_reminders_paused": False}),
        ):
            before = self._count_triggers()
            trust(invoice).write(first)
            self.assertGreater(self._count_triggers(), before)
            self.assertFalse(self._review(7), first)
            trust(invoice).write(then)
            self.assertTrue(self._review(7), then)
        with self._at(8):
            self.env["omni.billing.installment"]._plan(
                invoice, [(self.today + timedelta(days=60), 45)]
            )
        self.assertFalse(self._review(8))
        self.assertEqual(self._read_rows(), [(7, 7, "overdue")])

    def _begin(self, invoice, method, state):
        """Have a payment be under way: the invoice waits for its outcome."""
        # sudo: providers and payments are the server's.
        provider = self._get_a_card().sudo().provider_id
        keys = {"stripe_publishable_key": "pk_test_1", "stripe_secret_key": "sk_test_1"}
        provider.write(keys | {"state": "test"})
        attempt = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": provider.id,
                    "payment_method_id": self.env.ref(method).id,
                    "amount": 45,
                    "currency_id": self.currency.id,
                    "partner_id": self.customer.id,
                    "invoice_ids": [Command.set(invoice.ids)],
                    "operation": "offline",
                    "state": state,
                    "billing_is_open": True,
                }
            )
        )
        trust(invoice).billing_attempt_id = attempt
        return attempt

    def _fail(self, invoice, attempt):
        """Have it come back."""
        trust(attempt).write({"billing_is_open": False, "state": "error"})
        trust(invoice).billing_attempt_id = False

    def test_what_is_being_paid_is_waited_for(self):
        """Nobody knows its outcome yet; what a bank is at needs a new notice then."""
        invoice = self._notice()
        attempt = self._begin(invoice, "payment.payment_method_card", "draft")
        self.assertFalse(self._review(7))
        self._fail(invoice, attempt)
        self.assertTrue(self._review(7))
        debit = self._begin(
            invoice, "omni_billing.payment_method_acss_debit", "pending"
        )
        self.assertTrue(invoice.billing_collecting)
        self.assertFalse(self._review(8))
        self.assertFalse(self._review(20))
        self._fail(invoice, debit)
        self.assertFalse(self._review(20))
        self._notice(invoice, 20)
        self.assertFalse(self._review(26))
        self.assertTrue(self._review(27))

    def test_cents_come_to_the_amount(self):
        """W35: as money, of which 0.7 + 0.1 is 0.8."""
        moves = self.env["account.move"].concat(
            *(self._bill_due(30, amount) for amount in (0.7, 0.1))
        )
        late = dict(zip(moves.ids, (0.7, 0.1), strict=True))
        self.assertEqual(moves._billing_convert_late(late), 0.8)
        self.last.suspend_minimum = 0.8
        self.assertTrue(self.last._is_enough(0.7 + 0.1, self.currency))
        self.assertFalse(self.last._is_enough(0.79, self.currency))

    def test_by_account_and_amount(self):
        """Two invoices, parts of them, credit, and what is below the minimum."""
        first, second = self._bill_due(30), self._bill_due(30, 25)
        self._notice(first)
        self.assertTrue(self._review(7))
        self._pay_later(first, 8)
        # 25 is left: it was in the notice as well.
        self.assertTrue(self._review(8))
        self._pay_later(second, 9, amount=10)
        # 15 is below the minimum.
        self.assertFalse(self._review(9))
        self.assertEqual(self._read_rows(), [(7, 8, "overdue")])

    def test_credit_clears_it(self):
        """A credit note that nobody reconciled (killbill#695)."""
        self._notice()
        self.assertTrue(self._review(7))
        before = self._count_triggers()
        with self._at(8):
            self._create_credit(45)
            self._bill()
        self.assertGreater(self._count_triggers(), before)
        self.assertFalse(self._review(8))

    def test_void_clears_it(self):
        invoice = self._notice()
        self.assertTrue(self._review(7))
        with self._at(8):
            invoice.action_billing_void()
        self.assertFalse(self._review(8))

    def test_a_payment_that_comes_back_needs_a_new_notice(self):
        """Not at once: told anew, with days of grace."""
        invoice = self._notice()
        self.assertTrue(self._review(7))
        self._pay_later(invoice, 8)
        self.assertFalse(self._review(8))
        with self._at(10):
            invoice.billing_receipt_ids.payment_id._billing_undo("It came back")
        self.assertFalse(self._review(10))
        self._notice(invoice, 10)
        self.assertEqual(len(self.mailjet.sent), 2)
        self.assertIn("your services are suspended", self.mailjet.sent[-1].html)
        self.assertFalse(self._review(16))
        self.assertTrue(self._review(17))

    def test_too_little_is_told_of_no_suspension_until_more_is_owed(self):
        small = self._notice(self._bill_due(30, 15))
        self.assertNotIn("suspended", self.mailjet.sent[-1].html)
        self.assertFalse(self._review(20))
        self._notice(self._bill_due(28, 10), 2)
        self.assertIn("If $\xa025.00 is not paid", self.mailjet.sent[-1].html)
        self.assertEqual(
            small.billing_reminder_ids.filtered("suspend_on").level_id, self.last
        )
        self._notice(small, 3)
        self.assertEqual(len(self.mailjet.sent), 2)

    def _remind_for_days(self, first=1):
        """Have all jobs run for days; return how many messages went out."""
        before = len(self.mailjet.sent)
        for later in range(first, first + 3):
            with self._at(later):
                self._run_job("omni.billing.reminder", "_cron_remind")
                self._send_outbox()
            self._review(later)
        return len(self.mailjet.sent) - before

    def test_what_gets_no_notice_makes_no_other_one_due(self):
        """Nobody is reminded day after day: waived, of another level, or not said."""
        self.last.suspend_minimum = 100
        waived = self._bill_due(30, 150)
        self._remind()
        waived.billing_mail_ids.with_user(self.staff).action_cancel()
        self._bill_due(30, 60)
        self.assertEqual(self._remind_for_days(), 1)
        self.assertFalse(self.mailjet.sent[-1].html.count("suspended"))
        # Of another level: the one that it has does not count for the lower one.
        self.second.write({"suspends": True, "suspend_minimum": 220})
        other = self._add_customer()
        self._add_service(partner_id=other.id)
        self._notice(self._bill_of(other, 30, 170))
        self._bill_of(other, self.second.days, 60)
        self.assertEqual(self._remind_for_days(), 1)
        # Whatever else keeps a message from saying it.
        last = self._add_customer("Last")
        self._add_service(partner_id=last.id)
        invoice = self._bill_of(last, 30, 150)
        with patch.object(type(invoice), "_billing_get_warning", return_value=""):
            self._notice(invoice)
        self.assertEqual(self._remind_for_days(), 0)
        self._bill_of(last, 28, 10)
        self.assertEqual(self._remind_for_days(4), 1)
        self.assertIn("If $\xa0160.00 is not paid", self.mailjet.sent[-1].html)

    def test_another_plan_keeps_what_was_decided(self):
        self.service.is_never_suspended = True
        trust(self.service).write({"lifted_on": self.today, "autopay_off": "staff"})
        product = self.env["product.product"].create({"name": "Faster"})
        values = self.service._prepare_plan(product, self.today, {})
        self.assertEqual(
            [values[name] for name in ("is_never_suspended", "lifted_on")],
            [True, self.today],
        )
        self.assertEqual(values["autopay_off"], "staff")

    def test_without_services_nothing_is_threatened(self):
        self.service.is_never_suspended = True
        self._notice()
        self.assertNotIn("suspended", self.mailjet.sent[-1].html)

    def test_services_that_stay(self):
        """One that never is, one that the customer paused, one that has not begun."""
        emergency = self._add_service(name="Lift", is_never_suspended=True)
        paused = self._add_service(name="Gym")
        paused.suspension_ids.create(
            {
                "service_id": paused.id,
                "date_from": self.today + timedelta(days=9),
                "date_to": self.today + timedelta(days=12),
                "reason": "customer",
            }
        )
        coming = self._add_service(
            name="Mobile", date_start=self.today + timedelta(days=10)
        )
        invoice = self._notice()
        self._review(7)
        self._review(8)
        self.assertEqual(self._read_rows(coming), [(10, False, "overdue")])
        self._review(13)
        self.assertFalse(emergency.suspension_ids)
        self.assertEqual(
            self._read_rows(paused),
            [(7, 8, "overdue"), (9, 12, "customer"), (13, False, "overdue")],
        )
        self._pay_later(invoice, 14)
        self._review(14)
        self.assertEqual(self._read_rows(paused)[-1], (13, 13, "overdue"))
        self.assertEqual(self._read_rows(paused)[1], (9, 12, "customer"))

    def test_days_are_the_customers(self):
        """It is tomorrow already in Auckland, and still yesterday in Honolulu."""
        self.customer.tz = "Pacific/Honolulu"
        invoice = self._notice()
        day = invoice.billing_reminder_ids.filtered("suspend_on").suspend_on
        with freeze_time(f"{day} 03:00:00"):
            self._run_job("omni.billing.overdue", "_cron_review")
            self.assertEqual(self.service.state, "running")
        with freeze_time(f"{day} 11:00:00"):
            self._run_job("omni.billing.overdue", "_cron_review")
            self.assertEqual(self.service.state, "suspended")

    # === WHAT STAFF DECIDE === #

    def _decide(self, choice="time", later=0, **values):
        with self._at(later):
            wizard = (
                self.env["omni.billing.overdue.wizard"]
                .with_user(self.staff)
                .create({"partner_id": self.customer.id, "choice": choice, **values})
            )
            return wizard.action_decide()

    def test_staff_give_more_time(self):
        self._notice()
        self.assertIn("will be suspended on", self.customer.billing_suspension)
        until = self.today + timedelta(days=9)
        with self.assertRaises(UserError):
            self._decide(kept_until=until)
        self._decide(kept_until=until, why="The transfer is on its way")
        self.assertIn("The transfer is on", self.customer.billing_suspension)
        self.assertIn("The transfer", self.customer.message_ids[:1].body)
        self.assertFalse(self._review(9))
        self.assertTrue(self._review(10))
        with self._at(10):
            self.customer.invalidate_recordset()
            self.assertIn("are suspended since", self.customer.billing_suspension)
        self._decide("never", 10, why="A hospital")
        self.assertFalse(self._review(10))
        self._notice(self._bill_due(30), 11)
        self.assertNotIn("suspended", self.mailjet.sent[-1].html)
        self._decide("levels", 12)
        self.assertTrue(self._review(12))

    def test_staff_suspend_now(self):
        customer = self.customer.with_user(self.staff)
        for name in ("action_billing_ask_suspend", "action_billing_suspend_now"):
            with self.assertRaises(UserError):
                getattr(customer, name)()
        invoice = self._bill_due(3)
        self._add_service(name="Lift", is_never_suspended=True)
        self._decide("never", why="A hospital")
        action = customer.action_billing_ask_suspend()
        self.assertIn(self.customer.name, action["name"])
        dialog = self.env[action["res_model"]].with_user(self.staff)
        dialog = dialog.with_context(**action["context"]).create({})
        self.assertIn("never suspended: A hospital", dialog.standing)
        self.assertEqual(dialog.suspended_services, "Fibre")
        self.assertEqual(dialog.suspended_until_paid, "$\xa045.00")
        dialog.action_suspend()
        self.assertEqual(self._read_rows(), [(0, False, "overdue")])
        self.assertTrue(self._review(1))
        self._pay_later(invoice, 2)
        self.assertFalse(self._review(2))
        self._bill_due(3)
        self.assertFalse(self._review(3))

    def test_what_staff_lift_stays_lifted(self):
        other = self._add_service(name="Television")
        self._notice()
        self.assertTrue(self._review(7))
        with self._at(8):
            self.service.with_user(self.staff).action_resume()
        self.assertFalse(self._review(9))
        self.assertEqual(self._read_rows(other), [(7, False, "overdue")])

    def test_customer_who_owes_does_not_end_a_pause(self):
        """W35, W37: it would be told that it goes on, and be suspended in an hour."""
        self.company.billing_pause_days = 60
        invoice = self._notice()
        self.service.suspension_ids.create(
            {
                "service_id": self.service.id,
                "date_from": self.today + timedelta(days=5),
                "date_to": self.today + timedelta(days=20),
                "reason": "customer",
            }
        )
        self._review(7)
        with (
            self._at(7),
            self.assertRaisesRegex(UserError, "before \\$\xa045.00 is paid"),
        ):
            self.service.sudo()._billing_unpause()
        self._pay_later(invoice, 8)
        with self._at(8):
            self.service.sudo()._billing_unpause()
        self.assertFalse(self._review(8))

    def test_customers_cannot_lift_it(self):
        self.company.billing_pause_days = 60
        self._notice()
        self.assertTrue(self._review(7))
        with self._at(7):
            # sudo: as the page does.
            service = self.service.with_user(self.portal).sudo()
            self.assertFalse(service._billing_may_resume())
            self.assertFalse(service._billing_get_first_pause())
            with self.assertRaises(UserError):
                service._billing_unpause()
            with self.assertRaises(AccessError):
                self.service.with_user(self.portal).write({"is_never_suspended": True})
        for user in (self.portal, self.outsider):
            customer = self.customer.with_user(user)
            with self.assertRaises(AccessError):
                customer.action_billing_suspend_now()
            with self.assertRaises(AccessError):
                customer._billing_give_time(self.company, False, "", forever=False)

    # === SETTINGS === #

    def test_levels_that_cannot_suspend(self):
        with self.assertRaises(ValidationError):
            self.soon.suspends = True
        with self.assertRaises(ValidationError):
            self.last.write({"to_customer": False, "to_salesperson": True})

    def test_a_level_that_suspends_no_more_lifts_it(self):
        self._notice()
        self.assertTrue(self._review(7))
        self.last.suspends = False
        self.assertFalse(self._review(8))

    def test_each_is_looked_at_in_turn_and_who_paid_first(self):
        """Where time is up after one, or one fails, the others have their turn."""
        others = [self._add_customer(f"Turn {number}") for number in range(3)]
        for customer in others:
            self._add_service(partner_id=customer.id)
            self._notice(self._bill_of(customer, 30))
        self._notice()
        Overdue = type(self.env["omni.billing.overdue"])
        review, looked = Overdue._review, []

        def note(model, ids):
            looked.extend(ids)
            if others[0].id in ids:
                raise ValueError("It fails")
            return review(model, ids)

        def stop(env, processed=0, remaining=None):
            return processed == 0

        self.env["omni.billing.overdue.look"].sudo().search([]).unlink()
        others[2]._billing_review_services()
        with (
            patch.object(omni_billing_overdue_review, "BATCH", 1),
            patch.object(omni_billing_overdue_review, "commit_progress", stop),
            patch.object(Overdue, "_review", note),
            mute_logger("odoo.addons.omni_billing.tools.database"),
        ):
            for _number in range(9):
                self._run_job("omni.billing.overdue", "_cron_review")
        self.assertEqual(looked[0], others[2].id)
        self.assertLessEqual(
            {self.customer.id, *(one.id for one in others)}, set(looked)
        )
        called = self.env["omni.billing.overdue.look"].sudo()._find_called
        self.assertFalse(called())
        # Who is being worked on is called again.
        self.customer._billing_review_services()
        nobody = self.env["res.partner"]
        with (
            patch.object(Overdue, "_has_to_change", return_value=True),
            patch.object(Overdue, "_lock", return_value=nobody),
        ):
            self._run_job("omni.billing.overdue", "_cron_review")
        self.assertEqual(called().partner_id, self.customer)
        counts = []
        every = [self.customer.id, *(one.id for one in others)]
        for ids in (every, every[:1], every):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["omni.billing.overdue"].with_company(self.company)._review(ids)
            counts.append(self.env.cr.sql_log_count - before)
        # The first fills caches.
        self.assertEqual(counts[1], counts[2])

    def test_who_is_not_suspended_costs_one_statement(self):
        """What is asked for each payment does not grow with what there is."""
        self.customer._billing_review_services()
        with self.assertQueryCount(1):
            self.customer._billing_review_services()

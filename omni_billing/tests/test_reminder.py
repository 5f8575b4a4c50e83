from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.models.collection import (
    omni_billing_late_fee,
    omni_billing_reminder,
)
from odoo.addons.omni_billing.tools.write_guard import trust

from .mail_common import MAIL_LOGGERS, MailCommon


class ReminderCommon(MailCommon):
    """A company that reminds customers, and nothing else that would be due."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.levels = cls.env["omni.billing.reminder.level"].search([])
        cls.soon, cls.first, cls.second, cls.last = cls.levels.sorted("days")
        # Other companies' invoices are none of these tests.
        cls.env["res.company"].sudo().search([]).billing_reminders = False
        cls.company.billing_reminders = True

    def setUp(self):
        super().setUp()
        self._use_mailjet()

    def _bill_due(self, days_ago, cost=45.0, **values):
        due = self.today - timedelta(days=days_ago)
        return self._bill_one(cost, date_start="2020-01-01", date_due=due, **values)

    def _add_customer(self, name="Borealis"):
        email = f"{name.lower()}@example.com"
        return self.env["res.partner"].create({"name": name, "email": email})

    def _bill_of(self, customer, days_ago, cost=45.0):
        """Bill another customer."""
        transaction = self._create_transaction(cost, partner_id=customer.id)
        due = self.today - timedelta(days=days_ago)
        return self._bill(transaction, partner_id=customer.id, date_due=due)

    def _remind(self, later=0):
        with freeze_time(self.today + timedelta(days=later)):
            self._run_job("omni.billing.reminder", "_cron_remind")

    def _read_levels(self, invoice):
        return {r.level_id: r.state for r in invoice.billing_reminder_ids}


@tagged("post_install", "-at_install")
class TestReminder(ReminderCommon):
    """W15: exactly once, without flooding, for what is really owed."""

    def test_level_is_reached_once(self):
        invoice = self._bill_due(7)
        self._remind()
        self._remind()
        self.assertEqual(
            self._read_levels(invoice), {self.first: "sent", self.soon: "passed"}
        )
        [mail] = invoice.billing_mail_ids
        self.assertEqual((mail.kind, mail.level_id), ("reminder", self.first))
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertIn("reminder", message.subject)
        self.assertIn("was due on", message.html)
        self.assertEqual(message.files[0].name, invoice._billing_get_filename())

    def test_before_the_due_date(self):
        invoice = self._bill_due(-3)
        self._bill_due(-4)
        self._remind()
        self.assertEqual(self._read_levels(invoice), {self.soon: "sent"})
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertIn("is due on", message.html)

    def test_missed_days_are_caught_up_by_one_mail(self):
        invoice = self._bill_due(40)
        self._remind()
        self.assertEqual(
            self._read_levels(invoice),
            {
                self.last: "sent",
                self.second: "passed",
                self.first: "passed",
                self.soon: "passed",
            },
        )
        self.assertEqual(len(invoice.billing_mail_ids), 1)

    def test_levels_follow_one_another(self):
        invoice = self._bill_due(7)
        for later in (0, 5, 8, 9, 23, 60):
            self._remind(later)
            self._send_outbox()
        self.assertEqual(len(self.mailjet.sent), 3)
        self.assertEqual(
            self._read_levels(invoice),
            {
                self.soon: "passed",
                self.first: "sent",
                self.second: "sent",
                self.last: "sent",
            },
        )

    def test_level_that_is_added_later_is_not_sent_after_a_higher_one(self):
        invoice = self._bill_due(16)
        self._remind()
        late = self.env["omni.billing.reminder.level"].create(
            {"name": "Between", "days": 10}
        )
        self._remind()
        self.assertEqual(self._read_levels(invoice)[late], "passed")
        self.assertEqual(len(invoice.billing_mail_ids), 1)

    def test_database_keeps_a_level_from_being_reached_twice(self):
        invoice = self._bill_due(7)
        self._remind()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.IntegrityError),
            self.env.cr.savepoint(),
        ):
            # sudo: nobody may.
            self.env["omni.billing.reminder"].sudo().create(
                {
                    "move_id": invoice.id,
                    "level_id": self.first.id,
                    "days": 7,
                    "state": "sent",
                }
            )

    def test_switched_off(self):
        self.company.billing_reminders = False
        self.assertFalse(self._read_levels(self._bill_due(7)))
        self._remind()
        self.assertFalse(self.env["omni.billing.reminder"].search([]))

    def test_what_stops_reminders(self):
        """Payment, dispute, void, and a pause of the invoice or the customer."""
        paid, disputed, void, paused = (self._bill_due(7) for _index in range(4))
        self._pay(paid, mode="cash")
        trust(disputed).billing_dispute = "open"
        void.action_billing_void()
        paused.with_user(self.staff).action_billing_pause_reminders()
        self._remind()
        for invoice in (paid, disputed, void, paused):
            self.assertFalse(invoice.billing_reminder_ids, invoice.name)
        self.customer.with_user(self.staff).action_billing_pause_reminders()
        other = self._bill_due(7)
        self._remind()
        self.assertFalse(other.billing_reminder_ids)
        self.customer.action_billing_pause_reminders()
        paused.action_billing_pause_reminders()
        self._remind()
        self.assertEqual(
            [self._read_levels(invoice)[self.first] for invoice in (other, paused)],
            ["sent", "sent"],
        )

    def test_what_stops_a_reminder_that_waits(self):
        paid, paused = self._bill_due(7), self._bill_due(7)
        self._remind()
        self._pay(paid, mode="cash")
        paused.action_billing_pause_reminders()
        self._send_outbox()
        self.assertFalse(self.mailjet.sent)
        mails = (paid + paused).billing_mail_ids
        self.assertEqual(mails.mapped("state"), ["canceled"])

    def test_what_else_stops_a_reminder_that_waits(self):
        """Credit, a plan, the level or all of it switched off meanwhile."""
        credited = self._bill_due(20, 40)
        planned, deleted, archived, off = (
            self._bill_of(self._add_customer(), days, cost)
            for days, cost in ((7, 41), (7, 42), (15, 45), (7, 70))
        )
        self._remind()
        mails = (credited + planned + deleted + archived + off).billing_mail_ids
        self.assertEqual(len(mails), 5)
        self._create_credit(40)
        self._bill()
        planned.env["omni.billing.installment"]._plan(planned, [(self.today, 41)])
        deleted.billing_mail_ids.sudo().level_id = False  # sudo: as a deletion does
        for invoice, why in (
            (credited, "Credit"),
            (planned, "another way"),
            (deleted, "switched off"),
            (archived, "switched off"),
        ):
            with self.subTest(why=why), mute_logger(*MAIL_LOGGERS):
                self._make_due(invoice.billing_mail_ids)
                invoice.billing_mail_ids._deliver()
                self.assertEqual(invoice.billing_mail_ids.state, "canceled")
                self.assertIn(why, invoice.billing_mail_ids.error)
            self.second.active = False
        self.company.billing_reminders = False
        self._send_outbox()
        self.assertEqual(off.billing_mail_ids.state, "canceled")
        self.assertFalse(self.mailjet.sent)

    def test_level_waits_for_a_reminder_that_is_not_sent_yet(self):
        """It is not noted as sent when another mail only waits."""
        invoice = self._bill_due(7)
        self._remind()
        self._remind(later=8)
        self.assertNotIn(self.second, self._read_levels(invoice))
        self._send_outbox()
        self._remind(later=8)
        self.assertEqual(self._read_levels(invoice)[self.second], "sent")
        self.assertEqual(len(invoice.billing_mail_ids), 2)

    def test_no_reminder_while_a_run_is_charging(self):
        invoice = self._bill_due(7)
        run = self.env["omni.billing.run"].create({"name": "All", "is_charge": True})
        # sudo: lines are the job's.
        line = self.env["omni.billing.run.line"].sudo()
        line = line.create(
            {
                "run_id": run.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "currency_id": self.currency.id,
                "invoice_id": invoice.id,
                "charge_state": "due",
            }
        )
        self._remind()
        self.assertFalse(invoice.billing_reminder_ids)
        line.charge_state = "failed"
        self._remind()
        self.assertTrue(invoice.billing_reminder_ids)

    def test_job_says_what_is_left(self):
        """Else Odoo takes it for done when its time is over, for a day."""
        for _index in range(3):
            self._bill_of(self._add_customer(), 7)
        told = []

        def progress(_env, processed=0, remaining=None):
            told.append((processed, remaining))
            return 0.0 if processed else 60.0

        with (
            patch.object(omni_billing_reminder, "commit_progress", progress),
            patch.object(omni_billing_late_fee, "commit_progress", progress),
        ):
            # sudo: a job.
            self.env["omni.billing.reminder"].sudo()._cron_remind()
            self.assertEqual(told[0][0], 0)
            self.assertGreaterEqual(told[0][1], 3)
            self.assertEqual(len(told), 2, "its time was over after the first batch")
            told.clear()
            self.company.write(
                {"billing_late_fee": "fixed", "billing_late_fee_amount": 5}
            )
            self.env["omni.billing.late.fee"].sudo()._cron_charge()  # sudo: a job
            self.assertEqual(told[0], (0, 3))

    def test_part_payment_and_credit_are_deducted(self):
        """The amount is what is really owed, credits deducted."""
        first, second = self._bill_due(9, 45), self._bill_due(7, 100)
        self._pay(first, mode="cash", amount=15)
        self._create_credit(40)
        note = self._bill()
        self.assertEqual(note.move_type, "out_refund")
        self.assertEqual(
            (first + second)._billing_get_amounts_owed(), {first.id: 0, second.id: 90}
        )
        self._remind()
        self.assertFalse(first.billing_reminder_ids)
        self._send_outbox()
        [message] = self.mailjet.sent
        for words in ("$\xa0100.00", "10.00", "$\xa090.00"):
            self.assertIn(words, message.html.replace("&nbsp;", "\xa0"))
        self.assertEqual(message.variables["amount_due"], "$\xa090.00")

    def test_credit_that_is_used_elsewhere_does_not_stop_the_reminder(self):
        invoice = self._bill_due(7)
        self._create_credit(45)
        self._bill()
        self._remind()
        self.assertFalse(invoice.billing_reminder_ids)
        older = self._bill_due(20)
        self._pay(older, mode="credit")
        self._remind()
        self.assertEqual(self._read_levels(invoice)[self.first], "sent")

    def test_salesperson_gets_a_copy(self):
        seller = self.staff
        seller.email = "seller@omni.example.com"
        invoice = self._bill_due(30)
        invoice.invoice_user_id = seller
        self._remind()
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertEqual([a.email for a in message.to], ["acme@example.com"])
        self.assertEqual([a.email for a in message.cc], ["seller@omni.example.com"])
        self.first.to_customer, self.first.to_salesperson = False, True
        other = self._bill_due(7)
        other.invoice_user_id = seller
        self._remind()
        self._send_outbox()
        message = self.mailjet.sent[-1]
        self.assertEqual([a.email for a in message.to], ["seller@omni.example.com"])
        self.assertFalse(message.cc)

    def test_customer_without_address_is_a_task(self):
        self.customer.email = False
        invoice = self._bill_due(7)
        self._remind()
        [mail] = invoice.billing_mail_ids
        self.assertEqual((mail.state, mail.needs_action), ("failed", True))
        self.customer.email = "acme@example.com"
        mail.action_send_again()
        self.assertEqual(
            sorted(invoice.billing_mail_ids.mapped("state")), ["failed", "sent"]
        )
        self.assertFalse(any(invoice.billing_mail_ids.mapped("needs_action")))

    def test_queries_do_not_grow_with_invoices(self):
        """Reminding of many is no query for each but those that create mails."""
        self._bill_of(self._add_customer(), 7)
        self._remind()
        for is_one in (False, True):
            with self.subTest(is_one=is_one):
                counts = []
                for count in (2, 6):
                    customer = self._add_customer()
                    for _index in range(count):
                        self._bill_of(customer if is_one else self._add_customer(), 7)
                    self.env.flush_all()
                    before = self.env.cr.sql_log_count
                    self._remind()
                    self.env.flush_all()
                    counts.append(self.env.cr.sql_log_count - before)
                self.assertLess((counts[1] - counts[0]) / 4, 2 if is_one else 12)

    def test_levels_are_a_managers(self):
        with self.assertRaises(AccessError):
            self.first.with_user(self.staff).days = 1
        self.first.days = 8


@tagged("post_install", "-at_install")
class TestBell(ReminderCommon):
    """F191: the bell, only when billed and unpaid."""

    def test_bell_reminds_at_once(self):
        invoice = self._bill_due(-10).with_user(self.staff)
        notice = invoice.action_billing_remind()["params"]
        self.assertEqual(notice["message"], "Reminder sent successfully")
        [message] = self.mailjet.sent
        self.assertIn("is due on", message.html)
        self.assertEqual(invoice.sudo().billing_mail_ids.kind, "reminder")
        self.assertFalse(invoice.is_move_sent)
        # A reminder that is rung for is no level.
        self.assertFalse(invoice.billing_reminder_ids)

    def test_bell_is_for_unpaid_invoices(self):
        paid, disputed, void = (self._bill_due(7) for _index in range(3))
        self._pay(paid, mode="cash")
        trust(disputed).billing_dispute = "open"
        void.action_billing_void()
        note = self._bill(self._create_credit(20))
        for invoice in (paid, disputed, void, note):
            with self.assertRaises(UserError):
                invoice.action_billing_remind()
            with self.assertRaises(UserError):
                invoice._billing_send_mail("reminder")
        self.assertFalse(self.mailjet.sent)

    def test_many_at_once(self):
        paid, unpaid = self._bill_due(7), self._bill_due(7)
        self._pay(paid, mode="cash")
        action = (paid + unpaid).action_billing_remind()
        bulk = self.env["omni.billing.bulk"].browse(action["params"]["bulkId"])
        results = bulk.run_step((paid + unpaid).ids)
        self.assertEqual([bool(r["error"]) for r in results], [True, False])
        self._send_outbox()
        self.assertEqual(len(self.mailjet.sent), 1)


@tagged("post_install", "-at_install")
class TestLateFee(ReminderCommon):
    """An ordinary charge, once for an invoice and a month; off by default."""

    def _charge(self, later=0):
        with freeze_time(self.today + timedelta(days=later)):
            self._run_job("omni.billing.late.fee", "_cron_charge")

    def _get_fees(self):
        return self.env["omni.billing.late.fee"].search([]).transaction_id

    def test_off_by_default(self):
        self._bill_due(100)
        self._charge()
        self.assertFalse(self._get_fees())

    def test_percent_of_what_is_owed(self):
        self.company.write(
            {"billing_late_fee": "percent", "billing_late_fee_percent": 1.5}
        )
        invoice = self._bill_due(5, 100)
        self._pay(invoice, mode="cash", amount=20)
        self._charge()
        fee = self._get_fees()
        self.assertEqual((fee.transaction_type, fee.state), ("charge", "unbilled"))
        self.assertEqual((fee.amount_total, fee.tax_amount), (1.2, 0))
        self.assertEqual(fee.partner_id, self.customer)
        self.assertIn(invoice.name, fee.name)

    def test_fixed_after_grace_days(self):
        self.company.write(
            {
                "billing_late_fee": "fixed",
                "billing_late_fee_amount": 9,
                "billing_late_fee_grace": 10,
            }
        )
        self._bill_due(10, 100)
        self._charge()
        self.assertFalse(self._get_fees())
        self._charge(later=1)
        self.assertEqual(self._get_fees().mapped("amount_total"), [9])

    def test_once_a_month_and_missed_months_are_gone(self):
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        invoice = self._bill_due(1, 100)
        for later in (0, 1, 20, 35, 36, 125):
            self._charge(later)
        fees = self.env["omni.billing.late.fee"].search([], order="month")
        self.assertEqual(fees.mapped("month"), [0, 1, 4])
        self.assertEqual(fees.move_id, invoice)

    def test_fee_that_was_taken_back_does_not_return(self):
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        self._bill_due(5)
        self._charge()
        self._get_fees().action_void()
        self._bill_due(5)
        self._charge()
        fees = self._get_fees()
        self.assertEqual(sorted(fees.mapped("state")), ["unbilled", "void"])
        fees.filtered(lambda fee: fee.state == "unbilled").unlink()
        self._charge()
        self.assertEqual(self._get_fees().mapped("state"), ["void"])

    def test_fee_goes_with_the_invoice_that_is_void(self):
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        invoice, other = self._bill_due(5), self._bill_due(5)
        self._charge()
        self._charge(later=40)
        fees = self.env["omni.billing.late.fee"].search([])
        first = fees.filtered(lambda fee: fee.move_id == invoice).transaction_id
        first = first.sorted("date")
        second = fees.filtered(lambda fee: fee.move_id == other).transaction_id
        billed = self._bill(first[0], date_due=self.today)
        invoice.action_billing_void(reason="Wrong")
        self.assertEqual(first.mapped("state"), ["invoiced", "void"])
        self.assertIn(invoice.name, first[1].void_reason)
        self.assertEqual(set(second.mapped("state")), {"unbilled"})
        [told] = billed.activity_ids
        self.assertIn(invoice.name, told.note)

    def _bill_in_parts(self, cost=100):
        """Bill half of it due now, and half in 60 days."""
        term = self.env["account.payment.term"].create(
            {
                "name": "In parts",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": 0}
                    ),
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": 60}
                    ),
                ],
            }
        )
        self.customer.property_payment_term_id = term
        return self._bill_one(cost, date_start="2020-01-01")

    def test_first_part_that_is_late_has_a_fee(self):
        """A percentage of what is late, and not of what is due later."""
        self.company.write(
            {"billing_late_fee": "percent", "billing_late_fee_percent": 10}
        )
        invoice = self._bill_in_parts()
        self._charge()
        self.assertFalse(self._get_fees())
        self._charge(later=5)
        self.assertEqual(self._get_fees().mapped("amount_total"), [5])
        self._pay(invoice, mode="cash", amount=50)
        self._charge(later=40)
        self.assertEqual(len(self._get_fees()), 1)

    def test_first_part_that_is_late_is_reminded_of(self):
        invoice = self._bill_in_parts()
        self._remind(later=7)
        self.assertEqual(self._read_levels(invoice)[self.first], "sent")
        with freeze_time(self.today + timedelta(days=7)):
            self.assertTrue(invoice._billing_is_overdue())
        # Asked of many at once, it is the same.
        together = invoice + self._bill_due(3)
        days = together._billing_list_due_since()
        for move in together:
            self.assertEqual(days[move.id], move._billing_get_due_since())
        paid = self._bill_in_parts()
        self._pay(paid, mode="cash", amount=50)
        self._remind(later=7)
        self.assertNotIn(self.first, self._read_levels(paid))

    def test_paused_disputed_and_paid_have_no_fee(self):
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        paid, disputed, paused = (self._bill_due(7) for _index in range(3))
        self._pay(paid, mode="cash")
        trust(disputed).billing_dispute = "open"
        paused.action_billing_pause_reminders()
        self._charge()
        self.assertFalse(self._get_fees())

    def test_no_percentage_on_fees(self):
        self.company.write(
            {"billing_late_fee": "percent", "billing_late_fee_percent": 10}
        )
        self._bill_due(5, 100)
        self._charge()
        fee = self._get_fees()
        due = self.today - timedelta(days=5)
        self._bill(fee, self._create_transaction(50), date_due=due)
        self._charge()
        self.assertEqual(sorted(self._get_fees().mapped("amount_total")), [5, 10])

    def test_database_charges_a_month_once(self):
        self.company.write({"billing_late_fee": "fixed", "billing_late_fee_amount": 9})
        invoice = self._bill_due(5)
        self._charge()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.IntegrityError),
            self.env.cr.savepoint(),
        ):
            # sudo: nobody may.
            self.env["omni.billing.late.fee"].sudo().create(
                [{"move_id": invoice.id, "month": 0}]
            )
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.IntegrityError),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(
                "UPDATE res_company SET billing_late_fee_percent = 101 WHERE id = %s",
                [self.company.id],
            )

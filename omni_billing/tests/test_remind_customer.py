"""One reminder for each customer, of all that is due (F191, W15, W30)."""

from datetime import timedelta

from odoo.exceptions import UserError
from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.write_guard import trust

from .mail_common import MAIL_LOGGERS
from .test_names import SCRIPTS
from .test_reminder import ReminderCommon


@tagged("post_install", "-at_install")
class TestRemindCustomer(ReminderCommon):
    def _find_mails(self):
        return self.env["omni.billing.mail"].search(
            [
                ("kind", "=", "reminder"),
                ("commercial_partner_id", "=", self.customer.id),
            ]
        )

    def _read_html(self, message):
        return message.html.replace("&nbsp;", "\xa0")

    def test_one_message_of_all_that_is_due(self):
        """Each invoice moves on for itself, the highest level decides on the text."""
        old, late, due, later = (
            self._bill_due(days, cost)
            for days, cost in ((16, 10), (8, 20), (1, 30), (-40, 50))
        )
        self._remind()
        [mail] = self._find_mails()
        self.assertEqual(mail.move_id, old)
        self.assertEqual(mail.other_move_ids, late + due)
        self.assertEqual(mail.level_id, self.second)
        self.assertEqual(
            self._read_levels(old),
            {self.soon: "passed", self.first: "passed", self.second: "sent"},
        )
        self.assertEqual(
            self._read_levels(late), {self.soon: "passed", self.first: "sent"}
        )
        self.assertEqual(self._read_levels(due), {self.soon: "sent"})
        self.assertFalse(later.billing_reminder_ids)
        self._send_outbox()
        [message] = self.mailjet.sent
        html = self._read_html(message)
        for invoice in old + late + due:
            self.assertIn(f">{invoice.name}<", html)
        self.assertNotIn(later.name, html)
        self.assertIn("$\xa060.00", html)
        self.assertEqual(message.variables["amount_due"], "$\xa060.00")
        self.assertIn(late.name, message.variables["invoice_number"])
        self.assertIn("3 unpaid invoices", message.subject)
        self.assertEqual((old + late + due).mapped("billing_mail_state"), ["sent"] * 3)
        self.assertFalse(later.billing_mail_state)

    def test_what_was_told_before_is_listed_with_what_is_new(self):
        old = self._bill_due(8, 10)
        self._remind()
        self._send_outbox()
        new = self._bill_due(0, 20)
        self._remind(later=7)
        self._send_outbox()
        last = self.mailjet.sent[-1]
        self.assertEqual(len(self.mailjet.sent), 2)
        self.assertIn(old.name, last.html)
        self.assertIn(new.name, last.html)

    def test_statement_and_invoices_are_attached(self):
        first, second = self._bill_due(9), self._bill_due(7)
        self._remind()
        self._send_outbox()
        [message] = self.mailjet.sent
        *pages, statement = message.files
        self.assertEqual(
            [file.name for file in pages],
            [
                invoice._billing_get_filename(among_others=True)
                for invoice in first + second
            ],
        )
        self.assertIn("Acme Rentals", statement.name)
        self.assertTrue(statement.content.startswith(b"%PDF"))

    def test_many_invoices_are_not_attached(self):
        for _index in range(11):
            self._bill_due(7, 1)
        self._remind()
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertEqual(len(message.files), 1)

    def test_who_is_left_out(self):
        """Disputed, planned, paused, and money on its way."""
        told = self._bill_due(7, 10)
        disputed, planned, paused, covered = (self._bill_due(7, 20) for _i in range(4))
        trust(disputed).billing_dispute = "open"
        self.env["omni.billing.installment"]._plan(planned, [(self.today, 20)])
        paused.action_billing_pause_reminders()
        self._pay(covered, mode="cash")
        self._remind()
        [mail] = self._find_mails()
        self.assertEqual(mail._get_moves(), told)
        (told + paused).with_user(self.staff)[0].action_billing_remind()

    def test_net_of_credit(self):
        first, second = self._bill_due(9, 45), self._bill_due(7, 100)
        self._bill(self._create_credit(50))
        self._remind()
        [mail] = self._find_mails()
        self.assertEqual(mail._get_moves(), second)
        self._send_outbox()
        self.assertEqual(self.mailjet.sent[0].variables["amount_due"], "$\xa095.00")
        self.assertFalse(first.billing_reminder_ids)

    def test_each_currency_and_company_for_itself(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        dollar = self._bill_due(7)
        transaction = self._create_transaction(20, currency_id=euro.id)
        other = self._bill(transaction, date_due=self.today - timedelta(days=7))
        self._remind()
        mails = self._find_mails()
        self.assertEqual(len(mails), 2)
        self.assertEqual(mails.move_id, other + dollar)
        self.assertFalse(mails.other_move_ids)

    def test_contacts_of_a_company_are_one_customer(self):
        contact = self._add_contact("desk@example.com", kind="contact")
        own = self._bill_due(7)
        transaction = self._create_transaction(20, partner_id=contact.id)
        other = self._bill(transaction, date_due=self.today - timedelta(days=8))
        self._remind()
        [mail] = self._find_mails()
        self.assertEqual(mail._get_moves(), own + other)

    def test_what_is_paid_meanwhile_is_not_told(self):
        first, second = self._bill_due(9, 10), self._bill_due(7, 20)
        self._remind()
        [mail] = self._find_mails()
        self._pay(first, mode="cash")
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertNotIn(first.name, message.html)
        self.assertEqual(mail._get_moves(), second)
        self.assertEqual(message.variables["amount_due"], "$\xa020.00")

    def test_text_of_staff_still_names_each_invoice(self):
        """A template for one invoice is completed."""
        template = self.env.ref("omni_billing.mail_template_reminder").copy(
            {"body_html": "<p>Second warning for <t t-out='object.name'/></p>"}
        )
        self.second.mail_template_id = template
        first, second = self._bill_due(16, 10), self._bill_due(7, 20)
        self._remind()
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertIn(f"Second warning for {first.name}", message.html)
        self.assertIn(second.name, message.html)
        self.assertIn("$\xa030.00", self._read_html(message))

    def test_upgrade_makes_the_reminder_anew_unless_somebody_edited_it(self):
        path = SCRIPTS / "19.0.1.7.0" / "pre-reminder-template.py"
        script = load_script(str(path), "reminder")
        # sudo: data of the addon is an administrator's.
        template = self.env.ref("omni_billing.mail_template_reminder").sudo()
        self.env.cr.execute(
            "UPDATE mail_template SET write_date = create_date + interval '1 day'"
        )
        script.migrate(self.env.cr, "19.0.1.6.0")
        self.env.invalidate_all()
        self.assertTrue(template.exists())
        self.first.mail_template_id = template
        self.env.flush_all()
        self.env.cr.execute("UPDATE mail_template SET write_date = create_date")
        script.migrate(self.env.cr, "19.0.1.6.0")
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.assertFalse(template.exists())
        self.assertFalse(self.first.mail_template_id)
        self.assertFalse(
            self.env.ref(
                "omni_billing.mail_template_reminder", raise_if_not_found=False
            )
        )

    def test_all_salespersons_get_a_copy(self):
        first, second = self._bill_due(31), self._bill_due(30)
        for invoice, user in ((first, self.staff), (second, self.outsider)):
            user.email = f"{user.login}@omni.example.com"
            invoice.invoice_user_id = user
        self._remind()
        self._send_outbox()
        [message] = self.mailjet.sent
        self.assertEqual(
            {address.email for address in message.cc},
            {"staff-test@omni.example.com", "outsider-test@omni.example.com"},
        )

    def test_message_that_fails_is_one_task_and_sent_again_with_what_is_left(self):
        self.customer.email = False
        first, second = self._bill_due(9), self._bill_due(7)
        self._remind()
        [mail] = self._find_mails()
        self.assertTrue(mail.needs_action)
        self.assertEqual(second.billing_mail_state, "failed")
        self._pay(first, mode="cash")
        self.customer.email = "acme@example.com"
        mail.action_send_again()
        [message] = self.mailjet.sent
        self.assertIn(second.name, message.html)
        self.assertNotIn(first.name, message.html)
        self.assertFalse(any(self._find_mails().mapped("needs_action")))

    def test_each_invoice_has_it_in_its_history(self):
        invoices = self._bill_due(9) + self._bill_due(7)
        self._remind()
        self._send_outbox()
        logs = self.env["omni.billing.activity.log"].search(
            [("action", "=", "reminded")]
        )
        self.assertEqual(logs.move_id, invoices)
        for invoice in invoices:
            self.assertIn("unpaid invoices", invoice.message_ids[:1].body)

    def test_who_has_a_login_pays_all_at_once(self):
        first, second = self._bill_due(9), self._bill_due(7)
        reminder = first.with_context(
            billing_reminded_ids=(first + second).ids
        )._billing_prepare_reminder()
        self.assertIn(
            f"/my/billing/pay?ids={first.id},{second.id}", reminder["pay_url"]
        )

    def test_only_the_customers_own_are_told(self):
        """Whatever ids a client may put in the context."""
        own = self._bill_due(7)
        other = self._bill_of(self._add_customer(), 7)
        reminder = own.with_context(
            billing_reminded_ids=(own + other).ids
        )._billing_prepare_reminder()
        self.assertEqual([row["move"] for row in reminder["rows"]], [own])


@tagged("post_install", "-at_install")
class TestRingingCounts(ReminderCommon):
    """F191: a reminder by hand is of all that is due, and counts for the schedule."""

    def _count(self):
        return len(self.mailjet.sent)

    def test_level_that_was_rung_for_is_not_told_again(self):
        invoice = self._bill_due(8)
        invoice.with_user(self.staff).action_billing_remind()
        self.assertEqual(
            self._read_levels(invoice), {self.first: "sent", self.soon: "passed"}
        )
        self._remind()
        self._send_outbox()
        self.assertEqual(self._count(), 1)
        self._remind(later=7)
        self._send_outbox()
        self.assertEqual(self._count(), 2)
        self.assertEqual(self._read_levels(invoice)[self.second], "sent")

    def test_all_that_is_due_is_told(self):
        chosen, other, later = (self._bill_due(days) for days in (-20, 3, -30))
        paused = self._bill_due(9)
        paused.action_billing_pause_reminders()
        chosen.action_billing_remind()
        [mail] = chosen.billing_mail_ids
        self.assertEqual(mail._get_moves(), chosen + other)
        self.assertFalse(later.billing_reminder_ids)
        self.assertFalse(chosen.billing_reminder_ids)
        self.assertTrue(other.billing_reminder_ids)

    def test_twice_within_minutes_is_once(self):
        """Two who ring, or one who rings for two invoices."""
        first, second = self._bill_due(9), self._bill_due(7)
        first.with_user(self.staff).action_billing_remind()
        second.action_billing_remind()
        self.assertEqual(self._count(), 1)
        mails = self.env["omni.billing.mail"].search([("kind", "=", "reminder")])
        mails.flush_recordset()
        self.env.cr.execute(
            "UPDATE omni_billing_mail SET create_date = create_date - interval '6 min'"
        )
        mails.invalidate_recordset()
        second.action_billing_remind()
        self.assertEqual(self._count(), 2)

    def test_several_of_one_customer_are_one_message(self):
        mine = self._bill_due(-20) + self._bill_due(-30) + self._bill_due(7)
        other = self._bill_of(self._add_customer(), 7)
        action = (mine + other).action_billing_remind()
        bulk = self.env["omni.billing.bulk"].browse(action["params"]["bulkId"])
        for invoice in mine + other:
            [result] = bulk.run_step(invoice.ids)
            self.assertFalse(result["error"])
            self._send_outbox()
        self.assertEqual(self._count(), 2)
        self.assertEqual(mine.billing_mail_ids._get_moves(), mine)

    def test_level_that_is_for_staff_alone_keeps_nothing_from_the_customer(self):
        self.first.to_customer, self.first.to_salesperson = False, True
        invoice = self._bill_due(8)
        invoice.action_billing_remind()
        [message] = self.mailjet.sent
        self.assertEqual([a.email for a in message.to], ["acme@example.com"])

    def test_disputed_is_refused_and_not_listed(self):
        disputed, other = self._bill_due(7), self._bill_due(7)
        trust(disputed).billing_dispute = "open"
        with self.assertRaises(UserError):
            disputed.action_billing_remind()
        other.action_billing_remind()
        self.assertEqual(other.billing_mail_ids._get_moves(), other)

    def test_paused_customer_can_be_rung_for(self):
        invoice = self._bill_due(7)
        self.customer.action_billing_pause_reminders()
        with mute_logger(*MAIL_LOGGERS):
            invoice.action_billing_remind()
        self.assertEqual(self._count(), 1)

    def test_schedule_that_tells_it_at_this_moment(self):
        """It has written its levels, which this transaction does not see."""
        invoice = self._bill_due(8)
        values = {"move_id": invoice.id, "level_id": self.first.id, "days": 7}
        # sudo: as the job.
        self.env["omni.billing.reminder"].sudo().create(values | {"state": "sent"})
        found = {invoice: (self.first, self.soon)}
        self.patch(type(invoice), "_billing_find_levels", lambda moves, _levels: found)
        with mute_logger("odoo.sql_db"), self.assertRaisesRegex(UserError, "right now"):
            invoice.action_billing_remind()
        self.assertFalse(self.mailjet.sent)

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.exceptions import GatewayRefused

from .mail_common import MAIL_LOGGERS, MailCommon
from .test_omni_billing_run import RunCommon

QUIET = (
    *MAIL_LOGGERS,
    "odoo.addons.mail.models.mail_mail",
    "odoo.addons.base.models.ir_mail_server",
)


@tagged("post_install", "-at_install")
class TestRunMails(MailCommon, RunCommon):
    """W12: what became of the e-mails of a run is true, and seen there."""

    def setUp(self):
        super().setUp()
        self._use_mailjet()
        self.others[0].email = "a@example.com"

    def _send(self, *customers, **values):
        self._charge_all(45, self.customer.concat(*customers))
        return self._do(is_email=True, **values)

    def _line(self, run, partner):
        return run.line_ids.filtered(lambda line: line.partner_id == partner)

    def test_who_has_no_address_is_named(self):
        """F118, F120: in the header, in the last message, and on the work list."""
        silent, broken = self.others[1], self.others[2]
        broken.email = "c.example.com"
        run = self._send(silent, broken)
        self.assertEqual((run.state, run.unsent_count), ("done", 2))
        self.assertEqual(run.get_progress()["unsent"], 2)
        body = run.message_ids[0].body
        self.assertIn("not sent: 2", body)
        self.assertIn(f"{silent.name} has no e-mail address", body)
        self.assertIn("is wrong: c.example.com", body)
        self.assertEqual(self._line(run, silent).mail_state, "failed")
        self.assertIn("is wrong", self._line(run, broken).mail_error)
        mails = self.env["omni.billing.mail"].search([("needs_action", "=", True)])
        self.assertEqual(mails.commercial_partner_id, silent + broken)

    def test_outbox_is_what_it_says(self):
        """W12: it waits until a server has it, and not a moment longer."""
        run = self._send(self.others[0])
        self.assertEqual((run.waiting_count, run.unsent_count), (2, 0))
        self.assertEqual(set(run.line_ids.mapped("mail_state")), {"queued"})
        self._send_outbox()
        self.assertEqual((run.waiting_count, run.unsent_count), (0, 0))
        self.assertEqual(set(run.line_ids.mapped("mail_state")), {"sent"})

    def test_bounce_is_seen_in_the_run(self):
        run = self._send()
        self._send_outbox()
        mail = run.line_ids.invoice_id.billing_mail_ids
        # sudo: as Mailjet's event does it.
        mail.sudo().recipient_ids.write({"state": "bounced", "error": "No such box."})
        mail.sudo()._sum_up()  # sudo: as above
        run.invalidate_recordset()
        self.assertEqual((run.line_ids.mail_state, run.unsent_count), ("bounced", 1))
        run.line_ids.with_user(self.staff).action_send_again()
        run.invalidate_recordset()
        run.line_ids.invalidate_recordset()
        self.assertEqual((run.line_ids.mail_state, run.unsent_count), ("sent", 0))

    def test_reminder_says_nothing_of_the_invoice(self):
        run = self._send()
        self._send_outbox()
        run.line_ids.invoice_id._billing_queue_mail("reminder")
        self.assertEqual(run.line_ids.mail_state, "sent")
        self.assertFalse(run.waiting_count)

    def test_what_broke_off_is_sent_again(self):
        Line = type(self.env["omni.billing.run.line"])

        def fail(_line, _move):
            raise KeyError("pdf")

        with (
            patch.object(Line, "_send_email", fail),
            mute_logger("odoo.addons.omni_billing.models.runs"),
        ):
            run = self._send()
        line = run.line_ids
        self.assertEqual((line.mail_state, run.unsent_count), ("failed", 1))
        self.assertIn("KeyError", line.mail_error)
        line.with_user(self.staff).action_send_again()
        self.assertEqual(line.mail_state, "sent")
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_check_warns_of_addresses(self):
        """W12: before anything is billed."""
        silent, broken = self.others[1], self.others[2]
        broken.email = "c.example.com"
        self._charge_all(45)
        run = self._create_run(is_email=True)
        run.action_check()
        self._work()
        self.assertFalse(self._line(run, self.customer).reason)
        self.assertEqual(self._line(run, silent).reason, "There is no e-mail address.")
        self.assertIn("is wrong: c.example.com", self._line(run, broken).reason)

    def test_check_knows_who_gets_it(self):
        """F116: a billing contact may be the one with the address."""
        self.customer.email = False
        self._add_contact("ap@acme.example.com")
        self._charge_all(45, self.customer)
        run = self._create_run(is_email=True)
        run.action_check()
        self._work()
        self.assertFalse(run.line_ids.reason)

    def test_run_without_a_mail_server_says_where_to_set_one_up(self):
        """W12, promise 8."""
        self.company.sudo().billing_mail_provider = "odoo"
        # sudo: mail servers are an administrator's.
        servers = self.env["ir.mail_server"].sudo()
        servers.search([]).active = False
        run = self._create_run(is_email=True)
        self.assertIn("Outgoing Mail Servers", run.mail_problem)
        run.is_email = False
        self.assertFalse(run.mail_problem)
        servers.create({"name": "Ours", "smtp_host": "mail.example.com"})
        run.is_email = True
        self.assertFalse(run.mail_problem)

    def test_mailjet_without_keys_is_said_before(self):
        self.company.sudo().billing_mailjet_secret_key = False
        run = self._create_run(is_email=True)
        self.assertIn("API keys", run.mail_problem)


@tagged("post_install", "-at_install")
class TestMailAgain(MailCommon):
    """W12, F118: what waits is pushed, and what came of it is said."""

    def setUp(self):
        super().setUp()
        self._use_smtp()
        self.mail_server.smtp_port = 9
        self.mails = self.env["omni.billing.mail"]
        for _number in range(3):
            with mute_logger(*QUIET):
                invoice = self._bill_one()
                invoice.action_billing_email()
            self.mails += invoice.billing_mail_ids

    def _again(self, mails):
        with mute_logger(*QUIET):
            return mails.with_user(self.staff).action_send_again()["params"]

    def _find_to_do(self):
        """Return what the list *Did Not Arrive* shows at first."""
        return self.env["omni.billing.mail"].search(
            [
                ("id", "in", self.mails.ids),
                "|",
                ("needs_action", "=", True),
                *("&", ("state", "=", "queued"), ("error", "!=", False)),
            ]
        )

    def test_what_waits_at_a_dead_server_is_on_the_list(self):
        self.assertEqual(set(self.mails.mapped("state")), {"queued"})
        self.assertEqual(self._find_to_do(), self.mails.sorted("id", reverse=True))
        action = self.env.ref("omni_billing.omni_billing_mail_action_to_do")
        self.assertIn("search_default_stuck", action.context)
        self.assertNotIn("went out", action.help)

    def test_one_that_waits_is_sent_now(self):
        self.mail_server.smtp_port = self.smtp.port
        self.assertEqual(self._again(self.mails[0])["type"], "success")
        self.assertEqual(self.mails.mapped("state"), ["sent", "queued", "queued"])

    def test_several_that_wait_go_at_once(self):
        self.mail_server.smtp_port = self.smtp.port
        told = self._again(self.mails)
        self.assertEqual(told["message"], "3 e-mails go out now.")
        now = fields.Datetime.now()
        self.assertTrue(all(mail.next_try <= now for mail in self.mails))
        self._run_job("omni.billing.mail", "_cron_send")
        self.assertEqual(set(self.mails.mapped("state")), {"sent"})
        self.assertEqual(len(self.smtp.messages), 3)

    def test_what_is_being_handed_over_is_left_alone(self):
        """Promise 1: pushed, it would be taken for lost, or be sent twice."""
        busy = self.mails[0].sudo()
        later = fields.Datetime.now() + timedelta(minutes=5)
        busy.write({"attempt_date": fields.Datetime.now(), "next_try": later})
        told = self._again(self.mails)
        self.assertIn("2 e-mails go out now.", told["message"])
        self.assertIn("1 are being handed over already.", told["message"])
        self.assertEqual(busy.next_try, later)
        alone = self._again(self.mails[0])
        self.assertIn("being handed over", alone["message"])

    def test_what_cannot_be_sent_says_why(self):
        for mail in self.mails.sudo():
            mail._set_failed("content", "No.")
        self.customer.email = False
        told = self._again(self.mails)
        self.assertIn("3 cannot be sent and stay on the list", told["message"])
        self.assertIn("has no e-mail address", told["message"])
        self.assertEqual(told["type"], "warning")

    def test_without_a_server_it_says_where_to_set_one_up(self):
        """Promise 8"""
        self.mail_server.active = False
        MailServer = type(self.env["ir.mail_server"])

        def refuse(*_args, **_kwargs):
            raise ConnectionRefusedError("Connection refused")

        with patch.object(MailServer, "_connect__", refuse):
            told = self._again(self.mails[0])
        self.assertIn("Outgoing Mail Servers", told["message"])
        self.assertEqual(self.mails[0].state, "queued")
        mail = self.mails[1].sudo()
        mail.write({"tries": 12, "transport": "odoo"})
        mail._record_refusal(GatewayRefused("unreachable", "Refused"))
        self.assertIn("Outgoing Mail Servers", mail.error)
        self.assertEqual(mail.state, "failed")

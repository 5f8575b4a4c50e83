import base64

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.exceptions import GatewayUnknown

from .http_common import PatientHttpCase
from .mail_common import MAIL_LOGGERS, MailCommon

PASSWORD = "a-password"
CONTROLLER = "odoo.addons.omni_billing.controllers.mailjet_webhook"


@tagged("post_install", "-at_install")
class TestMailjetWebhook(MailCommon, PatientHttpCase):
    """W12: what Mailjet tells, once, in any order, and from Mailjet alone."""

    def setUp(self):
        super().setUp()
        self._use_mailjet(
            billing_mailjet_hook_token="a-token",
            billing_mailjet_hook_password=PASSWORD,
        )
        self.invoice = self._bill_one()
        self.invoice.action_billing_email()
        self.mail = self.invoice.billing_mail_ids

    def _make_event(self, kind, time=1, **values):
        [message] = self.mailjet.sent[:1]
        return {
            "event": kind,
            "time": time,
            "MessageID": 70650219165027410,
            "Message_GUID": f"uuid-{message.key}-0",
            "email": "acme@example.com",
            "mj_campaign_id": 7,
            "CustomID": message.key,
            "Payload": message.key,
            **values,
        }

    def _post(self, payload, token="a-token", auth=("mailjet", PASSWORD)):
        headers = {}
        if auth:
            pair = base64.b64encode(":".join(auth).encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        path = f"/omni_billing/mailjet/{token}"
        return self.url_open(path, json=payload, headers=headers).status_code

    def _tell(self, *payloads):
        for payload in payloads:
            self.assertEqual(self._post(payload), 200)
        self._run_job("omni.billing.mail.event", "_cron_process")

    def test_one_event_and_a_list(self):
        """Versions 1 and 2 of Mailjet's events."""
        self._tell(self._make_event("sent"))
        self.assertEqual(self.mail.state, "delivered")
        self._tell([self._make_event("open", 2), self._make_event("click", 3, url="x")])
        self.assertEqual(self.mail.state, "opened")
        self.assertFalse(self.mail.needs_action)
        self.assertEqual(self.invoice.billing_mail_state, "opened")

    def test_same_event_is_kept_once(self):
        event = self._make_event("sent")
        self._tell(event, event, [event, event])
        events = self.env["omni.billing.mail.event"].search([])
        self.assertEqual(len(events), 1)
        self.assertEqual(events.state, "done")

    def test_order_does_not_matter(self):
        self._tell(self._make_event("open", 2), self._make_event("sent", 1))
        self.assertEqual(self.mail.state, "opened")

    def test_bounce_is_a_task(self):
        bounce = self._make_event(
            "bounce", 2, hard_bounce=True, error_related_to="recipient", error="unknown"
        )
        self._tell(self._make_event("sent", 1), bounce)
        self.assertEqual((self.mail.state, self.mail.needs_action), ("bounced", True))
        self.assertEqual(self.mail.error, "acme@example.com: recipient: unknown")
        self.mail.action_dismiss()
        self._tell(self._make_event("bounce", 1, error="old news"))
        self.assertFalse(self.mail.needs_action)

    def test_events_of_long_ago_are_let_go(self):
        """The message keeps its state; what waits to be worked on is kept."""
        self._tell(self._make_event("sent"), self._make_event("open", 2))
        self.assertEqual(self._post(self._make_event("click", 3)), 200)
        events = self.env["omni.billing.mail.event"].sudo()
        self.assertEqual(len(events.search([])), 3)
        events._gc_events()
        self.assertEqual(len(events.search([])), 3)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE omni_billing_mail_event SET create_date = create_date - interval"
            " '181 days'"
        )
        self.env.invalidate_all()
        events._gc_events()
        self.assertEqual(events.search([]).mapped("state"), ["new"])
        self.assertEqual(self.mail.state, "opened")

    def test_spam_complaint_is_a_task(self):
        self._tell(self._make_event("sent"), self._make_event("spam", 2, source="x"))
        self.assertEqual((self.mail.state, self.mail.needs_action), ("delivered", True))
        self.assertIn("spam", self.mail.error)

    def test_one_of_two_contacts_is_not_reached(self):
        self._add_contact("ap@acme.example.com")
        self._add_contact("cfo@acme.example.com")
        self.mailjet.sent.clear()
        self.invoice.action_billing_email()
        mail = self.invoice.billing_mail_ids.sorted("id")[-1]
        self._tell(
            self._make_event("open", email="ap@acme.example.com"),
            self._make_event("blocked", email="cfo@acme.example.com", error="spam"),
        )
        self.assertEqual((mail.state, mail.needs_action), ("blocked", True))
        self.assertEqual(mail.recipient_ids.mapped("state"), ["opened", "blocked"])
        self.assertEqual(mail.error, "cfo@acme.example.com: spam")

    def test_event_of_a_lost_answer_says_that_it_was_sent(self):
        self.mailjet.sent.clear()
        self.mailjet.fail_next(GatewayUnknown("no_answer", ""), executed=True)
        with mute_logger(*MAIL_LOGGERS):
            self.invoice.action_billing_email()
        mail = self.invoice.billing_mail_ids.sorted("id")[-1]
        self.assertEqual(mail.state, "queued")
        self._tell(self._make_event("sent"))
        self.assertEqual(mail.state, "delivered")
        self._send_outbox()
        self.assertEqual(len(self.mailjet.sent), 1)

    def test_message_is_found_by_mailjets_number_too(self):
        self._tell(self._make_event("sent", CustomID="", Payload=""))
        self.assertEqual(self.mail.state, "delivered")

    def test_events_of_others_change_nothing(self):
        stranger = {"CustomID": "x", "Payload": "x", "Message_GUID": "y"}
        self._tell(self._make_event("bounce", **stranger))
        self.assertEqual(self.mail.state, "sent")
        events = self.env["omni.billing.mail.event"].search([])
        self.assertEqual(events.mapped("state"), ["unknown"])

    def test_odd_events_are_kept_too(self):
        odd = self._make_event("open", time="soon", email=None, error={"a": "\0"})
        self._tell([odd, {}], {"event": "x" * 10_000, "time": 2**70, "email": [1]})
        self.assertEqual(self.mail.state, "sent")

    def test_only_mailjet_is_believed(self):
        event = self._make_event("open")
        with mute_logger(CONTROLLER, "odoo.http"):
            self.assertEqual(self._post(event, auth=None), 401)
            self.assertEqual(self._post(event, auth=("mailjet", "")), 401)
            self.assertEqual(self._post(event, auth=("other", PASSWORD)), 401)
            self.assertEqual(self._post(event, token="another"), 401)
            self.assertEqual(self._post(event, token="a%00b"), 401)
            self.assertEqual(self._post(event, token="%00"), 401)
            self.company.sudo().billing_mailjet_hook_password = False
            self.assertEqual(self._post(event), 401)
            self.assertEqual(self._post(event, auth=("mailjet", "")), 401)
        self.assertFalse(self.env["omni.billing.mail.event"].search([]))

    def test_what_is_no_event_is_refused(self):
        with mute_logger("odoo.http"):
            for payload in ("text", 7, [1], ["x"]):
                self.assertEqual(self._post(payload), 400)

    def test_registered_address_is_the_one_that_is_served(self):
        company = self.company.sudo()
        company.billing_mailjet_hook_token = False
        company.action_billing_mailjet_listen()
        path = f"/omni_billing/mailjet/{company.billing_mailjet_hook_token}"
        password = company.billing_mailjet_hook_password
        self.assertNotEqual(password, PASSWORD)
        self.assertIn(f"://mailjet:{password}@", self.mailjet.url)
        self.assertTrue(self.mailjet.url.endswith(path))

    def test_what_is_no_event_is_refused_with_a_message(self):
        pair = base64.b64encode(f"mailjet:{PASSWORD}".encode()).decode()
        deep = "[" * 100_000 + "]" * 100_000
        for odd in (deep, f'{{"event": {deep}}}', "null", "[null]"):
            answer = self.url_open(
                "/omni_billing/mailjet/a-token",
                data=odd,
                headers={
                    "Authorization": f"Basic {pair}",
                    "Content-Type": "application/json",
                },
            )
            with self.subTest(odd[:40]):
                self.assertEqual(answer.status_code, 400)
                self.assertIn("no event of Mailjet", answer.text)

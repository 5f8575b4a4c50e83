"""How messages to other programs go out (W39)."""

import json
from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

from standardwebhooks import Webhook

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, tagged
from odoo.tools import file_open, mute_logger

from odoo.addons.omni_billing.exceptions import GatewayRefused, GatewayUnknown
from odoo.addons.omni_billing.gateways import webhooks
from odoo.addons.omni_billing.gateways.webhook_messages import Answer
from odoo.addons.omni_billing.models.outgoing import omni_billing_webhook_sending
from odoo.addons.omni_billing.tools.write_guard import trust

from .webhook_common import WebhookCommon

MANAGER = "omni_billing.omni_billing_group_manager"
PAUSES = omni_billing_webhook_sending.PAUSES
LOGGER = omni_billing_webhook_sending.__name__


class SendingCommon(WebhookCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoice = cls._bill(cls._create_transaction())
        cls.env.flush_all()
        # sudo: each test begins with an empty outbox.
        cls.Delivery.sudo().search([]).unlink()

    def setUp(self):
        super().setUp()
        self.now = fields.Datetime.now()
        steady = patch.object(omni_billing_webhook_sending, "JITTER", 0)
        steady.start()
        self.addCleanup(steady.stop)

    def _tell(self, webhook=None):
        """Write a fact down, as of now."""
        row = self.Delivery.sudo()._prepare(
            "invoice.paid", self.invoice, (webhook or self.webhook).id, self.now
        )
        return self.Delivery.sudo().create(row)

    def _send_at(self, later):
        """Have the job run some time from now on; return what it sent, by id."""
        before = len(self.programs.sent)
        with freeze_time(self.now + later):
            self._send()
        return [message.key for message in self.programs.sent[before:]]


@tagged("post_install", "-at_install")
class TestWebhookSending(SendingCommon):
    """W39: sent until it is taken, each time as the same message."""

    def setUp(self):
        super().setUp()
        self.row = self._tell()

    def test_message_is_taken(self):
        self.assertEqual(self._send_at(timedelta()), [self.row.key])
        self.assertEqual(self.row.state, "sent")
        self.assertEqual((self.row.status_code, self.row.answer), (200, "ok"))
        self.assertEqual(self._send_at(timedelta(days=1)), [])

    def test_program_that_verifies_takes_it(self):
        """By the library of Standard Webhooks, as the other program would."""
        secret = self._have_secret()
        self._send_at(timedelta())
        [message] = self.programs.sent
        with freeze_time(self.now):
            told = Webhook(secret).verify(message.body, webhooks.sign(message))
        self.assertEqual(told, json.loads(message.body))
        self.assertEqual(told["type"], "invoice.paid")
        self.assertNotIn(".", message.key)

    def test_schedule_is_that_of_the_standard(self):
        """The same id and body each time, and at last it is switched off."""
        later = timedelta()
        self.programs.answer_next(*[Answer(500)] * 10)
        for number, pause in enumerate(PAUSES, start=1):
            self.assertEqual(self._send_at(later), [self.row.key])
            self.assertEqual((self.row.state, self.row.tries), ("queued", number))
            self.assertEqual(
                self._send_at(later + pause - timedelta(seconds=1)), [], pause
            )
            later += pause
        self.assertEqual(later.days, 3)
        self.assertEqual(self._send_at(later), [self.row.key])
        self.assertEqual(self.row.state, "failed")
        self.assertEqual(self.webhook.state, "off")
        self.assertIn("500", self.webhook.problem)
        self.assertEqual(self.webhook.activity_ids.user_id, self.env.user)
        self.assertEqual(len({message.body for message in self.programs.sent}), 1)
        self.assertEqual(len({message.key for message in self.programs.sent}), 1)

    def test_pause_is_longer_at_random(self):
        with (
            patch.object(omni_billing_webhook_sending, "JITTER", 0.1),
            patch.object(
                omni_billing_webhook_sending.random, "random", return_value=0.5
            ),
            freeze_time(self.now),
        ):
            self.programs.answer_next(Answer(500))
            self._send()
        self.assertEqual(self.row.next_try, self.now + 1.05 * PAUSES[0])

    def test_message_that_nobody_takes_is_its_own_fault(self):
        """Where others are taken, one that is not switches nothing off."""
        later = timedelta()
        for pause in PAUSES:
            self.programs.answer_next(Answer(400, "no such invoice"))
            self._send_at(later)
            later += pause
        with freeze_time(self.now + later - timedelta(minutes=1)):
            other = self._tell()
            self._send()
        self.assertEqual(other.state, "sent")
        self.programs.answer_next(Answer(400))
        self._send_at(later)
        self.assertEqual((self.row.state, self.webhook.state), ("failed", "on"))

    def test_program_that_is_gone_gets_nothing_more(self):
        """410: off at once; what is left is kept, and goes out if it is on again."""
        other = self._tell()
        self.programs.answer_next(Answer(410))
        self.assertEqual(self._send_at(timedelta()), [self.row.key])
        self.assertEqual(self.webhook.state, "off")
        self.assertEqual(self._send_at(timedelta(days=1)), [])
        self.assertEqual((self.row + other).mapped("state"), ["queued", "queued"])
        self.webhook.action_enable()
        # What was tried less goes first.
        self.assertEqual(self._send_at(timedelta(days=1)), [other.key, self.row.key])
        self.assertFalse(self.webhook.activity_ids)

    def test_busy_program_says_when(self):
        """429 and its kin: all messages wait, for as long as it asks."""
        other = self._tell()
        for status in (429, 502, 503, 504):
            with self.subTest(status=status):
                self._begin_anew()
                self.programs.answer_next(Answer(status, "", 3600))
                self.assertEqual(self._send_at(timedelta()), [self.row.key])
                self.assertEqual(self._send_at(timedelta(minutes=59)), [])
        self.assertEqual(
            self._send_at(timedelta(minutes=61)), [other.key, self.row.key]
        )
        self.assertFalse(self.webhook.problem)
        self.assertFalse(self.webhook.tries)

    def _begin_anew(self):
        self.row.write({"tries": 0, "next_try": self.now})
        trust(self.webhook).write({"wait_until": False, "tries": 0})

    def test_message_that_is_never_answered_holds_up_no_other(self):
        """Its program takes all others, so it is not switched off for this one."""
        for answer in (Answer(502), Answer(504), GatewayUnknown("no_answer", "late")):
            with self.subTest(answer=str(answer)):
                bad, later = self._tell(), timedelta()
                self.programs.refuse(bad.key, answer)
                for pause in (timedelta(), *PAUSES):
                    later += pause
                    with freeze_time(self.now + later):
                        other = self._tell()
                    self._send_at(later)
                    # Beside the bad one, that is due; else after its short pause.
                    later += timedelta(seconds=6)
                    self._send_at(later)
                    self.assertEqual(other.state, "sent", later)
                self.assertEqual((bad.state, bad.tries), ("failed", len(PAUSES) + 1))
                self.assertEqual(self.webhook.state, "on")
                self.assertFalse(self.webhook.activity_ids)

    def test_message_that_is_never_answered_delays_nothing_on_an_idle_program(self):
        """It keeps the pauses of the standard; what comes within them is tried then."""
        self.row.state, minute = "canceled", timedelta(minutes=1)
        for answer, asked in (
            (Answer(504), timedelta()),
            (GatewayUnknown("no_answer", "late"), timedelta()),
            (Answer(503, "", 1800), timedelta(minutes=30)),
        ):
            with self.subTest(answer=str(answer)):
                bad, later = self._tell(), timedelta()
                self.programs.refuse(bad.key, answer)
                for pause in PAUSES[:6]:
                    tried_at = later
                    self.assertEqual(self._send_at(later), [bad.key])
                    later += max(pause, asked)
                # Its next attempt is in ten hours.
                with freeze_time(self.now + tried_at + minute):
                    other = self._tell()
                self.assertEqual(
                    self._send_at(tried_at + minute), [] if asked else [other.key]
                )
                self._send_at(tried_at + minute + asked)
                self.assertEqual((other.state, bad.tries), ("sent", 6))
                self.assertFalse(self.webhook.problem)
                bad.state = "canceled"

    def test_untried_message_goes_first_after_a_pause(self):
        other = self._tell()
        self.programs.refuse(self.row.key, Answer(504))
        self.assertEqual(self._send_at(timedelta()), [self.row.key])
        self.assertEqual(self._send_at(timedelta(seconds=6)), [other.key, self.row.key])
        self.assertEqual((other.state, self.row.state), ("sent", "queued"))

    def test_program_that_is_back_gets_all_at_once(self):
        """Also if the first message after the pause is one that it refuses."""
        others = [self._tell() for _n in range(3)]
        self.programs.answer_next(Answer(503))
        self._send_at(timedelta())
        self.programs.answer_next(Answer(400))
        self.assertEqual(len(self._send_at(timedelta(seconds=6))), 4)
        self.assertEqual([row.state for row in others], ["queued", "sent", "sent"])
        self.assertEqual(self.row.state, "sent")

    def test_program_that_is_away_is_asked_less_and_less(self):
        """By whichever of its messages; after three days it is switched off."""
        rows = self.row
        for _number in range(30):
            rows += self._tell()
        self.programs.always = {self.webhook.url: GatewayRefused("unreachable", "no")}
        later = timedelta()
        for number, pause in enumerate(PAUSES):
            self.assertEqual(self._send_at(later), [rows[number].key])
            self.assertEqual(self._send_at(later + pause - timedelta(seconds=1)), [])
            later += pause
        self.assertEqual(self.webhook.state, "on")
        self._send_at(later)
        self.assertEqual(self.webhook.state, "off")
        self.assertEqual(self.webhook.activity_ids.user_id, self.env.user)
        self.assertEqual(set(rows.mapped("state")), {"queued"})
        # And then all of it goes out.
        self.programs.always = {}
        self.webhook.action_enable()
        later += PAUSES[0]
        self.assertEqual(len(self._send_at(later)), len(rows))

    def test_message_that_somebody_else_sends_is_left_to_them(self):
        with patch.object(
            type(self.Delivery), "try_lock_for_update", lambda rows, **_kw: rows[:0]
        ):
            self.assertEqual(self._send_at(timedelta()), [])
        self.assertEqual(self._send_at(timedelta()), [self.row.key])

    # === WHAT NOBODY THOUGHT OF === #

    @mute_logger(LOGGER)
    def test_failure_of_whatever_kind_is_no_answer(self):
        other = self._listen(url="https://other.example.com/")
        his = self._tell(other)
        self.programs.always = {self.webhook.url: ZeroDivisionError("secret")}
        self.assertEqual(self._send_at(timedelta()), [self.row.key, his.key])
        self.assertEqual((self.row.state, self.row.tries), ("queued", 1))
        self.assertEqual(self.row.next_try, self.now + PAUSES[0])
        self.assertIn("no answer. (ZeroDivisionError)", self.row.error)
        self.assertEqual(his.state, "sent")

    @mute_logger(LOGGER)
    def test_message_that_cannot_be_made_waits_alone(self):
        """A hook of somebody's fails: no other message waits for it."""
        other, original = self._tell(), type(self.Delivery)._make_body

        def make(row, record=None):
            if row == self.row:
                raise KeyError("x")
            return original(row, record)

        self.patch(type(self.Delivery), "_make_body", make)
        self.assertEqual(self._send_at(timedelta()), [other.key])
        self.assertEqual((self.row.state, self.row.tries), ("queued", 1))
        self.assertIn("KeyError", self.row.error)
        later = timedelta()
        for pause in PAUSES:
            later += pause
            self._send_at(later)
        self.assertEqual((self.row.state, self.webhook.state), ("failed", "on"))

    @mute_logger("odoo.addons.omni_billing.tools.database")
    def test_job_survives_one_program(self):
        other = self._listen(url="https://other.example.com/")
        his, original = self._tell(other), type(self.Webhook)._send_next

        def send(webhook):
            if webhook == self.webhook:
                raise ZeroDivisionError
            return original(webhook)

        self.patch(type(self.Webhook), "_send_next", send)
        self.assertEqual(self._send_at(timedelta()), [his.key])
        self.assertEqual((self.row.state, his.state), ("queued", "sent"))

    def test_silent_program_holds_up_nobody_else(self):
        other = self._listen(url="https://other.example.com/")
        more, his = self._tell(), self._tell(other)
        for error in (
            GatewayUnknown("no_answer", "timed out"),
            GatewayRefused("unreachable", "refused"),
            GatewayRefused("not_public", "10.0.0.1"),
        ):
            with self.subTest(error=error.code):
                self._begin_anew()
                his.write({"state": "queued", "next_try": self.now})
                self.programs.always = {self.webhook.url: error}
                self.assertEqual(self._send_at(timedelta()), [self.row.key, his.key])
                self.assertEqual(his.state, "sent")
                self.assertEqual((more.state, more.tries), ("queued", 0))
                self.assertTrue(self.webhook.problem)

    def test_redirect_is_not_followed(self):
        self.programs.answer_next(Answer(302))
        self.assertEqual(self._send_at(timedelta()), [self.row.key])
        self.assertEqual(self.row.state, "queued")
        self.assertIn("redirect", self.row.error)

    def test_programs_take_turns(self):
        other = self._listen(url="https://other.example.com/")
        rows = [self.row, *(self._tell() for _n in range(2))]
        his = [self._tell(other) for _n in range(2)]
        sent = self._send_at(timedelta())
        self.assertEqual(
            sent,
            [row.key for row in (rows[0], his[0], rows[1], his[1], rows[2])],
        )

    def test_process_that_died_has_it_sent_again_with_its_id(self):
        """Killed between the answer and writing it down: nobody knows, so again."""
        with (
            patch.object(type(self.Delivery), "_record", side_effect=SystemExit),
            # Odoo's `assertRaises` would undo what was committed.
            suppress(SystemExit),
        ):
            self._send_at(timedelta())
        self.assertEqual(len(self.programs.sent), 1)
        self.assertEqual(self._send_at(timedelta(minutes=1)), [])
        self.assertEqual(self._send_at(timedelta(minutes=3)), [self.row.key])
        self.assertEqual(len({message.key for message in self.programs.sent}), 1)
        self.assertEqual(self.row.state, "sent")

    def test_record_that_is_gone_is_told_by_its_id(self):
        self.row.res_id = 2**31 - 1
        [body] = self._send()
        self.assertEqual(body["data"]["id"], 2**31 - 1)

    def test_long_texts_are_cut(self):
        """A body has less than 20 kB."""
        self.invoice.partner_id.ref = "ü" * 5000
        [body] = self._send()
        self.assertEqual(len(body["data"]["customer"]["reference"]), 256)

    # === BY HAND === #

    def test_send_again_is_the_same_message(self):
        self._send_at(timedelta())
        self.row.with_user(self.env.user).action_send_again()
        first, second = self.programs.sent
        self.assertEqual((first.key, first.body), (second.key, second.body))

    def test_several_are_sent_again_by_the_job(self):
        rows = self.row + self._tell()
        self._send_at(timedelta())
        notice = rows.with_user(self.env.user).action_send_again()
        self.assertIn("2 messages", notice["params"]["message"])
        self.assertEqual(len(self._send_at(timedelta(seconds=5))), 2)

    def test_nothing_is_sent_by_what_is_off(self):
        self.webhook.action_disable()
        self.assertEqual(self._send_at(timedelta()), [])
        with self.assertRaisesRegex(UserError, "off"):
            self.row.action_send_again()

    def test_canceled_message_stays(self):
        self.row.with_user(self.env.user).action_cancel()
        self.assertEqual(self.row.state, "canceled")
        self.assertEqual(self._send_at(timedelta()), [])

    def test_test_is_sent_at_once_and_once(self):
        """Also by a webhook that is off: to try it before it is switched on."""
        self.webhook.action_disable()
        notice = self.webhook.action_test()
        self.assertEqual(notice["params"]["type"], "success")
        self.assertEqual(json.loads(self.programs.sent[0].body)["type"], "webhook.test")
        self.programs.answer_next(Answer(404))
        notice = self.webhook.action_test()
        self.assertEqual(notice["params"]["type"], "danger")
        self.assertIn("404", notice["params"]["message"])
        self.assertEqual(self._send_at(timedelta(days=1)), [])

    def test_what_it_is_about_is_opened(self):
        action = self.row.action_open_record()
        self.assertEqual(action["res_id"], self.invoice.id)


@tagged("post_install", "-at_install")
class TestWebhookSecrets(SendingCommon):
    """W39: nobody reads a secret, and it is shown once (promise 9)."""

    def test_secret_is_shown_once(self):
        action = self.webhook.action_show_secret()
        secret = action["context"]["default_secret"]
        self.assertRegex(secret, r"^whsec_[A-Za-z0-9+/]{43}=$")
        # sudo: to compare.
        self.assertEqual(secret, self.webhook.sudo().secret)
        with self.assertRaisesRegex(UserError, "shown already"):
            self.webhook.action_show_secret()
        # What the web client asks for to open the dialog.
        dialog = self.env[action["res_model"]].with_context(**action["context"])
        values = dialog.onchange({}, [], {"secret": {}})["value"]
        self.assertEqual(values["secret"], secret)

    def test_nobody_reads_or_writes_it(self):
        admin = self.env.ref("base.user_admin")
        admin.company_ids += self.company
        webhook = self.webhook.with_user(admin)
        self.assertNotIn("secret", webhook.fields_get())
        for name in ("secret", "old_secret"):
            with self.assertRaises(AccessError):
                webhook.read([name])
            with self.assertRaises(AccessError):
                webhook.write({name: "whsec_AAAA"})
            with self.assertRaises(AccessError):
                webhook.search([(name, "like", "whsec_A")])

    def test_where_it_stands_is_written_by_the_buttons(self):
        """A manager has no secret shown twice, and none live on, by RPC."""
        manager = self._create_user("webhook-guard", MANAGER)
        webhook = self.webhook.with_user(manager)
        values = {"name": "Forged", "url": "https://x.example.com/"}
        now = fields.Datetime.now()
        for name, value, new in (
            ("is_secret_shown", False, True),
            ("old_secret_until", now + timedelta(days=999), now),
            ("state", "off", "off"),
            ("problem", "Nothing", "Nothing"),
            ("wait_until", False, now),
            ("tries", 0, 1),
        ):
            with self.subTest(field=name):
                with self.assertRaisesRegex(UserError, "buttons"):
                    webhook.write({name: value})
                with self.assertRaisesRegex(UserError, "buttons"):
                    webhook.create(values | {name: new})
                made = webhook.with_context(**{f"default_{name}": new}).create(values)
                self.assertNotEqual(made[name], new)
        webhook.name = "Renamed"
        webhook.action_disable()
        webhook.action_enable()
        webhook.action_rotate_secret()
        self.assertEqual(webhook.state, "on")
        self.assertTrue(webhook.is_secret_shown and webhook.old_secret_until)

    def test_both_secrets_sign_for_a_day(self):
        old = self._have_secret()
        new = self.webhook.action_rotate_secret()["context"]["default_secret"]
        self.assertNotEqual(old, new)
        for later, count in ((timedelta(hours=23), 2), (timedelta(hours=25), 1)):
            self._tell()
            self._send_at(later)
            message = self.programs.sent[-1]
            self.assertEqual(len(message.secrets), count)
            with freeze_time(self.now + later):
                headers = webhooks.sign(message)
                Webhook(new).verify(message.body, headers)
                if count == 2:
                    Webhook(old).verify(message.body, headers)

    def test_copy_has_a_secret_of_its_own(self):
        copy = self.webhook.copy()
        # sudo: to compare.
        self.assertNotEqual(copy.sudo().secret, self.webhook.sudo().secret)

    def test_neutralized_database_tells_nobody(self):
        self._tell()
        # sudo: an administrator's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("omni_billing.webhook_local_base", "http://localhost:1/")
        self.env.flush_all()
        with file_open("omni_billing/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertEqual(self._send_at(timedelta(days=1)), [])
        self.assertFalse(self.webhook.sudo().secret)
        self.assertFalse(parameters.get_param("omni_billing.webhook_local_base"))
        with self.assertRaisesRegex(UserError, "no secret"):
            self.webhook.action_enable()

    def test_missing_library_is_said(self):
        self._tell()
        error = GatewayRefused("no_sdk", "standardwebhooks>=1.0 (missing)")
        self.programs.always = {self.webhook.url: error}
        self._send_at(timedelta())
        self.assertIn("standardwebhooks", self.webhook.problem)


@tagged("post_install", "-at_install")
class TestWebhookRights(SendingCommon):
    """W39: managers and administrators, of their companies."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.setup_other_company()["company"]

    def test_others_see_nothing(self):
        row = self._tell()
        for user in (self.staff, self.outsider, self.portal):
            for record in (self.webhook, row, self.webhook.kind_ids[0]):
                with self.subTest(user.login, model=record._name):
                    with self.assertRaises(AccessError):
                        record.with_user(user).read(["display_name"])
            for method in ("action_show_secret", "action_test", "action_rotate_secret"):
                with self.assertRaises(AccessError):
                    getattr(self.webhook.with_user(user), method)()
            with self.assertRaises(AccessError):
                row.with_user(user).action_send_again()
        self.assertFalse(self.programs.sent)

    def test_manager_sees_those_of_the_company(self):
        manager = self._create_user("webhook-manager", MANAGER)
        foreign = self._listen(company_id=self.other_company.id)
        found = self.Webhook.with_user(manager).search([])
        self.assertIn(self.webhook, found)
        self.assertNotIn(foreign, found)
        with self.assertRaises(AccessError):
            foreign.with_user(manager).action_show_secret()

    def test_messages_are_written_by_the_server(self):
        row = self._tell()
        for call in (
            lambda rows: rows.write({"body": "{}"}),
            lambda rows: rows.create({"webhook_id": self.webhook.id}),
            lambda rows: rows.unlink(),
        ):
            with self.assertRaises(AccessError):
                call(row.with_user(self.env.user))

    def test_address_is_public_and_encrypted(self):
        for url, reason in (
            ("http://program.example.com/", "https"),
            ("ftp://program.example.com/", "https"),
            ("https://", "no address"),
            ("https://[::1", "no address"),
            ("https://program.example.com:99999999/", "no address"),
            ("https://a b.example.com/", "no address"),
            ("https://program.example.com/#x", "no address"),
            ("https://jo:pw@program.example.com/", "login"),
            ("https://localhost/", "this server"),
            ("https://127.0.0.1/", "this server"),
            ("https://169.254.169.254/latest/", "this server"),
            ("https://10.1.2.3:8443/", "this server"),
            ("https://[::1]/", "this server"),
            ("https://[::ffff:127.0.0.1]/", "this server"),
            ("https://intranet/", "this server"),
            ("http://127.0.0.1:8069/", "https"),
        ):
            with self.subTest(url=url), self.assertRaisesRegex(ValidationError, reason):
                self.webhook.url = url
        self.webhook.url = "https://program.example.com:8443/hook?token=1"

    def test_this_machine_where_an_administrator_develops(self):
        # sudo: an administrator's.
        self.env["ir.config_parameter"].sudo().set_param(
            "omni_billing.webhook_local_base", "http://127.0.0.1:4444"
        )
        self.webhook.url = "http://127.0.0.1:4444/hook"
        for url in ("http://127.0.0.1:4445/", "http://10.0.0.1:4444/"):
            with self.assertRaises(ValidationError):
                self.webhook.url = url

    def test_local_base_is_of_this_machine_alone(self):
        self.env["ir.config_parameter"].sudo().set_param(
            "omni_billing.webhook_local_base", "http://10.0.0.1:4444"
        )
        with self.assertRaises(ValidationError):
            self.webhook.url = "http://10.0.0.1:4444/"

    def test_program_is_told_something(self):
        with self.assertRaisesRegex(ValidationError, "told of"):
            self.webhook.kind_ids = False

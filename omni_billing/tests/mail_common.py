import socket
from contextlib import contextmanager
from email import message_from_bytes, policy
from unittest.mock import patch

from aiosmtpd.controller import Controller

from odoo.tools import mute_logger

from odoo.addons.omni_billing.gateways.mailjet_messages import Receipt

from .common import BillingCommon

MODELS = "odoo.addons.omni_billing.models"
MAIL_LOGGERS = (f"{MODELS}.mail",)


class FakeMailjet:
    """Takes messages, or fails as it is told to."""

    def __init__(self):
        self.sent = []
        self.failures = []
        self.has_failures = []
        self.url = ""

    def fail_next(self, error, executed=False):
        """Have the next message fail; it may have been taken all the same."""
        self.failures.append((error, executed))

    def send(self, message):
        error, executed = self.failures.pop(0) if self.failures else (None, True)
        if executed:
            self.sent.append(message)
        if error:
            raise error
        return [
            Receipt(address.email, f"{2**53 + index}", f"uuid-{message.key}-{index}")
            for index, address in enumerate(message.to + message.cc)
        ]

    def has(self, key):
        if self.has_failures:
            raise self.has_failures.pop(0)
        return any(message.key == key for message in self.sent)

    def listen(self, url):
        self.url = url


class ListeningController(Controller):
    """Serves on a port that is ours already: one that is free now may be taken soon."""

    def __init__(self, handler, listener):
        host, port = listener.getsockname()
        super().__init__(handler, hostname=host, port=port, ready_timeout=60)
        self._listener = listener

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


class SmtpServer:
    """A mail server that keeps what it gets; `refuse` is what it answers instead."""

    def __init__(self):
        self.messages = []
        self.recipients = []
        self.refuse = ""

    async def handle_DATA(self, _server, _session, envelope):
        if self.refuse:
            return self.refuse
        self.recipients.append(envelope.rcpt_tos)
        self.messages.append(
            message_from_bytes(envelope.content, policy=policy.default)
        )
        return "250 OK"

    @contextmanager
    def run(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        controller = ListeningController(self, listener)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


class MailCommon(BillingCommon):
    """A company that sends e-mail, and a customer who can be reached."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.email = "acme@example.com"
        cls.company.email = "billing@omni.example.com"
        cls.company.name = "Omni & Sons"

    def _use_mailjet(self, **values):
        """Have the company send by Mailjet, which a fake stands in for."""
        company = self.company.sudo()
        company.write(
            {
                "billing_mail_provider": "mailjet",
                "billing_mailjet_api_key": "key",
                "billing_mailjet_secret_key": "secret",
                **values,
            }
        )
        self.mailjet = FakeMailjet()
        seam = patch.object(
            type(self.company),
            "_billing_get_mailjet_gateway",
            lambda _company: self.mailjet,
        )
        seam.start()
        self.addCleanup(seam.stop)

    def _use_smtp(self):
        """Have Odoo's mail go to a server of ours, although this is a test."""
        self.smtp = SmtpServer()
        server = self.smtp.run()
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        self.env["ir.mail_server"].sudo().search([]).active = False
        self.mail_server = (
            self.env["ir.mail_server"]
            .sudo()
            .create(
                {
                    "name": "Test",
                    "smtp_host": "127.0.0.1",
                    "smtp_port": self.smtp.port,
                    "smtp_encryption": "none",
                }
            )
        )
        MailServer = type(self.env["ir.mail_server"])
        sending = patch.object(MailServer, "_disable_send", lambda _model: False)
        sending.start()
        self.addCleanup(sending.stop)

    def _make_due(self, mails):
        mails.sudo().next_try = "2020-01-01"

    def _send_outbox(self):
        self._make_due(self.env["omni.billing.mail"].search([("state", "=", "queued")]))
        with mute_logger(*MAIL_LOGGERS):
            self._run_job("omni.billing.mail", "_cron_send")

    def _run_job(self, model, method):
        """Do what a job does, without the rights of who asked for it."""
        # sudo: a job.
        getattr(self.env[model].sudo(), method)()
        self.env.invalidate_all()

    def _bill_one(self, cost=45.0, **values):
        return self._bill(self._create_transaction(cost), **values)

    def _add_contact(self, email, kind="invoice", **values):
        return self.env["res.partner"].create(
            {
                "name": email.partition("@")[0].title(),
                "email": email,
                "type": kind,
                "parent_id": self.customer.id,
                **values,
            }
        )

import json
from unittest.mock import patch

from odoo.addons.omni_billing.gateways.webhook_messages import Answer, make_secret

from .common import BillingCommon


class FakeWebhooks:
    """Takes messages, and answers 200, or what it is told to."""

    def __init__(self):
        self.sent = []
        self.answers = []
        #: By address, for as long as it is there.
        self.always = {}
        #: By the id of a message, whatever its program does with others.
        self.never = {}

    def answer_next(self, *answers):
        """Have the next messages answered so; an exception is raised."""
        self.answers += answers

    def refuse(self, key, answer):
        """Have one message be answered so each time; an exception is raised."""
        self.never[key] = answer

    def send(self, message):
        self.sent.append(message)
        answer = self.never.get(message.key) or self.always.get(message.url)
        if not answer:
            answer = self.answers.pop(0) if self.answers else Answer(200, "ok")
        if isinstance(answer, Exception):
            raise answer
        return answer


class WebhookCommon(BillingCommon):
    """A program that listens to everything, at a gateway that is a double."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Webhook = cls.env["omni.billing.webhook"]
        cls.Delivery = cls.env["omni.billing.webhook.delivery"]
        cls.webhook = cls._listen()

    def setUp(self):
        super().setUp()
        self.programs = FakeWebhooks()
        seam = patch.object(
            type(self.Webhook), "_get_gateway", lambda _webhook: self.programs
        )
        seam.start()
        self.addCleanup(seam.stop)

    @classmethod
    def _listen(cls, *codes, **values):
        Kind = cls.env["omni.billing.webhook.kind"]
        kinds = Kind.search([("code", "in", codes)] if codes else [])
        return cls.Webhook.create(
            {
                "name": "Provisioning",
                "url": "https://program.example.com/hook",
                "kind_ids": kinds.ids,
                "user_id": cls.env.user.id,
            }
            | values
        )

    def _get_rows(self, webhook=None):
        """Return what is in the outbox of a program, in order."""
        self.env.flush_all()
        self.env.invalidate_all()
        webhook = webhook or self.webhook
        return self.Delivery.search([("webhook_id", "=", webhook.id)], order="id")

    def _get_told(self, webhook=None):
        return self._get_rows(webhook).mapped("kind")

    def _send(self):
        """Have the job send what is due.

        :return: the bodies that were sent, read.
        """
        self.env.flush_all()
        before = len(self.programs.sent)
        self.Webhook.sudo()._cron_send()
        self.env.invalidate_all()
        return [json.loads(message.body) for message in self.programs.sent[before:]]

    def _have_secret(self):
        # sudo: nobody reads it.
        self.webhook.sudo().secret = secret = make_secret()
        return secret

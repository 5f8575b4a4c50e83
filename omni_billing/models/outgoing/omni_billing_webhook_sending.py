import logging
import random
from collections import deque
from datetime import timedelta, timezone
from functools import partial

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...exceptions import GatewayDenied, GatewayRefused, GatewayUnknown
from ...gateways.webhook_messages import Answer, Message
from ...tools.database import (
    check_can_commit,
    commit,
    commit_progress,
    insist,
    rollback,
)
from ...tools.lock import wait_for

_logger = logging.getLogger(__name__)

#: Pauses before the second, third, … attempt, as Standard Webhooks proposes them
#: (https://github.com/standard-webhooks/standard-webhooks, spec.md): three days in all.
#: The job runs each minute, so the first is a minute at most.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
#: As much is added at random, so that what failed together does not come back together.
JITTER = 0.1
#: Who died while it sent has that long; then it is sent again, with the same id.
GRACE = timedelta(minutes=2)


class OmniBillingWebhook(models.Model):
    """The programs take turns: one that gives no answer holds up none of the others."""

    _inherit = "omni.billing.webhook"

    @api.model
    def _cron_send(self):
        """Send what is due, to each program in turn, the oldest first; commits."""
        webhooks = self._find_due()
        commit_progress(self.env, remaining=len(webhooks))
        queue = deque((webhook, 0) for webhook in webhooks)
        while queue:
            webhook, last = queue.popleft()
            if last := webhook._send_next(last):
                queue.append((webhook, last))
            if not commit_progress(self.env, 0 if last else 1):
                return

    @api.model
    def _find_due(self):
        """Return the webhooks for which something waits, and may be sent now."""
        now = fields.Datetime.now()
        ready = self.search(
            Domain("state", "=", "on")
            & (Domain("wait_until", "=", False) | Domain("wait_until", "<=", now))
        )
        Delivery = self.env["omni.billing.webhook.delivery"]
        return ready.filtered(lambda webhook: Delivery._find_next(webhook, 0))

    def _send_next(self, last):
        """Send the next message that is due, after the one of an id; commits.

        :return: its id, 0 if there is none, or if the program has to be left alone.
        """
        self.ensure_one()
        delivery = self.env["omni.billing.webhook.delivery"]._find_next(self, last)
        if not delivery:
            return 0
        delivery._deliver()
        is_ready = self.state == "on" and not self.wait_until
        return delivery.id if is_ready else 0


class OmniBillingWebhookDelivery(models.Model):
    """A message goes out in three steps, each a database transaction of its own: the
    attempt is written down, the message is sent without a lock, the answer is recorded.
    """

    _inherit = "omni.billing.webhook.delivery"

    @api.model
    def _find_next(self, webhook, last):
        """Return the oldest message after an id that is due."""
        return self.search(
            Domain("webhook_id", "=", webhook.id)
            & Domain("state", "=", "queued")
            & Domain("id", ">", last)
            & Domain("next_try", "<=", fields.Datetime.now()),
            order="id",
            limit=1,
        )

    def _deliver(self):
        """Send one message, and record what comes of it; commits.

        Harmless if it is not due, or somebody else is at it.
        """
        self.ensure_one()
        check_can_commit(self.env)
        try:
            message = self._begin()
            commit(self.env)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # Somebody else is at it.
            rollback(self.env)
            return
        if message:
            try:
                answer = self.webhook_id._get_gateway().send(message)
            except (GatewayRefused, GatewayUnknown) as error:
                _logger.info("Webhook message %s: %s: %s", self.id, error.code, error)
                answer = error
            insist(self.env, partial(self._record, answer))
        self.env.invalidate_all()

    def _begin(self):
        """Write the attempt down; return the message, None if none is to be sent."""
        if not self.try_lock_for_update(allow_referencing=True):
            return None
        self.invalidate_recordset()
        now = fields.Datetime.now()
        webhook = self.webhook_id
        is_wanted = webhook.state == "on" or self._is_test()
        if self.state != "queued" or self.next_try > now or not is_wanted:
            return None
        if not self.body:
            self._make_body()
        self.write({"tries": self.tries + 1, "next_try": now + GRACE})
        return Message(
            url=webhook.url,
            key=self.key,
            body=self.body,
            secrets=webhook._get_secrets(),
            moment=now.replace(tzinfo=timezone.utc),
        )

    def _is_test(self):
        return self.kind == "webhook.test"

    # === WHAT CAME OF IT === #

    def _record(self, answer):
        """Write down what was answered, or why nothing was.

        :param answer: an `Answer` of the gateway, or what it raised.
        """
        wait_for(self)
        if self.state != "queued":
            return
        is_answer = isinstance(answer, Answer)
        told = {
            "status_code": answer.status if is_answer else 0,
            "answer": answer.text if is_answer else False,
        }
        if is_answer and answer.is_taken:
            now = fields.Datetime.now()
            self.write({**told, "state": "sent", "sent_date": now, "error": False})
            if self.webhook_id.problem and self.webhook_id.state == "on":
                self.webhook_id.write({"problem": False, "wait_until": False})
            return
        error = self._explain(answer)
        if self._is_test():
            self.write({**told, "state": "failed", "error": error})
        elif is_answer and answer.is_gone:
            self.write({**told, "error": error, "next_try": fields.Datetime.now()})
            self.webhook_id._switch_off(error)
        elif self.tries > len(PAUSES):
            self.write({**told, "state": "failed", "error": error})
            self._give_up(error)
        else:
            self._postpone(answer, told | {"error": error})

    def _postpone(self, answer, told):
        """Try again later; if it is not this message's fault, all others wait, too."""
        pause = PAUSES[self.tries - 1] * (1 + random.random() * JITTER)  # noqa: S311
        is_answer = isinstance(answer, Answer)
        if is_answer and answer.retry_after is not None:
            pause = max(pause, timedelta(seconds=answer.retry_after))
        next_try = fields.Datetime.now() + pause
        self.write({**told, "next_try": next_try})
        webhook = self.webhook_id
        if not is_answer or answer.is_busy:
            webhook.write({"wait_until": next_try, "problem": told["error"]})
        webhook._trigger_job(next_try)

    def _give_up(self, error):
        """Leave it to a person; if nothing else was taken either, send no more."""
        taken = self.search_count(
            [
                ("webhook_id", "=", self.webhook_id.id),
                ("sent_date", ">=", self.create_date),
            ],
            limit=1,
        )
        if not taken:
            self.webhook_id._switch_off(error)

    def _explain(self, answer):
        """Return in words what kept the program from taking it."""
        if isinstance(answer, Answer):
            if answer.is_gone:
                return self.env._(
                    "The program answered 410: it wants no messages any more."
                )
            if 300 <= answer.status < 400:
                return self.env._(
                    "The program answered %(status)s, a redirect, which is not"
                    " followed: enter the address that it goes to.",
                    status=answer.status,
                )
            return self.env._(
                "The program answered %(status)s; it has to answer 200 to 299.",
                status=answer.status,
            )
        if isinstance(answer, GatewayDenied):
            return self.env._(
                "The server's Python package standardwebhooks is missing, broken or"
                " too old: %(reason)s",
                reason=answer,
            )
        sentences = {
            "bad_url": self.env._("The address is none that messages may go to."),
            "bad_secret": self.env._(
                "There is no secret to sign with. Make a new one."
            ),
            "not_public": self.env._(
                "The address leads to this server or its network. Messages go to"
                " public addresses alone."
            ),
            "unreachable": self.env._("The program cannot be reached."),
            "no_answer": self.env._("The program gave no answer."),
        }
        sentence = sentences.get(answer.code)
        return f"{sentence} ({answer})" if sentence else str(answer)

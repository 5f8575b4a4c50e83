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
    step_alone,
)
from ...tools.lock import wait_for
from ...tools.write_guard import trust

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
        """Send what is due, to each program in turn; commits."""
        webhooks = self._find_due()
        commit_progress(self.env, remaining=len(webhooks))
        queue = deque(webhooks)
        while queue:
            webhook = queue.popleft()
            is_over = not webhook._send_next_alone()
            if not is_over:
                queue.append(webhook)
            if not commit_progress(self.env, int(is_over)):
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
        return ready.filtered(Delivery._find_next)

    def _send_next_alone(self):
        """Send the next, as `_send_next`; what goes wrong is left for the next run."""
        more = []
        error = step_alone(
            self.env,
            lambda: more.append(self._send_next()),
            f"messages of webhook {self.id}",
        )
        return not error and more[0]

    def _send_next(self):
        """Send the next message that is due; commits.

        :return: whether to go on: False if there is none, somebody else is at it, or
            the program has to be left alone.
        """
        self.ensure_one()
        delivery = self.env["omni.billing.webhook.delivery"]._find_next(self)
        if not delivery or not delivery._deliver():
            return False
        is_left_alone = self.wait_until and self.wait_until > fields.Datetime.now()
        return self.state == "on" and not is_left_alone

    def _leave_alone(self, reason, asked, is_first):
        """Send nothing for a while: it is not there, or busy.

        The pauses are the program's, and grow with each message that meets it so, until
        it takes one. A message that is tried again says nothing of it: it may be what
        the program chokes on, and has pauses of its own. So whatever comes meanwhile is
        tried at once.

        :param timedelta asked: for how long it wants to be left alone, itself.
        :param bool is_first: whether the message had not been tried before.
        """
        self.ensure_one()
        tries, pause = self.tries, asked
        if is_first:
            tries += 1
            if tries > len(PAUSES):
                self._switch_off(reason)
                return
            pause = max(_get_pause(tries), asked)
        values = {"tries": tries, "problem": reason}
        if pause:
            values["wait_until"] = fields.Datetime.now() + pause
            self._trigger_job(values["wait_until"])
        trust(self).write(values)


class OmniBillingWebhookDelivery(models.Model):
    """A message goes out in three steps, each a database transaction of its own: the
    attempt is written down, the message is sent without a lock, the answer is recorded.
    """

    _inherit = "omni.billing.webhook.delivery"

    @api.model
    def _find_next(self, webhook):
        """Return the message that is due and was tried least, the oldest of them.

        So one that its program cannot take is in the way of none that it can.
        """
        return self.search(
            Domain("webhook_id", "=", webhook.id)
            & Domain("state", "=", "queued")
            & Domain("next_try", "<=", fields.Datetime.now()),
            order="tries, id",
            limit=1,
        )

    def _deliver(self):
        """Send one message, and record what comes of it; commits.

        Harmless if it is not due, or somebody else is at it.

        :return: whether it was tried, or cannot be.
        :rtype: bool
        """
        self.ensure_one()
        check_can_commit(self.env)
        try:
            message = self._begin()
            commit(self.env)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # Somebody else is at it.
            rollback(self.env)
            return False
        except Exception as error:  # of a hook that says what it is about, say
            rollback(self.env)
            _logger.exception("Webhook message %s cannot be made", self.id)
            record = partial(self._record_unmade, type(error).__name__)
        else:
            record = message and partial(self._record, self._call(message))
        if record:
            insist(self.env, record)
        self.env.invalidate_all()
        return bool(record)

    def _call(self, message):
        """Send it, and return what was answered, or why nothing was."""
        try:
            return self.webhook_id._get_gateway().send(message)
        except (GatewayRefused, GatewayUnknown) as error:
            _logger.info("Webhook message %s: %s: %s", self.id, error.code, error)
            return error
        except Exception as error:  # nobody knows what the program has
            rollback(self.env)
            _logger.exception("Webhook message %s", self.id)
            return GatewayUnknown("no_answer", type(error).__name__)

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
                trust(self.webhook_id).write(
                    {"problem": False, "wait_until": False, "tries": 0}
                )
            return
        error = self._explain(answer)
        if self._is_test():
            self.write({**told, "state": "failed", "error": error})
        elif is_answer and answer.is_gone:
            self.write({**told, "error": error, "next_try": fields.Datetime.now()})
            self.webhook_id._switch_off(error)
        elif self.tries > len(PAUSES):
            self.write({**told, "state": "failed", "error": error})
            if is_answer or answer.code != "not_made":
                self._give_up(error)
        else:
            self._postpone(answer, told | {"error": error})

    def _record_unmade(self, reason):
        """Write down that it cannot be made, which was tried, and is its own fault."""
        wait_for(self)
        if self.state == "queued":
            self.tries += 1
            self._record(GatewayRefused("not_made", reason))

    def _postpone(self, answer, told):
        """Try again later; if it may be the program's fault, all others wait, too."""
        is_answer = isinstance(answer, Answer)
        asked = timedelta(seconds=(is_answer and answer.retry_after) or 0)
        next_try = fields.Datetime.now() + max(_get_pause(self.tries), asked)
        self.write({**told, "next_try": next_try})
        self.webhook_id._trigger_job(next_try)
        is_own_fault = not answer.is_busy if is_answer else answer.code == "not_made"
        if not is_own_fault:
            self.webhook_id._leave_alone(told["error"], asked, self.tries == 1)

    def _give_up(self, error):
        """Leave it to a person; if nothing else is taken either, send no more."""
        is_taken = Domain("sent_date", ">=", self.create_date)
        is_untried = Domain("state", "=", "queued") & Domain("tries", "=", 0)
        others = Domain("webhook_id", "=", self.webhook_id.id) & (is_taken | is_untried)
        if not self.search_count(others, limit=1):
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
            "not_made": self.env._("The message cannot be made; the log says more."),
        }
        sentence = sentences.get(answer.code)
        return f"{sentence} ({answer})" if sentence else str(answer)


def _get_pause(tries):
    """Return how long to wait after so many attempts."""
    return PAUSES[tries - 1] * (1 + random.random() * JITTER)  # noqa: S311

import logging
import re
from datetime import timedelta
from functools import partial

from odoo import Command, api, fields, models
from odoo.tools import email_normalize, formataddr, html2plaintext

from ...const import MAIL_GRACE
from ...exceptions import GatewayRefused, GatewayUnknown
from ...gateways import mailjet_messages as mailjet
from ...tools.database import commit, rollback
from ...tools.lock import wait_for
from ...tools.mail_states import BAD, follow, sum_up
from ...tools.notice import notice, reload
from ...tools.write_guard import without_any_default

_logger = logging.getLogger(__name__)

#: Times that a message is tried before it is left to a person: about a day.
MAX_TRIES = 12
#: Longest time between two tries.
MAX_PAUSE = timedelta(hours=6)
#: How long a mail server is asked what became of a message.
ASKED_FOR = timedelta(days=1)
#: Refusals that pass.
TEMPORARY = (*mailjet.TEMPORARY, "busy", "disk_full")
#: What Odoo tells of a mail server that takes the message later.
SMTP_LATER = re.compile(r"\(4\d\d, ")


class OmniBillingMail(models.Model):
    """Hand a message over, by Mailjet or by Odoo, and learn what becomes of it."""

    _inherit = "omni.billing.mail"

    # === HAND IT OVER: each returns what records the outcome === #

    def _send_by_mailjet(self, content):
        company = self.company_id
        try:
            receipts = company._billing_get_mailjet_gateway().send(
                mailjet.Message(
                    key=self.key,
                    sender=_read_address(content["email_from"]),
                    to=tuple(map(_get_address, content["to"])),
                    cc=tuple(map(_get_address, content["cc"])),
                    reply_to=_read_address(content["reply_to"]),
                    subject=content["subject"],
                    html=content["body"],
                    text=html2plaintext(content["body"]),
                    template=content["mailjet_template"],
                    variables=content["variables"],
                    files=tuple(mailjet.File(*file) for file in content["files"]),
                )
            )
        except GatewayUnknown as error:
            _logger.warning("E-mail %s: no answer from Mailjet: %s", self.id, error)
            return partial(self._record_silence, error)
        except GatewayRefused as error:
            _logger.warning("E-mail %s: refused by Mailjet: %s", self.id, error.code)
            return partial(self._record_refusal, error)
        return partial(self._record_receipts, receipts)

    def _create_odoo_mail(self, content):
        """Make Odoo's message in a state in which nobody else sends it."""
        # An earlier try may have left its message: only one may be sent.
        self.mail_id.unlink()
        self.mail_id = without_any_default(self.env["mail.mail"]).create(
            {
                "subject": content["subject"],
                "body": content["body"],
                "body_html": content["body"],
                "email_from": content["email_from"],
                "reply_to": content["reply_to"],
                "email_to": ", ".join(map(_format_address, content["to"])),
                "email_cc": ", ".join(map(_format_address, content["cc"])),
                "model": "account.move",
                "res_id": self.move_id.id,
                "state": "exception",
                "auto_delete": False,
                "attachment_ids": [
                    Command.create(
                        {
                            "name": name,
                            "raw": raw,
                            "mimetype": mimetype,
                            "res_model": "mail.message",
                        }
                    )
                    for name, raw, mimetype in content["files"]
                ],
            }
        )

    def _send_by_odoo(self):
        message = self.mail_id
        # Not committed before it is sent: after a crash Odoo's queue does not find it.
        message.state = "outgoing"
        try:
            message.send()
        except Exception as error:  # the connection broke off, of whatever kind
            _logger.warning("E-mail %s: %s", self.id, error)
            rollback(self.env)
            return self._record_odoo
        if message.state == "exception" and not message.failure_type:
            # No connection: nothing was sent, and our queue tries again.
            error = GatewayRefused("unreachable", message.failure_reason)
            return partial(self._record_refusal, error)
        reason = message.failure_reason or ""
        if message.state == "exception" and SMTP_LATER.search(reason):
            return partial(self._record_refusal, GatewayRefused("busy", reason))
        commit(self.env)
        return self._record_odoo

    # === ASK WHAT BECAME OF IT === #

    def _find_out(self):
        """Learn what became of an attempt whose answer was lost.

        :return: True if nothing was sent, and it may be tried again.
        """
        if self.transport == "odoo":
            return self._find_out_from_odoo()
        if self.transport == "channel":
            return self._find_out_from_channel()
        try:
            is_known = self.company_id._billing_get_mailjet_gateway().has(self.key)
        except (GatewayRefused, GatewayUnknown) as error:
            is_final = isinstance(error, GatewayRefused) and error.code not in TEMPORARY
            if is_final or self.attempt_date < fields.Datetime.now() - ASKED_FOR:
                self._set_failed(error.code, self._explain_lost())
            else:
                self._postpone(error)
            return False
        if is_known:
            self._set_sent()
            return False
        return True

    def _find_out_from_odoo(self):
        if self.mail_id.state == "outgoing":
            # Somebody had Odoo's own queue send it: ask again later what came of it.
            self.write({"next_try": fields.Datetime.now() + MAIL_GRACE, "starts": 0})
        elif self.mail_id.state == "sent":
            self._set_sent()
        elif self.mail_id.failure_type:
            self._set_failed(self.mail_id.failure_type, self.mail_id.failure_reason)
            # To try again is for our queue alone, not for Odoo's button on its message.
            self.mail_id.unlink()
        else:
            # A mail server cannot be asked, and an invoice is not sent twice.
            self._set_failed("unknown", self._explain_lost())
        return False

    def _explain_lost(self):
        return self.env._(
            "The connection broke off while the message was handed over: it may"
            " have been sent. Ask the customer, or send it again."
        )

    def _is_tried_enough(self):
        return self.tries >= MAX_TRIES

    def _give_up(self):
        """Leave it to a person: it was tried long enough, and nothing was sent."""
        reasons = {
            "rate_limit": self.env._("Mailjet was busy for a day. Send it again."),
            "no_answer": self.env._(
                "Mailjet gave no answer for a day, and does not know the message. Send"
                " it again."
            ),
            "disk_full": self.env._(
                "The server's disk for files was full for a day. Make room, then send"
                " it again."
            ),
        }
        unreachable = self.env._(
            "The mail server could not be reached for a day. Check it, then send it"
            " again."
        )
        code = self.error_code or "unreachable"
        if code == "unreachable" and self.transport == "odoo":
            unreachable = self.company_id._billing_explain_no_server() or unreachable
        self._set_failed(code, reasons.get(code, unreachable))

    # === WHAT THE ANSWER SAYS === #

    def _record_silence(self, error):
        wait_for(self)
        if self.state == "queued":
            self._postpone(error)
            self.next_try = max(self.next_try, fields.Datetime.now() + MAIL_GRACE)

    def _record_refusal(self, error):
        wait_for(self)
        if self.state != "queued":
            return
        self.attempt_date = False
        self.mail_id.unlink()
        if error.code in TEMPORARY:
            self._postpone(error)
            if self._is_tried_enough():
                self._give_up()
        else:
            self._set_failed(error.code, self._explain(error))

    def _record_full_disk(self, error):
        """Its files could not be kept, so it is not sent: try again, as if refused."""
        wait_for(self)
        self.tries += 1
        self._record_refusal(GatewayRefused("disk_full", str(error)))

    def _record_receipts(self, receipts):
        wait_for(self)
        for receipt in receipts:
            self.recipient_ids.filtered(
                lambda r, receipt=receipt: r.email == email_normalize(receipt.email)
            ).write(
                {"message_ref": receipt.message, "message_uuid": receipt.uuid},
            )
        self._set_sent()

    def _record_odoo(self):
        wait_for(self)
        if self.state == "queued":
            self._find_out_from_odoo()

    def _set_sent(self):
        """Say that the mail server has it; what is known better stays."""
        if self.state not in ("queued", "failed", "canceled"):
            return
        self.write(
            {
                "state": "sent",
                "sent_date": fields.Datetime.now(),
                "attempt_date": False,
                "error": False,
                "error_code": False,
                "needs_action": False,
            }
        )
        self.recipient_ids.state = "sent"
        told = {
            "reminder": "reminded",
            "declined": "failure_told",
            "notice": "debit_announced",
        }
        self._log(told.get(self.kind, "mailed"), self.email_to)
        for move in self._get_moves():
            move._billing_note_sent(self)

    def _set_failed(self, code, reason):
        self.write(
            {
                "state": "failed",
                "error_code": code,
                "error": reason,
                "attempt_date": False,
                "needs_action": True,
            }
        )
        self._log("mail_failed", reason)
        _logger.info("E-mail %s was not sent: %s", self.id, code)

    def _log(self, action, note):
        """Write it in the history of the invoice, for who asked for it (F10)."""
        Log = self.env["omni.billing.activity.log"].with_user(
            self.user_id or self.env.user
        )
        Log._log_moves(action, self._get_moves(), note=note)

    def _postpone(self, error):
        """Try again later."""
        pause = min(timedelta(minutes=2**self.tries), MAX_PAUSE)
        told = {"error": self._explain(error), "error_code": error.code}
        self.write({"next_try": fields.Datetime.now() + pause, "starts": 0, **told})

    # === WHAT IS TOLD LATER === #

    def _follow_events(self, events):
        """Take over what Mailjet told of the message, in whatever order it came."""
        self.ensure_one()
        # Where Mailjet's answer was lost, its event tells that it took the message.
        self._set_sent()
        for recipient in self.recipient_ids:
            told = events.filtered(
                lambda event, recipient=recipient: event.email == recipient.email
            )
            # Events are deleted after a while; what earlier ones told stays.
            if told:
                recipient.state, recipient.error = follow(
                    (event.time, event.kind, event._explain()) for event in told
                )
        complaint = events.filtered(lambda event: event.kind in ("spam", "unsub"))[:1]
        self._sum_up(complaint and f"{complaint.email}: {complaint._explain()}")

    @api.model
    def _receive_bounce(self, message, email, reason):
        """Take over that a message which Odoo sent came back from a recipient.

        :param message: the `mail.message` that came back
        :param str email: the recipient's address, normalized
        :param str reason: what the other server wrote
        """
        for mail in self.search([("mail_id.mail_message_id", "in", message.ids)]):
            wait_for(mail)
            returned = mail.recipient_ids.filtered(lambda r: r.email == email)
            if returned:
                mail._set_sent()
                returned.write({"state": "bounced", "error": reason})
                mail._sum_up()

    def _sum_up(self, complaint=""):
        """Work out how the message stands from how its recipients do."""
        self.state = sum_up(self.recipient_ids.mapped("state"))
        reasons = [
            f"{recipient.email}: {recipient.error}"
            for recipient in self.recipient_ids
            if recipient.state in BAD
        ]
        error = "; ".join([*reasons, *filter(None, [complaint])]) or False
        if error and error != self.error:
            self.needs_action = True
        elif not error:
            self.needs_action = False
        self.error = error

    # === WORDS === #

    def _explain(self, error):
        """Return what is wrong, and what helps (F118)."""
        sentences = {
            "bad_credentials": self.env._(
                "Mailjet refused the API keys of %(company)s. An administrator enters"
                " them in Billing > Configuration > Settings.",
                company=self.company_id.name,
            ),
            "template_missing": self.env._(
                "Mailjet has no template “%(name)s”. Create it there, or choose another"
                " in Billing > Configuration > Settings.",
                name=self.move_id._billing_get_mailjet_template(
                    self.kind, self.level_id
                ),
            ),
            "bad_sender": self.env._(
                "Mailjet does not know the sender's address. Confirm it at Mailjet, or"
                " choose another in Billing > Configuration > Settings."
            ),
            "bad_address": self.env._(
                "An address of the recipients is wrong: %(recipients)s",
                recipients=self.email_to,
            ),
            "too_big": self.env._("The message is too big for Mailjet."),
            "too_many": self.env._("The customer has too many billing contacts."),
            "rate_limit": self.env._("Mailjet is busy. It is tried again."),
            "unreachable": self.env._(
                "The mail server cannot be reached. It is tried again."
            ),
            "busy": self.env._("The mail server is busy. It is tried again."),
            "no_answer": self.env._("No answer yet. It is asked for again."),
            "disk_full": self.env._(
                "The server's disk for files is full: make room. It is tried again."
            ),
        }
        sentence = sentences.get(error.code)
        if error.code == "unreachable" and self.transport == "odoo":
            sentence = self.company_id._billing_explain_no_server() or sentence
        if sentence and self.transport == "odoo":
            return f"{sentence} ({error})"
        return sentence or str(error)

    def _get_notice(self):
        """Return the notice that says what came of it (F117); of several the worst."""
        if len(self) > 1:
            order = ("failed", "canceled", "queued")
            worst = [mail for state in order for mail in self if mail.state == state]
            return (worst or self)[0]._get_notice()
        self.ensure_one()
        if self.state == "failed":
            kind, message = "danger", self.error
        elif self.state == "canceled":
            kind, message = "warning", self.error
        elif self.state == "queued":
            kind, message = "info", self.env._("The e-mail waits to be sent.")
            if self.error:
                kind, message = "warning", f"{message} {self.error}"
        else:
            kind = "success"
            message = {
                "reminder": self.env._("Reminder sent successfully"),
                "declined": self.env._("The customer was told."),
                "notice": self.env._("The customer was told."),
                "einvoice": self.env._("E-invoice handed over"),
            }.get(self.kind) or self.env._("Invoice e-mail sent successfully")
        return notice(message, kind, sticky=kind == "danger", after=reload())


def _get_address(partner):
    return mailjet.Address(partner.email_normalized, partner.name or "")


def _format_address(partner):
    return formataddr((partner.name or "", partner.email_normalized))


def _read_address(formatted):
    """Turn ``"Omni" <a@b.example>`` into an address of the gateway."""
    if not formatted:
        return None
    name = formatted.rpartition("<")[0].strip().strip('"')
    return mailjet.Address(email_normalize(formatted) or formatted, name)

import logging
import uuid
from datetime import timedelta
from functools import partial

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import email_normalize, format_list, formataddr, html2plaintext

from ..exceptions import GatewayRefused, GatewayUnknown
from ..gateways import mailjet
from ..tools.commit import commit, rollback
from ..tools.mail_states import BAD, follow, sum_up

_logger = logging.getLogger(__name__)

#: Times that a message is tried before it is left to a person: about a day.
MAX_TRIES = 12
#: Longest time between two tries.
MAX_PAUSE = timedelta(hours=6)
#: How long an answer may be under way, and Mailjet may take to know a message.
GRACE = timedelta(minutes=5)

STATES = [
    ("queued", "Queued"),
    ("sent", "Sent"),
    ("delivered", "Delivered"),
    ("opened", "Opened"),
    ("bounced", "Bounced"),
    ("blocked", "Blocked"),
    ("failed", "Failed"),
    ("canceled", "Canceled"),
]


class OmniBillingMail(models.Model):
    """One billing e-mail, and what became of it (W12).

    It goes out in three steps, each a database transaction of its own: the attempt is
    written down, the message is handed over, the outcome is recorded. A process that
    dies in between leaves an attempt whose outcome is unknown: Mailjet is asked before
    anything is sent again, and where nobody can be asked a person decides.
    """

    _name = "omni.billing.mail"
    _description = "Billing E-mail"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    commercial_partner_id = fields.Many2one(
        related="move_id.commercial_partner_id", string="Customer", store=True
    )
    kind = fields.Selection(
        [("invoice", "Invoice"), ("reminder", "Reminder")],
        required=True,
        readonly=True,
    )
    level_id = fields.Many2one(
        "omni.billing.reminder.level", readonly=True, ondelete="set null"
    )
    state = fields.Selection(
        STATES,
        string="Status",
        required=True,
        readonly=True,
        default="queued",
        help="Sent: the mail server has it. Delivered and opened: the mail server of"
        " the recipient said so; some mail programs open messages by themselves.",
    )
    needs_action = fields.Boolean(
        string="To Do", readonly=True, help="It did not arrive, and nobody saw to it."
    )
    error = fields.Char(string="Reason", readonly=True)
    error_code = fields.Char(readonly=True)
    email_to = fields.Char(string="To", readonly=True)
    subject = fields.Char(readonly=True)
    recipient_ids = fields.One2many(
        "omni.billing.mail.recipient", "mail_id", string="Recipients", readonly=True
    )
    user_id = fields.Many2one("res.users", string="By", readonly=True)
    sent_date = fields.Datetime(string="Sent on", readonly=True)

    # === Outbox === #
    key = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: uuid.uuid4().hex,
        help="Names the message at Mailjet.",
    )
    transport = fields.Selection(
        [("odoo", "Odoo"), ("mailjet", "Mailjet")], string="Sent by", readonly=True
    )
    attempt_date = fields.Datetime(
        readonly=True, help="When it was handed over, as long as nobody knows more."
    )
    tries = fields.Integer(readonly=True)
    next_try = fields.Datetime(readonly=True, default=fields.Datetime.now)
    mail_id = fields.Many2one(
        "mail.mail",
        string="Odoo's Message",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    _key_uniq = models.Constraint("UNIQUE(key)", "A key names one message.")
    _queued_uniq = models.UniqueIndex(
        "(move_id, kind) WHERE state = 'queued'", "This e-mail is being sent already."
    )
    _queued_idx = models.Index("(next_try, id) WHERE state = 'queued'")
    _todo_idx = models.Index("(company_id, id DESC) WHERE needs_action")
    _customer_idx = models.Index("(commercial_partner_id, id DESC)")

    @api.depends("move_id", "kind")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for mail in self:
            mail.display_name = f"{labels[mail.kind]}: {mail.move_id.display_name}"

    # === ACTION METHODS === #

    def action_send_again(self):
        """Send messages that did not arrive once more, as they would be now."""
        self.check_access("read")
        self.move_id.check_access("write")
        mails = self.browse()
        for mail in self.filtered(lambda mail: mail.state != "queued"):
            mails |= mail.move_id._billing_queue_mail(
                mail.kind, level_id=mail.level_id.id
            )
        if len(mails) != 1:
            # The job sends them, one after the other.
            return True
        commit(self.env)
        mails._deliver()
        return mails._get_notice()

    def action_dismiss(self):
        """Take messages off the work list: somebody saw to it."""
        self.check_access("read")
        self.move_id.check_access("write")
        # sudo: staff see to it, and do not write what became of messages.
        self.sudo().needs_action = False
        return True

    def action_open_invoice(self):
        self.ensure_one()
        return self.move_id.action_open_billing_detail()

    # === BUSINESS METHODS - OUTBOX === #

    @api.model
    def _cron_send(self, limit=100):
        """Hand over what is due, the oldest first; each for itself."""
        domain = self._get_due_domain()
        mails = self.search(domain, order="next_try, id", limit=limit)
        self.env["ir.cron"]._commit_progress(remaining=self.search_count(domain))
        for mail in mails:
            mail._deliver()
            if not self.env["ir.cron"]._commit_progress(1):
                return

    @api.model
    def _get_due_domain(self):
        return Domain("state", "=", "queued") & Domain(
            "next_try", "<=", fields.Datetime.now()
        )

    def _deliver(self):
        """Hand one message over, and record what comes of it; commits.

        Harmless if it is not due, or somebody else is at it.
        """
        self.ensure_one()
        # sudo: staff send; keys and messages are not theirs to read or write.
        mail = self.sudo().with_company(self.company_id)
        try:
            hand_over = mail._begin()
            commit(self.env)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            rollback(self.env)
            return
        except Exception as error:  # one message must not hold up all others
            rollback(self.env)
            if not isinstance(error, UserError):
                _logger.exception("E-mail %s could not be made", self.id)
            mail._set_failed("content", str(error))
            commit(self.env)
            return
        if hand_over:
            record = hand_over()
            # What is sent must not be sent again by a request that is run again.
            self.env["payment.transaction"]._billing_insist(record)
        self.invalidate_recordset()

    def _begin(self):
        """Write the attempt down; return what hands the message over, or None."""
        if not self.try_lock_for_update():
            return None
        self.invalidate_recordset()
        if self.state != "queued" or self.next_try > fields.Datetime.now():
            return None
        if self.attempt_date and not self._find_out():
            return None
        if reason := self._find_obstacle():
            self.write({"state": "canceled", "error": reason, "attempt_date": False})
            return None
        if problem := self.move_id._billing_get_mail_problem(self.level_id):
            self._set_failed(*problem)
            return None
        content = self.move_id._billing_prepare_mail(self.kind, self.level_id)
        self._set_attempted(content)
        if self.transport == "mailjet":
            return partial(self._send_by_mailjet, content)
        self._create_odoo_mail(content)
        return self._send_by_odoo

    def _find_obstacle(self):
        """Return why it is not wanted any more, or nothing: it may have waited."""
        if self.level_id and self.move_id._billing_is_paused():
            return self.env._("The reminders were paused.")
        return self.move_id._billing_get_mail_obstacle(self.kind)

    def _set_attempted(self, content):
        now = fields.Datetime.now()
        addresses = [
            *((partner, False) for partner in content["to"]),
            *((partner, True) for partner in content["cc"]),
        ]
        self.write(
            {
                "transport": self.company_id.billing_mail_provider,
                "subject": content["subject"],
                "email_to": format_list(
                    self.env, [partner.email_normalized for partner, _cc in addresses]
                ),
                "recipient_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {
                                "partner_id": partner.id,
                                "email": partner.email_normalized,
                                "is_copy": is_copy,
                            }
                        )
                        for partner, is_copy in addresses
                    ),
                ],
                "attempt_date": now,
                "tries": self.tries + 1,
                "next_try": now + GRACE,
                "error": False,
                "error_code": False,
            }
        )

    def _find_out(self):
        """Learn what became of an attempt whose answer was lost.

        :return: True if nothing was sent, and it may be tried again.
        """
        if self.transport == "odoo":
            return self._find_out_from_odoo()
        try:
            is_known = self.company_id._billing_get_mailjet_gateway().has(self.key)
        except (GatewayRefused, GatewayUnknown) as error:
            self._postpone(error)
            return False
        if is_known:
            self._set_sent()
            return False
        return True

    def _find_out_from_odoo(self):
        if self.mail_id.state == "outgoing":
            # In Odoo's own queue, which has a pace of its own.
            self.next_try = fields.Datetime.now() + GRACE
        elif self.mail_id.state == "sent":
            self._set_sent()
        elif self.mail_id.failure_type:
            self._set_failed(self.mail_id.failure_type, self.mail_id.failure_reason)
            # Ours is the one to send again.
            self.mail_id.unlink()
        else:
            # A mail server cannot be asked, and an invoice is not sent twice.
            self._set_failed(
                "unknown",
                self.env._(
                    "The connection broke off while the message was handed over: it may"
                    " have been sent. Ask the customer, or send it again."
                ),
            )
        return False

    def _postpone(self, error):
        """Try again later, or leave it to a person when it was tried long enough."""
        if self.tries >= MAX_TRIES:
            self._set_failed(error.code, self._explain(error))
            return
        pause = min(timedelta(minutes=2**self.tries), MAX_PAUSE)
        self.write(
            {
                "next_try": fields.Datetime.now() + pause,
                "error": self._explain(error),
                "error_code": error.code,
            }
        )

    # === BUSINESS METHODS - TRANSPORT: each returns what records the outcome === #

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
        # What was left of an earlier try is not to be sent beside this one.
        self.mail_id.unlink()
        self.mail_id = self.env["mail.mail"].create(
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
        # Not committed: after a crash nobody finds it ready to be sent.
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
        commit(self.env)
        return self._record_odoo

    # === BUSINESS METHODS - OUTCOME === #

    def _record_silence(self, error):
        self._lock()
        if self.state == "queued":
            self._postpone(error)
            self.next_try = max(self.next_try, fields.Datetime.now() + GRACE)

    def _record_refusal(self, error):
        self._lock()
        if self.state != "queued":
            return
        self.attempt_date = False
        self.mail_id.unlink()
        if error.code in mailjet.TEMPORARY:
            self._postpone(error)
        else:
            self._set_failed(error.code, self._explain(error))

    def _record_receipts(self, receipts):
        self._lock()
        for receipt in receipts:
            self.recipient_ids.filtered(
                lambda r, receipt=receipt: r.email == email_normalize(receipt.email)
            ).write(
                {"message_ref": receipt.message, "message_uuid": receipt.uuid},
            )
        self._set_sent()

    def _record_odoo(self):
        self._lock()
        if self.state == "queued":
            self._find_out_from_odoo()

    def _lock(self):
        self.lock_for_update(allow_referencing=True)
        self.invalidate_recordset()

    def _set_sent(self):
        """Say that the mail server has it; what is known better stays."""
        if self.state != "queued":
            return
        self.write(
            {
                "state": "sent",
                "sent_date": fields.Datetime.now(),
                "attempt_date": False,
                "error": False,
                "error_code": False,
            }
        )
        self.recipient_ids.state = "sent"
        self._log("reminded" if self.kind == "reminder" else "mailed", self.email_to)
        self.move_id._billing_note_sent(self)

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
        Log._log_moves(action, self.move_id, note=note)

    def _follow_events(self, events):
        """Take over what Mailjet told of the message, in whatever order it came."""
        self.ensure_one()
        # An event of a message whose answer was lost: it was sent.
        self._set_sent()
        for recipient in self.recipient_ids:
            told = events.filtered(
                lambda event, recipient=recipient: event.email == recipient.email
            )
            recipient.state, recipient.error = follow(
                (event.time, event.kind, event._explain()) for event in told
            )
        self.state = sum_up(self.recipient_ids.mapped("state"))
        complaint = events.filtered(lambda event: event.kind in ("spam", "unsub"))[:1]
        reasons = [
            f"{recipient.email}: {recipient.error}"
            for recipient in self.recipient_ids
            if recipient.state in BAD
        ]
        if complaint:
            reasons.append(f"{complaint.email}: {complaint._explain()}")
        error = "; ".join(reasons) or False
        if error and error != self.error:
            self.needs_action = True
        elif not error:
            self.needs_action = False
        self.error = error

    # === HELPERS === #

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
            "no_answer": self.env._("No answer yet. It is asked for again."),
        }
        sentence = sentences.get(error.code)
        if sentence and error.code == "unreachable" and self.transport == "odoo":
            return f"{sentence} ({error})"
        return sentence or str(error)

    def _get_notice(self):
        """Return the notice that says what came of it (F117)."""
        self.ensure_one()
        is_reminder = self.kind == "reminder"
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
            message = (
                self.env._("Reminder sent successfully")
                if is_reminder
                else self.env._("Invoice e-mail sent successfully")
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "sticky": kind == "danger",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }


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

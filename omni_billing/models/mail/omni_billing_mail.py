import logging
import uuid
from functools import partial

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_list

from ...const import MAIL_GRACE
from ...tools.database import (
    check_can_commit,
    commit,
    commit_progress,
    insist,
    rollback,
)
from ...tools.disk import is_disk_full
from ...tools.lock import wait_for
from ...tools.retell import KeptSentence

_logger = logging.getLogger(__name__)

#: Times that a message is begun whose making ends the process.
MAX_STARTS = 5

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
    _inherit = "omni.billing.server.mixin"
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
    other_move_ids = fields.Many2many(
        "account.move",
        "omni_billing_mail_other_rel",
        "mail_id",
        "move_id",
        string="Other Invoices",
        readonly=True,
        help="A reminder is about all that is due of a customer.",
    )
    commercial_partner_id = fields.Many2one(
        related="move_id.commercial_partner_id", string="Customer", store=True
    )
    kind = fields.Selection(
        [
            ("invoice", "Invoice"),
            ("reminder", "Reminder"),
            ("einvoice", "E-Invoice"),
            ("declined", "Failed Charge"),
            ("notice", "Notice of a Debit"),
        ],
        required=True,
        readonly=True,
    )
    decline_code = fields.Char(
        readonly=True, help="Why it was not charged, of a failed charge."
    )
    retry_date = fields.Date(
        string="Charged Again on", readonly=True, help="Of a failed charge, by itself."
    )
    channel = fields.Char(
        readonly=True, help="The way of sending, as Odoo calls it, of an e-invoice."
    )
    level_id = fields.Many2one(
        "omni.billing.reminder.level",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    is_scheduled = fields.Boolean(
        readonly=True, help="A reminder that the job sends, and nobody asked for."
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
    error = KeptSentence(string="Reason", readonly=True)
    error_code = fields.Char(readonly=True)
    email_to = fields.Char(string="To", readonly=True)
    subject = fields.Char(readonly=True)
    recipient_ids = fields.One2many(
        "omni.billing.mail.recipient", "mail_id", string="Recipients", readonly=True
    )
    user_id = fields.Many2one("res.users", string="Who", readonly=True)
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
        [("odoo", "Odoo"), ("mailjet", "Mailjet"), ("channel", "E-Invoicing")],
        string="Sent by",
        readonly=True,
    )
    attempt_date = fields.Datetime(
        readonly=True, help="When it was handed over, as long as nobody knows more."
    )
    tries = fields.Integer(readonly=True)
    starts = fields.Integer(
        readonly=True, help="How often it was begun, and the process ended before."
    )
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
        "(move_id, kind) WHERE state = 'queued' AND kind != 'notice'",
        "This e-mail is being sent already.",
    )
    _queued_idx = models.Index("(next_try, id) WHERE state = 'queued'")
    _declined_idx = models.Index("(move_id) WHERE kind = 'declined'")
    _todo_idx = models.Index("(company_id, id DESC) WHERE needs_action")
    _customer_idx = models.Index("(commercial_partner_id, id DESC)")

    @api.depends("move_id", "other_move_ids", "kind")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for mail in self:
            names = [mail.move_id.display_name]
            if others := len(mail.other_move_ids):
                names.append(f"+ {others}")
            mail.display_name = f"{labels[mail.kind]}: {' '.join(names)}"

    # === ACTION METHODS === #

    def action_dismiss(self):
        """Take messages off the work list: somebody saw to it."""
        self.check_access("read")
        self.move_id.check_access("write")
        # sudo: staff see to it, and do not write what became of messages.
        self.sudo().needs_action = False
        return True

    def action_open_invoice(self):
        self.ensure_one()
        return self.move_id.action_billing_open_detail()

    # === BUSINESS METHODS - OUTBOX === #

    @api.model
    def _cron_send(self, limit=100):
        """Hand over what is due, the oldest first; each for itself."""
        domain = self._get_due_domain()
        mails = self.search(domain, order="next_try, id", limit=limit)
        commit_progress(self.env, remaining=self.search_count(domain))
        for mail in mails:
            mail._deliver()
            if not commit_progress(self.env, 1):
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
        check_can_commit(self.env)
        # sudo: staff send; keys and messages are not theirs to read or write.
        mail = self.sudo().with_company(self.company_id)
        try:
            if not mail._lease():
                return
            commit(self.env)
            hand_over = mail._begin()
            commit(self.env)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            rollback(self.env)
            insist(self.env, mail._let_go)
            return
        except Exception as error:  # one message must not hold up all others
            rollback(self.env)
            if is_disk_full(error):
                insist(self.env, partial(mail._record_full_disk, error))
                return
            if not isinstance(error, UserError):
                _logger.exception("E-mail %s could not be made", self.id)
            mail._set_failed("content", str(error))
            commit(self.env)
            return
        if hand_over:
            record = hand_over()
            # What is sent must not be sent again by a request that is run again.
            insist(self.env, record)
        self.invalidate_recordset()

    def _lease(self):
        """Write down that it is begun: a page may be what ends the process.

        :return: whether it is due, and nobody else is at it.
        """
        now = fields.Datetime.now()
        if not self.try_lock_for_update(allow_referencing=True):
            return False
        self.invalidate_recordset()
        if self.state != "queued" or self.next_try > now:
            return False
        if self.starts >= MAX_STARTS:
            self._set_failed(
                "content",
                self.env._(
                    "Each time that it was made, the process ended. Look at the invoice"
                    " template, then send it again."
                ),
            )
            commit(self.env)
            return False
        self.write({"starts": self.starts + 1, "next_try": now + MAIL_GRACE})
        return True

    def _let_go(self):
        """It was not its fault: begin again, as if it had not been begun."""
        wait_for(self)
        if self.state == "queued" and not self.attempt_date:
            self.write({"starts": 0, "next_try": fields.Datetime.now()})

    def _begin(self):
        """Write the attempt down; return what hands the message over, or None."""
        # Events of Mailjet may refer to it meanwhile.
        if not self.try_lock_for_update(allow_referencing=True):
            return None
        self.invalidate_recordset()
        if self.state != "queued":
            return None
        if self.attempt_date and not self._find_out():
            return None
        if self._is_tried_enough():
            self._give_up()
            return None
        if reason := self._find_obstacle():
            self.write({"state": "canceled", "error": reason, "attempt_date": False})
            return None
        if problem := self._find_problem():
            self._set_failed(*problem)
            return None
        if self.kind == "einvoice":
            self._set_attempted_by_channel()
            return self._send_by_channel
        content = self._narrow()._billing_prepare_mail(
            self.kind, self.level_id, self.other_move_ids
        )
        self._set_attempted(content)
        self._keep_files(content["files"])
        if self.transport == "mailjet":
            return partial(self._send_by_mailjet, content)
        self._create_odoo_mail(content)
        return self._send_by_odoo

    def _find_problem(self):
        """Return code and text of what keeps it from being sent, or nothing."""
        move = self.move_id
        if self.kind == "einvoice":
            return move._billing_get_channel_problem(self.channel)
        return move._billing_get_mail_problem(self.level_id)

    def _queue_again(self):
        """Put the same in the outbox once more, and return it."""
        if self.kind == "declined":
            told = {"decline_code": self.decline_code, "retry_date": self.retry_date}
            return self.move_id._billing_queue(self.kind, **told)
        if self.kind == "einvoice":
            return self.move_id._billing_queue(self.kind, channel=self.channel)
        return self.move_id._billing_queue(self.kind, level_id=self.level_id.id)

    @api.model
    def _get_same_domain(self, kind, values):
        """Return which messages of an invoice one with these values is the same as.

        Hook.

        :param dict values: of the message that is to be sent.
        """
        return Domain("kind", "=", kind)

    def _get_moves(self):
        """Return the invoices that it is about, that whose name it has first."""
        return self.move_id + self.other_move_ids

    def _narrow(self):
        """Leave out of it what it is not about any more; return its first invoice.

        Hook.
        """
        return self.move_id

    def _find_obstacle(self):
        """Return why it is not wanted any more, or nothing: it may have waited.

        Hook.
        """
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
                "starts": 0,
                "next_try": now + MAIL_GRACE,
                "error": False,
                "error_code": False,
            }
        )

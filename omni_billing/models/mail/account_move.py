from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date, format_list

from ...const import BILLING_MOVE_TYPES
from ...tools.database import commit
from ...tools.notice import notice
from ...tools.numbers import format_amount
from ...tools.renamed import formerly
from ...tools.retell import KeptSentence
from .omni_billing_mail import STATES

PDF_TYPE = "application/pdf"


class AccountMove(models.Model):
    """Sending invoices and reminders by e-mail (F113-F120)."""

    _inherit = "account.move"

    billing_mail_ids = fields.One2many(
        "omni.billing.mail",
        "move_id",
        string="Billing E-mails",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    billing_other_mail_ids = fields.Many2many(
        "omni.billing.mail",
        "omni_billing_mail_other_rel",
        "move_id",
        "mail_id",
        string="E-mails About Other Invoices, Too",
        readonly=True,
        copy=False,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    billing_mail_state = fields.Selection(
        STATES,
        string="E-mail",
        compute="_compute_billing_mail_state",
        compute_sudo=True,
        groups="account.group_account_invoice,account.group_account_readonly",
        help="What became of the latest e-mail with this invoice.",
    )
    billing_mail_error = KeptSentence(
        string="E-mail: Reason",
        compute="_compute_billing_mail_state",
        compute_sudo=True,
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    @api.depends(
        "billing_mail_ids.state",
        "billing_mail_ids.error",
        "billing_other_mail_ids.state",
        "billing_other_mail_ids.error",
    )
    def _compute_billing_mail_state(self):
        Mail = self.env["omni.billing.mail"]
        Mail.flush_model(["move_id", "other_move_ids"])
        latest = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT move_id, MAX(mail_id) FROM (
                        SELECT move_id, id AS mail_id FROM omni_billing_mail
                         WHERE move_id = ANY(%(moves)s)
                     UNION ALL
                        SELECT move_id, mail_id FROM omni_billing_mail_other_rel
                         WHERE move_id = ANY(%(moves)s)
                    ) AS mails GROUP BY move_id
                    """,
                    moves=self._origin.ids,
                )
            )
        )
        # Browsed together, so that they are read together.
        mails = Mail.browse(latest.values())
        for move in self:
            mail = Mail.browse(latest.get(move._origin.id)).with_prefetch(mails.ids)
            move.billing_mail_state = mail.state
            move.billing_mail_error = mail.error

    # === ACTION METHODS === #

    def action_billing_email(self):
        """Send by e-mail, with the PDF attached; several in steps (F113, F120).

        :return: a notice of what came of it (F117).
        """
        if len(self) > 1:
            return self.env["omni.billing.bulk"]._start("email", self)
        return self._billing_send_at_once("invoice")

    def action_billing_email_compose(self):
        """Open Odoo's dialog, to send one invoice with a message of one's own."""
        self._billing_check_sendable()
        # Our page has its own layout: there is none of Odoo's to choose first.
        return self.with_context(discard_logo_check=True).action_invoice_sent()

    def action_billing_mark_sent(self):
        """Keep that the customer has the invoice: it was given in person (F180).

        :return: a notice of what was kept.
        :raise UserError: if it is a draft, or void.
        """
        self.ensure_one()
        self.check_access("write")
        self._billing_check_sendable()
        if not self.is_move_sent:
            self.is_move_sent = True
            self.env["omni.billing.activity.log"]._log_moves("handed", self)
        message = self.env._("%(invoice)s counts as sent.", invoice=self.display_name)
        return notice(message, after=self.action_billing_open_detail())

    def _billing_send_at_once(self, kind):
        """Send one message now, and tell what came of it; commits.

        :raise UserError: if the invoice is none to send.
        """
        self.ensure_one()
        self._billing_check_mailable(kind)
        mails = self._billing_queue_mail(kind)
        # What is sent must not be sent again by a request that is run again.
        commit(self.env)
        for mail in mails:
            mail._deliver()
        return mails._get_notice()

    # === BUSINESS METHODS - SENDING === #

    def _billing_send_mail(self, kind="invoice"):
        """Put one message for each invoice in the outbox, which sends it at once.

        :param str kind: ``invoice`` or ``reminder``.
        :return: the `omni.billing.mail` records.
        :raise UserError: if one cannot be sent: it is void or a draft, the customer
            has no address, or what sends it is not set up.
        """
        for move in self:
            move._billing_check_mailable(kind)
            for channel in move._billing_get_ways(kind):
                if problem := move._billing_get_way_problem(channel):
                    raise UserError(problem[1])
        return self._billing_queue_mail(kind)

    def _billing_queue_mail(self, kind, **values):
        """Put messages in the outbox, by the customer's ways of an invoice.

        :return: the `omni.billing.mail` records, in the order of the invoices.
        """
        mails = self.env["omni.billing.mail"]
        ways = {}
        for move in self:
            for channel in move._billing_get_ways(kind):
                ways[channel] = ways.get(channel, self.browse()) + move
        for channel, moves in ways.items():
            if channel:
                mails += moves._billing_queue("einvoice", channel=channel)
            else:
                mails += moves._billing_queue(kind, **values)
        return mails

    def _billing_queue(self, kind, prepare=None, **values):
        """Put messages in the outbox; what cannot be sent is there too, with why.

        One that waits already is not put there twice.

        :param prepare: called with each invoice, for further values of its message.
        """
        # sudo: staff send, and do not write what became of messages.
        Mail = self.env["omni.billing.mail"].sudo()
        same = Mail._get_same_domain(kind, values)
        of_these = Domain("move_id", "in", self.ids)
        waiting = Mail.search(of_these & same & Domain("state", "=", "queued"))
        mails = Mail.create(
            [
                {
                    "company_id": move.company_id.id,
                    "move_id": move.id,
                    "kind": kind,
                    "user_id": self.env.uid,
                    **values,
                    **(prepare(move) if prepare else {}),
                }
                for move in self - waiting.move_id
            ]
        )
        # These are about what earlier ones did not achieve.
        about = mails._get_moves()
        (about.billing_mail_ids + about.billing_other_mail_ids - mails).filtered_domain(
            same & Domain("needs_action", "=", True)
        ).needs_action = False
        for mail in mails:
            if problem := mail._find_problem():
                mail._set_failed(*problem)
        # sudo: anyone who sends wants it sent now.
        self.env.ref("omni_billing.ir_cron_send_mails").sudo()._trigger()
        return (waiting + mails).sudo(False)

    def _billing_check_mailable(self, kind):
        """Check one invoice before a person sends it.

        :raise UserError: if it is not to be sent; the message says why.
        """
        self.check_access("write")
        self._billing_check_sendable()
        if obstacle := self._billing_get_mail_obstacle(kind):
            raise UserError(obstacle)

    def _billing_get_mail_obstacle(self, kind):
        """Return why a message is not wanted (any more), or nothing. Hook."""
        self.ensure_one()
        if self.move_type not in BILLING_MOVE_TYPES:
            return self.env._(
                "%(entry)s is not a customer invoice.", entry=self.display_name
            )
        if self.billing_state in ("void", "draft"):
            return self.env._(
                "%(invoice)s is void or a draft, and is not sent.",
                invoice=self.display_name,
            )
        return None

    def _billing_get_mail_problem(self, level=None):
        """Return code and text of what keeps a message from being sent, or nothing.

        :param level: the `omni.billing.reminder.level` of a reminder, if it has one.
        """
        self.ensure_one()
        if level and not level.to_customer:
            if not self._billing_get_salesperson():
                return "no_address", self.env._(
                    "%(invoice)s has no salesperson with an e-mail address.",
                    invoice=self.display_name,
                )
        elif not self._billing_get_recipients():
            return self.partner_id._billing_get_address_problem()
        # sudo: staff do not see the keys.
        return self.company_id.sudo()._billing_get_mail_problem()

    def _billing_get_recipients(self):
        """Return who gets the mail: all billing contacts, or the main one. Hook (F116).

        Contacts of the type *Invoice* are billing contacts; those without an address
        do not count. Everybody is named once.
        """
        self.ensure_one()
        main = self._billing_get_addressee()
        return self.commercial_partner_id._billing_get_mailed(self.company_id, main)

    def _billing_get_salesperson(self):
        """Return the partners of the salespersons that have an address."""
        # sudo: partners of users are not for everybody.
        partners = self.sudo().invoice_user_id.partner_id
        return partners.filtered("email_normalized")

    def _billing_prepare_mail(self, kind, level=None, others=None):
        """Return what a message says, in the language of the customer. Hook.

        :param str kind: ``invoice`` or ``reminder``; ``declined`` or ``notice``,
            without the PDF.
        :param level: the `omni.billing.reminder.level` of a reminder, if it has one.
        :param others: further invoices (`account.move`) that it is about.
        :return: ``to``, ``cc`` (partners), ``email_from``, ``reply_to``, ``subject``,
            ``body``, ``files`` (name, bytes, type), ``mailjet_template``,
            ``variables``.
        """
        self.ensure_one()
        template = self._billing_get_mail_template(kind, level)
        self._billing_check_template(template)
        rendered = self._billing_render_mail(template, kind)
        company = self.company_id
        sender = company.billing_mail_sender or rendered.get("email_from")
        if not sender:
            raise UserError(
                self.env._(
                    "%(company)s has no e-mail address to send from. An administrator"
                    " adds one in Billing > Configuration > Settings.",
                    company=company.name,
                )
            )
        lang = template._render_lang(self.ids)[self.id] or self.env.lang
        move = self.with_context(lang=lang)
        to, cc = self._billing_get_recipients(), self.env["res.partner"]
        about = self + others if others else self
        if level and level.to_salesperson:
            cc = about._billing_get_salesperson()
        if level and not level.to_customer:
            to, cc = cc, to.browse()
        return {
            "to": to,
            "cc": cc,
            "email_from": sender,
            "reply_to": rendered.get("reply_to") or "",
            "subject": rendered["subject"],
            "body": rendered["body_html"],
            "files": about.with_context(lang=lang)._billing_list_mail_files(kind),
            "mailjet_template": self._billing_get_mailjet_template(kind, level),
            "variables": move._billing_prepare_mailjet_variables(),
        }

    def _billing_render_mail(self, template, kind):
        """Return the texts of a message, by the names of the template's fields. Hook"""
        self.ensure_one()
        # What the template calls sees what this message is about.
        template = template.with_env(self.env)
        names = ("subject", "body_html", "email_from", "reply_to")
        return template._generate_template(self.ids, names)[self.id]

    def _billing_list_mail_files(self, kind):
        """Return name, bytes and type of what is attached to one message. Hook."""
        if kind in ("declined", "notice"):
            return []
        is_one = len(self) == 1
        return [
            (
                move._billing_get_filename(among_others=not is_one),
                move._billing_get_pdf(),
                PDF_TYPE,
            )
            for move in self
        ]

    @api.model
    def _billing_check_template(self, templates):
        """Check that these `mail.template` are of invoices.

        They are filled in with the rights of the server: one of users, say, would tell
        of the user who has the number of the invoice.

        :raise ValidationError: if one is of something else.
        """
        for template in templates.sudo():  # sudo: what it is of is no secret.
            if template.model != "account.move":
                raise ValidationError(
                    self.env._(
                        "%(template)s is no template of invoices. Choose one whose"
                        " “Applies to” is Journal Entry.",
                        template=template.name,
                    )
                )

    def _billing_get_mail_template(self, kind, level=None):
        """Return the `mail.template` of a kind of message."""
        if kind == "reminder":
            own = level and level.mail_template_id
            return own or self.env.ref("omni_billing.mail_template_reminder")
        if kind == "declined":
            return self.env.ref("omni_billing.mail_template_declined")
        if kind == "notice":
            return self.env.ref("omni_billing.mail_template_debit_notice")
        own = self.company_id.billing_mail_template_id
        return own or self.env.ref("omni_billing.mail_template_invoice")

    def _billing_get_mailjet_template(self, kind, level=None):
        """Return id or name of Mailjet's template; empty to use the text of Odoo's."""
        if kind == "reminder":
            return level and level.mailjet_template or ""
        if kind in ("declined", "notice"):
            return ""
        return self.company_id.billing_mailjet_template or ""

    @formerly("_prepare_mailjet_variables")  # until 19.0.2
    def _billing_prepare_mailjet_variables(self):
        """Return the variables of Mailjet's template (F115). Hook."""
        self.ensure_one()
        return {
            "customer_name": self.commercial_partner_id.name or "",
            "invoice_number": self.name or "",
            "invoice_date": format_date(self.env, self.invoice_date),
            "due_date": format_date(self.env, self._billing_get_due_since()),
            "total_amount": format_amount(
                self.env, self.amount_total, self.currency_id
            ),
            "amount_due": format_amount(
                self.env, self._billing_get_amount_owed(), self.currency_id
            ),
            "title": self.billing_title or "",
            "company_name": self.company_id.name,
            "invoice_url": self._billing_get_view_link(),
            "pay_url": self._billing_get_pay_link(),
        }

    def _billing_get_view_link(self):
        """Return the address at which the invoice is seen and downloaded."""
        self.ensure_one()
        return self.get_base_url() + self.get_portal_url()

    def _billing_note_sent(self, mail):
        """Keep on the invoice that a message went out."""
        self.ensure_one()
        if mail.kind == "invoice":
            self.is_move_sent = True
        if mail.transport == "mailjet" or mail.move_id != self:
            # Odoo's own message is in the history of its first invoice already.
            self._message_log(
                body=self.env._(
                    "%(subject)s, sent by e-mail to %(recipients)s.",
                    subject=mail.subject,
                    recipients=format_list(
                        self.env, mail.recipient_ids.mapped("email")
                    ),
                )
            )

    def _billing_check_sendable(self):
        self.ensure_one()
        if self.billing_state == "void":
            raise UserError(
                self.env._(
                    "%(invoice)s is void and is not sent.", invoice=self.display_name
                )
            )
        if self.state != "posted":
            raise UserError(
                self.env._(
                    "%(invoice)s is a draft and is not sent before it is confirmed.",
                    invoice=self.display_name,
                )
            )

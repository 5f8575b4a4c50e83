import logging
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...const import MAIL_GRACE
from ...tools.database import commit, rollback
from ...tools.lock import wait_for

_logger = logging.getLogger(__name__)


class OmniBillingMail(models.Model):
    """An e-invoice: handed over by Odoo, as its Send dialog does it.

    It goes the way of our e-mails, through the outbox: written down before, never sent
    twice by itself, and on the work list if it did not arrive.
    """

    _inherit = "omni.billing.mail"

    def _set_attempted_by_channel(self):
        now = fields.Datetime.now()
        self.write(
            {
                "transport": "channel",
                "subject": self.move_id.display_name,
                "email_to": self._get_channel_name(),
                "attempt_date": now,
                "tries": self.tries + 1,
                "starts": 0,
                "next_try": now + MAIL_GRACE,
                "error": False,
                "error_code": False,
            }
        )

    def _get_channel_name(self):
        """Return what Odoo calls the way of sending, as *by Peppol*."""
        methods = self.env["res.partner"]._fields["invoice_sending_method"]
        names = dict(methods._description_selection(self.env))
        return names.get(self.channel) or self.channel

    def _send_by_channel(self):
        """Have Odoo hand it over; return what records the outcome."""
        move = self.move_id
        sender = self.env["account.move.send"]
        try:
            if not sender._is_applicable_to_move(self.channel, move):
                raise UserError(self._explain_not_reached())
            sender._generate_and_send_invoices(move, sending_methods={self.channel})
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # Odoo's own step broke off: whether it was handed over nobody knows.
            rollback(self.env)
            return self._record_channel
        except Exception as error:
            # A platform's answer, or what its addon makes of it, whatever kind it is.
            if not isinstance(error, UserError):
                _logger.warning("E-invoice %s was not sent: %r", self.id, error)
            rollback(self.env)
            return partial(self._record_channel, str(error))
        commit(self.env)
        return partial(self._record_channel, is_taken=True)

    def _record_channel(self, error="", is_taken=False):
        wait_for(self)
        if self.state != "queued":
            return
        if is_taken or self.move_id._billing_is_taken_by_channel(self.channel):
            self._set_sent()
        elif error:
            self._set_failed("channel", error)
        else:
            self._set_failed("unknown", self._explain_lost())

    def _find_out_from_channel(self):
        """Learn from Odoo what became of it; an invoice is not sent twice."""
        self._record_channel()
        return False

    def _explain_not_reached(self):
        return self.env._(
            "%(customer)s does not take e-invoices %(channel)s. Look at the electronic"
            " address and at how invoices are sent, in Contacts.",
            customer=self.commercial_partner_id.display_name,
            channel=self._get_channel_name(),
        )

    # === WHAT IS TOLD LATER === #

    @api.model
    def _follow_channel(self, move, channel, is_delivered, reason=""):
        """Take over what a platform told of an e-invoice, whoever sent it.

        :param move: the invoice.
        :param str channel: the way it was sent, as Odoo calls it.
        :param bool is_delivered: else it was rejected, and staff are told.
        :param str reason: why, in the words of the platform.
        """
        # sudo: jobs and platforms tell it; nobody may write what became of messages.
        Mail = self.sudo()
        mail = Mail.search(
            [("move_id", "=", move.id), ("channel", "=", channel)], limit=1
        )
        if not mail:
            mail = Mail.create(
                {
                    "company_id": move.company_id.id,
                    "move_id": move.id,
                    "kind": "einvoice",
                    "channel": channel,
                    "transport": "channel",
                    "state": "sent",
                }
            )
            mail.email_to = mail._get_channel_name()
        wait_for(mail)
        mail.write(
            {
                "state": "delivered" if is_delivered else "bounced",
                "attempt_date": False,
                "error": False if is_delivered else reason or mail._explain_rejected(),
                "error_code": False if is_delivered else "rejected",
                "needs_action": not is_delivered,
            }
        )
        if not is_delivered:
            mail._log("mail_failed", mail.error)
            move._billing_tell_staff(f"{mail.display_name}: {mail.error}")

    def _explain_rejected(self):
        return self.env._("The platform rejected it, and did not say why.")

from odoo import models
from odoo.fields import Domain

from .omni_billing_reminder import LOST


class OmniBillingMail(models.Model):
    """The days of grace begin when the message goes, and if it warns of their end."""

    _inherit = "omni.billing.mail"

    # === ACTION METHODS === #

    def action_cancel(self):
        """Override: a notice that staff do not want is not put in the outbox again."""
        waiting = self.filtered(lambda mail: mail.state == "queued")
        result = super().action_cancel()
        canceled = waiting.filtered(lambda mail: mail.state == "canceled")
        canceled._find_notices().write({"suspend_on": False, "is_waived": True})
        return result

    # === BUSINESS METHODS === #

    def _narrow(self):
        """Override: a message that waited says a later day.

        What it is not about any more, as since it is disputed, it gives no notice of.
        """
        move = super()._narrow()
        notices = self._find_notices()
        about = self._get_moves()
        notices.filtered(lambda one: one.move_id not in about).suspend_on = False
        notices = notices.filtered("suspend_on")
        for notice in notices:
            notice.suspend_on = max(notice.suspend_on, notice._find_day())
        reminded = move.with_context(billing_reminded_ids=about.ids)
        if notices and not reminded._billing_get_warning():
            notices._drop()
        return move

    def _queue_again(self):
        """Override: what could not be told is told by the next one."""
        mails = super()._queue_again()
        is_lost = self.state in ("canceled", *LOST)
        if self.kind == "reminder" and is_lost and len(mails) == 1:
            waived = self._find_notices("is_waived")
            for notice in waived:
                notice.write({"is_waived": False, "suspend_on": notice._find_day()})
            (self._find_notices() | waived).mail_id = mails
        return mails

    def _find_notices(self, name="suspend_on"):
        """Return the notices of a suspension that these messages are, in sudo.

        :param str name: of the field that they have.
        """
        # sudo: they are the server's.
        reminders = self.env["omni.billing.reminder"].sudo()
        return reminders.search(
            Domain("mail_id", "in", self.ids) & Domain(name, "!=", False)
        )

    def _take_lost_notices(self):
        """Be the notice of what an earlier message should have told.

        Of those that still wait: what went out a moment ago says nothing new.
        """
        # sudo: as above.
        reminders = self.env["omni.billing.reminder"].sudo()
        for mail in self.filtered(lambda one: one.state == "queued"):
            reminders.search(
                Domain("move_id", "in", mail._get_moves().ids)
                & Domain("suspend_on", "!=", False)
                & Domain("mail_id.state", "in", LOST)
            ).mail_id = mail

from odoo import models
from odoo.fields import Domain

from .omni_billing_reminder import LOST


class OmniBillingMail(models.Model):
    """The days of grace begin when the message goes."""

    _inherit = "omni.billing.mail"

    def _narrow(self):
        """Override: a message that waited says a later day."""
        move = super()._narrow()
        for notice in self._find_notices():
            day = notice._find_day()
            if notice.suspend_on < day:
                notice.suspend_on = day
        return move

    def _queue_again(self):
        """Override: what could not be told is told by the next one."""
        mails = super()._queue_again()
        if self.kind == "reminder" and len(mails) == 1:
            self._find_notices().mail_id = mails
        return mails

    def _find_notices(self):
        """Return the notices of a suspension that these messages are, in sudo."""
        # sudo: they are the server's.
        reminders = self.env["omni.billing.reminder"].sudo()
        return reminders.search(
            Domain("mail_id", "in", self.ids) & Domain("suspend_on", "!=", False)
        )

    def _take_lost_notices(self):
        """Be the notice of what an earlier message should have told."""
        # sudo: as above.
        reminders = self.env["omni.billing.reminder"].sudo()
        for mail in self:
            reminders.search(
                Domain("move_id", "in", mail._get_moves().ids)
                & Domain("suspend_on", "!=", False)
                & Domain("mail_id.state", "in", LOST)
            ).mail_id = mail

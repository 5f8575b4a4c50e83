from odoo import fields, models

from ...const import MAIL_GRACE
from ...tools.database import commit
from ...tools.lock import wait_for
from ...tools.notice import notice, reload


class OmniBillingMail(models.Model):
    """Sending messages again, and at once what waits (F118, W12)."""

    _inherit = "omni.billing.mail"

    # === ACTION METHODS === #

    def action_send_again(self):
        """Send messages once more, as they would be now; what waits goes at once.

        One is sent now, several by the job.

        :return: a notice of what came of it.
        """
        self.check_access("read")
        self.move_id.check_access("write")
        waiting = self.filtered(lambda mail: mail.state == "queued")
        pushed = waiting._push()
        mails = pushed
        for mail in self - waiting:
            mails |= mail._queue_again()
        if len(self) == 1 and len(mails) == 1 and mails.state == "queued":
            commit(self.env)
            mails._deliver()
            return mails._get_notice()
        return mails._tell_again(busy=len(waiting - pushed))

    def action_cancel(self):
        """Take messages out of the outbox; what is being handed over goes on.

        :return: a notice of how many.
        """
        self.check_access("read")
        self.move_id.check_access("write")
        idle = self._filter_idle()
        reason = self.env._("Canceled by %(user)s.", user=self.env.user.name)
        # sudo: staff see to it, and do not write what became of messages.
        idle.sudo().write({"state": "canceled", "error": reason})
        message = self.env._("%(count)s e-mails are not sent.", count=len(idle))
        return notice(message, "info", after=reload())

    # === BUSINESS METHODS === #

    def _filter_idle(self):
        """Return what waits in the outbox, locked, and is not being handed over now.

        Of that nobody knows yet what comes of it.
        """
        # sudo: as above
        mails = self.sudo()
        wait_for(mails)
        limit = fields.Datetime.now() - MAIL_GRACE
        return mails.filtered(
            lambda mail: (
                mail.state == "queued"
                and (not mail.attempt_date or mail.attempt_date < limit)
            )
        ).with_env(self.env)

    def _push(self):
        """Have what waits in the outbox sent now; return it."""
        idle = self._filter_idle()
        # The tries, and the pauses between them, are counted anew.
        # sudo: as above
        idle.sudo().write({"next_try": fields.Datetime.now(), "tries": 0, "starts": 0})
        if idle:
            # sudo: anyone who sends wants it sent now.
            self.env.ref("omni_billing.ir_cron_send_mails").sudo()._trigger()
        return idle

    def _tell_again(self, busy):
        """Return the notice of several: what goes out, and what cannot, and why.

        :param int busy: how many are being handed over already.
        """
        failed = self.filtered(lambda mail: mail.state == "failed")
        told = []
        if going := len(self - failed):
            told.append(self.env._("%(count)s e-mails go out now.", count=going))
        if busy:
            told.append(
                self.env._("%(count)s are being handed over already.", count=busy)
            )
        if failed:
            told.append(
                self.env._(
                    "%(count)s cannot be sent and stay on the list: %(reason)s",
                    count=len(failed),
                    reason=failed[0].error,
                )
            )
        message = " ".join(told) or self.env._("There is nothing to send.")
        kind = "warning" if failed or not told else "info"
        return notice(message, kind, sticky=bool(failed), after=reload())

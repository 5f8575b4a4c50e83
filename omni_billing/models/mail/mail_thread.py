from odoo import api, models
from odoo.exceptions import AccessError
from odoo.tools import html2plaintext

from ...tools.write_guard import without_any_default

#: Longest reason that is kept: the other server's text may be a page.
MAX_REASON = 300


class MailThread(models.AbstractModel):
    """Mail that comes in: it says nothing of records, and bounces are ours to know."""

    _inherit = "mail.thread"

    @api.model
    def message_process(
        self,
        model,
        message,
        custom_values=None,
        save_original=False,
        strip_attachments=False,
        thread_id=None,
    ):
        """Override of `mail`: who may call it may not name what is written.

        Odoo writes with the rights of the superuser whatever record it is told, with
        whatever values: so an employee could have an invoice paid, or a bank account
        printed. Its jobs and administrators go on; everybody else can do what who
        sends an e-mail can.

        :raise AccessError: if a model, values or a record are given.
        """
        thread = self
        if not (self.env.su or self.env.user.has_group("base.group_system")):
            if model or custom_values or thread_id:
                raise AccessError(
                    self.env._(
                        "Only an administrator says which record an e-mail is about."
                        " Have the mail gateway log in as one, or leave it to Odoo's"
                        " aliases."
                    )
                )
            # Defaults are values as well.
            thread = without_any_default(self)
        return super(MailThread, thread).message_process(
            model,
            message,
            custom_values=custom_values,
            save_original=save_original,
            strip_attachments=strip_attachments,
            thread_id=thread_id,
        )

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        """Say it on the billing e-mail that came back, too (W12)."""
        result = super()._routing_handle_bounce(email_message, message_dict)
        reason = " ".join(html2plaintext(message_dict.get("body") or "").split())
        # sudo: the mail gateway's user, whoever that is, reports it.
        self.env["omni.billing.mail"].sudo()._receive_bounce(
            message_dict["bounced_message"],
            message_dict["bounced_email"],
            reason[:MAX_REASON] or self.env._("not taken by the recipient's server"),
        )
        return result

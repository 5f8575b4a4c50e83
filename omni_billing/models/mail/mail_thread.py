from odoo import api, models
from odoo.tools import html2plaintext

#: Longest reason that is kept: the other server's text may be a page.
MAX_REASON = 300


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

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

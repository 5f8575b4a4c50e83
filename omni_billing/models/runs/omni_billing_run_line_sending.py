from odoo import api, fields, models
from odoo.fields import Domain

from ...const import NO_CHANNELS
from ...tools.retell import KeptSentence

#: What the message of a line may be in, beside what the run did with it.
MAIL_STATES = [
    ("todo", "To Send"),
    ("queued", "In the Outbox"),
    ("sent", "Sent"),
    ("delivered", "Delivered"),
    ("opened", "Opened"),
    ("bounced", "Bounced"),
    ("blocked", "Blocked"),
    ("failed", "Not Sent"),
    ("canceled", "Canceled"),
]
#: Those of reminders and of failed charges tell nothing of the invoice.
KINDS = ("invoice", "einvoice")


class OmniBillingRunLine(models.Model):
    """What became of the e-mail of a customer: what the outbox says, never a copy."""

    _inherit = "omni.billing.run.line"

    mail_state = fields.Selection(
        MAIL_STATES,
        string="E-mail",
        compute="_compute_mail_state",
        compute_sudo=True,
        help="How the latest message with the invoice stands.",
    )
    mail_error = KeptSentence(
        string="Why Not Sent", compute="_compute_mail_state", compute_sudo=True
    )

    _unsent_idx = models.Index("(id) WHERE email_state = 'failed'")

    @api.depends("email_state", "email_error", "invoice_id.billing_mail_ids.state")
    def _compute_mail_state(self):
        Mail = self.env["omni.billing.mail"]
        groups = Mail._read_group(
            Domain("move_id", "in", self.invoice_id.ids) & Domain("kind", "in", KINDS),
            ["move_id"],
            ["id:max"],
        )
        # Browsed together, so that they are read together.
        mails = {mail.move_id: mail for mail in Mail.browse(id_ for _m, id_ in groups)}
        for line in self:
            mail = line.email_state == "queued" and mails.get(line.invoice_id)
            line.mail_state = mail.state if mail else line.email_state
            line.mail_error = mail.error if mail else line.email_error

    # === ACTION METHODS === #

    def action_send_again(self):
        """Send the invoices once more; one that never came to the outbox, too.

        :return: a notice of what came of it.
        """
        self.check_access("read")
        self.invoice_id.check_access("write")
        # sudo: lines are the job's; the rights were checked.
        for line in self.sudo():
            if line.email_state == "failed" and line.invoice_id:
                line._email()
        mails = self.invoice_id.billing_mail_ids.filtered(
            lambda mail: mail.needs_action or mail.state == "queued"
        )
        return mails.action_send_again()

    def action_dismiss_email(self):
        """Take invoices off the list that never came to the outbox."""
        self._check_staff()
        # sudo: lines are the job's; the rights were checked.
        lines = self.sudo()
        lines.filtered(lambda line: line.email_state == "failed").write(
            {"email_state": False, "email_error": False}
        )
        return True

    # === BUSINESS METHODS === #

    @api.model
    def _get_unsent_domain(self):
        """Return the lines whose invoice did not go out, or did not arrive."""
        return Domain("email_state", "=", "failed") | (
            Domain("email_state", "=", "queued")
            & Domain(
                "invoice_id.billing_mail_ids",
                "any",
                Domain("needs_action", "=", True) & Domain("kind", "in", KINDS),
            )
        )

    @api.model
    def _get_waiting_domain(self):
        """Return the lines whose message waits in the outbox."""
        return Domain("email_state", "=", "queued") & Domain(
            "invoice_id.billing_mail_ids",
            "any",
            Domain("state", "=", "queued") & Domain("kind", "in", KINDS),
        )

    def _find_mail_warning(self):
        """Return why the e-mail of an invoice would reach nobody, for a check."""
        self.ensure_one()
        customer, company = self.partner_id, self.company_id
        # sudo: how invoices go out is no secret from who sends them.
        method = customer.with_company(company).sudo().invoice_sending_method
        if method and method not in NO_CHANNELS:
            return None
        main = customer.browse(customer.address_get(["invoice"])["invoice"])
        if customer._billing_get_mailed(company, main):
            return None
        code, reason = main._billing_get_address_problem()
        if code == "no_address":
            return self.env._("There is no e-mail address.")
        return reason

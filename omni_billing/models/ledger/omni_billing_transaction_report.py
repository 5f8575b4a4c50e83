from odoo import fields, models
from odoo.exceptions import UserError

from ...const import BILLED_TYPES
from ...tools.action import open_dialog
from ...tools.lock import lock_or_tell
from ...tools.values import check_text
from ...tools.write_guard import trust

#: Longest text of a customer, or of an answer.
MAX_TEXT = 2000


class OmniBillingTransaction(models.Model):
    """What a customer reports of a charge: it waits for an answer (F58, F195).

    As long as it is open, what is unbilled is not billed. What is on an invoice stays
    there, and is owed; staff cancel it, or explain it.
    """

    _inherit = "omni.billing.transaction"

    report_state = fields.Selection(
        [("open", "Reported"), ("answered", "Answered")],
        string="Report of the Customer",
        readonly=True,
        copy=False,
        help="The customer said that something is wrong with it. It is billed once"
        " somebody answered.",
    )
    report_text = fields.Text(
        string="The Customer Says",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )
    report_date = fields.Datetime(string="Reported on", readonly=True, copy=False)
    report_user_id = fields.Many2one(
        "res.users",
        string="Reported by",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )
    report_answer = fields.Text(
        string="Our Answer", readonly=True, copy=False, groups="base.group_user"
    )

    _report_idx = models.Index("(id) WHERE report_state = 'open'")

    # === ACTION METHODS === #

    def action_open_answer(self):
        """Open the dialog that answers what the customer reported (F58)."""
        self.ensure_one()
        self.check_access("write")
        context = {"default_transaction_id": self.id}
        title = self.env._("Answer the Customer")
        return open_dialog("omni.billing.report.wizard", title, context)

    def action_release_reports(self):
        """Have charges be billed as before, without an answer to the customer."""
        self.check_access("write")
        self._close_reports(False)
        return True

    # === BUSINESS METHODS === #

    def _is_reportable(self):
        """Whether the customer may report something about it now."""
        self.ensure_one()
        return (
            self.transaction_type in BILLED_TYPES
            and self.state in ("unbilled", "invoiced")
            and self.report_state != "open"
        )

    def _get_report_kind(self):
        """Return what a customer sees of reporting it: the report, its answer, a link.

        :return: ``open``, ``answered``, ``possible`` or nothing.
        """
        if self.report_state in ("open", "answered"):
            return self.report_state
        return "possible" if self and self._is_reportable() else ""

    def _is_report_of(self, user):
        """Whether the account that a user sees reported it: of others it is no business

        What one uses and another pays both may report.
        """
        self.ensure_one()
        # sudo: customers do not read who it was; this is about themselves.
        author = self.sudo().report_user_id
        company = self.company_id
        return bool(author) and (
            author._billing_get_account(company) == user._billing_get_account(company)
        )

    def _report(self, text):
        """Note what the customer says of a charge, and hold it.

        :param str text: in the customer's words.
        :raise UserError: if there is nothing in it, or too much.
        """
        self.ensure_one()
        text = (text or "").replace("\0", "").strip()
        check_text(self.env, text)
        if not text or len(text) > MAX_TEXT:
            raise UserError(
                self.env._(
                    "Tell us what is wrong, in %(count)s characters at most.",
                    count=MAX_TEXT,
                )
            )
        trust(self).write(
            {
                "report_state": "open",
                "report_text": text,
                "report_date": fields.Datetime.now(),
                "report_user_id": self.env.uid,
                "report_answer": False,
            }
        )
        self.env["omni.billing.activity.log"]._log_transactions(
            "transaction_reported", self, note=text
        )

    def _answer_report(self, text):
        """Answer what the customer reported, and let the charge be billed.

        The answer goes to who reported it, by e-mail, and is on the page.

        :param str text: the answer.
        :raise UserError: if there is nothing to answer any more.
        """
        self.ensure_one()
        self.check_access("write")
        self._close_reports(text)
        # sudo: the template, and who logs in as a customer, are not staff's.
        transaction = self.sudo()
        if transaction.report_user_id:
            template = self.env.ref("omni_billing.mail_template_report_answered")
            template.sudo().send_mail(self.id)  # sudo: as above

    def _close_reports(self, answer):
        lock_or_tell(self)
        if any(transaction.report_state != "open" for transaction in self):
            raise UserError(self.env._("This was answered already. Reload the page."))
        trust(self).write({"report_state": "answered", "report_answer": answer})
        self.env["omni.billing.activity.log"]._log_transactions(
            "report_answered", self, note=answer
        )

    def _check_not_reported(self):
        """Check that no customer waits for an answer about one of these.

        :raise UserError: if so; the message names it.
        """
        held = self.filtered(lambda t: t.report_state == "open")
        if held:
            raise UserError(
                self.env._(
                    "“%(title)s” was reported by the customer, and is not billed before"
                    " somebody answers: open it, and press Answer.",
                    title=held[0].name,
                )
            )

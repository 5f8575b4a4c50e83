from datetime import timedelta

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_normalize

from ...tools.database import commit_progress

MAX_NOTICES = 200
#: Between a message's being sent and its row here, which are written together.
NEAR = timedelta(minutes=10)


class OmniBillingActivityLog(models.Model):
    """Telling the address for notices what was done (F122, F123); what was sent."""

    _inherit = "omni.billing.activity.log"

    def action_open_sent(self):
        """Open what was sent on that day.

        :raise UserError: if it was not kept.
        """
        self.ensure_one()
        self.check_access("read")
        mails = self.env["omni.billing.mail"].search(
            Domain("sent_file_count", ">", 0)
            & Domain("sent_date", ">=", self.create_date - NEAR)
            & Domain("sent_date", "<=", self.create_date + NEAR)
            & (
                Domain("move_id", "=", self.move_id.id)
                | Domain("other_move_ids", "in", self.move_id.ids)
            )
        )
        if not mails:
            raise UserError(
                self.env._(
                    "What was sent then was not kept: it was before this version."
                )
            )
        nearest = mails.sorted(lambda mail: abs(mail.sent_date - self.create_date))[:1]
        return nearest.action_open_sent()

    @api.model
    def _cron_tell(self):
        """Tell the address for notices what was done, in one mail for each company."""
        rows = self.search([("to_tell", "=", True)], order="id")
        for company, found in rows.grouped("company_id").items():
            address = email_normalize(company.billing_notice_email or "")
            if address:
                found._mail_notice(company, address)
            found.to_tell = False
        commit_progress(self.env, len(rows))

    def _mail_notice(self, company, address):
        rows = self.with_context(lang=company.partner_id.lang or self.env.lang)
        env = rows.env
        body = env["ir.qweb"]._render(
            "omni_billing.notice_mail",
            {
                "company": company,
                "rows": rows[:MAX_NOTICES],
                "more": max(0, len(rows) - MAX_NOTICES),
                "labels": dict(self._fields["action"]._description_selection(env)),
            },
        )
        self.env["mail.mail"].create(
            {
                "subject": env._("%(company)s: billing activity", company=company.name),
                "email_to": address,
                "email_from": company._billing_get_sender(),
                "body_html": body,
                "auto_delete": True,
            }
        )

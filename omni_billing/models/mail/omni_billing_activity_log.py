from odoo import api, models
from odoo.tools import email_normalize

from ...tools.database import commit_progress

MAX_NOTICES = 200


class OmniBillingActivityLog(models.Model):
    """Telling the address for notices what was done (F122, F123)."""

    _inherit = "omni.billing.activity.log"

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
                "email_from": company.billing_mail_sender or company.email_formatted,
                "body_html": body,
                "auto_delete": True,
            }
        )

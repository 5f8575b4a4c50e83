from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain

#: Customers that the last message of a run names; the others are on its list.
NAMED = 20


class OmniBillingRun(models.Model):
    """How many invoices of a run did not reach their customers, and who they are."""

    _inherit = "omni.billing.run"

    unsent_count = fields.Integer(
        string="Not Sent",
        compute="_compute_unsent_count",
        compute_sudo=True,
        help="Invoices that were not sent, or did not arrive, and nobody saw to it.",
    )
    waiting_count = fields.Integer(
        string="In the Outbox",
        compute="_compute_unsent_count",
        compute_sudo=True,
        help="Invoices whose e-mail was not taken by a mail server yet.",
    )
    mail_problem = fields.Char(
        compute="_compute_mail_problem",
        help="What keeps the e-mails of the company from going out.",
    )

    @api.depends("line_ids.email_state")
    def _compute_unsent_count(self):
        Line = self.env["omni.billing.run.line"]
        unsent = self._count_lines(Line._get_unsent_domain())
        waiting = self._count_lines(Line._get_waiting_domain())
        for run in self:
            run.unsent_count = unsent.get(run, 0)
            run.waiting_count = waiting.get(run, 0)

    @api.depends("is_email", "company_id", "state")
    def _compute_mail_problem(self):
        for run in self:
            wants = run.is_email and run.state not in ("done", "cancelled")
            wants = wants or run.waiting_count
            problem = wants and run.company_id._billing_find_mail_warning()
            run.mail_problem = problem or False

    @api.readonly
    def get_progress(self):
        """Override: with what did not go out, and what waits."""
        return super().get_progress() | {
            "unsent": self.unsent_count,
            "waiting": self.waiting_count,
        }

    def _explain_end(self):
        """Override: who got no e-mail, and why."""
        told = super()._explain_end()
        if self.waiting_count:
            told += Markup("<br/>%s") % self.env._(
                "In the outbox: %(count)s. The run shows what becomes of them.",
                count=self.waiting_count,
            )
        if not self.unsent_count:
            return told
        Line = self.env["omni.billing.run.line"]
        unsent = Line.search(
            Domain("run_id", "=", self.id) & Line._get_unsent_domain(), limit=NAMED
        )
        rows = [
            Markup("<li>%s: %s</li>") % (line.partner_id.display_name, line.mail_error)
            for line in unsent
        ]
        if left := self.unsent_count - len(unsent):
            more = self.env._("and %(count)s more: see Not Sent", count=left)
            rows.append(Markup("<li>%s</li>") % more)
        return told + Markup("<ul>%s</ul>") % Markup("").join(rows)

from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import split_every

#: Invoices that are worked on in one database transaction.
BATCH = 100


class OmniBillingReminderLevel(models.Model):
    """When customers are reminded of what they owe, and how (F187, W15)."""

    _name = "omni.billing.reminder.level"
    _description = "Reminder Level"
    _order = "days, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", help="Empty: for all companies that send reminders."
    )
    days = fields.Integer(
        string="Days after Due Date",
        required=True,
        help="Less than zero: before the due date.",
    )
    mail_template_id = fields.Many2one(
        "mail.template",
        string="E-mail Template",
        domain="[('model', '=', 'account.move')]",
        help="Empty: the reminder of billing.",
    )
    mailjet_template = fields.Char(
        help="Id or name of a template at Mailjet. Empty: the text of Odoo's template."
    )
    to_customer = fields.Boolean(string="To the Customer", default=True)
    to_salesperson = fields.Boolean(string="To the Salesperson")

    _has_recipient = models.Constraint(
        "CHECK(to_customer OR to_salesperson)", "A reminder has to be for somebody."
    )


class OmniBillingReminder(models.Model):
    """A level that an invoice has come to: each once, the database sees to it."""

    _name = "omni.billing.reminder"
    _description = "Reminder of an Invoice"
    _order = "id desc"

    move_id = fields.Many2one(
        "account.move", string="Invoice", required=True, index=True, ondelete="cascade"
    )
    level_id = fields.Many2one(
        "omni.billing.reminder.level", required=True, ondelete="cascade"
    )
    days = fields.Integer(required=True, help="Of the level, when it was reached.")
    date = fields.Date(required=True, default=fields.Date.context_today)
    state = fields.Selection(
        [("sent", "Reminded"), ("passed", "Passed over")],
        string="Status",
        required=True,
        help="Passed over: a later level was due as well, and one mail is enough.",
    )
    mail_id = fields.Many2one("omni.billing.mail", string="E-mail", ondelete="set null")

    _level_uniq = models.Constraint(
        "UNIQUE(move_id, level_id)", "An invoice comes to each level once."
    )

    @api.model
    def _cron_remind(self):
        """Remind customers of all companies that want it."""
        companies = self.env["res.company"].search([("billing_reminders", "=", True)])
        for company in companies:
            if not self.with_company(company)._remind_customers(company):
                return

    @api.model
    def _remind_customers(self, company):
        """Remind of what is due, whatever days were missed; commits.

        The highest level is first: an invoice that has come to it is past the others.

        :return: False if the time for it is over.
        """
        Level = self.env["omni.billing.reminder.level"]
        levels = Level.search([("company_id", "in", (False, company.id))])
        cron = self.env["ir.cron"]
        for level in levels.sorted("days", reverse=True):
            ids = self.env["account.move"].search(self._get_due_domain(level, company))
            for batch_ids in split_every(BATCH, ids.ids):
                moves = self.env["account.move"].browse(batch_ids)
                # Whoever takes a payment right now comes first; the rest is for later.
                moves.try_lock_for_update()._billing_reach_level(level)
                if not cron._commit_progress(len(batch_ids)):
                    return False
        return True

    @api.model
    def _get_due_domain(self, level, company):
        """Return the invoices that have come to a level, but were not told. Hook."""
        today = fields.Date.context_today(self)
        return (
            self.env["account.move"]._billing_get_remindable_domain(company)
            & Domain("invoice_date_due", "<=", today - timedelta(days=level.days))
            & Domain("billing_reminder_ids", "not any", [("level_id", "=", level.id)])
        )

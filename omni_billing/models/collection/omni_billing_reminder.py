import logging
from datetime import timedelta

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import split_every

from ...tools.database import commit_progress, savepoint

_logger = logging.getLogger(__name__)

#: Customers that are worked on in one database transaction.
BATCH = 100


class OmniBillingReminderLevel(models.Model):
    """When customers are reminded of what they owe, and how (F187, W15)."""

    _name = "omni.billing.reminder.level"
    _description = "Reminder Level"
    _order = "days, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.user._billing_get_default_company(),
        help="Empty: for all companies that send reminders.",
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

    @api.constrains("days", "company_id", "active")
    def _check_days(self):
        for level in self:
            if not -365 <= level.days <= 3650:
                raise ValidationError(
                    self.env._(
                        "“%(level)s”: enter from 365 days before the due date (-365) to"
                        " 3650 days after it.",
                        level=level.name,
                    )
                )
            if other := level._find_same_day():
                raise ValidationError(
                    self.env._(
                        "“%(level)s” and “%(other)s” are on the same day, %(days)s"
                        " days after the due date. A customer gets one reminder a day:"
                        " choose another day, or archive one of them.",
                        level=level.name,
                        other=other.name,
                        days=level.days,
                    )
                )

    def _find_same_day(self):
        """Return another level that reminds the same customers on the same day."""
        if not self.active:
            return self.browse()
        domain = [("id", "!=", self.id), ("days", "=", self.days)]
        if self.company_id:
            domain.append(("company_id", "in", (False, self.company_id.id)))
        return self.search(domain, limit=1)

    @api.constrains("mail_template_id")
    def _check_mail_template_id(self):
        self.env["account.move"]._billing_check_template(self.mail_template_id)


class OmniBillingReminder(models.Model):
    """A level that an invoice has come to: each once, the database sees to it."""

    _name = "omni.billing.reminder"
    _inherit = "omni.billing.server.mixin"
    _description = "Reminder of an Invoice"
    _order = "id desc"

    move_id = fields.Many2one(
        "account.move", string="Invoice", required=True, index=True, ondelete="cascade"
    )
    level_id = fields.Many2one(
        "omni.billing.reminder.level",
        required=True,
        ondelete="cascade",
        index=True,
    )
    days = fields.Integer(required=True, help="Of the level, when it was reached.")
    date = fields.Date(required=True, default=fields.Date.context_today)
    state = fields.Selection(
        [("sent", "Reminded"), ("passed", "Passed over")],
        string="Status",
        required=True,
        help="Passed over: a later level was due as well, and one mail is enough.",
    )
    mail_id = fields.Many2one(
        "omni.billing.mail",
        string="E-mail",
        ondelete="set null",
        index="btree_not_null",
    )

    _level_uniq = models.Constraint(
        "UNIQUE(move_id, level_id)", "An invoice comes to each level once."
    )

    @api.model
    def _cron_remind(self):
        """Remind customers of all companies that want it, each of all that is due."""
        companies = self.env["res.company"].search([("billing_reminders", "=", True)])
        todo = [
            (company, self.with_company(company)._find_customer_ids(company))
            for company in companies
        ]
        # Odoo goes on with the job at once as long as something is left.
        left = sum(len(customer_ids) for _company, customer_ids in todo)
        commit_progress(self.env, remaining=left)
        for company, customer_ids in todo:
            reminders = self.with_company(company)
            for ids in split_every(BATCH, customer_ids):
                reminders._remind(ids)
                if not commit_progress(self.env, len(ids)):
                    return
        commit_progress(self.env, remaining=0)

    @api.model
    def _find_customer_ids(self, company):
        """Return who has an invoice that has come to a level, and was not told."""
        found = set()
        for level in self._find_levels(company):
            domain = self._get_due_domain(level, company)
            groups = self.env["account.move"]._read_group(
                domain, ["commercial_partner_id"]
            )
            found.update(customer.id for (customer,) in groups)
        return sorted(found)

    @api.model
    def _find_levels(self, company):
        """Return the levels of a company, the highest first.

        An invoice that has come to a high one is past the others, whatever days were
        missed.
        """
        Level = self.env["omni.billing.reminder.level"]
        levels = Level.search([("company_id", "in", (False, company.id))])
        return levels.sorted("days", reverse=True)

    @api.model
    def _remind(self, customer_ids):
        """Have what these customers owe come to its levels."""
        Move, company = self.env["account.move"], self.env.company
        levels = self._find_levels(company)
        early = min([0, *levels.mapped("days")])
        today = fields.Date.context_today(self)
        moves = Move.search(
            Move._billing_get_remindable_domain(company)
            & Move._billing_get_due_domain(today - timedelta(days=early))
            & Domain("commercial_partner_id", "in", customer_ids)
        )
        try:
            with savepoint(self.env):
                # Invoices that somebody holds, as for a payment, or names in a new row,
                # are for the next run, and all else of that customer with them.
                free = moves.try_lock_for_update()
                busy = (moves - free).commercial_partner_id
                free.filtered(
                    lambda move: move.commercial_partner_id not in busy
                )._billing_reach_levels(levels)
        except UniqueViolation as error:
            # Staff sent a reminder by hand this very moment: the next run sees it.
            _logger.info("Reminders are left for later: %s", error)

    @api.model
    def _get_due_domain(self, level, company):
        """Return the invoices that have come to a level, but were not told.

        They have their customers reminded. Hook. What no message is to have is left out
        by `_billing_get_remindable_domain`.
        """
        today = fields.Date.context_today(self)
        return (
            self.env["account.move"]._billing_get_remindable_domain(company)
            & self.env["account.move"]._billing_get_due_domain(
                today - timedelta(days=level.days)
            )
            & Domain("billing_reminder_ids", "not any", [("level_id", "=", level.id)])
        )

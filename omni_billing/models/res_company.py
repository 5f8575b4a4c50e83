from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date


class ResCompany(models.Model):
    _name = "res.company"
    _inherit = ["res.company", "omni.billing.mail.company.mixin"]

    billing_journal_id = fields.Many2one(
        "account.journal",
        check_company=True,
        domain="[('type', '=', 'sale')]",
        help="Where invoices of transactions go. Empty: the first sales journal.",
    )
    billing_number_dashed = fields.Boolean(
        string="Numbers like INV-2025-001234",
        help="Number customer invoices with dashes and six digits.",
    )
    billing_void_method = fields.Selection(
        [("cancel", "Cancel the invoice"), ("credit_note", "Balance by a credit note")],
        string="Voiding an Invoice",
        required=True,
        default="cancel",
        help="Inalterable journals and closed periods always need a credit note.",
    )
    billing_cash_journal_id = fields.Many2one(
        "account.journal",
        string="Cash Journal",
        check_company=True,
        domain="[('type', '=', 'cash')]",
    )
    billing_pos_journal_id = fields.Many2one(
        "account.journal",
        string="POS Terminal Journal",
        check_company=True,
        domain="[('type', 'in', ('bank', 'credit', 'cash'))]",
    )
    billing_bank_journal_id = fields.Many2one(
        "account.journal",
        string="Bank Journal",
        check_company=True,
        domain="[('type', '=', 'bank')]",
    )
    billing_payment_instructions = fields.Text(
        string="Payment Instructions",
        translate=True,
        help="Printed at the foot of unpaid invoices, beside the bank account.",
    )

    billing_portal_scope = fields.Selection(
        [
            ("company", "All contacts of a customer"),
            ("invoice", "The customer's own login and its invoice contacts"),
        ],
        string="Who Sees the Account",
        required=True,
        default="company",
        help="Which logins of a company see its transactions, invoices and cards.",
    )

    # === Unpaid invoices === #
    billing_reminders = fields.Boolean(
        string="Send Reminders",
        help="Customers are reminded of unpaid invoices, level by level.",
    )
    billing_late_fee = fields.Selection(
        [
            ("none", "No late fee"),
            ("percent", "Percent of what is owed, each month"),
            ("fixed", "A fixed amount, each month"),
        ],
        string="Late Fee",
        required=True,
        default="none",
        help="A charge on the customer's next invoice, for each month that is begun.",
    )
    billing_late_fee_percent = fields.Float(string="Percent a Month")
    billing_late_fee_amount = fields.Monetary(
        string="Amount a Month", currency_field="currency_id"
    )
    billing_late_fee_grace = fields.Integer(
        string="Grace Days", help="Days after the due date without a fee."
    )

    _billing_late_fee_positive = models.Constraint(
        "CHECK(billing_late_fee_percent >= 0 AND billing_late_fee_percent <= 100"
        " AND billing_late_fee_amount >= 0 AND billing_late_fee_grace >= 0)",
        "A late fee is at most 100 %, and neither it nor the days are less than zero.",
    )
    billing_retry_days = fields.Char(
        string="Retry Failed Charges",
        default="1, 3, 7",
        help="How many days after the first failed charge of a billing run a card is"
        " charged again. Empty: it is left to staff at once.",
    )

    @api.constrains("billing_retry_days")
    def _check_billing_retry_days(self):
        for company in self:
            try:
                days = company._billing_get_retry_days()
            except ValueError:
                days = [0]
            if days != sorted(set(days)) or any(not 0 < day < 366 for day in days):
                raise ValidationError(
                    self.env._(
                        "Enter the days of retries as rising numbers, like 1, 3, 7."
                    )
                )

    def _billing_get_retry_days(self):
        """Return the days after a first failure on which a card is charged again."""
        self.ensure_one()
        text = (self.billing_retry_days or "").strip()
        return [int(day) for day in text.split(",")] if text else []

    def _has_field_access(self, field, operation):
        """Override of the ORM: how a company bills is not told to its customers.

        Odoo lets them read companies; a field of ours would need groups each.
        """
        if field.name.startswith("billing_") and not self.env.su:
            if self.env.user.share:
                return False
        return super()._has_field_access(field, operation)

    def write(self, vals):
        result = super().write(vals)
        if "billing_portal_scope" in vals:
            # Access rules are kept in memory.
            self.env.registry.clear_cache()
        return result

    def _billing_get_journal(self):
        """Return the sales journal of billing.

        :raise UserError: if the company has none.
        """
        self.ensure_one()
        journal = self.billing_journal_id or self._billing_find_journal(["sale"])
        if not journal:
            raise UserError(
                self.env._(
                    "%(company)s has no sales journal. Create one in Accounting, or"
                    " install a chart of accounts.",
                    company=self.name,
                )
            )
        return journal

    def _billing_get_payment_journal(self, mode):
        """Return the journal that takes the money of a manual payment.

        :param str mode: ``cash``, ``pos`` or ``bank``.
        """
        self.ensure_one()
        types = {"cash": ["cash"], "pos": ["bank", "credit"], "bank": ["bank"]}[mode]
        return (
            self[f"billing_{mode}_journal_id"]
            or self._billing_find_journal(types)
            # Odoo's charts come without a cash journal: the money then waits in the
            # outstanding receipts of another journal, for the accountant to match.
            or self._billing_find_journal(["bank", "cash", "credit"])
        )

    def _billing_find_journal(self, types):
        Journal = self.env["account.journal"]
        return Journal.search(
            [*Journal._check_company_domain(self), ("type", "in", types)], limit=1
        )

    def _billing_check_open(self, date, journal):
        """Raise if the books are closed on a date.

        Odoo would move the entry behind the closed period without a word; a person
        who bills or takes money is told instead.

        :raise UserError: naming the lock and where to change it.
        """
        self.ensure_one()
        if locks := self._get_violated_lock_dates(date, True, journal):
            raise UserError(
                self.env._(
                    "The books of %(company)s are closed up to %(date)s"
                    " (%(locks)s), so nothing can be posted on %(day)s. Ask an"
                    " accountant to open the period, or choose a later date.",
                    company=self.name,
                    date=format_date(self.env, locks[-1][0]),
                    locks=self._format_lock_dates(locks),
                    day=format_date(self.env, date),
                )
            )

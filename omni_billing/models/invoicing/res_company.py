from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ...tools.retell import KeptText


class ResCompany(models.Model):
    """Where invoices of transactions go, and how they are numbered and voided."""

    _inherit = "res.company"

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
        compute="_compute_billing_void_method",
        store=True,
        readonly=False,
        precompute=True,
        help="Follows the country. Inalterable journals, closed periods and earlier"
        " months always need a credit note.",
    )

    billing_use_proven = fields.Boolean(
        string="Fast Billing",
        readonly=True,
        copy=False,
        help="Ordinary invoices of a run are written like two that Odoo made.",
    )
    billing_proven_at = fields.Datetime(string="Proved On", readonly=True, copy=False)
    billing_proven_key = fields.Char(
        readonly=True, copy=False, groups="base.group_system"
    )
    billing_proven_report = KeptText(
        string="What Was Compared", readonly=True, copy=False
    )
    billing_proven_problem = KeptText(
        string="Why Fast Billing Is Off", readonly=True, copy=False
    )

    @api.depends("partner_id.country_id")
    def _compute_billing_void_method(self):
        """Choose what the country wants: in the European Union, a credit note (F168).

        A numbered invoice is corrected there by another document (directive
        2006/112/EC, article 219).
        """
        union = self.env.ref("base.europe", raise_if_not_found=False)
        for company in self:
            country = company.partner_id.country_id
            is_member = bool(union and country and country in union.country_ids)
            company.billing_void_method = "credit_note" if is_member else "cancel"

    # === Unpaid invoices === #

    def _billing_get_journal(self):
        """Return the sales journal of billing.

        :raise UserError: if the company has none.
        """
        self.ensure_one()
        if problem := self._billing_explain_no_journal():
            raise UserError(problem)
        return self.billing_journal_id or self._billing_find_journal(["sale"])

    def _billing_explain_no_journal(self):
        """Return what to do where no invoice can be posted, or nothing."""
        self.ensure_one()
        if self.billing_journal_id or self._billing_find_journal(["sale"]):
            return None
        return self.env._(
            "%(company)s has no sales journal, so nothing can be billed. An accountant"
            " installs a chart of accounts, or adds a sales journal: Billing >"
            " Configuration > First Steps leads there.",
            company=self.name,
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

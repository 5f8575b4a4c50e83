from odoo import api, fields, models
from odoo.exceptions import UserError


class ResCompany(models.Model):
    """On which accounts Stripe's fees, payouts and disputes are booked."""

    _inherit = "res.company"

    billing_fee_account_id = fields.Many2one(
        "account.account",
        string="Stripe's Fees",
        check_company=True,
        domain="[('account_type', 'in', ('expense', 'expense_direct_cost'))]",
        help="Nothing of payouts and disputes is booked before it is chosen.",
    )
    billing_fee_tax_account_id = fields.Many2one(
        "account.account",
        string="Tax on Stripe's Fees",
        check_company=True,
        help="What Stripe says is tax. Empty: it is part of the fees.",
    )
    billing_payout_account_id = fields.Many2one(
        "account.account",
        string="Payouts on the Way",
        check_company=True,
        domain="[('reconcile', '=', True)]",
        help="Where a payout stands until the bank statement has it. Empty: the account"
        " of internal transfers.",
    )
    billing_dispute_account_id = fields.Many2one(
        "account.account",
        string="Disputed Payments",
        check_company=True,
        domain="[('reconcile', '=', True)]",
        help="Where disputed money stands until the bank decides. Empty: disputes are"
        " not booked.",
    )
    billing_payout_journal_id = fields.Many2one(
        "account.journal",
        string="Journal of Payouts",
        check_company=True,
        domain="[('type', '=', 'general')]",
        help="Empty: the first journal for miscellaneous entries.",
    )
    billing_payouts_since = fields.Date(
        string="Book Payouts Since",
        compute="_compute_billing_payouts_since",
        store=True,
        readonly=False,
        help="What was paid out before this day was booked by hand. If you set an"
        " earlier day, what lies between is booked when Stripe is asked next.",
    )

    @api.depends("billing_fee_account_id")
    def _compute_billing_payouts_since(self):
        """Begin on the day that it is set up: what was before is in the books.

        Without an account it is booked by hand, so who chooses one again begins anew.
        """
        today = fields.Date.context_today(self)
        for company in self:
            is_set_up = bool(company.billing_fee_account_id)
            if is_set_up != bool(company.billing_payouts_since):
                company.billing_payouts_since = is_set_up and today

    # === HELPERS === #

    def _billing_is_before_payouts(self, day):
        """Whether what Stripe moved on that day was booked by hand."""
        self.ensure_one()
        since = self.billing_payouts_since
        return bool(since and day and day < since)

    def _billing_get_payout_account(self):
        """Return the account of payouts that are on their way to the bank.

        :raise UserError: if there is none.
        """
        self.ensure_one()
        account = self.billing_payout_account_id or self.transfer_account_id
        if not account:
            raise UserError(
                self.env._(
                    "%(company)s has no account for payouts on their way to the bank."
                    " Choose one in Billing > Configuration > Settings, under Stripe.",
                    company=self.name,
                )
            )
        return account

    def _billing_get_payout_journal(self):
        """Return the journal of payouts, fees and disputes.

        :raise UserError: if there is none.
        """
        self.ensure_one()
        journal = self.billing_payout_journal_id or self._billing_find_journal(
            ["general"]
        )
        if not journal:
            raise UserError(
                self.env._(
                    "%(company)s has no journal for miscellaneous entries. Create one"
                    " in Accounting, or install a chart of accounts.",
                    company=self.name,
                )
            )
        return journal

    def _billing_create_entry(self, reference, date, title, lines):
        """Post an entry about Stripe's balance, once for each reference.

        :param str reference: Stripe's id of what is booked: the key of the entry.
        :param list lines: values of journal items, in the company's currency and
            their own; they balance.
        :return: the `account.move`.
        :raise UserError: if the books are closed on that date.
        """
        self.ensure_one()
        journal = self._billing_get_payout_journal()
        self._billing_check_open(date, journal)
        moves = self.env["account.move"].with_company(self)
        return moves._billing_post_of_stripe(
            {
                "move_type": "entry",
                "company_id": self.id,
                "journal_id": journal.id,
                "date": date,
                "ref": title,
                "billing_stripe_ref": reference,
            },
            lines,
        )

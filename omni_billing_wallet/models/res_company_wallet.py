from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class ResCompany(models.Model):
    """Where money that is paid in advance is booked, and for how long it can be used"""

    _inherit = "res.company"

    billing_wallet_account_id = fields.Many2one(
        "account.account",
        string="Customer Advances",
        check_company=True,
        domain="[('account_type', 'in', ('liability_current',"
        " 'liability_non_current')), ('reconcile', '=', True)]",
        help="A liability whose items can be reconciled. With it, customers can pay in"
        " advance.",
    )
    billing_wallet_tax_id = fields.Many2one(
        "account.tax",
        string="Tax of Top-Ups",
        check_company=True,
        domain="[('type_tax_use', '=', 'sale'), ('amount', '=', 0)]",
        help="Prepaid money is taxed when it is used. Where an e-invoice has to name a"
        " tax on each line, choose one of 0 %.",
    )
    billing_wallet_days = fields.Integer(
        string="Days until Prepaid Money Expires",
        help="Counted from its payment. 0: never.",
    )
    billing_wallet_tell_days = fields.Integer(
        string="Tell Customers so Many Days before It Expires",
        default=14,
        help="Customers get an e-mail so many days before prepaid money expires, once."
        " 0: not at all.",
    )
    billing_wallet_income_account_id = fields.Many2one(
        "account.account",
        string="Income of Expired Money",
        check_company=True,
        domain="[('internal_group', '=', 'income')]",
        help="What expired is booked here by a job. Empty: it cannot be used any more,"
        " and stays a liability, where the law has it given to the state or paid back.",
    )

    @api.constrains("billing_wallet_account_id", "billing_wallet_income_account_id")
    def _check_billing_wallet_accounts(self):
        for company in self:
            account = company.billing_wallet_account_id
            if account and not (
                account.internal_group == "liability"
                and account.account_type
                in ("liability_current", "liability_non_current")
                and account.reconcile
            ):
                raise ValidationError(
                    self.env._(
                        "%(account)s cannot hold prepaid money: choose a current or"
                        " non-current liability that allows reconciliation.",
                        account=account.display_name,
                    )
                )
            income = company.billing_wallet_income_account_id
            if income and income.internal_group != "income":
                raise ValidationError(
                    self.env._(
                        "%(account)s is no income: choose another account for prepaid"
                        " money that expired.",
                        account=income.display_name,
                    )
                )

    @api.constrains("billing_wallet_tax_id")
    def _check_billing_wallet_tax(self):
        for tax in self.billing_wallet_tax_id:
            if tax.amount or tax.amount_type != "percent":
                raise ValidationError(
                    self.env._(
                        "%(tax)s is not 0 %%: prepaid money is taxed when it is used.",
                        tax=tax.display_name,
                    )
                )

    @api.constrains("billing_wallet_days")
    def _check_billing_wallet_days(self):
        for company in self:
            if not 0 <= company.billing_wallet_days <= 36500:
                raise ValidationError(
                    self.env._("Prepaid money expires after 0 (never) to 36500 days.")
                )

    def _billing_get_wallet_account(self):
        """Return where money that is paid in advance is a liability.

        :raise UserError: if the company has none.
        """
        self.ensure_one()
        # sudo: whoever takes money need not read accounts.
        account = self.sudo().billing_wallet_account_id
        if not account:
            raise UserError(
                self.env._(
                    "%(company)s has no account for prepaid money. An accountant"
                    " chooses one in the settings of Billing, at Prepaid Money.",
                    company=self.name,
                )
            )
        return account

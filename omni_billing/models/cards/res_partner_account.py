from odoo import fields, models
from odoo.fields import Domain

from ...const import UNPAID_STATES
from ...tools.debit import DEBITS


class ResPartner(models.Model):
    """Which bank accounts a customer can save, and which wait to be verified (W33)."""

    _inherit = "res.partner"

    billing_waiting_accounts = fields.Char(
        string="Accounts to Verify",
        compute="_compute_billing_waiting_accounts",
        groups="omni_billing.omni_billing_group_user,account.group_account_readonly",
    )

    def _compute_billing_waiting_accounts(self):
        for partner in self:
            waiting = partner._billing_find_waiting_accounts()
            partner.billing_waiting_accounts = " · ".join(
                saving._billing_describe_waiting() for saving in waiting
            )

    def _billing_find_waiting_accounts(self):
        """Return what the customer began to save and has to verify, in sudo."""
        self.ensure_one()
        # sudo: payments are internal; who asks sees the customer.
        savings = self.env["payment.transaction"].sudo()
        return savings.search(
            Domain("billing_page_ref", "!=", False)
            & Domain("state", "=", "draft")
            & Domain("billing_deposits", "!=", False)
            & Domain(
                "partner_id.commercial_partner_id", "=", self.commercial_partner_id.id
            )
        )

    def _billing_get_account_provider(self, company):
        """Return where a seller saves bank accounts, in sudo; none if it does not."""
        # sudo: settings and providers are an administrator's.
        sellers = company.sudo().parent_ids
        providers = self.env["payment.provider"].sudo()  # sudo: as above
        found = providers.search(
            [
                ("code", "=", "stripe"),
                ("state", "in", ("enabled", "test")),
                ("is_published", "=", True),
                ("allow_tokenization", "=", True),
                ("company_id", "in", sellers.ids),
                # The company that has the account at Stripe says whether it debits.
                ("company_id.billing_debits", "=", True),
            ]
        )
        # One that moves money, and the nearest one.
        return found.sorted(
            lambda one: (one.state != "enabled", -len(one.company_id.parent_ids))
        )[:1]

    def _billing_get_account_methods(self, company):
        """Return the kinds of debit, `payment.method`, that accounts are saved for.

        Those in a currency of the seller, or of what the customer owes, as far as
        Stripe has them for sellers of that country.
        """
        # sudo: customers do not read methods; Odoo's are archived until an
        # administrator offers them on its own form.
        methods = self.env["payment.method"].sudo().with_context(active_test=False)
        provider = self._billing_get_account_provider(company)
        country = provider.company_id.country_id.code
        codes = [
            code
            for code, debit in DEBITS.items()
            if provider
            and (not debit.countries or country in debit.countries)
            and self._billing_get_account_currency(company, debit)
        ]
        found = methods.search([("code", "in", codes)])
        # Others may have made one of the same code.
        return methods.union(*(same[:1] for same in found.grouped("code").values()))

    def _billing_get_account_currency(self, company, debit):
        """Return the currency in which an account would be debited, none if in none."""
        # sudo: what is owed decides, whoever asks.
        moves = self.env["account.move"].sudo()
        owed = moves._read_group(
            Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("company_id", "=", company.id)
            & Domain("billing_state", "in", UNPAID_STATES),
            ["currency_id"],
        )
        # sudo: as above
        currencies = company.sudo().currency_id.union(*(one for [one] in owed))
        return currencies.filtered(lambda one: one.name in debit.currencies)[:1]

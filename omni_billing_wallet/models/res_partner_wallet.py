from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.action import open_list


class ResPartner(models.Model):
    """What a customer paid in advance, on its billing tab (W51)."""

    _inherit = "res.partner"

    billing_wallet_balance = fields.Char(
        string="Prepaid Money",
        compute="_compute_billing_wallet_balance",
        groups="omni_billing.omni_billing_group_user",
        help="What can be used now, in each currency.",
    )
    billing_can_prepay = fields.Boolean(
        compute="_compute_billing_wallet_balance",
        groups="omni_billing.omni_billing_group_user",
    )

    @api.depends_context("company")
    def _compute_billing_wallet_balance(self):
        company = self.env.company
        # sudo: who bills need not read accounts.
        can_prepay = bool(company.sudo().billing_wallet_account_id)
        Wallet = self.env["omni.billing.wallet"]
        for partner in self:
            customer = partner.commercial_partner_id
            wallets = Wallet
            if customer:
                wallets = Wallet.search(
                    Wallet._get_customer_domain(customer)
                    & Domain("company_id", "=", company.id),
                    limit=20,
                )
            partner.billing_wallet_balance = (
                format_list(self.env, [one._describe_balance() for one in wallets])
                if wallets
                else False
            )
            partner.billing_can_prepay = can_prepay

    def action_billing_wallet(self):
        """Show the prepaid money of the customer; it is switched on by that."""
        self.ensure_one()
        Wallet = self.env["omni.billing.wallet"]
        Wallet._check_staff()
        customer = self.commercial_partner_id
        domain = Wallet._get_customer_domain(customer) & Domain(
            "company_id", "=", self.env.company.id
        )
        wallets = Wallet.search(domain, limit=2)
        if len(wallets) > 1:
            return open_list(
                self.env, "omni_billing_wallet.omni_billing_wallet_action", list(domain)
            )
        wallet = wallets or Wallet._open_for(customer)
        return {
            "type": "ir.actions.act_window",
            "res_model": wallet._name,
            "res_id": wallet.id,
            "views": [(False, "form")],
        }

    def action_billing_top_up(self):
        """Ask how much the customer pays in advance, and then how."""
        self.ensure_one()
        Wallet = self.env["omni.billing.wallet"]
        Wallet._check_staff()
        return Wallet._open_for(self).action_top_up()

    def _billing_get_spare_credit(self, company, currency, due=None):
        """Override: and the prepaid money that a new invoice would take first."""
        spare = super()._billing_get_spare_credit(company, currency, due)
        wallets = self.env["omni.billing.wallet"]._find_for(self, company)
        own = wallets.filtered(lambda wallet: wallet.currency_id == currency)
        return spare + max(0.0, sum(own.mapped("balance")))

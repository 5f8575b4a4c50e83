from odoo import fields, models

from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once


class OmniBillingWalletTopUpWizard(models.TransientModel):
    """Take money in advance: how much, and then how, as for any invoice (W51)."""

    _name = "omni.billing.wallet.top.up.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Top Up"

    wallet_id = fields.Many2one("omni.billing.wallet", required=True, readonly=True)
    partner_id = fields.Many2one(related="wallet_id.partner_id")
    currency_id = fields.Many2one(related="wallet_id.currency_id")
    balance = fields.Monetary(related="wallet_id.balance")
    amount = fields.Monetary()

    @once
    def action_top_up(self):
        """Invoice the top-up, and ask how it is paid."""
        self.wallet_id._check_staff()
        self.env["account.move"].check_access("create")
        return self.wallet_id._top_up(self.amount, "staff").action_billing_pay()

from odoo import models


class OmniBillingInstallment(models.Model):
    """No automatic top-up is charged once these are off (W51)."""

    _inherit = "omni.billing.installment"

    def _charge(self):
        """Override: also what waited for its turn, an outcome, or another try."""
        # sudo: whoever charges need not read wallets.
        move = self.invoice_id.sudo()
        if move.billing_wallet_origin == "auto":
            wallet = move.billing_wallet_id
            if not wallet._is_on():
                self._give_up(self.env._("Automatic top-ups were switched off."))
                wallet._trigger_job()
                return
            if wallet._is_less_agreed(move):
                self._give_up(self.env._("The customer agreed to less since."))
                return
        super()._charge()

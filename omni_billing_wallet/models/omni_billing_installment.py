from odoo import models


class OmniBillingInstallment(models.Model):
    """No automatic top-up is charged once these are off (W51)."""

    _inherit = "omni.billing.installment"

    def _charge(self):
        """Override: also what waited for its turn, an outcome, or another try."""
        # sudo: whoever charges need not read wallets.
        move = self.invoice_id.sudo()
        wallet = move.billing_wallet_id
        if move.billing_wallet_origin == "auto" and not wallet._is_on():
            self._give_up(self.env._("Automatic top-ups were switched off."))
            wallet._trigger_job()
            return
        super()._charge()

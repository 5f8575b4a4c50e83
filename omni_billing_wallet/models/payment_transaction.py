from odoo import models

from .omni_billing_pack import UNDISPUTED


class PaymentTransaction(models.Model):
    """Prepaid money that a customer's bank wanted back (W51)."""

    _inherit = "payment.transaction"

    def _billing_note_dispute(self, reference, state):
        """Override: what can be used again after all pays what is unpaid, at once."""
        is_news = super()._billing_note_dispute(reference, state)
        # sudo: whoever tells of it need not read wallets.
        wallets = self.sudo().invoice_ids.billing_wallet_id
        if is_news and wallets and state in UNDISPUTED:
            wallets._trigger_job()
        return is_news

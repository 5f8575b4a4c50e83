from odoo import models


class PaymentMethod(models.Model):
    _inherit = "payment.method"

    def _billing_is_card(self):
        """Whether it is a card: brands of cards are methods in Odoo."""
        self.ensure_one()
        # Odoo calls what comes from a wallet "unknown", and asks Stripe for a card.
        codes = {self.code, self.primary_payment_method_id.code}
        return bool(codes & {"card", "unknown"})

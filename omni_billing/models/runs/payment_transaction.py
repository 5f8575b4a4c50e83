from odoo import models


class PaymentTransaction(models.Model):
    """What runs do that wait for the outcome of a charge."""

    _inherit = "payment.transaction"

    def _billing_tell_waiting(self):
        """Override: lines of runs learn the outcome at once."""
        # sudo: they are the job's.
        self.env["omni.billing.run.line"].sudo()._learn_outcomes(self.invoice_ids)
        return super()._billing_tell_waiting()

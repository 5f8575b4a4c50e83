from odoo import models


class PaymentTransaction(models.Model):
    """What runs do that wait for the outcome of a charge."""

    _inherit = "payment.transaction"

    def _billing_is_followed_up(self):
        """Override: the customer of a run, with its retries, tells of its charges."""
        # sudo: they are the job's.
        lines = self.env["omni.billing.run.line"].sudo()
        return bool(lines._find_charged_by(self)) or super()._billing_is_followed_up()

    def _billing_tell_waiting(self):
        """Override: lines of runs learn the outcome at once."""
        # sudo: they are the job's.
        self.env["omni.billing.run.line"].sudo()._learn_outcomes(self.invoice_ids)
        return super()._billing_tell_waiting()

from odoo import models


class PaymentTransaction(models.Model):
    """What those do who wait for the outcome of a charge."""

    _inherit = "payment.transaction"

    def _billing_is_followed_up(self):
        """Override: a scheduled payment tells of its own charges."""
        # sudo: they are the job's.
        planned = self.env["omni.billing.installment"].sudo()
        return bool(planned._find_charged_by(self)) or super()._billing_is_followed_up()

    def _billing_tell_waiting(self):
        """Override: scheduled payments learn the outcome at once.

        Else their job would look at the next turn only, which may be an hour away.
        """
        # sudo: they are the job's.
        self.env["omni.billing.installment"].sudo()._learn_outcomes(self.invoice_ids)
        return super()._billing_tell_waiting()

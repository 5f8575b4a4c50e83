from odoo import models
from odoo.fields import Domain


class PaymentTransaction(models.Model):
    """What those do who wait for the outcome of a charge."""

    # The payment itself knows nothing of who charges by a job.
    _inherit = "payment.transaction"  # pylint: disable=R8180

    def _billing_tell_waiting(self):
        """Override: lines of runs, and scheduled payments, learn the outcome at once.

        Else their jobs would look at the next turn only, which may be an hour away.
        """
        result = super()._billing_tell_waiting()
        for name in ("omni.billing.run.line", "omni.billing.installment"):
            # sudo: they are the jobs'.
            waiting = self.env[name].sudo()
            if waiting.search(
                Domain("charge_state", "=", "open")
                & Domain("invoice_id", "in", self.invoice_ids.ids),
                limit=1,
            ):
                waiting._trigger_job()
        return result

from odoo import models
from odoo.exceptions import UserError


class AccountPartialReconcile(models.Model):
    """Credit that is on its way back to a card is set against that refund alone."""

    _inherit = "account.partial.reconcile"

    def _billing_check_possible(self):
        """Override: whichever screen would spend it, or give it back a second time."""
        result = super()._billing_check_possible()
        for partial in self.sudo():  # sudo: who reconciles does not read attempts.
            debit, credit = (
                partial.debit_move_id.move_id,
                partial.credit_move_id.move_id,
            )
            for note, other in ((debit, credit), (credit, debit)):
                attempt = note.billing_attempt_id
                if (
                    note.move_type == "out_refund"
                    and attempt
                    and other.origin_payment_id.payment_transaction_id != attempt
                ):
                    raise UserError(
                        self.env._(
                            "%(note)s is on its way back to the customer, and"
                            " cannot be set against %(other)s. Nothing was reconciled:"
                            " look again when the refund is done. Stripe is asked every"
                            " few minutes.",
                            note=note.display_name,
                            other=other.display_name,
                        )
                    )
        return result

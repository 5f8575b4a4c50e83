from odoo import models
from odoo.exceptions import UserError

from .omni_billing_cheque import IN_BOOKS


class AccountPayment(models.Model):
    """The money of a cheque goes as its cheque does (F151)."""

    _inherit = "account.payment"

    def _billing_find_cheque(self):
        """Return the cheque that this payment is of, if it is one."""
        self.ensure_one()
        # sudo: who may see the payment may know what it is.
        cheques = self.env["omni.billing.cheque"].sudo()
        return cheques.search([("payment_id", "=", self.id)])

    # === OVERRIDES === #

    def _billing_is_taken(self):
        """Override: what a cheque paid stays until it is canceled, or bounces."""
        return super()._billing_is_taken() or (
            self._billing_find_cheque().state in IN_BOOKS
        )

    def _billing_raise_taken(self):
        """Override: what helps with a cheque is something else."""
        cheque = self._billing_find_cheque()
        if cheque.state == "deposited":
            cheque._raise_state()
        if cheque:
            raise UserError(
                self.env._(
                    "%(payment)s is cheque %(cheque)s. Press Undo, or cancel the"
                    " cheque: both then tell the same.",
                    payment=self.display_name,
                    cheque=cheque.display_name,
                )
            )
        return super()._billing_raise_taken()

    def _billing_undo(self, reason):
        """Override: a cheque that is in hand is given back by that.

        :raise UserError: if it was deposited.
        """
        cheque = self._billing_find_cheque()
        if cheque.state in IN_BOOKS:
            self._billing_check_may_undo()
            cheque.with_env(self.env)._lock()._give_back()
        return super()._billing_undo(reason)

    def _billing_check_undoable(self):
        """Override: what the bank has is not undone here."""
        cheque = self._billing_find_cheque()
        if cheque.state == "deposited":
            cheque.with_env(self.env)._raise_state()
        return super()._billing_check_undoable()

    def _billing_check_not_matched(self):
        """Override: the bank sent it back, and its statement tells so next."""
        if self._billing_find_cheque().state == "bounced":
            return None
        return super()._billing_check_not_matched()

from odoo import models


class AccountPaymentRegister(models.TransientModel):
    """Odoo's dialog *Pay*, on invoices of ours."""

    _inherit = "account.payment.register"

    def _init_payments(self, to_process, edit_mode=False):
        """Override of `account`: what is received for our invoices is booked at once.

        Where a journal has no outstanding account Odoo makes no entry, and takes the
        invoice for paid, whatever the amount.
        """
        payments = super()._init_payments(to_process, edit_mode=edit_mode)
        for values in to_process:
            payment, invoices = values["payment"], values["to_reconcile"].move_id
            if not payment.outstanding_account_id and any(
                move._billing_is_ours() for move in invoices
            ):
                account = payment._billing_get_outstanding_account()
                payment.outstanding_account_id = account
        return payments

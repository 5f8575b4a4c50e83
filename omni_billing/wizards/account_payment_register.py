from odoo import Command, models


class AccountPaymentRegister(models.TransientModel):
    """Odoo's dialog *Pay*, on invoices of ours; it can charge a saved card too."""

    _inherit = "account.payment.register"

    def _create_payment_vals_from_wizard(self, batch_result):
        """Override of `account_payment`: a card is charged for these invoices.

        Odoo takes them from the context, which a program need not give.
        """
        values = super()._create_payment_vals_from_wizard(batch_result)
        if values.get("payment_token_id"):
            invoices = batch_result["lines"].move_id
            values["invoice_ids"] = [Command.set(invoices.ids)]
        return values

    def _create_payments(self):
        """Override of `account`: what charged a card is not run again.

        Nor is money taken for an invoice that a bank is being asked for (W33): it would
        be paid twice.
        """
        invoices = self.line_ids.move_id
        invoices._billing_check_not_collected()
        is_charging = bool(self.payment_token_id)
        with invoices._billing_charging_once(is_charging):
            return super()._create_payments()

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

from odoo import fields, models


class AccountMove(models.Model):
    """What may still be charged, beside what is under way (W22)."""

    _inherit = "account.move"

    def _billing_get_chargeable_amount(self, but=None):
        """Override: less what was paid online and is not booked, or is on its way."""
        left = super()._billing_get_chargeable_amount(but)
        # sudo: whoever pays an invoice may know what is left to pay.
        payments = self.sudo().transaction_ids
        payments -= but or payments.browse()
        if not payments:
            return left
        due = {invoice: invoice._billing_get_due_amount() for invoice in self}
        for payment in payments:
            # A payment of several invoices takes no more of these than they owe.
            ours = sum(due[move] for move in self if move in payment.invoice_ids)
            left -= min(payment._billing_get_unbooked_amount(self.currency_id), ours)
        return self.currency_id.round(max(0.0, left))

    def _has_to_be_paid(self):
        """Override of `account_payment`: not what was paid a moment ago."""
        return super()._has_to_be_paid() and bool(self._billing_get_chargeable_amount())

    def _billing_check_chargeable(self, attempt):
        """Check a payment that begins on Odoo's own form, page or dialog.

        :param attempt: `payment.transaction` that nobody was asked for yet.
        :raise UserError: if it would pay more than is owed, or beside another one.
        """
        invoices = self.sudo()  # sudo: customers pay without a right to write.
        # This may commit, so the lock is taken after.
        invoices._billing_settle_attempts()
        invoices._billing_lock()
        invoices._billing_check_no_attempt()
        invoices._billing_check_together()
        currency, amount = invoices.currency_id, attempt.amount
        if attempt.currency_id != currency:
            # As Odoo's dialog does when it proposes the amount.
            day = fields.Date.context_today(self)
            company = invoices.company_id
            amount = attempt.currency_id._convert(amount, currency, company, day)
        invoices._billing_close_other_payments(attempt)
        invoices._billing_check_amount(amount, attempt)

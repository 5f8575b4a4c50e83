from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from ...tools.lock import take_turns


class AccountMove(models.Model):
    """What may still be charged, beside what is under way (W22)."""

    _inherit = "account.move"

    @api.model
    def _billing_get_crediting_domain(self):
        """Override: not to what is being paid otherwise."""
        awaited = self.env["payment.transaction"]._billing_get_awaited_domain()
        return (
            super()._billing_get_crediting_domain()
            & Domain("billing_attempt_id", "=", False)
            & Domain("transaction_ids", "not any!", awaited)
        )

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
        """Override of `account_payment`: not what was paid, or what credit covers."""
        return (
            super()._has_to_be_paid()
            and bool(self._billing_get_chargeable_amount())
            and not self.currency_id.is_zero(self._billing_get_amount_owed())
        )

    def _billing_check_chargeable(self, attempt):
        """Check a payment that begins on Odoo's own form, page or dialog; mark it.

        Who has seen the invoices before it is committed, and locks them after, would
        not see it: they have to look again.

        :param attempt: `payment.transaction` that nobody was asked for yet.
        :raise UserError: if it would pay more than is owed, or beside another one.
        """
        invoices = self.sudo()  # sudo: customers pay without a right to write.
        # This may commit, so the lock is taken after.
        invoices._billing_settle_attempts()
        invoices._billing_lock()
        invoices._billing_check_no_attempt()
        invoices._billing_check_together()
        invoices._billing_check_currency(attempt.currency_id)
        invoices._billing_close_other_payments(attempt)
        invoices._billing_check_amount(attempt.amount, attempt)
        take_turns(invoices)

    def _billing_check_currency(self, currency):
        """Check that a payment is in the currency that is owed.

        :raise UserError: if not: what is given back of it later would be the amount of
            one currency in the other.
        """
        if foreign := self.filtered(lambda move: move.currency_id != currency):
            raise UserError(
                self.env._(
                    "%(invoices)s: this is owed in %(owed)s, and cannot be paid online"
                    " in %(currency)s. Nothing was charged: pay in %(owed)s, or record"
                    " the money by hand.",
                    invoices=format_list(self.env, foreign.mapped("display_name")),
                    owed=foreign[0].currency_id.name,
                    currency=currency.name,
                )
            )

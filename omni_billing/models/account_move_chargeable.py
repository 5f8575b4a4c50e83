from odoo import fields, models
from odoo.exceptions import LockError, UserError
from odoo.tools import format_amount, format_list


class AccountMove(models.Model):
    """What may still be charged: one answer, for whoever asks (W22).

    Staff, jobs, the portal, Odoo's own form, its dialogs and its saved cards: each asks
    here, under the lock on the invoices, before money moves.
    """

    # Charging and what may be charged are long enough for a file each.
    _inherit = "account.move"  # pylint: disable=R8180

    def _billing_get_chargeable_amount(self, but=None):
        """Return what may still be charged of these invoices, of one currency.

        What is owed, less what was paid online and is not booked yet, less what is
        held, or on its way, or may be.

        :param but: the `payment.transaction` that asks.
        :return: with taxes, never less than zero.
        :rtype: float
        """
        due = {invoice: invoice._billing_get_due_amount() for invoice in self}
        # sudo: whoever pays an invoice may know what is left to pay.
        payments = self.sudo().transaction_ids
        payments -= but or payments.browse()
        left = sum(due.values())
        for payment in payments:
            # A payment of several invoices takes no more of these than they owe.
            ours = sum(due[move] for move in self if move in payment.invoice_ids)
            left -= min(payment._billing_get_unbooked_amount(self.currency_id), ours)
        return self.currency_id.round(max(0.0, left))

    def _billing_get_due_amount(self):
        """Return what the books say is owed of one invoice.

        A draft that somebody is sent to pay is posted once it is paid, as Odoo does.
        """
        self.ensure_one()
        if self.state == "cancel" or not self.is_inbound(include_receipts=True):
            return 0.0
        return self.amount_total if self.state == "draft" else self.amount_residual

    def _has_to_be_paid(self):
        """Override of `account_payment`: not what was paid a moment ago."""
        return super()._has_to_be_paid() and bool(self._billing_get_chargeable_amount())

    def _billing_check_amount(self, amount, but=None):
        """Check that so much may be charged now; the invoices are locked.

        :param float amount: with taxes, in the currency of the invoices.
        :param but: as in `_billing_get_chargeable_amount`.
        :raise UserError: if not; its cause is a `LockError` if that may pass.
        """
        currency = self.currency_id
        due = sum(invoice._billing_get_due_amount() for invoice in self)
        left = self._billing_get_chargeable_amount(but)
        names = {
            "left": format_amount(self.env, left, currency),
            "due": format_amount(self.env, due, currency),
            "invoices": format_list(self.env, self.mapped("display_name")),
        }
        if not 0 < currency.round(amount) or currency.compare_amounts(amount, due) > 0:
            raise UserError(
                self.env._(
                    "The amount has to be more than zero and at most the %(due)s owed.",
                    **names,
                )
            )
        if currency.compare_amounts(amount, left) > 0:
            raise UserError(
                self.env._(
                    "Of the %(due)s owed for %(invoices)s only %(left)s can be paid"
                    " now: the rest was paid online, or is being paid, and is not"
                    " booked yet. Nothing was changed: look again in a few minutes.",
                    **names,
                )
            ) from LockError(self.env._("A payment is under way."))

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

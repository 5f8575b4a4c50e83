from collections import defaultdict

from odoo import models
from odoo.exceptions import UserError

#: Money of somebody who is not billed; cards and credit are of one customer.
MODES = ("cash", "pos", "bank")


class AccountMove(models.Model):
    """One sum of a payer for the invoices of several customers (F156, W31)."""

    _inherit = "account.move"

    def _billing_pay_for_others(
        self, payer, mode, amount, date=None, reference=None, note_down=None
    ):
        """Record one sum that somebody paid for several customers, the oldest first.

        Each customer gets a payment of its own, with the same reference: so the
        balance of each is right, and each is undone for itself.

        :param payer: the `res.partner` who paid.
        :param str mode: ``cash``, ``pos`` or ``bank``.
        :param float amount: with taxes, in the currency of the invoices.
        :param date: as in `_billing_pay`, as is ``reference``.
        :param note_down: called with all payments, once they are reconciled.
        :return: the `account.payment` records.
        :raise UserError: if an invoice cannot be paid, or the amount is not within what
            is owed; then nothing was paid.
        """
        if mode not in MODES:
            raise UserError(
                self.env._(
                    "What one pays for several customers is in cash, by a terminal or"
                    " by bank transfer: a card, or credit, is of one customer."
                )
            )
        self._billing_lock()
        if not self._billing_is_payable_at_once():
            self._billing_check_together()
        self._billing_check_entered(amount)
        payments = self.env["account.payment"]
        for moves, share in self._billing_share_out(amount):
            payments += moves._billing_pay(
                mode,
                share,
                date,
                reference,
                prepare=lambda moves=moves, share=share: (
                    moves._billing_prepare_payment_values(mode, share, date, reference)
                    | {"billing_payer_id": payer.id}
                ),
            )
        if note_down:
            note_down(payments)
        return payments

    def _billing_is_payable_at_once(self):
        """Whether one sum can pay all of these, whoever is billed."""
        accounts = self._billing_get_receivable_lines().account_id
        return all(
            len(one) == 1 for one in (self.company_id, self.currency_id, accounts)
        )

    def _billing_share_out(self, amount):
        """Return the invoices of each customer that a sum pays, and how much of it."""
        shares = defaultdict(float)
        paid = defaultdict(self.browse)
        for move in self._billing_sort_by_due():
            part = min(amount, move.amount_residual)
            if move.currency_id.compare_amounts(part, 0) > 0:
                customer = move.commercial_partner_id
                amount = move.currency_id.round(amount - part)
                shares[customer] += part
                paid[customer] += move
        return [
            (moves, moves.currency_id.round(shares[customer]))
            for customer, moves in paid.items()
        ]

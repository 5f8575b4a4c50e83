from odoo import models
from odoo.exceptions import UserError

from ...const import MAX_TITLE_LENGTH
from ...tools.money import has_excess_decimals
from ...tools.numbers import format_amount


class AccountMove(models.Model):
    """Paying with money that came by hand, or with credit on file.

    A card is charged by `_billing_charge`. Nothing here commits, so it can be done in a
    savepoint. Who may commit calls `_billing_settle_attempts` before, which learns what
    became of earlier card payments.
    """

    _inherit = "account.move"

    # === BUSINESS METHODS - PAY === #

    def _billing_pay(
        self,
        mode,
        amount=None,
        date=None,
        reference=None,
        note_down=None,
        prepare=None,
    ):
        """Record money that was received outside of Odoo, the oldest invoice first.

        It makes one `account.payment` for all of these invoices (F139-F141, F205).

        :param str mode: ``cash``, ``pos``, ``bank`` or ``cheque``.
        :param float amount: with taxes, in the currency of the invoices; all that is
            owed if none is given.
        :param date: the day it was received; today if none is given.
        :param str reference: the number of the receipt, cheque or transfer.
        :param note_down: called with the payment, once it is reconciled.
        :param prepare: called for the values of the payment, in the place of
            `_billing_prepare_payment_values`.
        :return: the `account.payment`, posted and reconciled.
        :raise UserError: if an invoice cannot be paid, the amount is not within what is
            owed (F157), the period is closed, or there is no journal.
        """
        self._billing_begin_payment()
        if amount is None:
            amount = sum(self.mapped("amount_residual"))
        self._billing_check_entered(amount)
        self._billing_check_amount(amount)
        values = (
            prepare()
            if prepare
            else self._billing_prepare_payment_values(mode, amount, date, reference)
        )
        payment = self._billing_get_payment_model()._billing_record(values)
        self._billing_reconcile_oldest_first(
            payment.move_id._billing_get_receivable_lines()
        )
        if note_down:
            note_down(payment)
        return payment

    def _billing_use_credit(self, amount=None):
        """Set the customer's credit against these invoices; no money moves (F154).

        Odoo uses as much of each credit as fits, so the amount is not free.

        :param float amount: with taxes, what a person agreed to; all that fits if none
            is given.
        :return: what was used.
        :rtype: float
        :raise UserError: if an invoice cannot be paid, there is no credit, or another
            amount is used by now.
        """
        # Somebody else may use the same credit, on another invoice.
        self._billing_begin_payment(self._billing_find_credit().move_id)
        currency, usable = self.currency_id, self._billing_get_usable_credit()
        amount = usable if amount is None else amount
        if currency.compare_amounts(min(amount, usable), 0) <= 0:
            raise UserError(self.env._("There is no credit on file to use."))
        if currency.compare_amounts(amount, usable):
            raise UserError(
                self.env._(
                    "The credit used must be the most that fits: %(amount)s.",
                    amount=format_amount(self.env, usable, currency),
                )
            )
        self._billing_check_amount(amount)
        self._billing_reconcile_oldest_first(self._billing_find_credit())
        return usable

    def _billing_begin_payment(self, others=None):
        """Lock the invoices, and give up what else would pay them.

        :param others: `account.move` that are locked with them.
        :raise UserError: if they cannot be paid now, together.
        """
        (self | others if others else self)._billing_lock()
        self._billing_check_payable()
        self._billing_close_other_payments()

    def _billing_check_entered(self, amount):
        """Check an amount that a person entered, or a program sent (F157).

        :param float amount: with taxes, in the currency of the invoices.
        :raise UserError: if there is none, it has more decimals than the currency, or
            it is more than what is owed.
        """
        currency = self.currency_id
        due = sum(self.mapped("amount_residual"))
        if currency.compare_amounts(amount, 0) <= 0:
            raise UserError(self.env._("Enter the amount that was received."))
        if has_excess_decimals(amount, currency.decimal_places):
            raise UserError(
                self.env._(
                    "%(amount)s has more decimals than %(currency)s allows"
                    " (%(decimals)s).",
                    amount=amount,
                    currency=currency.name,
                    decimals=currency.decimal_places,
                )
            )
        if currency.compare_amounts(amount, due) > 0:
            raise UserError(
                self.env._(
                    "%(amount)s is more than the %(due)s owed. Take %(due)s here;"
                    " enter an advance payment in Accounting.",
                    amount=format_amount(self.env, amount, currency),
                    due=format_amount(self.env, due, currency),
                )
            )

    def _billing_reconcile_oldest_first(self, money):
        """Reconcile one line after the other, so that the order is ours, not Odoo's.

        :param money: `account.move.line`, receivable, of payments or credit notes.
        """
        for invoice in self._billing_sort_by_due():
            for line in invoice._billing_get_receivable_lines().sorted("date_maturity"):
                for part in money:
                    if not line.reconciled and not part.reconciled:
                        (line + part).reconcile()

    # === BUSINESS METHODS - GIVE BACK === #

    def _billing_pay_out(self, mode, date=None, reference=None):
        """Record that what is left of a credit note was given back by hand (F170).

        :param str mode: ``cash``, ``pos`` or ``bank``.
        :param date: the day it was given back; today if none is given.
        :param str reference: the number of the receipt or transfer.
        :return: the `account.payment`, posted and reconciled.
        :raise UserError: if the period is closed, or there is no journal.
        """
        self.ensure_one()
        self._billing_lock()
        values = self._billing_prepare_payment_values(
            mode, self.amount_residual, date, reference
        )
        payment = self._billing_get_payment_model()._billing_record(values)
        lines = self._billing_get_receivable_lines().filtered(
            lambda line: not line.reconciled
        )
        (lines + payment.move_id._billing_get_receivable_lines()).reconcile()
        return payment

    # === HELPERS === #

    def _billing_get_payment_model(self):
        return self.env["account.payment"].with_company(self.company_id)

    def _billing_prepare_payment_values(self, mode, amount, date=None, reference=None):
        """Return the values of a payment of invoices, or back of a credit note.

        Its parameters are those of `_billing_pay`. See the hook
        `account.payment._billing_prepare_values`.
        """
        return self._billing_get_payment_model()._billing_prepare_values(
            {
                "payment_type": "inbound" if self[:1].is_inbound() else "outbound",
                "partner_id": self.commercial_partner_id.id,
                "amount": amount,
                "currency_id": self.currency_id.id,
                # That of the customer may be another one today.
                "destination_account_id": (
                    self._billing_get_receivable_lines().account_id[:1].id
                ),
                "date": date,
                # The numbers of the invoices, where there is no receipt number.
                "memo": reference or self._billing_join_numbers(),
                "billing_mode": mode,
                "billing_reference": reference,
            }
        )

    def _billing_join_numbers(self):
        """Return the numbers of these invoices, as many as a memo has room for.

        It becomes what journal items are called, of which Odoo has an index.
        """
        numbers = ", ".join(self.mapped("name"))
        if len(numbers) <= MAX_TITLE_LENGTH:
            return numbers
        whole, _comma, _cut = numbers[: MAX_TITLE_LENGTH - 3].rpartition(", ")
        return f"{whole}, …"

    def _billing_sort_by_due(self):
        """Return the invoices, the oldest first: that is paid first (F152)."""
        return self.sorted(
            lambda move: (move.invoice_date_due or move.date, move.date, move.id)
        )

    def _billing_get_receivable_lines(self):
        """Return the journal items in which a customer owes, or is owed."""
        return self.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )

    def _billing_find_credit(self):
        """Return the open credits that can pay these invoices, the oldest first."""
        accounts = self._billing_get_receivable_lines().account_id
        return self.commercial_partner_id[:1]._billing_find_credit(
            self.company_id[:1], self.currency_id[:1], accounts
        )

    def _billing_get_credit(self):
        """Return how much credit the customer has on file for these invoices."""
        return -sum(self._billing_find_credit().mapped("amount_residual_currency"))

    def _billing_get_usable_credit(self):
        """Return how much of the credit fits on these invoices."""
        return min(sum(self.mapped("amount_residual")), self._billing_get_credit())

from collections import defaultdict

from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.numbers import format_amount


class ResPartner(models.Model):
    """The credit that a customer has on file: using it, and giving it back."""

    _inherit = "res.partner"

    # === BUSINESS METHODS === #

    def _billing_reconcile(self):
        """Use the credit of a customer for unpaid invoices, the oldest first (F152).

        They are those of the company of the environment; this commits what Stripe says
        of earlier charges.

        :return: how much was used in each currency, if any.
        :rtype: dict[res.currency, float]
        :raise UserError: if an invoice cannot be paid now.
        """
        used = defaultdict(float)
        for invoices in self._billing_find_unpaid()._billing_group_together():
            currency = invoices.currency_id
            if currency.compare_amounts(invoices._billing_get_usable_credit(), 0) > 0:
                invoices._billing_settle_attempts()
                used[currency] += invoices._billing_use_credit()
        return dict(used)

    def _billing_pay_back(
        self, mode, amount, company, currency, date=None, reference=None, credit=None
    ):
        """Record that credit on file was given back by hand: the oldest first (F176).

        :param str mode: ``cash``, ``pos`` or ``bank``.
        :param float amount: in the currency.
        :param company: the `res.company` that has the credit.
        :param currency: the `res.currency` of the credit.
        :param date: the day it was given back; today if none is given.
        :param str reference: the number of the receipt or transfer.
        :param credit: the `account.move` whose credit it is; the oldest ones if none
            is given.
        :return: the `account.payment`, posted and reconciled.
        :raise UserError: if the amount is not within the credit on file (F177), the
            period is closed, or there is no journal.
        """
        self.ensure_one()
        # Somebody else may use the same credit.
        on_file = self._billing_find_credit(company, currency, moves=credit)
        on_file.move_id._billing_lock()
        self._billing_check_credit(amount, company, currency, credit)
        Payment = self.env["account.payment"].with_company(company)
        payment = Payment._billing_record(
            Payment._billing_prepare_values(
                {
                    "payment_type": "outbound",
                    "partner_id": self.id,
                    "amount": amount,
                    "currency_id": currency.id,
                    "destination_account_id": on_file.account_id.id,
                    "date": date,
                    "memo": reference,
                    "billing_mode": mode,
                    "billing_reference": reference,
                }
            )
        )
        money = payment.move_id._billing_get_receivable_lines()
        for line in on_file:
            if not money.reconciled:
                (line + money).reconcile()
        return payment

    def _billing_check_credit(self, amount, company, currency, moves=None):
        """Check that so much credit is on file; see `_billing_pay_back`."""
        credit = self._billing_get_credit(company, currency, moves)
        if currency.compare_amounts(amount, 0) <= 0:
            raise UserError(self.env._("Enter the amount that is given back."))
        if currency.compare_amounts(amount, credit) > 0:
            raise UserError(
                self.env._(
                    "%(amount)s is more than the credit on file, %(credit)s. Create a"
                    " credit first, and put it on a credit note.",
                    amount=format_amount(self.env, amount, currency),
                    credit=format_amount(self.env, credit, currency),
                )
            )

    # === HELPERS === #

    def _billing_find_unpaid(self):
        """Return the unpaid invoices of the customer in the current company."""
        self.ensure_one()
        Move = self.env["account.move"]
        return Move.search(
            Domain("commercial_partner_id", "=", self.commercial_partner_id.id)
            & Domain("company_id", "=", self.env.company.id)
            & Move._billing_get_unpaid_domain()
        )

    def _billing_get_credit(self, company, currency, moves=None):
        """Return how much credit is on file; its parameters: `_billing_find_credit`."""
        lines = self._billing_find_credit(company, currency, moves=moves)
        return -sum(lines.mapped("amount_residual_currency"))

    def _billing_get_spare_credit(self, company, currency, due=None):
        """Return the credit that is left for a new invoice of the customer (W15).

        Unpaid invoices take theirs first, as far as they are due before.

        :param company: `res.company`.
        :param currency: `res.currency`.
        :param due: the due date of the new one; none: later than all others.
        :rtype: float
        """
        Move = self.env["account.move"]
        account = self.with_company(company).property_account_receivable_id
        credit = Move._billing_read_credit(self, company)
        older = Domain("invoice_date_due", "<=", due) if due else Domain.TRUE
        Move._billing_take_credit(credit, older)
        return credit[company, self, currency, account]

    def _billing_find_credit_moves(self, company, currency):
        """Return what there is credit of: credit notes and payments, oldest first."""
        accounts = self.env["account.account"].search(
            [("account_type", "=", "asset_receivable")]
        )
        return self._billing_find_credit(company, currency, accounts).move_id

    def _billing_find_credit(self, company, currency, accounts=None, moves=None):
        """Return the open credits of the customer, the oldest first.

        :param company: `res.company`.
        :param currency: `res.currency`.
        :param accounts: the `account.account` of the invoices that are paid. If none is
            given, the receivable account of the customer, or, with no credit there,
            that of the oldest credit: a payment is booked on one.
        :param moves: the `account.move` whose credit it is to be, whatever account;
            any if none is given.
        :return: `account.move.line`; none without a customer.
        """
        Line = self.env["account.move.line"]
        if not self:
            return Line
        own = self.with_company(company).property_account_receivable_id
        found = Line.search(
            self._billing_get_credit_domain()
            & Domain("company_id", "=", company.id)
            & Domain("currency_id", "=", currency.id)
            & (
                Domain("account_type", "=", "asset_receivable")
                if accounts is None
                else Domain("account_id", "in", accounts.ids)
            ),
            order="date, id",
        )
        if moves:
            found = found.filtered(lambda line: line.move_id in moves)
        if accounts is None and not moves:
            chosen = own & found.account_id or found[:1].account_id
            found = found.filtered(lambda line: line.account_id == chosen)
        return found

    def _billing_get_credit_domain(self):
        """Return which `account.move.line` are credit of these customers. Hook."""
        return (
            Domain("partner_id", "in", self.ids)
            & Domain("parent_state", "=", "posted")
            & Domain("reconciled", "=", False)
            & Domain("amount_residual_currency", "<", 0)
        )

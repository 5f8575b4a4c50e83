from collections import defaultdict

from odoo import api, models
from odoo.fields import Domain

from ...const import UNPAID_STATES


class AccountMove(models.Model):
    """What is owed: the residual less unused credit, the oldest invoice first (W15).

    One rule for all that asks a customer for money by itself, or tells what is owed:
    charges by jobs, the portal, reminders, late fees and e-mails. Before a card is
    charged the credit is used in the books (`_billing_spend_credit`).
    """

    _inherit = "account.move"

    # === BUSINESS METHODS === #

    def _billing_get_amount_owed(self):
        """Return what is really owed of one invoice: see `_billing_get_amounts_owed`"""
        self.ensure_one()
        return self._billing_get_amounts_owed().get(self.id, self.amount_residual)

    def _billing_get_amounts_owed(self, credit=None):
        """Return what is left of unpaid invoices when credit on file is used (W15).

        :param credit: of these customers, as `_billing_read_credit` returns it, where
            it is known already.
        :return: the amount, with taxes and in the currency of the invoice, by the id of
            the invoice, for those that are unpaid.
        :rtype: dict[int, float]
        """
        # sudo: whoever may see the invoice may know what is owed.
        unpaid = self.sudo().filtered_domain(self._billing_get_unpaid_domain())
        credited = unpaid._billing_share_credit(credit)
        return {
            move.id: move.currency_id.round(
                move.amount_residual - credited.get(move, 0.0)
            )
            for move in unpaid
        }

    def _billing_get_amounts_late(self, day):
        """Return what is owed of unpaid invoices that was due by a day.

        With terms in parts that is less than what is owed: a first part may be late.
        Credit goes to what is due first.

        :return: as `_billing_get_amounts_owed`.
        """
        owed = self._billing_get_amounts_owed()
        late = {}
        for move in self:
            if move.id not in owed:
                continue
            later = move._billing_find_open_parts().filtered(
                lambda line: line.date_maturity and line.date_maturity > day
            )
            rest = sum(later.mapped("amount_residual_currency"))
            late[move.id] = move.currency_id.round(max(0.0, owed[move.id] - rest))
        return late

    def _billing_get_due_since(self):
        """Return since when, or from when, the oldest part that is open is due."""
        self.ensure_one()
        days = self._billing_find_open_parts().mapped("date_maturity")
        return min(filter(None, days), default=self.invoice_date_due)

    def _billing_list_due_since(self):
        """Return since when, or from when, the oldest part of each that is open is due.

        As `_billing_get_due_since`, and asked for together.

        :rtype: dict[int, date]
        """
        # sudo: as in `_billing_get_amounts_owed`.
        lines = self.env["account.move.line"].sudo()
        days = lines._read_group(
            Domain("move_id", "in", self.ids)
            & Domain("account_type", "=", "asset_receivable")
            & Domain("reconciled", "=", False),
            ["move_id"],
            ["date_maturity:min"],
        )
        first = {move.id: day for move, day in days}
        return {move.id: first.get(move.id) or move.invoice_date_due for move in self}

    @api.model
    def _billing_get_due_domain(self, day):
        """Return the invoices of which a part was due by a day, and is open still."""
        return Domain("invoice_date_due", "<=", day) | Domain(
            "line_ids",
            "any!",
            Domain("account_type", "=", "asset_receivable")
            & Domain("reconciled", "=", False)
            & Domain("date_maturity", "<=", day),
        )

    def _billing_spend_credit(self):
        """Set credit on file against what is owed, before a card is charged for it.

        The oldest invoice of the customer comes first, one of these or not: no card
        pays what the customer has paid. It does not commit.

        :return: what was used for these invoices, in their currency.
        :rtype: float
        :raise UserError: if somebody else works on one of them, or pays it right now.
        """
        # sudo: customers pay without a right to write; the credit is theirs.
        invoices = self.sudo()
        credited = invoices._billing_find_credited()
        if not credited:
            return 0.0
        credited._billing_begin_payment(
            invoices + credited._billing_find_credit().move_id
        )
        before = sum(invoices.mapped("amount_residual"))
        credited._billing_reconcile_oldest_first(credited._billing_find_credit())
        return self.currency_id.round(before - sum(invoices.mapped("amount_residual")))

    # === OVERRIDES OF ACCOUNT === #

    def _get_invoice_next_payment_values(self, custom_amount=None):
        """Override of `account`: Odoo's own pages ask for what credit leaves, too.

        Not where a discount for early payment is offered: Odoo takes it off all that
        is owed, or not at all.
        """
        values = super()._get_invoice_next_payment_values(custom_amount=custom_amount)
        if not values or values["installment_state"] == "epd":
            return values
        owed = self._billing_get_amount_owed()
        if self.currency_id.compare_amounts(owed, self.amount_residual) < 0:
            values["amount_due"] = owed
            values["next_amount_to_pay"] = min(values["next_amount_to_pay"], owed)
        return values

    # === HELPERS === #

    def _billing_find_open_parts(self):
        """Return the receivable lines of which something is owed."""
        # sudo: as in `_billing_get_amounts_owed`.
        lines = self.sudo()._billing_get_receivable_lines()
        return lines.filtered(lambda line: not line.reconciled)

    def _billing_find_credited(self):
        """Return the invoices that take credit before or with these, of one customer.

        Those that are due after them can wait.
        """
        if not self:
            return self
        taking = self.browse().union(*self._billing_share_credit())
        account = self._billing_get_receivable_lines().account_id
        alike = taking.filtered(
            lambda move: (
                move.company_id == self.company_id
                and move.currency_id == self.currency_id
                and move._billing_get_receivable_lines().account_id == account
            )
        )
        order = (alike | self)._billing_sort_by_due()
        place = {move: number for number, move in enumerate(order)}
        last = max(place[move] for move in self)
        return alike.filtered(lambda move: place[move] <= last)

    def _billing_share_credit(self, credit=None):
        """Return how much unused credit each invoice of these customers takes.

        As where it is used: by account, and the invoice that is due first comes first.

        :param credit: see `_billing_get_amounts_owed`.
        :return: the amount by invoice, for those that take any.
        :rtype: dict[account.move, float]
        """
        if credit is None:
            customers, companies = self.commercial_partner_id, self.company_id
            credit = self._billing_read_credit(customers, companies)
        return self._billing_take_credit(credit.copy())

    @api.model
    def _billing_take_credit(self, credit, domain=Domain.TRUE):
        """Have unpaid invoices take this credit; what they leave stays in it.

        :param credit: as `_billing_read_credit` returns it.
        :param domain: of the invoices that take any.
        :return: as `_billing_share_credit`.
        """
        shares = defaultdict(float)
        for move, lines in self._billing_find_owing(credit, domain) if credit else ():
            for line in lines:
                key = (
                    move.company_id,
                    line.partner_id,
                    line.currency_id,
                    line.account_id,
                )
                used = min(credit[key], line.amount_residual_currency)
                if move.currency_id.compare_amounts(used, 0) > 0:
                    credit[key] -= used
                    shares[move] += used
        return shares

    @api.model
    def _billing_read_credit(self, customers, companies):
        """Return the unused credit of customers in some companies.

        :return: the amount by company, customer, currency and receivable account.
        :rtype: defaultdict[tuple, float]
        """
        credit = defaultdict(float)
        for *key, amount in (
            self.env["account.move.line"]
            .sudo()  # sudo: as in `_billing_get_amounts_owed`.
            ._read_group(
                # sudo: as above
                customers.sudo()._billing_get_credit_domain()
                & Domain("company_id", "in", companies.ids)
                & Domain("account_type", "=", "asset_receivable"),
                ["company_id", "partner_id", "currency_id", "account_id"],
                ["amount_residual_currency:sum"],
            )
        ):
            credit[tuple(key)] = -amount
        return credit

    @api.model
    def _billing_find_owing(self, credit, domain):
        """Return the unpaid invoices that this credit may go to, the oldest first.

        :return: each with its open receivable lines.
        :rtype: list[tuple[account.move, account.move.line]]
        """
        owners = {(company.id, customer.id) for company, customer, *_rest in credit}
        lines = (
            self.env["account.move.line"]
            .sudo()  # sudo: as in `_billing_get_amounts_owed`.
            .search(
                Domain("partner_id", "in", [customer for _company, customer in owners])
                & Domain("company_id", "in", [company for company, _customer in owners])
                & Domain("account_type", "=", "asset_receivable")
                & Domain("parent_state", "=", "posted")
                & Domain("reconciled", "=", False)
                & Domain("amount_residual_currency", ">", 0)
                & Domain(
                    "move_id", "any", self._billing_get_crediting_domain() & domain
                ),
                order="date_maturity, id",
            )
        )
        by_move = lines.grouped("move_id")
        return [(move, by_move[move]) for move in lines.move_id._billing_sort_by_due()]

    @api.model
    def _billing_get_unpaid_domain(self):
        """Return the invoices that wait for money."""
        return Domain("move_type", "=", "out_invoice") & Domain(
            "billing_state", "in", UNPAID_STATES
        )

    def _billing_is_unpaid(self):
        """Whether it waits for money."""
        self.ensure_one()
        return bool(self.filtered_domain(self._billing_get_unpaid_domain()))

    @api.model
    def _billing_get_crediting_domain(self):
        """Return the invoices that credit goes to by itself. Hook: narrow it."""
        return self._billing_get_unpaid_domain()

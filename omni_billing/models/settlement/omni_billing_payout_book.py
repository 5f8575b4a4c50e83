from odoo import models
from odoo.exceptions import UserError

from .omni_billing_balance_transaction import DISPUTES, FEES
from .omni_billing_payout import ENDED


class OmniBillingPayout(models.Model):
    """The entry of a payout: what it takes off the clearing account, and its fees."""

    _inherit = "omni.billing.payout"

    def _book(self):
        """Post the entry, once; what its items are of was looked for before.

        :raise UserError: if an account or a journal is missing, the books are closed,
            or the rows do not come to the payout.
        """
        self.ensure_one()
        rows = self.row_ids
        if self.move_id:
            return
        if self.original_ref and not rows:
            self._book_reversal()
            return
        self._check_sum()
        lines, owners = [], []
        for row in rows:
            for values, is_clearing in row._prepare_lines():
                lines.append(values)
                owners.append(row if is_clearing else None)
        lines.append(self._prepare_transit(lines))
        self.move_id = self.company_id._billing_create_entry(
            self.reference,
            self.date,
            self.env._("Stripe payout %(reference)s", reference=self.reference),
            lines,
        )
        # They are in the order in which they were given.
        items = self.move_id.line_ids.sorted("id")
        for item, row in zip(items, owners, strict=False):
            if row:
                row.line_id = item

    def _check_sum(self):
        """Check that the rows are all of them.

        :raise UserError: if they come to something else than was paid out.
        """
        total = sum(self.row_ids.mapped("net"))
        if self.currency_id.compare_amounts(total, self.amount):
            raise UserError(
                self.env._(
                    "Nothing was booked: what Stripe says it is made of comes to"
                    " %(total)s, and it is %(amount)s.",
                    total=self.currency_id._billing_format(total),
                    amount=self.currency_id._billing_format(self.amount),
                )
            )

    def _prepare_transit(self, lines):
        """Return the item that the bank statement is matched with.

        In the company's currency it is what the others leave.
        """
        balance = -sum(line["balance"] for line in lines)
        return {
            "name": " ".join(filter(None, ("Stripe", self.reference, self.trace))),
            "account_id": self.company_id._billing_get_payout_account().id,
            "currency_id": self.currency_id.id,
            "amount_currency": self.amount,
            "balance": self.company_id.currency_id.round(balance),
        }

    # === WHAT IS TAKEN BACK === #

    def _find_reversal_obstacle(self):
        """Return why a payout that takes another back cannot be booked, if so.

        It is booked as far as its original is, and is the same amount.
        """
        original = self._find(self.provider_id, self.original_ref)
        if self.move_id or not self._is_unclear(original):
            return False, ""
        if original.state == "waiting" and not original.move_id:
            return "waiting", self.env._(
                "It takes back %(original)s, which is not booked yet. It is looked at"
                " each day.",
                original=self.original_ref,
            )
        return "person", self.env._(
            "To book by hand: it takes back %(original)s, which is not booked here as"
            " it is. Make a journal entry from the bank to the clearing account.",
            original=self.original_ref,
        )

    def _is_unclear(self, original):
        total = self.amount + original.amount
        return (
            not original.move_id
            or bool(original.return_move_id)
            or original.currency_id != self.currency_id
            or bool(self.currency_id.compare_amounts(total, 0))
            # Nothing has moved, or it came back before anybody saw it.
            or self.status in ENDED
        )

    def _book_reversal(self):
        """Book that the bank gives a payout back: into Stripe's balance again.

        The next payout has it among its rows, which are matched with the first item.
        """
        account = self.provider_id._billing_get_clearing_account()
        company = self.company_id
        line = {
            "name": f"Stripe {self.reference}: {self.original_ref}",
            "account_id": account.id,
            "currency_id": self.currency_id.id,
            "amount_currency": -self.amount,
            "balance": self.currency_id._convert(
                -self.amount, company.currency_id, company, self.date
            ),
        }
        self.move_id = company._billing_create_entry(
            self.reference,
            self.date,
            self.env._(
                "Stripe payout %(original)s taken back by %(reference)s",
                original=self.original_ref,
                reference=self.reference,
            ),
            [line, self._prepare_transit([line])],
        )

    # === WHAT CAME BACK === #

    def _book_return(self):
        """Take a payout that came back from the bank off the way to it, once.

        Stripe has the money again, and pays it out with the next one.
        """
        self.ensure_one()
        if self.status not in ENDED or not self.move_id or self.return_move_id:
            return
        sent = self._find_transit_line()
        common = {
            "name": f"Stripe {self.reference}: {self.failure or self.status}",
            "currency_id": self.currency_id.id,
        }
        clearing = self.provider_id._billing_get_clearing_account()
        lines = [
            {
                **common,
                "account_id": clearing.id,
                "amount_currency": self.amount,
                "balance": sent.balance,
            },
            {
                **common,
                "account_id": sent.account_id.id,
                "amount_currency": -self.amount,
                "balance": -sent.balance,
            },
        ]
        today = self.env["omni.billing.balance.transaction"]._get_today(self.company_id)
        self.return_move_id = self.company_id._billing_create_entry(
            f"{self.reference} {self.status}",
            today,
            self.env._(
                "Stripe payout %(reference)s came back", reference=self.reference
            ),
            lines,
        )
        back = self.return_move_id.line_ids.sorted("id")
        pair = sent + back.filtered(lambda line: line.account_id == sent.account_id)
        if not any(line.reconciled for line in pair) and sent.account_id.reconcile:
            pair.reconcile()

    def _find_transit_line(self):
        """Return the item that stands for the money on its way to the bank."""
        lines = self.move_id.line_ids.sorted("id")
        return lines.filtered(
            lambda line: (
                not self.currency_id.compare_amounts(line.amount_currency, self.amount)
            )
        )[-1:]

    def _find_return_line(self):
        """Return the item on the clearing account of what came back."""
        return self.return_move_id.line_ids.sorted("id")[:1]

    def _find_reversal_line(self):
        """Return the item on the clearing account of what it took back."""
        if not self.original_ref or self.row_ids:
            return self.env["account.move.line"]
        return self.move_id.line_ids.sorted("id")[:1]


class OmniBillingBalanceTransaction(models.Model):
    """What a movement is in the entry of its payout."""

    _inherit = "omni.billing.balance.transaction"

    def _prepare_lines(self):
        """Return the journal items, and of each whether it is the clearing account's.

        :rtype: list[tuple[dict, bool]]
        """
        self.ensure_one()
        if self.kind in FEES:
            tax = -self.net if self.kind == "tax_fee" else self.fee_tax
            fees = self._prepare_fees(-self.net, tax, self.payout_id.date)
            return [(line, False) for line in fees]
        if self.category in DISPUTES:
            # Its fee is booked with what it moved, now or when accounts are chosen.
            return [(self._prepare_clearing(self.net), True)]
        lines = [(self._prepare_clearing(self.amount), True)]
        fees = self._prepare_fees(self.fee, self.fee_tax, self.payout_id.date)
        return lines + [(line, False) for line in fees]

    def _prepare_clearing(self, amount):
        """Return the item that takes an amount of the movement off the balance."""
        found = self.counterpart_id
        provider = self.payout_id.provider_id
        account = found.account_id or provider._billing_get_clearing_account()
        values = self._prepare_item(account, -amount, self.payout_id.date)
        currency = found.currency_id
        if found and currency != self.currency_id:
            # What it is of is in the customer's currency.
            values["currency_id"] = currency.id
            values["amount_currency"] = -found.amount_currency
            if currency == self.company_id.currency_id:
                values["balance"] = -found.amount_currency
        if found.partner_id:
            values["partner_id"] = found.partner_id.id
        return values

    def _prepare_fees(self, fee, tax, date):
        """Return the items of a fee, positive where Stripe takes one."""
        company = self.company_id
        tax_account = company.billing_fee_tax_account_id
        if not tax_account:
            tax = 0.0
        parts = [(company.billing_fee_account_id, fee - tax), (tax_account, tax)]
        return [
            self._prepare_item(account, amount, date)
            for account, amount in parts
            if not self.currency_id.is_zero(amount)
        ]

    def _prepare_item(self, account, amount, date):
        """Return an item of an amount in the currency of the balance, as a debit."""
        company = self.company_id
        amount = self.currency_id.round(amount)
        balance = self.currency_id._convert(amount, company.currency_id, company, date)
        return {
            "name": " ".join(
                filter(None, (self.kind, self.reference, self.source_ref))
            ),
            "account_id": account.id,
            "currency_id": self.currency_id.id,
            "amount_currency": amount,
            "balance": balance,
        }

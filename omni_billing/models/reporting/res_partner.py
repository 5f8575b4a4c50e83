from odoo import models
from odoo.fields import Domain


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _billing_prepare_statement(self, company, date_from, date_to):
        """Return what a customer was charged and what it paid, as the books have it.

        :param company: the seller.
        :param date_from: the first day; what was before it is the opening balance.
        :param date_to: the last day.
        :return: one `dict` for each currency that something is in, with ``currency``,
            ``opening``, ``rows`` and ``closing``. A row is an entry, with ``date``,
            ``move``, its ``kind``, ``charged``, ``paid`` and the ``balance`` after it;
            with taxes.
        """
        self.ensure_one()
        # sudo: payments are not the customer's to read; what it paid is.
        items = self.env["account.move.line"].sudo()
        domain = (
            Domain("partner_id", "child_of", self.commercial_partner_id.id)
            & Domain("company_id", "=", company.id)
            & Domain("account_type", "=", "asset_receivable")
            & Domain("parent_state", "=", "posted")
        )
        before = domain & Domain("date", "<", date_from)
        total = ["amount_currency:sum"]
        opening = dict(items._read_group(before, ["currency_id"], total))
        within = (
            domain & Domain("date", ">=", date_from) & Domain("date", "<=", date_to)
        )
        entries = items._read_group(
            within, ["currency_id", "date:day", "move_id"], total
        )
        currencies = {currency for currency, _amount in opening.items()}
        currencies |= {currency for currency, *_entry in entries}
        return [
            self._billing_prepare_statement_part(
                currency,
                opening.get(currency, 0.0),
                [entry for of, *entry in entries if of == currency],
            )
            for currency in sorted(
                currencies, key=lambda one: (one != company.currency_id, one.name)
            )
        ]

    def _billing_prepare_statement_part(self, currency, opening, entries):
        """Return the part of a statement that is in one currency."""
        balance, rows = opening, []
        for date, move, amount in sorted(
            entries, key=lambda entry: (entry[0], entry[1].id)
        ):
            balance = currency.round(balance + amount)
            rows.append(
                {
                    "date": date,
                    "move": move,
                    "kind": self._billing_get_entry_kind(move, amount),
                    "charged": max(amount, 0.0),
                    "paid": max(-amount, 0.0),
                    "balance": balance,
                }
            )
        return {
            "currency": currency,
            "opening": currency.round(opening),
            "rows": rows,
            "closing": currency.round(balance),
        }

    def _billing_get_entry_kind(self, move, amount):
        """Return what an entry on the account of a customer is, as the books have it.

        :return: ``invoice``, ``credit_note``, ``payment``, ``refund``, ``exchange``
            or ``adjustment``, as of a write-off.
        """
        if move.move_type == "out_invoice":
            return "invoice"
        if move.move_type == "out_refund":
            return "credit_note"
        if move.origin_payment_id or move.statement_line_id:
            return "payment" if amount < 0 else "refund"
        return "exchange" if move.exchange_diff_partial_ids else "adjustment"

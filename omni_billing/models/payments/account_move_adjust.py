from collections import Counter

from odoo import fields, models

from ...const import BILLING_MOVE_TYPES
from ...tools.write_guard import is_trusted, trust


class AccountMove(models.Model):
    """What accountants do in Odoo's own dialogs is in the ledger, too (promise 4).

    What Odoo's wizard made to reverse an invoice of ours, or such a credit note, has
    one entry as long as it is posted. What else is set against one without money has
    its entry where Odoo reconciles. Both are told of the books, and go as they go.
    """

    _inherit = "account.move"

    billing_adjustment_ids = fields.One2many(
        "omni.billing.transaction",
        "invoice_id",
        string="Billing Adjustments",
        readonly=True,
        copy=False,
        domain=[("transaction_type", "=", "adjustment"), ("state", "!=", "void")],
    )

    def _post(self, soft=True):
        """Override of `account`: what balances a void invoice is no adjustment."""
        is_own = is_trusted(self.env)
        posted = super()._post(soft=soft)
        if not is_own:
            posted._billing_enter_notes()
        posted.filtered("invoice_cash_rounding_id")._billing_enter_rounding()
        return posted

    def write(self, vals):
        """Override of `account`: what is no longer posted is not in the ledger."""
        result = super().write(vals)
        if vals.get("state") in ("draft", "cancel"):
            moves = self.filtered(
                lambda move: move.reversed_entry_id or move.invoice_cash_rounding_id
            )
            moves._billing_leave_adjustments(self.env._("Its document is not posted"))
        return result

    def _billing_set_void(self):
        """Override: the rounding of a void invoice is void, as its items are not."""
        result = super()._billing_set_void()
        self._billing_leave_adjustments(self.env._("The invoice is void"))
        return result

    def _billing_enter_notes(self):
        """Write the entry of each document by which Odoo reversed one of ours."""
        notes = self.filtered(
            lambda move: (
                move.reversed_entry_id
                and move.move_type in BILLING_MOVE_TYPES
                and move.state == "posted"
                and not move.currency_id.is_zero(move.amount_total)
                and not move._billing_is_entered()
                and move.reversed_entry_id._billing_is_entered()
            )
        )
        # sudo: an accountant may have no rights on transactions.
        Transaction = self.env["omni.billing.transaction"].sudo()
        if notes:
            trust(Transaction).create(
                [note._billing_prepare_note_values() for note in notes]
            )

    def _billing_prepare_note_values(self):
        self.ensure_one()
        return {
            "transaction_type": "adjustment",
            "is_refund": self.move_type == "out_invoice",
            "name": self._billing_translate(
                lambda env: env._(
                    "Adjustment of %(invoice)s: %(entry)s",
                    invoice=self.reversed_entry_id.name,
                    entry=self.name,
                )
            ),
            "description": self.ref,
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "date": self.date,
            "retail_cost": self.amount_total,
            "state": "invoiced",
            "invoice_id": self.id,
        }

    def _billing_enter_rounding(self):
        """Write what the rounding of cash made of invoices of ours, and of credits.

        An addon, or an accountant, may round; what balances a void invoice is none.
        """
        values = []
        for move in self.filtered(lambda move: move._billing_has_transactions()):
            rounding = move._billing_get_cash_rounding()
            if not move.currency_id.is_zero(rounding):
                values.append(move._billing_prepare_rounding_values(rounding))
        # sudo: an accountant may have no rights on transactions.
        trust(self.env["omni.billing.transaction"].sudo()).create(values)

    def _billing_prepare_rounding_values(self, rounding):
        self.ensure_one()
        signed = rounding if self.move_type == "out_invoice" else -rounding
        return {
            "transaction_type": "adjustment",
            "is_refund": signed > 0,
            "name": self._billing_translate(
                lambda env: env._("Rounding of %(invoice)s", invoice=self.name)
            ),
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "date": self.date,
            "retail_cost": abs(rounding),
            "state": "invoiced",
            "invoice_id": self.id,
        }

    def _billing_leave_adjustments(self, reason):
        # sudo: who may open the document again takes its entry out.
        entries = self.sudo().billing_adjustment_ids.filtered(
            lambda entry: not entry.partial_id
        )
        if entries:
            entries._set_void(reason=reason)
            trust(entries).invoice_id = False

    def _billing_is_in_ledger(self):
        """Whether the ledger has all of it: billed here, or what reverses that."""
        self.ensure_one()
        return any(
            move.billing_is_void or move._billing_is_entered()
            for move in self | self.reversed_entry_id
        )

    def _billing_is_entered(self):
        """Whether entries of the ledger are of this document itself."""
        self.ensure_one()
        # sudo: an accountant may have no rights on transactions.
        return self._billing_has_transactions() or any(
            not entry.partial_id for entry in self.sudo().billing_adjustment_ids
        )

    def _billing_is_money(self):
        """Whether it is a payment, or a line of a bank statement."""
        self.ensure_one()
        return bool(self.origin_payment_id or self.statement_line_id)

    def _billing_is_by_hand(self):
        """Whether it is a journal entry of an accountant."""
        self.ensure_one()
        return self.move_type == "entry" and not self._billing_is_money()

    def _billing_is_news(self, partner):
        """Whether the ledger learns of it only by what it is set against."""
        return not self._billing_is_in_ledger() and self._billing_owes(partner)

    def _billing_get_moved_share(self, partner, is_debt):
        """Return which part of what an entry took it put on other accounts, 0 to 1.

        The rest is written off, or another customer's. Of an entry that changes nothing
        in all it is 0: see `_billing_owes`.

        :param bool is_debt: what was taken: a debt, or else a credit.
        """
        self.ensure_one()
        sign = 1 if is_debt else -1
        amounts = [sign * line.balance for line in self._billing_find_owed(partner)]
        taken = -sum(amount for amount in amounts if amount < 0)
        put = sum(amount for amount in amounts if amount > 0)
        if not taken or self.company_id.currency_id.is_zero(taken - put):
            return 0.0
        return min(1.0, put / taken)

    def _billing_find_owed(self, partner):
        """Return the items of an entry that a customer owes, or has as credit."""
        return self.line_ids.filtered(
            lambda line: (
                line.account_id.account_type == "asset_receivable"
                and line.partner_id.commercial_partner_id == partner
            )
        )

    def _billing_owes(self, partner, seen=()):
        """Whether it changes what a customer owes: no entry between its accounts does.

        An accountant makes one to have credit where the invoices are. Money that it
        brings, and that was not used before, is new to the ledger.

        :param seen: entries that are looked at already: two may be set against each
            other on both of their accounts.
        """
        self.ensure_one()
        owed = self._billing_find_owed(partner)
        if not self.company_id.currency_id.is_zero(sum(owed.mapped("balance"))):
            return True
        brought = owed.matched_credit_ids.credit_move_id.move_id
        seen = {*seen, self}
        return bool(brought) and not any(
            move._billing_is_in_ledger()
            or move in seen
            or (move._billing_is_by_hand() and not move._billing_owes(partner, seen))
            for move in brought
        )

    # === WHAT AN ENTRY MOVED === #

    def _billing_share_moved(self, line, partial, kept=1.0):
        """Share what settles an entry among the documents that it was moved from.

        :param line: of the entry, which has what was moved.
        :param partial: the `account.partial.reconcile` that settles it.
        :param float kept: which part of it is settled, and not moved on.
        :return: of each document how much, in its currency; the oldest first.
        :rtype: list[tuple]
        """
        self.ensure_one()
        taken = self._billing_find_taken(line, partial)
        shares = [
            (invoice, invoice.currency_id.round(amount * kept))
            for invoice, (_booked, amount) in taken.items()
        ]
        return [(invoice, share) for invoice, share in shares if share]

    def _billing_find_taken(self, line, partial, seen=()):
        """Return what one settlement of a line takes of what was moved to it.

        The oldest comes first, and what others settled is left out.

        :rtype: dict
        """
        self.ensure_one()
        left = partial.amount
        others = line.matched_debit_ids + line.matched_credit_ids - partial
        known = self._billing_sum_settled(line, others)
        taken = {}
        for invoice, (booked, amount) in self._billing_find_moved(line, seen).items():
            if not amount:
                continue
            # In the currency of the company, as what settles it is.
            part = min(left, booked * (1 - known.get(invoice, 0) / amount))
            if part > 0:
                taken[invoice] = part, amount * part / booked
                left -= part
        return taken

    def _billing_find_moved(self, line, seen=()):
        """Return what was moved from which documents of the ledger to a line.

        :param seen: entries that are looked at already.
        :return: by `account.move`, in the company's currency and its own; the oldest
            first.
        :rtype: dict
        """
        self.ensure_one()
        is_debt = line.balance > 0
        found = {}
        partner = line.partner_id.commercial_partner_id
        sides = self._billing_find_owed(partner).filtered(
            lambda other: (other.balance < 0) == is_debt
        )
        # What it did not put elsewhere is settled by the entry itself.
        share = self._billing_get_moved_share(partner, is_debt) or 1.0
        seen = {*seen, self}
        for partial in sides.matched_debit_ids | sides.matched_credit_ids:
            name = "debit" if is_debt else "credit"
            origin = partial[f"{name}_move_id"]
            if origin.move_id in seen:
                continue
            if origin.move_id._billing_is_by_hand():
                # It was moved more than once.
                moved = origin.move_id._billing_find_taken(origin, partial, seen)
            elif origin.move_id._billing_is_in_ledger():
                amount = partial[f"{name}_amount_currency"]
                moved = {origin.move_id: (partial.amount, amount)}
            else:
                continue
            for invoice, parts in moved.items():
                before = found.get(invoice, (0, 0))
                found[invoice] = tuple(
                    known + share * part
                    for known, part in zip(before, parts, strict=True)
                )
        return dict(sorted(found.items(), key=lambda each: (each[0].date, each[0].id)))

    def _billing_sum_settled(self, line, partials, seen=()):
        """Return what the ledger has of what settled an entry, by document.

        :param partials: the `account.partial.reconcile` of its line to look at. What
            was moved on by one is settled where it is now.
        :param seen: entries that are looked at already.
        """
        self.ensure_one()
        partner = line.partner_id.commercial_partner_id
        seen = {*seen, self}
        # sudo: an accountant may have no rights on transactions.
        entries = self.env["omni.billing.transaction"].sudo()
        found = entries._read_group(
            [("partial_id", "in", partials.ids), ("state", "=", "invoiced")],
            ["invoice_id"],
            ["retail_cost:sum"],
        )
        found = Counter(dict(found))
        side = "credit" if line.balance > 0 else "debit"
        for move in partials[f"{side}_move_id"].move_id:
            if move in seen or not move._billing_is_by_hand():
                continue
            for other in move._billing_find_owed(partner):
                if (other.balance > 0) == (line.balance > 0):
                    later = other.matched_debit_ids + other.matched_credit_ids
                    found.update(move._billing_sum_settled(other, later, seen))
        return found

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain

from odoo.addons.omni_billing.const import UNPAID_STATES
from odoo.addons.omni_billing.tools.notice import notice, reload
from odoo.addons.omni_billing.tools.numbers import format_amount
from odoo.addons.omni_billing.tools.write_guard import (
    is_trusted,
    trust,
    trusting,
    without_any_default,
)


class AccountMove(models.Model):
    """An invoice is paid with what its customer paid in advance, before all else (W51)

    By an entry between the account of customer advances and what is owed. It is made as
    the invoice is posted, before a card is charged or anybody is written to; where the
    money comes later, by the job, or before a card is charged.
    """

    _inherit = "account.move"

    billing_wallet_off = fields.Boolean(
        string="Without Prepaid Money",
        readonly=True,
        copy=False,
        help="A person decided that the customer pays it otherwise.",
    )
    billing_wallet_drawn = fields.Monetary(
        string="Paid with Prepaid Money",
        compute="_compute_billing_wallet_drawn",
        compute_sudo=True,
    )

    def _billing_get_state_fields(self):
        """Override: what is not paid so is decided by a button."""
        return super()._billing_get_state_fields() | {"billing_wallet_off"}

    def _compute_billing_wallet_drawn(self):
        for move in self:
            drawn = move._billing_find_draws()
            lines = drawn.line_ids.filtered(lambda line: line.billing_wallet_id)
            move.billing_wallet_drawn = sum(lines.mapped("amount_currency"))

    # === BUSINESS METHODS: USING IT === #

    def _billing_draw_prepaid(self):
        """Pay those of these that are unpaid with what their customers paid in advance.

        What is due first comes first, and what ends first is used first. Never more
        than there is: what is left is read under a lock that who comes second waits
        for, and begins again.

        :return: what was used, by invoice, in its currency.
        :rtype: dict[account.move, float]
        """
        # sudo: whoever posts or pays need not read wallets; see the callers.
        Move = without_any_default(self.env["account.move"].sudo())
        candidates = Move.browse(self.ids).filtered(
            lambda move: move.move_type == "out_invoice" and move.state == "posted"
        )
        if not candidates:
            return {}
        wallets = self.env["omni.billing.wallet"]._find_for(
            candidates.commercial_partner_id, candidates.company_id
        )
        if not wallets:
            return {}
        moves = Move.search(
            Domain("id", "in", candidates.ids) & Move._billing_get_prepaid_domain()
        )
        by_owner = wallets.grouped(
            lambda wallet: (
                wallet.partner_id.commercial_partner_id,
                wallet.company_id,
                wallet.currency_id,
            )
        )

        def get_owner(move):
            return move.commercial_partner_id, move.company_id, move.currency_id

        moves = moves.filtered(lambda move: get_owner(move) in by_owner)
        if not moves:
            return {}
        used = wallets.browse().union(*(by_owner[get_owner(move)] for move in moves))
        # Most have none: they are not locked.
        if not used._read_lots():
            return {}
        moves._billing_lock()
        lots = used._lock_lots()
        shares = {}
        left = {lot.line: lot.left for own in lots.values() for lot in own}
        for move in moves._billing_sort_by_due():
            own = [lot for w in by_owner[get_owner(move)] for lot in lots[w.id]]
            if parts := move._billing_share_prepaid(own, left):
                shares[move] = parts
        self._billing_book_draws(shares)
        if any(used.mapped("is_auto")):
            used._trigger_job()
        return {
            move: move.currency_id.round(sum(part for _line, part in parts))
            for move, parts in shares.items()
        }

    def _billing_share_prepaid(self, lots, left):
        """Return what an invoice takes of which items; what is left of each shrinks.

        :param list lots: `Lot` records, in the order in which they are used.
        :param dict left: what can be used still, by item.
        """
        self.ensure_one()
        owed, parts = self.amount_residual, []
        for lot in lots:
            part = self.currency_id.round(min(owed, left[lot.line]))
            if self.currency_id.compare_amounts(part, 0) > 0:
                parts.append((lot.line, part))
                left[lot.line] -= part
                owed -= part
        return parts

    def _billing_book_draws(self, shares):
        """Post an entry for each invoice, and set both of its sides against theirs."""
        # sudo: see `_billing_draw_prepaid`.
        Move = without_any_default(self.env["account.move"].sudo())
        moves = Move.browse().union(*shares)
        for company, own in moves.grouped("company_id").items():
            values = [move._billing_prepare_draw(shares[move], company) for move in own]
            entries = trust(Move.with_company(company)).create(values)
            entries = Move.with_company(company).browse(entries.ids)
            with trusting(self.env):
                entries._post(soft=False)
            plan = []
            for move, entry in zip(own, entries, strict=True):
                taken = entry.line_ids.filtered("billing_wallet_id").sorted("id")
                for (lot, _part), line in zip(shares[move], taken, strict=True):
                    plan.append(lot.with_env(entry.env) + line)
                open_lines = move._billing_find_open_parts().with_env(entry.env)
                plan.append(open_lines + (entry.line_ids - taken))
            Move.env["account.move.line"]._reconcile_plan(plan)

    def _billing_prepare_draw(self, parts, company):
        """Return the values of the entry that pays an invoice.

        :param list parts: items of the wallet, and what is taken of each.
        """
        name = self._billing_translate(
            lambda env: env._("Prepaid money for %(invoice)s", invoice=self.name)
        )
        lines = [line._billing_prepare_wallet_line(part, name) for line, part in parts]
        owed = self._billing_find_open_parts()[:1]
        lines.append(
            {
                "name": name,
                "account_id": owed.account_id.id,
                "partner_id": owed.partner_id.id,
                "currency_id": self.currency_id.id,
                "amount_currency": -sum(line["amount_currency"] for line in lines),
                "balance": -company.currency_id.round(
                    sum(line["balance"] for line in lines)
                ),
                "tax_ids": [Command.clear()],
            }
        )
        return self._billing_prepare_wallet_entry("draw", name, lines, self.currency_id)

    def _billing_post_wallet_entry(self, kind, name, lines, currency):
        """Post an entry of prepaid money in the company of these.

        :param list lines: the values of its items.
        :return: the `account.move`, in sudo.
        """
        # sudo: as in drawing.
        Move = without_any_default(self.env["account.move"].sudo())
        Move = Move.with_company(self.company_id)
        values = self._billing_prepare_wallet_entry(kind, name, lines, currency)
        entry = Move.browse(trust(Move).create(values).ids)
        with trusting(self.env):
            entry._post(soft=False)
        return entry

    def _billing_prepare_wallet_entry(self, kind, name, lines, currency):
        """Return the values of an entry of prepaid money, of today."""
        company = self.company_id[:1]
        return {
            "move_type": "entry",
            "company_id": company.id,
            "journal_id": company._billing_get_pack_journal().id,
            "date": fields.Date.context_today(self),
            "ref": name,
            "currency_id": currency.id,
            "billing_wallet_kind": kind,
            "line_ids": [Command.create(line) for line in lines],
        }

    def _billing_get_prepaid_domain(self):
        """Return the invoices that are paid with prepaid money by itself."""
        return (
            self._billing_get_crediting_domain()
            & Domain("billing_state", "in", UNPAID_STATES)
            & Domain("billing_wallet_id", "=", False)
            & Domain("billing_wallet_off", "=", False)
            & Domain("billing_transaction_ids", "!=", False)
        )

    def _billing_spend_credit(self):
        """Override: and prepaid money before that, so no card pays what is paid."""
        # sudo: as for credit on file.
        moves = self.sudo()
        drawn = sum(moves._billing_draw_prepaid().values())
        return super()._billing_spend_credit() + drawn

    # === BUSINESS METHODS: GIVING IT BACK === #

    def _billing_find_draws(self):
        """Return the entries by which prepaid money paid these, the last first."""
        lines = self.sudo()._billing_get_receivable_lines()  # sudo: as in drawing.
        entries = (
            lines.matched_credit_ids.credit_move_id.move_id
            | lines.matched_debit_ids.debit_move_id.move_id
        )
        return entries.filtered(lambda move: move.billing_wallet_kind == "draw").sorted(
            "id", reverse=True
        )

    def action_billing_without_prepaid(self):
        """Give back the prepaid money that paid an invoice, which is owed again.

        None is used for it again by itself.
        """
        self.env["omni.billing.wallet"]._check_staff()
        self._billing_lock()
        drawn = sum(self.mapped("billing_wallet_drawn"))
        if not drawn:
            raise UserError(self.env._("No prepaid money was used for this invoice."))
        self._billing_undo_draws()
        trust(self).billing_wallet_off = True
        message = self.env._(
            "%(amount)s is prepaid money again, and is owed on the invoice.",
            amount=format_amount(self.env, drawn, self.currency_id[:1]),
        )
        return notice(message, after=reload())

    def _billing_undo_draws(self):
        """Turn the entries around by which prepaid money paid these: it is back."""
        entries = without_any_default(self)._billing_find_draws()
        taken = entries.line_ids.filtered("billing_wallet_id")
        lots = taken.matched_credit_ids.credit_move_id
        for entry in entries:
            values = {
                "date": fields.Date.context_today(self),
                "ref": self.env._("Not used after all: %(entry)s", entry=entry.ref),
                "billing_wallet_kind": "back",
            }
            with trusting(self.env):
                entry._reverse_moves([values], cancel=True)
        for lot in lots:
            if (last := lot._billing_renew_prepaid()) != lot.billing_wallet_expires_on:
                trust(lot).billing_wallet_expires_on = last
        if lots:
            lots.billing_wallet_id._trigger_job()

    def action_billing_void(self, reason=None, by_credit_note=False):
        """Override: what prepaid money paid goes back to the wallet before."""
        self.check_access("write")
        # Of what was credited in part already, a part is back: that stays as it is.
        drawn = self.filtered(
            lambda move: not move.reversal_move_ids and move._billing_find_draws()
        )
        if drawn:
            drawn._billing_lock()
            drawn._billing_undo_draws()
        return super().action_billing_void(reason=reason, by_credit_note=by_credit_note)

    def _billing_return_prepaid(self):
        """Give what credit notes credit back to the wallet, where that alone had paid.

        Where other money paid the invoice as well, it is credit on file, as ever.
        """
        for note in self.filtered("reversed_entry_id"):
            invoice = note.reversed_entry_id
            entries = invoice._billing_find_draws() if note.amount_residual else ()
            if entries and not invoice._billing_was_paid_otherwise():
                note._billing_book_return(entries)

    def _billing_was_paid_otherwise(self):
        """Whether something else than prepaid money and credit notes paid it."""
        lines = self._billing_get_receivable_lines()
        others = (
            lines.matched_credit_ids.credit_move_id.move_id
            - self._billing_find_draws()
            - self.reversal_move_ids
        )
        return bool(others.filtered(lambda move: not move.exchange_diff_partial_ids))

    def _billing_book_return(self, entries):
        """Book what a credit note gives back to the wallet: what was used last first.

        :param entries: those that paid the invoice, the last first.
        """
        self.ensure_one()
        before = defaultdict(float)
        notes = self.reversed_entry_id.reversal_move_ids - self
        owed = notes._billing_get_receivable_lines()
        returned = owed.matched_debit_ids.debit_move_id.move_id.filtered(
            lambda move: move.billing_wallet_kind == "return"
        )
        for line in returned.line_ids.filtered("billing_wallet_id"):
            before[line.billing_wallet_id] -= line.amount_currency
        left, lines = self.amount_residual, []
        name = self._billing_translate(
            lambda env: env._("Prepaid money of %(note)s", note=self.name)
        )
        for line in entries.line_ids.filtered("billing_wallet_id").sorted(
            "id", reverse=True
        ):
            used = line.amount_currency
            skipped = min(used, before[line.billing_wallet_id])
            before[line.billing_wallet_id] -= skipped
            part = self.currency_id.round(min(left, used - skipped))
            if self.currency_id.compare_amounts(part, 0) > 0:
                values = line._billing_prepare_wallet_line(-part, name)
                values["billing_wallet_expires_on"] = line._billing_renew_prepaid()
                lines.append(values)
                left -= part
        if lines:
            self._billing_book_from_credit("return", name, lines)
            entries.line_ids.billing_wallet_id._trigger_job()

    def _billing_book_from_credit(self, kind, name, lines):
        """Post an entry between a wallet and the credit of this note, and settle it."""
        credit = self._billing_find_open_parts()
        lines = [
            *lines,
            {
                "name": name,
                "account_id": credit[:1].account_id.id,
                "partner_id": credit[:1].partner_id.id,
                "currency_id": self.currency_id.id,
                "amount_currency": -sum(line["amount_currency"] for line in lines),
                "balance": -sum(line["balance"] for line in lines),
                "tax_ids": [Command.clear()],
            },
        ]
        entry = self._billing_post_wallet_entry(kind, name, lines, self.currency_id)
        other = entry.line_ids.filtered(lambda line: not line.billing_wallet_id)
        (credit.with_env(entry.env) + other).reconcile()
        return entry


class AccountPartialReconcile(models.Model):
    """What our ledger says of prepaid money that meets an invoice; it stays so (W51)"""

    _inherit = "account.partial.reconcile"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_billing_prepaid(self):
        """What was used is given back by a button alone.

        Or else it would be credit on file, and the job would use as much again.
        """
        lines = self.debit_move_id + self.credit_move_id
        is_within = all(line.billing_wallet_id for line in lines)
        if is_within and not is_trusted(self.env):
            raise UserError(
                self.env._(
                    "This is set against prepaid money, and stays so. To pay the"
                    " invoice otherwise, press “Do Not Use Prepaid Money” on it."
                )
            )
        lines.move_id._billing_check_not_of_wallet()

    def _billing_prepare_adjustment_values(self, invoice, source):
        """Override: it is called by its name, as the customer reads it."""
        values = super()._billing_prepare_adjustment_values(invoice, source)
        if source.billing_wallet_kind:
            values |= {
                "name": invoice._billing_translate(
                    lambda env: env._(
                        "Prepaid money: %(invoice)s", invoice=invoice.name
                    )
                ),
                "description": False,
            }
        return values

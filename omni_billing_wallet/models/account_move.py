from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.lock import take_turns, wait_for
from odoo.addons.omni_billing.tools.write_guard import is_trusted


class AccountMove(models.Model):
    """A pack is made when its invoice is posted, and follows its credit notes (W42)."""

    _inherit = "account.move"

    # === POSTING === #

    def _post(self, soft=True):
        """Override of `account`: make the packs of what was posted, close others."""
        posted = super()._post(soft=soft)
        posted._billing_follow_packs()
        return posted

    def _billing_follow_packs(self):
        # sudo: whoever posts may not see packs.
        Line = self.env["account.move.line"].sudo()
        Pack = Line.env["omni.billing.pack"]
        own = Domain("move_id", "in", self.ids)
        sold = Line.search(
            own
            & Domain("billing_pack_id", "=", False)
            & Domain("billing_transaction_id.transaction_type", "=", "charge")
            & Domain("billing_transaction_id.state", "=", "invoiced")
            & Domain("account_id.internal_group", "=", "liability")
        ).filtered(lambda line: line._sells_pack())
        Pack._make_of_lines(sold)
        credited = Line.search(
            own
            & Domain("billing_pack_id", "!=", False)
            & Domain("id", "not in", sold.ids)
            & Domain("move_id.move_type", "in", ("out_invoice", "out_refund"))
        )
        # A void of a refund of units: its credit waits to be billed again, so nothing
        # was given back. Odoo's own button leaves the credit where it is.
        if is_trusted(self.env):
            credited = credited.filtered(lambda line: not line._turns_refund_around())
        if credited:
            Pack._follow_credits(credited)

    def _billing_read_loss(self):
        """Return what entries that are no money took off as an expense, and of what.

        What a bank kept for itself, a cent and a loss of exchange are no such thing: it
        was paid.

        :return: in its currency, both; the second without what was credited, which is
            owed by nobody.
        :rtype: tuple[float, float]
        """
        self.ensure_one()
        owed = self._billing_get_receivable_lines()
        lost = sum(
            partial.debit_amount_currency * partial.credit_move_id._get_lost_share()
            for partial in owed.matched_credit_ids
        ) + sum(
            partial.credit_amount_currency * partial.debit_move_id._get_lost_share()
            for partial in owed.matched_debit_ids
        )
        if not lost:
            return 0.0, self.amount_total
        return lost, self.amount_total - self._billing_get_reversed_amount()

    # === WHAT CANNOT BE UNDONE === #

    def _billing_before_void(self):
        """Override: an invoice whose pack was used is not void."""
        self._billing_check_packs_unused(self.billing_transaction_ids)
        self._billing_check_closed_no_pack()
        return super()._billing_before_void()

    def _billing_check_cancellable(self, transactions, penalty):
        """Override: a pack that was used is not canceled; its rest is refunded."""
        self._billing_check_packs_unused(transactions)
        return super()._billing_check_cancellable(transactions, penalty)

    def _billing_check_packs_unused(self, transactions):
        packs = self._billing_lock_packs()
        used = (
            packs.filtered(lambda pack: pack.transaction_id in transactions)
            ._find_taken()
            .pack_id
        )
        if used:
            raise UserError(
                self.env._(
                    "Units of these packs were used or refunded: %(packs)s. Nothing was"
                    " changed. Take the uses back first, or refund what is not used:"
                    " Billing > Prepaid.",
                    packs=format_list(self.env, used.mapped("name")),
                )
            )

    def _billing_check_closed_no_pack(self):
        """Check that these credit notes closed no pack: it would not open again."""
        notes = self.filtered(lambda move: move.move_type == "out_refund")
        # sudo: whoever voids may not see packs.
        lines = notes.sudo().line_ids.filtered(
            lambda line: (
                line.billing_pack_id.invoice_id != line.move_id
                and not line.billing_transaction_id.pack_id
            )
        )
        rows = lines.billing_pack_id.use_ids.filtered(lambda use: use.kind == "closed")
        if rows:
            raise UserError(
                self.env._(
                    "These packs were closed by the credit note, and do not open again:"
                    " %(packs)s. Nothing was changed. If the customer keeps the pack"
                    " after all, sell it anew.",
                    packs=format_list(self.env, rows.pack_id.mapped("name")),
                )
            )

    def _billing_lock_packs(self):
        """Return the packs that these sold; who uses one meanwhile begins again."""
        # sudo: whoever voids or credits may not see packs.
        packs = self.env["omni.billing.pack"].sudo()
        packs = packs.search([("invoice_id", "in", self.ids)])
        wait_for(packs)
        if packs:
            take_turns(packs)
        return packs

    def _billing_before_reversed(self):
        """Override: units that were refunded are not credited once more."""
        if refunded := self._billing_lock_packs()._find_refunded():
            raise UserError(
                self.env._(
                    "Units of these packs were refunded: %(packs)s. A credit note of"
                    " the invoice would give them back once more, so none was made."
                    " Refund what is left on the pack, or void the refund first:"
                    " Billing > Prepaid.",
                    packs=format_list(self.env, refunded.mapped("name")),
                )
            )
        # sudo: whoever credits may not see packs.
        if given := self.sudo().billing_transaction_ids.pack_id:
            raise UserError(
                self.env._(
                    "%(document)s gives back units of packs: %(packs)s. A reversal"
                    " would bring back the money and no units, so none was made. Void"
                    " it instead: its credit then waits, to be billed again or voided.",
                    document=self[:1].display_name,
                    packs=format_list(self.env, given.mapped("name")),
                )
            )
        return super()._billing_before_reversed()

    def _billing_create_refund(self, amount, note=None, payment=None):
        """Override: as above, of money that goes back to a card."""
        self._billing_lock_packs()
        return super()._billing_create_refund(amount, note, payment)

    def _billing_get_refundable_amount(self, note=None, payment=None):
        """Override: less what refunds of units give back already."""
        available = super()._billing_get_refundable_amount(note, payment)
        # sudo: whoever refunds may not see packs.
        packs = self.env["omni.billing.pack"].sudo()
        packs = packs.search([("invoice_id", "=", self.id)])
        if note or not packs:
            return available
        given = packs._find_refunded().use_ids.transaction_id.filtered(
            lambda credit: credit.pack_id and credit.state != "void"
        )
        left = self.amount_total - self._billing_get_reversed_amount()
        left += sum(given.mapped("amount_total"))
        return self.currency_id.round(max(0.0, min(available, left)))

    def button_draft(self):
        """Override of `account`: what was booked of packs stays booked."""
        self._billing_check_not_of_packs()
        return super().button_draft()

    def button_cancel(self):
        """Override of `account`: what was booked of packs stays booked."""
        self._billing_check_not_of_packs()
        return super().button_cancel()

    def _billing_check_not_of_packs(self):
        entries = self.filtered(lambda move: move.move_type == "entry")
        # sudo: whoever keeps the books may not see packs.
        use = self.env["omni.billing.pack.use"].sudo()
        if entries and (
            booked := use.search([("move_id", "in", entries.ids)], limit=1)
        ):
            raise UserError(
                self.env._(
                    "%(entry)s books what was used of packs, and stays as it is. If it"
                    " is wrong, correct it by a journal entry of your own.",
                    entry=booked.move_id.display_name,
                )
            )

    # === PARTS OF AN INVOICE === #

    def _billing_group_by_kind(self, base_lines):
        """Override: what is credited in part says of which pack."""
        groups, by_pack = [], {}
        for base_line in base_lines:
            pack = base_line["record"].billing_pack_id
            by_pack.setdefault(pack, []).append(base_line)
        for lines in by_pack.values():
            groups += super()._billing_group_by_kind(lines)
        return groups

    def _billing_prepare_part_line(self, group, name):
        """Override: as above."""
        values = super()._billing_prepare_part_line(group, name)
        if pack := group["record"].billing_pack_id:
            values["billing_pack_id"] = pack.id
        return values

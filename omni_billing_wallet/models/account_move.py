from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_list


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
            & Domain("billing_transaction_id.product_id.billing_is_pack", "=", True)
            & Domain("account_id.internal_group", "=", "liability")
        )
        Pack._make_of_lines(sold)
        credited = Line.search(
            own
            & Domain("billing_pack_id", "!=", False)
            & Domain("id", "not in", sold.ids)
            & Domain("move_id.move_type", "in", ("out_invoice", "out_refund"))
        )
        if credited:
            Pack._follow_credits(credited)

    # === WHAT CANNOT BE UNDONE === #

    def _billing_before_void(self):
        """Override: an invoice whose pack was used is not void."""
        self._billing_check_packs_unused(self.billing_transaction_ids)
        return super()._billing_before_void()

    def _billing_check_cancellable(self, transactions, penalty):
        """Override: a pack that was used is not canceled; its rest is refunded."""
        self._billing_check_packs_unused(transactions)
        return super()._billing_check_cancellable(transactions, penalty)

    def _billing_check_packs_unused(self, transactions):
        # sudo: whoever voids may not see packs.
        Pack = self.env["omni.billing.pack"].sudo()
        packs = Pack.search(
            [("invoice_id", "in", self.ids), ("transaction_id", "in", transactions.ids)]
        )
        used = packs._find_taken().pack_id
        if used:
            raise UserError(
                self.env._(
                    "Units of these packs were used or refunded: %(packs)s. Nothing was"
                    " changed. Take the uses back first, or refund what is not used:"
                    " Billing > Packs.",
                    packs=format_list(self.env, used.mapped("name")),
                )
            )

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

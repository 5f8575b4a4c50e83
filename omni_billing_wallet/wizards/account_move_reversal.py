from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_list


class AccountMoveReversal(models.TransientModel):
    _inherit = "account.move.reversal"

    def reverse_moves(self, is_modify=False):
        """Override of `account`: an invoice of a pack is not made anew by a copy (W42).

        The copy has no transaction, so it would sell no pack.
        """
        # sudo: whoever credits may not see packs.
        packs = self.sudo().move_ids.line_ids.billing_pack_id
        if is_modify and packs:
            raise UserError(
                self.env._(
                    "The invoice sells packs: %(packs)s. A copy of it would sell none,"
                    " so nothing was changed. Void the invoice, which frees its"
                    " transactions, change them, and bill them again.",
                    packs=format_list(self.env, packs.mapped("name")),
                )
            )
        return super().reverse_moves(is_modify=is_modify)

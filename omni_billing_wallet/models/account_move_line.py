from odoo import fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    billing_pack_id = fields.Many2one(
        "omni.billing.pack",
        string="Pack",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="What it is deferred revenue of.",
    )

    def _sells_pack(self):
        """Whether it was billed as a pack, whatever became of the product since."""
        self.ensure_one()
        if self.billing_transaction_id._is_of_service():
            return False
        product = self.product_id.with_company(self.company_id)
        account = product.billing_pack_account_id
        return product.billing_is_pack or bool(account and account == self.account_id)

    def _get_lost_share(self):
        """Return which part of what an entry took here is an expense, 0 to 1."""
        self.ensure_one()
        move = self.move_id
        if not move._billing_is_by_hand() or move.exchange_diff_partial_ids:
            return 0.0
        same = move._billing_get_receivable_lines().filtered(
            lambda line: line.balance * self.balance > 0
        )
        taken = sum(same.mapped("balance"))
        expenses = move.line_ids.filtered(
            lambda line: line.account_id.internal_group == "expense"
        )
        lost = -sum(expenses.mapped("balance"))
        return max(0.0, min(1.0, lost / taken)) if taken else 0.0

    def _turns_refund_around(self):
        """Whether it balances the credit note of a refund of units."""
        self.ensure_one()
        credited = self.move_id.reversed_entry_id.line_ids.billing_transaction_id
        return self.billing_pack_id in credited.pack_id

    def _copy_data_extend_business_fields(self, values):
        """Override of `account`: what turns a line around is of the same pack."""
        result = super()._copy_data_extend_business_fields(values)
        values["billing_pack_id"] = self.billing_pack_id.id
        return result

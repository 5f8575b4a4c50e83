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
        product = self.product_id.with_company(self.company_id)
        account = product.billing_pack_account_id
        return product.billing_is_pack or bool(account and account == self.account_id)

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

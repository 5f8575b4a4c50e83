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

    def _copy_data_extend_business_fields(self, values):
        """Override of `account`: what turns a line around is of the same pack."""
        result = super()._copy_data_extend_business_fields(values)
        values["billing_pack_id"] = self.billing_pack_id.id
        return result

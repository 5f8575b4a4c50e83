from odoo import models


class OmniBillingProven(models.AbstractModel):
    _inherit = "omni.billing.proven"

    def _find_peculiarity(self, company, one):
        """Override: what sells a pack is posted by Odoo, which then makes the pack."""
        products = self.env["product.product"].browse(
            {
                line.get("product_id") or 0
                for _command, _id, line in one.values["invoice_line_ids"]
            }
            - {0}
        )
        if any(product.billing_is_pack for product in products):
            return "pack"
        return super()._find_peculiarity(company, one)

    def _describe_reason(self, reason):
        """Override: what is said of it where fast billing is proved."""
        if reason == "pack":
            return self.env._("a prepaid pack")
        return super()._describe_reason(reason)

from odoo import api, models
from odoo.exceptions import ValidationError


class OmniBillingService(models.Model):
    """A service sells no packs (W42).

    Its set-up fee, adjustments and parts of periods are charges of the same product,
    and would each be a pack.
    """

    _inherit = "omni.billing.service"

    @api.constrains("product_id")
    def _check_no_pack(self):
        for service in self:
            if service.product_id.billing_is_pack:
                raise ValidationError(
                    self.env._(
                        "“%(product)s” is a prepaid pack, and services sell none: a fee"
                        " or a part of a month would be a pack, too. Enter a charge for"
                        " each pack, or choose a product that is no pack.",
                        product=service.product_id.display_name,
                    )
                )

from odoo import models
from odoo.exceptions import UserError


class OmniBillingServiceRowMixin(models.AbstractModel):
    """What is agreed for one service stays with it."""

    _name = "omni.billing.service.row.mixin"
    _description = "Row of a Billing Service"

    def write(self, vals):
        """Override of the ORM: it goes to no service that one may not write, either."""
        if "service_id" in vals:
            for row in self:
                if row.service_id.id != vals["service_id"]:
                    raise UserError(
                        self.env._(
                            "This belongs to %(service)s. Delete it there, and enter it"
                            " for the other service. Nothing was changed.",
                            service=row.service_id.name,
                        )
                    )
        return super().write(vals)

from odoo import api, models

from ...tools.write_guard import without_any_default


class OmniBillingServerMixin(models.AbstractModel):
    """What the server alone makes, for whoever called, and with more rights.

    A caller chooses its context, and so the defaults of whatever is made on the way.
    """

    _name = "omni.billing.server.mixin"
    _description = "Made by the Server"

    @api.model
    def default_get(self, fields):
        """Override of the ORM: nothing of it is what a caller wished."""
        return super(OmniBillingServerMixin, without_any_default(self)).default_get(
            fields
        )

from odoo import api, models


class OmniBillingProven(models.AbstractModel):
    """Who gets invoices by Peppol is another pattern: Odoo writes that on each."""

    _inherit = "omni.billing.proven"

    @api.model
    def _get_key(self, one):
        """Override: whether Odoo found the customer on Peppol."""
        customer = self._get_partner(one.values).commercial_partner_id
        return (*super()._get_key(one), customer.peppol_verification_state)

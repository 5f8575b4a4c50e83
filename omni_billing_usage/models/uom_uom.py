from odoo import models


class UomUom(models.Model):
    """Calls are invoiced in minutes and hours (W41)."""

    _inherit = "uom.uom"

    def _unprotected_uom_xml_ids(self):
        """Override of `uom`: hours stay, and minutes, which would go with them."""
        names = super()._unprotected_uom_xml_ids()
        return [name for name in names if name != "product_uom_hour"]

from odoo import models


class AccountEdiCommon(models.AbstractModel):
    """What e-invoices call a unit."""

    _inherit = "account.edi.common"

    def _get_uom_unece_code(self, uom):
        """Override of `account_edi_ubl_cii`: the unit may say it itself."""
        return uom.billing_unece_code or super()._get_uom_unece_code(uom)

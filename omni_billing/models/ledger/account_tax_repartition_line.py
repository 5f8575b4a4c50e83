from odoo import api, models

#: What says whether a part of a tax is taken off again.
SHARES = {"factor_percent", "repartition_type", "document_type", "tax_id"}


class AccountTaxRepartitionLine(models.Model):
    """Where parts of a tax go: what is taken off again, as a reverse charge is."""

    _inherit = "account.tax.repartition.line"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: what is unbilled follows."""
        lines = super().create(vals_list)
        lines.tax_id._billing_have_followed()
        return lines

    def write(self, vals):
        """Override of `account`: what is unbilled follows."""
        taxes = self.tax_id
        result = super().write(vals)
        if SHARES & vals.keys():
            (taxes | self.tax_id)._billing_have_followed()
        return result

    def unlink(self):
        """Override of the ORM: what is unbilled follows."""
        taxes = self.tax_id
        result = super().unlink()
        taxes.exists()._billing_have_followed()
        return result

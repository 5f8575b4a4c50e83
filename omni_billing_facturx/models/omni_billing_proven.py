from odoo import models


class OmniBillingProven(models.AbstractModel):
    """Each invoice of a company with Factur-X is looked at when it is posted."""

    _inherit = "omni.billing.proven"

    def _find_problem_of_books(self, company, one):
        """Override of `omni_billing`: only posting asks what the format wants."""
        if company.billing_facturx:
            return "facturx"
        return super()._find_problem_of_books(company, one)

    def _describe_reason(self, reason):
        """Override of `omni_billing`: the reason of this addon."""
        if reason == "facturx":
            return self.env._("Factur-X checks each invoice when it is posted")
        return super()._describe_reason(reason)

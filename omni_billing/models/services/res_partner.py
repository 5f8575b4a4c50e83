from odoo import models
from odoo.fields import Domain


class ResPartner(models.Model):
    """Services of a contact that goes to another company."""

    _inherit = "res.partner"

    def _billing_find_left_behind(self):
        """Override: services are charged to who had the contact."""
        found = super()._billing_find_left_behind()
        billed = Domain("partner_id", "in", self.ids) | Domain(
            "payer_id", "in", self.ids
        )
        services = self.env["omni.billing.service"].search(billed)
        left_behind = services._find_left_behind()
        for contact, left in left_behind.grouped(
            lambda service: service._get_billed_contact()
        ).items():
            found.setdefault(contact, []).append(
                self.env._("%(count)s services", count=len(left))
            )
        return found

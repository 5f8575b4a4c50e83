from odoo import models


class ResPartner(models.Model):
    """Services of a contact that goes to another company."""

    _inherit = "res.partner"

    def _billing_find_left_behind(self):
        """Override: services are charged to who had the contact."""
        found = super()._billing_find_left_behind()
        domain = [("partner_id", "in", self.ids)]
        services = self.env["omni.billing.service"].search(domain)
        for contact, left in services._find_left_behind().grouped("partner_id").items():
            found.setdefault(contact, []).append(
                self.env._("%(count)s services", count=len(left))
            )
        return found

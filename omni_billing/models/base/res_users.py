from odoo import models


class ResUsers(models.Model):
    _inherit = "res.users"

    def _billing_get_account(self):
        """Return whose billing the user sees in the portal (a company, as a rule).

        Where the seller wants so, only the company's own login and its invoice
        contacts see it. Another contact is an account of its own, an empty one.

        :rtype: res.partner
        """
        self.ensure_one()
        # sudo: portal users do not read companies; this is about themselves.
        user = self.sudo()
        partner = user.partner_id
        is_narrow = user.company_id.billing_portal_scope == "invoice"
        if is_narrow and partner.type != "invoice":
            return partner.with_env(self.env)
        return partner.commercial_partner_id.with_env(self.env)

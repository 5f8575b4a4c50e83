from odoo import models


class ResUsers(models.Model):
    """Whose billing a login sees."""

    _inherit = "res.users"

    def _billing_get_account(self, company=None):
        """Return whose billing the user sees in the portal (a company, as a rule).

        Where the seller wants so, only the customer's own login and its invoice
        contacts see it. Another contact is an account of its own, an empty one.

        :param company: the `res.company` that sells; the one at hand if none is given.
        :rtype: res.partner
        """
        self.ensure_one()
        # sudo: portal users do not read companies; this is about themselves.
        user = self.sudo()
        partner = user.partner_id
        company = company or self.env.company
        if company.id not in user._billing_get_hidden_company_ids():
            partner = partner.commercial_partner_id
        return partner.with_env(self.env)

    def _billing_get_hidden_company_ids(self):
        """Return the sellers whose billing of the customer this login does not see.

        Access rules ask: it is for the seller of each record to say, and not for the
        company that somebody is logged in to.

        :rtype: list[int]
        """
        self.ensure_one()
        # sudo: as above.
        partner = self.sudo().partner_id
        if partner.type == "invoice" or partner == partner.commercial_partner_id:
            return []
        # sudo: as above.
        Company = self.env["res.company"].sudo()
        return Company.search([("billing_portal_scope", "=", "invoice")]).ids

    def _billing_get_default_company(self):
        """Return the company of what others may share: none for who has them all.

        None for what an addon brings, either.
        """
        is_for_all = self.env.su or self._billing_has_all_companies()
        return self.env["res.company"] if is_for_all else self.env.company

    def _billing_has_all_companies(self):
        """Whether the user works for all companies: what they share is theirs, too."""
        self.ensure_one()
        # sudo: whoever asks, it is about themselves.
        Company = self.env["res.company"].sudo()
        own = self.sudo().company_ids  # sudo: as above
        return not Company.search_count([("id", "not in", own.ids)], limit=1)

from odoo import api, models

from ...tools.memo import remember


class AccountFiscalPosition(models.Model):
    _inherit = "account.fiscal.position"

    @api.model
    def search(self, domain, offset=0, limit=None, order=None):
        """Override of `base`: Odoo looks for the positions of the company once for each
        customer; for invoices that are made together, once.
        """
        search = super().search
        key = (
            *("positions", self.env.uid, self.env.su, self.env.companies),
            *(repr(domain), offset, limit, order),
        )
        return remember(
            self.env, key, lambda: search(domain, offset, limit, order)
        ).with_env(self.env)

from collections import defaultdict

from odoo import models

from ...tools.distribution import keep_existing


class AccountMove(models.Model):
    _inherit = "account.move"

    def _billing_get_counted_for(self):
        """Return what most of the invoice is counted for (F183).

        :return: the site, a `res.partner`, and the analytic distribution.
        :rtype: tuple
        """
        self.ensure_one()
        amounts = defaultdict(float)
        for line in self.invoice_line_ids:
            if line.display_type == "product":
                distribution = keep_existing(line)
                key = line.billing_site_id, frozenset(distribution.items())
                amounts[key] += line.price_subtotal
        if not amounts:
            return self.env["res.partner"], {}
        site, shares = max(amounts, key=amounts.get)
        return site, dict(shares)

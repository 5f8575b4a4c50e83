from odoo import api, models
from odoo.fields import Domain

#: What changes with the taxes; the rest follows from it.
AMOUNTS = ("tax_percentage", "amount_untaxed", "tax_amount", "amount_total")


class OmniBillingTransaction(models.Model):
    """Amounts that have yet to follow a change are computed before they are seen."""

    _inherit = "omni.billing.transaction"

    @api.model
    @api.private
    @api.readonly
    def search_fetch(self, domain, field_names=None, offset=0, limit=None, order=None):
        """Override of the ORM: who looks sees amounts as an invoice would have them."""
        found = super().search_fetch(domain, field_names, offset, limit, order)
        if found and self.env["omni.billing.stale"]._is_any():
            self._catch_up(Domain("id", "in", found.ids))
        return found

    @api.model
    @api.readonly
    def billing_retrieve_stats(self, domain=None):
        """Override: the cards of a customer are true; those of all, once the job is
        through."""
        about = self._billing_keep_customer(domain)
        if not about.is_true():
            self._catch_up(about)
        return super().billing_retrieve_stats(domain)

    # === BUSINESS METHODS === #

    @api.model
    def _catch_up(self, domain):
        """Compute what has yet to follow a change of taxes, of the transactions in a
        domain."""
        stale = self.env["omni.billing.stale"]._find_in(domain)
        if stale:
            stale._compute_anew()
            stale.flush_recordset()

    def _compute_anew(self):
        """Compute the amounts of unbilled transactions by what their taxes are now."""
        for name in AMOUNTS:
            self.env.add_to_compute(self._fields[name], self)

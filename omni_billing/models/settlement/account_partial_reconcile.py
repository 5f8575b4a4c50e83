from odoo import api, models


class AccountPartialReconcile(models.Model):
    """A person settles here what Stripe paid out and nothing of which is booked."""

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._billing_find_settled()._review()
        return partials

    def unlink(self):
        payouts = self._billing_find_settled()
        result = super().unlink()
        payouts._review()
        return result

    def _billing_find_settled(self):
        """Return the payouts of which these settle something by hand, in sudo."""
        # Their entries are in journals of no money; nothing else is looked for.
        items = (self.debit_move_id + self.credit_move_id).filtered(
            lambda item: item.journal_id.type == "general"
        )
        # sudo: who reconciles does not write payouts.
        rows = self.env["omni.billing.balance.transaction"].sudo()
        if not items:
            return rows.payout_id
        # What it has an item of in the books is matched by itself.
        domain = [("line_id", "in", items.ids), ("counterpart_id", "=", False)]
        return rows.search(domain).payout_id

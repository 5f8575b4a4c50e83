from odoo import models

#: What decides whether services are suspended, of an invoice.
CAUSES = {"billing_dispute", "billing_promise_date", "billing_reminders_paused"}


class AccountMove(models.Model):
    """Whatever clears a debt, or puts it off: services of the customer go on (W35)."""

    _inherit = "account.move"

    def write(self, vals):
        result = super().write(vals)
        if CAUSES & vals.keys():
            self.commercial_partner_id._billing_review_services()
        return result

    def _post(self, soft=True):
        """Override of `account`: credit on file pays what is owed."""
        posted = super()._post(soft)
        crediting = posted.filtered(
            lambda move: move.move_type in ("out_refund", "entry") and move.partner_id
        )
        crediting.commercial_partner_id._billing_review_services()
        return posted

    def _billing_set_void(self):
        """Override: what is void is not owed."""
        result = super()._billing_set_void()
        self.commercial_partner_id._billing_review_services()
        return result

from odoo import models


class OmniBillingTransaction(models.Model):
    """Entries of money: how one is undone."""

    _inherit = "omni.billing.transaction"

    def action_undo_payment(self):
        """Open the dialog that undoes the payment of this entry (F150, F178)."""
        self.ensure_one()
        self.check_access("read")
        return self.payment_id.action_billing_undo()

    def _get_added_action(self):
        """Override: an entry of no reconciliation takes another one back."""
        if self.transaction_type == "payment" and not self.partial_id:
            return "payment_canceled"
        return super()._get_added_action()

    def _prepare_undo_values(self, date, reason):
        """Return the values of the entry that takes this one back, on a later day."""
        self.ensure_one()
        return {
            "transaction_type": "payment",
            "is_refund": not self.is_refund,
            "name": self.invoice_id._billing_translate(
                lambda env: env._("Undone: %(payment)s", payment=self.name)
            ),
            "description": reason,
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "date": date,
            "retail_cost": self.retail_cost,
            "state": "invoiced",
            "invoice_id": self.invoice_id.id,
            "payment_id": self.payment_id.id,
            "payment_reference": self.payment_reference,
        }

from odoo import models

#: Invoices that one message names.
MAX_INVOICES = 50


class PaymentTransaction(models.Model):
    """A payment that failed, for other programs."""

    _inherit = "payment.transaction"

    def _billing_note_failed(self):
        """Override: whoever tells that it failed, it is told once."""
        result = super()._billing_note_failed()
        if self.operation not in ("refund", "validation"):
            Delivery = self.env["omni.billing.webhook.delivery"]
            # A branch charges by the provider of the company above, and is the one
            # that has to know. sudo: invoices of another company, too.
            for company in self.sudo().invoice_ids.company_id:
                Delivery._tell("payment.failed", self, self.state, company)
        return result

    def _billing_prepare_webhook_data(self):
        """Return what other programs are told of a payment. Hook.

        The company that is told is the environment's: of its invoices alone.

        :return: plain values; neither card nor name.
        :rtype: dict
        """
        self.ensure_one()
        partner = self.partner_id.commercial_partner_id
        invoices = self.invoice_ids.filtered(
            lambda move: move.company_id == self.env.company
        )
        return {
            "id": self.id,
            "reference": self.reference,
            "amount": f"{self.amount:.{self.currency_id.decimal_places}f}",
            "currency": self.currency_id.name,
            "method": self.payment_method_id.code,
            "decline_code": self.billing_decline_code or None,
            "customer": {"id": partner.id, "reference": partner.ref or None},
            "invoices": [
                {"id": move.id, "number": move.name} for move in invoices[:MAX_INVOICES]
            ],
        }

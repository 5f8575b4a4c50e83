from odoo import api, fields, models
from odoo.exceptions import UserError


class OmniBillingPaymentWizard(models.TransientModel):
    """One payment for the invoices of several customers (F156, W31)."""

    _inherit = "omni.billing.payment.wizard"

    is_several = fields.Boolean(
        compute="_compute_from_invoices",
        help="The invoices are of several customers, and one sum can pay them.",
    )
    is_together = fields.Boolean(
        string="One Payment for All of Them",
        help="Somebody pays for these customers: one sum, the oldest invoice first."
        " Each customer gets a payment of its own, with the same reference.",
    )
    payer_id = fields.Many2one("res.partner", string="Paid by")

    # === COMPUTE METHODS === #

    @api.depends("is_together")
    def _compute_from_invoices(self):
        """Override: what several owe is one sum, if one pays it."""
        result = super()._compute_from_invoices()
        for wizard in self:
            invoices = wizard.invoice_ids._origin
            wizard.is_several = (
                len(invoices.commercial_partner_id) > 1
                and invoices._billing_is_payable_at_once()
            )
            if wizard.is_together:
                wizard.credit_available = 0
        return result

    # === BUSINESS METHODS === #

    def _is_bulk(self):
        """Override: not if one pays all of them."""
        return not self.is_together and super()._is_bulk()

    def _pay(self):
        """Override: one sum of a payer; commits what was charged before."""
        if not self.is_together:
            return super()._pay()
        if not self.payer_id:
            raise UserError(self.env._("Say who paid for these customers."))
        self.invoice_ids._billing_settle_attempts()
        self.invoice_ids._billing_pay_for_others(
            self.payer_id,
            self.mode,
            self.amount,
            self.date,
            self.reference,
            note_down=self._note_payments,
        )
        return None

    def _note_payments(self, payments):
        """Write what the money was for; it is committed with the payments."""
        self._keep_ref(payment_id=payments[:1].id, partner_id=self.payer_id.id)

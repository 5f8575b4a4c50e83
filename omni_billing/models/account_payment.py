from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    billing_mode = fields.Selection(
        [
            ("stripe", "Card"),
            ("cash", "Cash"),
            ("pos", "POS Terminal"),
            ("bank", "Bank Transfer"),
        ],
        string="Payment Mode",
        readonly=True,
        copy=False,
    )
    billing_reference = fields.Char(
        string="Receipt Reference",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The number of the receipt, cheque or transfer.",
    )

    def _billing_get_reference(self):
        """Return the PaymentIntent id (F136), or the manual reference (F141)."""
        self.ensure_one()
        # sudo: the reference of an online payment is no secret to who sees the payment.
        online = self.sudo().payment_transaction_id
        return online.provider_reference or self.billing_reference or self.memo

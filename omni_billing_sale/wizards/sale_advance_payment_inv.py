from odoo import models
from odoo.exceptions import UserError


class SaleAdvancePaymentInv(models.TransientModel):
    """The dialog in which Sales creates invoices."""

    _inherit = "sale.advance.payment.inv"

    def _create_invoices(self, sale_orders):
        """Override of `sale`: no down payment of what Omni Billing bills in whole.

        :raise UserError: if one is asked for.
        """
        ours = sale_orders.filtered("billing_is_pooled")
        if ours and self.advance_payment_method != "delivered":
            raise UserError(
                self.env._(
                    "%(order)s is billed by Omni Billing, which takes no down payment"
                    " off. Record the money as a payment of the customer: it is credit"
                    " on file, and used for the invoice.",
                    order=ours[0].name,
                )
            )
        return super()._create_invoices(sale_orders)

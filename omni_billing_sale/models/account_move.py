from odoo import models
from odoo.exceptions import UserError


class AccountMove(models.Model):
    """What Billing bills of an order is on no other invoice (W38)."""

    _inherit = "account.move"

    def _post(self, soft=True):
        """Override of `account`: an invoice of what Billing bills is not posted.

        :raise UserError: if a line is of an order that Omni Billing bills, and of no
            transaction; by whatever way it came onto the invoice.
        """
        # sudo: who posts need not see orders.
        lines = (
            self.sudo()
            .filtered(lambda move: move.move_type == "out_invoice")
            .invoice_line_ids
        )
        lines = lines.filtered(lambda line: not line.billing_transaction_id)
        pooled = lines.sale_line_ids.filtered(lambda line: line._billing_is_pooled())
        if pooled:
            raise UserError(pooled.order_id._billing_explain_pooled())
        return super()._post(soft=soft)

from odoo import api, models


class SaleOrderLine(models.Model):
    """What Sales shows as invoiced, and finds to invoice, of what Billing bills.

    Lines of our invoices name the line of the order, as those of Sales do.
    """

    _inherit = "sale.order.line"

    # === INVOICED === #

    @api.depends(
        "billing_transaction_ids.sale_quantity",
        "billing_transaction_ids.state",
        "order_id.billing_is_pooled",
    )
    def _compute_qty_invoiced(self):
        return super()._compute_qty_invoiced()

    def _prepare_qty_invoiced(self):
        """Override of `sale`: of transactions that are on invoices.

        A line of an invoice may be of another quantity: one of the whole price.
        """
        ours = self.filtered(lambda line: line._billing_is_pooled())
        invoiced = super(SaleOrderLine, self - ours)._prepare_qty_invoiced()
        counted = ours._billing_count(["invoiced"]) if ours else {}
        for line in ours:
            quantity = counted[line._origin.id]
            invoiced[line] = quantity + line._billing_count_theirs()
        return invoiced

    @api.depends("qty_invoiced")
    def _compute_qty_invoiced_posted(self):
        """Override of `sale`: our invoices are posted."""
        ours = self.filtered(lambda line: line._billing_is_pooled())
        result = super(SaleOrderLine, self - ours)._compute_qty_invoiced_posted()
        for line in ours:
            line.qty_invoiced_posted = line.qty_invoiced
        return result

    def _billing_count_theirs(self):
        """Return how many of a line Sales has invoiced, before Billing billed it."""
        self.ensure_one()
        # sudo: who sells need not read invoices.
        lines = self.sudo().invoice_lines.filtered(
            lambda line: (
                line.parent_state != "cancel"
                and not line.billing_transaction_id
                and not line.move_id.billing_is_void
                and not line.move_id._billing_is_ours()
                and not line.move_id.reversed_entry_id.filtered(
                    lambda move: move.billing_is_void or move._billing_is_ours()
                )
            )
        )
        return sum(
            -line.move_id.direction_sign
            * line.product_uom_id._compute_quantity(line.quantity, self.product_uom_id)
            for line in lines
        )

    # === TO INVOICE === #

    @api.depends("order_id.billing_is_pooled")
    def _compute_qty_to_invoice(self):
        """Override of `sale`: nothing of what Billing bills."""
        result = super()._compute_qty_to_invoice()
        for line in self:
            if line._billing_is_pooled():
                line.qty_to_invoice = 0.0
        return result

    @api.depends("order_id.billing_is_pooled")
    def _compute_untaxed_amount_to_invoice(self):
        """Override of `sale`: all that no invoice has yet, at the price of the line."""
        ours = self.filtered(lambda line: line._billing_is_pooled())
        theirs = super(SaleOrderLine, self - ours)
        result = theirs._compute_untaxed_amount_to_invoice()
        for line in ours:
            wanted = 0.0
            if not line._billing_is_service():
                wanted = line.price_reduce_taxexcl * line._billing_get_target()
                wanted -= line.untaxed_amount_invoiced
            line.untaxed_amount_to_invoice = wanted
        return result

    @api.depends("billing_qty", "order_id.billing_is_pooled")
    def _compute_amount_to_invoice(self):
        """Override of `sale`: what is not in Billing, where unbilled sums count it."""
        ours = self.filtered(lambda line: line._billing_is_pooled())
        result = super(SaleOrderLine, self - ours)._compute_amount_to_invoice()
        for line in ours:
            left = line._billing_get_target() - line.billing_qty
            price = line.price_reduce_taxinc
            is_service = line._billing_is_service()
            line.amount_to_invoice = 0.0 if is_service else left * price
        return result

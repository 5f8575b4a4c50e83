from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_list

from odoo.addons.omni_billing.tools.write_guard import is_trusted

#: What was agreed of a line: once it is in Billing, another line has to say otherwise.
AGREED_FIELDS = {
    *("discount", "price_unit", "product_id", "product_uom_id", "tax_ids"),
    *("billing_setup_price", "order_id"),
}


class SaleOrderLine(models.Model):
    """What stays as it is once a line is in Billing."""

    _inherit = "sale.order.line"

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        return super(SaleOrderLine, model).create(vals_list)

    def write(self, vals):
        """Override of `sale`: of what is in Billing the quantity alone changes."""
        self._billing_guard_write(vals)
        if not is_trusted(self.env):
            self._billing_check_agreed(vals)
        if "qty_to_invoice" in vals:
            # Other addons write it, and so might anybody.
            ours = self.filtered(lambda line: line._billing_is_pooled())
            super(SaleOrderLine, ours).write(vals | {"qty_to_invoice": 0.0})
            return super(SaleOrderLine, self - ours).write(vals)
        return super().write(vals)

    @api.model
    def _billing_get_state_fields(self):
        """Override of `omni_billing`: how many of it are in Billing."""
        return super()._billing_get_state_fields() | {"billing_qty", "billing_is_due"}

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_billing(self):
        self._billing_check_not_billed()

    def _billing_check_not_billed(self):
        """Check that nothing of these lines is billed, or waits for it.

        :raise UserError: if something is.
        """
        # sudo: whether something is there, and nothing of it.
        lines = self.sudo()
        kept = lines.billing_transaction_ids.filtered(lambda t: t.state != "void")
        if orders := (kept.sale_line_id | lines.billing_service_ids.sale_line_id):
            raise UserError(
                self.env._(
                    "%(orders)s cannot be deleted: what was ordered is in Billing, and"
                    " the customer's file names it. Leave it canceled.",
                    orders=format_list(self.env, orders.order_id.mapped("name")),
                )
            )

    def _billing_filter_begun(self):
        """Return those of which something is in Billing, of a canceled order as well.

        What is void does not count, nor a service that was archived before its start.
        """
        # sudo: whether something is there, and nothing of it.
        return self.filtered(lambda line: line._origin.sudo()._billing_is_begun())

    def _billing_is_begun(self):
        return bool(
            self.billing_qty
            or self.billing_transaction_ids.filtered(lambda t: t.state != "void")
            or self.billing_service_ids.filtered(
                lambda service: (
                    service.active or service.charged_until or service.is_setup_charged
                )
            )
        )

    def _billing_check_agreed(self, vals):
        """Check that the values leave what was agreed of lines in Billing.

        :raise UserError: if they do not.
        """
        names = AGREED_FIELDS & vals.keys()
        # sudo: what is in Billing, for customers who edit options, too.
        for line in self.sudo()._billing_filter_begun() if names else ():
            changed = [
                name
                for name in sorted(names)
                if line._billing_will_change(name, vals[name])
            ]
            if changed:
                raise UserError(
                    self.env._(
                        "“%(line)s” is in Billing: its %(fields)s cannot change. Set"
                        " its quantity to 0, which takes it back, and add a line with"
                        " what holds now.",
                        line=line._billing_get_title(),
                        fields=self._billing_list_labels(changed),
                    )
                )

    def _billing_will_change(self, name, value):
        field = self._fields[name]
        new = field.convert_to_cache(value, self)
        if field.type == "many2many":
            return set(new) != set(self[name]._ids)
        return new != field.convert_to_cache(self[name], self)

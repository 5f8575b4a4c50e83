from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.omni_billing.tools.lock import lock_or_tell
from odoo.addons.omni_billing.tools.write_guard import trust


class OmniBillingService(models.Model):
    """A service that was sold: it follows the quantity of its line (W38)."""

    _inherit = "omni.billing.service"

    sale_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        readonly=True,
        copy=False,
        check_company=True,
        ondelete="set null",
        groups="base.group_user",
    )
    sale_order_id = fields.Many2one(
        related="sale_line_id.order_id",
        string="Sales Order",
        store=True,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )

    # A line is one service, whoever confirms its order at the same time.
    _sale_line_unique = models.UniqueIndex(
        "(sale_line_id) WHERE sale_line_id IS NOT NULL",
        "This line of the order has a service already.",
    )

    @api.model
    def _billing_get_state_fields(self):
        """Override of `omni_billing`: which line it is of is written by orders."""
        return super()._billing_get_state_fields() | {"sale_line_id", "sale_order_id"}

    def _sale_follow(self, quantity):
        """Take over the quantity of the order's line.

        What was never charged is as the line says now, or archived. Else another
        quantity holds from today on, and the end is today: what was used stays charged.

        :param float quantity: 0 ends it.
        """
        self.ensure_one()
        lock_or_tell(self)
        today = self._get_today()
        if not self._sale_is_charged():
            restart = self.sale_line_id._billing_prepare_restart
            trust(self).write(restart(quantity) if quantity else {"active": False})
        elif not quantity:
            if not self.date_end or self.date_end > today:
                trust(self).date_end = max(today, self.date_start)
                self._sale_tell_ended()
        else:
            if self.date_end:
                trust(self).date_end = False
            self._sale_change_quantity(quantity, today)

    def _sale_is_charged(self):
        """Whether anything of it was ever charged, whatever became of that."""
        Transaction = self.env["omni.billing.transaction"]
        return bool(
            self.charged_until
            or Transaction.search_count(Domain("service_id", "=", self.id), limit=1)
        )

    def _sale_change_quantity(self, quantity, today):
        """Have another quantity hold from today on, at the price that holds."""
        before = self.change_ids.sorted("date").filtered(lambda c: c.date <= today)
        price = before[-1:].price_unit if before else self.price_unit
        now = before[-1:].quantity if before else self.quantity
        if not self.sale_line_id._billing_compare(now, quantity):
            return
        if same_day := before.filtered(lambda change: change.date == today):
            trust(same_day).quantity = quantity
            return
        trust(self.env["omni.billing.service.change"]).create(
            {
                "service_id": self.id,
                "date": max(today, self.date_start),
                "quantity": quantity,
                "price_unit": price,
            }
        )

    def _sale_tell_ended(self):
        """Tell what is left to settle of a service that ends with its order."""
        order = self.sale_order_id
        trust(order).billing_to_settle = self.env._(
            "%(service)s of %(order)s ends today. See whether a part of a period that"
            " is charged is to be credited: open the service.",
            service=self.name,
            order=order.name,
        )

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.action import open_list
from odoo.addons.omni_billing.tools.retell import KeptSentence
from odoo.addons.omni_billing.tools.write_guard import is_trusted

#: Whose order it is, and in which currency: what is in Billing is theirs.
BASIC_FIELDS = {"company_id", "partner_id", "pricelist_id"}


class SaleOrder(models.Model):
    """An order that Omni Billing bills, and what became of it there (W38)."""

    _name = "sale.order"
    _inherit = ["sale.order", "omni.billing.guard.mixin"]

    billing_is_pooled = fields.Boolean(
        string="Billed by Omni Billing",
        compute="_compute_billing_is_pooled",
        store=True,
        readonly=False,
        precompute=True,
        help="Its lines go into the customer's unbilled transactions and services once"
        " the order is confirmed, and no invoice is created here.",
    )
    billing_date_start = fields.Date(
        string="Services Start",
        copy=False,
        help="The first day of what recurs. Empty: the day of the confirmation.",
    )
    billing_problem = KeptSentence(
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Why something of it is not in Billing.",
    )
    billing_to_settle = KeptSentence(
        string="To Settle in Billing",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="What of it staff have to decide on in Billing.",
    )
    billing_transaction_count = fields.Integer(
        compute="_compute_billing_counts", groups="base.group_user"
    )
    billing_service_count = fields.Integer(
        compute="_compute_billing_counts", groups="base.group_user"
    )
    billing_unbilled_amount = fields.Monetary(
        string="Unbilled", compute="_compute_billing_counts", groups="base.group_user"
    )
    billing_invoiced_amount = fields.Monetary(
        string="On Invoices",
        compute="_compute_billing_counts",
        groups="base.group_user",
        help="Charges less credits, taxes included; of services as well.",
    )

    # What staff find in To Do.
    _billing_problem_idx = models.Index(
        "(id) WHERE billing_problem IS NOT NULL OR billing_to_settle IS NOT NULL"
    )

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "company_id")
    def _compute_billing_is_pooled(self):
        for order in self:
            is_open = order.state in ("draft", "sent") and order.partner_id
            order.billing_is_pooled = (
                order.partner_id._billing_has_orders(order.company_id)
                if is_open
                else order.billing_is_pooled
            )

    @api.depends("order_line.billing_transaction_ids.state")
    def _compute_billing_counts(self):
        """Sum up what is in Billing of each order, for who sees the order."""
        # sudo: who sells sees what became of the own order, and nothing else there.
        orders = self._origin.sudo()
        counts = {order.id: [0, 0, 0.0, 0.0] for order in orders}
        for order, number in orders.env["omni.billing.service"]._read_group(
            [("sale_order_id", "in", orders.ids)], ["sale_order_id"], ["__count"]
        ):
            counts[order.id][1] = number
        for order, state, number, amount in orders.env[
            "omni.billing.transaction"
        ]._read_group(
            [("sale_order_id", "in", orders.ids), ("state", "!=", "void")],
            ["sale_order_id", "state"],
            ["__count", "amount_total:sum"],
        ):
            counts[order.id][0] += number
            counts[order.id][2 if state == "unbilled" else 3] += amount
        for order in self:
            (
                order.billing_transaction_count,
                order.billing_service_count,
                order.billing_unbilled_amount,
                order.billing_invoiced_amount,
            ) = counts.get(order._origin.id, (0, 0, 0.0, 0.0))

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        return super(SaleOrder, model).create(vals_list)

    def write(self, vals):
        """Override of `sale`: whatever way an order is confirmed or left (W38)."""
        self._billing_guard_write(vals)
        if not is_trusted(self.env):
            self._billing_check_write(vals)
        started = self.browse()
        if vals.get("state") == "sale":
            started = self.filtered(lambda order: order.state != "sale")
        result = super().write(vals)
        started._billing_begin()
        return result

    @api.model
    def _billing_get_state_fields(self):
        """Override of `omni_billing`: what Billing says of the order."""
        names = {"billing_problem", "billing_to_settle"}
        return super()._billing_get_state_fields() | names

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_billing(self):
        # Lines are deleted with it by the database, which asks nobody.
        self.order_line._billing_check_not_billed()

    # === CHECKS === #

    def _billing_check_write(self, vals):
        """Check that an order stays whose it is, and who bills it, once it is begun.

        :raise UserError: if it does not.
        """
        if "billing_is_pooled" in vals:
            wanted = bool(vals["billing_is_pooled"])
            for order in self:
                if order.state == "sale" and order.billing_is_pooled != wanted:
                    raise UserError(
                        self.env._(
                            "%(order)s is confirmed: who bills it is decided. Cancel"
                            " it, set it to a quotation, and choose anew.",
                            order=order.display_name,
                        )
                    )
        for name in sorted(BASIC_FIELDS & vals.keys()):
            for order in self:
                # sudo: whether something is in Billing, and nothing of it.
                is_begun = order.sudo().order_line._billing_filter_begun()
                if is_begun and order[name].id != vals[name]:
                    raise UserError(
                        self.env._(
                            "%(order)s is in Billing: its %(fields)s cannot change."
                            " Cancel it, and enter another order.",
                            order=order.display_name,
                            fields=self._billing_list_labels([name]),
                        )
                    )

    # === ACTION METHODS === #

    def action_billing_open_transactions(self):
        """Show what is in Billing of the order: charges, credits, with their state."""
        self.ensure_one()
        domain = [("sale_order_id", "=", self.id)]
        return open_list(self.env, "omni_billing_transaction_action", domain, {})

    def action_billing_open_services(self):
        """Show the services that the order began."""
        self.ensure_one()
        domain = [("sale_order_id", "=", self.id)]
        return open_list(self.env, "omni_billing_service_action", domain, {})

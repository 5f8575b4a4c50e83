from odoo import api, fields, models
from odoo.fields import Command

from odoo.addons.omni_billing.tools.write_guard import is_trusted, trust

#: What says of which line of an order it is.
STATE_FIELDS = {
    *("sale_line_id", "sale_order_id", "sale_origin_id", "sale_part", "sale_quantity"),
}


class OmniBillingTransaction(models.Model):
    """A charge of what was sold: of which line, and how many of it (W38)."""

    _inherit = "omni.billing.transaction"

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
        "sale.order",
        string="Sales Order",
        compute="_compute_sale_order_id",
        store=True,
        precompute=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )
    sale_quantity = fields.Float(
        string="Of the Order Line",
        readonly=True,
        copy=False,
        aggregator="sum",
        groups="base.group_user",
        help="How many of the order line it is, in its unit; less than 0 takes back.",
    )
    sale_part = fields.Integer(
        string="Part on the Line",
        readonly=True,
        copy=False,
        aggregator=None,
        groups="base.group_user",
    )
    sale_origin_id = fields.Many2one(
        "omni.billing.transaction",
        string="Takes Back",
        readonly=True,
        copy=False,
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
        help="What was billed of the order line, and is not wanted any more.",
    )

    # What is written of a line is written once, whoever else is at it.
    _sale_part_unique = models.UniqueIndex(
        "(sale_line_id, sale_part) WHERE sale_line_id IS NOT NULL",
        "This is in Billing already.",
    )

    # === COMPUTE METHODS === #

    @api.depends("sale_line_id", "service_id")
    def _compute_sale_order_id(self):
        for transaction in self:
            order = transaction.sale_line_id.order_id
            service = transaction.service_id
            transaction.sale_order_id = order or service._sale_find_order()

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `omni_billing`: a credit of an item is of the item's line."""
        if is_trusted(self.env):
            vals_list = [self._sale_add_line(vals) for vals in vals_list]
        return super().create(vals_list)

    def _sale_add_line(self, vals):
        """Return values to create with the line of what they cancel, if it has one."""
        origin = self.browse(vals.get("cancels_id"))
        # sudo: who cancels an item need not see the order.
        line = origin.sudo().sale_line_id
        if not line:
            return vals
        return {
            **vals,
            "sale_line_id": line.id,
            # sudo: as above.
            "sale_quantity": -origin.sudo().sale_quantity,
        }

    @api.model
    def _billing_get_state_fields(self):
        """Override of `omni_billing`: which line it is of is written by orders."""
        return super()._billing_get_state_fields() | STATE_FIELDS

    # === BUSINESS METHODS === #

    def _release(self):
        """Override of `omni_billing`: of an order that is canceled nothing comes back.

        What a void invoice had of it is void, instead of billed once more.
        """
        result = super()._release()
        # sudo: who voids an invoice need not see orders, nor transactions.
        lines = self.sudo().filtered(lambda t: t.state == "unbilled").sale_line_id
        lines._billing_filter_closed()._billing_withdraw()
        return result

    def _sale_get_origin(self):
        """Return what was sold that this takes back, or gives again; else nothing."""
        self.ensure_one()
        origin = self.sale_origin_id or self.cancels_id
        return (origin and origin._sale_get_origin()) or origin

    def _sale_reduce(self, quantity):
        """Take a part of what is unbilled back, or all of it: that is void then.

        So is a rest that comes to no amount by the order. One that comes to none by
        the price that staff entered here is theirs to decide: it is refused.

        :param float quantity: with the sign of `sale_quantity`.
        :return: how many of the rest are not in Billing any more.
        :rtype: float
        """
        self.ensure_one()
        self._lock_unbilled()
        currency, line = self.currency_id, self.sale_line_id
        rest = self.sale_quantity - quantity
        decimals = self._get_quantity_decimals(self.tax_ids)
        left = round(self.quantity * rest / self.sale_quantity, decimals)
        values = {"quantity": left, "sale_quantity": rest}
        cost = currency.round(left * self.price_unit)
        whole, amount = (
            abs(line._billing_get_amount(many)) for many in (self.sale_quantity, rest)
        )
        is_as_ordered = not currency.compare_amounts(self.retail_cost, whole)
        if is_as_ordered and currency.compare_amounts(cost, amount):
            # The price of the order has more decimals than the one that is here.
            cost = values["retail_cost"] = amount
        if currency.is_zero(cost) and not line._billing_is_worth(rest):
            self.action_void(
                self.env._("What is left of it comes to no amount")
                if line._billing_compare(rest, 0)
                else self.env._("Not ordered, or not delivered, any more")
            )
            return rest
        trust(self).write(values)
        return 0.0

    def _sale_prepare_counter(self, quantity, rest, against):
        """Return the values of what takes a part of this back, to the cent as billed.

        :param float quantity: with the sign of `sale_quantity`.
        :param float rest: how many of it are not taken back yet.
        :param against: what took parts of it back before.
        :return: a list of one, or none if nothing is left of the amount.
        :rtype: list[dict]
        """
        self.ensure_one()
        left = self.amount_total + sum(against.mapped("amount_total"))
        amount = self.amount_total * quantity / self.sale_quantity
        if not self.sale_line_id._billing_compare(quantity, rest):
            # The last part has the cents that rounding left.
            amount = left
        amount = self.currency_id.round(amount)
        if self.currency_id.is_zero(amount):
            return []
        lowers = amount > 0
        env = self.with_context(lang=self.sale_order_id._get_lang()).env
        values = {
            "transaction_type": "credit" if lowers else "charge",
            "credit_type_id": self._sale_get_kind("correction") if lowers else False,
            "name": self.name,
            "description": env._(
                "Not ordered, or not delivered, any more. Order %(number)s",
                number=self.sale_order_id.name,
            ),
            "date": self.sale_line_id._billing_get_today(),
            "partner_id": self.partner_id.id,
            "payer_id": self.payer_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "product_id": self.product_id.id,
            "site_id": self.site_id.id,
            "uom_id": self.uom_id.id,
            "customer_reference": self.customer_reference,
            "quantity": abs(self.quantity * quantity / self.sale_quantity),
            "retail_cost": abs(amount),
            "tax_included": bool(self.tax_ids),
            "tax_ids": [Command.set(self.tax_ids.ids)],
            "sale_line_id": self.sale_line_id.id,
            "sale_quantity": -quantity,
            "sale_origin_id": self.id,
        }
        if self.analytic_distribution:
            values["analytic_distribution"] = self.analytic_distribution
        return [values]

    @api.model
    def _sale_get_kind(self, name):
        """Return the id of a type of credit that comes with the addon."""
        xmlid = f"omni_billing.credit_type_{name}"
        return self.env["ir.model.data"]._xmlid_to_res_id(xmlid, True)

    def _prepare_invoice_line_values(self, sign, journal, position):
        """Override of `omni_billing`: Sales finds what is invoiced of its lines.

        The account is of the order's fiscal position, if that is another one.
        """
        values_list = super()._prepare_invoice_line_values(sign, journal, position)
        for transaction, values in zip(self, values_list, strict=True):
            # sudo: who bills need not see orders.
            line = transaction.sudo().sale_line_id
            if not line:
                continue
            values["sale_line_ids"] = [Command.link(line.id)]
            other = line.order_id.fiscal_position_id
            if other and other != position:
                template = line.product_id.product_tmpl_id
                template = template.with_company(transaction.company_id)
                account = template.get_product_accounts(other)["income"]
                values["account_id"] = account.id or values["account_id"]
        return values_list

    # === ACTION METHODS === #

    def action_open_sale_order(self):
        """Open the order, for who may see it."""
        self.ensure_one()
        return self.sale_order_id.get_formview_action()

from odoo import api, fields, models

from ...tools.values import check_length
from ...tools.write_guard import trust


class OmniBillingPriceMixin(models.AbstractModel):
    """What a customer is charged for something: currency, taxes, and who pays."""

    _name = "omni.billing.price.mixin"
    _inherit = "omni.billing.distribution.mixin"
    _description = "Price of a Customer"

    # Who entered it is not the customer's to read.
    create_uid = fields.Many2one(
        "res.users", string="Created by", readonly=True, groups="base.group_user"
    )
    write_uid = fields.Many2one(
        "res.users", string="Last Updated by", readonly=True, groups="base.group_user"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    payer_id = fields.Many2one(
        "res.partner",
        string="Paid by",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Who is billed, if it is not the customer who uses it: a parent, an"
        " employer, an insurer, a bursary. The customer is named on the invoice.",
    )
    site_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        check_company=True,
        domain="['|', ('id', 'child_of', commercial_partner_id),"
        " ('id', 'child_of', partner_id)]",
    )
    customer_reference = fields.Char(
        string="Customer's Reference",
        help="The customer's own number for it, like that of a purchase order. It is"
        " printed on the invoice.",
    )
    product_id = fields.Many2one(
        "product.product",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        domain="[('sale_ok', '=', True)]",
    )
    quantity = fields.Float(
        default=1.0, required=True, aggregator=None, min_display_digits="Product Unit"
    )
    uom_id = fields.Many2one(
        "uom.uom",
        string="Unit",
        compute="_compute_uom_id",
        store=True,
        readonly=False,
        precompute=True,
        ondelete="restrict",
        help="Of what the quantity is: hours, pieces. Printed on the invoice.",
    )
    currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_currency_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    tax_ids = fields.Many2many(
        "account.tax",
        string="Taxes",
        compute="_compute_tax_ids",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        domain="[('type_tax_use', '=', 'sale')]",
        # An archived tax is not offered any more; who has it keeps it.
        context={"active_test": False},
    )
    tax_included = fields.Boolean(string="Taxes Included")

    # === CONSTRAINT METHODS === #

    @api.constrains("customer_reference")
    def _check_customer_reference(self):
        field = self._fields["customer_reference"]
        for record in self:
            check_length(self.env, field, record.customer_reference)

    # === COMPUTE METHODS === #

    @api.depends("company_id")
    def _compute_currency_id(self):
        for record in self:
            record.currency_id = record.currency_id or record.company_id.currency_id

    @api.depends("product_id")
    def _compute_uom_id(self):
        for record in self:
            if not record._keeps_taxes():
                record.uom_id = record.product_id.uom_id or record.uom_id

    @api.depends("product_id", "company_id")
    def _compute_tax_ids(self):
        """Take the product's taxes as the fiscal position maps them (F21).

        Without a product the taxes are those that were entered, none by default.
        """
        positions = {}
        for record in self:
            if not record.product_id or record._keeps_taxes():
                record.tax_ids = record.tax_ids
                continue
            key = record.company_id, record._get_billed_contact()
            if key not in positions:
                positions[key] = record._get_fiscal_position()
            record.tax_ids = positions[key].map_tax(record._get_product_taxes())

    # === ACTION METHODS === #

    def action_follow_contact(self):
        """Bill the company that the contact belongs to now, not the one of before.

        :raise UserError: if one of these is billed or void.
        """
        self.check_access("write")
        self._before_follow()
        for record in self._find_left_behind():
            contact = record._get_billed_contact()
            trust(record).commercial_partner_id = contact.commercial_partner_id
        return True

    # === HELPERS === #

    def _before_follow(self):
        """Check that who is billed can still be another one, and note it. Hook."""

    def _find_left_behind(self):
        """Return what others are billed for than the company of the contact now."""
        return self.filtered(
            lambda record: (
                record.commercial_partner_id
                != record._get_billed_contact().commercial_partner_id
            )
        )

    def _get_billed_contact(self):
        """Return who is billed: the payer, or else who uses it."""
        self.ensure_one()
        return self.payer_id or self.partner_id

    def _keeps_taxes(self):
        """Whether the taxes stay, whatever becomes of the product. Hook."""
        self.ensure_one()
        return False

    def _get_product_taxes(self):
        self.ensure_one()
        return self.product_id.taxes_id.filtered_domain(
            self.env["account.tax"]._check_company_domain(self.company_id)
        )

    def _get_fiscal_position(self):
        self.ensure_one()
        Position = self.env["account.fiscal.position"].with_company(self.company_id)
        return Position._get_fiscal_position(self._get_billed_contact())

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_list

#: Where deferred revenue may be: what suppliers and cards are owed is another matter.
LIABILITIES = ("liability_current", "liability_non_current")
#: A hundred years.
MAX_MONTHS = 1200


class ProductTemplate(models.Model):
    """A product that is a pack: so many units, paid before they are used (W42)."""

    _inherit = "product.template"

    billing_is_pack = fields.Boolean(
        string="Pack",
        help="Sold at once, used bit by bit: ten sessions, twenty classes, hours.",
    )
    billing_pack_units = fields.Float(
        string="Units in a Pack", digits="Product Unit", default=10.0
    )
    billing_pack_product_id = fields.Many2one(
        "product.product",
        string="Used for",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        domain="[('sale_ok', '=', True), ('billing_is_pack', '=', False)]",
        help="What one unit is: a session, a class, an hour. Packs of the same are used"
        " together, and its price is that of a use beyond them.",
    )
    billing_pack_months = fields.Integer(
        string="Valid for",
        help="Months from the date of the invoice. 0: it never expires.",
    )
    billing_pack_account_id = fields.Many2one(
        "account.account",
        string="Deferred Revenue",
        company_dependent=True,
        ondelete="restrict",
        domain="[('account_type', 'in',"
        " ('liability_current', 'liability_non_current'))]",
        help="What is paid and not used yet is a liability. The pack is booked there"
        " when it is invoiced, and is income as it is used.",
    )
    billing_pack_low = fields.Float(
        string="Tell the Customer at",
        digits="Product Unit",
        help="When so many units are left, the customer gets an e-mail. 0: none.",
    )

    @api.constrains(
        *("billing_is_pack", "billing_pack_units", "billing_pack_months"),
        *("billing_pack_product_id", "billing_pack_account_id", "billing_pack_low"),
    )
    def _check_billing_pack(self):
        self._billing_check_no_service()
        for product in self.filtered("billing_is_pack"):
            numbers = "billing_pack_units", "billing_pack_months", "billing_pack_low"
            if any(product[name] < 0 for name in numbers):
                raise ValidationError(
                    self.env._(
                        "“%(product)s”: months and units are not below zero.",
                        product=product.display_name,
                    )
                )
            if product.billing_pack_product_id.product_tmpl_id == product:
                raise ValidationError(
                    self.env._(
                        "“%(product)s” cannot be used for itself. Choose what one unit"
                        " is, as a product of its own.",
                        product=product.display_name,
                    )
                )
            if product.billing_pack_months > MAX_MONTHS:
                raise ValidationError(
                    self.env._(
                        "“%(product)s” is valid for %(months)s months at most. Enter 0"
                        " if it never expires.",
                        product=product.display_name,
                        months=MAX_MONTHS,
                    )
                )
            account = product.billing_pack_account_id
            if account and account.account_type not in LIABILITIES:
                raise ValidationError(
                    self.env._(
                        "“%(product)s”: %(account)s is no liability, or one of"
                        " suppliers or cards. What is paid and not used yet is owed to"
                        " the customer: choose a current or non-current liability.",
                        product=product.display_name,
                        account=account.display_name,
                    )
                )

    def _billing_check_no_service(self):
        # sudo: who edits products may not see services.
        services = self.env["omni.billing.service"].sudo()
        packs = self.filtered("billing_is_pack").product_variant_ids
        found = services.search([("product_id", "in", packs.ids)], limit=1)
        if found:
            raise ValidationError(
                self.env._(
                    "“%(product)s” is sold by services (%(service)s), so it cannot be a"
                    " pack. Make a product of its own for the pack.",
                    product=found.product_id.display_name,
                    service=found.display_name,
                )
            )

    def _billing_check_sellable(self, company):
        """Check that a pack can be sold by a company: all is known of it.

        :raise UserError: naming what is missing.
        """
        self.ensure_one()
        product = self.with_company(company)
        needed = (
            "billing_pack_units",
            "billing_pack_product_id",
            "billing_pack_account_id",
        )
        if missing := [name for name in needed if not product[name]]:
            raise UserError(
                self.env._(
                    "“%(product)s” is a pack, and this is not set for %(company)s:"
                    " %(missing)s. Set it on the product, on the page Prepaid Pack.",
                    product=self.display_name,
                    company=company.name,
                    missing=format_list(
                        self.env,
                        [
                            self._fields[name]._description_string(self.env)
                            for name in missing
                        ],
                    ),
                )
            )

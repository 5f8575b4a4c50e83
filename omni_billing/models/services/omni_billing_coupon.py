from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools.sql import escape_psql

from ...const import DISCOUNT_KINDS
from ...tools.lock import take_turns, wait_for
from ...tools.write_guard import trust


class OmniBillingCoupon(models.Model):
    """A code that gives a discount on a service, once to each customer (W36)."""

    _name = "omni.billing.coupon"
    _inherit = ["omni.billing.guard.mixin"]
    _description = "Coupon"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(
        required=True, translate=True, help="What customers read beside the discount."
    )
    code = fields.Char(required=True, copy=False, help="Large letters or small.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        help="Of an amount: for services with prices in this currency.",
    )
    kind = fields.Selection(DISCOUNT_KINDS, required=True, default="percent")
    value = fields.Float(
        string="Discount",
        required=True,
        min_display_digits="Product Price",
        help="Percents, or an amount off the price of each period, before taxes if the"
        " price is.",
    )
    periods = fields.Integer(
        default=1, help="For how many periods of the service. 0: for ever."
    )
    date_from = fields.Date(string="Valid from")
    date_to = fields.Date(string="Valid until", help="The last day to redeem it.")
    max_uses = fields.Integer(string="Uses at Most", help="0: no limit.")
    uses = fields.Integer(readonly=True, copy=False, help="How often it was redeemed.")
    product_ids = fields.Many2many(
        "product.product",
        string="Products",
        check_company=True,
        # Of an emptied list it would be for all.
        ondelete="restrict",
        context={"active_test": False},
        help="For services of these products. Empty: of all.",
    )
    partner_ids = fields.Many2many(
        "res.partner",
        string="Only for",
        check_company=True,
        ondelete="restrict",
        context={"active_test": False},
        help="Who may redeem it. Empty: everybody.",
    )
    is_own = fields.Boolean(
        string="Customers Redeem It",
        default=True,
        help="In the customer area; else staff alone do.",
    )
    discount_ids = fields.One2many(
        "omni.billing.service.discount",
        "coupon_id",
        string="Redeemed",
        readonly=True,
        copy=False,
    )

    _code_unique = models.UniqueIndex(
        "(company_id, upper(code))", "There is a coupon with this code already."
    )
    _value_valid = models.Constraint(
        "CHECK(value > 0 AND (kind != 'percent' OR value <= 100))",
        "A discount is above zero, and not more than 100 percent.",
    )
    _numbers_valid = models.Constraint(
        "CHECK(periods BETWEEN 0 AND 1200 AND max_uses >= 0)",
        "Periods are from 0 to 1200, and uses not less than 0.",
    )
    # Whoever redeems the last use at the same time.
    _uses_left = models.Constraint(
        "CHECK(max_uses = 0 OR uses <= max_uses)", "This coupon is used up."
    )

    # === CONSTRAINT METHODS === #

    @api.constrains("code")
    def _check_code(self):
        for coupon in self:
            if coupon.code != coupon.code.strip() or len(coupon.code) > 60:
                raise ValidationError(
                    self.env._("A code has up to 60 letters, without spaces around it.")
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        return super(OmniBillingCoupon, model).create(vals_list)

    def write(self, vals):
        self._billing_guard_write(vals)
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if used := self.filtered("discount_ids")[:1]:
            raise UserError(
                self.env._(
                    "%(coupon)s was redeemed, and stays on those services: archive it"
                    " instead.",
                    coupon=used.name,
                )
            )

    @api.model
    def _billing_get_state_fields(self):
        """Override: how often it was redeemed."""
        return super()._billing_get_state_fields() | {"uses"}

    def _billing_raise_state_fields(self, names):
        raise UserError(self.env._("Uses of a coupon are counted, not entered."))

    # === BUSINESS METHODS === #

    @api.model
    def _billing_find(self, code, company):
        """Return the coupon of a code, none if there is none."""
        # The database takes no NUL.
        code = (code or "").replace("\0", "").strip()
        if not code:
            return self.browse()
        found = self.search(
            Domain("code", "=ilike", escape_psql(code))
            & Domain("company_id", "=", company.id)
        )
        # Where accents are left out of searches, a code without them is another one.
        return found.filtered(lambda one: one.code.upper() == code.upper())[:1]

    def _billing_fits(self, service):
        """Whether it can be redeemed for a service today, and was not by its customer.

        :param service: `omni.billing.service`.
        """
        self.ensure_one()
        today, customer = service._get_today(), service.commercial_partner_id
        allowed = self.partner_ids.commercial_partner_id
        return bool(
            self.active
            and service.state in ("running", "upcoming", "suspended")
            and service.company_id == self.company_id
            and not (self.date_from and self.date_from > today)
            and not (self.date_to and self.date_to < today)
            and not (self.max_uses and self.uses >= self.max_uses)
            and (self.kind == "percent" or self.currency_id == service.currency_id)
            and (not self.product_ids or service.product_id in self.product_ids)
            and (not allowed or customer in allowed)
            and not self._is_redeemed_by(customer)
        )

    def _is_redeemed_by(self, customer):
        """Whether a customer redeemed it, or has a service that it is given for."""
        Discount = self.env["omni.billing.service.discount"]
        # Each on its own: of two that are joined by OR, PostgreSQL reads all of it.
        return any(
            Discount.search_count(
                Domain("coupon_id", "=", self.id) & Domain(name, "=", customer.id),
                limit=1,
            )
            for name in ("customer_id", "service_id.commercial_partner_id")
        )

    def _billing_count(self):
        """Count how often each was redeemed; who does at the same time takes turns."""
        if len(self) > 1:
            wait_for(self)
        take_turns(self)
        counted = dict(
            self.env["omni.billing.service.discount"]._read_group(
                Domain("coupon_id", "in", self.ids)
                & Domain("customer_id", "!=", False),
                ["coupon_id"],
                ["__count"],
            )
        )
        for uses, coupons in self.grouped(lambda one: counted.get(one, 0)).items():
            trust(coupons).uses = uses

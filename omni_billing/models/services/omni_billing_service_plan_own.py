from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.recurrence import UNIT_DAYS, UNIT_MONTHS, to_price
from ...tools.write_guard import trust

#: Days of a month, on average.
MONTH_DAYS = 30.436875


class OmniBillingService(models.Model):
    """What customers change of their plan themselves (W37)."""

    _inherit = "omni.billing.service"

    def _billing_get_own_plans(self):
        """Return the products that its customer may change it to.

        :return: `product.product`, none if the company does not let customers.
        """
        self.ensure_one()
        Product = self.env["product.product"]
        # sudo: settings are not the customer's to read.
        if not self.company_id.sudo().billing_plan_rule:
            return Product
        if not self._billing_find_plan_day("period"):
            return Product
        # What staff suspended they have their own reasons for.
        if self.state == "suspended" and not self._billing_is_paused():
            return Product
        # sudo: products that are offered to this customer.
        product = self.sudo().product_id
        return (product.billing_plan_ids - product).filtered_domain(
            Domain("active", "=", True)
            & Domain("sale_ok", "=", True)
            & Domain("billing_unit", "!=", False)
            & Domain(Product._check_company_domain(self.company_id))
        )

    def _billing_find_own_when(self, product):
        """Return when a customer's change to a product is: what costs more at once.

        Values are compared by the day, as of periods of different lengths.

        :rtype: str
        """
        self.ensure_one()
        # sudo: as above.
        rule = self.company_id.sudo().billing_plan_rule
        if rule != "upgrade" or not self._billing_find_plan_day("now"):
            return "period"
        day = self._billing_find_plan_day("now")
        plan, _values = self._draft_plan(product, day)
        now = self._billing_get_day_value(day)
        return "now" if plan._billing_get_day_value(day) > now else "period"

    def _billing_get_day_value(self, day):
        holds, decimals = self._find_change_on(day), self.currency_id.decimal_places
        amount = to_price(holds.price_unit, holds.quantity, decimals)
        days = UNIT_DAYS.get(self.unit) or UNIT_MONTHS[self.unit] * MONTH_DAYS
        return float(amount) / (self.interval * days)

    # === WHAT A CUSTOMER DOES === #

    def _billing_preview_own_plan(self, product):
        """Return what a change comes to, as `_billing_preview_plan`.

        :raise UserError: if the product is not one that the customer may change to.
        """
        self._billing_check_own_plan(product)
        return self._billing_preview_plan(product, self._billing_find_own_when(product))

    def _billing_check_own_plan(self, product):
        self.ensure_one()
        if product not in self._billing_get_own_plans():
            raise UserError(
                self.env._(
                    "%(service)s cannot be changed to that here now. Please ask us.",
                    service=self.name,
                )
            )

    def _billing_change_own_plan(self, product, seen):
        """Change the plan as its customer wishes, as it was shown.

        :raise UserError: as `_billing_preview_own_plan` and `_billing_change_plan`.
        """
        self._billing_check_own_plan(product)
        when, name = self._billing_find_own_when(product), self.name
        was_own = self.replaced_for == "customer"
        plan = self._billing_change_plan(product, when, seen)
        if plan != self or was_own:
            trust(plan).replaced_for = "customer"
        plan._billing_tell_plan(name)
        return plan

    def _billing_undo_own_plan(self):
        """Take a change back that is to come, as its customer wishes.

        :raise UserError: if there is none, or the company does not let customers.
        """
        if not self._billing_may_keep_plan():
            raise UserError(
                self.env._(
                    "There is no change of %(service)s that can be taken back here."
                    " Please ask us.",
                    service=self.name,
                )
            )
        self.replaced_by_ids._billing_undo_plan()
        self._billing_tell_kept()

    def _billing_may_keep_plan(self):
        """Whether its customer may take a change of plan back: one that has not begun.

        What is charged in arrears was used, though nothing is charged of it yet.
        """
        self.ensure_one()
        # sudo: as above.
        service = self.sudo()
        plan = service.replaced_by_ids[:1]
        lets = service.company_id.billing_plan_rule
        is_own = plan.replaced_for == "customer"
        if not (lets and is_own and plan.date_start > self._get_today()):
            return False
        return plan._billing_can_undo_plan() and not plan._billing_has_new_terms()

    def _billing_redeem_own(self, code):
        """Redeem a coupon as its customer wishes.

        :raise UserError: as `_billing_redeem`.
        """
        self.env["omni.billing.limit"]._take("coupon")
        self._billing_redeem(code, is_own=True)

    def _billing_may_redeem(self):
        """Whether there are coupons that customers redeem, of whatever code."""
        self.ensure_one()
        # sudo: whether there is one, and nothing of it.
        Coupon = self.env["omni.billing.coupon"].sudo()
        return bool(self._billing_find_discount_start()) and bool(
            Coupon.search_count(
                Domain("is_own", "=", True)
                & Domain("company_id", "=", self.company_id.id),
                limit=1,
            )
        )

    # === WHAT A CUSTOMER READS === #

    def _billing_describe_plan(self, product):
        """Return what another plan costs, and from when it would be, in words."""
        self.ensure_one()
        day = self._billing_find_plan_day(self._billing_find_own_when(product))
        plan, _values = self._draft_plan(product, day)
        return self.env._(
            "%(price)s, from %(date)s on",
            price=plan._billing_describe_price(),
            date=format_date(self.env, day),
        )

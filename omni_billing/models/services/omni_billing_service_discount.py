from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_date

from ...const import DISCOUNT_KINDS
from ...tools.action import open_dialog
from ...tools.discount import find_price, lower
from ...tools.lock import lock_or_tell, take_turns
from ...tools.numbers import format_amount, format_number
from ...tools.recurrence import DAY, find_end
from ...tools.write_guard import is_trusted, trust, without_any_default
from .omni_billing_service import LAST_YEAR

#: What says how much it is, and when.
TERMS = ("kind", "value", "date_from", "date_to")


class OmniBillingServiceDiscount(models.Model):
    """A service costs less for some time (W36).

    The price stays what it is; charges are lowered by the day, as by a change of price,
    and say so.

    Where another plan follows, its days are the plan's: for them a discount is entered
    or deleted there first, as coupons are redeemed there. What the service and the plan
    have in common goes on, and is not left to differ by one that is edited here alone.
    """

    _name = "omni.billing.service.discount"
    _inherit = ["omni.billing.service.row.mixin", "omni.billing.guard.mixin"]
    _description = "Discount of a Billing Service"
    _order = "date_from, id"

    service_id = fields.Many2one(
        "omni.billing.service", required=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="service_id.currency_id")
    name = fields.Char(
        string="Title", required=True, help="What the customer reads beside it."
    )
    kind = fields.Selection(DISCOUNT_KINDS, required=True, default="percent")
    value = fields.Float(
        string="Discount",
        required=True,
        min_display_digits="Product Price",
        help="Percents, or an amount off the price of each period, before taxes if the"
        " price is.",
    )
    date_from = fields.Date(string="From", required=True)
    date_to = fields.Date(string="Until", help="The last day. Empty: for ever.")
    coupon_id = fields.Many2one(
        "omni.billing.coupon",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    customer_id = fields.Many2one(
        "res.partner",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="Who redeemed the coupon; nobody if another plan goes on with it.",
    )

    _value_valid = models.Constraint(
        "CHECK(value > 0 AND (kind != 'percent' OR value <= 100))",
        "A discount is above zero, and not more than 100 percent.",
    )
    _dates_valid = models.Constraint(
        "CHECK(date_to IS NULL OR date_from <= date_to)",
        "A discount does not end before it begins.",
    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        before = model._read_agreed(model._find_services(vals_list))
        rows = super(OmniBillingServiceDiscount, model).create(vals_list)
        rows._wait_for_charges()
        model._check_plans(before)
        return rows

    def write(self, vals):
        self._billing_guard_write(vals)
        if not is_trusted(self.env) and vals.keys() - {"date_to", "name"}:
            self._check_own()
        if vals.keys() & TERMS:
            self._wait_for_charges()
        before = self._read_agreed(self.service_id) if vals.keys() & TERMS else {}
        result = super().write(vals)
        self._check_plans(before)
        return result

    def unlink(self):
        """Override of the ORM: a coupon that is taken back can be used again."""
        self._wait_for_charges()
        coupons, before = self.coupon_id, self._read_agreed(self.service_id)
        result = super().unlink()
        self._check_plans(before)
        # sudo: coupons are counted for who takes a discount away.
        coupons.sudo()._billing_count()
        return result

    @api.model
    def _billing_get_state_fields(self):
        """Override: which coupon it is of."""
        return super()._billing_get_state_fields() | {"coupon_id", "customer_id"}

    def _billing_raise_state_fields(self, names):
        raise UserError(self.env._("A coupon is redeemed by its code: use the button."))

    def _check_own(self):
        if given := self.filtered("coupon_id")[:1]:
            raise UserError(
                self.env._(
                    "%(name)s is what the coupon gives: only its title and its last day"
                    " are edited. Delete it, and enter a discount of your own.",
                    name=given.name,
                )
            )

    # === HELPERS === #

    @api.model
    def _find_agreed(self, service, plan):
        """Override: what one of the two has for the plan's days, and the other has not.

        What is not for the plan's product or periods is not looked at. Of a plan that
        is in force, what was before is corrected on the service.

        :rtype: Counter
        """
        first = plan.date_start
        is_to_come = first > service._get_today()
        rows, _over = service._split_discounts(plan.product_id, first, plan)
        rows = rows.filtered(lambda row: is_to_come or row.date_from >= first)
        here, there = (
            discounts._get_terms(first) for discounts in (rows, plan._get_discounts())
        )
        return Counter(
            [("here", terms) for terms in (here - there).elements()]
            + [("there", terms) for terms in (there - here).elements()]
        )

    def _get_terms(self, first):
        """Return how much they are, and when, from a day on; each as often as it is.

        :rtype: Counter
        """
        return Counter(
            (row.kind, row.value, row.coupon_id, max(row.date_from, first), row.date_to)
            for row in self
        )

    def _describe(self):
        """Return how much it is, in words: “20 % (Spring)”."""
        self.ensure_one()
        if self.kind == "percent":
            value = self.env._("%s%%", format_number(self.env, self.value))
        else:
            value = format_amount(self.env, self.value, self.currency_id)
        return self.env._("%(value)s off (%(name)s)", value=value, name=self.name)


class OmniBillingService(models.Model):
    """What a service costs less, and for how long (W36)."""

    _inherit = "omni.billing.service"

    discount_ids = fields.One2many(
        "omni.billing.service.discount",
        "service_id",
        string="Discounts",
        copy=False,
        groups="base.group_user",
    )
    discount = fields.Char(
        compute="_compute_discount",
        groups="base.group_user",
        help="What it costs less today, or will.",
    )

    # === COMPUTE METHODS === #

    @api.depends(
        *("discount_ids.date_from", "discount_ids.date_to", "discount_ids.kind"),
        *("discount_ids.name", "discount_ids.value", "partner_id"),
    )
    @api.depends_context("lang")
    def _compute_discount(self):
        for service in self:
            service.discount = service._billing_describe_discounts()

    @api.depends(*(f"discount_ids.{name}" for name in TERMS))
    def _compute_adjustment(self):
        """Override: what was charged before a discount is to be credited."""
        return super()._compute_adjustment()

    @api.depends(*(f"discount_ids.{name}" for name in TERMS))
    def _compute_preview(self):
        return super()._compute_preview()

    # === CRUD METHODS === #

    @api.ondelete(at_uninstall=False)
    def _unlink_discounts(self):
        """Delete them by the ORM, so that coupons are counted; PostgreSQL would not."""
        lock_or_tell(self)
        # sudo: who deletes a service does not take each discount back.
        trust(self.sudo().discount_ids).unlink()

    # === ACTION METHODS === #

    def action_redeem(self):
        """Open the dialog for the code of a coupon."""
        self.ensure_one()
        self.check_access("write")
        return open_dialog(
            "omni.billing.coupon.wizard",
            self.env._("Redeem a Coupon"),
            {"default_service_id": self.id},
        )

    # === BUSINESS METHODS === #

    def _billing_redeem(self, code, is_own=False):
        """Have the discount of a coupon, from what is not charged yet on.

        :param str code: of the coupon.
        :param bool is_own: whether its customer does it, who sees not every coupon.
        :return: the `omni.billing.service.discount`.
        :raise UserError: if there is no such coupon for this service and customer, now.
        """
        self.ensure_one()
        lock_or_tell(self)
        # What is charged at the same time is charged before, or with the discount.
        take_turns(self)
        first = self._billing_find_discount_start()
        # sudo: who redeems it need not read which plan follows.
        if not first and (plan := self.sudo().replaced_by_ids[:1]):
            raise UserError(
                self.env._(
                    "%(service)s has another plan from %(date)s on: redeem the code for"
                    " %(plan)s. Nothing was changed.",
                    service=self.name,
                    plan=plan.name,
                    date=format_date(self.env, plan.date_start),
                )
            )
        if not first:
            raise UserError(
                self.env._(
                    "%(service)s can have no discount now: it ends before it is charged"
                    " again, is suspended until further notice, or is not charged by"
                    " itself. Nothing was changed.",
                    service=self.name,
                )
            )
        # sudo: coupons of others are not for who enters a code to read.
        Coupon = self.env["omni.billing.coupon"].sudo()
        coupon = Coupon._billing_find(code, self.company_id)
        # Who redeems it at the same time has done so, or waits.
        take_turns(coupon)
        is_kept = is_own and not coupon.is_own
        if not coupon or is_kept or not coupon._billing_fits(self):
            raise UserError(
                self.env._(
                    "This code cannot be redeemed for %(service)s: it is not known, is"
                    " not valid today or for this service, is used up, or you had it"
                    " already. Nothing was changed.",
                    service=self.name,
                )
            )
        Discount = trust(without_any_default(self.env["omni.billing.service.discount"]))
        lang = self.partner_id.lang or self.env.lang
        discount = Discount.create(
            {
                "service_id": self.id,
                "name": coupon.with_context(lang=lang).name,
                "kind": coupon.kind,
                "value": coupon.value,
                "date_from": first,
                "date_to": self._find_discount_end(first, coupon.periods),
                "coupon_id": coupon.id,
                "customer_id": self.commercial_partner_id.id,
            }
        )
        coupon._billing_count()
        self._billing_log_own("coupon_redeemed", coupon.code)
        return discount.with_env(self.env)

    def _billing_find_discount_start(self):
        """Return the first day of a coupon: not charged, nor free, nor long ago.

        What the job has not come to yet is not what the coupon was meant for.

        :return: None if there is no such day before the service ends, or another plan
            follows.
        :rtype: datetime.date | None
        """
        if not self.unit or not self.active or self.state == "ended":
            return None
        # sudo: as above. What is given here would not be for the plan that follows.
        if self.sudo().replaced_by_ids:
            return None
        recurrence = self._get_recurrence()
        current = recurrence.get_whole(recurrence.get_number(self._get_today()))
        day = max(self._billing_get_day_after_charged(), current.first)
        last = find_end(day - DAY, self._get_free_days())
        if not last or last.year >= LAST_YEAR:
            return None
        day = last + DAY
        return None if self.date_end and day > self.date_end else day

    def _find_discount_end(self, first, periods):
        """Return the last day of so many periods; False for ever."""
        if not periods:
            return False
        recurrence = self._get_recurrence()
        number = recurrence.get_number(first) + periods - 1
        return recurrence.get_whole(number).last

    # === PRICES === #

    def _get_prices(self):
        """Override: what a period costs with its discounts."""
        return lower(
            super()._get_prices(),
            [
                (row.date_from, row.date_to or None, row.kind, row.value)
                for row in self._get_discounts()
            ],
            self.currency_id.decimal_places,
        )

    def _get_full_price(self, day):
        """Return what a period costs on a day without discounts."""
        return find_price(self._get_full_prices(), day)

    def _get_discounts(self):
        # sudo: customers see what their services cost, and why.
        return self.sudo().discount_ids.filtered("date_from")

    def _prepare_transaction_values(self, period, amount):
        """Override: the customer reads the full price, and what it is less."""
        values = super()._prepare_transaction_values(period, amount)
        span = period.span
        rows = self._get_discounts().filtered(
            lambda row: span.meet(row.date_from, row.date_to or None)
        )
        if rows:
            lang = self.partner_id.lang or self.env.lang
            env = self.with_context(lang=lang).env
            price = self._get_full_price(span.first)
            notes = [
                env._("Price %s", format_amount(env, float(price), self.currency_id)),
                *(row.with_env(env)._describe() for row in rows),
            ]
            values["description"] = "\n".join(
                filter(None, [values["description"], ", ".join(notes)])
            )
        return values

    def _prepare_plan(self, product, day, agreed):
        """Override: discounts go on, as far as they are for the new product, too."""
        values = super()._prepare_plan(product, day, agreed)
        rows, _over = self._split_discounts(product, day, values)
        return values | {
            "discount_ids": [
                Command.create(
                    {
                        "name": row.name,
                        "kind": row.kind,
                        "value": row.value,
                        "date_from": max(row.date_from, day),
                        "date_to": row.date_to,
                        "coupon_id": row.coupon_id.id,
                    }
                )
                for row in rows
            ]
        }

    def _split_discounts(self, product, day, values):
        """Return the discounts from a day on that go on with a plan, and the others.

        An amount is off a period of a length, and before or after taxes; of other
        prices it would be another discount.

        :param values: of the plan, or the plan.
        """
        names = ("unit", "interval", "tax_included")
        is_alike = all(values[name] == self[name] for name in names)
        rows = self._get_discounts().filtered(
            lambda row: not row.date_to or row.date_to >= day
        )
        kept = rows.filtered(
            lambda row: (
                (row.kind == "percent" or is_alike)
                and product in (row.coupon_id.product_ids or product)
            )
        )
        return kept, rows - kept

    def _list_plan_over(self, product, day, values):
        """Override: the discounts that the plan does not have."""
        _kept, over = self._split_discounts(product, day, values)
        return super()._list_plan_over(product, day, values) + [
            row.with_env(self.env)._describe() for row in over
        ]

    def _take_plan(self, product, preview):
        """Override: and without the discounts that are not for that plan."""
        values = preview["values"]
        _kept, over = self._split_discounts(product, self.date_start, values)
        trust(over).unlink()
        return super()._take_plan(product, preview)

    def _billing_has_new_terms(self):
        """Override: also a discount that was given for this plan alone."""
        first = self.date_start
        before = self.replaces_id._get_discounts()._get_terms(first)
        is_new = bool(self._get_discounts()._get_terms(first) - before)
        return super()._billing_has_new_terms() or is_new

    # === WHAT PEOPLE READ === #

    def _billing_describe_discounts(self):
        """Return what it costs less now, or will, in words; empty if nothing."""
        self.ensure_one()
        today = self._get_today()
        return "; ".join(
            self._describe_discount(row)
            for row in self._get_discounts().sorted("date_from")
            if not (row.date_to and row.date_to < today)
        )

    def _describe_discount(self, row):
        values = {"discount": row.with_env(self.env)._describe()}
        if row.date_from > self._get_today():
            values["first"] = format_date(self.env, row.date_from)
        if row.date_to:
            values["last"] = format_date(self.env, row.date_to)
        if len(values) == 3:
            return self.env._("%(discount)s from %(first)s to %(last)s", **values)
        if "first" in values:
            return self.env._("%(discount)s from %(first)s on", **values)
        if "last" in values:
            return self.env._("%(discount)s until %(last)s", **values)
        return values["discount"]

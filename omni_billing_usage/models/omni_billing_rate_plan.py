from collections import defaultdict
from datetime import timezone

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, format_date

from odoo.addons.omni_billing.tools.rating.allowances import ALWAYS, EVER, Grant
from odoo.addons.omni_billing.tools.rating.charges import Usage
from odoo.addons.omni_billing.tools.rating.prices import Price, PriceList

from ..tools.events import list_zones
from ..tools.periods import Calendar
from .omni_billing_rate import TIERED
from .omni_billing_rate_part_mixin import check_later

#: What periods are cut by.
CALENDAR_FIELDS = {"company_id", "zone", "day"}
#: The same, and what the amount of a period is made of beside its rates.
KEPT_FIELDS = CALENDAR_FIELDS | {"currency_id", "tax_included", "least", "most"}


class OmniBillingRatePlan(models.Model):
    """What usage costs: rates, what is included, hours, least and most (W41)."""

    _name = "omni.billing.rate.plan"
    _description = "Rate Plan of Usage"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
    )
    tax_included = fields.Boolean(
        string="Taxes Included", help="Its prices are what the customer pays."
    )
    zone = fields.Selection(
        lambda self: [(name, name) for name in list_zones()],
        string="Time Zone",
        required=True,
        default=lambda self: self._get_default_zone(),
        help="By whose clock months and hours begin.",
    )
    day = fields.Integer(
        string="Begins on Day",
        default=1,
        required=True,
        help="Of the month, on which periods begin; 31 is the last day.",
    )
    least = fields.Monetary(
        help="Of a service and period, whatever was used; 0: nothing."
    )
    most = fields.Monetary(help="Of a service and period; 0: no limit.")
    rate_ids = fields.One2many("omni.billing.rate", "plan_id", copy=True)
    band_ids = fields.One2many(
        "omni.billing.rate.band", "plan_id", string="Hours", copy=True
    )
    allowance_ids = fields.One2many("omni.billing.allowance", "plan_id", copy=True)
    most_ids = fields.One2many(
        "omni.billing.rate.most",
        "plan_id",
        string="Most of a Meter",
        copy=True,
        help="What usage of one meter costs at most, before the most of the plan.",
    )
    charged_until = fields.Date(
        compute="_compute_charged_until",
        help="The last day of a period that it was charged for: what it was charged by"
        " stays.",
    )

    _day_valid = models.Constraint(
        "CHECK(day BETWEEN 1 AND 31)", "The day of the month is from 1 to 31."
    )
    _limits_valid = models.Constraint(
        "CHECK(least >= 0 AND most >= 0 AND (COALESCE(most, 0) = 0 OR most >= least))",
        "The least is not below zero, and the most not below the least.",
    )

    # === COMPUTE METHODS === #

    def _get_default_zone(self):
        zone = self.env.company.partner_id.tz or self.env.user.tz
        return zone if zone in list_zones() else "UTC"

    def _compute_charged_until(self):
        for plan in self:
            known = plan._origin
            plan.charged_until = known and known._get_charged_until()

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: rates and hours are checked together.

        :raise ValidationError: if it makes no prices.
        """
        plans = super(OmniBillingRatePlan, check_later(self)).create(vals_list)
        plans = plans.with_env(self.env)
        plans._check_prices()
        return plans

    def write(self, vals):
        """Override of the ORM: what was charged stays as it was.

        :raise UserError: if it would change; nothing is written.
        """
        for plan in self:
            changed = {n for n in KEPT_FIELDS & vals.keys() if plan._changes(n, vals)}
            if changed & CALENDAR_FIELDS and plan._is_given():
                raise UserError(
                    self.env._(
                        "%(plan)s is the plan of services: its company, time zone and"
                        " day stay. Duplicate it.",
                        plan=plan.name,
                    )
                )
            if changed and (until := plan._get_charged_until()):
                raise UserError(
                    self.env._(
                        "%(plan)s was charged by until %(date)s: its currency, taxes,"
                        " least and most stay. Duplicate it, and give services the new"
                        " one.",
                        plan=plan.name,
                        date=format_date(self.env, until),
                    )
                )
        result = super(OmniBillingRatePlan, check_later(self)).write(vals)
        if vals.keys() - {"name", "active", "alert_percents"}:
            self._check_prices()
            self._rate_again()
        return result

    def copy_data(self, default=None):
        """Override of the ORM: two plans are told apart."""
        vals_list = super().copy_data(default)
        for plan, vals in zip(self, vals_list, strict=True):
            if "name" not in (default or {}):
                vals["name"] = self.env._("%(name)s (copy)", name=plan.name)
            for _command, _id, rate in vals.get("rate_ids", ()):
                # Hours of the copy are not there yet: see `copy`.
                rate.pop("band_id", None)
        return vals_list

    def copy(self, default=None):
        """Override of the ORM: rates of the copy are for hours of the copy."""
        copies = super().copy(default)
        for plan, copied in zip(self, copies, strict=True):
            bands = dict(_pair(plan.band_ids, copied.band_ids))
            for rate, other in _pair(plan.rate_ids, copied.rate_ids):
                if rate.band_id:
                    check_later(other).band_id = bands[rate.band_id]
            copied._check_prices()
        return copies

    def _changes(self, name, vals):
        field = self._fields[name]
        value = field.convert_to_cache(vals[name], self)
        return value != field.convert_to_cache(self[name], self)

    # === CHECKS === #

    def _check_prices(self, names=None):
        """Check that it makes prices.

        :param set names: of the rates that changed, so that one of many costs no more
            than one of few; none: anything did.
        :raise ValidationError: if it does not; it says what to do.
        """
        for plan in self:
            rates = plan._find_rates(names)
            plan._check_versions(rates)
            plan._check_tiers(rates)
            plan.allowance_ids._check_rate_names()
            if plan.least and plan._is_given() and not plan._has_rates():
                plan._raise_no_rate()
            try:
                plan._make_price_list(rates)
                for allowance in plan.allowance_ids:
                    Grant(allowance.name, allowance.units)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "%(plan)s makes no prices: %(error)s",
                        plan=plan.name,
                        error=error,
                    )
                ) from error

    def _raise_no_rate(self):
        raise ValidationError(
            self.env._(
                "%(plan)s has a least of the period and no rate, whose usage would be"
                " charged with it. Add a rate first.",
                plan=self.name,
            )
        )

    def _check_versions(self, rates):
        for name, versions in rates.grouped("name").items():
            if len({rate._get_conditions() for rate in versions}) > 1:
                raise ValidationError(
                    self.env._(
                        "%(plan)s: rates of one name, %(name)s, are versions of one:"
                        " they have the same meter, prefixes, conditions and hours."
                        " Give another rate another name.",
                        plan=self.name,
                        name=name,
                    )
                )

    def _check_tiers(self, rates):
        for rate in rates:
            if rate.charge not in TIERED:
                if rate.tier_ids:
                    raise ValidationError(
                        self.env._(
                            "%(rate)s: its price model has no tiers. Delete them, or"
                            " choose another model.",
                            rate=rate.name,
                        )
                    )
                continue
            ends = [tier.until for tier in rate.tier_ids if not tier.is_last]
            is_open = len(rate.tier_ids) == len(ends) + 1
            if not is_open or len(set(ends)) != len(ends):
                raise ValidationError(
                    self.env._(
                        "%(rate)s: each tier ends after the one before it, and the"
                        " last one is for whatever is beyond, or that would cost"
                        " nothing.",
                        rate=rate.name,
                    )
                )

    # === BUSINESS METHODS === #

    def _make_calendar(self):
        """Return how its months are cut."""
        self.ensure_one()
        return Calendar(self.zone, self.day)

    def _make_list(self, meter, listed=()):
        """Return the prices of a meter, as rating knows them.

        :param listed: those of products, as `_find_listed` returns them.
        :raise ValueError: if they are none.
        """
        self.ensure_one()
        rates = self.rate_ids.filtered(lambda rate: rate.meter_id == meter)
        return self._make_price_list(rates, listed)

    def _make_price_list(self, rates, listed=()):
        """Return the prices that some of its rates make, with all their versions."""
        versions = defaultdict(list)
        for rate in rates:
            versions[rate.name].append(rate)
        calendar = self._make_calendar()
        prices = []
        for name, rates in versions.items():
            rates = sorted(rates, key=lambda r: _find_begin(calendar, r.date_from))
            begins = [_find_begin(calendar, rate.date_from) for rate in rates]
            made = [
                (since, rate._make_charge(price), rate._make_steps())
                for rate, begin, end in zip(
                    rates, begins, [*begins[1:], ALWAYS], strict=True
                )
                for since, price in rate._iterate_prices(begin, end, listed)
            ]
            steps = [each for _since, _charge, each in made]
            prices.append(
                Price(
                    name,
                    [(since, charge) for since, charge, _steps in made],
                    rates[0]._get_prefixes(),
                    rates[0]._parse_conditions(),
                    rates[0].band_id.name or "",
                    steps[0] if len(set(steps)) == 1 else steps,
                )
            )
        bands = [band._make() for band in self.band_ids]
        return PriceList(prices, bands, self.zone)

    def _charges_unused(self):
        """Whether a period without any usage costs something.

        What a product costs is said by pricelists: something, it is taken.
        """
        self.ensure_one()
        return bool(self.least) or any(
            rate._make_charge(1.0 if rate.product_id else None).price(Usage.of())
            for rate in self.rate_ids
        )

    def _get_charged_until(self):
        """Return the last day of periods of it that were charged, if there are some.

        Those that cost nothing are dealt with when they are over.

        :rtype: datetime.date | None
        """
        self.ensure_one()
        # No more: who writes many prices asks for each.
        names = ["plan_id", "state", "date_to", "transaction_id"]
        self.env["omni.billing.usage.rating"].flush_model(names)
        self.env["omni.billing.transaction"].flush_model(["state"])
        [[until]] = self.env.execute_query(
            SQL(
                """
                SELECT MAX(rating.date_to)
                  FROM omni_billing_usage_rating rating
             LEFT JOIN omni_billing_transaction charge
                    ON charge.id = rating.transaction_id
                 WHERE rating.plan_id = %s AND rating.state = 'charged'
                   AND charge.state IS DISTINCT FROM 'unbilled'
                """,
                self.id,
            )
        )
        return until

    def _find_rates(self, names=None):
        """Return its rates: all versions of those with some names, or all of them."""
        self.ensure_one()
        if names is None:
            return self.rate_ids
        return self.rate_ids.search(
            [("plan_id", "=", self.id), ("name", "in", list(names))]
        )

    def _has_rates(self):
        return bool(self.rate_ids.search_count([("plan_id", "=", self.id)], limit=1))

    def _is_given(self):
        self.ensure_one()
        given = [("plan_id", "=", self.id)]
        return bool(self.env["omni.billing.usage.plan"].search_count(given, limit=1))

    def _rate_again(self):
        """Have what is not charged yet rated by what the plan says now."""
        self.env["omni.billing.usage.rating"]._mark_plans(self)


def make_key(service, meter):
    """Return the key by which the rater knows a service and meter, in their order."""
    return f"{service}/{meter:010}"


def _find_begin(calendar, day):
    """Return since when a version holds."""
    if not day:
        return EVER
    return calendar.get_moment(day).replace(tzinfo=timezone.utc)


def _pair(records, copies):
    """Return records, each with its copy."""
    return zip(records.sorted("id"), copies.sorted("id"), strict=True)

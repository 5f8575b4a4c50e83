from odoo import api, fields, models
from odoo.tools import float_round

from ...const import PERIOD_UNITS, SERVICE_TIMINGS
from ...tools.action import open_list
from ...tools.recurrence import (
    DAY,
    Recurrence,
    find_end,
    get_today,
    iterate_periods,
    to_price,
)
from ...tools.retell import KeptSentence
from ...tools.unit_price import PRICE_DECIMALS, get_decimals_after

#: What is suspended until then or later is so until further notice.
LAST_YEAR = 9000


class OmniBillingService(models.Model):
    """A service that a customer uses, at a site; charged period by period (F16, F185).

    A service without a unit of time is only what charges are about.
    """

    _name = "omni.billing.service"
    _inherit = ["omni.billing.price.mixin"]
    _description = "Billing Service"
    _order = "partner_id, name"
    _check_company_auto = True

    name = fields.Char(
        compute="_compute_name",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(index=True)
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Main Customer",
        compute="_compute_commercial_partner_id",
        store=True,
        precompute=True,
        index=True,
        help="Who is billed: it stays, also if the contact goes to another company.",
    )
    site_id = fields.Many2one(
        help="Where the service is used: an address of the customer."
    )
    product_id = fields.Many2one(help="Its recurring price and period are proposed.")
    transaction_ids = fields.One2many(
        "omni.billing.transaction",
        "service_id",
        readonly=True,
        groups="base.group_user",
    )

    # === Price === #
    price_unit = fields.Float(
        string="Price",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
        min_display_digits="Product Price",
        help="What one costs in a whole period.",
    )
    setup_price = fields.Float(
        string="Set-up Fee",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
        min_display_digits="Product Price",
        help="Charged once, on the day of the start.",
    )
    tax_included = fields.Boolean(
        help="The price is what the customer pays, taxes included.",
    )
    change_ids = fields.One2many(
        "omni.billing.service.change",
        "service_id",
        string="Changes",
        copy=False,
        groups="base.group_user",
    )

    # === Periods === #
    unit = fields.Selection(
        PERIOD_UNITS,
        string="Period Unit",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
        help="Empty: it is not charged by itself.",
    )
    interval = fields.Integer(
        string="Every",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
    )
    timing = fields.Selection(
        SERVICE_TIMINGS,
        string="Charged",
        compute="_compute_from_product",
        store=True,
        readonly=False,
        precompute=True,
        help="In advance: on the first day of a period. In arrears: on its last.",
    )
    anchor_day = fields.Integer(
        string="Day of the Month",
        help="On which periods begin, 31 for the last day. 0: the day of the start.",
    )
    anchor_weekday = fields.Selection(
        [
            ("0", "Monday"),
            ("1", "Tuesday"),
            ("2", "Wednesday"),
            ("3", "Thursday"),
            ("4", "Friday"),
            ("5", "Saturday"),
            ("6", "Sunday"),
        ],
        string="Weekday",
        help="On which periods begin. Empty: that of the start.",
    )
    anchor_month = fields.Selection(
        [
            ("1", "January"),
            ("2", "February"),
            ("3", "March"),
            ("4", "April"),
            ("5", "May"),
            ("6", "June"),
            ("7", "July"),
            ("8", "August"),
            ("9", "September"),
            ("10", "October"),
            ("11", "November"),
            ("12", "December"),
        ],
        string="Month",
        help="In which years, or quarters, begin. Empty: that of the start.",
    )
    date_start = fields.Date(string="Start", default=fields.Date.context_today)
    date_end = fields.Date(string="End", copy=False, help="The last day of use.")

    # === Where it stands === #
    state = fields.Selection(
        [
            ("none", "Not Recurring"),
            ("upcoming", "Upcoming"),
            ("running", "Running"),
            ("suspended", "Suspended"),
            ("ended", "Ended"),
        ],
        string="Status",
        compute="_compute_state",
    )
    charged_until = fields.Date(
        copy=False, help="The last day of the periods that are dealt with."
    )
    charged_elsewhere = fields.Date(
        string="Charged Elsewhere Until",
        readonly=True,
        copy=False,
        help="Until when it was charged already when that was entered here: what was"
        " before is never adjusted.",
    )
    is_setup_charged = fields.Boolean(readonly=True, copy=False)
    next_date = fields.Date(
        string="Next Charge",
        compute="_compute_next_date",
        store=True,
        help="The billing date of the next charge; none while nothing is to come, as of"
        " a service that is suspended until further notice.",
    )
    problem = KeptSentence(
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Why the last charge could not be written.",
    )
    adjustment = fields.Monetary(
        compute="_compute_adjustment",
        groups="base.group_user",
        help="What periods that were charged would cost more, or less, today.",
    )

    _interval_positive = models.Constraint(
        "CHECK(unit IS NULL OR interval BETWEEN 1 AND 366)",
        "A period has 1 to 366 days, weeks, months or years.",
    )
    _anchor_day_valid = models.Constraint(
        "CHECK(anchor_day BETWEEN 0 AND 31)",
        "The day of the month is from 1 to 31, or 0 for the day of the start.",
    )
    _start_required = models.Constraint(
        "CHECK(unit IS NULL OR date_start IS NOT NULL)",
        "A recurring service needs a start.",
    )
    _end_after_start = models.Constraint(
        "CHECK(date_end >= date_start)", "A service cannot end before it starts."
    )
    _amounts_not_negative = models.Constraint(
        "CHECK(price_unit >= 0 AND setup_price >= 0 AND quantity >= 0)",
        "Prices and quantities cannot be negative.",
    )
    _next_date_idx = models.Index("(next_date, id) WHERE active")

    # === COMPUTE METHODS === #

    @api.depends("partner_id", "payer_id")
    def _compute_commercial_partner_id(self):
        """Take who pays when that is entered, and keep it, as transactions do."""
        for service in self:
            contact = service._get_billed_contact()
            service.commercial_partner_id = contact.commercial_partner_id

    @api.depends("product_id")
    def _compute_name(self):
        for service in self.filtered("product_id"):
            service.name = service.name or service.product_id.name

    @api.depends("product_id")
    def _compute_from_product(self):
        """Propose what the product says; what was entered stays (F185)."""
        for service in self:
            product = service.product_id
            has_unit = bool(service.unit)
            service.unit = service.unit or product.billing_unit
            service.interval = (
                (has_unit and service.interval) or product.billing_interval or 1
            )
            service.timing = (
                (has_unit and service.timing) or product.billing_timing or "advance"
            )
            for name, default in (
                ("price_unit", product.billing_recurring_price),
                ("setup_price", product.billing_setup_price),
            ):
                service[name] = service[name] or service._convert_price(default)

    def _convert_price(self, price):
        """Return a price of the product for this customer, as on other sales.

        In its currency, and without the taxes that are in the price where the fiscal
        position takes them away.
        """
        product, company = self.product_id, self.company_id
        if not price or not product:
            return price or 0.0
        currency = self.currency_id
        converted = product.with_company(company)._get_tax_included_unit_price(
            company,
            currency,
            fields.Date.context_today(self),
            "sale",
            product_price_unit=price,
            product_currency=product.currency_id,
            product_taxes=self._get_product_taxes(),
            fiscal_position=self._get_fiscal_position(),
        )
        if currency != product.currency_id:
            digits = get_decimals_after(price, product.currency_id.decimal_places)
            if digits == PRICE_DECIMALS:
                return float_round(converted, precision_digits=digits)
            return currency.round(converted)
        if converted != price:
            digits = self.env["decimal.precision"].precision_get("Product Price")
            digits = get_decimals_after(price, digits)
            return float_round(converted, precision_digits=digits)
        return price

    @api.depends("partner_id")
    def _compute_tax_ids(self):
        """Override: a service may go over to another customer."""
        return super()._compute_tax_ids()

    @api.depends(
        "unit",
        "date_start",
        "date_end",
        "partner_id",
        "suspension_ids.date_from",
        "suspension_ids.date_to",
    )
    def _compute_state(self):
        now = fields.Datetime.now()
        for service in self:
            today = service._get_today(now)
            if not service.unit or not service.date_start:
                service.state = "none"
            elif service.date_end and service.date_end < today:
                service.state = "ended"
            elif service.date_start > today:
                service.state = "upcoming"
            elif service._is_suspended(today):
                service.state = "suspended"
            else:
                service.state = "running"

    @api.depends(
        "unit",
        "interval",
        "timing",
        "anchor_day",
        "anchor_weekday",
        "anchor_month",
        "date_start",
        "date_end",
        "suspension_ids.date_from",
        "suspension_ids.date_to",
        "setup_price",
        "is_setup_charged",
        "charged_until",
    )
    def _compute_next_date(self):
        for service in self:
            period = service._find_next_used()
            dates = [period.get_due_date(service.timing == "advance")] if period else []
            if service._has_setup_to_charge():
                dates.append(service.date_start)
            service.next_date = min(dates, default=False)

    @api.depends(
        "charged_elsewhere",
        "charged_until",
        "date_end",
        "suspension_ids.date_from",
        "suspension_ids.date_to",
        "change_ids",
    )
    def _compute_adjustment(self):
        for service in self:
            found = service._origin._find_adjustments()
            service.adjustment = sum(amount for _period, amount, _pieces in found)

    # === ACTION METHODS === #

    def action_open_transactions(self):
        self.ensure_one()
        context = {
            "default_service_id": self.id,
            "default_partner_id": self.partner_id.id,
        }
        domain = [("service_id", "=", self.id)]
        name = "omni_billing_transaction_action"
        return open_list(self.env, name, domain, context)

    # === BUSINESS METHODS - PERIODS === #

    def _get_today(self, now=None):
        """Return the date where the customer is, or else the company."""
        self.ensure_one()
        # sudo: customers see their services, and need not see the company's address.
        zones = self.partner_id.tz, self.company_id.sudo().partner_id.tz
        return get_today(now or fields.Datetime.now(), *zones)

    def _get_recurrence(self):
        self.ensure_one()
        return Recurrence(
            self.date_start,
            self.unit,
            self.interval,
            self.anchor_day,
            int(self.anchor_weekday) if self.anchor_weekday else None,
            int(self.anchor_month or 0),
        )

    def _iterate_periods(self, after=None):
        """Give the periods after those that are dealt with."""
        self.ensure_one()
        is_complete = self.unit and self.date_start and self.interval > 0
        if not is_complete or not 0 <= self.anchor_day <= 31:
            return iter(())
        return iterate_periods(
            self._get_recurrence(),
            after or self.charged_until or None,
            self.date_end or None,
            self._get_free_days(),
        )

    def _find_next_used(self):
        """Return the next period of which something is used, if there is one.

        What is suspended in whole is passed over with it; until further notice nothing
        is to come.
        """
        self.ensure_one()
        free, after = self._get_free_days(), None
        while period := next(self._iterate_periods(after), None):
            if period.used:
                return period
            last = find_end(period.span.last, free)
            if not last or last.year >= LAST_YEAR:
                return None
            # The rest of the period in which the suspension ends, or the next one.
            after = max(period.span.last, last - DAY)
        return None

    def _get_free_days(self):
        """Return the days that are not charged, as the calendar has them. Hook.

        :return: first and last days, in their order; no last day: until further notice.
        """
        return self._get_suspensions()

    def _get_prices(self):
        """Return what a whole period costs, by the day from which on it does. Hook."""
        return self._get_full_prices()

    def _get_full_prices(self):
        """Return what it costs as it was agreed, as `_get_prices`."""
        self.ensure_one()
        decimals = self.currency_id.decimal_places
        return [
            (self.date_start, to_price(self.price_unit, self.quantity, decimals)),
            *(
                (change.date, to_price(change.price_unit, change.quantity, decimals))
                for change in self.change_ids
                if change.date
            ),
        ]

    def _has_setup_to_charge(self):
        return bool(
            self.unit
            and self.date_start
            and self.setup_price
            and not self.is_setup_charged
        )

import logging
from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Command, Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import format_date

from ...const import MAX_TITLE_LENGTH
from ...tools.database import commit_progress, retry, savepoint
from ...tools.distribution import keep_existing
from ...tools.lock import lock_or_tell
from ...tools.money import has_excess_decimals
from ...tools.numbers import format_number, format_price
from ...tools.periods import format_period
from ...tools.recurrence import (
    DAY,
    compute_amount,
    compute_running_amount,
    iterate_periods,
    to_price,
)
from ...tools.unit_price import shorten_price
from ...tools.write_guard import trust

_logger = logging.getLogger(__name__)

#: Services whose charges are written in one database transaction.
CHUNK = 500
#: Missed periods of one service that are written in one step.
MAX_PERIODS = 100
#: The part of a service that is its set-up fee.
SETUP_PART = -1
#: Charges and credits that stand: neither voided nor canceled.
STANDS = Domain("state", "!=", "void") & Domain(
    "canceled_by_ids", "not any", [("state", "!=", "void")]
)


class OmniBillingService(models.Model):
    """Writing the charges of recurring services: each period once (W8, W10)."""

    _inherit = "omni.billing.service"

    # === ACTION METHODS === #

    def action_write_due(self):
        """Write the charges that are due now, without waiting for the job."""
        self.check_access("write")
        now = fields.Datetime.now()
        lock_or_tell(self)
        left = self
        while left:
            left = left._write_due(now)
        return True

    def action_adjust(self):
        """Charge or credit what charged periods cost differently by now (W10)."""
        self.ensure_one()
        self.check_access("write")
        lock_or_tell(self)
        trust(self.env["omni.billing.transaction"]).create(
            self._prepare_adjustments(self._find_adjustments())
        )
        self.invalidate_recordset(["adjustment"])
        return True

    # === BUSINESS METHODS - CHARGES === #

    @api.model
    def _cron_write_due(self):
        """Write the charges that are due; a job (F185, W8, W10)."""
        now = fields.Datetime.now()
        commit_progress(
            self.env, remaining=self.search_count(self._get_due_domain(now))
        )
        self._write_all_due(now)

    @api.model
    def _write_all_due(self, now, company=None, within=Domain.TRUE):
        """Write the due charges, of one company or all; commits after each chunk.

        :param Domain within: of which services.
        :return: whether there was time for all of them.
        """
        domain = self._get_due_domain(now, company) & within
        last_id = 0
        while services := self.search(
            domain & Domain("id", ">", last_id), order="id", limit=CHUNK
        ):
            last_id, left = services[-1].id, services
            while left:
                left = retry(self.env, lambda left=left: left._try_write_due(now))
                if not commit_progress(self.env, 0 if left else len(services)):
                    return False
        return True

    @api.model
    def _get_due_domain(self, now, company=None):
        """Return what may be due: the day begins earlier in other time zones."""
        tomorrow = (now + timedelta(days=1)).date()
        domain = Domain("next_date", "<=", tomorrow)
        if company:
            domain &= Domain("company_id", "=", company.id)
        return domain

    def _try_write_due(self, now):
        """Write what is due; what is wrong with one service stays with it.

        :return: those that have more missed periods.
        """
        services = self.try_lock_for_update(allow_referencing=True)
        try:
            with savepoint(self.env):
                return services._write_due(now)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            if len(services) == 1:
                _logger.warning("Service %s is not charged: %s", services.id, error)
                trust(services).problem = str(error)
                return self.browse()
        half = len(services) // 2
        return services[:half]._try_write_due(now) | services[half:]._try_write_due(now)

    def _write_due(self, now):
        """Write the due charges of many services at once.

        :return: those that have more missed periods.
        """
        Transaction = self.env["omni.billing.transaction"]
        values, left = [], self.browse()
        charged, setup = {}, self.browse()
        for service in self:
            today = service._get_today(now)
            if fee := service._prepare_setup_charges(today):
                values += fee
                setup += service
            periods, has_more = service._find_due_periods(today)
            values += service._prepare_period_values(periods)
            if periods:
                charged.setdefault(periods[-1].span.last, []).append(service.id)
            if has_more:
                left += service
        trust(Transaction).create(values)
        trusted = trust(self)
        for last, ids in charged.items():
            trusted.browse(ids).charged_until = last
        trusted.browse(setup.ids).is_setup_charged = True
        trusted.filtered("problem").problem = False
        return left

    @api.model
    def _preview_all_due(self, moment, company, customers):
        """Return the charges that would be due by then, and write none of them.

        :param datetime moment: in UTC.
        :param customers: `res.partner`, main customers.
        :return: `omni.billing.transaction` that are not in the database.
        """
        services = self.search(
            self._get_due_domain(moment, company)
            & Domain("commercial_partner_id", "in", customers.ids),
            order="id",
        )
        Transaction = self.env["omni.billing.transaction"]
        return Transaction.concat(
            *(
                Transaction.new(values | {"state": "unbilled"})
                for service in services
                for values in service._prepare_due_values(moment)
            )
        )

    def _prepare_due_values(self, moment):
        """Return the values of the charges of one service that are due by then.

        What cannot be charged is left out, as by the job, which says why on the
        service.
        """
        today = self._get_today(moment)
        try:
            periods, _has_more = self._find_due_periods(today, limit=None)
            values = self._prepare_setup_charges(today)
            return values + self._prepare_period_values(periods)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            _logger.info("Service %s would not be charged: %s", self.id, error)
            return []

    def _find_due_periods(self, today, limit=MAX_PERIODS):
        """Return the periods that are due, and whether there are more."""
        periods = []
        in_advance = self.timing == "advance"
        for period in self._iterate_periods():
            if period.get_due_date(in_advance) > today:
                return periods, False
            if len(periods) == limit:
                return periods, True
            periods.append(period)
        return periods, False

    def _prepare_period_values(self, periods):
        prices = periods and self._get_prices()
        decimals = self.currency_id.decimal_places
        values = []
        for period in periods:
            if amount := compute_amount(period, prices, decimals):
                values.append(self._prepare_transaction_values(period, amount))
        return values

    def _prepare_transaction_values(self, period, amount):
        """Return the values of the charge of a period. Hook."""
        self.ensure_one()
        lang = self.partner_id.lang or self.env.lang
        env = self.with_context(lang=lang).env
        span = self._format_span(env, period.span)
        used = sum(part.days for part in period.used)
        is_whole, notes = used == period.whole.days, []
        priced = self._find_price(period, amount) if is_whole else {}
        if not priced and self.quantity != 1 and not self.change_ids:
            quantity = format_number(env, self.quantity)
            price = format_price(env, self.price_unit, self.currency_id)
            notes.append(f"{quantity} × {price}")
        if not is_whole:
            notes.append(
                env._("%(used)s of %(days)s days", used=used, days=period.whole.days)
            )
        return (
            self._prepare_common_values(amount)
            | (priced or self._price_pieces(amount, self._count_pieces(period)))
            | {
                "name": f"{self.name}, {span}"[:MAX_TITLE_LENGTH],
                "description": "\n".join(notes) or False,
                "date": period.get_due_date(self.timing == "advance"),
                "period_start": period.span.first,
                "period_end": period.span.last,
                "service_part": 0,
            }
        )

    def _find_price(self, period, amount):
        """Return quantity and unit price of a whole period, if it has but one price.

        Nor has it any whose quantity a transaction cannot keep, such as a third. The
        price has as many decimals as it is printed with.
        """
        quantity, price = self.quantity, self.price_unit
        for change in self.change_ids.sorted("date"):
            if change.date <= period.span.first:
                quantity, price = change.quantity, change.price_unit
        decimals = self.currency_id.decimal_places
        most = self.env["omni.billing.transaction"]._get_quantity_decimals(self.tax_ids)
        if has_excess_decimals(quantity, most):
            return {}
        if to_price(price, quantity, decimals) != amount:
            return {}
        price = shorten_price(price, quantity, self.currency_id.round)
        return {"quantity": quantity, "price_unit": price}

    def _count_pieces(self, period):
        """Return how many of its quantity a period uses; 0 where no tax asks for it.

        :rtype: float
        """
        if not self.tax_ids._billing_is_by_piece():
            return 0.0
        decimals = self.env["omni.billing.transaction"]._get_books_decimals()
        steps = [
            (self.date_start, self.quantity),
            *((change.date, change.quantity) for change in self.change_ids),
        ]
        quantities = [(day, to_price(1, many, decimals)) for day, many in steps if day]
        return float(compute_amount(period, quantities, decimals))

    def _price_pieces(self, amount, pieces):
        """Return quantity and unit price of an amount, none if nothing is counted."""
        if pieces <= 0:
            return {}
        Transaction = self.env["omni.billing.transaction"]
        price = Transaction._find_unit_price(float(amount), pieces, self.currency_id)
        return {"quantity": pieces, "price_unit": price}

    def _prepare_setup_charges(self, today=None):
        """Return the values of the set-up fee in a list: none if it is not to come.

        :param datetime.date today: by which it is due; None: whenever it is.
        :rtype: list[dict]
        """
        is_due = self._has_setup_to_charge() and (not today or self.date_start <= today)
        return [self._prepare_setup_values()] if is_due else []

    def _prepare_setup_values(self):
        """Return the values of the set-up fee. Hook."""
        self.ensure_one()
        env = self.with_context(lang=self.partner_id.lang or self.env.lang).env
        decimals = self.currency_id.decimal_places
        name = env._("%(service)s, set-up fee", service=self.name)
        return self._prepare_common_values(to_price(self.setup_price, 1, decimals)) | {
            "name": name[:MAX_TITLE_LENGTH],
            "description": False,
            "date": self.date_start,
            "period_start": self.date_start,
            "period_end": self.date_start,
            "service_part": SETUP_PART,
        }

    def _prepare_common_values(self, amount):
        # What is counted for nothing is so by default, and there may be one by now.
        distribution = keep_existing(self)
        return {
            **({"analytic_distribution": distribution} if distribution else {}),
            "transaction_type": "charge",
            "credit_type_id": False,
            "partner_id": self.partner_id.id,
            "payer_id": self.payer_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "product_id": self.product_id.id,
            "service_id": self.id,
            "site_id": self.site_id.id,
            "uom_id": self.uom_id.id,
            "customer_reference": self.customer_reference,
            "retail_cost": float(amount),
            "tax_ids": [Command.set(self.tax_ids.ids)],
            "tax_included": self.tax_included,
        }

    # === BUSINESS METHODS - ADJUSTMENTS === #

    def _find_adjustments(self):
        """Return the charged periods that cost something else by now.

        Also those that were free. What was charged elsewhere is not looked at.

        :return: of each by how much, and by how many pieces more or less, where there
            is a tax by the piece.
        :rtype: list[tuple[Period, float, float]]
        """
        if not self.id or not self.charged_until or not self.unit:
            return []
        after, last = self.charged_elsewhere or None, self.charged_until
        if after and after >= last:
            return []
        charged = self._read_charged()
        currency, prices = self.currency_id, self._get_prices()
        free, found, standing = self._get_free_days(), [], None
        for period in iterate_periods(self._get_recurrence(), after, last, free):
            span = period.span
            parts = [
                part
                for first, part in charged.items()
                if span.first <= first <= span.last
            ]
            # One without charges was passed over as free, and may cost something now.
            used = period.shorten(self.date_end or None)
            amount, pieces = map(sum, zip((0, 0), *parts, strict=True))
            due = compute_amount(used, prices, currency.decimal_places)
            difference = currency.round(float(due) - amount)
            # What was charged before it was rounded as today stays.
            if difference and not currency.compare_amounts(
                amount,
                float(compute_running_amount(used, prices, currency.decimal_places)),
            ):
                continue
            pieces = self._count_pieces(used) - pieces
            if difference < 0:
                # What was given away, voided or canceled is not given back.
                if standing is None:
                    standing = self._read_standing()
                stands = sum(
                    part
                    for first, part in standing.items()
                    if span.first <= first <= span.last
                )
                most = currency.round(min(float(due) - stands, 0.0))
                if currency.compare_amounts(most, difference) > 0:
                    difference, pieces = most, 0.0
            if difference:
                found.append((period, difference, pieces))
        return found

    def _prepare_adjustments(self, found, last=None):
        """Return the values of the charges and credits that correct periods.

        :param found: as `_find_adjustments` returns them.
        :param datetime.date last: of use, if it is the days after it that come back:
            of a period that it is in, they are.
        :rtype: list[dict]
        """
        parts = found and dict(
            self.env["omni.billing.transaction"]._read_group(
                [("service_id", "=", self.id), ("period_start", "!=", False)],
                ["period_start:day"],
                ["service_part:max"],
            )
        )
        values = []
        for period, amount, pieces in found:
            first = max(period.span.first, last + DAY) if last else period.span.first
            part = max(parts.get(first, 0), 0) + 1
            days = replace(period, span=replace(period.span, first=first))
            one = self._prepare_adjustment_values(days, amount, part)
            [(_command, _id, tax_ids)] = one["tax_ids"]
            taxes = self.env["account.tax"].browse(tax_ids)
            values.append(one | self._prepare_adjustment_price(amount, pieces, taxes))
        return values

    def _read_charged(self):
        """Return the amount and quantity charged, by the first day of the period.

        A charge that was voided or given away counts, so that it does not come back.
        """
        Transaction = self.env["omni.billing.transaction"]
        charged = {}
        for first, kind, amount, pieces in Transaction._read_group(
            Domain("service_id", "=", self.id)
            & Domain("period_start", "!=", False)
            & Domain("service_part", "!=", SETUP_PART),
            ["period_start:day", "transaction_type"],
            ["retail_cost:sum", "quantity:sum"],
        ):
            sign = -1 if kind == "credit" else 1
            before = charged.get(first, (0, 0))
            charged[first] = before[0] + sign * amount, before[1] + sign * pieces
        return charged

    def _prepare_adjustment_values(self, period, amount, part):
        """Return the values of the charge or credit that corrects a period. Hook."""
        env = self.with_context(lang=self.partner_id.lang or self.env.lang).env
        name = env._(
            "%(service)s, adjustment of %(period)s",
            service=self.name,
            period=self._format_span(env, period.span),
        )
        values = self._prepare_common_values(abs(amount)) | {
            "name": name[:MAX_TITLE_LENGTH],
            "description": False,
            "date": self._get_today(),
            "period_start": period.span.first,
            "period_end": period.span.last,
            "service_part": part,
        }
        charge = self._find_charge_of(period)
        if charge:
            values["payer_id"] = charge.payer_id.id
        if charge and amount < 0:
            # What comes back, comes back with the taxes that it had.
            values["tax_ids"] = [Command.set(charge.tax_ids.ids)]
            values["tax_included"] = charge.tax_included
        if amount < 0:
            kind = self.env.ref("omni_billing.credit_type_correction")
            values |= {"transaction_type": "credit", "credit_type_id": kind.id}
        return values

    def _find_charge_of(self, period):
        """Return the charge of a period: who was to pay it (W31), and its taxes."""
        return self.env["omni.billing.transaction"].search(
            Domain("service_id", "=", self.id)
            & Domain("period_start", ">=", period.whole.first)
            & Domain("period_start", "<=", period.span.last)
            & Domain("service_part", "=", 0),
            order="period_start DESC",
            limit=1,
        )

    def _prepare_adjustment_price(self, amount, pieces, taxes=None):
        """Return quantity, unit price and taxes of an adjustment.

        A tax by the piece is corrected with the quantity. If that is not what changed,
        there is none.
        """
        taxes = (self.tax_ids if taxes is None else taxes).flatten_taxes_hierarchy()
        if not taxes._billing_is_by_piece():
            return {}
        decimals = self.env["omni.billing.transaction"]._get_books_decimals()
        pieces = round(pieces if amount > 0 else -pieces, decimals)
        if priced := self._price_pieces(abs(amount), pieces):
            return priced
        kept = taxes.filtered(lambda tax: not tax._billing_is_by_piece())
        return {"tax_ids": [Command.set(kept.ids)]}

    def _format_span(self, env, span):
        return format_period(span.first, span.last, lambda day: format_date(env, day))

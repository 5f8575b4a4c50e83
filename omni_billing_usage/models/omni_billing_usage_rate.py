import json
from datetime import timezone
from decimal import Decimal
from functools import cache
from itertools import count, product
from typing import Any, NamedTuple

from odoo import models
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.rating.exact import round_half_up
from odoo.addons.omni_billing.tools.rating.limits import cap, find_missing
from odoo.addons.omni_billing.tools.rating.prices import Event
from odoo.addons.omni_billing.tools.rating.rate import Rater, Rating

from ..tools.caps import Spent
from ..tools.listed import Listed, freeze
from ..tools.periods import Calendar, Period
from .omni_billing_rate_plan import make_key

#: Events that are read at a time.
FETCH = 5_000
#: Columns of an event. Of its quantity all digits: as a number Odoo reads a float.
EVENT = SQL(
    "service_id, meter_id, moment, ref, source_id, quantity::text AS said, dimensions"
)
#: Names of cursors of one connection.
_numbers = count()


class Rated(NamedTuple):
    """What the usage of a service, meter and period comes to.

    :param plan: by which; an empty one: there was none, and nothing is charged.
    :param rating: of tools/rating; none where no rate of the plan is for the meter.
    :param amount: rounded, with what the least and the most of the period change.
    :param listed: prices of pricelists, as `_find_listed` of a plan returns them.
    :param taken_off: beyond the most of the plan, and before that `capped`: beyond that
        of the meter.
    :param supplies: what was drawn from, by how rating knows it (`Supply`).
    :param held: what is not charged, since it is beyond a cap.
    :param spent: what the caps of the service come to, of all its meters.
    :param drawn: supplies of services that were rated together, and what of each.
    :param is_gone: whether the service was not there in the period; none: it was
        charged before anybody asked, see `_filter_kept`.
    """

    service: Any
    meter: Any
    plan: Any
    period: Period
    events: int
    rating: Rating
    amount: Decimal
    added: Decimal
    taken_off: Decimal
    unrated: int
    capped: Decimal
    supplies: dict
    listed: Listed = ()
    held: Decimal = Decimal(0)
    spent: tuple[Spent, ...] = ()
    drawn: tuple[tuple[Any, Any], ...] = ()
    is_gone: bool | None = False


class OmniBillingUsageRating(models.Model):
    """Rating: what usage comes to (W41)."""

    _inherit = "omni.billing.usage.rating"

    # === WHAT IS RATED === #

    def _rate(self, services, now):
        """Rate the periods of services that are marked, and write what they come to."""
        marks = self.env.execute_query(
            SQL(
                "SELECT id, service_id, begin, until FROM omni_billing_usage_mark"
                " WHERE service_id = ANY(%s)",
                services.ids,
            )
        )
        # As they come from the recordset, they are read together.
        members, spans = {one.id: one for one in services}, {}
        for _id, service_id, begin, until in marks:
            spans.setdefault(members[service_id], []).append((begin, until))
        if not spans:
            # Another was faster.
            return
        lists, results = {}, []
        is_unused = cache(lambda plan: bool(plan) and plan._charges_unused())
        list_prices = cache(type(self.env["omni.billing.rate.plan"])._list_prices)
        groups = self._find_groups(spans, is_unused, now)
        while groups:
            # What is left of a period goes on to the next one, which comes later.
            key = min(groups, key=lambda one: (one[1].begin, groups[one].ids))
            plan, period, _company, customer = key
            same = groups.pop(key)
            rated, stale = self._rate_group(
                plan, period, same, customer, lists, is_unused(plan), list_prices
            )
            results += rated
            if customer:
                self._forget_marks(same, period)
            for later, more in self._find_groups(stale, is_unused, now).items():
                # What is left of a top-up says with whom: the last answer counts.
                for other in [
                    one for one in groups if one != later and one[:3] == later[:3]
                ]:
                    groups[other] -= more
                    if not groups[other]:
                        del groups[other]
                groups[later] = groups.get(later, more) | more
        self._write_parts(results, now)
        self._note_spent(results, now)
        self.env.cr.execute(
            SQL(
                "DELETE FROM omni_billing_usage_mark WHERE id = ANY(%s)",
                [mark[0] for mark in marks],
            )
        )

    def _find_groups(self, spans, is_unused, now):
        """Return what is rated together, by plan, period, company and customer.

        Services of one plan and period in one go; where allowances are shared, those of
        each customer.

        :param dict spans: moments from which, and until which, by service.
        :param is_unused: whether a plan costs something without any usage.
        :rtype: dict
        """
        if not spans:
            return {}
        known = self._find_known(spans)
        services = self.env["omni.billing.service"].union(*spans)
        shared = self._find_shared(
            {*services.commercial_partner_id.ids, *filter(None, known.values())}
        )
        groups = {}
        for service, moments in spans.items():
            for period in self._find_periods(service, moments, known, is_unused, now):
                plan = service._get_usage_plan(period.first)
                owner = known.get((service, period.first))
                customer = self._find_customer(service, plan, period, shared, owner)
                key = plan, period, service.company_id, customer
                groups[key] = groups.get(key, service) | service
        for key in groups:
            plan, period, _company, customer = key
            if customer:
                groups[key] = self._find_sharing(plan, customer, period)
        return groups

    def _find_known(self, spans):
        """Return which periods have a rating, and of which customer those charged are.

        Of those that may be rated now, not of all years.

        :rtype: dict
        """
        services = self.env["omni.billing.service"].union(*spans)
        first = min(begin for moments in spans.values() for begin, _until in moments)
        rows = self.search_fetch(
            [("service_id", "in", services.ids), ("end", ">", first)],
            ["service_id", "date_from", "state", "owner_number"],
        )
        return {
            (row.service_id, row.date_from): row.state == "charged" and row.owner_number
            for row in rows
        }

    def _find_periods(self, service, moments, known, is_unused, now):
        """Return the periods of a service that are to be rated.

        After one that costs something without any usage come those until now.

        :param is_unused: as above.
        """
        plans = service.usage_plan_ids.plan_id
        calendar = plans[0]._make_calendar() if plans else Calendar()
        periods = {}
        for begin, until in moments:
            for period in calendar.iterate(begin, until):
                periods[period.first] = period
        for period in list(periods.values()):
            later = period
            while is_unused(service._get_usage_plan(later.first)):
                later = calendar.follow(later)
                is_known = (service, later.first) in known or later.first in periods
                if is_known or later.begin > now or not runs_in(service, later):
                    break
                periods[later.first] = later
        return periods.values()

    def _find_sharing(self, plan, customer, period):
        """Return the services of a customer that have a plan in a period.

        What was charged of the period stays with the customer that it was charged to.

        :param int customer: the number of a main customer.
        """
        charged = [("date_from", "=", period.first), ("state", "=", "charged")]
        own = self.search([*charged, ("owner_number", "=", customer)]).service_id
        rows = self.env["omni.billing.usage.plan"].search_fetch(
            [
                ("plan_id", "=", plan.id),
                ("date_from", "<=", period.first),
                "|",
                ("service_id", "in", own.ids),
                ("service_id.commercial_partner_id", "=", customer),
            ],
            ["service_id"],
        )
        services = rows.service_id
        others = self.search(
            [
                *charged,
                ("service_id", "in", (services - own).ids),
                ("owner_number", "!=", customer),
            ]
        ).service_id
        return self._filter_planned(services - others, plan, period.first)

    def _filter_due(self, services, period, plan):
        """Return who is there in a period: its fee is theirs, and what it includes.

        Who was archived since was there, if the period was rated so before. A plan that
        costs nothing without usage has no rating of months without: there it is enough
        that one after them was.
        """
        ids, archived = set(), services.filtered(lambda one: not one.active)
        if archived:
            is_each = plan and plan._charges_unused()
            rated = self._read_group(
                [
                    ("service_id", "in", archived.ids),
                    ("date_from", "=" if is_each else ">=", period.first),
                    ("is_gone", "=", False),
                ],
                ["service_id"],
            )
            ids = {service.id for [service] in rated}
        return services.filtered(lambda one: runs_in(one, period, one.id in ids))

    def _filter_planned(self, services, plan, day):
        """Return which services have a plan on a day, by age; none of them is read."""
        if not plan:
            return services.browse()
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT service_id FROM (
                SELECT DISTINCT ON (service_id) service_id, plan_id
                  FROM omni_billing_usage_plan
                 WHERE service_id = ANY(%s) AND date_from <= %s
              ORDER BY service_id, date_from DESC) AS given
                 WHERE plan_id = %s ORDER BY service_id
                """,
                services.ids,
                day,
                plan.id,
            )
        )
        return services.browse(id_ for [id_] in rows)

    def _rate_group(
        self, plan, period, services, customer, lists, is_unused, list_prices
    ):
        """Return what the usage of services in a period comes to.

        :param int customer: whose services these are, if they share allowances.
        :param dict lists: prices that were made before, by plan, meter and what
            products cost.
        :param is_unused: whether the plan costs something without any usage.
        :param list_prices: what products cost by a pricelist, as `_list_prices`.
        :return: and what has to be rated again for it, as `_write_left`.
        :rtype: tuple[list[Rated], dict]
        """
        Meter = self.env["omni.billing.meter"]
        counts = self._count_events(services, period)
        services = self._leave_closed(period, services, customer, counts)
        if not services:
            return [], {}
        before, charged = {}, {}
        for rating in self.search(
            [("service_id", "in", services.ids), ("date_from", "=", period.first)]
        ):
            service_id = rating.service_id.id
            before[service_id] = before.get(service_id, Meter) | rating.meter_id
            if rating.plan_id == plan and rating.state == "charged":
                known = charged.setdefault(rating.service_id, {})
                known.update(freeze(rating.listed or ()))
        # Fees, a least and what a period includes are of who is there; what is used
        # after that has its price.
        due = self._filter_due(services, period, plan)
        kept = self._filter_kept(services - due, period)
        gone = services - due
        if not is_unused:
            # Without a fee there is nothing that units in a price go with.
            gone -= kept
        supplies = self._find_supplies(plan, period, services, customer, due | kept)
        watch = self._watch_caps(plan, period, services)
        ratings, left, listed = {}, {}, {}
        if plan:
            # What was charged stays, whatever pricelists say since.
            listed = {
                one: tuple(
                    (id_, charged.get(one, {}).get(id_, prices))
                    for id_, prices in found
                )
                for one, found in plan._find_listed(
                    period, services, list_prices
                ).items()
            }
            ratings, left = self._rate_events(
                plan, period, services, supplies, lists, listed, gone, watch
            )
        stale = self._write_left(
            plan, period, services, customer, supplies, left, ratings
        )
        results, named = [], {supply.name: supply for supply in supplies}
        for service in services:
            counted, key = counts.get(service.id, {}), f"{service.id:010}"
            # By age: what is missing to the least stays where it was charged.
            meters = plan.rate_ids.sorted("id").meter_id
            others = Meter.browse(sorted(counted)) | before.get(service.id, Meter)
            is_due = service in due
            summed = self._sum_up(
                service,
                plan,
                period,
                [
                    (
                        meter,
                        counted.get(meter.id, 0),
                        ratings.get(make_key(key, meter.id), Rating(())),
                        meter in meters,
                    )
                    for meter in meters | others
                ],
                before.get(service.id, Meter),
                is_due,
                is_unused,
                named,
                watch,
            )
            said = {"listed": listed.get(service, ())}
            if service in kept:
                said["is_gone"] = None
            results += [one._replace(**said) for one in summed]
        drawn = tuple((one, one.units - left[one.name]) for one in supplies)
        return [result._replace(drawn=drawn) for result in results], stale

    def _leave_closed(self, period, services, customer, counts):
        """Leave as it is what events were rated of that are not there any more.

        Their month was detached. Nobody knows what they come to with further ones, nor
        what they took of what services share, or of a least: so that of a service, or
        of all who share, stays. Other periods go on.

        :return: the services that may be rated.
        """
        parts = self.search(
            [("service_id", "in", services.ids), ("date_from", "=", period.first)],
            order="part",
        )
        closed = services.browse()
        for (service, meter), same in parts.grouped(
            lambda part: (part.service_id, part.meter_id)
        ).items():
            # As many may be others, which came after the first had gone.
            if (
                same[-1]._has_gone()
                or counts.get(service.id, {}).get(meter.id, 0) < same[-1].events
            ):
                closed |= service
        if closed and customer:
            closed = services
        for part in parts:
            is_closed = part.service_id in closed
            if part.is_closed != is_closed:
                part.is_closed = is_closed
        return services - closed

    def _sum_up(
        self, service, plan, period, rated, before, is_due, is_unused, supplies, watch
    ):
        """Return what a service comes to, by meter, with least and most of a period.

        Amounts are rounded here, and once. What is missing to the least is on the first
        meter of the plan.

        :param rated: meters, their events, ratings, and whether the plan has them.
        :param before: meters that have a rating already.
        :param is_unused: whether the plan costs without any usage; then it is written
            that this period was dealt with, also if it is free.
        :param watch: what is beyond a cap, see `tools/caps.py`.
        """
        decimals = (plan.currency_id or service.currency_id).decimal_places
        amounts = [rating.get_amount(decimals) for _m, _e, rating, _is in rated]
        most_of = {row.meter_id: row.most for row in plan.most_ids}
        held, capped, spent = watch.hold_back(
            service.id,
            [(meter.id, rating, most_of.get(meter)) for meter, _e, rating, _ in rated],
            decimals,
            plan.most,
        )
        for number, beyond in enumerate(zip(held, capped, strict=True)):
            amounts[number] -= sum(beyond)
        off = [Decimal(0)] * len(rated)
        if plan.most:
            off = [round_half_up(one, decimals) for one in cap(amounts, plan.most)]
        missing = Decimal(0)
        if plan.least and is_due:
            used = sum(amounts) - sum(off)
            missing = round_half_up(find_missing(used, plan.least), decimals)
        results = []
        for number, (meter, events, rating, is_planned) in enumerate(rated):
            added = Decimal(0) if number else missing
            result = Rated(
                service=service,
                meter=meter,
                plan=plan,
                period=period,
                events=events,
                rating=rating,
                amount=amounts[number] + added - off[number],
                added=added,
                taken_off=off[number],
                unrated=rating.unrated_number if is_planned else events,
                capped=capped[number],
                supplies=supplies,
                held=held[number],
                spent=tuple(spent),
                is_gone=not is_due,
            )
            is_kept = is_unused and is_due and is_planned and not number
            if events or result.amount or meter in before or is_kept:
                results.append(result)
        return results

    # === EVENTS === #

    def _count_events(self, services, period):
        """Return how many events there are.

        :rtype: dict[int, dict[int, int]]
        """
        counts = {}
        for service_id, meter_id, number in self.env.execute_query(
            SQL(
                """
                SELECT service_id, meter_id, COUNT(*) FROM omni_billing_usage_event
                 WHERE service_id = ANY(%s) AND moment >= %s AND moment < %s
              GROUP BY service_id, meter_id
                """,
                services.ids,
                period.begin,
                period.end,
            )
        ):
            counts.setdefault(service_id, {})[meter_id] = number
        return counts

    def _rate_events(
        self, plan, period, services, supplies, lists, listed, gone, watch
    ):
        """Return ratings by the keys of the rater; and what is left, by supply.

        :param list[Supply] supplies: what they draw from before they are charged.
        :param listed: prices of pricelists, by service.
        :param gone: services that are not there in the period.
        :param watch: that looks at them whenever something else is agreed.
        """
        meters = plan.rate_ids.meter_id
        for meter, prices in product(meters, set(listed.values())):
            if (plan, meter, prices) not in lists:
                lists[plan, meter, prices] = plan._make_list(meter, prices)
        keys = {service.id: f"{service.id:010}" for service in services}
        rater = Rater(
            {
                make_key(keys[one.id], meter.id): lists[plan, meter, listed[one]]
                for one in services
                for meter in meters
            },
            [supply.make_grant() for supply in supplies],
            period.begin.replace(tzinfo=timezone.utc),
            period.end.replace(tzinfo=timezone.utc),
            # The database has each reference of a source once.
            is_checked=True,
            gone={
                make_key(keys[one], meter.id) for one in gone.ids for meter in meters
            },
        )
        numbers = {meter.id: meter.number_dimension for meter in meters}

        def look(service_id):
            key = keys[service_id]
            return {id_: rater.look(make_key(key, id_)) for id_ in meters.ids}

        for row in self._read_events(services, meters, period):
            service_id, meter_id, moment, ref, _source, quantity, facts = row
            watch.pass_by(moment, look)
            facts = json.loads(facts)
            number = facts.get(numbers[meter_id] or "", "")
            moment = moment.replace(tzinfo=timezone.utc)
            rater.add(
                make_key(keys[service_id], meter_id),
                Event(ref, moment, quantity, number, facts),
            )
        watch.pass_by(None, look)
        return rater.finish()

    def _read_events(self, services, meters, period):
        """Yield what meters count of events, in the order of time; never all at once.

        Of two at one instant the service, the meter and the reference say which comes
        first: nothing depends on the order in which they came.
        """
        name = SQL.identifier(f"omni_billing_usage_{next(_numbers)}")
        parts = [
            part
            for kind, same in meters.grouped("kind").items()
            for part in self._select_events(kind, same, services, period)
        ]
        if not parts:
            return
        self.env.cr.execute(
            SQL(
                "DECLARE %s NO SCROLL CURSOR FOR SELECT service_id, meter_id, moment,"
                " ref, source_id, said, dimensions::text FROM (%s) AS counted"
                " ORDER BY moment, service_id, meter_id, ref, source_id",
                name,
                SQL(" UNION ALL ").join(parts),
            )
        )
        while rows := self.env.execute_query(SQL("FETCH %s FROM %s", FETCH, name)):
            yield from rows
        self.env.cr.execute(SQL("CLOSE %s", name))

    def _select_events(self, kind, meters, services, period):
        """Yield queries of what is counted; see `tools/rating/meters.py`."""

        def select(columns, these, first, order):
            return SQL(
                "(SELECT %s %s FROM omni_billing_usage_event WHERE service_id = ANY(%s)"
                " AND meter_id = ANY(%s) AND moment >= %s AND moment < %s %s)",
                first,
                columns,
                services.ids,
                these.ids,
                period.begin,
                period.end,
                order,
            )

        one = SQL("DISTINCT ON (service_id, meter_id)")
        if kind == "maximum":
            order = SQL("quantity DESC, moment, ref, source_id")
        elif kind == "last":
            order = SQL("moment DESC, ref DESC, source_id DESC")
        else:
            order = SQL("")
        if kind in ("maximum", "last"):
            order = SQL("ORDER BY service_id, meter_id, %s", order)
            yield select(EVENT, meters, one, order)
        elif kind == "unique":
            for meter in meters:
                value = SQL(
                    "COALESCE(dimensions->>%s, '')", meter.unique_dimension or ""
                )
                yield select(
                    EVENT,
                    meter,
                    SQL("DISTINCT ON (service_id, %s)", value),
                    SQL("ORDER BY service_id, %s, moment, ref, source_id", value),
                )
        else:
            yield select(EVENT, meters, SQL(), SQL())


def runs_in(service, period, is_begun=False):
    """Whether a service is there in a period.

    :param is_begun: the period was rated before: it was there, if archived since.
    """
    return (
        (service.active or is_begun)
        and (not service.date_start or service.date_start <= period.last)
        and (not service.date_end or service.date_end >= period.first)
    )

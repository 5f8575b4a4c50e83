from datetime import timezone
from fractions import Fraction
from typing import Any, NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.omni_billing.tools.rating.allowances import ALWAYS, EVER, Grant
from odoo.addons.omni_billing.tools.rating.exact import to_exact

from .omni_billing_rate_plan import make_key

#: Top-ups come after all that a plan has.
AFTER_PLAN = 1_000_000


class Supply(NamedTuple):
    """What services draw from in a period before they are charged.

    :param kind: of `omni.billing.usage.left`: the same allowance may be there twice, of
        this period and rolled over.
    :param source: `omni.billing.allowance` or `omni.billing.usage.topup`.
    :param services: who draw from it.
    :param units: that there are for this period.
    :param priority: the lower is drawn first.
    :param owner: the customer whose services share it; 0: it is not shared.
    """

    kind: str
    source: Any
    services: Any
    units: Fraction
    priority: int
    owner: int = 0

    @property
    def name(self) -> str:
        """Return how rating knows it: of two alike, the older one is drawn first."""
        return f"{self.kind}/{self.source.id:010}/{self.services[0].id:010}"

    @property
    def is_topup(self) -> bool:
        """Whether it is a top-up, of which there is one row in a period."""
        return self.kind == "topup"

    @property
    def key(self) -> tuple:
        """Return by which its row of a period is known."""
        whose = None if self.is_topup else self.owner or self.services
        return self.kind, self.source, whose

    def make_grant(self) -> Grant:
        """Return it as rating knows it."""
        return Grant(
            self.name,
            self.units,
            frozenset(
                make_key(f"{service.id:010}", self.source.meter_id.id)
                for service in self.services
            ),
            self.source._get_rate_names(),
            self.priority,
            _to_aware(self.source.valid_from, EVER) if self.is_topup else EVER,
            _to_aware(self.source.valid_until, ALWAYS) if self.is_topup else ALWAYS,
        )


class Shared(NamedTuple):
    """A top-up that services of a customer share, and whose it was.

    :param topup: `omni.billing.usage.topup`.
    :param owners: customers that months were charged to, by their first days: what was
        charged stays with them, also where its service is another's by now.
    """

    topup: Any
    owners: dict

    def is_of(self, customer, plan, company, period) -> bool:
        """Whether those services of a customer draw from it that have a plan."""
        topup = self.topup
        owner = self.owners.get(period.first) or topup.partner_id.id
        return (
            bool(plan)
            and owner == customer
            and topup.company_id == company
            and topup._is_there(period)
            and topup.service_id._get_usage_plan(period.first) == plan
        )


class Left(NamedTuple):
    """What there is to draw from in a period, for who looks at it.

    :param kind: ``allowance``; ``rolled``: of the same allowance, from the period
        before, used up first; ``topup``: used up last.
    :param name: of the allowance or top-up.
    :param meter: `omni.billing.meter`.
    :param services: `omni.billing.service`: who draw from it, all of them together.
    :param is_shared: whether services of a customer share it.
    :param units: how many there were: of a top-up, in all.
    :param used: of these, by now: as was rated last.
    :param left: the rest.
    :param until: in UTC: until when it is there; none: as long as something is left.
    :param source: `omni.billing.allowance` or `omni.billing.usage.topup`; with its kind
        it tells what is alike from period to period.
    """

    kind: str
    name: str
    meter: Any
    services: Any
    is_shared: bool
    units: float
    used: float
    left: float
    until: Any
    source: Any


class OmniBillingUsageRating(models.Model):
    """What services draw from before they are charged (W41)."""

    _inherit = "omni.billing.usage.rating"

    # === WHO LOOKS AT IT === #

    @api.model
    def _billing_find_left(self, services, period=None):
        """Return what services have to draw from in a period, and what is left of it.

        As was rated last: nothing is rated for it, and no event is read. Its statements
        grow with plans and customers, not with services or events. In sudo.

        :param services: `omni.billing.service`, of one company.
        :param period: `tools.periods.Period`; none: the one that runs now, of the plan
            of each service.
        :return: in the order in which they are used up, those of one meter together.
            What is shared is there once, with all who share it, also others.
        :rtype: list[Left]
        """
        found = []
        groups = self._group_services(services, period)
        for plan, span, customer, members, asked in groups:
            # Of those who share, one who is there is enough.
            due = self._filter_due(asked, span, plan)
            due = due or self._filter_due(members, span, plan)
            supplies = self._find_supplies(plan, span, members, customer, due, asked)
            rows = self._find_rows(span, asked, customer and [customer])
            for supply in sorted(supplies, key=lambda one: one.priority):
                row = rows.get(supply.key)
                units = row.units if row else float(supply.units)
                left = row._get_left() if row else float(supply.units)
                if supply.is_topup:
                    units = supply.source.units
                found.append(
                    Left(
                        supply.kind,
                        supply.source.name,
                        supply.source.meter_id,
                        supply.services,
                        supply.source.is_shared,
                        units,
                        float(to_exact(units) - to_exact(left)),
                        left,
                        (supply.source.valid_until or None)
                        if supply.is_topup
                        else span.end,
                        supply.source,
                    )
                )
        return sorted(found, key=lambda one: one.meter.name)

    def _group_services(self, services, period):
        """Yield plans and periods, and who has them together: of a customer, or alone.

        As `_find_groups` has it, where nothing was charged yet; and, of these, who was
        asked for.
        """
        now = fields.Datetime.now()
        shared, groups = self._find_shared(services.commercial_partner_id.ids), {}
        for service in services:
            span = period or service._find_usage_period(now)
            plan = service._get_usage_plan(span.first)
            if not plan:
                continue
            customer = self._find_customer(service, plan, span, shared)
            groups.setdefault((plan, span, customer), []).append(service.id)
        for (plan, span, customer), ids in groups.items():
            asked = members = services.browse(ids)
            if customer:
                members = self._find_sharing(plan, customer, span)
                asked &= members
            if asked:
                yield plan, span, customer, members, asked

    def _find_shared(self, customers):
        """Return the top-ups that services of customers share, or shared once.

        :param customers: numbers of main customers.
        :rtype: list[Shared]
        """
        customers = list(customers)
        topups = self.env["omni.billing.usage.topup"].search(
            Domain("is_shared", "=", True)
            & (
                Domain("partner_id", "in", customers)
                | Domain("left_ids.owner_number", "in", customers)
            )
        )
        if not topups:
            return []
        charged = self._read_group(
            [
                ("owner_number", "in", topups.left_ids.mapped("owner_number")),
                ("date_from", "in", topups.left_ids.mapped("date_from")),
                ("state", "=", "charged"),
            ],
            ["company_id", "owner_number", "date_from:day"],
        )
        charged = set(charged)
        return [
            Shared(
                topup,
                {
                    row.date_from: row.owner_number
                    for row in topup.left_ids
                    if (row.company_id, row.owner_number, row.date_from) in charged
                },
            )
            for topup in topups
        ]

    def _find_customer(self, service, plan, period, shared, owner=False):
        """Return by which customer services are rated together; none: each alone.

        :param list[Shared] shared: all that it may draw from.
        :param int owner: of what was charged already: it stays with that customer, also
            if the service is another's by now.
        :rtype: int | bool
        """
        customer = owner or service.commercial_partner_id.id
        is_shared = any(plan.allowance_ids.mapped("is_shared")) or any(
            one.is_of(customer, plan, service.company_id, period) for one in shared
        )
        return is_shared and customer

    # === WHAT THERE IS === #

    def _find_supplies(self, plan, period, services, customer, due, asked=None):
        """Return what services draw from in a period.

        Free units of a period go with its fee: who is not there has none of its own,
        and what services share is there as long as one of them is. What is from before,
        or was added, stays.

        :param services: all that share something with one of them are among them.
        :param int customer: whose services share; none: nothing is shared.
        :param due: of these, who is there in the period.
        :param asked: what of these alone is told, beside what they share; none: of all.
        :rtype: list[Supply]
        """
        meters = plan.rate_ids.meter_id
        allowances = plan.allowance_ids.sorted(lambda one: (one.sequence, one.id))
        asked = services if asked is None else asked
        rolled = self._find_rolled(plan, period, services, customer, asked)
        due_ids, supplies = frozenset(due.ids), []
        for place, allowance in enumerate(allowances):
            if allowance.meter_id not in meters:
                continue
            owner = customer if allowance.is_shared else 0
            own = len(allowances) + place
            for users in allowance._split(services if allowance.is_shared else asked):
                # What is from before is drawn first: it ends with this period.
                if before := rolled.get((allowance, users[0])):
                    one = Supply("rolled", allowance, users, before, place, owner)
                    supplies.append(one)
                if due_ids.isdisjoint(users.ids):
                    continue
                units = to_exact(allowance.units)
                one = Supply("allowance", allowance, users, units, own, owner)
                supplies.append(one)
        return supplies + self._find_topups(plan, period, services, customer, asked)

    def _filter_kept(self, services, period):
        """Return for whom what a period includes stays, though they are not there.

        It was charged to them so before 19.0.1.3.0, which knew no `is_gone`: it is NULL
        there, and not false. A late event costs itself, and not all that was free.
        """
        if not services:
            return services
        self.flush_model(["service_id", "date_from", "state", "plan_id", "is_gone"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT service_id FROM omni_billing_usage_rating
                 WHERE service_id = ANY(%s) AND date_from = %s AND state = 'charged'
                   AND plan_id IS NOT NULL AND is_gone IS NULL
                """,
                services.ids,
                period.first,
            )
        )
        return services.browse(sorted(id_ for [id_] in rows))

    def _find_topups(self, plan, period, services, customer, asked):
        """Return what was added to services, and is left when a period begins."""
        topups = self.env["omni.billing.usage.topup"].search(
            Domain("service_id", "in", asked.ids)
            & Domain("is_shared", "=", False)
            & Domain("valid_from", "<", period.end)
            & (
                Domain("valid_until", "=", False)
                | Domain("valid_until", ">", period.begin)
            )
        )
        if customer:
            company = services.company_id
            topups = topups.union(
                *(
                    one.topup
                    for one in self._find_shared([customer])
                    if one.is_of(customer, plan, company, period)
                )
            )
        topups = topups.filtered(lambda one: one.meter_id in plan.rate_ids.meter_id)
        supplies = []
        for topup in topups:
            units = topup._get_left_at(period)
            users, owner = topup.service_id, 0
            if topup.is_shared:
                users, owner = services, customer
            if units > 0:
                one = Supply("topup", topup, users, units, AFTER_PLAN, owner)
                supplies.append(one)
        return supplies


def _to_aware(moment, default):
    """Return a moment as rating has it."""
    return moment.replace(tzinfo=timezone.utc) if moment else default

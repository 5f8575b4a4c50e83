"""What usage may cost, and what is not charged beyond: plain Python, no database.

All goes by the time of events and of what was agreed, and by nothing else: when it is
computed, in which order events came and how often it was billed changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from odoo.addons.omni_billing.tools.rating.allowances import find_crossed
from odoo.addons.omni_billing.tools.rating.exact import (
    ZERO,
    Number,
    round_half_up,
    to_exact,
)
from odoo.addons.omni_billing.tools.rating.rate import Rating

NOTHING = Decimal(0)

#: What a service came to by a moment, by its meters.
Look = Mapping[int, Rating]


@dataclass(frozen=True)
class Step:
    """From when on usage may cost so much.

    :param since: in UTC, without a zone.
    :param amount: that usage of the period may cost in all; nothing: there is no limit.
    :param is_stop: whether what is beyond is not charged; else it is told of.
    :param source: the number of what said so; 0: the plan.
    """

    since: datetime
    amount: Decimal | None
    is_stop: bool
    source: int = 0


@dataclass(frozen=True)
class Cap:
    """What usage of a service may cost in a period.

    :param key: by which it is known; empty: it is of all usage.
    :param name: as people read it.
    :param rates: names of rates that it is of; empty: all.
    :param steps: in their order; the first is since the period begins.
    """

    key: str
    name: str
    rates: frozenset[str]
    steps: tuple[Step, ...]

    @property
    def last(self) -> Step:
        """Return what holds by now."""
        return self.steps[-1]

    @property
    def stops(self) -> bool:
        """Whether there may be something that is not charged."""
        return any(step.is_stop and step.amount is not None for step in self.steps)

    def find_limits(self, moments: Sequence[datetime]) -> list[Decimal | None]:
        """Return how much may be charged after each of some moments, in their order."""
        limits = []
        for moment in moments:
            step = [one for one in self.steps if one.since <= moment][-1]
            limits.append(step.amount if step.is_stop else None)
        return limits


@dataclass(frozen=True)
class Spent:
    """What usage that a cap is of comes to.

    :param amount: that is charged, before a least or most of the period.
    :param held: that is not charged, since nobody agreed to it in time.
    """

    cap: Cap
    amount: Decimal
    held: Decimal

    @property
    def percent(self) -> Decimal | None:
        """Return how far it is; nothing: there is no limit."""
        limit = self.cap.last.amount
        if limit is None:
            return None
        return self.amount * 100 / limit if limit else Decimal(100)

    @property
    def is_reached(self) -> bool:
        """Whether all that may be charged by now is."""
        limit = self.cap.last.amount
        return limit is not None and self.amount >= limit

    def find_crossed(self, percents: Sequence[int]) -> list[int]:
        """Return which percents of the cap are reached, in their order.

        Of one of nothing each is, as soon as something was used.
        """
        limit = self.cap.last.amount
        if limit is None:
            return []
        if not limit:
            return sorted(percents) if self.amount or self.held else []
        return find_crossed(0, self.amount, limit, percents)


class Held(NamedTuple):
    """What of a service is not charged.

    :param held: beyond caps, of each meter; `capped`: beyond the most of each.
    :param spent: what caps come to.
    """

    held: list[Decimal]
    capped: list[Decimal]
    spent: list[Spent]


@dataclass
class Watch:
    """Looks at what services come to whenever something else is agreed.

    :param caps: of services, by their numbers.
    :param begin: of the period.
    """

    caps: Mapping[int, Sequence[Cap]]
    begin: datetime
    todo: list[tuple[datetime, int]] = field(default_factory=list)
    looks: dict[int, list[tuple[datetime, Look]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.todo = sorted(
            {
                (step.since, service)
                for service, caps in self.caps.items()
                for cap in caps
                if cap.stops
                for step in cap.steps
            },
            reverse=True,
        )

    def pass_by(self, moment: datetime | None, read: Callable[[int], Look]) -> None:
        """Look at those who agreed to something until the next event.

        :param moment: of the event, in UTC without a zone; nothing: there is none.
        :param read: what a service came to by now.
        """
        while self.todo and (moment is None or self.todo[-1][0] <= moment):
            since, service = self.todo.pop()
            self.looks.setdefault(service, []).append((since, read(service)))

    def hold_back(
        self,
        service: int,
        rated: Sequence[tuple[int, Rating, Number | None]],
        decimals: int,
        most: Number = 0,
    ) -> Held:
        """Return what of each meter is not charged, and what all caps come to.

        First caps of some rates, each by itself; of what remains the most of a meter;
        then the cap of all.

        :param rated: meters, what they come to in the end, and the most of each.
        :param most: of all of them; 0: none. A cap above it is never reached.
        """
        looks = self.looks.get(service, [])
        moments = [since for since, _look in looks]
        seen = [look for _since, look in looks]
        seen.append({meter: rating for meter, rating, _most in rated})
        whole = [
            [
                _measure(look.get(meter), frozenset(), decimals)
                for meter, *_rest in rated
            ]
            for look in seen
        ]
        held = [[NOTHING] * len(rated) for _look in seen]
        spent = []
        caps = self.caps.get(service, ())
        for cap in caps:
            if not cap.rates:
                continue
            costs = [
                [
                    _measure(look.get(meter), cap.rates, decimals)
                    for meter, *_rest in rated
                ]
                for look in seen
            ]
            charged = charge(costs, cap.find_limits(moments))
            over = [_subtract(*pair) for pair in zip(costs, charged, strict=True)]
            held = [_add(*pair) for pair in zip(held, over, strict=True)]
            spent.append(Spent(cap, sum(charged[-1]), sum(over[-1])))
        # Each was rounded by itself, and their sum may be a cent more than all.
        held = [
            [min(one, cost) for one, cost in zip(*pair, strict=True)]
            for pair in zip(held, whole, strict=True)
        ]
        rest = [_subtract(*pair) for pair in zip(whole, held, strict=True)]
        bounds = [
            None if bound is None else round_half_up(to_exact(bound), decimals)
            for _meter, _rating, bound in rated
        ]
        costs = [
            [
                one if bound is None else min(one, bound)
                for one, bound in zip(row, bounds, strict=True)
            ]
            for row in rest
        ]
        capped = _subtract(rest[-1], costs[-1])
        for cap in caps:
            if cap.rates:
                continue
            limits = cap.find_limits(moments)
            if most:
                limits = [None if one is None or one > most else one for one in limits]
            charged = charge(costs, limits)
            over = _subtract(costs[-1], charged[-1])
            held[-1] = _add(held[-1], over)
            amount = sum(charged[-1])
            if most:
                amount = min(amount, round_half_up(to_exact(most), decimals))
            spent.append(Spent(cap, amount, sum(over)))
        return Held(held[-1], capped, spent)


def charge(
    costs: Sequence[Sequence[Decimal]], limits: Sequence[Decimal | None]
) -> list[list[Decimal]]:
    """Return what of a cost is charged: after each moment up to what was agreed then.

    What was not charged is not charged later either: who agrees, agrees to what comes.
    What there is before anything is used, as the fee of a period, is charged anyhow.

    :param costs: of each meter, from the begin of the period until each moment at which
        something was agreed, the first is the begin; and until the end.
    :param limits: from each of these moments on, for all meters; nothing: no limit.
    """
    charged = [list(costs[0])]
    for (before, after), limit in zip(pairwise(costs), limits, strict=bool(limits)):
        # Where more costs less, as by volume, what is not charged goes first.
        paid = [min(one, cost) for one, cost in zip(charged[-1], after, strict=True)]
        room = None if limit is None else max(NOTHING, limit - sum(paid))
        for number, more in enumerate(_subtract(after, before)):
            taken = max(NOTHING, more if room is None else min(more, room))
            paid[number] += taken
            room = None if room is None else room - taken
        charged.append(paid)
    return charged


def _subtract(these: Sequence[Decimal], those: Sequence[Decimal]) -> list[Decimal]:
    return [one - other for one, other in zip(these, those, strict=True)]


def _add(these: Sequence[Decimal], those: Sequence[Decimal]) -> list[Decimal]:
    return [one + other for one, other in zip(these, those, strict=True)]


def _measure(rating: Rating | None, rates: frozenset[str], decimals: int) -> Decimal:
    """Return what usage of some rates costs, or of all, rounded as a charge."""
    lines = rating.lines if rating else ()
    amounts = (line.amount for line in lines if not rates or line.price in rates)
    return round_half_up(sum(amounts, ZERO), decimals)

"""Charge models: what a quantity costs, and what that is made of.

Each explains its price part by part, and the parts add up to it exactly. What was used
before in the same period counts where prices depend on how much it is. So a period can
be rated in pieces, as it is where a price changes in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from .exact import ZERO, Number, count_whole, to_exact

#: Kinds of parts, and what makes their amount.
UNITS = "units"  # quantity × price
SHARE = "share"  # quantity × a share of it
INCLUDED = "included"  # a quantity that costs nothing
FLAT = "flat"  # once
FEE = "fee"  # for each of so many events
LEAST = "least"  # what is missing to the least of an event
MOST = "most"  # what is over the most of an event


@dataclass(frozen=True)
class Part:
    """What a part of an amount is made of.

    :param kind: one of those above.
    :param quantity: that it is for: units, packages or events.
    :param price: of one.
    :param tier: beyond which number of units its tier begins, and where it ends; none
        where there are no tiers, and no end of the last.
    :param size: of how many units the price is; `quantity` and `tier` count these.
    """

    kind: str
    quantity: Fraction
    price: Fraction
    tier: tuple[Fraction, Fraction | None] | None = None
    size: Fraction = Fraction(1)

    @property
    def amount(self) -> Fraction:
        """Return what it comes to, exactly."""
        return self.quantity * self.price


@dataclass(frozen=True)
class Usage:
    """What is to be priced.

    :param quantity: in units of the charge, not below zero.
    :param before: what was used and priced before, in the same period.
    :param total: of the period, by which volume prices go; without it, what there is.
        Where the quantity is for a part of the period (prorated), it is the whole.
    :param is_first: nothing of the period was priced before: what is charged once, is.
    :param events: that have a fee of their own.
    :param amounts: of each event in the order of time, for charges by event.
    :param number: of events before these that used something.
    :param tally: what a charge by event counted already, instead of amounts.
    """

    quantity: Fraction
    before: Fraction = ZERO
    total: Fraction | None = None
    is_first: bool = True
    events: int = 0
    amounts: Sequence[Fraction] = ()
    number: int = 0
    tally: Tally | None = None

    @classmethod
    def of(cls, *amounts: Number, **values) -> Usage:
        """Return the usage of events.

        :raise ValueError: if one is below zero.
        """
        exact = tuple(map(to_exact, amounts))
        if min(exact, default=ZERO) < 0:
            raise ValueError("What is used is not below zero.")
        for name in {"before", "total"} & values.keys():
            values[name] = to_exact(values[name])
        events = sum(1 for amount in exact if amount > 0)
        return cls(sum(exact, ZERO), amounts=exact, **{"events": events} | values)

    @property
    def whole(self) -> Fraction:
        """Return what there is in the period."""
        return self.before + self.quantity if self.total is None else self.total


class Charge:
    """What a quantity costs."""

    #: Whether it asks for the amount of each event.
    is_by_event: ClassVar[bool] = False

    def explain(self, usage: Usage) -> list[Part]:
        """Return what the price is made of."""
        raise NotImplementedError

    def price(self, usage: Usage) -> Fraction:
        """Return what it costs, exactly."""
        return sum((part.amount for part in self.explain(usage)), ZERO)

    def leave_out_included(self) -> Charge:
        """Return what units cost of who does not pay for the period.

        What is included in it goes with its fee, as packages do in any case.
        """
        return self


@dataclass(frozen=True)
class Scale:
    """How units are counted for a price: each, or by a size that is begun or not.

    :param size: of how many units the price is.
    :param is_whole: a size that is begun counts as one.
    """

    size: Fraction = Fraction(1)
    is_whole: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", to_exact(self.size))
        if self.size <= 0:
            raise ValueError("A price is for more than zero units.")

    def count(self, quantity: Fraction) -> Fraction:
        """Return the number of sizes."""
        if self.is_whole:
            return count_whole(quantity, self.size)
        return quantity / self.size


@dataclass(frozen=True)
class PerUnit(Charge):
    """So much for each unit, or for each package of units, beyond what is included.

    :param free: units that are included.
    :param free_sizes: the same, in packages, taken off after they are rounded up.
    :param fee: for each event that used something, as for a call that is answered.
    :param least: packages that are charged in any case.
    """

    unit_price: Fraction
    scale: Scale = Scale()
    free: Fraction = ZERO
    free_sizes: Fraction = ZERO
    fee: Fraction = ZERO
    least: int = 0

    def __post_init__(self) -> None:
        _make_exact(self, "unit_price", "free", "free_sizes", "fee")

    def explain(self, usage: Usage) -> list[Part]:
        """Override."""
        end = usage.before + usage.quantity
        priced = ZERO if usage.is_first else self._count(usage.before)
        included = min(end, self.free) - min(usage.before, self.free)
        return _leave_out_none(
            Part(FEE, Fraction(usage.events), self.fee),
            Part(INCLUDED, included, ZERO),
            Part(
                UNITS,
                self._count(end) - priced,
                self.unit_price,
                size=self.scale.size,
            ),
        )

    def _count(self, quantity: Fraction) -> Fraction:
        counted = self.scale.count(max(ZERO, quantity - self.free))
        return max(Fraction(self.least), counted - self.free_sizes, ZERO)

    def leave_out_included(self) -> PerUnit:
        """Override."""
        return replace(self, free=ZERO, free_sizes=ZERO, least=0)


def package(price: Number, size: Number, free: Number = 0, least: int = 0) -> PerUnit:
    """Return the charge of packages: one that is begun costs all of it."""
    return PerUnit(price, Scale(size, is_whole=True), free=free, least=least)


@dataclass(frozen=True)
class Plan(Charge):
    """A fee for the period with units included; each unit beyond has its price.

    Units that are included belong to the period, and are not prorated with it.

    :param scale: of how many units the price beyond is.
    """

    fee: Fraction
    included: Fraction = ZERO
    overage: Fraction = ZERO
    scale: Scale = Scale()

    def __post_init__(self) -> None:
        _make_exact(self, "fee", "included", "overage")

    def explain(self, usage: Usage) -> list[Part]:
        """Override."""
        fee = Part(FLAT, Fraction(usage.is_first), self.fee)
        beyond = PerUnit(self.overage, self.scale, free=self.included)
        return _leave_out_none(fee) + beyond.explain(usage)

    def leave_out_included(self) -> Plan:
        """Override."""
        return replace(self, included=ZERO)


@dataclass(frozen=True)
class Tier:
    """A step of a price by quantity.

    :param end: the last quantity in it, included; none of the last tier.
    :param unit_price: of each unit (graduated: in it; volume: of all).
    :param flat: once, when it is entered; of the first also without any usage.
    """

    end: Fraction | None
    unit_price: Fraction = ZERO
    flat: Fraction = ZERO

    def __post_init__(self) -> None:
        _make_exact(self, "unit_price", "flat")
        if self.end is not None:
            _make_exact(self, "end")


@dataclass(frozen=True)
class _Tiered(Charge):
    """Prices in steps; the lower end of each is where the one before ends.

    :raise ValueError: if tiers do not rise, or the last one has an end: what is beyond
        would cost nothing.
    """

    tiers: Sequence[Tier]
    scale: Scale = Scale()
    bounds: Sequence[tuple[Fraction, Fraction | None, Tier]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.tiers or self.tiers[-1].end is not None:
            raise ValueError("The last tier has no end.")
        begin, bounds = ZERO, []
        for number, tier in enumerate(self.tiers, start=1):
            is_last = number == len(self.tiers)
            if not is_last and (tier.end is None or tier.end <= begin):
                raise ValueError("Each tier ends after the one before it.")
            bounds.append((begin, tier.end, tier))
            begin = tier.end
        object.__setattr__(self, "bounds", tuple(bounds))


@dataclass(frozen=True)
class Graduated(_Tiered):
    """Each unit has the price of the tier that it is in."""

    def explain(self, usage: Usage) -> list[Part]:
        """Override."""
        size = self.scale.size
        first = self.scale.count(usage.before)
        last = self.scale.count(usage.before + usage.quantity)
        parts = []
        for begin, end, tier in self.bounds:
            within = last if end is None else min(last, end)
            units = max(ZERO, within - max(begin, first))
            is_entered = usage.is_first if begin == 0 else first <= begin < last
            parts += [
                Part(FLAT, Fraction(is_entered), tier.flat, (begin, end), size),
                Part(UNITS, units, tier.unit_price, (begin, end), size),
            ]
        return _leave_out_none(*parts)


@dataclass(frozen=True)
class Volume(_Tiered):
    """All units have the price of the tier that the total of the period reaches."""

    def explain(self, usage: Usage) -> list[Part]:
        """Override."""
        total = self.scale.count(usage.whole)
        begin, end, tier = next(
            bound for bound in self.bounds if bound[1] is None or total <= bound[1]
        )
        first = self.scale.count(usage.before)
        units = self.scale.count(usage.before + usage.quantity) - first
        size = self.scale.size
        return _leave_out_none(
            Part(FLAT, Fraction(usage.is_first), tier.flat, (begin, end), size),
            Part(UNITS, units, tier.unit_price, (begin, end), size),
        )


@dataclass
class Tally:
    """What a charge by event knows of those so far: sums, and never each of them.

    :param number: of events that used something, those of other versions included.
    :param so_far: what they used.
    """

    charge: Charge
    number: int = 0
    so_far: Fraction = ZERO

    def add(self, amount: Fraction, is_begun: bool = True) -> None:
        """Count an event, in the order of time. One of nothing costs nothing.

        :param is_begun: it began at this price: what an event has once, it has here.
        """
        if amount:
            self._add(amount, is_begun)
            self.number, self.so_far = self.number + 1, self.so_far + amount

    def explain(self) -> list[Part]:
        """Return what the price of these is made of."""
        raise NotImplementedError

    def _add(self, amount: Fraction, is_begun: bool) -> None:
        raise NotImplementedError


class ByEvent(Charge):
    """What events cost, each for itself."""

    is_by_event = True
    tally_class: ClassVar[type[Tally]]

    def begin(self, number: int = 0, so_far: Fraction = ZERO) -> Tally:
        """Return a tally that goes on after so many events, which used so much."""
        return self.tally_class(self, number, so_far)

    def explain(self, usage: Usage) -> list[Part]:
        """Override."""
        tally = usage.tally
        if tally is None:
            tally = self.begin(usage.number, usage.before)
            for amount in usage.amounts:
                tally.add(amount)
        return tally.explain()


@dataclass
class _TallyOfParts(Tally):
    """The parts of all events, those alike in one."""

    found: dict[tuple, Fraction] = field(default_factory=dict)

    def _add(self, amount: Fraction, is_begun: bool) -> None:
        one = Usage.of(amount, events=int(is_begun), is_first=is_begun)
        for part in self.charge.charge.explain(one):
            key = (part.kind, part.price, part.tier, part.size)
            self.found[key] = self.found.get(key, ZERO) + part.quantity

    def explain(self) -> list[Part]:
        """Override."""
        return [
            Part(kind, quantity, price, tier, size)
            for (kind, price, tier, size), quantity in self.found.items()
        ]


@dataclass(frozen=True)
class PerEvent(ByEvent):
    """Each event is priced for itself, as calls whose first minute is dearer.

    :param charge: of one event, as if it were alone in the period.
    """

    tally_class = _TallyOfParts

    charge: Charge


@dataclass
class _TallyOfShares(Tally):
    """What is free and charged of events, and what their least and most change."""

    events: int = 0
    free: Fraction = ZERO
    charged: Fraction = ZERO
    missing: Fraction = ZERO
    over: Fraction = ZERO

    def _add(self, amount: Fraction, is_begun: bool) -> None:
        charge = self.charge
        given = charge.find_free(amount, self.number, self.so_far)
        self.free += given
        if given == amount:
            return
        self.events += is_begun
        self.charged += amount - given
        cost = (amount - given) * charge.rate / 100 + is_begun * charge.fixed
        self.missing += max(ZERO, charge.least - cost)
        if charge.most is not None:
            self.over += max(ZERO, cost - charge.most)

    def explain(self) -> list[Part]:
        """Override."""
        return _leave_out_none(
            Part(INCLUDED, self.free, ZERO),
            Part(SHARE, self.charged, self.charge.rate / 100),
            Part(FEE, Fraction(self.events), self.charge.fixed),
            Part(LEAST, Fraction(1), self.missing),
            Part(MOST, Fraction(1), -self.over),
        )


@dataclass(frozen=True)
class Percentage(ByEvent):
    """A share of each event's amount, with a fixed part; one of nothing costs nothing.

    :param rate: in percent.
    :param fixed: for each event that is not free.
    :param least: of an event that is not free, its fixed part included; `most` too.
    :param free_events: the first so many cost nothing, with their amounts.
    :param free_amount: the first so much costs nothing; where both are given, what ends
        first. An event that crosses it pays for the rest of its amount.
    """

    tally_class = _TallyOfShares

    rate: Fraction
    fixed: Fraction = ZERO
    least: Fraction = ZERO
    most: Fraction | None = None
    free_events: int | None = None
    free_amount: Fraction | None = None

    def __post_init__(self) -> None:
        _make_exact(self, "rate", "fixed", "least")
        for name in ("most", "free_amount"):
            if getattr(self, name) is not None:
                _make_exact(self, name)
        if self.most is not None and self.most < self.least:
            raise ValueError("The most of an event is below its least.")

    def find_free(self, amount: Fraction, number: int, so_far: Fraction) -> Fraction:
        """Return how much of an event is free.

        :param number: of events before it, which used `so_far`.
        """
        if self.free_events is None and self.free_amount is None:
            return ZERO
        if self.free_events is not None and number >= self.free_events:
            return ZERO
        if self.free_amount is None:
            return amount
        return max(ZERO, min(amount, self.free_amount - so_far))

    def leave_out_included(self) -> Percentage:
        """Override."""
        return replace(self, free_events=None, free_amount=None)


def _leave_out_none(*parts: Part) -> list[Part]:
    """Return the parts that say something."""
    return [
        part
        for part in parts
        if part.quantity and (part.amount or part.kind in (INCLUDED, UNITS, SHARE))
    ]


def _make_exact(record, *names: str) -> None:
    for name in names:
        value = to_exact(getattr(record, name))
        if value < 0:
            raise ValueError(f"{name} is below zero.")
        object.__setattr__(record, name, value)

"""Rating: from the events of a period to one amount, and what it is made of.

Nothing is read or written, and nothing depends on the order in which events came: they
are counted in the order of time, and of two at one instant by their reference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache

from .allowances import ALWAYS, EVER, Allowances, Grant
from .charges import Part, Tally, Usage
from .exact import ZERO, Number, round_half_up, to_exact
from .limits import cap, find_missing
from .prices import Event, Price, PriceList

#: References that are kept of events that no price is for.
SHOWN_REFS = 5


@dataclass(frozen=True)
class Line:
    """What the events of one price come to.

    :param price: its name.
    :param events: how many.
    :param measured: their quantity as it came.
    :param counted: the same, rounded up in steps.
    :param allowed: what allowances covered of that, by their names.
    :param parts: what the rest costs.
    """

    price: str
    events: int
    measured: Fraction
    counted: Fraction
    allowed: Mapping[str, Fraction]
    parts: tuple[Part, ...]

    @property
    def amount(self) -> Fraction:
        """Return what it costs, exactly."""
        return sum((part.amount for part in self.parts), ZERO)


@dataclass(frozen=True)
class Rating:
    """What a service comes to in a period.

    :param lines: one for each price of which something was used.
    :param unrated: references of the first events that no price is for.
    :param unrated_number: how many there are.
    :param added: what is missing to the least of the period.
    :param taken_off: what is over its most.
    """

    lines: tuple[Line, ...]
    unrated: tuple[str, ...] = ()
    unrated_number: int = 0
    added: Fraction = ZERO
    taken_off: Fraction = ZERO

    @property
    def exact(self) -> Fraction:
        """Return the amount before it is rounded; its lines add up to it."""
        lines = sum((line.amount for line in self.lines), ZERO)
        return lines + self.added - self.taken_off

    def get_amount(self, decimals: int) -> Decimal:
        """Return the amount as money, rounded here, and once."""
        return round_half_up(self.exact, decimals)


@dataclass
class _Count:
    """What was used of a price, by its versions."""

    events: int = 0
    measured: Fraction = ZERO
    counted: Fraction = ZERO
    allowed: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    used: dict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    begun: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    #: Where the charge is by event.
    tallies: dict[int, Tally] = field(default_factory=dict)

    def tally(self, price: Price, version: int) -> Tally:
        """Return the tally of a version; it goes on after those of the ones before."""
        if version not in self.tallies:
            last = self.tallies[max(self.tallies)] if self.tallies else None
            begun = (last.number, last.so_far) if last else ()
            self.tallies[version] = price.versions[version][1].begin(*begun)
        return self.tallies[version]


@dataclass
class _Unrated:
    """Events that no price is for: how many, and the references of the first."""

    number: int = 0
    refs: list[str] = field(default_factory=list)

    def add(self, ref: str) -> None:
        """Count one."""
        self.number += 1
        if len(self.refs) < SHOWN_REFS:
            self.refs.append(ref)


class Rater:
    """Rates the events of services that may share allowances, as they are read.

    It keeps sums, and not the events: a million of them need no more than a thousand.
    """

    def __init__(
        self,
        services: Mapping[str, PriceList],
        grants: Iterable[Grant] = (),
        begin: datetime = EVER,
        end: datetime = ALWAYS,
        is_checked: bool = False,
        gone: Collection[str] = (),
    ) -> None:
        """Begin a period.

        :param services: the prices of each, by its name.
        :param begin: of the period, and `end`, that it is before. What was not used may
            have a fee, of the first version of its price that holds in it.
        :param is_checked: who gives the events knows that each is there once, as a
            database does by its key: then no references are kept.
        :param gone: services that are not there in the period: their events have their
            price, and of what the period costs or includes without any there is
            nothing. Allowances are theirs as grants say.
        """
        # Those of one list have one list without.
        leave_out = cache(PriceList.leave_out_included)
        self.services = {
            name: leave_out(prices) if name in gone else prices
            for name, prices in services.items()
        }
        self.begin, self.end = begin, end
        self.is_checked, self.gone = is_checked, gone
        self.allowances = Allowances(grants)
        self.counts: dict[str, dict[str, _Count]] = {name: {} for name in services}
        self.unrated = {name: _Unrated() for name in services}
        self.refs: dict[str, set[str]] = {name: set() for name in services}
        self.last: tuple | None = None

    def add(self, service: str, event: Event) -> None:
        """Count an event.

        :raise ValueError: if it was before the last one: then allowances would go to
            who came later. Or if it was counted before: one that corrects it takes its
            place, and is not counted beside it.
        """
        place = (event.moment, service, event.ref)
        if self.last is not None and place < self.last:
            raise ValueError(f"{event.ref} comes before {self.last[-1]}.")
        if not self.is_checked:
            if event.ref in self.refs[service]:
                raise ValueError(f"{event.ref} is there twice.")
            self.refs[service].add(event.ref)
        self.last = place
        pieces = self.services[service].find_pieces(event)
        versions = [price and price.find_version(event.moment) for price, _ in pieces]
        if None in versions:
            self.unrated[service].add(event.ref)
            return
        # What has one price is one: no tier, and no fee, of the event is entered again
        # because of a band that the price does not know.
        rests: dict[str, Fraction] = {}
        for price, quantity in pieces:
            count = self.counts[service].setdefault(price.name, _Count())
            rest, drawn = self.allowances.draw(
                quantity, service, price.name, event.moment
            )
            for name, taken in drawn:
                count.allowed[name] += taken
            count.counted += quantity
            rests[price.name] = rests.get(price.name, ZERO) + rest
        known = {
            price.name: (price, versions[n]) for n, (price, _) in enumerate(pieces)
        }
        for number, (name, rest) in enumerate(rests.items()):
            (price, version), count = known[name], self.counts[service][name]
            count.used[version] += rest
            count.events += 1
            # Of a call that is cut, what it has once is where it begins.
            if number == 0:
                count.measured += event.quantity
                count.begun[version] += rest > 0
            if price.versions[version][1].is_by_event:
                count.tally(price, version).add(rest, is_begun=number == 0)

    def look(self, service: str) -> Rating:
        """Return what a service comes to with what was counted until now."""
        return Rating(tuple(self._explain_all(service, self.services[service])))

    def finish(self) -> tuple[dict[str, Rating], dict[str, Fraction]]:
        """Return what each service comes to; by allowance, what is left."""
        ratings = {
            service: Rating(
                tuple(self._explain_all(service, prices)),
                tuple(self.unrated[service].refs),
                self.unrated[service].number,
            )
            for service, prices in self.services.items()
        }
        return ratings, dict(self.allowances.left)

    def _explain_all(self, service: str, prices: PriceList) -> Iterator[Line]:
        """Yield the lines of a service; none of what is free and was not used."""
        for price in prices.prices:
            count = self.counts[service].get(price.name)
            if count is None:
                version = price.find_first_version(self.begin, self.end)
                if version is None or service in self.gone:
                    continue
                count = _Count(used={version: ZERO})
            line = _explain(price, count, has_begun=service in self.gone)
            if line.events or line.parts:
                yield line


def rate_all(
    services: Mapping[str, tuple[PriceList, Iterable[Event]]],
    grants: Iterable[Grant] = (),
    begin: datetime = EVER,
    end: datetime = ALWAYS,
) -> tuple[dict[str, Rating], dict[str, Fraction]]:
    """Rate services of a customer, whose events come in any order.

    :param services: prices and events of each, by its name.
    :param begin: of the period, and `end`, as of `Rater`.
    :return: as `Rater.finish`.
    """
    lists = {name: prices for name, (prices, _) in services.items()}
    rater = Rater(lists, grants, begin, end)
    events = [
        (event.moment, service, event.ref, event)
        for service, (_prices, used) in services.items()
        for event in used
    ]
    for _moment, service, _ref, event in sorted(events, key=lambda each: each[:3]):
        rater.add(service, event)
    return rater.finish()


def rate(
    prices: PriceList,
    events: Iterable[Event],
    grants: Iterable[Grant] = (),
    begin: datetime = EVER,
    end: datetime = ALWAYS,
) -> Rating:
    """Rate one service alone."""
    ratings, _left = rate_all({"": (prices, events)}, grants, begin, end)
    return ratings[""]


def limit(
    rating: Rating,
    least: Number | None = None,
    most: Number | None = None,
    billed: Number = 0,
) -> Rating:
    """Return a rating with the least and the most that its period costs.

    :param least: of a part of a period see `limits.prorate`; nothing: there is none.
    :param billed: what was billed of the period before.
    :raise ValueError: if the least is more than the most.
    """
    if None not in (least, most) and to_exact(least) > to_exact(most):
        raise ValueError("The least of a period is more than its most.")
    lines = sum((line.amount for line in rating.lines), ZERO)
    over = ZERO if most is None else sum(cap([lines], most, billed), ZERO)
    missing = ZERO if least is None else find_missing(lines, least, billed)
    return replace(rating, added=missing, taken_off=over)


def _explain(price: Price, count: _Count, has_begun: bool) -> Line:
    """Price what was counted, by the versions of the price; tiers go on across them.

    :param has_begun: what is charged once in a period, whatever is used, is not.
    """
    total = sum(count.used.values(), ZERO)
    parts: list[Part] = []
    before = ZERO
    for version, quantity in sorted(count.used.items()):
        usage = Usage(
            quantity=quantity,
            before=before,
            total=total,
            is_first=not parts and not has_begun,
            events=count.begun[version],
            tally=count.tallies.get(version),
        )
        parts += price.versions[version][1].explain(usage)
        before += quantity
    return Line(
        price.name,
        count.events,
        count.measured,
        count.counted,
        dict(count.allowed),
        tuple(parts),
    )

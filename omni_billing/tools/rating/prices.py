"""Which price an event has: by where it went, when, and what else is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from fractions import Fraction

from .allowances import EVER
from .charges import Charge
from .durations import Band, Steps, cut, find_band
from .exact import to_exact


@dataclass(frozen=True)
class Event:
    """Something that was used.

    :param ref: that tells it from all others of its service; the first of an instant.
    :param moment: with its zone.
    :param quantity: in units of the meter; seconds of a call. What corrects an event is
        the same one (`ref`) with another quantity, and takes its place before rating.
    :param number: that was called, or another text whose beginning says which price.
    :param facts: what else is known of it, as ``{"zone": "EU"}``.
    """

    ref: str
    moment: datetime
    quantity: Fraction
    number: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantity", to_exact(self.quantity))
        if self.quantity < 0:
            raise ValueError(f"{self.ref}: what is used is not below zero.")
        if self.moment.tzinfo is None:
            raise ValueError("A moment has its zone.")
        # Python compares moments of one zone by the clock, which may go back.
        object.__setattr__(self, "moment", self.moment.astimezone(timezone.utc))


@dataclass(frozen=True)
class Price:
    """What events cost that have something in common.

    :param name: by which it is known, one line of what is explained.
    :param versions: the charge, by the moment from which on it holds, in that order.
    :param prefixes: of numbers; empty: of all.
    :param facts: that an event has; one that has others besides fits, too.
    :param band: of the clock, by its name; empty: at any time.
    :param steps: how seconds are rounded up, or how by each version; nothing:
        quantities are as they are.
    """

    name: str
    versions: Sequence[tuple[datetime, Charge]]
    prefixes: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)
    band: str = ""
    steps: Steps | Sequence[Steps] | None = None

    def __post_init__(self) -> None:
        days = [begin for begin, _charge in self.versions]
        if not days or any(a >= b for a, b in zip(days, days[1:], strict=False)):
            raise ValueError(f"{self.name}: each price holds after the one before it.")
        is_same = self.steps is None or isinstance(self.steps, Steps)
        if not is_same and len(self.steps) != len(days):
            raise ValueError(f"{self.name}: each price has its steps.")

    def find_version(self, moment: datetime) -> int | None:
        """Return the number of the version that holds at a moment."""
        begun = [n for n, (begin, _) in enumerate(self.versions) if begin <= moment]
        return begun[-1] if begun else None

    def find_steps(self, moment: datetime) -> Steps | None:
        """Return how seconds are rounded up of what begins at a moment."""
        if self.steps is None or isinstance(self.steps, Steps):
            return self.steps
        version = self.find_version(moment)
        return None if version is None else self.steps[version]

    def find_first_version(self, begin: datetime, end: datetime) -> int | None:
        """Return the number of the first version that holds in a period.

        :param end: that the period is before.
        """
        number = self.find_version(begin)
        if number is None and self.versions[0][0] < end:
            return 0
        return number

    def leave_out_included(self) -> Price:
        """Return it as of who does not pay for the period."""
        versions = [
            (begin, charge.leave_out_included()) for begin, charge in self.versions
        ]
        return replace(self, versions=versions)


def always(charge: Charge) -> Sequence[tuple[datetime, Charge]]:
    """Return the versions of a price that does not change."""
    return ((EVER, charge),)


class PriceList:
    """Prices, found by the longest prefix, then by most facts, then in their order.

    A price for a band of the clock comes before one for any time. One that does not
    hold yet is none: what is added later takes no event of before it.
    """

    def __init__(
        self,
        prices: Iterable[Price],
        bands: Sequence[Band] = (),
        zone: str = "UTC",
    ) -> None:
        """Keep prices by prefix.

        :raise ValueError: if two have one name, or a band is not there.
        """
        self.prices = list(prices)
        self.bands, self.zone = bands, zone
        if len({price.name for price in self.prices}) != len(self.prices):
            raise ValueError("Two prices have one name.")
        unknown = {p.band for p in self.prices if p.band} - {b.name for b in bands}
        if unknown:
            raise ValueError(f"There is no band {', '.join(sorted(unknown))}.")
        self.by_prefix: dict[str, list[Price]] = {}
        for price in self.prices:
            for prefix in price.prefixes or {""}:
                self.by_prefix.setdefault(prefix, []).append(price)
        self.lengths = sorted({len(prefix) for prefix in self.by_prefix}, reverse=True)

    def find(self, event: Event, band: str) -> Price | None:
        """Return the price of an event in a band; none if no price is for it."""
        for length in self.lengths:
            if len(event.number) < length:
                continue
            fitting = [
                price
                for price in self.by_prefix.get(event.number[:length], ())
                if price.band in ("", band)
                and price.versions[0][0] <= event.moment
                and all(event.facts.get(k) == v for k, v in price.facts.items())
            ]
            if fitting:
                return max(fitting, key=lambda p: (bool(p.band), len(p.facts)))
        return None

    def find_pieces(self, event: Event) -> list[tuple[Price | None, Fraction]]:
        """Return the prices of an event, and how much of it has each.

        What lasts into another band of the clock is cut there, after its seconds were
        rounded up as the price says in which it begins. Pieces are in the order of
        time, in which allowances cover them; two of one price may have another between.
        """
        first = self.find(event, self.find_band(event))
        steps = first and first.find_steps(event.moment)
        if steps is None or not event.quantity:
            return [(first, event.quantity)]
        seconds = steps.round_up(event.quantity)
        if not self.bands:
            return [(first, seconds)]
        return [
            (self.find(event, band), lasted)
            for band, lasted in cut(event.moment, seconds, self.bands, self.zone)
        ]

    def find_band(self, event: Event) -> str:
        """Return the band of the clock in which an event begins."""
        return find_band(event.moment, self.bands, self.zone) if self.bands else ""

    def leave_out_included(self) -> PriceList:
        """Return them as of who does not pay for the period."""
        prices = [price.leave_out_included() for price in self.prices]
        return PriceList(prices, self.bands, self.zone)

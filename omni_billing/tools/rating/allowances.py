"""What is included: units of a service, or that services of a customer share.

Allowances are used up in the order of time, whoever comes first. Which of them is used
first is said by their priority, then by which ends first. What is left over may go on
to the next period.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction

from .exact import ZERO, Number, to_exact

ALWAYS = datetime.max.replace(tzinfo=timezone.utc)
EVER = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Grant:
    """Units that cost nothing, while they last: of a plan, a top-up, or from before.

    :param name: by which it is known, and which tells apart what is alike.
    :param units: that are left of it.
    :param services: that use it; empty: all of the customer.
    :param charges: names of prices that it is for; empty: all.
    :param priority: the lower is used first; own ones may come before shared ones.
    :param begin: from then on.
    :param end: until then; it is not there any more at that moment.
    """

    name: str
    units: Fraction
    services: frozenset[str] = frozenset()
    charges: frozenset[str] = frozenset()
    priority: int = 0
    begin: datetime = EVER
    end: datetime = ALWAYS

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", to_exact(self.units))
        if self.units < 0:
            raise ValueError("An allowance is not below zero.")

    def fits(self, service: str, charge: str, moment: datetime) -> bool:
        """Whether it is for a use by a service, at a moment."""
        return (
            (not self.services or service in self.services)
            and (not self.charges or charge in self.charges)
            and self.begin <= moment < self.end
        )


class Allowances:
    """What is left of allowances, while uses are counted in the order of time."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        """Keep them in the order in which they are used."""
        self.grants = sorted(grants, key=lambda g: (g.priority, g.end, g.begin, g.name))
        self.left = {grant.name: grant.units for grant in self.grants}
        if len(self.left) != len(self.grants):
            raise ValueError("Two allowances have one name.")
        # Of a thousand services each has its own: those of others are not looked at.
        self._own: dict[str, list[int]] = {}
        self._of: dict[str, list[Grant]] = {}
        for place, grant in enumerate(self.grants):
            for service in grant.services:
                self._own.setdefault(service, []).append(place)
        self._for_all = [n for n, grant in enumerate(self.grants) if not grant.services]

    def draw(
        self, quantity: Fraction, service: str, charge: str, moment: datetime
    ) -> tuple[Fraction, list[tuple[str, Fraction]]]:
        """Use what there is.

        :return: what it does not cover; names of grants, and what was used of each.
        """
        drawn = []
        if service not in self._of:
            places = {*self._own.get(service, ()), *self._for_all}
            self._of[service] = [self.grants[place] for place in sorted(places)]
        for grant in self._of[service]:
            if quantity <= 0:
                break
            taken = min(quantity, self.left[grant.name])
            if taken > 0 and grant.fits(service, charge, moment):
                self.left[grant.name] -= taken
                quantity -= taken
                drawn.append((grant.name, taken))
        return quantity, drawn


def roll_over(
    balance: Number, least: Number = 0, most: Number | None = None
) -> Fraction:
    """Return what goes on to the next period of what is left.

    :param least: that there is in any case, as where it is filled up each period.
    :param most: at most; nothing: all of it.
    """
    kept = max(to_exact(balance), to_exact(least))
    return kept if most is None else min(kept, to_exact(most))


def find_crossed(
    before: Number, after: Number, limit: Number, percents: Sequence[int]
) -> list[int]:
    """Return which percents of a limit a use went over or reached, once each.

    :param before: what was used before, and `after`: with what came.
    """
    limit = to_exact(limit)
    if limit <= ZERO:
        return []
    low, high = (to_exact(value) * 100 / limit for value in (before, after))
    return [percent for percent in sorted(percents) if low < percent <= high]

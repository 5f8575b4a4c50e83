"""Members of a gym, and what each owes by the price list alone.

No line of the product is used here: days are counted one by one, in fractions, so that
what comes of it and what the product charges are two opinions.
"""

from __future__ import annotations

import random
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import ceil, floor

YEAR = 2025
FIRST, LAST = date(YEAR, 1, 1), date(YEAR, 12, 31)
DAY = timedelta(days=1)
MEMBERS = 120
#: Since when the prices are higher, and by how many percent; that of a year is not.
RISE, PERCENT = date(YEAR, 7, 1), 5
#: When the gym makes the rise known.
TOLD = date(YEAR, 6, 11)
#: In cents, without taxes: of a month before and after, or of a year.
PRICES = {"basic": (2990, 3140), "plus": (4900, 5145), "year": (42000, 42000)}
#: How many of a hundred debits the bank does not pay, and takes back when it had paid.
RETURNED, TAKEN_BACK = 4, 1
FEE = 1200


@dataclass
class Member:
    """Who comes, since when, and when not."""

    number: int
    plan: str
    pays: str
    since: date
    until: date = LAST
    #: The first and last day of a pause, and the day on which the gym is told.
    pauses: list[tuple[date, date, date]] = field(default_factory=list)
    told: date = LAST

    @property
    def name(self) -> str:
        """Give a name."""
        return f"Member {self.number:03}"

    def uses(self, day: date) -> bool:
        """Tell whether the gym may be used on a day."""
        return self.since <= day <= self.until and not any(
            first <= day <= last for first, last, _told in self.pauses
        )

    def owes(self) -> dict[int, int]:
        """Give what each period costs in cents, by the month in which it begins."""
        found = {}
        for first, last in self._periods():
            days = [first + DAY * number for number in range((last - first).days + 1)]
            used = sum(map(self.uses, days))
            old, new = PRICES[self.plan]
            price = new if first >= RISE else old
            is_begun = self.uses(first)
            if cents := _round(Fraction(price * used, len(days)), is_begun):
                found[first.month] = cents
        return found

    def _periods(self) -> list[tuple[date, date]]:
        if self.plan == "year":
            return [(self.since, self.since.replace(year=YEAR + 1) - DAY)]
        return [
            (date(YEAR, month, 1), date(YEAR, month, monthrange(YEAR, month)[1]))
            for month in range(1, 13)
        ]


def _round(cents: Fraction, is_begun: bool) -> int:
    """Round once; a half up if the period is used from its first day, and else down."""
    half = Fraction(1, 2)
    return floor(cents + half) if is_begun else ceil(cents - half)


def enroll(seed: int) -> list[Member]:
    """Make up the members; the same for a seed."""
    chance = random.Random(seed)
    return [_enroll(chance, number) for number in range(1, MEMBERS + 1)]


def _enroll(chance: random.Random, number: int) -> Member:
    plan = chance.choices(["basic", "plus", "year"], [5, 4, 1])[0]
    pays = chance.choices(["debit", "card", "cash"], [14, 3, 3])[0]
    since = FIRST
    if number > MEMBERS * 2 // 3:
        since += DAY * chance.randrange(1, 270)
    if plan == "year":
        since = since.replace(day=1)
    member = Member(number, plan, pays, since)
    if plan == "year":
        # Paid for a year, and used for a year.
        member.until = since.replace(year=YEAR + 1) - DAY
        return member
    if chance.random() < 0.3:
        _pause(chance, member)
    if chance.random() < 0.15:
        member.told = since + DAY * chance.randrange(60, 90)
        member.until = min(member.told + DAY * chance.randrange(0, 60), LAST)
        # Who has left pauses no more.
        member.pauses = [one for one in member.pauses if one[0] <= member.until]
    return member


def _pause(chance: random.Random, member: Member) -> None:
    """Plan one or two pauses, told before, or when they have begun."""
    first = member.since
    for _number in range(chance.choice([1, 1, 2])):
        first += DAY * chance.randrange(35, 90)
        last = first + DAY * chance.randrange(6, 50)
        told = first + DAY * chance.randrange(-20, 4)
        if last + DAY * 30 > LAST:
            return
        member.pauses.append((first, last, told))
        first = last

"""What each line of the telecom month owes, by the words of its price list alone.

No line of the product is used here, so that what comes of it and what the product
charges are two opinions. All is whole numbers: quantities in millionths, prices in
hundred-millionths of a euro, amounts in both together. Numbers in brackets are those of
the rules in ``telecom_list.py``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from dev.scripts.telecom_events import PARIS, SECOND, Event, Line, to_moment
from dev.scripts.telecom_list import (
    BANDS,
    METERS,
    NOVEMBER,
    OCTOBER,
    PLANS,
    REST,
    SEPTEMBER,
    Allowance,
    Plan,
    Price,
    Terms,
)

MONTHS = (SEPTEMBER, OCTOBER)
UNIT, EURO = 10**6, 10**8
CENT = UNIT * EURO // 100
MINUTE = 60 * SECOND
#: Customers whose events are rated together.
TOGETHER = 40


class Charge(NamedTuple):
    """What came together at a price, or was covered by an allowance.

    :param events: that begin with it.
    """

    events: int
    quantity: int
    amount: int


@dataclass
class Bill:
    """What a line owes for a month.

    :param charges: by meter and code of the price, or of the allowance.
    :param cents: by meter.
    :param rest: in cents, up to the least that it pays.
    """

    line: int
    month: date
    charges: dict[tuple[str, str], Charge] = field(default_factory=dict)
    cents: dict[str, int] = field(default_factory=dict)
    rest: int = 0

    @property
    def total(self) -> int:
        """Sum it up, in cents."""
        return sum(self.cents.values()) + self.rest


def rate(
    lines: Sequence[Line], events: Iterable[Event], plans: Sequence[Plan] = PLANS
) -> list[Bill]:
    """Tell what lines owe, for each month in which they are there.

    :param lines: all lines of some customers.
    :param events: of these lines, each once, in whatever order.
    :param plans: that they are on.
    """
    customers = _Customers(lines, plans)
    for event in sorted(events, key=lambda one: (one.moment, one.line, one.ref)):
        customers.use(event)
    return customers.close()


def rate_all(
    lines: Sequence[Line],
    events: Iterable[Event],
    folder: Path,
    plans: Sequence[Plan] = PLANS,
) -> Iterator[Bill]:
    """Tell it of so many events that they are kept in a folder meanwhile."""
    part_of = {line.number: line.customer // TOGETHER for line in lines}
    files = {
        part: (folder / f"events-{part}").open("w+") for part in set(part_of.values())
    }
    for event in events:
        files[part_of[event.line]].write("\t".join(map(str, event)) + "\n")
    for part, file in sorted(files.items()):
        file.seek(0)
        yield from rate(
            [line for line in lines if part_of[line.number] == part],
            map(_read, file),
            plans,
        )
        file.close()


def _read(text: str) -> Event:
    ref, meter, number, moment, quantity, area, called, line = text[:-1].split("\t")
    return Event(
        ref, meter, number, int(moment), int(quantity), area, called, int(line)
    )


# === The price list, in whole numbers === #


class _Terms:
    """Terms of a price."""

    def __init__(self, terms: Terms) -> None:
        self.price, self.fee = _to_price(terms.price), _to_price(terms.fee)
        self.first, self.then = (SECOND * seconds for seconds in terms.steps)
        self.bounds = [
            None if bound is None else bound * UNIT for bound, _price in terms.tiers
        ]
        self.prices = [_to_price(price) for _bound, price in terms.tiers]

    def round_up(self, lasts: int) -> int:
        """Return how long a call counts (4)."""
        if not lasts:
            return 0
        begun = -(-max(lasts - self.first, 0) // self.then)
        return self.first + begun * self.then

    def find_tier(self, quantity: int) -> int:
        """Return the tier into which a quantity falls; its bound is in it (8, 9)."""
        for number, bound in enumerate(self.bounds):
            if bound is None or quantity <= bound:
                return number
        raise ValueError(quantity)


class _Price:
    """A price, and when it changes."""

    def __init__(self, price: Price) -> None:
        self.code, self.kind = price.code, price.kind
        self.package = price.package * UNIT
        self._since = [to_moment(day) for day, _terms in price.changes]
        self._terms = [
            _Terms(terms)
            for terms in (price.terms, *(terms for _day, terms in price.changes))
        ]

    def get_terms(self, moment: int) -> _Terms:
        """Return its terms for what begins at a moment (3)."""
        return self._terms[bisect_right(self._since, moment)]


class _Plan:
    """A plan: its prices by meter, area, prefix and band."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._prices: dict = {}
        for price in plan.prices:
            for prefix in price.prefixes:
                key = price.meter, price.area, prefix
                self._prices.setdefault(key, {})[price.band] = _Price(price)

    def find_prices(self, event: Event) -> dict[str, _Price]:
        """Return what an event may cost, by the band of the clock (2)."""
        for length in range(len(event.called), -1, -1):
            key = event.meter, event.area, event.called[:length]
            if key in self._prices:
                return self._prices[key]
        raise KeyError(event)


def _to_price(text: str) -> int:
    return int(Decimal(text) * EURO)


def _find_bands() -> tuple[list[int], list[str]]:
    """Look at the clock of Paris each minute: when a band begins, and which (5)."""
    since, names = [], []
    for moment in range(to_moment(SEPTEMBER), to_moment(date(2026, 11, 3)), MINUTE):
        there = datetime.fromtimestamp(moment // SECOND, PARIS)
        name = REST
        for band, (days, begin, end) in BANDS.items():
            if there.weekday() in days and begin <= there.time() < end:
                name = band
        if not names or names[-1] != name:
            since.append(moment)
            names.append(name)
    return since, names


SINCE, NAMES = _find_bands()
FIRST_OCTOBER, FIRST_NOVEMBER = to_moment(OCTOBER), to_moment(NOVEMBER)


def _find_band(moment: int) -> tuple[str, int]:
    """Return the band of a moment, and when it ends."""
    place = bisect_right(SINCE, moment)
    return NAMES[place - 1], SINCE[place]


# === What is used === #


class _Pool:
    """What is left of an allowance, in each month (6, 7)."""

    def __init__(self, allowance: Allowance, since: date) -> None:
        self._all = allowance.quantity * UNIT
        self._limit = allowance.rolls_over * UNIT
        self._since = since
        #: Of the month: what is left of the month before, and of its own.
        self._left: dict[date, list[int]] = {}

    def draw(self, month: date, quantity: int) -> int:
        """Take as much of a quantity as there is."""
        taken = 0
        left = self._get(month)
        for place in (0, 1):
            part = min(left[place], quantity - taken)
            left[place] -= part
            taken += part
        return taken

    def _get(self, month: date) -> list[int]:
        if month not in self._left:
            rolled = 0
            if month == OCTOBER and self._since == SEPTEMBER:
                rolled = min(self._get(SEPTEMBER)[1], self._limit)
            self._left[month] = [rolled, self._all]
        return self._left[month]


class _Customers:
    """Some customers, and what their lines use."""

    def __init__(self, lines: Sequence[Line], plans: Sequence[Plan]) -> None:
        self._plans = {plan.code: _Plan(plan) for plan in plans}
        self._lines = {line.number: line for line in lines}
        self._bills = {
            (line.number, month): Bill(line.number, month)
            for line in lines
            for month in MONTHS
            if month >= self._plans[line.plan].plan.since
        }
        self._pools: dict[tuple[str, int, str], _Pool] = {}
        #: By line, month, and code of a price: events, quantity, amount.
        self._sums: dict[tuple[int, date], dict] = defaultdict(
            lambda: defaultdict(lambda: [0, 0, 0])
        )
        #: Of prices by volume: what was used under which terms.
        self._volumes: dict = defaultdict(lambda: defaultdict(int))

    def use(self, event: Event) -> None:
        """Charge an event; they come in the order in which they begin."""
        month = OCTOBER if event.moment >= FIRST_OCTOBER else SEPTEMBER
        if event.moment >= FIRST_NOVEMBER:
            raise ValueError(event)
        sums = self._sums[event.line, month]
        plan = self._plans[self._lines[event.line].plan]
        prices = plan.find_prices(event)
        band, _end = _find_band(event.moment) if "" not in prices else ("", 0)
        price = prices[band]
        terms = price.get_terms(event.moment)
        counted = event.quantity
        if event.meter == "calls":
            counted = terms.round_up(event.quantity)
        covered = self._cover(event, month, plan.plan, price.code, counted)
        if covered == counted:
            if not counted:
                sums[event.meter, price.code][0] += 1
            return
        charged = sums[event.meter, price.code]
        charged[0] += 1
        charged[2] += terms.fee * UNIT
        for piece, quantity in _cut(event.moment, counted, prices, covered):
            self._charge(event, month, piece, quantity)

    def _cover(
        self, event: Event, month: date, plan: Plan, code: str, counted: int
    ) -> int:
        """Draw from allowances; return how much of an event they cover (6)."""
        covered = 0
        line = self._lines[event.line]
        for allowance in plan.allowances:
            if allowance.meter != event.meter or code not in allowance.covers:
                continue
            whose = ("c", line.customer) if allowance.is_shared else ("l", line.number)
            key = (*whose, allowance.code)
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = _Pool(allowance, plan.since)
            drawn = pool.draw(month, counted - covered)
            if drawn:
                found = self._sums[event.line, month][
                    event.meter, f"included {allowance.code}"
                ]
                found[0] += 1
                found[1] += drawn
            covered += drawn
        return covered

    def _charge(self, event: Event, month: date, price: _Price, quantity: int) -> None:
        """Charge a piece at its price."""
        found = self._sums[event.line, month][event.meter, price.code]
        terms = price.get_terms(event.moment)
        used = found[1]
        found[1] += quantity
        if price.kind in ("unit", "share"):
            found[2] += quantity * terms.price
        elif price.kind == "graduated":
            while quantity:
                tier = terms.find_tier(used + 1)
                bound = terms.bounds[tier]
                part = quantity if bound is None else min(quantity, bound - used)
                found[2] += part * terms.prices[tier]
                used += part
                quantity -= part
        elif price.kind == "package":
            begun = -(-(used + quantity) // price.package) - -(-used // price.package)
            found[2] += begun * terms.price * UNIT
        elif price.kind == "volume":
            key = event.line, month, event.meter, price.code
            self._volumes[key][terms] += quantity
        else:
            raise ValueError(price.kind)

    def close(self) -> list[Bill]:
        """Sum up what was used."""
        for (line, month, meter, code), used in self._volumes.items():
            total = sum(used.values())
            self._sums[line, month][meter, code][2] += sum(
                quantity * terms.prices[terms.find_tier(total)]
                for terms, quantity in used.items()
            )
        for key, sums in self._sums.items():
            self._bills[key].charges = {
                code: Charge(*values) for code, values in sums.items()
            }
        for bill in self._bills.values():
            self._sum_up(bill, self._plans[self._lines[bill.line].plan].plan)
        return list(self._bills.values())

    def _sum_up(self, bill: Bill, plan: Plan) -> None:
        """Round what each meter costs, and see to what is most and least (13 to 15)."""
        for meter in METERS:
            amount = sum(
                charge.amount
                for (counted, _code), charge in bill.charges.items()
                if counted == meter
            )
            if meter in plan.most:
                amount = min(amount, _to_price(plan.most[meter]) * UNIT)
            bill.cents[meter] = (2 * amount + CENT) // (2 * CENT)
        least = _to_price(plan.least) * 100 // EURO
        bill.rest = max(least - sum(bill.cents.values()), 0)


def _cut(
    moment: int, counted: int, prices: dict[str, _Price], covered: int
) -> Iterator[tuple[_Price, int]]:
    """Yield what of an event is not covered, in pieces of one price each (5)."""
    if "" in prices:
        yield prices[""], counted - covered
        return
    begin, end = moment + covered, moment + counted
    while begin < end:
        band, until = _find_band(begin)
        until = min(until, end)
        yield prices[band], until - begin
        begin = until

"""What the switch of the telecom month writes: lines, calls, and what goes wrong.

All of it follows from a seed. It is made file by file, so that it takes little memory
however much there is; and it says of each file what it has to come to, without having
asked anybody. No line of the product is used here.
"""

from __future__ import annotations

import csv
import io
import json
import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from heapq import heappop, heappush
from itertools import accumulate, count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dev.scripts.telecom_list import (
    AREAS,
    NOVEMBER,
    OCTOBER,
    PLANS,
    SEPTEMBER,
    TALK,
    ZONE,
)

SECOND = 1_000_000
#: Rows of a file, and how many of them are new: the rest comes again, or late.
ROWS, FRESH = 10_000, 9_200
#: Of a thousand events.
DOUBLES, LATE, AFTERWARDS, CONFLICTS, BROKEN, STRANGERS = 20, 8, 2, 2, 2, 3
#: One of so many files comes a second time; one of so many is CSV.
TWICE, CSV = 17, 4
#: How much of all is of September, in a hundred.
BEFORE = 6
#: How much is used in each hour of a day, in UTC.
HOURS = (3, 2, 1, 1, 2, 3, 6, 10, 13, 14, 14, 13, 12, 13, 14, 14, 14, 15, 15, 13, 11)
HOURS += (9, 7, 5)
#: What numbers called begin with, and how often of a hundred; digits are added.
CALLED = {
    **{"331": 20, "335": 8, "336": 26, "337": 14, "338": 3, "33800": 2},
    **{"33118": 1, "32": 3, "39": 3, "49": 3, "34": 2, "44": 3, "447": 3},
    **{"1": 3, "1876": 1, "1658": 1, "881": 1, "88": 1, "86": 1, "7": 1},
}
CSV_COLUMNS = {
    "Record": "ref",
    "Kind": "meter",
    "Line": "identifier",
    "Start": "time",
    "Amount": "quantity",
    "Area": "area",
    "Called": "called",
}
CSV_TIME = "%d/%m/%Y %H:%M:%S.%f %z"
#: What becomes of an event, as it has to be counted.
OUTCOMES = ("taken", "double", "conflict", "unknown", "late", "broken")
PARIS = ZoneInfo(ZONE)


class Event(NamedTuple):
    """What is used once.

    :param moment: when it begins, in millionths of a second since 1970.
    :param quantity: in millionths.
    :param line: whose it is; 0: nobody's.
    """

    ref: str
    meter: str
    number: str
    moment: int
    quantity: int
    area: str
    called: str
    line: int


class Line(NamedTuple):
    """A line of a customer, numbered from 1 on."""

    number: int
    customer: int
    plan: str


class Owner(NamedTuple):
    """Whose a number is, from a moment on, and until another."""

    since: int | None
    until: int | None
    line: int


@dataclass
class File:
    """What comes at once.

    :param number: that it has; one that comes twice has it twice.
    :param rows: as JSON has them, with the outcome of each.
    :param events: those that are to be taken in, in their order.
    """

    number: int
    source: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    #: Whether it comes when the month was billed.
    is_after: bool = False

    @property
    def name(self) -> str:
        """Give a name."""
        return f"{self.source}-{self.number:05}.{self.source}"

    @property
    def counts(self) -> dict[str, int]:
        """Count what has to become of its rows."""
        found = Counter(self.outcomes)
        return {name: found[name] for name in OUTCOMES}

    def write(self) -> bytes:
        """Write it as the switch does."""
        if self.source == "json":
            return json.dumps(self.rows).encode()
        text = io.StringIO()
        writer = csv.writer(text, delimiter=";")
        writer.writerow(CSV_COLUMNS)
        for row in self.rows:
            said = row | row.get("dimensions", {})
            writer.writerow([said.get(name, "") for name in CSV_COLUMNS.values()])
        return text.getvalue().encode()

    def again(self) -> File:
        """Give the same file when it comes once more."""
        outcomes = ["double" if one == "taken" else one for one in self.outcomes]
        return File(self.number, self.source, self.rows, outcomes, [], self.is_after)


def to_moment(day: date, at: time = time()) -> int:
    """Return when the clock of Paris shows a time, for the first time."""
    there = datetime.combine(day, at, PARIS)
    return round(there.timestamp()) * SECOND


class Network:
    """Customers of one to five lines, their plans, and whose each number is when."""

    def __init__(self, seed: int, lines: int) -> None:
        chance = random.Random(f"{seed} network")
        self.lines: list[Line] = []
        for customer in count(1):
            plan = chance.choices(PLANS, (5, 5, 4, 3, 4))[0].code
            if customer <= len(PLANS):
                plan = PLANS[customer - 1].code
            for _line in range(chance.choices(range(1, 6), (6, 4, 3, 2, 1))[0]):
                self.lines.append(Line(len(self.lines) + 1, customer, plan))
            if len(self.lines) >= lines:
                break
        del self.lines[lines:]
        self.owners: dict[str, list[Owner]] = {}
        for line in self.lines:
            self.owners[f"+3369{line.number:07}"] = [Owner(None, None, line.number)]
        self._move(chance, max(lines // 80, 2))
        #: How much is used with each number: some are used little.
        self.weights = {
            number: chance.choices((0.02, 0.2, 1, 2, 4), (2, 4, 8, 3, 1))[0]
            for number in self.owners
        }

    def find_owner(self, number: str, moment: int) -> int:
        """Return the line that has a number at a moment; 0: none."""
        for since, until, line in self.owners.get(number, ()):
            if (since is None or since <= moment) and (until is None or moment < until):
                return line
        return 0

    def _move(self, chance: random.Random, moves: int) -> None:
        """Have numbers move to lines of others; and some be new, or be given back."""
        first, last = to_moment(OCTOBER), to_moment(NOVEMBER)
        chosen = chance.sample(self.lines, min(3 * moves, len(self.lines)))
        for place, line in enumerate(chosen):
            number = f"+3369{line.number:07}"
            at = chance.randrange(first, last, SECOND)
            if place % 3 == 0:
                others = [o for o in self.lines if o.customer != line.customer]
                to = chance.choice(others or [line]).number
                after = [Owner(at, None, to)]
            elif place % 3 == 1:
                # Given back, and another's some time later.
                later = at + chance.randrange(3_600, 10 * 86_400) * SECOND
                after = [Owner(later, None, chance.choice(self.lines).number)]
            else:
                new = f"+3368{line.number:07}"
                self.owners[new] = [Owner(at, None, line.number)]
                continue
            self.owners[number] = [Owner(None, at, line.number), *after]


class Switch:
    """Writes the files of a month.

    :param events: how many rows are new; what comes again is not counted.
    """

    def __init__(self, seed: int, lines: int, events: int) -> None:
        self.seed, self.events = seed, events
        self.network = Network(seed, lines)
        self._called = list(CALLED), list(accumulate(CALLED.values()))
        talks = {line.number for line in self.network.lines if line.plan == TALK.code}
        weights = self.network.weights
        before = {
            number: weights[number]
            for number, owners in self.network.owners.items()
            # In September lines of one plan are there, with the numbers that they have.
            if owners[0].line in talks and owners[0].since is None
        }
        self._before = _Month(SEPTEMBER, OCTOBER, before)
        self._month = _Month(OCTOBER, NOVEMBER, weights)

    def write(self) -> Iterator[File]:
        """Yield the files in their order; see `File.is_after`."""
        #: What waits for a later file of its source: by number, then in order.
        held: dict[str, list] = {"json": [], "csv": []}
        order = count()
        sent: deque[File] = deque()
        afterwards: list[tuple[str, dict, str, Event]] = []
        number = 0
        for number, (month, first, last, fresh) in enumerate(self._plan()):
            chance = random.Random(f"{self.seed} file {number}")
            file = File(number, "json" if number % CSV else "csv")
            for event in self._make(chance, number, month, first, last, fresh):
                self._send(chance, file, event, held[file.source], afterwards, order)
            self._release(file, held[file.source])
            yield file
            sent.append(file)
            if len(sent) == 3:
                old = sent.popleft()
                if old.number % TWICE == 2:
                    yield old.again()
        # Without end: what waits comes in files of its own.
        for source, waiting in held.items():
            while waiting:
                number += 1
                file = File(number, source)
                self._release(file, waiting, is_last=True)
                yield file
        for source in held:
            late = [one for one in afterwards if one[0] == source]
            for begin in range(0, len(late), ROWS):
                number += 1
                file = File(number, source, is_after=True)
                for _source, row, outcome, event in late[begin : begin + ROWS]:
                    _add(file, row, outcome, event)
                yield file
                yield file.again()

    def _plan(self) -> Iterator[tuple[_Month, float, float, int]]:
        """Yield how many events are in each file, and of which part of which month."""
        before = self.events * BEFORE // 100
        for month, events in (
            (self._before, before),
            (self._month, self.events - before),
        ):
            for begin in range(0, events, FRESH):
                end = min(begin + FRESH, events)
                yield month, begin / events, end / events, end - begin

    def _make(self, chance, number, month, first, last, fresh) -> list[Event]:
        """Make up events of a part of a month."""
        found = []
        moments = sorted(month.pick(chance, first, last) for _event in range(fresh))
        names = chance.choices(month.numbers, cum_weights=month.weights, k=fresh)
        meters = chance.choices(
            ("calls", "data", "messages", "premium"), (55, 33, 10, 2), k=fresh
        )
        areas = chance.choices(AREAS, (92, 6, 2), k=fresh)
        called = chance.choices(self._called[0], cum_weights=self._called[1], k=fresh)
        find_owner = self.network.find_owner
        for place, (moment, name, meter, area, to) in enumerate(
            zip(moments, names, meters, areas, called, strict=True)
        ):
            if meter == "data":
                to, quantity = "", int(chance.expovariate(1 / 12_000_000))
            else:
                to += f"{chance.randrange(10**7):07}"
                quantity = SECOND
                if meter == "calls":
                    quantity = _last(chance) if chance.randrange(100) > 2 else 0
                elif meter == "premium":
                    quantity = chance.randrange(0, 4_000) * 10_000
            if chance.randrange(1_000) < STRANGERS:
                name = f"+3360{chance.randrange(10**7):07}"
            # Digits first that say nothing of the time: what is drawn by reference is
            # drawn by nothing else.
            ref = f"{chance.randrange(10**6):06}-{number:05}-{place:05}"
            line = find_owner(name, moment)
            found.append(Event(ref, meter, name, moment, quantity, area, to, line))
        return found

    def _send(self, chance, file, event, held, afterwards, order) -> None:
        """Write an event now or later, once or more often."""
        at = chance.randrange(1_000)
        row = _write(event, file.source, chance)
        outcome = "taken" if event.line else "unknown"
        if at < BROKEN:
            outcome = _break(chance, row, file.source)
            _add(file, row, outcome, event)
            return
        at -= BROKEN
        if at < AFTERWARDS:
            afterwards.append((file.source, row, outcome, event))
            return
        at -= AFTERWARDS
        if at < LATE:
            later = file.number + chance.randrange(1, 40)
            heappush(held, (later, next(order), row, outcome, event))
            return
        at -= LATE
        _add(file, row, outcome, event)
        if not event.line:
            return
        later = file.number + chance.randrange(0, 30)
        if at < DOUBLES:
            # The same, and perhaps written in another way.
            row = _write(event, file.source, chance)
            heappush(held, (later, next(order), row, "double", event))
        elif at < DOUBLES + CONFLICTS:
            other = event._replace(quantity=event.quantity + 7 * SECOND)
            if event.meter == "messages":
                other = event._replace(moment=event.moment + 3 * SECOND)
            row = _write(other, file.source, chance)
            heappush(held, (later, next(order), row, "conflict", other))

    def _release(self, file: File, held: list, is_last: bool = False) -> None:
        """Add to a file what is due, as far as there is room."""
        while held and len(file.rows) < ROWS and (is_last or held[0][0] <= file.number):
            _later, _order, row, outcome, event = heappop(held)
            _add(file, row, outcome, event)


class _Month:
    """When events are in a month, by how much each hour is used, and of which numbers.

    :param first: the first day, by the clock of Paris.
    :param end: the day after the last.
    """

    def __init__(self, first: date, end: date, weights: dict[str, float]) -> None:
        self.begin, self.end = to_moment(first), to_moment(end)
        hours = (self.end - self.begin) // (3_600 * SECOND)
        offset = self.begin // (3_600 * SECOND)
        self._sums = list(
            accumulate((HOURS[(offset + n) % 24] for n in range(hours)), initial=0)
        )
        self.numbers = list(weights)
        self.weights = list(accumulate(weights.values()))

    def pick(self, chance: random.Random, first: float, last: float) -> int:
        """Return a moment in a part of the month; some are a full half hour."""
        place = (first + (last - first) * chance.random()) * self._sums[-1]
        hour = min(bisect_right(self._sums, place) - 1, len(self._sums) - 2)
        within = (place - self._sums[hour]) / (self._sums[hour + 1] - self._sums[hour])
        seconds = hour * 3_600 + int(within * 3_600)
        kind = chance.randrange(200)
        if kind == 0:
            seconds -= seconds % 1_800
        moment = self.begin + seconds * SECOND
        return moment + (chance.randrange(1_000) * 1_000 if kind > 180 else 0)


def _last(chance: random.Random) -> int:
    """Return how long a call lasts: few are hours, some have parts of a second."""
    mean = 9_000 if chance.randrange(250) == 0 else 95
    lasts = min(int(chance.expovariate(1 / mean)) + 1, 86_399) * SECOND
    return lasts + (chance.randrange(1, 1_000) * 1_000 if lasts % 50 == 0 else 0)


def _add(file: File, row: dict, outcome: str, event: Event) -> None:
    file.rows.append(row)
    file.outcomes.append(outcome)
    if outcome == "taken":
        file.events.append(event)


def _write(event: Event, source: str, chance: random.Random) -> dict[str, Any]:
    """Write an event, in one of the ways in which that is done."""
    there = datetime.fromtimestamp(event.moment // SECOND, timezone.utc)
    there = there.replace(microsecond=event.moment % SECOND)
    way = chance.randrange(3)
    if way:
        there = there.astimezone(PARIS if way == 1 else timezone(timedelta(hours=-4)))
    dimensions = {"area": event.area}
    if event.called:
        dimensions["called"] = event.called
    if not event.quantity % SECOND:
        quantity = event.quantity // SECOND
    elif source == "json" and way == 2:
        quantity = event.quantity / SECOND
    else:
        quantity = f"{event.quantity / SECOND:.6f}"
    row = {
        "ref": event.ref,
        "meter": event.meter,
        "identifier": event.number,
        "time": _write_time(there, source),
        "quantity": quantity if way else str(quantity),
        "dimensions": dimensions,
    }
    if source == "csv":
        row["quantity"] = str(quantity).replace(".", ",")
    elif way == 1 and event.moment % SECOND == 0 and not _is_twice(there):
        row |= {"time": there.replace(tzinfo=None).isoformat(), "zone": ZONE}
    return row


def _write_time(there: datetime, source: str) -> str:
    return there.strftime(CSV_TIME) if source == "csv" else there.isoformat()


def _is_twice(there: datetime) -> bool:
    """Whether the clock shows a time twice."""
    return there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()


def _break(chance: random.Random, row: dict[str, Any], source: str) -> str:
    """Make a row one that nobody takes in; return what it is instead."""
    kind = chance.randrange(7)
    row.pop("zone", None)
    if kind == 0:
        row["quantity"] = "-5"
    elif kind == 1:
        row["quantity"] = "n/a"
    elif kind == 2:
        row["time"] = "31/02/2026 25:61"
    elif kind == 3:
        row["ref"] = ""
    elif kind == 4:
        row["time"] = _write_time(datetime(2099, 1, 1, tzinfo=timezone.utc), source)
    elif kind == 5:
        row["time"] = _write_time(datetime(2025, 1, 1, tzinfo=timezone.utc), source)
        return "late"
    elif source == "csv":
        row["identifier"] = ""
    else:
        # The clock showed it twice, and nobody says which one it was.
        row |= {"time": "2026-10-25T02:45:00", "zone": ZONE}
    return "broken"

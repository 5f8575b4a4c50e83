"""The price list of the telecom month: what is sold, and what it costs.

The month is October 2026, by the clock of Paris: from the 1st, 00:00, until before 1
November, 00:00. On the 25th it is 02:00 to 03:00 twice there. Lines of Talk 100 began
on 1 September, all others on 1 October.

1. An event is of the month in which it begins, as a whole; and of the line that has its
   number at that moment. When a number moves, an event at that very moment is of the
   line to which it moves.
2. Which price: of those of its plan, meter and area, the ones with the longest prefix
   that the number called begins with; ``""`` is of all numbers, and of what calls none.
   Where they go by bands of the clock, the one in whose band it begins.
3. A price changes at 00:00 of a day. An event has the prices of the moment at which it
   begins, to its end.
4. What a call lasts is rounded up by the price with which it begins: 60/1 is a minute,
   then each second. A call of no seconds costs nothing, not even the fee.
5. A call that goes on into another band is cut there, as the clock of Paris shows it,
   after it was rounded. Each piece has the price of its own band. The fee is that of
   the band in which the call begins.
6. An allowance is drawn before anything is charged: by the time at which events begin,
   then by the number of the line, then by the reference. It covers a call from its
   first second. What it does not cover is charged, from the second with which it ends.
   A call has a fee if not all of it is covered.
7. What is left of an allowance that *rolls over* is there in the month after, up to a
   limit, and no longer. It is drawn first.
8. Graduated: what is used from the beginning of the month on goes through the tiers, in
   the order of 6. A tier goes up to its bound, the bound itself is in it. What lies
   across a bound is cut. Each unit costs what its tier costs when its event begins:
   tiers go on where prices change.
9. Volume: all that is used in the month costs what the tier costs into which its sum
   falls; each unit as of when its event begins.
10. Package: so many units, and what is begun is charged as one.
11. Share: so much of each euro, and a fee for each event, if it is of any euros.
12. 8 to 10 count for each line and each price of it by itself, whatever is covered left
    out.
13. A line pays no more for a meter than its *most*.
14. What a line pays for a meter in a month is exact until here, and is now rounded to
    the cent, once, half a cent up.
15. If all its meters come to less than the *least* of the plan, the line pays the rest
    of it, too; also a line that was not used.

Seconds, megabytes (1,000,000 bytes), messages, and euros of premium numbers are what
prices are for one of. There are no taxes in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, time

ZONE = "Europe/Paris"
SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
#: Two changes of prices, the second on the day with 25 hours.
FIRST_CHANGE, SECOND_CHANGE = date(2026, 10, 12), date(2026, 10, 25)

#: What is counted, and what events of it say besides.
METERS = {
    "calls": ("area", "called"),
    "data": ("area",),
    "messages": ("area", "called"),
    "premium": ("area", "called"),
}
AREAS = ("home", "eu", "world")
MONDAY_TO_FRIDAY, EVERY_DAY = range(5), range(7)
#: Days of the week and times by the clock of Paris, the end not in it; the rest of the
#: week is ``off``. At 02:30 the clock is twice on the 25th: it is night from the first
#: 02:30 until 03:00, which is 02:00 again; not then, and again from the second 02:30.
BANDS = {
    "peak": (MONDAY_TO_FRIDAY, time(8), time(20)),
    "night": (EVERY_DAY, time(2, 30), time(6)),
}
REST = "off"


@dataclass(frozen=True)
class Terms:
    """What something costs, in euros, to eight decimals."""

    #: Of a unit; of a package; of each euro.
    price: str = "0"
    #: Of each event.
    fee: str = "0"
    #: Seconds that are charged at least, and then at a time.
    steps: tuple[int, int] = (1, 1)
    #: Instead of a price: up to which quantity, none for the last; and the price there.
    tiers: tuple[tuple[int | None, str], ...] = ()


@dataclass(frozen=True)
class Price:
    """A line of the price list."""

    code: str
    meter: str
    area: str
    terms: Terms
    #: What numbers called begin with.
    prefixes: tuple[str, ...] = ("",)
    band: str = ""
    #: ``unit``, ``graduated``, ``volume``, ``package`` or ``share``.
    kind: str = "unit"
    #: Units in a package.
    package: int = 1
    #: What it costs from a day on.
    changes: tuple[tuple[date, Terms], ...] = ()


@dataclass(frozen=True)
class Allowance:
    """What is used without being charged."""

    code: str
    meter: str
    quantity: int
    #: The codes of the prices whose use it covers.
    covers: tuple[str, ...]
    #: All lines of a customer draw from one.
    is_shared: bool = False
    #: How much of it rolls over.
    rolls_over: int = 0


@dataclass(frozen=True)
class Plan:
    """What a line is on."""

    code: str
    name: str
    prices: tuple[Price, ...]
    allowances: tuple[Allowance, ...] = ()
    #: Most that a meter costs, and least that the line does.
    most: dict[str, str] = field(default_factory=dict)
    least: str = "0"
    since: date = OCTOBER


def _calls(code, prefixes, price, steps=(60, 1), fee="0", area="home", changes=()):
    """Return a price of calls."""
    terms = Terms(price, fee, steps)
    changed = tuple((day, replace(terms, price=later)) for day, later in changes)
    return Price(
        code, "calls", area, terms, tuple(prefixes.split(",")), changes=changed
    )


def _units(code, meter, area, price, prefixes="", changes=()):
    """Return a price of what is counted one by one."""
    changed = tuple((day, Terms(later)) for day, later in changes)
    places = tuple(prefixes.split(","))
    return Price(code, meter, area, Terms(price), places, changes=changed)


def _premium(share, fee, changes=()):
    """Return what is added to what premium numbers cost, wherever one is."""
    return tuple(
        Price(
            f"premium-{area}",
            "premium",
            area,
            Terms(share, fee),
            kind="share",
            changes=changes,
        )
        for area in AREAS
    )


#: Calls from home to other countries, which cost the same on all plans.
ABROAD = (
    _calls("neighbors", "32,34,39,41,49", "0.00383333", (1, 1)),
    _calls("uk", "44", "0.00416667", (60, 1)),
    _calls("uk-mobile", "447", "0.01166667", (60, 1), "0.05"),
    _calls("america", "1", "0.00350000", (30, 6)),
    _calls("jamaica", "1876,1658", "0.01833333", (60, 60), "0.10"),
    _calls("satellite", "881,882,8816", "0.09999999", (60, 60), "1.00"),
    _calls(
        "elsewhere",
        "",
        "0.02083333",
        (60, 1),
        "0.15",
        changes=[(SECOND_CHANGE, "0.02166667")],
    ),
)
#: What is special at home, on all plans.
SPECIAL = (
    _calls("special", "338", "0.00833333", (60, 60), "0.12"),
    _calls("free", "33800", "0", (1, 1)),
    _calls("directory", "33118", "0.04999999", (60, 60), "1.49"),
)
#: Roaming, on all plans.
ROAMING = (
    _calls("eu-eu", "32,33,34,39,49", "0.00266667", (30, 1), area="eu"),
    _calls(
        "eu-elsewhere",
        "",
        "0.02750000",
        (60, 1),
        "0.20",
        area="eu",
        changes=[(FIRST_CHANGE, "0.02583333")],
    ),
    _calls("world", "", "0.03166667", (60, 60), "0.25", area="world"),
    _units("data-world", "data", "world", "0.31250000"),
    _units("messages-eu", "messages", "eu", "0.05833333"),
    _units("messages-world", "messages", "world", "0.34999999"),
)
COMMON = (*ABROAD, *SPECIAL, *ROAMING)

PAY_AS_YOU_GO = Plan(
    "payg",
    "Pay As You Go",
    (
        *COMMON,
        _calls(
            "landline",
            "33",
            "0.00250000",
            (60, 1),
            changes=[(FIRST_CHANGE, "0.00266667"), (SECOND_CHANGE, "0.00258333")],
        ),
        _calls("mobile", "336,337", "0.00300000", (60, 1), "0.05"),
        _units(
            "data-home",
            "data",
            "home",
            "0.00976563",
            changes=[(FIRST_CHANGE, "0.01074219")],
        ),
        _units("data-eu", "data", "eu", "0.00195313"),
        _units("messages-home", "messages", "home", "0.08999999"),
        *_premium("0.10000000", "0"),
    ),
    most={"data": "25.00"},
)
TALK = Plan(
    "talk",
    "Talk 100",
    (
        *COMMON,
        _calls(
            "landline",
            "33",
            "0.00200000",
            (1, 1),
            changes=[(SECOND_CHANGE, "0.00225000")],
        ),
        _calls("mobile", "336,337", "0.00233333", (60, 1), "0.04"),
        _units("data-home", "data", "home", "0.00512345"),
        _units("data-eu", "data", "eu", "0.00195313"),
        Price(
            "messages-home",
            "messages",
            "home",
            Terms("0.79"),
            kind="package",
            package=10,
        ),
        *_premium("0.07500000", "0.10"),
    ),
    (
        Allowance(
            "minutes",
            "calls",
            6_000,
            ("landline", "mobile", "eu-eu"),
            rolls_over=3_000,
        ),
        Allowance("texts", "messages", 20, ("messages-home", "messages-eu")),
    ),
    since=SEPTEMBER,
)
FAMILY = Plan(
    "family",
    "Family",
    (
        *COMMON,
        _calls(
            "landline",
            "33",
            "0.00216667",
            (60, 1),
            "0.02",
            changes=[(FIRST_CHANGE, "0.00233333")],
        ),
        _calls("mobile", "336,337", "0.00250000", (60, 1), "0.02"),
        _units(
            "data-home",
            "data",
            "home",
            "0.00390625",
            changes=[(SECOND_CHANGE, "0.00412598")],
        ),
        _units("data-eu", "data", "eu", "0.00195313"),
        _units("messages-home", "messages", "home", "0.04999999"),
        *_premium("0.08000000", "0.05"),
    ),
    (
        Allowance("minutes", "calls", 30_000, ("landline", "mobile"), is_shared=True),
        Allowance("data", "data", 20_000, ("data-home", "data-eu"), is_shared=True),
    ),
)
DATA = Plan(
    "data",
    "Data",
    (
        *COMMON,
        _calls("landline", "33", "0.00333333", (60, 60)),
        _calls("mobile", "336,337", "0.00366667", (60, 60), "0.06"),
        Price(
            "data-home",
            "data",
            "home",
            Terms(
                tiers=(
                    (500, "0.00999999"),
                    (2_000, "0.00650001"),
                    (6_000, "0.00312501"),
                    (None, "0.00097657"),
                )
            ),
            kind="graduated",
            changes=(
                (
                    FIRST_CHANGE,
                    Terms(
                        tiers=(
                            (500, "0.00949999"),
                            (2_000, "0.00675001"),
                            (6_000, "0.00287501"),
                            (None, "0.00107423"),
                        )
                    ),
                ),
            ),
        ),
        _units("data-eu", "data", "eu", "0.00195313"),
        _units("messages-home", "messages", "home", "0.07500001"),
        *_premium("0.09000000", "0.08"),
    ),
)


def _by_clock(code, prefixes, changes=(), **bands):
    """Return the prices of a destination in each band."""
    return tuple(
        replace(
            _calls(
                f"{code}-{band}",
                prefixes,
                *terms,
                changes=changes if band == REST else (),
            ),
            band=band,
        )
        for band, terms in bands.items()
    )


BUSINESS = Plan(
    "business",
    "Business",
    (
        *COMMON,
        *_by_clock(
            "landline",
            "33",
            [(FIRST_CHANGE, "0.00091667")],
            peak=("0.00183333", (60, 1)),
            night=("0.00041667", (60, 60), "0.01"),
            off=("0.00108333", (1, 1)),
        ),
        *_by_clock(
            "mobile",
            "336,337",
            [(SECOND_CHANGE, "0.00166667")],
            peak=("0.00266667", (60, 1), "0.03"),
            night=("0.00083333", (60, 60)),
            off=("0.00150000", (30, 6), "0.02"),
        ),
        Price(
            "data-home",
            "data",
            "home",
            Terms(
                tiers=(
                    (1_000, "0.00800000"),
                    (5_000, "0.00400001"),
                    (None, "0.00150003"),
                )
            ),
            kind="volume",
            changes=(
                (
                    SECOND_CHANGE,
                    Terms(
                        tiers=(
                            (1_000, "0.00750000"),
                            (5_000, "0.00425001"),
                            (None, "0.00162503"),
                        )
                    ),
                ),
            ),
        ),
        _units("data-eu", "data", "eu", "0.00195313"),
        _units("messages-home", "messages", "home", "0.03999999"),
        *_premium("0.03500000", "0.15", ((FIRST_CHANGE, Terms("0.03750000", "0.12")),)),
    ),
    least="30.00",
)
PLANS = (PAY_AS_YOU_GO, TALK, FAMILY, DATA, BUSINESS)

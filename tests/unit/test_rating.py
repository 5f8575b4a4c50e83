"""Events are rated: steps of seconds, prefixes, the clock, allowances (W41)."""

import pickle
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.rating.allowances import (
    Allowances,
    Grant,
    find_crossed,
    roll_over,
)
from odoo.addons.omni_billing.tools.rating.charges import (
    Graduated,
    Percentage,
    PerEvent,
    PerUnit,
    Plan,
    Scale,
    Tier,
    Volume,
    package,
)
from odoo.addons.omni_billing.tools.rating.durations import Band, Steps, cut, find_band
from odoo.addons.omni_billing.tools.rating.exact import to_exact
from odoo.addons.omni_billing.tools.rating.meters import measure
from odoo.addons.omni_billing.tools.rating.prices import (
    Event,
    Price,
    PriceList,
    always,
)
from odoo.addons.omni_billing.tools.rating.rate import (
    Rater,
    limit,
    rate,
    rate_all,
)

PARIS = "Europe/Paris"
MINUTE = Scale(60)
DAY = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)  # a Monday


def call(seconds, number="", moment=DAY, ref="1", **facts):
    return Event(ref, moment, seconds, number, facts)


def price(name="Calls", charge=None, **values):
    charge = charge or PerUnit("0.006", MINUTE)
    return Price(name, values.pop("versions", always(charge)), **values)


# === Steps === #


@pytest.mark.parametrize(
    ("seconds", "costs"),
    [
        (32, (".006", ".006", ".0036", ".0032")),
        (57, (".006", ".006", ".006", ".0057")),
        (61, (".012", ".0061", ".0066", ".0061")),
        (75, (".012", ".0075", ".0078", ".0075")),
        (0, ("0", "0", "0", "0")),
    ],
)
def test_seconds_are_rounded_up_in_steps(seconds, costs):
    """cgrates/cgrates#118 has 30/6; the others follow from the same rule."""
    for steps, cost in zip(("60/60", "60/1", "30/6", "1/1"), costs, strict=True):
        prices = PriceList([price(steps=Steps.parse(steps))])
        assert rate(prices, [call(seconds)]).exact == to_exact(cost), steps


def test_what_lasts_no_time_has_no_first_step():
    assert [Steps(60, 1).round_up(seconds) for seconds in (-1, 0, 1)] == [0, 0, 60]
    assert Steps(0.1, 0.1).round_up(Fraction(11, 100)) == to_exact("0.2")


@pytest.mark.parametrize("text", ["60", "60/0", "-1/1", "a/b", "60/1/1"])
def test_steps_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="invalid|Steps"):
        Steps.parse(text)


def test_price_that_changes_within_a_call():
    """cgrates/cgrates, timespans_test.go: 30 s at 2, then whole minutes at 1."""
    by_call = PerEvent(Graduated([Tier(30, 2), Tier(None, 1)]))
    prices = PriceList([price(charge=by_call, steps=Steps(30, 60))])
    assert rate(prices, [call(60)]).exact == 120
    with_fee = PerEvent(Graduated([Tier(None, 1, flat=5)]))
    fees = rate(PriceList([price(charge=with_fee)]), [call(9), call(0, ref="0")])
    assert fees.exact == 14
    rating = rate(prices, [call(60, ref="a"), call(10, ref="b"), call(0, ref="c")])
    [line] = rating.lines
    told = [(part.quantity, part.price) for part in line.parts]
    assert (rating.exact, told) == (180, [(60, 2), (60, 1)])


# === The clock === #

PEAK = Band("peak", time(8), time(18), frozenset(range(5)))
NEW_YEAR = Band("holiday", days=frozenset({date(2027, 1, 1)}))


def test_call_of_one_price_is_one_piece():
    """A band that its price does not know makes no second first minute, nor fee."""
    by_call = PerEvent(Graduated([Tier(60, "0.1", flat=1), Tier(None, "0.01")]))
    begin = DAY.replace(hour=17, minute=59)
    prices = PriceList([price(charge=by_call, steps=Steps())], [PEAK])
    assert rate(prices, [call(120, moment=begin)]).exact == to_exact("7.6")
    # Where the price is another one, it goes on, and has no fee of its own.
    night = PerEvent(Graduated([Tier(60, "0.2", flat=9), Tier(None, "0.02")]))
    share = Percentage(10, fixed=7)
    for charge, cost in (
        (night, 7 + 12),
        (PerEvent(PerUnit(1, fee=5)), 7 + 60),
        (share, 7 + 6),
    ):
        day = price("Day", by_call, band="peak", steps=Steps())
        prices = PriceList([day, price("Night", charge, steps=Steps())], [PEAK])
        assert rate(prices, [call(120, moment=begin)]).exact == cost


def test_allowance_covers_a_call_from_its_first_second():
    """02:00 to 06:30 with a dear half hour before the night and after it."""
    prices = PriceList(
        [
            Price("Off", always(PerUnit("0.01")), steps=Steps()),
            Price("Night", always(PerUnit("0.001")), band="night", steps=Steps()),
        ],
        [Band("night", time(2, 30), time(6))],
    )
    begin = DAY.replace(hour=2)
    rating = rate(prices, [call(16_200, moment=begin)], [Grant("free", 45 * 60)])
    assert [line.allowed["free"] for line in rating.lines] == [1800, 900]
    assert rating.exact == 18 + to_exact("11.7")


def test_fee_and_band_of_the_clock():
    """cgrates/cgrates, tutorial2_it_test.go: 45 seconds in and out of the peak."""
    prices = PriceList(
        [
            Price(
                "Peak",
                always(PerUnit("1.2", MINUTE, fee="0.2")),
                band="peak",
                steps=Steps(60, 1),
            ),
            Price("Off", always(PerUnit("0.01", fee="0.1")), steps=Steps(1, 1)),
            Price("New Year", always(PerUnit(0)), band="holiday", steps=Steps(1, 1)),
        ],
        [NEW_YEAR, PEAK],
    )
    night = DAY.replace(hour=22)
    assert rate(prices, [call(45)]).exact == to_exact("1.4")
    assert rate(prices, [call(45, moment=night)]).exact == to_exact("0.55")
    holiday = datetime(2027, 1, 1, 12, tzinfo=timezone.utc)
    assert rate(prices, [call(45, moment=holiday)]).exact == 0


def test_call_that_lasts_into_another_band_is_cut():
    """cgrates/cgrates, calldesc_test.go: 17:30 to 18:30, and one fee."""
    prices = PriceList(
        [
            Price("Day", always(PerUnit(1, fee=1)), band="peak", steps=Steps(1, 1)),
            Price("Night", always(PerUnit("0.5", fee=1)), steps=Steps(1, 1)),
        ],
        [PEAK],
    )
    begin = DAY.replace(hour=17, minute=30)
    rating = rate(prices, [call(3600, moment=begin)])
    assert rating.exact == 2701
    assert [line.counted for line in rating.lines] == [1800, 1800]
    assert [line.measured for line in rating.lines] == [3600, 0]
    assert rate(prices, [call(0, moment=begin)]).exact == 0
    # Until 9:30: the day again, and one call all the same.
    rating = rate(prices, [call(16 * 3600, moment=begin)])
    told = [(line.events, line.counted, line.measured) for line in rating.lines]
    assert told == [(1, 7200, 57_600), (1, 50_400, 0)]


@pytest.mark.parametrize(
    ("moment", "pieces"),
    [
        # Clocks go back: 02:50 to 02:10 takes twenty minutes, and 02:30 is there twice.
        ((2026, 10, 25, 0, 50), [("late", 600), ("early", 600)]),
        ((2026, 10, 25), [(name, 1800) for name in ("early", "late") * 2]),
        # They go on: from 01:50 to 03:10, and 02:30 is never there.
        ((2027, 3, 28, 0, 50), [("early", 600), ("late", 600)]),
    ],
)
def test_clocks_that_change_cut_no_second_away(moment, pieces):
    bands = [Band("late", time(2, 30)), Band("early")]
    begin = datetime(*moment, tzinfo=timezone.utc)
    seconds = Fraction(sum(lasted for _name, lasted in pieces))
    assert list(cut(begin, seconds, bands, PARIS)) == pieces


def test_moments_of_one_zone_are_told_apart():
    """The second 02:50 of a night comes after the first, and after 02:59 of before."""
    zone = ZoneInfo(PARIS)
    first = datetime(2026, 10, 25, 2, 59, tzinfo=zone)
    second = datetime(2026, 10, 25, 2, 50, fold=1, tzinfo=zone)
    grant = [Grant("free", 60)]
    prices = PriceList([price("A", prefixes={"1"}), price("B", prefixes={"2"})])
    events = [call(60, "2", second, "a"), call(60, "1", first, "b")]
    rating = rate(prices, events, grant)
    assert [dict(line.allowed) for line in rating.lines] == [{"free": 60}, {}]


def test_band_ends_after_it_begins():
    with pytest.raises(ValueError, match="midnight"):
        Band("night", time(22), time(6))
    assert find_band(DAY, [PEAK], PARIS) == "peak"
    assert find_band(DAY.replace(hour=17), [PEAK], PARIS) == ""


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)),
    st.integers(1, 200_000),
    st.lists(st.times(), min_size=1, max_size=3, unique=True).map(sorted),
    st.sampled_from([PARIS, "America/Montreal", "Australia/Lord_Howe", "UTC"]),
)
def test_pieces_are_the_whole_and_each_is_in_its_band(begin, seconds, edges, zone):
    begin = begin.replace(microsecond=0, tzinfo=timezone.utc)
    edges = sorted({edge.replace(microsecond=0, tzinfo=None) for edge in edges})
    bands = [
        Band(str(n), start, end)
        for n, (start, end) in enumerate(zip(edges, [*edges[1:], None], strict=True))
    ]
    pieces = list(cut(begin, Fraction(seconds), bands, zone))
    assert sum(lasted for _name, lasted in pieces) == seconds
    now = begin
    for name, lasted in pieces:
        for moment in (now, now + timedelta(seconds=int(lasted) - 1)):
            assert find_band(moment, bands, zone) == name
        now += timedelta(seconds=int(lasted))


# === Which price === #


def test_longest_prefix_then_most_facts():
    prices = PriceList(
        [
            price("All"),
            price("France", prefixes={"33"}),
            price("Mobile", prefixes={"336", "337"}),
            price("Mobile, EU", prefixes={"336"}, facts={"zone": "EU"}),
            price("Roaming", facts={"zone": "EU"}),
        ]
    )
    for number, facts, name in (
        ("33612", {}, "Mobile"),
        ("33612", {"zone": "EU", "more": "1"}, "Mobile, EU"),
        ("33712", {"zone": "EU"}, "Mobile"),
        ("331", {}, "France"),
        ("44", {}, "All"),
        ("44", {"zone": "EU"}, "Roaming"),
        ("3", {}, "All"),
        ("", {}, "All"),
    ):
        assert prices.find(call(60, number, **facts), "").name == name
    assert PriceList([price(prefixes={"33"})]).find(call(60, "3"), "") is None


def test_what_has_no_price_is_told():
    prices = PriceList([price(prefixes={"33"}, versions=[(DAY, PerUnit(1))])])
    early = DAY - timedelta(seconds=1)
    events = [call(1, "44", ref="a"), call(1, "33", early, "b"), call(1, "33", ref="c")]
    rating = rate(prices, events)
    assert rating.unrated == ("b", "a")
    assert rating.unrated_number == 2
    assert rating.exact == 1


@pytest.mark.parametrize(
    ("charge", "costs"),
    [
        (Plan(5, 10, 2), 24),
        (package(3, 10, least=2), 6),
        (package(3, 5, least=4), 9),
        (PerUnit(2, free=10), 24),
        (PerEvent(PerUnit(2, free=10)), 4),
        (Graduated([Tier(10, 1, 7), Tier(None, 1, 3)]), 15),
        (Volume([Tier(10, 1), Tier(None, 1, 7)]), 12),
        (Percentage(50, 1, free_amount=6), 7),
    ],
)
def test_who_is_gone_pays_for_what_is_used_alone(charge, costs):
    """W41: not what the period costs without any: not the 5, the 7 to begin.

    Nor has it what the period includes. A tier that is entered on the way is paid for;
    what volume costs once is a fee.
    """
    prices = PriceList([price(charge=charge)])
    rater = Rater({"line": prices}, gone={"line"})
    assert Rater({"line": prices}, gone={"line"}).finish()[0]["line"].exact == 0
    rater.add("line", call(12))
    assert rater.finish()[0]["line"].exact == costs


def test_events_are_not_kept():
    """Of ten times as many no more is remembered: sums alone, and the first unrated."""
    charges = [PerEvent(package(1, 60)), Percentage(2, 1, free_events=3), PerUnit(1)]
    prices = PriceList(
        [price(str(n), one, prefixes={str(n)}) for n, one in enumerate(charges)]
    )
    sizes = []
    for number in (500, 5000):
        rater = Rater({"line": prices}, is_checked=True)
        for n in range(number):
            moment = DAY + timedelta(seconds=n)
            rater.add("line", call(1 + n % 90, str(n % 4), moment, f"{n:05}"))
        rating = rater.finish()[0]["line"]
        assert rating.unrated_number == number / 4
        assert rating.unrated[0] == "00003"
        sizes.append(len(pickle.dumps((rater.counts, rater.unrated, rater.refs))))
    assert sizes[1] < 1.1 * sizes[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: PriceList([price(), price()]),
        lambda: PriceList([price(band="night")]),
        lambda: price(versions=[]),
        lambda: price(versions=[(DAY, PerUnit(1)), (DAY, PerUnit(2))]),
        lambda: Event("1", datetime(2026, 1, 1), 1),
        lambda: call(-1),
        lambda: rate(
            PriceList([price()]), [call(60), call(60, moment=DAY + timedelta(1))]
        ),
        lambda: Allowances([Grant("a", 1), Grant("a", 2)]),
        lambda: Grant("a", -1),
    ],
)
def test_list_that_makes_no_sense_is_refused(make):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        make()


def test_what_a_meter_counts():
    """Two at one instant have the order of their references (getlago/lago#280)."""
    later = DAY + timedelta(hours=1)
    events = [
        call(3, ref="d", moment=later, seat="Ada"),
        call(7, ref="b", seat="Bob"),
        call(7, ref="a", seat="Ada"),
        call(2, ref="c", moment=later),
    ]
    for kind, expected in (
        ("sum", [("a", 7), ("b", 7), ("c", 2), ("d", 3)]),
        ("count", [("a", 1), ("b", 1), ("c", 1), ("d", 1)]),
        ("maximum", [("a", 7)]),
        ("last", [("d", 3)]),
        ("unique", [("a", 1), ("b", 1), ("c", 1)]),
    ):
        measured = measure(events, kind, "seat")
        assert [(one.ref, one.quantity) for one in measured] == expected, kind
        assert measure([], kind) == []
    with pytest.raises(ValueError, match="none of sum"):
        measure(events, "average")


# === Allowances === #


def test_allowances_are_used_by_priority_then_by_end():
    """openmeterio/openmeter, engine/grant.go; each covers a part of one use."""
    soon, later = DAY + timedelta(days=1), DAY + timedelta(days=9)
    allowances = Allowances(
        [
            Grant("later", 10, end=later),
            Grant("soon", 10, end=soon),
            Grant("first", 1, priority=-1),
            Grant("other", 99, services=frozenset({"B"}), priority=-2),
            Grant("mobile", 99, charges=frozenset({"Mobile"}), priority=-2),
            Grant("over", 99, end=DAY),
            Grant("to come", 99, begin=soon, priority=-2),
        ]
    )
    rest, drawn = allowances.draw(Fraction(15), "A", "Calls", DAY)
    assert (rest, drawn) == (0, [("first", 1), ("soon", 10), ("later", 4)])
    rest, drawn = allowances.draw(Fraction(15), "A", "Calls", DAY)
    assert (rest, drawn) == (9, [("later", 6)])


@pytest.mark.parametrize(
    ("balance", "least", "most", "kept"),
    [(120, 0, 50, 50), (30, 100, 100, 100), (30, 0, 50, 30), (30, 0, None, 30)],
)
def test_what_is_left_goes_on(balance, least, most, kept):
    """openmeterio/openmeter, grant.go"""
    assert roll_over(balance, least, most) == kept


def test_shared_allowance_goes_to_who_comes_first():
    prices = PriceList([price(charge=PerUnit(1))])
    later = DAY + timedelta(hours=1)
    services = {
        "A": (prices, [call(80, moment=later, ref="a")]),
        "B": (prices, [call(50, ref="b")]),
    }
    grants = [
        Grant("own", 10, services=frozenset({"A"})),
        Grant("shared", 100, priority=1),
    ]
    ratings, left = rate_all(services, grants)
    assert [ratings[name].exact for name in "AB"] == [20, 0]
    assert ratings["A"].lines[0].allowed == {"own": 10, "shared": 50}
    assert left == {"own": 0, "shared": 0}


def test_events_that_are_read_come_in_the_order_of_time():
    """Who came later would have the allowance otherwise; sums alone are kept."""
    rater = Rater({"A": PriceList([price()])}, [Grant("free", 60)])
    rater.add("A", call(60, ref="b"))
    rater.add("A", call(60, ref="c"))
    with pytest.raises(ValueError, match="a comes before c"):
        rater.add("A", call(60, ref="a"))
    with pytest.raises(ValueError, match="b is there twice"):
        rater.add("A", call(60, ref="b", moment=DAY + timedelta(1)))
    ratings, left = rater.finish()
    [line] = ratings["A"].lines
    assert (line.events, line.amount, left) == (2, to_exact("0.006"), {"free": 0})


def test_alerts_come_once_each():
    assert find_crossed(0, 79, 100, [80, 100]) == []
    assert find_crossed(79, 80, 100, [80, 100]) == [80]
    assert find_crossed(80, 130, 100, [100, 80]) == [100]
    assert find_crossed(0, 130, 100, [80, 100]) == [80, 100]
    assert find_crossed(0, 130, 0, [80]) == []


# === From events to an amount === #


def test_what_an_amount_is_made_of():
    """Two prices, an allowance, a least: each is told, and it is rounded once."""
    prices = PriceList(
        [
            Price(
                "Mobile",
                always(PerUnit("0.0375", MINUTE)),
                frozenset({"336"}),
                steps=Steps(60, 1),
            ),
            price("Data", Plan(10, included=100, overage="0.005")),
        ]
    )
    events = [call(61, "336", ref="a"), call(30, "336", ref="b"), call(101, ref="c")]
    rating = rate(prices, events, [Grant("bundle", 60, charges=frozenset({"Mobile"}))])
    mobile, data = rating.lines
    assert (mobile.events, mobile.measured, mobile.counted) == (2, 91, 121)
    assert mobile.allowed == {"bundle": 60}
    assert mobile.amount == to_exact("0.038125")
    told = [(part.kind, part.quantity, part.price) for part in data.parts]
    assert told == [
        ("flat", 1, 10),
        ("included", 100, 0),
        ("units", 1, to_exact("0.005")),
    ]
    assert rating.get_amount(2) == Decimal("10.04")
    raised = limit(rating, least=15, most=20)
    assert raised.get_amount(2) == 15
    assert raised.added == 15 - rating.exact
    capped = limit(rating, least=5, most=8, billed=1)
    assert (capped.get_amount(2), capped.added) == (7, 0)
    with pytest.raises(ValueError, match="least of a period"):
        limit(rating, least=9, most=8)


def test_change_of_price_within_the_period():
    """Each use has the price of its moment, and the tiers go on."""
    change = DAY + timedelta(days=5)
    first = Graduated([Tier(100, 2, flat=5), Tier(None, 1)])
    then = Graduated([Tier(100, 4, flat=5), Tier(None, 3)])
    prices = PriceList([price(versions=[(DAY, first), (change, then)])])
    events = [call(80, ref="a"), call(50, moment=change, ref="b")]
    assert rate(prices, events).exact == 5 + 80 * 2 + 20 * 4 + 30 * 3
    by_total = [Volume([Tier(100, 2), Tier(None, 1)]), Volume([Tier(None, 3)])]
    volume = price(versions=list(zip((DAY, change), by_total, strict=True)))
    assert rate(PriceList([volume]), events).exact == 80 * 1 + 50 * 3


def test_fee_of_the_period_is_there_without_any_use():
    prices = PriceList([price(charge=Plan(10, 100, 1)), price("Calls abroad")])
    rating = rate(prices, [])
    assert rating.exact == 10
    assert [line.price for line in rating.lines] == ["Calls"]


def test_fee_without_any_use_is_that_of_the_period():
    """Not of a price that only comes; where it changes, of the one before."""
    change, later = DAY + timedelta(days=5), DAY + timedelta(days=30)
    versions = [(change, Plan(10)), (later, Plan(12))]
    prices = PriceList([price(versions=versions)])
    for begin, end, cost in (
        (DAY, change, []),
        (DAY, change + timedelta(1), [10]),
        (change, later, [10]),
        (change, later + timedelta(1), [10]),
        (later, later + timedelta(1), [12]),
    ):
        lines = rate(prices, [], begin=begin, end=end).lines
        assert [line.amount for line in lines] == cost, begin


moments = st.integers(0, 30 * 86_400).map(lambda seconds: DAY + timedelta(0, seconds))
uses = st.lists(
    st.tuples(moments, st.integers(0, 400), st.sampled_from(["33", "336", "44", "1"])),
    max_size=12,
)
LIST = PriceList(
    [
        price("France", Graduated([Tier(300, "0.1", 1), Tier(None, "0.05")])),
        price("Mobile", PerUnit("0.07", MINUTE, fee="0.1"), prefixes={"336"}),
        price("Abroad", package("0.3", 60), prefixes={"44"}, steps=Steps(60, 1)),
        price(
            "Special",
            prefixes={"1"},
            versions=[
                (DAY, Volume([Tier(100, 1), Tier(None, "0.8", 3)])),
                (DAY + timedelta(days=9), Percentage(10, 1, free_events=2)),
            ],
        ),
        price("Mobile at night", PerUnit("0.01"), prefixes={"336"}, band="night"),
    ],
    [Band("night", time(22)), Band("morning", end=time(6))],
    PARIS,
)
GRANTS = [
    Grant("bundle", 500, charges=frozenset({"France", "Mobile"})),
    Grant("top-up", 100, end=DAY + timedelta(days=20)),
]


def make_events(used):
    return [
        call(seconds, number, moment, str(n))
        for n, (moment, seconds, number) in enumerate(used)
    ]


@given(uses, st.randoms(use_true_random=False))
def test_order_does_not_matter(used, random):
    """Late files, and lines in any order, come to the same, in each line."""
    events = make_events(used)
    expected = rate(LIST, events, GRANTS)
    random.shuffle(events)
    assert rate(LIST, iter(events), GRANTS) == expected


@given(uses)
def test_lines_add_up_and_nothing_is_lost(used):
    rating = rate(LIST, make_events(used), GRANTS)
    assert sum(line.amount for line in rating.lines) == rating.exact >= 0
    assert all(line.amount >= 0 for line in rating.lines)
    measured = sum(line.measured for line in rating.lines)
    assert measured == sum(seconds for _moment, seconds, _number in used)
    for line in rating.lines:
        assert sum(line.allowed.values()) <= line.counted
    assert not rating.unrated


@given(uses, st.integers(0, 500))
def test_allowance_never_makes_it_dearer(used, units):
    """Without tiers by volume, where less may cost more a piece."""
    prices = PriceList(LIST.prices[:3])
    events = make_events(used)
    free = Grant("free", units)
    assert rate(prices, events, [free]).exact <= rate(prices, events).exact


@given(uses, st.integers(1, 4))
def test_services_that_share_nothing_are_rated_alone(used, count):
    events = make_events(used)
    services = {str(n): (LIST, events[n::count]) for n in range(count)}
    ratings, _left = rate_all(services)
    for name, (prices, own) in services.items():
        assert ratings[name] == rate(prices, own)

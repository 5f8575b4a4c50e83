"""The telecom month: its price list read by hand, and what its switch writes (W41)."""

from collections import Counter
from datetime import datetime
from random import Random

import pytest

from dev.scripts import telecom_events, telecom_rating
from dev.scripts.telecom_events import PARIS, SECOND, Event, Line, Switch

MOBILE, LANDLINE, SPECIAL, FREE = "33612", "33112", "33812", "338001"


def at(text, fold=0):
    """Return when the clock of Paris shows a time in October, or in another month."""
    text = text if text.startswith("2026") else f"2026-10-{text}"
    there = datetime.fromisoformat(text).replace(tzinfo=PARIS, fold=fold)
    return int(there.timestamp()) * SECOND


def use(moment, quantity, meter="calls", called=LANDLINE, area="home", line=1, ref="a"):
    """Return an event."""
    if isinstance(moment, str):
        moment = at(moment)
    called = called if meter != "data" else ""
    quantity = round(quantity * SECOND)
    return Event(ref, meter, "+336", moment, quantity, area, called, line)


def bill(plan, *events, lines=1, month=10):
    """Return the bills of the lines of a customer."""
    made = [Line(number, 1, plan) for number in range(1, lines + 1)]
    bills = telecom_rating.rate(made, events)
    return [one for one in bills if one.month.month == month]


def cents(plan, *events, meter="calls", **more):
    """Return what a meter of a line costs."""
    return bill(plan, *events, **more)[0].cents[meter]


@pytest.mark.parametrize(
    ("seconds", "called", "expected"),
    [
        (61, LANDLINE, 15),  # 61 x 0.0025 = 0.1525
        (32, LANDLINE, 15),  # a minute: 0.15
        (32, "1212", 13),  # 36 x 0.0035 = 0.126
        (57, "1212", 21),  # 60: 0.21
        (61, "1212", 23),  # 66: 0.231
        (75, "1212", 27),  # 78: 0.273
        (1, "1212", 11),  # 30: 0.105, half a cent up
        (61, SPECIAL, 112),  # 120 x 0.00833333 + 0.12 = 1.1199996
        (61, FREE, 0),
        (1, "18765", 120),  # 60 x 0.01833333 + 0.10 = 1.1999998
        (60.001, LANDLINE, 15),  # 61: 0.1525
        (1, "88161", 700),  # 60 x 0.09999999 + 1 = 6.9999994
        (1, "8613", 140),  # 60 x 0.02083333 + 0.15 = 1.3999998
        (0, "8613", 0),
    ],
)
def test_a_call_is_rounded_up_by_the_longest_prefix(seconds, called, expected):
    assert cents("payg", use("05 09:00", seconds, called=called)) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("11 23:59:59", 250),  # 1000 x 0.0025, to its end
        ("12 00:00:00", 267),  # x 0.00266667 = 2.66667
        ("24 23:59:59", 267),
        ("25 00:00:00", 258),  # x 0.00258333 = 2.58333
        ("31 23:59:59", 258),
    ],
)
def test_a_price_is_that_of_the_moment_at_which_an_event_begins(moment, expected):
    assert cents("payg", use(moment, 1000)) == expected


def test_what_is_left_of_minutes_rolls_over_up_to_a_limit_and_is_drawn_first():
    # 9,100 seconds, of which 6,000 and 3,000 are included: 100 x 0.002.
    assert cents("talk", use("02 10:00", 9_100)) == 20
    # 1,000 are left of September: 100 more are charged after 7,000.
    september = use("2026-09-30 23:59:59", 5_000)
    assert cents("talk", september, use("02 10:00", 7_100)) == 20
    # All of it was used: 60 seconds to a mobile, 30 of them covered, and the fee once:
    # 30 x 0.00233333 + 0.04 = 0.1099999.
    september = use("2026-09-02 10:00", 6_000)
    used = use("02 10:00", 5_970), use("03 10:00", 59, called=MOBILE)
    assert cents("talk", september, *used) == 11
    assert cents("talk", september, month=9) == 0


def test_lines_of_a_customer_share_minutes_in_one_order_and_megabytes():
    together = [
        use("02 10:00", 29_940, line=2),
        use("03 10:00", 1, line=2, ref="a"),
        use("03 10:00", 1, line=1, ref="b"),
    ]
    first, second = bill("family", *together, lines=2)
    assert first.cents["calls"] == 0
    # The line with the lower number came first: 60 x 0.00216667 + 0.02 = 0.1500002.
    assert second.cents["calls"] == 15
    data = use("02 10:00", 12_000, "data"), use("25 00:00", 9_000, "data", line=2)
    first, second = bill("family", *data, lines=2)
    # 1,000 x 0.00412598
    assert (first.cents["data"], second.cents["data"]) == (0, 413)


@pytest.mark.parametrize(
    ("moment", "fold", "seconds", "expected"),
    [
        # A Friday: 30 x 0.00183333 + 31 x 0.00108333 = 0.08858313
        ("09 19:59:30", 0, 61, 9),
        # A Saturday has no peak: 600 x 0.00108333
        ("10 19:55:00", 0, 600, 65),
        # Begun at night, in minutes: 30 x 0.00041667 + 90 x 0.00108333 + 0.01
        ("10 05:59:30", 0, 61, 12),
        # 03:00 is 02:00 again: 30 x 0.00041667 + 90 x 0.00091667 + 0.01 = 0.1050004
        ("25 02:59:30", 0, 61, 11),
        # The second 02:59:30: 120 x 0.00041667 + 0.01
        ("25 02:59:30", 1, 61, 6),
        # From 02:00, for the first time, two hours: 30 min off, 30 night, 30 off, 30
        # night: 3,600 x (0.00091667 + 0.00041667)
        ("25 02:00:00", 0, 7_200, 480),
    ],
)
def test_a_call_is_cut_at_bands_as_the_clock_shows_them(
    moment, fold, seconds, expected
):
    assert cents("business", use(at(moment, fold), seconds)) == expected


def test_tiers_go_on_where_prices_change_and_their_bounds_are_in_them():
    first = use("01 00:00", 400, "data")
    # 400 x 0.00999999 + 100 x 0.00949999 + 100 x 0.00675001 = 5.624996
    assert cents("data", first, use("12 00:00", 200, "data"), meter="data") == 562
    assert cents("data", use("01 00:00", 500, "data"), meter="data") == 500
    # 4.999995 + 1,500 x 0.00650001 + 4,000 x 0.00312501 + 1,000 x 0.00097657
    assert cents("data", use("01 00:00", 7_000, "data"), meter="data") == 2823


def test_by_volume_all_costs_what_the_tier_of_its_sum_costs():
    assert cents("business", use("01 00:00", 1_000, "data"), meter="data") == 800
    assert cents("business", use("01 00:00", 1_000.000001, "data"), meter="data") == 400
    both = use("01 00:00", 600, "data"), use("25 00:00", 600, "data")
    # 600 x 0.00400001 + 600 x 0.00425001 = 4.950012
    assert cents("business", *both, meter="data") == 495


@pytest.mark.parametrize(
    ("count", "expected"), [(20, 0), (21, 79), (30, 79), (31, 158)]
)
def test_a_package_that_is_begun_is_charged(count, expected):
    texts = [use("02 10:00", 1, "messages", ref=f"{n}") for n in range(count)]
    assert cents("talk", *texts, meter="messages") == expected


def test_a_share_is_of_euros_and_a_fee_of_each_event():
    # 0.10 x 0.05 is half a cent
    assert cents("payg", use("02 10:00", 0.05, "premium"), meter="premium") == 1
    assert cents("payg", use("02 10:00", 0.04, "premium"), meter="premium") == 0
    events = use("02 10:00", 12.5, "premium"), use("12 10:00", 1, "premium")
    # 0.035 x 12.5 + 0.15 + 0.0375 + 0.12 = 0.745, half a cent up
    assert cents("business", *events, meter="premium") == 75
    assert cents("business", use("02 10:00", 0, "premium"), meter="premium") == 0


def test_there_is_a_most_of_a_meter_and_a_least_of_a_line():
    used = use("02 10:00", 100, "data", area="world")
    assert cents("payg", used, meter="data") == 2500
    [unused] = bill("business")
    assert (unused.total, unused.rest) == (3000, 3000)
    [some] = bill("business", use("01 00:00", 1_000, "data"))
    assert (some.total, some.rest, some.cents["data"]) == (3000, 2200, 800)


def test_the_order_in_which_events_come_changes_nothing():
    events = [one for file in Switch(1, 20, 3_000).write() for one in file.events]
    lines = Switch(1, 20, 3_000).network.lines
    expected = telecom_rating.rate(lines, events)
    Random(1).shuffle(events)
    assert telecom_rating.rate(lines, events) == expected
    assert sum(one.total for one in expected) > 0


def test_many_events_come_to_the_same_by_way_of_files(tmp_path):
    switch = Switch(2, 60, 3_000)
    events = [one for file in switch.write() for one in file.events]
    together = telecom_rating.rate(switch.network.lines, events)
    apart = list(telecom_rating.rate_all(switch.network.lines, events, tmp_path))
    assert sorted(apart, key=repr) == sorted(together, key=repr)


def test_the_switch_writes_all_that_goes_wrong_and_the_same_again(monkeypatch):
    # Short files, so that a few thousand events are many of them.
    monkeypatch.setattr(telecom_events, "FRESH", 120)
    monkeypatch.setattr(telecom_events, "ROWS", 130)
    files = list(Switch(3, 40, 6_000).write())
    assert [file.write() for file in Switch(3, 40, 6_000).write()] == [
        file.write() for file in files
    ]
    outcomes = Counter(one for file in files for one in file.outcomes)
    assert set(outcomes) == set(telecom_events.OUTCOMES)
    refs = [event.ref for file in files for event in file.events]
    assert len(refs) == len(set(refs))
    assert all(len(file.rows) <= telecom_events.ROWS for file in files)
    names = Counter(file.name for file in files)
    assert 2 in names.values()
    # Some come when the month was billed, and none before.
    is_after = [file.is_after for file in files]
    assert any(is_after)
    assert is_after == sorted(is_after)
    # Numbers that moved are used by both, each in its time.
    users = {}
    for file in files:
        for event in file.events:
            users.setdefault(event.number, set()).add(event.line)
    assert max(map(len, users.values())) == 2

"""Events of usage are read exactly, or refused with the reason (W41)."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing_usage.tools.events import (
    UnreadableError,
    read_event,
    read_quantity,
    read_raw,
    write_raw,
)

PARIS = "Europe/Paris"
GOOD = {
    "ref": "call-1",
    "meter": "calls",
    "identifier": "+33 1 99 00 12 34",
    "time": "2026-11-30T14:05:00+01:00",
    "quantity": 61,
    "dimensions": {"country": "FR"},
}
#: Clocks that jump by an hour, by half of one, and never.
ZONES = st.sampled_from(
    [PARIS, "Australia/Lord_Howe", "America/New_York", "Asia/Tokyo"]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1))


def find_reason(default="", **values):
    with pytest.raises(UnreadableError) as caught:
        read_event(GOOD | values, default)
    return caught.value.reason


def test_event_is_read():
    event = read_event(GOOD)
    assert event.moment == datetime(2026, 11, 30, 13, 5)
    assert (event.ref, event.meter, event.quantity) == ("call-1", "calls", 61)
    assert (event.identifier, event.service) == (GOOD["identifier"], None)
    assert (event.zone, event.dimensions) == ("+01:00", {"country": "FR"})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"quantty": 1}, "shape"),
        *(
            ({"ref": ref}, "ref")
            for ref in (None, "", 7, " a", "a\0", "\ud800", "x" * 129)
        ),
        ({"meter": None}, "meter"),
        ({"identifier": None}, "identifier"),
        ({"service": 7}, "identifier"),
        *(({"identifier": None, "service": one}, "service") for one in ("7", True, -1)),
        ({"identifier": None, "service": 2**31}, "service"),
        *(
            ({"time": time}, "time")
            for time in (
                *(
                    None,
                    1764511500,
                    "2026-11-30",
                    "30/11/2026 14:05",
                    "20261130T140500Z",
                ),
                *("2026-02-30T00:00:00Z", "2026-11-30T14:05:60Z", "2026-11-30T24:00Z"),
                *("0001-01-01T00:00:00+01:00", "2026-11-30T14:05:00+24:00"),
            )
        ),
        # Beyond the calendar of the zone, or of UTC.
        *(
            ({"time": time, "zone": zone}, "time")
            for time, zone in (
                ("9999-12-31T23:59:59Z", "Asia/Tokyo"),
                ("9999-12-31T23:59:59", "America/New_York"),
                ("0001-01-01T00:00:00Z", "America/New_York"),
                ("0001-01-01T00:00:00", "Asia/Tokyo"),
            )
        ),
        ({"fold": 2}, "time"),
        ({"time": "2026-11-30T14:05:00"}, "zone"),
        ({"time": "2026-11-30T14:05:00", "zone": "Europe/Pari"}, "zone"),
        ({"time": "2026-11-30T14:05:00", "zone": "../etc"}, "zone"),
        ({"zone": "America/New_York"}, "zone"),
        ({"time": "2026-10-25 02:30:00", "zone": PARIS}, "twice"),
        ({"time": "2027-03-28 02:30:00", "zone": PARIS}, "never"),
        ({"time": "2027-03-28 02:30:00", "zone": PARIS, "fold": 1}, "never"),
        *(
            ({"quantity": number}, "quantity")
            for number in (
                *(-1, "-1", "1,5", "1e3", "", True, float("nan"), float("inf")),
                *(10**15, "0.0000000000001", [], {}, "٣"),
            )
        ),
        *(
            ({"dimensions": said}, "dimensions")
            for said in (
                *([], "FR", {"Country": "FR"}, {"country": None}, {"country": 1.5}),
                *({"country": ""}, {f"d{n}": "x" for n in range(21)}),
            )
        ),
    ],
)
def test_what_cannot_be_read_has_a_reason(values, reason):
    assert find_reason(**values) == reason


@pytest.mark.parametrize("raw", [None, [], "call", 7])
def test_what_is_no_object_is_no_event(raw):
    with pytest.raises(UnreadableError, match="shape"):
        read_event(raw)


def test_night_on_which_clocks_go_back():
    """Europe/Paris: 02:50 to 02:10 on the clock took twenty minutes."""
    begin = read_event(GOOD | {"time": "2026-10-25T02:50:00+02:00", "zone": PARIS})
    end = read_event(GOOD | {"time": "2026-10-25T02:10:00+01:00", "zone": PARIS})
    assert end.moment - begin.moment == timedelta(minutes=20)
    # A clock without its offset needs to say which time it was.
    times = [
        read_event(GOOD | {"time": "2026-10-25T02:30:00", "fold": fold}, PARIS).moment
        for fold in (0, 1)
    ]
    assert times == [datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 1, 30)]
    assert find_reason(PARIS, time="2026-10-25T02:30:00") == "twice"


@given(MOMENTS, ZONES)
def test_time_is_the_same_moment_however_it_is_written(moment, zone):
    local = moment.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
    by_offset = read_event(GOOD | {"time": local.isoformat()})
    clock = local.replace(tzinfo=None).isoformat(" ")
    by_clock = read_event(GOOD | {"time": clock, "fold": local.fold}, zone)
    both = read_event(GOOD | {"time": local.isoformat(), "zone": zone})
    assert by_offset.moment == by_clock.moment == both.moment == moment
    assert by_offset.digest == by_clock.digest == both.digest


@pytest.mark.parametrize(
    ("sent", "exact"),
    [
        (0.1, "0.1"),
        ("0.10", "0.10"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (999_999_999_999_999, "999999999999999"),
        ("999999999999999.999999999999", "999999999999999.999999999999"),
    ],
)
def test_quantity_is_what_was_written(sent, exact):
    assert read_quantity(sent) == Decimal(exact)


def test_event_that_says_the_same_has_the_same_digest():
    same = [
        {"quantity": "61.0"},
        {"time": "2026-11-30T13:05:00.000Z"},
        {"ref": "other"},
    ]
    others = [{"quantity": 60}, {"meter": "sms"}, {"dimensions": None}]
    others += [{"identifier": "+33"}, {"time": "2026-11-30T13:05:00.000001Z"}]
    digest = read_event(GOOD).digest
    assert all(read_event(GOOD | values).digest == digest for values in same)
    assert all(read_event(GOOD | values).digest != digest for values in others)
    one, none = (read_event(GOOD | {"quantity": number}) for number in (1, None))
    assert (one.digest, none.quantity) == (none.digest, None)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_was_sent_is_kept_as_it_came(raw):
    text, digest = write_raw(raw)
    assert "\0" not in text and text.encode()
    assert read_raw(text) == raw
    assert write_raw(read_raw(text)) == (text, digest)


def nest(depth):
    inner = []
    for _level in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "wrong",
    [10**5000, nest(5000), {1: 1, "a": nest(5000)}],
    ids=["digits", "lists", "names"],
)
def test_what_no_json_can_have_is_told_and_known(wrong):
    """It is refused, and what can be read of it is kept."""
    assert find_reason(quantity=wrong) == "quantity"
    text, digest = write_raw(GOOD | {"quantity": wrong})
    assert read_raw(text)["ref"] == GOOD["ref"]
    assert digest != write_raw(GOOD | {"ref": "call-2", "quantity": wrong})[1]
    assert read_raw(write_raw(wrong)[0])
    assert isinstance(read_raw("[" * 100_000), str)

"""From month to month: what is left of allowances and top-ups goes on (W41)."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.omni_billing.tools.rating.allowances import ALWAYS, Grant, roll_over
from odoo.addons.omni_billing.tools.rating.charges import PerUnit
from odoo.addons.omni_billing.tools.rating.durations import Steps
from odoo.addons.omni_billing.tools.rating.exact import to_exact
from odoo.addons.omni_billing.tools.rating.prices import (
    Event,
    Price,
    PriceList,
    always,
)
from odoo.addons.omni_billing.tools.rating.rate import rate, rate_all

BEGIN = datetime(2026, 9, 1, tzinfo=timezone.utc)
MONTH, MONTHS = timedelta(days=30), 3
OWN, MOST, ADDED = 50, 20, 40
#: The top-up begins in the second month, and ends in the third.
FROM, UNTIL = BEGIN + 1.5 * MONTH, BEGIN + 2.5 * MONTH
PRICES = PriceList([Price("Data", always(PerUnit(1)))])

#: Of each event: whose it is, its hour, and how much.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("AB"), st.integers(0, 90 * 24 - 1), st.decimals(0, 60, places=2)
    ),
    max_size=12,
)


def live(uses):
    """Rate months one after the other; return costs, and what was drawn of what."""
    costs, drawn = [], []
    rolled, topup = 0, ADDED
    for month in range(MONTHS):
        begin, end = BEGIN + month * MONTH, BEGIN + (month + 1) * MONTH
        there = {"rolled": rolled, "own": OWN, "topup": topup}
        grants = [
            Grant("rolled", rolled, priority=0),
            Grant("own", OWN, priority=1),
            Grant("topup", topup, priority=2, begin=FROM, end=UNTIL),
        ]
        services = {name: (PRICES, []) for name in "AB"}
        for number, (name, hour, quantity) in enumerate(uses):
            moment = BEGIN + timedelta(hours=hour)
            if begin <= moment < end:
                services[name][1].append(Event(f"{number}", moment, quantity))
        ratings, left = rate_all(services, grants, begin, end)
        costs.append(sum(rating.exact for rating in ratings.values()))
        drawn.append({name: units - left[name] for name, units in there.items()})
        rolled, topup = roll_over(left["own"], most=MOST), left["topup"]
    return costs, drawn


@given(EVENTS, st.randoms(use_true_random=False))
def test_no_more_is_drawn_than_there_is(uses, chance):
    """Nor in another order; and each unit is drawn or charged, once."""
    costs, drawn = live(uses)
    # What comes at one instant is told apart by its number, which stays with it.
    hours = [use[1] for use in uses]
    if len(set(hours)) == len(hours):
        again = list(uses)
        chance.shuffle(again)
        assert live(again) == (costs, drawn)
    used = sum(quantity for _name, _hour, quantity in uses)
    assert sum(costs) + sum(sum(one.values()) for one in drawn) == used
    assert sum(one["topup"] for one in drawn) <= ADDED
    assert drawn[0]["topup"] == 0
    for before, month in zip([{"own": OWN}, *drawn], drawn, strict=False):
        assert 0 <= month["own"] <= OWN
        assert 0 <= month["rolled"] <= min(MOST, OWN - before["own"])


@given(EVENTS, EVENTS)
def test_what_comes_late_never_makes_all_months_cheaper(uses, late):
    """It may cost in its own month, or in those after it: in all, no less."""
    assert sum(live(uses + late)[0]) >= sum(live(uses)[0])


def test_what_was_left_is_drawn_first_and_once():
    """50 a month, of which 20 roll over; 40 added from the middle of October on."""
    day = 24
    costs, drawn = live([("A", 10 * day, 10), ("A", 40 * day, 75), ("B", 70 * day, 60)])
    # September: 40 left, 20 roll. October: 20 + 50, and the top-up has not begun.
    assert costs == [0, 5, 0]
    assert drawn[1] == {"rolled": 20, "own": 50, "topup": 0}
    # Nothing rolled on; 10 of the top-up.
    assert drawn[2] == {"rolled": 0, "own": 50, "topup": 10}


def test_steps_are_those_of_the_version_with_which_a_call_begins():
    change = BEGIN + timedelta(days=1)
    versions = [(BEGIN, PerUnit("0.01")), (change, PerUnit("0.02"))]
    prices = PriceList([Price("Calls", versions, steps=[Steps(60, 60), Steps(1, 1)])])
    second = timedelta(seconds=1)
    calls = [Event("a", change - second, 61), Event("b", change, 61)]
    rating = rate(prices, calls, begin=BEGIN, end=ALWAYS)
    # 120 seconds at 0.01, then 61 at 0.02.
    assert rating.exact == to_exact("2.42")
    with pytest.raises(ValueError, match="its steps"):
        Price("Calls", versions, steps=[Steps()])

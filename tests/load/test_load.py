"""Faults during a large run: nothing lost, nothing doubled, and it goes on (W45)."""

from __future__ import annotations

import os

import pytest

from dev.console import say
from tests.load.outcome import Outcome
from tests.load.plan import Plan

PLAN = Plan()
#: How many customers are billed, charged and written to.
CUSTOMERS = int(os.environ.get("OMNI_LOAD_CUSTOMERS", "10000"))
KILLS = 20
OUTAGE_SECONDS = min(60, CUSTOMERS / 20)
STEPS = 3 * CUSTOMERS


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers, with faults all the way; the run is over after this."""
    partners = town.begin(CUSTOMERS)
    faults = [(STEPS * n // (KILLS + 1), "kill") for n in range(1, KILLS + 1)]
    faults += [(STEPS // 4, "PostgreSQL"), (STEPS * 2 // 3, "PostgreSQL")]
    faults += [(STEPS // 2, "Stripe")]
    waits = {}
    for least, fault in sorted(faults):
        town.wait_for_progress(least)
        if fault == "PostgreSQL":
            town.postgres.restart()
        elif fault == "Stripe":
            town.lose_stripe(OUTAGE_SECONDS)
        else:
            town.wait_until("Somebody is at work", town.kill_a_worker)
        waits.setdefault(fault, []).append(town.see_it_go_on(fault))
    left = town.wait_until_over()
    for fault, seconds in waits.items():
        say(f"{len(seconds)} × {fault}: on after {max(seconds):.1f} s at most")
    say(f"What was open was settled {left:.0f} s after the last of them")
    return partners


class TestOutcome(Outcome):
    """Workers died, PostgreSQL was cut off, and Stripe was gone."""

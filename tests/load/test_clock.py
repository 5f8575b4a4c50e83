"""The clock of the host that does all jobs is wrong, and is put right (W45)."""

from __future__ import annotations

import pytest

from dev.console import say
from tests.load.outcome import Outcome
from tests.load.plan import Host, Plan
from tests.load.sizes import FEW

AHEAD = Host(workers=1, clock="+1h")
BEHIND = Host(workers=1, clock="-1d")
PLAN = Plan(hosts={"pages": Host(crons=0), "ahead": AHEAD})
#: So long that what is not late comes to its turn.
SECONDS = 30


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers: an hour ahead, then a day behind, then in time."""
    partners = town.begin(FEW)
    # A chunk is billed, others are not yet.
    town.wait_for_progress(1)
    town.kill("ahead")
    town.start("behind", BEHIND, PLAN)
    before = town.measure()
    town.wait_for_seconds(SECONDS)
    say(f"A day behind: {town.measure() - before} steps in {SECONDS} s")
    town.kill("behind")
    town.start("right", Host(workers=1), PLAN)
    town.see_it_go_on("the clock is right again")
    town.wait_until_over()
    return partners


class TestOutcome(Outcome):
    """Who billed did not know what time it was."""

    def test_all_invoices_are_of_the_same_day(self, town, customers):
        """It is the day of the run, whoever makes them."""
        assert (
            town.count(
                "SELECT count(DISTINCT invoice_date) FROM account_move"
                " WHERE move_type = 'out_invoice'"
            )
            == 1
        )

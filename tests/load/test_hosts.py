"""Two hosts, each with a job runner and scheduled actions; one dies, then the other."""

from __future__ import annotations

import pytest

from tests.load.outcome import Outcome
from tests.load.plan import Host, Plan
from tests.load.sizes import FEW

HOST = Host(workers=3, crons=1)
PLAN = Plan(kind="queue", hosts={"first": HOST, "second": HOST})


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers by jobs, while the hosts die in turns (W45)."""
    partners = town.begin(FEW)
    for part, name in ((1, "first"), (2, "second")):
        town.wait_for_progress(FEW * part)
        town.kill(name)
        town.see_it_go_on(f"the {name} host died")
        town.start(name, HOST, PLAN)
    town.wait_until_over()
    return partners


class TestOutcome(Outcome):
    """Each runner was gone once."""

    def test_no_job_is_left(self, town, customers):
        """Jobs of dead hosts were done again, by whoever was there."""
        left = town.office.ask(
            "SELECT method_name, state, exc_message FROM queue_job"
            " WHERE state NOT IN ('done', 'cancelled')"
        )
        assert not left

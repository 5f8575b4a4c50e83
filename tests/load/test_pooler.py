"""PgBouncer stands between, in session mode, and dies as workers do (W45)."""

from __future__ import annotations

import pytest

from tests.load.outcome import Outcome
from tests.load.plan import Plan, pooled
from tests.load.sizes import FEW

PLAN = Plan(way=pooled)


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers, while workers and the pool die in turns."""
    partners = town.begin(FEW)
    for part in range(1, 7):
        town.wait_for_progress(3 * FEW * part // 7)
        if part % 3:
            town.kill_the_busiest()
            town.see_it_go_on("a worker was killed")
        else:
            town.postgres.restart()
            town.see_it_go_on("the pool died")
    town.wait_until_over()
    return partners


class TestOutcome(Outcome):
    """All connections were lost twice."""

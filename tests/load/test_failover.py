"""The database server dies during a run, and its replica takes over (W45)."""

from __future__ import annotations

import pytest

from tests.load.outcome import Outcome
from tests.load.plan import Plan, replicated
from tests.load.sizes import FEW

PLAN = Plan(way=replicated)


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers, on one server and then on the other."""
    partners = town.begin(FEW)
    town.wait_for_progress(FEW * 3 // 2)
    town.postgres.fail_over()
    town.see_it_go_on("fail-over to the replica")
    town.wait_until_over()
    return partners


class TestOutcome(Outcome):
    """The replica is the database now."""

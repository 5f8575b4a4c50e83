"""The disk for files is full during a run, and has room again (W45)."""

from __future__ import annotations

import pytest

from dev.console import say
from tests.load.outcome import Outcome
from tests.load.plan import Plan
from tests.load.sizes import FEW

PLAN = Plan(disk_mb=64)
#: E-mails whose PDF could not be kept.
HELD_UP = """
    SELECT count(*) FROM omni_billing_mail
     WHERE error_code = 'disk_full' AND state != 'sent'
"""
SENT = "SELECT count(*) FROM omni_billing_mail WHERE state = 'sent'"


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers, while no file can be written for some time."""
    partners = town.begin(FEW)
    town.wait_until("Some were written to", lambda: town.count(SENT) > FEW // 10)
    town.disk.fill()
    town.wait_until("Some are held up", lambda: town.count(HELD_UP) > FEW // 10)
    town.wait_until("The others are charged", town.is_charged)
    say(f"{town.count(HELD_UP)} e-mails were held up")
    town.disk.free()
    seconds = town.wait_until("All go out", lambda: not town.count(HELD_UP))
    say(f"The disk: all went out {seconds:.0f} s after it had room again")
    town.wait_until_over()
    return partners


class TestOutcome(Outcome):
    """Nobody could write a file."""

    def test_each_is_written_to(self, town, customers):
        """It goes on by itself: no person has to do anything."""
        assert town.count(SENT) == len(customers)

    def test_each_has_the_page(self, town, customers):
        """None was cut short by the disk."""
        for message in town.letterbox.messages:
            (page,) = message.iter_attachments()
            assert page.get_content().rstrip().endswith(b"%%EOF")

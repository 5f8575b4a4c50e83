"""Somebody pays as the job suspends the customer's service (W35, promise 7).

Whichever comes first, who has paid is not suspended in the end, pays once, and waits
for no job.
"""

from __future__ import annotations

import pytest

from tests.faults.test_two_people import (
    BILL,
    PAID,
    WORKING,
    Act,
    open_desk,
    refused,
)

__all__ = ["open_desk"]

PAY = Act("pay", "sam", PAID)


class Debtor:
    """A customer whose service is suspended by the next look."""

    def __init__(self, runs, desk):
        self._runs = runs
        self.desk = desk
        owed = runs.run("debts.owe", case=desk.case).expect()
        self._service, self._made = owed

    def look(self, stop=""):
        """Begin what the job does."""
        return self._runs.start("debts.review", stop=stop, is_job=True)

    def forget(self):
        """Leave nothing to other tests."""
        self._runs.end()
        forgotten = {"service": self._service, "made": self._made}
        self._runs.run("debts.forget", **forgotten).expect()

    @property
    def state(self):
        """Read the state of the service, and how often it was suspended."""
        return tuple(self._runs.run("debts.read", service=self._service).expect())


@pytest.fixture
def debtor(runs, open_desk):
    debtor = Debtor(runs, open_desk(BILL))
    yield debtor
    debtor.forget()


def test_job_looked_before_the_payment(debtor):
    """It begins again, and sees that nothing is owed."""
    job = debtor.look(stop="looked").wait_until_stopped()
    debtor.desk.press(PAY).expect()
    job.go_on().result().expect()
    debtor.desk.check(PAY)
    assert debtor.state == ("running", 0)


def test_job_has_the_lock(debtor):
    """Who pays is told to try again; the next look has the service go on."""
    job = debtor.look(stop="locked").wait_until_stopped()
    refused(debtor.desk.press(PAY), WORKING)
    job.go_on().result().expect()
    assert debtor.state == ("suspended", 1)
    debtor.desk.press(PAY).expect()
    debtor.look().result().expect()
    debtor.desk.check(PAY)
    assert debtor.state == ("running", 0)


@pytest.mark.parametrize("dies", [False, True], ids=["pays", "dies"])
def test_payment_is_written(debtor, dies):
    """The job leaves that customer to its next look."""
    paying = debtor.desk.start(PAY, stop="written").wait_until_stopped()
    debtor.look().result().expect()
    assert debtor.state == ("running", 0)
    if dies:
        paying.kill()
    else:
        paying.go_on().result().expect()
    debtor.look().result().expect()
    assert debtor.state == (("suspended", 1) if dies else ("running", 0))


def test_job_dies(runs, debtor):
    """All of it is done by the next look, or nothing."""
    job = debtor.look(stop="locked").wait_until_stopped()
    job.kill()
    assert debtor.state == ("running", 0)
    debtor.look().result().expect()
    assert debtor.state == ("suspended", 1)
    before = runs.run("debts.count_triggers").expect()
    debtor.desk.press(PAY).expect()
    assert runs.run("debts.count_triggers").expect() > before

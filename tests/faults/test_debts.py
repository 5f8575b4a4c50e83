"""Somebody pays as the job suspends the customer's service (W35, promise 7).

Whichever comes first, who has paid is not suspended in the end, pays once, and waits
for no job.
"""

from __future__ import annotations

import pytest

from tests.faults.test_debits import FUNDS, debit
from tests.faults.test_two_people import (
    BILL,
    PAID,
    WORKING,
    Act,
    open_desk,
    refused,
)

__all__ = ["debit", "open_desk"]

PAY = Act("pay", "sam", PAID)


class Debtor:
    """A customer whose service is suspended by the next look."""

    def __init__(self, runs, case, desk=None):
        self._runs = runs
        self._case = case
        self.desk = desk
        self._service, self._made = runs.run("debts.owe", case=case).expect()

    def look(self, stop=""):
        """Begin what the job does."""
        return self._runs.start("debts.review", stop=stop, is_job=True)

    def warn_again(self):
        """Have another notice go out, and its day come."""
        values = {"case": self._case, "made": self._made}
        self._made = self._runs.run("debts.warn_again", **values).expect()

    def forget(self):
        """Leave nothing to other tests."""
        self._runs.end()
        forgotten = {"service": self._service, "made": self._made}
        self._runs.run("debts.forget", **forgotten).expect()

    def count_told(self):
        """Count what the history says of it."""
        return self._runs.run("debts.count_told", case=self._case).expect()

    @property
    def state(self):
        """Read the state of the service, and how often it was suspended."""
        return tuple(self._runs.run("debts.read", service=self._service).expect())


@pytest.fixture
def debtor(runs, open_desk):
    desk = open_desk(BILL)
    debtor = Debtor(runs, desk.case, desk)
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
    """All of it is done by the next look, or nothing; and the same when it is paid."""
    job = debtor.look(stop="locked").wait_until_stopped()
    job.kill()
    assert debtor.state == ("running", 0)
    debtor.look().result().expect()
    assert debtor.state == ("suspended", 1)
    before = runs.run("debts.count_triggers").expect()
    debtor.desk.press(PAY).expect()
    assert runs.run("debts.count_triggers").expect() > before
    debtor.look(stop="locked").wait_until_stopped().kill()
    assert debtor.state == ("suspended", 1)
    debtor.look().result().expect()
    assert debtor.state == ("running", 0)


@pytest.mark.parametrize("moment", ["looked", "locked"])
def test_two_look_at_once(debtor, moment):
    """Suspended once, and told once; and so when it goes on."""
    for state, told in (("suspended", 1), ("running", 2)):
        first = debtor.look(stop=moment).wait_until_stopped()
        debtor.look().result().expect()
        first.go_on().result().expect()
        assert debtor.state[0] == state
        assert debtor.count_told() == told
        if state == "suspended":
            assert debtor.state == ("suspended", 1)
            debtor.desk.press(PAY).expect()


def test_bank_is_collecting_meanwhile(debit):
    """W33: that counts as paid; who it comes back of is warned anew, and suspended."""
    one = debit(FUNDS)
    one.case.run()
    ids = one.case.ids
    case = {"partner": ids["partner"], "invoices": [ids["invoice"]]}
    debtor = Debtor(one.case.subject, case)
    try:
        debtor.look().result().expect()
        one.check_collecting()
        assert debtor.state == ("running", 0)
        one.go_on()
        one.hear_all()
        one.check("unpaid", 0)
        # What was announced before it was paid is no threat any more.
        debtor.look().result().expect()
        assert debtor.state == ("running", 0)
        debtor.warn_again()
        debtor.look().result().expect()
        assert debtor.state == ("suspended", 1)
    finally:
        debtor.forget()

"""Events come as Stripe sends them: before, with and right after the answer.

Who pays or refunds is told the truth, and finds it booked, at that moment: staff in the
dialog, the customer in the portal.
"""

import pytest

from tests.faults.courier import AFTER, BEFORE, WITH
from tests.faults.harness import new_case
from tests.faults.sweeps import IS_WHOLE, some

#: Deep, as often as it takes to see two who hold each other up.
TIMES = 4 if IS_WHOLE else 1
EACH = pytest.mark.parametrize(
    "when", some([BEFORE, *WITH, AFTER], BEFORE, WITH[1], AFTER)
)


@pytest.fixture
def open_case(subjects, stripe, request):
    """Give a function that makes a case in which events come at some time."""
    cases = []

    def make(when, operation="charge"):
        case = new_case(subjects["ours"], stripe, operation, request.node.name, when)
        cases.append(case)
        return case

    yield make
    for case in cases:
        case.close()
    subjects["ours"].end()


@EACH
@pytest.mark.parametrize("operation", ["charge", "refund"])
def test_staff_are_told_that_it_worked(open_case, when, operation):
    for _time in range(TIMES):
        case = open_case(when, operation)
        assert case.run().expect() == "success"
        books = case.read()
        assert not books["open"]
        assert books["state"] == case.wish.state
        case.settle(tries=0)
        assert case.judge()["problems"] == []


@EACH
def test_customer_finds_the_invoice_paid(open_case, when):
    for time in range(TIMES):
        case = open_case(when)
        login = f"{case.ids['partner']}-{time}"
        case.subject.run("add_login", case=case.ids, login=login).expect()
        ids = {"invoices": [case.ids["invoice"]], "card": case.ids["token"]}
        paid = case.subject.run("pay_in_portal", login=login, amount=45, **ids)
        assert paid.expect() == "done"
        assert case.read()["state"] == "paid"
        case.settle(tries=0)
        assert case.judge()["problems"] == []

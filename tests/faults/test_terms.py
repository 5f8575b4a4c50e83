"""What is agreed of a service, as people and jobs change it at the same moment (W36).

Whoever dies, and whoever else is at it: one plan follows, one exit fee is charged, all
prices rise or none, and no day is free that nobody gave away.
"""

from __future__ import annotations

import pytest

from tests.faults.terms import FEE, PRICE, RISEN
from tests.faults.test_two_people import ORDERS, WORKING, refused

#: What the second of two is told, once the first has done it.
DONE = ("another plan", "Please ask us")
KILLS = ["written", "committed"]


class Agreement:
    """A customer whose service is changed by staff, by the customer and by jobs."""

    def __init__(self, runs, job, **values):
        self._runs = runs
        self.case = runs.run(f"terms.{job}", **values).expect()
        if "customer" in self.case:
            runs.users["cora"] = self.case["customer"]

    def start(self, job, by, stop=""):
        """Let one of them press."""
        return self._runs.start(f"terms.{job}", by=by, case=self.case, stop=stop)

    def press(self, job, by):
        """Let one of them press, and have the answer."""
        return self.start(job, by).result()

    def meet(self, first, job, by):
        """Let one of them press while the first stands still, who goes on then.

        :return: what came of both.
        """
        first.wait_until_stopped()
        late = self.press(job, by)
        return first.go_on().result(), late

    def charge(self, stop=""):
        """Begin what the job of recurring services does."""
        return self._runs.start("terms.charge", stop=stop, is_job=True)

    def read(self):
        """Read what became of it."""
        return self._runs.run("terms.read", case=self.case).expect()

    def check(self, **expected):
        """See that this became of it."""
        found = self.read()
        assert {name: found[name] for name in expected} == expected

    def check_changed(self):
        """See that one plan follows, at what was shown."""
        total = round(self.case["before"] + self.case["due"], 2)
        self.check(states=["ended", "running"], sum=total, fees=[])

    def check_ended(self):
        """See that it ends, for one fee."""
        self.check(ends=[True], fees=[FEE], sum=self.case["before"])

    def forget(self):
        """Leave nothing to other tests."""
        self._runs.end()
        self._runs.run("terms.forget", case=self.case).expect()


@pytest.fixture
def agree(runs, request):
    """Give a function that makes a customer."""
    made = []

    def make(job="add_case", **values):
        one = Agreement(runs, job, name=request.node.name, **values)
        made.append(one)
        return one

    yield make
    for one in made:
        one.forget()


@pytest.fixture
def service(runs, agree):
    """Give a service that is agreed for a year."""
    return agree(users=runs.users)


@pytest.mark.parametrize("step", KILLS)
@pytest.mark.parametrize("job", ["change_plan", "end"])
def test_process_dies_and_it_is_asked_again(service, job, step):
    """W36: the same dialog does it then, or answers that it is done."""
    service.start(job, "maud", step).wait_until_stopped().kill()
    check = service.check_changed if job == "change_plan" else service.check_ended
    if step == "committed":
        check()
    else:
        service.check(sum=service.case["before"], fees=[], ends=[False])
    answer = service.press(job, "maud").expect()
    check()
    assert service.press(job, "maud").expect() == answer
    check()


@pytest.mark.parametrize("held", ORDERS.values(), ids=list(ORDERS))
@pytest.mark.parametrize("moment", ["looked", "written", "committed"])
def test_staff_and_the_customer_change_the_plan(service, held, moment):
    """W36, promise 2: one of them does, and the other is told."""
    acts = [("change_plan", "maud"), ("change_own_plan", "cora")]
    first, second = acts[held], acts[1 - held]
    outcome, late = service.meet(service.start(*first, stop=moment), *second)
    if moment == "looked":
        late.expect()
        refused(outcome, *DONE)
    else:
        refused(late, *(DONE if moment == "committed" else (WORKING,)))
        outcome.expect()
    service.check_changed()


@pytest.mark.parametrize("moment", ["looked", "written"])
@pytest.mark.parametrize(
    "acts",
    [
        [("end", "maud"), ("end", "mia")],
        [("end", "maud"), ("end_own", "cora")],
        [("end_own", "cora"), ("end", "maud")],
        [("end", "maud"), ("change_own_plan", "cora")],
    ],
    ids=["two_of_staff", "staff_first", "customer_first", "end_and_plan"],
)
def test_two_at_once_end_it(service, acts, moment):
    """W36, promise 2: one fee, and none of a service that another plan follows."""
    first, second = acts
    outcome, late = service.meet(service.start(*first, stop=moment), *second)
    is_plan = second[0] == "change_own_plan"
    if moment == "looked":
        late.expect()
        # Who is of staff ends it as it ends already.
        if is_plan or first[1] == "cora":
            assert outcome.error == "UserError", outcome
    else:
        refused(late, WORKING)
        outcome.expect()
    if is_plan and moment == "looked":
        service.check_changed()
    else:
        service.check_ended()


@pytest.mark.parametrize("moment", ["begun", "priced"])
def test_discount_is_taken_back_while_its_period_is_charged(agree, moment):
    """W36: the period is charged without it, or is shown as charged too little."""
    free = agree("add_free")
    job, taken = free.meet(free.charge(stop=moment), "take_back", "maud")
    job.expect()
    if moment == "begun":
        taken.expect()
        free.check(charged=[True], sum=PRICE, discounts=0, left=[False])
        return
    refused(taken, WORKING)
    free.check(charged=[True], sum=0, discounts=1, left=[False])
    free.press("take_back", "maud").expect()
    free.check(sum=0, discounts=0, left=[True])


def test_job_charges_while_a_discount_is_taken_back(agree):
    """W36: the job leaves the service to its next run."""
    free = agree("add_free")
    task = free.start("take_back", "maud", "written").wait_until_stopped()
    free.charge().result().expect()
    free.check(charged=[False])
    task.go_on().result().expect()
    free.charge().result().expect()
    free.check(charged=[True], sum=PRICE, discounts=0)


@pytest.mark.parametrize("moment", ["begun", "priced"])
def test_service_is_suspended_while_its_period_is_charged(agree, moment):
    """F192: its days are not charged, or are shown as charged too much."""
    one = agree("add_pause")
    job, suspended = one.meet(one.charge(stop=moment), "suspend", "maud")
    job.expect()
    if moment == "priced":
        refused(suspended, WORKING)
        one.press("suspend", "maud").expect()
    else:
        suspended.expect()
    one.check(charged=[True], left=[moment == "priced"])


@pytest.mark.parametrize("moment", ["locked", "written", "committed"])
def test_prices_rise_once(agree, moment):
    """W36: all of them or none, whoever dies, and whoever else is at it."""
    rise = agree("add_rise")
    task = rise.start("apply_rise", "maud", moment).wait_until_stopped()
    late = rise.press("apply_rise", "mia")
    task.kill()
    if moment == "committed":
        refused(late, "is in force")
    else:
        refused(late, WORKING)
        rise.check(prices=[])
        rise.press("apply_rise", "mia").expect()
    refused(rise.press("apply_rise", "maud"), "is in force")
    rise.check(prices=[RISEN] * 3)


@pytest.mark.parametrize("moment", ["begun", "priced"])
def test_prices_rise_while_services_are_charged(agree, moment):
    """W36: the period is charged at the new price, or that begins after it."""
    rise = agree("add_rise")
    job, applied = rise.meet(rise.charge(stop=moment), "apply_rise", "maud")
    job.expect()
    if moment == "begun":
        applied.expect()
        rise.check(charged=[True] * 3, sum=RISEN * 3)
        return
    refused(applied, WORKING)
    refused(rise.press("apply_rise", "maud"), "changed since you looked")
    rise.check(charged=[True] * 3, sum=PRICE * 3, prices=[])

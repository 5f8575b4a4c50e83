"""W39: processes that die, and two at once, with a program that verifies messages."""

from __future__ import annotations

import json

import pytest
from standardwebhooks import Webhook

from tests.fakes.endpoint import Endpoint
from tests.faults.outgoing import STEPS


class Program:
    """Another program: it keeps what it can verify, each message once by its id."""

    def __init__(self):
        self.secret = ""
        self.taken = []
        self.endpoint = Endpoint(self._take)

    def _take(self, body, headers):
        Webhook(self.secret).verify(body, headers)
        self.taken.append((headers["webhook-id"], json.loads(body)))
        return 204

    @property
    def known(self):
        """Give the types of messages by their ids, as often as they came."""
        return dict(self.taken)


@pytest.fixture
def program(runs):
    """Give a program that listens to everything that happens here."""
    found = Program()
    told = runs.run("outgoing.listen", url=found.endpoint.url).expect()
    found.secret, found.id = told["secret"], told["id"]
    yield found
    runs.end()
    runs.run("outgoing.hush", webhook=found.id).expect()
    found.endpoint.close()
    assert not found.endpoint.crashes


@pytest.fixture
def case(runs, program, request):
    """Give an invoice, of which the outbox has one message."""
    name = f"Customer of {request.node.name}"
    return runs.run("outgoing.add_case", users=runs.users, name=name).expect()


def read(runs, program):
    return runs.run("outgoing.read", webhook=program.id).expect()


def later(runs, program):
    """Let time pass, and the job come round; tell what became of the messages."""
    runs.run("outgoing.come_due", webhook=program.id).expect()
    runs.run("outgoing.send_due", is_job=True).expect()
    return [row["state"] for row in read(runs, program)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.usefixtures("case")
def test_process_killed_while_it_sends(runs, program, step):
    """Wherever it dies, the message comes; a second time with the same id."""
    [row] = read(runs, program)
    job = runs.start("outgoing.send_due", stop=step, is_job=True)
    job.wait_until_stopped().kill()
    assert len(program.taken) == (step in ("answered", "committed"))
    assert later(runs, program) == ["sent"]
    assert set(program.known) == {row["key"]}
    assert len(program.taken) == (2 if step == "answered" else 1)
    bodies = [body for _key, body in program.taken]
    assert bodies[0] == bodies[-1]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.usefixtures("case")
def test_two_jobs_at_once(runs, program, step):
    """Who comes second leaves it to the first."""
    first = runs.start("outgoing.send_due", stop=step, is_job=True)
    first.wait_until_stopped()
    runs.run("outgoing.send_due", is_job=True).expect()
    first.go_on().result().expect()
    assert len(program.taken) == 1
    assert [row["state"] for row in read(runs, program)] == ["sent"]


def test_what_is_rolled_back_is_not_told(runs, program, case):
    """A payment that dies before its commit never was."""
    payment = runs.start("outgoing.pay", by="sam", case=case, stop="written")
    payment.wait_until_stopped().kill()
    assert [row["kind"] for row in read(runs, program)] == ["invoice.posted"]
    runs.start("outgoing.pay", by="maud", case=case).result().expect()
    kinds = [row["kind"] for row in read(runs, program)]
    assert kinds == ["invoice.posted", "invoice.paid"]


def test_two_people_at_one_invoice(runs, program, case):
    """Two pay the same at once: it is paid once, and told once."""
    first = runs.start("outgoing.pay", by="sam", case=case, stop="written")
    first.wait_until_stopped()
    second = runs.start("outgoing.pay", by="maud", case=case)
    runs.wait_for_lock(second)
    assert first.go_on().result().expect()
    assert second.result().error
    assert later(runs, program) == ["sent", "sent"]
    posted, paid = (body for _key, body in program.taken)
    assert (posted["type"], paid["type"]) == ("invoice.posted", "invoice.paid")
    assert posted["data"]["sequence"] < paid["data"]["sequence"]

"""What Stripe pays out and takes is booked once, whoever dies on the way (W46, W47).

Or comes at the same moment. Each process is one of Odoo's, which commits for real. What
is read is what has changed since the beginning of the test.
"""

from __future__ import annotations

import pytest

from tests.faults.harness import PRICE, new_case

FEE = 1.5


class Bookkeeper:
    """A company that charged a card, and what its books say of Stripe's balance."""

    def __init__(self, subject, stripe, name):
        self.case = new_case(subject, stripe, "charge", name)
        self.subject = subject
        self.stripe = stripe
        stripe.take_fees(fixed=150, dispute=1500)
        self._before = subject.run("payouts.set_up").expect()
        assert self.case.run().expect() == "success"
        (self.charge,) = stripe.store()["charges"]

    def pay_out(self):
        """Have Stripe pay out what it has."""
        return self.stripe.pay_out(self.charge["currency"])

    def start(self, job, **options):
        """Begin a job."""
        return self.subject.start(f"payouts.{job}", **options)

    def run(self, job, **options):
        """Do a job."""
        return self.start(job, **options).result()

    def lose_dispute(self):
        """Have a bank take the charge back for good, and hear of it."""
        dispute = self.stripe.dispute(self.charge["id"])
        self.stripe.close_dispute(dispute["id"], "lost")
        self.case.hear(*self.case.events())

    def read(self):
        """Read what has changed."""
        found = self.run("read").expect()
        changes = {}
        for name, value in found.items():
            old = self._before[name]
            is_list = isinstance(value, list)
            changes[name] = value[len(old) :] if is_list else round(value - old, 2)
        return changes

    def check(self, **expected):
        """See that the books say this."""
        found = self.read()
        assert {name: found[name] for name in expected} == expected

    def check_paid_out(self):
        """See that the payout is booked, once and whole."""
        self.check(
            entries=1,
            drafts=0,
            payouts=["booked"],
            unmatched=0,
            clearing=0,
            fees=FEE,
            transit=PRICE - FEE,
        )


@pytest.fixture
def books(subjects, stripe, request):
    keeper = Bookkeeper(subjects["ours"], stripe, request.node.name)
    yield keeper
    keeper.case.close()
    subjects["ours"].end()
    keeper.run("tear_down").expect()


STEPS = pytest.mark.parametrize("step", ["listed", "booked"])


@STEPS
def test_who_dies_on_the_way_leaves_nothing_half_booked(books, step):
    books.pay_out()
    books.start("fetch", stop=step, is_job=True).wait_until_stopped().kill()
    books.check(entries=0, fees=0, transit=0, clearing=PRICE)
    books.run("fetch", is_job=True).expect()
    books.check_paid_out()


@STEPS
def test_two_at_once_book_it_once(books, step):
    books.pay_out()
    first = books.start("fetch", stop=step, is_job=True).wait_until_stopped()
    second = books.start("fetch", is_job=True)
    books.subject.wait_for_lock(second)
    first.go_on().result().expect()
    second.result().expect()
    books.check_paid_out()


def test_event_while_the_job_is_at_it(books):
    books.pay_out()
    first = books.start("fetch", stop="booked", is_job=True).wait_until_stopped()
    books.case.deliver(*books.case.events("payout.reconciliation_completed")).result()
    second = books.start("process_events", is_job=True)
    books.subject.wait_for_lock(second)
    first.go_on().result().expect()
    second.result().expect()
    books.check_paid_out()


def test_stripe_gives_no_answer(books):
    books.pay_out()
    books.stripe.drop("GET", "/v1/balance_transactions", count=2)
    books.run("fetch", is_job=True).expect()
    books.check(entries=0, fees=0)
    books.stripe.clear_faults()
    books.run("fetch", is_job=True).expect()
    books.check_paid_out()


def test_dispute_while_a_process_dies(books):
    """Its events come again, all at once and in any order: each movement is booked."""
    books.stripe.dispute(books.charge["id"])
    events = books.case.events("charge.dispute.created", "charge.dispute.updated")
    books.case.deliver(*events).result()
    books.start(
        "process_events", stop="withdrawn", is_job=True
    ).wait_until_stopped().kill()
    books.check(entries=0, held=0)
    books.case.hear(*reversed(books.case.events()))
    books.check(entries=1, held=PRICE, fees=15, disputes=["open"])


def test_two_answers_of_a_dispute_at_the_same_instant(books):
    """It was lost, and is won: who was told the first has not the last word."""
    dispute = books.stripe.dispute(books.charge["id"])
    books.case.hear(*books.case.events())
    books.stripe.close_dispute(dispute["id"], "lost")
    first = books.start("fetch", stop="asked", is_job=True).wait_until_stopped()
    books.stripe.close_dispute(dispute["id"], "won")
    books.case.deliver(*books.case.events("charge.dispute.funds_reinstated")).result()
    books.run("process_events", is_job=True).expect()
    books.check(disputes=["won"])
    first.go_on().result().expect()
    books.check(entries=2, held=0, disputes=["won"])


@pytest.mark.parametrize("other", ["owed", "written_off"])
def test_lost_dispute_is_decided_once(books, other):
    books.lose_dispute()
    first = books.start("decide", by="maud", decision="owed", stop="decided")
    first.wait_until_stopped()
    second = books.start("decide", by="mia", decision=other)
    books.subject.wait_for_lock(second)
    first.go_on().result().expect()
    outcome = second.result()
    if other == "owed":
        # Who was told to wait asks again, and is answered as the first was.
        assert outcome.error in ("", "UserError"), outcome
        books.run("decide", by="mia", decision=other).expect()
    else:
        assert outcome.error == "UserError", outcome
    books.check(entries=2, held=0, losses=0, disputes=["owed"])
    assert books.case.read()["residual"] == PRICE


def test_who_dies_deciding_has_decided_nothing(books):
    books.lose_dispute()
    task = books.start("decide", by="maud", decision="owed", stop="decided")
    task.wait_until_stopped().kill()
    books.check(entries=1, held=PRICE, disputes=["lost"])
    assert books.case.read()["residual"] == 0
    books.run("decide", by="mia", decision="written_off").expect()
    books.check(entries=2, held=0, losses=PRICE, disputes=["written_off"])

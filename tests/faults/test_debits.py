"""Bank debits: days under way, with all that may happen meanwhile (W33).

Whatever process dies, and however events come: one debit at Stripe, booked when its
bank has paid and not before, owed again when it comes back, and nothing else taken
beside it.
"""

from __future__ import annotations

import time

import pytest

from tests.faults.catalogue import OFTEN, PATHS
from tests.faults.harness import PRICE, new_case
from tests.faults.sweeps import turns

DAY = 24 * 60 * 60
GOOD = "000123456789"
FUNDS = "000222222227"
CLOSED = "000111111113"
DISPUTED = "000555555559"
COLLECTING = {"state": "unpaid", "collecting": True, "fees": 0}


class Debit:
    """A customer who pays by bank debit, and an invoice."""

    def __init__(self, subject, stripe, name, number=GOOD):
        self.stripe = stripe
        self.case = new_case(subject, stripe, "charge", name)
        (customer,) = (each["id"] for each in stripe.store()["customers"])
        saved = stripe.save_account(customer, "us_bank_account", number)
        self.case.ids["token"] = subject.run(
            "add_account",
            case=self.case.ids,
            account=saved["payment_method"],
            mandate=saved["mandate"],
        ).expect()

    def go_on(self, days=20):
        """Let days pass, for banks."""
        self.stripe.be_at(int(time.time()) + days * DAY)

    def hear_all(self, backwards=False):
        """Have all events come, those that came before as well."""
        events = self.case.events()
        self.case.hear(*(reversed(events) if backwards else events))

    @property
    def books(self):
        return self.case.subject.run("read_debits", case=self.case.ids).expect()

    def check_collecting(self):
        assert COLLECTING.items() <= self.books.items()
        assert not self.case.read()["card_in"]

    def check(self, state, charged, intents=1):
        """See that Stripe and the books say the same."""
        books = self.case.read()
        store = self.stripe.store()
        real = [one for one in store["payment_intents"] if one["status"] != "canceled"]
        assert len(real) == intents
        assert sum(one["amount_captured"] for one in store["charges"]) == charged * 100
        assert (books["state"], books["open"]) == (state, False)
        assert books["ledger"] == books["receivable"]
        assert not self.case.crashes
        return books


@pytest.fixture
def debit(subjects, stripe, request):
    """Give what makes a case, by the number of its account."""
    made = []

    def make(number=GOOD):
        one = Debit(subjects["ours"], stripe, request.node.name, number)
        made.append(one)
        return one

    yield make
    for one in made:
        one.case.subject.end()
    subjects["ours"].run("forget_fees").expect()
    stripe.clear_faults()
    stripe.check()


@pytest.mark.parametrize("step", ["before the call", "answered"])
def test_process_dies(debit, step):
    """W33: between the attempt and its answer."""
    one = debit()
    one.case.start(stop=step).wait_until_stopped().kill()
    one.case.recover()
    if step == "before the call":
        # It never came to Stripe, and never will: people try again.
        one.check("unpaid", 0, intents=0)
        one.case.run()
    one.check_collecting()
    one.case.run(by="ben")
    one.go_on()
    one.case.recover()
    books = one.check("paid", PRICE)
    assert books["card_in"] == PRICE


def test_answer_is_lost(debit):
    """W33"""
    one = debit()
    one.stripe.drop(path=PATHS["charge"], count=OFTEN, executed=True)
    one.case.run()
    one.stripe.clear_faults()
    one.case.recover()
    one.check_collecting()
    one.go_on()
    one.hear_all()
    one.check("paid", PRICE)


def test_two_at_once(debit):
    """W33: two who press at the same moment make one debit.

    The second sees to it that the call of the first, which Stripe does not know yet,
    is refused when it comes.
    """
    one = debit()
    first = one.case.start(stop="before the call").wait_until_stopped()
    one.case.run(by="ben").expect()
    assert first.go_on().result().error
    one.check_collecting()
    one.go_on()
    one.hear_all()
    one.check("paid", PRICE)


@pytest.mark.parametrize(
    ("order", "number"),
    turns(["never", "twice", "backwards"], [GOOD, FUNDS, CLOSED], times=2),
)
def test_events(debit, number, order):
    """W33: events never, twice, and the last one first."""
    one = debit(number)
    one.case.subject.run("charge_fees").expect()
    one.case.run()
    one.check_collecting()
    if order == "twice":
        one.hear_all()
        one.check_collecting()
    one.go_on()
    if order == "never":
        one.case.recover()
    else:
        one.hear_all(backwards=order == "backwards")
        one.hear_all()
    is_paid = number == GOOD
    one.check("paid" if is_paid else "unpaid", PRICE if is_paid else 0)
    books = one.books
    assert books["fees"] == (0 if is_paid else 1)
    assert books["consents"] == (0 if number == CLOSED else 1)


def test_nothing_else_is_taken_meanwhile(debit):
    """W33: no cash, no void, no second debit while it is collected."""
    one = debit()
    one.case.run()
    for job in ("pay_cash", "void", "charge"):
        assert one.case.run(job, by="ben").error
    one.check_collecting()
    one.go_on()
    one.hear_all()
    books = one.check("paid", PRICE)
    assert not books["other"]


def test_cash_comes_before_the_debit(debit):
    """W33: who is about to debit sees what was paid, and the other way round."""
    one = debit()
    task = one.case.start(stop="attempt unsaved").wait_until_stopped()
    cash = one.case.meanwhile("pay_cash")
    task.go_on().result().expect()
    assert cash.result().error
    one.check_collecting()
    one.go_on()
    one.hear_all()
    one.check("paid", PRICE)


def test_bank_takes_back_what_it_paid(debit):
    """W33: owed again at once, whatever comes first, and the account is left alone."""
    one = debit(DISPUTED)
    one.case.subject.run("charge_fees").expect()
    one.case.run()
    one.go_on()
    one.hear_all(backwards=True)
    one.hear_all()
    books = one.case.read()
    assert books["state"] == "unpaid"
    assert books["ledger"] == books["receivable"]
    read = one.books
    assert (read["fees"], read["consents"], read["mandate"]) == (1, 0, "inactive")
    assert one.case.run(by="ben").error
    assert one.stripe.totals()["usd"]["net"] == 0
    assert not one.case.crashes


def test_notice_and_debit_when_processes_die(debit):
    """W33: told once, and debited once, after that; nobody is debited before."""
    one = debit()
    subject, ids = one.case.subject, one.case.ids
    subject.run("agree_to_notice", case=ids).expect()
    # By hand it is refused, and nothing is asked of Stripe.
    assert "was not told" in one.case.run().message
    subject.run("plan_debit", case=ids).expect()
    one.case.start("collect", stop="told").wait_until_stopped().kill()
    assert subject.run("count_notices", case=ids).expect() == 0
    for _twice in range(2):
        subject.run("collect").expect()
    assert subject.run("count_notices", case=ids).expect() == 1
    one.check("unpaid", 0, intents=0)
    subject.run("tell_long_ago", case=ids).expect()
    one.case.start("collect", stop="answered").wait_until_stopped().kill()
    one.case.recover()
    for _twice in range(2):
        subject.run("collect").expect()
    one.check_collecting()
    one.go_on()
    one.hear_all()
    one.check("paid", PRICE)
    assert subject.run("count_notices", case=ids).expect() == 1

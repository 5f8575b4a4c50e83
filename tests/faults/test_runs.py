"""Billing runs and services, killed anywhere and done by two at once (W8, W9, W11)."""

from __future__ import annotations

import random

import pytest
import stripe as stripe_sdk

from strict_stripe import SECRET_KEY
from tests.faults.catalogue import PATHS
from tests.faults.runs import FAST_STEPS, STEPS
from tests.faults.sweeps import some

CUSTOMERS = 12
#: Calls of one charge: the SDK repeats what broke off.
CALLS = 2


@pytest.fixture(autouse=True)
def at_rest(runs):
    """End what a test has left running."""
    yield
    runs.end()


@pytest.fixture
def customers(runs):
    """Give customers with two charges each."""
    return runs.run("add_customers", count=CUSTOMERS).expect()


def start(runs, **values):
    return runs.run("start_run", by="ann", **values).expect()


def work(runs, **options):
    return runs.start("work", is_job=True, **options)


def work_both(runs, step):
    """Have one process stop at a step until another waits for it; then both end."""
    first = work(runs, stop=step).wait_until_stopped()
    second = work(runs)
    runs.wait_for_lock(second)
    first.go_on()
    first.result().expect()
    second.result().expect()


def finish(runs, limit=10):
    """Run the job as often as its scheduler would."""
    for _slot in range(limit):
        if not work(runs).result().expect():
            return
    raise AssertionError("The run does not come to an end.")


def check_all_billed(runs, customers, ids):
    """See that each customer has one invoice of all charges, and nothing is left."""
    books = runs.run("read", runs=ids, customers=customers).expect()
    expected = [
        [partner, 20.0 * index + 3, "posted", "not_paid"]
        for index, partner in enumerate(customers, start=1)
    ]
    assert books["invoices"] == expected
    assert books["unbilled"] == 0
    assert books["sum"] == sum(invoice[1] for invoice in expected)
    assert not books["has_gaps"]
    assert not books["lines_without_invoice"]
    assert set(books["runs"]) == {"done"}
    done = [line[0] for line in books["lines"] if line[1] == "done"]
    assert sorted(done) == sorted(customers)
    return books


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_step_the_run_goes_on(runs, customers, step):
    run = start(runs)
    work(runs, stop=step).wait_until_stopped().kill()
    finish(runs)
    check_all_billed(runs, customers, [run])


def test_killed_at_any_statement_the_run_goes_on(runs, customers):
    """Ten times in a row, each time at another of its statements."""
    run = start(runs)
    chance = random.Random(20250131)
    kills = 0
    for _try in range(10):
        task = work(runs, stop=f"sql {chance.randint(1, 160)}")
        if task.stops():
            task.kill()
            kills += 1
    assert kills >= 5
    finish(runs)
    check_all_billed(runs, customers, [run])


@pytest.mark.parametrize("step", ["created", "marked", "second chunk"])
def test_two_processes_share_one_run(runs, customers, step):
    run = start(runs)
    work_both(runs, step)
    finish(runs)
    check_all_billed(runs, customers, [run])


def test_process_killed_while_another_waits_for_it(runs, customers):
    run = start(runs)
    first = work(runs, stop="marked").wait_until_stopped()
    second = work(runs)
    runs.wait_for_lock(second)
    first.kill()
    second.result().expect()
    finish(runs)
    check_all_billed(runs, customers, [run])


@pytest.mark.parametrize("step", ["prepared", "created", "second chunk"])
def test_two_runs_of_the_same_customers_at_once(runs, customers, step):
    one, other = start(runs), start(runs)
    work_both(runs, step)
    finish(runs)
    check_all_billed(runs, customers, [one, other])


# === FAST BILLING (W45) === #


@pytest.fixture
def fast(runs, customers):
    """Give customers of a company that bills fast."""
    assert runs.run("prove").expect() == [True, False]
    yield customers
    runs.run("leave_proven").expect()


@pytest.mark.parametrize("step", FAST_STEPS)
def test_killed_in_a_step_of_fast_billing_the_run_goes_on(runs, fast, step):
    run = start(runs)
    work(runs, stop=step).wait_until_stopped().kill()
    finish(runs)
    check_all_billed(runs, fast, [run])
    # Of twelve in chunks of five Odoo makes two of each, and what is left.
    assert runs.run("count_fast", runs=[run]).expect() == 6


def test_killed_at_any_statement_of_fast_billing_the_run_goes_on(runs, fast):
    run = start(runs)
    chance = random.Random(20261129)
    for _try in range(6):
        task = work(runs, stop=f"sql {chance.randint(1, 200)}")
        if task.stops():
            task.kill()
    finish(runs)
    check_all_billed(runs, fast, [run])


@pytest.mark.parametrize("step", some(FAST_STEPS, "copied", "marked"))
def test_two_processes_bill_fast(runs, fast, step):
    """The second one takes the numbers after those of the first."""
    run = start(runs)
    work_both(runs, step)
    finish(runs)
    check_all_billed(runs, fast, [run])
    assert runs.run("count_fast", runs=[run]).expect()


@pytest.fixture
def case(runs, customers):
    """Give the preview of an invoice for the first of the customers."""
    values = {"users": runs.users, "partner": customers[0]}
    return runs.run("people.add_previews", **values).expect()


def check_billed_once(runs, customers, run, first):
    """See that each has one invoice, and what the run says of the first."""
    books = runs.run("read", runs=[run], customers=customers).expect()
    assert [invoice[0] for invoice in books["invoices"]] == customers
    assert (books["unbilled"], books["has_gaps"]) == (0, False)
    states = {line[0]: line[1] for line in books["lines"]}
    assert states.pop(customers[0], "") == first
    assert states == dict.fromkeys(customers[1:], "done")


@pytest.mark.parametrize("step", ["prepared", "created", "marked", "second chunk"])
def test_one_bills_by_hand_whom_the_run_is_billing(runs, customers, case, step):
    """W9, promise 2: before the run comes to it, or not at all."""
    run = start(runs)
    task = work(runs, stop=step).wait_until_stopped()
    outcome = runs.run("people.generate", by="sam", case=case)
    task.go_on().result().expect()
    finish(runs)
    if step == "prepared":
        outcome.expect()
        check_billed_once(runs, customers, run, "skipped")
        return
    assert outcome.error == "UserError"
    told = "no longer unbilled" if step == "second chunk" else "Someone else is working"
    assert told in outcome.message
    check_billed_once(runs, customers, run, "done")


@pytest.mark.parametrize("step", ["looked", "locked", "written", "committed"])
def test_run_bills_whom_one_is_billing_by_hand(runs, customers, case, step):
    """W9, promise 2: the run leaves the customer for later, and bills the others."""
    run = start(runs)
    task = runs.start("people.generate", by="sam", case=case, stop=step)
    task.wait_until_stopped()
    job = work(runs)
    runs.wait_for_lock(job)
    # Numbers have no gaps: the next one is known when the one before is committed.
    is_waiting = not job.has_news(0)
    assert is_waiting == (step == "written")
    outcome = task.go_on().result()
    job.result().expect()
    finish(runs)
    if step == "looked":
        assert outcome.error == "UserError"
        assert "no longer unbilled" in outcome.message
    else:
        outcome.expect()
    # After the commit the run does not even begin with the customer.
    state = {"looked": "done", "committed": ""}.get(step, "skipped")
    check_billed_once(runs, customers, run, state)


def test_two_people_begin_the_same_run(runs, customers):
    run = start(runs)
    again = runs.run("press", by="ben", run=run, button="action_start")
    assert again.error == "UserError"
    finish(runs)
    check_all_billed(runs, customers, [run])


def test_database_goes_away_in_a_chunk(runs, customers):
    """Its connections are cut, as when the server restarts."""
    run = start(runs)
    task = work(runs, stop="created").wait_until_stopped()
    with runs.sql() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    task.go_on()
    assert task.result().error
    finish(runs)
    check_all_billed(runs, customers, [run])


def test_paused_and_cancelled_while_a_process_bills(runs, customers):
    run = start(runs)
    task = work(runs, stop="second chunk").wait_until_stopped()
    runs.run("press", by="ann", run=run, button="action_pause").expect()
    task.go_on()
    task.result().expect()
    books = runs.run("read", runs=[run], customers=customers).expect()
    assert books["runs"] == ["paused"]
    assert 5 <= len(books["invoices"]) < CUSTOMERS
    billed = len(books["invoices"])
    runs.run("press", by="ann", run=run, button="action_cancel").expect()
    finish(runs)
    books = runs.run("read", runs=[run], customers=customers).expect()
    assert books["runs"] == ["cancelled"]
    assert len(books["invoices"]) == billed
    other = start(runs)
    finish(runs)
    books = runs.run("read", runs=[other], customers=customers).expect()
    assert len(books["invoices"]) == CUSTOMERS


# === CHARGES === #


@pytest.fixture
def cards(runs, stripe):
    """Give customers with a card each, on an empty Stripe."""
    stripe.reset()
    stripe.hold_webhooks()
    api = stripe_sdk.StripeClient(SECRET_KEY, base_addresses={"api": stripe.url}).v1
    pairs = []
    for number in range(3):
        customer = api.customers.create({"name": f"Card {number}"}).id
        card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
        pairs.append((customer, card))
    return runs.run("add_cards", cards=pairs).expect()


def settle(runs):
    """Let the jobs run until nothing is left to learn."""
    for _time in range(3):
        runs.run("ask_stripe", is_job=True).expect()
        finish(runs)


def check_charged_once(runs, stripe, customers, run):
    books = runs.run("read", runs=[run], customers=customers).expect()
    assert [invoice[1] for invoice in books["invoices"]] == [10, 20, 30]
    assert {line[1:] == ["done", "paid"] for line in books["lines"]} == {True}
    assert books["runs"] == ["done"]
    charges = stripe.store()["charges"]
    assert sorted(c["amount_captured"] for c in charges if c["paid"]) == [
        *(1000, 2000, 3000)
    ]
    stripe.check()


@pytest.mark.parametrize(
    "step",
    ["attempt unsaved", "before the call", "answered", "unbooked", "uncommitted"],
)
def test_killed_while_a_card_is_charged(runs, stripe, cards, step):
    """W11, promise 1: charged once, and the line knows it."""
    run = start(runs, is_charge=True)
    work(runs, stop=step).wait_until_stopped().kill()
    settle(runs)
    books = runs.run("read", runs=[run], customers=cards).expect()
    if step == "before the call":
        # It never reached Stripe, so it is a try that failed: again tomorrow.
        states = sorted(line[2] for line in books["lines"])
        assert states == ["paid", "paid", "retry"]
        assert sum(c["amount_captured"] for c in stripe.store()["charges"]) == 5000
        return
    check_charged_once(runs, stripe, cards, run)


@pytest.mark.parametrize("step", ["before the call", "answered", "uncommitted"])
def test_two_processes_charge_the_same_customers(runs, stripe, cards, step):
    run = start(runs, is_charge=True)
    work_both(runs, step)
    settle(runs)
    check_charged_once(runs, stripe, cards, run)


def test_cash_for_all_of_a_run_while_the_answer_of_one_charge_is_lost(
    runs, stripe, cards
):
    """Staff pay what the run has charged: it goes on, and nothing is paid twice."""
    run = start(runs, is_charge=True)
    stripe.drop(path=PATHS["charge"], count=CALLS, executed=True)
    finish(runs)
    invoices = runs.run("find_invoices", customers=cards).expect()
    books = runs.run("read_invoices", invoices=invoices).expect()
    assert books["open"] == [True, False, False]
    assert books["states"] == ["unpaid", "paid", "paid"]
    dialog = {"by": "ann", "invoices": invoices}
    bulk = runs.run("start_bulk", mode="cash", **dialog).expect()
    errors = runs.run("run_bulk", bulk=bulk, **dialog).expect()
    assert all("it is paid" in error for error in errors)
    settle(runs)
    check_charged_once(runs, stripe, cards, run)
    books = runs.run("read_invoices", invoices=invoices).expect()
    assert books["payments"] == [["card", 10], ["card", 20], ["card", 30]]


# === SERVICES === #


def test_services_killed_and_done_by_two_at_once(runs):
    """W8, W10: each period once, whoever writes it."""
    services = runs.run("add_services", count=12, start="2025-01-01").expect()
    task = runs.start("charge_services", is_job=True, stop="services written")
    task.wait_until_stopped().kill()
    first = runs.start("charge_services", is_job=True, stop="services written")
    first.wait_until_stopped()
    second = runs.start("charge_services", is_job=True)
    runs.wait_for_lock(second)
    first.go_on()
    first.result().expect()
    second.result().expect()
    runs.run("charge_services", is_job=True).expect()
    charges = runs.run("read_services", services=services).expect()
    runs.run("end_services", services=services).expect()
    for service in services:
        mine = [charge[1:] for charge in charges if charge[0] == service]
        assert mine.count(["2025-01-01", -1]) == 1
        months = [start for start, part in mine if part == 0]
        assert months == sorted(set(months))
        assert months[:2] == ["2025-01-01", "2025-02-01"]
    sizes = {
        len([charge for charge in charges if charge[0] == service])
        for service in services
    }
    assert len(sizes) == 1

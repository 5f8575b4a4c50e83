"""Runs on several workers: nothing twice, nothing lost (promise 7)."""

from __future__ import annotations

import pytest
import stripe as stripe_sdk

from strict_stripe import SECRET_KEY
from tests.queue.office import NO_ACTIONS
from tests.queue.steps import CHARGES, CHUNK, JOBS, PDFS

CHARGE_PATH = "/v1/payment_intents"


@pytest.fixture(scope="module")
def ann(office):
    """Give the id of who bills."""
    return office.ask("SELECT id FROM res_users WHERE login = 'ann'")[0][0]


def check_billed(office, customers, amount, state="unpaid"):
    """See that each customer has one invoice of all charges."""
    invoices = office.run("read", customers=customers)
    assert invoices == [[id_, amount, "posted", state] for id_ in customers]


def read_jobs(office, method, key=""):
    """Give the state of each job, and the process that did it."""
    return office.ask(
        "SELECT state, worker_pid FROM queue_job WHERE method_name = %s"
        " AND COALESCE(identity_key, '') LIKE %s ORDER BY id",
        *(method, f"{key}%"),
    )


def test_chunks_are_spread_over_workers(office, ann):
    """4 chunks, for each a job: as many processes as may are at it at the same time.

    Nobody comes to help: a run needs no more than its beginning.
    """
    customers = office.run("add_customers", count=3 * CHUNK + 5)
    with office.closed("account_move"):
        run = office.run("start_run", by=ann)
        office.wait_for_waiting("_job_bill", JOBS)
    office.wait_until_done(run, NO_ACTIONS)
    check_billed(office, customers, 21)
    assert len(read_jobs(office, "_job_bill", f"omni.billing.run {run} ")) == 4


def test_killed_worker_loses_nothing(office, ann):
    """The queue finds out that the process is gone, and does the job again."""
    customers = office.run("add_customers", count=3 * CHUNK + 5)
    with office.closed("account_move"):
        run = office.run("start_run", by=ann)
        victim, *_others = office.wait_for_waiting("_job_bill", JOBS)
        office.kill(victim)
    office.wait_until_done(run)
    check_billed(office, customers, 21)
    jobs = read_jobs(office, "_job_bill", f"omni.billing.run {run} ")
    assert victim not in [pid for _state, pid in jobs]


def test_services_are_charged_by_jobs_and_then_billed(office, ann):
    """A run has them charged; a worker dies in the middle, and each is charged once."""
    customers = office.run("add_services", count=3 * CHUNK + 5)
    # Those that write a charge wait; who begins the run does not.
    with office.closed("omni_billing_transaction"):
        run = office.run("start_run", by=ann)
        victim, *_others = office.wait_for_waiting("_job_write_due", JOBS)
        office.kill(victim)
    office.wait_until_done(run)
    check_billed(office, customers, 10)
    jobs = read_jobs(office, "_job_write_due", f"omni.billing.run {run} services ")
    assert len(jobs) == 4
    assert len({pid for _state, pid in jobs}) > 1
    assert office.ask(
        "SELECT count(*) FROM omni_billing_transaction t JOIN omni_billing_service s"
        " ON s.id = t.service_id WHERE s.active"
    ) == [(len(customers),)]


def test_emails_and_their_pdfs_come_from_jobs(office, ann, letterbox):
    """Each customer gets one message, with the PDF that a job made before."""
    count = CHUNK + 2
    customers = office.run("add_customers", count=count, email="mail")
    run = office.run("start_run", by=ann, is_email=True)
    office.wait_until_done(run)
    for method, expected in (
        ("_job_billing_render_pdf", CHUNK // PDFS + 1),
        ("_job_deliver", count),
    ):
        office.wait_until(
            f"{expected} jobs {method} are done",
            lambda method=method, expected=expected: (
                [state for state, _pid in read_jobs(office, method)]
                == ["done"] * expected
            ),
        )
    for number in range(count):
        (message,) = letterbox.find(f"mail{number}@example.com")
        (attachment,) = message.iter_attachments()
        assert attachment.get_content_type() == "application/pdf"
    check_billed(office, customers, 21)


@pytest.fixture
def cards(stripe):
    """Give customers with a card at Stripe, for two jobs."""
    stripe.reset()
    api = stripe_sdk.StripeClient(SECRET_KEY, base_addresses={"api": stripe.url}).v1
    pairs = []
    for number in range(2 * CHARGES):
        customer = api.customers.create({"name": f"Card {number}"}).id
        card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
        pairs.append((customer, card))
    return pairs


def check_charged(office, stripe, customers):
    """See that each customer has paid, once."""
    check_billed(office, customers, 10, "paid")
    charges = stripe.store()["charges"]
    assert [charge["amount_captured"] for charge in charges] == [1000] * len(customers)
    assert len({charge["customer"] for charge in charges}) == len(customers)


def test_first_payments_are_booked_though_they_come_at_once(office, ann, stripe, cards):
    """Each of two processes finds that nothing was ever paid by card."""
    customers = office.run("add_cards", cards=cards)
    office.run("forget_payments")
    with office.closed("account_payment_method_line"):
        run = office.run("start_run", by=ann, is_charge=True)
        office.wait_for_waiting("_job_collect", 2)
    office.wait_until_done(run)
    check_charged(office, stripe, customers)


def test_cards_are_charged_once(office, ann, stripe, cards):
    """Two jobs charge; one dies after Stripe took the money, before it heard so."""
    customers = office.run("add_cards", cards=cards)
    stripe.hold(path=CHARGE_PATH, count=len(cards), executed=True)
    run = office.run("start_run", by=ann, is_charge=True)
    # Who waits for an answer does nothing else: two calls are of two processes.
    office.wait_until(
        "Two processes wait for Stripe",
        lambda: len(stripe.requests("POST", CHARGE_PATH)) == 2,
        NO_ACTIONS,
    )
    jobs = read_jobs(office, "_job_collect", f"omni.billing.run {run} ")
    victim, _other = [pid for state, pid in jobs if state == "started"]
    office.kill(victim)
    stripe.clear_faults()
    office.wait_until_done(run)
    # What the dead process had begun is learnt from Stripe a minute later; that is
    # enough for the run to learn it, too.
    office.do(
        "UPDATE payment_transaction SET create_date = create_date - INTERVAL '1 minute'"
        " WHERE billing_is_open"
    )
    office.wait_until(
        "All lines are paid",
        lambda: office.ask(
            "SELECT 1 FROM omni_billing_run_line WHERE run_id = %s"
            " AND charge_state IS DISTINCT FROM 'paid' HAVING count(*) = 0",
            run,
        ),
        "Billing: ask Stripe for lost answers",
    )
    check_charged(office, stripe, customers)

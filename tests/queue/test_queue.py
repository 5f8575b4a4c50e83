"""Runs on several workers: nothing twice, nothing lost (design §5.7)."""

from __future__ import annotations

import pytest
import stripe as stripe_sdk

from tests.fakes.stripe_server import SECRET_KEY


@pytest.fixture(scope="module")
def ann(office):
    """Give the id of who bills."""
    return office.ask("SELECT id FROM res_users WHERE login = 'ann'")[0][0]


def check_billed(office, customers, amount, state="unpaid"):
    """See that each customer has one invoice of all charges."""
    invoices = office.run("read", customers=customers)
    assert invoices == [[id_, amount, "posted", state] for id_ in customers]


def check_jobs(office, method):
    """See that all jobs ended well; return the processes that did them."""
    jobs = office.ask(
        "SELECT state, worker_pid FROM queue_job WHERE method_name = %s", method
    )
    assert {state for state, _pid in jobs} == {"done"}
    return {pid for _state, pid in jobs}


def test_chunks_are_spread_over_workers(office, ann):
    """4 chunks, for each a job; more than one process has worked."""
    customers = office.run("add_customers", count=350)
    run = office.run("start_run", by=ann)
    office.wait_until_done(run)
    check_billed(office, customers, 21)
    assert len(check_jobs(office, "_job_bill")) > 1


def test_killed_worker_loses_nothing(office, ann):
    """The queue finds out that the process is gone, and does the job again."""
    customers = office.run("add_customers", count=350)
    run = office.run("start_run", by=ann)
    office.kill_worker("_job_bill")
    office.wait_until_done(run)
    check_billed(office, customers, 21)


def test_emails_and_their_pdfs_come_from_jobs(office, ann, letterbox):
    """Each customer gets one message, with the PDF that a job made before."""
    customers = office.run("add_customers", count=25, email="mail")
    run = office.run("start_run", by=ann, is_email=True)
    office.wait_until_done(run)
    for number in range(25):
        message = letterbox.wait(f"mail{number}@example.com")
        (attachment,) = message.iter_attachments()
        assert attachment.get_content_type() == "application/pdf"
    assert all(len(letterbox.find(f"mail{n}@example.com")) == 1 for n in range(25))
    check_billed(office, customers, 21)
    check_jobs(office, "_job_deliver")
    check_jobs(office, "_job_render_pdf")


def test_cards_are_charged_once(office, ann, stripe):
    """22 cards, in two jobs; one worker dies while it charges."""
    api = stripe_sdk.StripeClient(SECRET_KEY, base_addresses={"api": stripe.url}).v1
    cards = []
    for number in range(22):
        customer = api.customers.create({"name": f"Card {number}"}).id
        card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
        cards.append((customer, card))
    customers = office.run("add_cards", cards=cards)
    run = office.run("start_run", by=ann, is_charge=True)
    office.kill_worker("_job_collect")
    office.wait_until_done(run)
    # What the dead process had begun is learnt from Stripe, then by the run.
    office.run("let_time_pass")
    office.wait_for(
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM omni_billing_run_line"
        " WHERE run_id = %s AND charge_state IS DISTINCT FROM 'paid')",
        run,
    )
    check_billed(office, customers, 10, "paid")
    charges = [api.charges.list({"customer": id_}).data for id_, _card in cards]
    assert [sum(one.amount for one in some) for some in charges] == [1000] * 22

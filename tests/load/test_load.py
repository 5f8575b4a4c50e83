"""Faults during a large run: nothing lost, nothing doubled, and it goes on (W45)."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from dev.console import say

#: How many customers are billed, charged and written to.
CUSTOMERS = int(os.environ.get("OMNI_LOAD_CUSTOMERS", "10000"))
KILLS = 20
OUTAGE_SECONDS = min(60, CUSTOMERS / 20)
STEPS = 3 * CUSTOMERS


@pytest.fixture(scope="module")
def customers(town):
    """Bill all customers, with faults all the way; the run is over after this."""
    ann = town.office.ask("SELECT id FROM res_users WHERE login = 'ann'")[0][0]
    partners = town.office.run("add_cards", cards=town.make_cards(CUSTOMERS))
    town.office.run("start_run", by=ann, is_charge=True, is_email=True)
    faults = [(STEPS * n // (KILLS + 1), "kill") for n in range(1, KILLS + 1)]
    faults += [(STEPS // 4, "PostgreSQL"), (STEPS * 2 // 3, "PostgreSQL")]
    faults += [(STEPS // 2, "Stripe")]
    waits = {}
    for least, fault in sorted(faults):
        town.wait_for_progress(least)
        if fault == "PostgreSQL":
            town.restart_postgres()
        elif fault == "Stripe":
            town.lose_stripe(OUTAGE_SECONDS)
        else:
            town.wait_until("Somebody is at work", town.kill_a_worker)
        waits.setdefault(fault, []).append(town.see_it_go_on(fault))
    left = town.wait_until_over()
    for fault, seconds in waits.items():
        say(f"{len(seconds)} × {fault}: on after {max(seconds):.1f} s at most")
    say(f"What was open was settled {left:.0f} s after the last of them")
    return partners


def test_each_customer_has_one_invoice(town, customers):
    rows = town.office.ask(
        "SELECT partner_id, count(*) FROM account_move"
        " WHERE move_type = 'out_invoice' AND state = 'posted' GROUP BY 1"
    )
    assert dict(rows) == dict.fromkeys(customers, 1)


def test_each_transaction_is_on_it(town, customers):
    assert town.office.ask(
        "SELECT count(*) FROM omni_billing_transaction"
        " WHERE transaction_type = 'charge' AND state = 'invoiced'"
    ) == [(len(customers),)]


def test_numbers_have_no_gap(town, customers):
    numbers = town.office.ask(
        "SELECT sequence_number FROM account_move"
        " WHERE move_type = 'out_invoice' AND state = 'posted' ORDER BY 1"
    )
    assert [number for (number,) in numbers] == list(range(1, len(customers) + 1))


def read_left(town):
    """Return how many charges Stripe refused or never heard of, by where they stand."""
    return town.office.ask(
        "SELECT charge_state, charge_error, count(*) FROM omni_billing_run_line"
        " WHERE charge_state = 'retry' AND charge_date IS NOT NULL"
        "    OR charge_state = 'failed' GROUP BY 1, 2"
    )


def test_each_card_is_charged_once(town, customers):
    """One that Stripe never heard of is tried again on its day, or left to staff."""
    charges = [one for one in town.stripe.store()["charges"] if one["amount_captured"]]
    assert set(Counter(one["customer"] for one in charges).values()) == {1}
    for state, reason, count in read_left(town):
        say(f"{count} not charged: {state}, {reason}")
    left = sum(count for *_rest, count in read_left(town))
    assert len(charges) + left == len(customers)


def test_books_have_what_stripe_took(town, customers):
    """Who was charged has paid, once; who was not owes it."""
    charges = [one for one in town.stripe.store()["charges"] if one["amount_captured"]]
    left = sum(count for *_rest, count in read_left(town))
    states = town.office.ask(
        "SELECT billing_state, count(*) FROM account_move"
        " WHERE move_type = 'out_invoice' GROUP BY 1"
    )
    wanted = {"paid": len(charges), "unpaid": left}
    assert dict(states) == {state: count for state, count in wanted.items() if count}
    assert town.office.ask(
        "SELECT count(*) FROM account_payment WHERE state NOT IN ('draft', 'canceled')"
    ) == [(len(charges),)]


def test_no_email_is_doubled_and_none_is_lost(town, customers):
    """What a dead process may have sent is left to a person, and to no second try."""
    subjects = Counter(
        (message["To"], message["Subject"]) for message in town.letterbox.messages
    )
    doubled = {key: count for key, count in subjects.items() if count > 1}
    assert not doubled
    told = dict(
        town.office.ask(
            "SELECT commercial_partner_id, max(state) FROM omni_billing_mail"
            " WHERE kind = 'invoice' GROUP BY 1"
        )
    )
    assert told.keys() == set(customers)
    assert set(told.values()) <= {"sent", "failed"}
    [(unknown,)] = town.office.ask(
        "SELECT count(*) FROM omni_billing_mail WHERE state = 'failed'"
        " AND needs_action IS NOT TRUE"
    )
    assert not unknown

"""Several invoices are paid while a card payment of one is under way.

What became of that one is asked of Stripe and really committed, and none of the others
is paid twice, half, or not at all for it.
"""

from __future__ import annotations

import pytest

from tests.faults.catalogue import OFTEN, PATHS
from tests.faults.harness import PRICE, new_case

OTHERS = [20.0, 30.0]


@pytest.fixture
def case(subjects, stripe, request):
    """Give a customer with a card and an invoice."""
    case = new_case(subjects["ours"], stripe, "charge", request.node.name)
    yield case
    case.subject.end()
    stripe.clear_faults()
    stripe.check()


def do(case, job, **values):
    """Have somebody do something."""
    return case.subject.run(job, by="ann", **values)


def lose_answer(case, is_executed=True):
    """Charge the card of an invoice, and lose the answer."""
    path = PATHS["charge"]
    case.stripe.drop(path=path, count=OFTEN, executed=is_executed)
    case.run()
    case.stripe.clear_faults()
    assert case.subject.run("read_invoices", invoices=[case.ids["invoice"]]).expect()[
        "open"
    ] == [True]


def add_others(case, *customers):
    """Give the ids of the invoice of the case between two others."""
    first, last = (
        case.subject.run(
            "add_invoice", case=case.ids, amount=amount, customer=customer
        ).expect()
        for amount, customer in zip(OTHERS, customers or ("", ""), strict=True)
    )
    return [first, case.ids["invoice"], last]


def check(case, invoices, payments, states=("paid",) * 3):
    """See that the books are right, and that Stripe took what they say."""
    books = case.subject.run("read_invoices", invoices=invoices).expect()
    assert books["states"] == list(states)
    assert books["payments"] == sorted(payments)
    assert not any(books["open"])
    assert books["receivable"] == books["ledger"]
    paid = sum(amount for _mode, amount in payments)
    assert books["receivable"] == round(sum(OTHERS) + PRICE - paid, 2)
    charged = sum(c["amount_captured"] for c in case.stripe.store()["charges"]) / 100
    assert charged == sum(amount for mode, amount in payments if mode == "card")


# === THE DIALOG: ONE CUSTOMER === #


def test_dialog_takes_no_cash_for_what_the_card_paid(case):
    invoices = add_others(case)
    lose_answer(case)
    pay = {"invoices": invoices, "mode": "cash"}
    outcome = do(case, "pay_several", **pay)
    assert outcome.error == "UserError"
    assert "just confirmed" in outcome.message
    check(case, invoices, [["card", 45]], ["unpaid", "paid", "unpaid"])
    others = {"invoices": invoices[::2], "mode": "cash"}
    assert do(case, "pay_several", **others).expect() == "success"
    check(case, invoices, [["card", 45], ["cash", 50]])


def test_dialog_takes_cash_where_the_charge_never_came_to_stripe(case):
    invoices = add_others(case)
    lose_answer(case, is_executed=False)
    pay = {"invoices": invoices, "mode": "cash"}
    assert do(case, "pay_several", **pay).expect() == "success"
    check(case, invoices, [["cash", 95]])


# === IN STEPS: SEVERAL CUSTOMERS === #


def start_bulk(case, mode="cash"):
    """Begin to pay three invoices of three customers."""
    invoices = add_others(case, "Silent & Sons", "Quiet Ltd")
    bulk = do(case, "start_bulk", invoices=invoices, mode=mode).expect()
    return invoices, {"bulk": bulk, "invoices": invoices}


def test_step_takes_no_cash_for_what_the_card_paid(case):
    invoices, step = start_bulk(case)
    lose_answer(case)
    errors = do(case, "run_bulk", **step).expect()
    assert [bool(error) for error in errors] == [False, True, False]
    assert "it is paid" in errors[1]
    payments = [["cash", 20], ["card", 45], ["cash", 30]]
    check(case, invoices, payments)
    # Asked for again, nothing is done again.
    do(case, "run_bulk", **step).expect()
    check(case, invoices, payments)


def test_step_takes_cash_where_the_charge_never_came_to_stripe(case):
    invoices, step = start_bulk(case)
    lose_answer(case, is_executed=False)
    assert do(case, "run_bulk", **step).expect() == [False, False, False]
    check(case, invoices, [["cash", 20], ["cash", 45], ["cash", 30]])


def test_step_takes_cash_of_the_others_while_stripe_is_down(case):
    invoices, step = start_bulk(case)
    lose_answer(case)
    with case.stripe.down():
        errors = do(case, "run_bulk", **step).expect()
    assert [bool(error) for error in errors] == [False, True, False]
    assert "under way" in errors[1]
    case.recover()
    assert not case.crashes
    check(case, invoices, [["cash", 20], ["card", 45], ["cash", 30]])


def test_step_that_is_killed_and_asked_for_again_takes_cash_once(case):
    """It dies at the third invoice; the first was committed with the second."""
    invoices, step = start_bulk(case)
    lose_answer(case, is_executed=False)
    last = {**step, "invoices": invoices[2:]}
    do(case, "run_bulk", **{**step, "invoices": invoices[:2]}).expect()
    task = case.subject.start("run_bulk", by="ann", stop="cash booked", **last)
    task.wait_until_stopped().kill()
    states = ["paid", "paid", "unpaid"]
    check(case, invoices, [["cash", 20], ["cash", 45]], states)
    assert do(case, "run_bulk", **step).expect() == [False, False, False]
    check(case, invoices, [["cash", 20], ["cash", 45], ["cash", 30]])


def test_invoice_that_cannot_be_paid_undoes_no_other(case):
    invoices, step = start_bulk(case)
    lose_answer(case, is_executed=False)
    case.subject.run("void", by="ann", case={"invoice": invoices[0]}).expect()
    errors = do(case, "run_bulk", **step).expect()
    assert [bool(error) for error in errors] == [True, False, False]
    books = case.subject.run("read_invoices", invoices=invoices).expect()
    assert books["states"] == ["void", "paid", "paid"]
    assert books["payments"] == [["cash", 30], ["cash", 45]]


def test_card_that_is_declined_undoes_no_other(case):
    """The customers without a card are told so, and the third one pays."""
    invoices, step = start_bulk(case, "stripe")
    case.stripe.decline_next()
    errors = do(case, "run_bulk", **step).expect()
    assert all(errors)
    assert "declined" in errors[1]
    check(case, invoices, [], ["unpaid"] * 3)
    errors = do(case, "run_bulk", **step).expect()
    assert [bool(error) for error in errors] == [True, False, True]
    check(case, invoices, [["card", 45]], ["unpaid", "paid", "unpaid"])


# === THE PORTAL === #


def test_customer_does_not_pay_twice_in_the_portal(case):
    invoices = add_others(case)
    login = f"customer-{case.ids['partner']}"
    case.subject.run("add_login", case=case.ids, login=login).expect()
    lose_answer(case)
    pay = {"login": login, "invoices": invoices, "card": case.ids["token"]}
    answer = case.subject.run("pay_in_portal", amount=95, **pay).expect()
    assert "just confirmed" in answer
    check(case, invoices, [["card", 45]], ["unpaid", "paid", "unpaid"])
    pay["invoices"] = invoices[::2]
    assert case.subject.run("pay_in_portal", amount=50, **pay).expect() == "done"
    check(case, invoices, [["card", 45], ["card", 50]])


# === IN A SAVEPOINT OF OTHERS === #


@pytest.mark.parametrize("job", ["charge_in_savepoint", "pay_cash_in_savepoint"])
def test_nothing_is_asked_of_stripe_in_a_savepoint_of_others(case, job):
    invoices = add_others(case)
    lose_answer(case, is_executed=False)
    outcome = case.run(job)
    assert outcome.error == "SavepointError"
    assert "Nothing was charged" in outcome.message
    case.recover()
    assert not case.crashes
    check(case, invoices, [], ["unpaid"] * 3)


def test_nothing_is_charged_in_a_savepoint_of_others(case):
    outcome = case.run("charge_in_savepoint")
    assert outcome.error == "SavepointError"
    assert not case.stripe.store()["charges"]
    case.settle()
    assert not case.judge()["problems"]


def test_cash_is_taken_in_a_savepoint_of_others(case):
    """No card payment is under way, so nothing has to be committed for it."""
    invoices = add_others(case)
    assert case.run("pay_cash_in_savepoint").expect() == "success"
    check(case, invoices, [["cash", 45]], ["unpaid", "paid", "unpaid"])

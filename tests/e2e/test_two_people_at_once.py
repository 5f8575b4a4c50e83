"""Two people press a button at the same moment, on the same things (design §5.2).

Each round is two requests that really commit. Whoever comes second is told so in one
clear message, and the books are as if the two had come one after the other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import books
import pytest
from stories import add_customer, bill, charge, prepare_bill

from dev.pytest_e2e import RpcError

ROUNDS = 10
FEWER_ROUNDS = 5
WORKING = "Someone else is working on"


@pytest.fixture(scope="module")
def sam(server):
    """Log in one of the two."""
    return server.rpc("staff")


@pytest.fixture(scope="module")
def maud(server):
    """Log in the other."""
    return server.rpc("manager")


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_generate_the_same_invoice(server, sam, maud, round_):
    """One invoice comes of it; the second is told on which the charges are."""
    cafe = add_customer(server, f"Harbour Cafe {round_}")
    charges = charge(sam, cafe, "Mobile", "Fibre", "Router", cost=30)
    first, second = prepare_bill(sam, cafe), prepare_bill(maud, cafe)

    done, refused = at_once(
        lambda: generate(sam, first), lambda: generate(maud, second)
    )

    assert len(done) == 1
    [invoice] = read_invoices(sam, cafe)
    assert invoice["id"] == done[0]["res_id"]
    assert invoice["amount_total"] == 90
    assert is_clear(refused, invoice["name"])
    billed = read_transactions(sam, charges)
    assert {t["invoice_id"][0] for t in billed} == {invoice["id"]}
    books.agree(server)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_pay_the_same_invoice(server, sam, maud, round_):
    """The money is taken once; the second is told that the invoice is paid."""
    gym = add_customer(server, f"Riverside Gym {round_}")
    charge(sam, gym, "Fibre", cost=45)
    invoice = bill(sam, gym)
    first, second = (prepare_payment(who, invoice) for who in (sam, maud))

    done, refused = at_once(lambda: pay(sam, first), lambda: pay(maud, second))

    assert len(done) == 1
    assert is_clear(refused, invoice["name"])
    [payment] = read_payments(sam, gym)
    assert payment["amount"] == 45
    [paid] = read_invoices(sam, gym)
    assert (paid["billing_state"], paid["amount_residual"]) == ("paid", 0)
    books.agree(server)


@pytest.mark.parametrize("round_", range(FEWER_ROUNDS))
def test_one_generates_what_the_other_voids(server, sam, maud, round_):
    """A charge is billed or void, never both."""
    shop = add_customer(server, f"Corner Shop {round_}")
    charges = charge(sam, shop, "Fibre", "Fibre (entered twice)", cost=45)
    preview = prepare_bill(sam, shop)

    done, refused = at_once(
        lambda: generate(sam, preview),
        lambda: maud.call("omni.billing.transaction", "action_void", charges[1:]),
    )

    assert len(done) == 1
    invoices = read_invoices(sam, shop)
    states = [t["state"] for t in read_transactions(sam, charges)]
    if invoices:
        assert states == ["invoiced", "invoiced"]
        assert is_clear(refused, invoices[0]["name"])
    else:
        assert states == ["unbilled", "void"]
        assert is_clear(refused, "Fibre (entered twice)")
    books.agree(server)


@pytest.mark.parametrize("round_", range(FEWER_ROUNDS))
def test_one_bills_again_while_the_other_still_voids(server, sam, maud, round_):
    """A charge goes from the void invoice to the next, and is never on two."""
    bistro = add_customer(server, f"Bistro Lune {round_}")
    charges = charge(sam, bistro, "Fibre", cost=45)
    preview = prepare_bill(sam, bistro)
    wrong = bill(maud, bistro)

    done, refused = at_once(
        lambda: generate(sam, preview),
        lambda: maud.call("account.move", "action_billing_void", [wrong["id"]]),
    )

    assert done
    [state] = [t["state"] for t in read_transactions(sam, charges)]
    live = [i for i in read_invoices(sam, bistro) if i["billing_state"] != "void"]
    assert len(live) == (1 if state == "invoiced" else 0)
    if refused:
        assert is_clear(refused, wrong["name"])
    else:
        assert live[0]["id"] != wrong["id"]
    books.agree(server)


@pytest.mark.parametrize("round_", range(FEWER_ROUNDS))
def test_one_pays_what_the_other_voids(server, sam, maud, round_):
    """An invoice is paid or void, never both."""
    club = add_customer(server, f"Chess Club {round_}")
    charge(sam, club, "Fibre", cost=45)
    invoice = bill(sam, club)
    payment = prepare_payment(sam, invoice)

    done, refused = at_once(
        lambda: pay(sam, payment),
        lambda: maud.call("account.move", "action_billing_void", [invoice["id"]]),
    )

    assert len(done) == 1
    assert is_clear(refused, invoice["name"])
    [end] = read_invoices(sam, club)
    taken = [payment["amount"] for payment in read_payments(sam, club)]
    assert (end["billing_state"], taken) in (("paid", [45]), ("void", []))
    books.agree(server)


def at_once(*calls):
    """Make the calls at the same moment; give the answers, and the refusals."""
    start = Barrier(len(calls))

    def make(call):
        start.wait()
        try:
            return call()
        except RpcError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        results = list(pool.map(make, calls))
    refused = [result for result in results if isinstance(result, RpcError)]
    return [result for result in results if result not in refused], refused


def is_clear(refused, name):
    """Tell whether one message says why, in words for a person."""
    [error] = refused
    message = str(error)
    return error.name == "odoo.exceptions.UserError" and (
        name in message or message.startswith(WORKING)
    )


def generate(who, preview):
    return who.call("omni.billing.proforma.wizard", "action_generate", [preview])


def prepare_payment(who, invoice):
    values = {"invoice_ids": [invoice["id"]], "mode": "cash"}
    return who.call("omni.billing.payment.wizard", "create", [values])[0]


def pay(who, payment):
    return who.call("omni.billing.payment.wizard", "action_pay", [payment])


def read_invoices(who, customer):
    fields = ["name", "amount_total", "amount_residual", "billing_state"]
    domain = [("partner_id", "=", customer), ("move_type", "=", "out_invoice")]
    return who.call("account.move", "search_read", domain, fields)


def read_transactions(who, ids):
    fields = ["state", "invoice_id"]
    return who.call("omni.billing.transaction", "read", ids, fields)


def read_payments(who, customer):
    domain = [("partner_id", "=", customer)]
    return who.call("account.payment", "search_read", domain, ["amount"])

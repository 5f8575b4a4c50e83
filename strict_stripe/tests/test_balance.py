"""What Stripe takes, and what it pays out."""

import pytest
import stripe

from .common import charge, saved_card, types_of


def rows_of(client, payout):
    params = {"payout": payout["id"], "limit": 100, "expand": ["data.source"]}
    return client.balance_transactions.list(params).data


def test_fee_is_taken_of_what_is_charged(server, client):
    server.take_fees(percent="2.9", fixed=30, tax="20")
    intent = charge(client, saved_card(client))
    row = client.charges.retrieve(
        intent.latest_charge, {"expand": ["balance_transaction"]}
    ).balance_transaction
    assert (row.amount, row.fee, row.net) == (1000, 71, 929)
    taken = {detail.type: detail.amount for detail in row.fee_details}
    assert taken == {"stripe_fee": 59, "tax": 12}
    refund = client.refunds.create({"payment_intent": intent.id, "amount": 400})
    back = client.balance_transactions.retrieve(refund.balance_transaction)
    assert (back.type, back.amount, back.fee, back.net) == ("refund", -400, 0, -400)


@pytest.mark.parametrize(
    ("currency", "fee", "tax"), [("ugx", 3200, 600), ("kwd", 3183, 637)]
)
def test_fee_has_no_cents_where_there_are_none(server, client, currency, fee, tax):
    server.take_fees(percent="2.9", fixed=300, tax="20")
    card = saved_card(client)
    intent = charge(client, card, 99400, currency=currency)
    row = client.charges.retrieve(
        intent.latest_charge, {"expand": ["balance_transaction"]}
    ).balance_transaction
    taken = {detail.type: detail.amount for detail in row.fee_details}
    assert taken == {"stripe_fee": fee, "tax": tax}


@pytest.mark.parametrize("currency", ["ugx", "kwd"])
def test_refund_has_no_more_decimals_than_its_charge(client, currency):
    intent = charge(client, saved_card(client), 99400, currency=currency)
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.refunds.create({"payment_intent": intent.id, "amount": 1234})
    assert error.value.param == "amount"


def test_payout_is_what_its_rows_come_to(server, client):
    server.take_fees(percent="1", dispute=1500)
    first = charge(client, saved_card(client), 10000)
    charge(client, saved_card(client), 5000)
    server.dispute(first.latest_charge, 2000)
    payout = server.pay_out()
    rows = rows_of(client, payout)
    own = [row for row in rows if row.type == "payout"]
    others = [row for row in rows if row.type != "payout"]
    assert [row.amount for row in own] == [-payout["amount"]]
    assert payout["amount"] == sum(row.net for row in others)
    assert payout["amount"] == 15000 - 150 - 2000 - 1500
    assert {row.source.object for row in others} == {"charge", "dispute"}
    (withdrawn,) = [row for row in others if row.reporting_category == "dispute"]
    assert (withdrawn.type, withdrawn.net) == ("adjustment", -3500)
    assert types_of(server.events("payout.reconciliation_completed"))
    # What was paid out is not paid out again.
    charge(client, saved_card(client), 700)
    assert server.pay_out()["amount"] == 693


def test_what_is_not_known_yet_or_never_cannot_be_listed(server, client):
    charge(client, saved_card(client))
    payout = server.pay_out(completed=False)
    assert payout["reconciliation_status"] == "in_progress"
    with pytest.raises(stripe.InvalidRequestError) as error:
        rows_of(client, payout)
    assert error.value.code == "payout_reconciliation_not_ready"
    server.reconcile_payout(payout["id"])
    assert len(rows_of(client, payout)) == 2
    charge(client, saved_card(client))
    manual = server.pay_out(automatic=False)
    assert manual["reconciliation_status"] == "not_applicable"
    with pytest.raises(stripe.InvalidRequestError, match="not manual"):
        rows_of(client, manual)


def test_payout_may_fail_after_it_was_paid(server, client):
    charge(client, saved_card(client))
    payout = server.pay_out()
    server.settle(payout["id"], "paid")
    assert client.payouts.retrieve(payout["id"]).status == "paid"
    server.settle(payout["id"], "failed", "account_closed")
    read = client.payouts.retrieve(payout["id"])
    assert (read.status, read.failure_code) == ("failed", "account_closed")
    back = client.balance_transactions.retrieve(read.failure_balance_transaction)
    assert (back.type, back.net) == ("payout_failure", payout["amount"])
    assert client.payouts.list({"status": "failed"}).data[0].id == payout["id"]
    assert server.pay_out()["amount"] == payout["amount"]


def test_payout_is_taken_from_the_bank_again(server, client):
    charge(client, saved_card(client))
    payout = server.pay_out()
    with pytest.raises(stripe.InvalidRequestError):
        client.payouts.reverse(payout["id"])
    server.settle(payout["id"], "paid")
    back = client.payouts.reverse(payout["id"])
    assert (back.amount, back.automatic) == (-payout["amount"], False)
    assert (back.original_payout, back.status) == (payout["id"], "in_transit")
    assert client.payouts.retrieve(payout["id"]).reversed_by == back.id
    with pytest.raises(stripe.InvalidRequestError):
        client.payouts.reverse(payout["id"])
    row = client.balance_transactions.retrieve(back.balance_transaction)
    assert (row.type, row.net) == ("payout", payout["amount"])
    second = server.pay_out()
    assert second["amount"] == payout["amount"]
    assert row.id in {each.id for each in rows_of(client, second)}


def test_what_is_paid_in_one_currency_is_kept_in_another(server, client):
    server.take_fees(percent="1", settled={"usd": ("eur", "0.9")})
    charge(client, saved_card(client), 1000, currency="usd")
    (row,) = client.balance_transactions.list({"currency": "eur"}).data
    assert (row.amount, row.fee, row.exchange_rate) == (900, 9, 0.9)
    assert server.pay_out("eur")["amount"] == 891


def test_inquiry_moves_nothing(server, client):
    intent = charge(client, saved_card(client))
    asked = server.dispute(intent.latest_charge, inquiry=True)
    assert asked["balance_transactions"] == []
    assert server.totals()["eur"]["net"] == 1000
    taken = server.close_dispute(asked["id"], "needs_response")
    assert len(taken["balance_transactions"]) == 1
    server.close_dispute(asked["id"], "won")
    read = client.disputes.retrieve(asked["id"])
    assert sum(row.net for row in read.balance_transactions) == 0
    other = server.dispute(
        charge(client, saved_card(client)).latest_charge, inquiry=True
    )
    closed = server.close_dispute(other["id"], "warning_closed")
    assert closed["balance_transactions"] == []


def test_something_else_moves_the_balance(server, client):
    server.move_balance("adjustment", 500)
    (row,) = rows_of(client, server.pay_out())[1:]
    assert (row.type, row.net, row.source) == ("adjustment", 500, None)

"""Money goes back, or a bank takes it."""

import pytest
import stripe

from .common import charge, saved_card, types_of


def test_refunds_never_exceed_the_charge(server, client):
    intent = charge(client, saved_card(client))
    first = client.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert (first.status, first.amount) == ("succeeded", 400)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.refunds.create({"payment_intent": intent.id, "amount": 601})
    rest = client.refunds.create({"charge": intent.latest_charge})
    assert rest.amount == 600
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.refunds.create({"payment_intent": intent.id})
    assert error.value.code == "charge_already_refunded"
    found = client.refunds.list({"payment_intent": intent.id}).data
    assert [refund.id for refund in found] == [rest.id, first.id]
    assert client.charges.retrieve(intent.latest_charge).refunded is True
    assert server.totals()["eur"] == {
        "charged": 1000,
        "refunded": 1000,
        "disputed": 0,
        "net": 0,
    }


def test_unpaid_intent_is_not_refunded(client):
    intent = client.payment_intents.create({"amount": 500, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.refunds.create({"payment_intent": intent.id})


def test_refund_can_be_pending_and_fail_even_after_success(server, client):
    intent = charge(client, saved_card(client))
    server.refund_next("pending")
    refund = client.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"
    server.settle(refund.id, "succeeded")
    assert client.refunds.retrieve(refund.id).status == "succeeded"
    server.settle(refund.id, "failed", "expired_or_canceled_card")
    read = client.refunds.retrieve(refund.id)
    assert (read.status, read.failure_reason) == ("failed", "expired_or_canceled_card")
    assert server.totals()["eur"]["net"] == 1000
    # The money is there again, and can be sent again.
    assert client.refunds.create({"payment_intent": intent.id}).amount == 1000
    told = types_of(server.events())
    assert told.count("refund.failed") == 1
    assert told.count("refund.updated") == told.count("charge.refund.updated") == 2


def test_refund_can_fail_at_once(server, client):
    intent = charge(client, saved_card(client))
    server.refund_next("failed")
    assert client.refunds.create({"payment_intent": intent.id}).status == "failed"
    assert server.totals()["eur"]["refunded"] == 0


def test_dispute_takes_the_money_until_it_is_won(server, client):
    intent = charge(client, saved_card(client))
    dispute = server.dispute(intent.latest_charge)
    assert client.disputes.retrieve(dispute["id"]).status == "needs_response"
    assert client.charges.retrieve(intent.latest_charge).disputed is True
    assert server.totals()["eur"]["net"] == 0
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.refunds.create({"payment_intent": intent.id})
    assert error.value.code == "charge_disputed"
    server.close_dispute(dispute["id"], "won")
    assert server.totals()["eur"]["net"] == 1000
    told = types_of(server.events())
    assert "charge.dispute.created" in told
    assert "charge.dispute.closed" in told
    lost = server.dispute(charge(client, saved_card(client)).latest_charge)
    server.close_dispute(lost["id"], "lost")
    assert server.totals()["eur"]["net"] == 1000
    # The money comes back for the one that was won only.
    (event,) = server.events("charge.dispute.funds_reinstated")
    assert event["data"]["object"]["id"] == dispute["id"]

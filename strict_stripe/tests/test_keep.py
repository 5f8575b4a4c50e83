"""What the server knows of time, and what it keeps."""

import pytest
import stripe

from strict_stripe import StripeServer

from .common import charge, client_of, saved_card

NEW_YEAR = 1767225600


def test_what_happens_happens_when_it_is_told_to(server, client):
    server.be_at(NEW_YEAR)
    intent = charge(client, saved_card(client))
    payout = server.pay_out()
    assert intent.created == payout["created"] == NEW_YEAR
    assert client.charges.retrieve(intent.latest_charge).created == NEW_YEAR
    server.be_at(None)
    assert client.customers.create({}).created > NEW_YEAR


def test_account_is_kept_from_one_run_to_the_next(tmp_path):
    keep = tmp_path / "account"
    with StripeServer(keep=keep) as server:
        server.take_fees(percent="1")
        server.add_webhook("http://127.0.0.1:9/")
        client = client_of(server)
        card = saved_card(client)
        first = charge(client, card)
        payout = server.pay_out()
    with StripeServer(keep=keep) as server:
        client = client_of(server)
        assert client.payouts.retrieve(payout["id"]).amount == payout["amount"]
        again = charge(client, card)
        assert again.customer == first.customer
        client.refunds.create({"payment_intent": first.id})
        totals = server.totals()[first.currency]
        assert (totals["charged"], totals["refunded"]) == (2000, 1000)
        # An endpoint is of one run, and the fee of all.
        assert not server.store()["webhook_endpoints"]
        assert server.store()["balance_transactions"][-2]["fee"] == 10
    with StripeServer() as server, pytest.raises(stripe.InvalidRequestError):
        client_of(server).payment_intents.retrieve(first.id)

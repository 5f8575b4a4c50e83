"""Keys of the API, its versions, and keys that make a request once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from .common import PATIENCE, VISA, body_of, charge, client_of, saved_card


def test_wrong_key_is_refused(server, http):
    unknown = client_of(server, "sk_test_wrong")
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key") as error:
        unknown.customers.create()
    assert error.value.http_status == 401
    url = f"{server.url}/v1/customers"
    assert requests.get(url, timeout=PATIENCE).status_code == 401
    assert server.store()["customers"] == []


def test_publishable_key_is_refused_where_a_secret_one_is_needed(server):
    browser = client_of(server, server.publishable_key)
    with pytest.raises(stripe.PermissionError) as error:
        browser.customers.create()
    assert error.value.http_status == 403
    assert body_of(error)["code"] == "secret_key_required"
    assert server.store()["customers"] == []


def test_browser_confirms_with_the_secret_of_the_intent(server, client):
    customer = client.customers.create()
    intent = client.payment_intents.create(
        {"amount": 500, "currency": "eur", "customer": customer.id}
    )
    browser = client_of(server, server.publishable_key)
    values = {
        "payment_method_data": {
            "type": "card",
            "card": {"number": VISA, "exp_month": 1, "exp_year": 2040, "cvc": "123"},
        },
        "return_url": "https://shop.example.com",
    }
    for wrong in ({}, {"client_secret": f"{intent.id}_secret_wrong"}):
        with pytest.raises(stripe.InvalidRequestError, match="client_secret"):
            browser.payment_intents.confirm(intent.id, {**values, **wrong})
    secret = {"client_secret": intent.client_secret}
    with pytest.raises(stripe.InvalidRequestError, match="secret key"):
        browser.payment_intents.confirm(
            intent.id, {**values, **secret, "off_session": True}
        )
    seen = browser.payment_intents.confirm(intent.id, {**values, **secret})
    assert seen.status == "succeeded"
    assert "customer" not in seen and "metadata" not in seen
    assert browser.payment_intents.retrieve(intent.id, secret).status == "succeeded"


def test_answers_follow_the_version(client, http):
    intent = charge(client, saved_card(client))
    client.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert "charges" not in intent
    path = f"/v1/payment_intents/{intent.id}"
    (old,) = http("GET", path).json()["charges"]["data"]
    assert old["id"] == intent.latest_charge
    assert [refund["amount"] for refund in old["refunds"]["data"]] == [100]
    new = client.charges.retrieve(intent.latest_charge)
    assert "refunds" not in new
    full = client.charges.retrieve(intent.latest_charge, {"expand": ["refunds"]})
    assert full.refunds.data[0].amount == 100
    assert http("GET", path, version="yesterday").status_code == 400


def test_path_or_body_that_there_is_not(server, http):
    missing = http("GET", "/v1/payments")
    assert missing.status_code == 404
    assert "Unrecognized request URL" in missing.json()["error"]["message"]
    answer = http("POST", "/v1/customers", json={"name": "Ada"})
    assert answer.status_code == 400
    assert "content type" in answer.json()["error"]["message"]
    assert server.store()["customers"] == []


def test_same_key_replays_the_answer(server, client):
    card = saved_card(client)
    first, again = (charge(client, card, key="k") for _ in "ab")
    assert first.id == again.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert server.totals()["eur"]["charged"] == 1000
    statuses = [e["replayed"] for e in server.requests("POST", "/v1/payment_intents")]
    assert statuses == [False, True]


def test_same_key_replays_a_decline(server, client):
    card = saved_card(client)
    server.decline_next()
    ids = []
    for _ in "ab":
        with pytest.raises(stripe.CardError) as error:
            charge(client, card, key="k")
        ids.append(body_of(error)["payment_intent"]["id"])
    assert ids[0] == ids[1]
    assert len(server.store()["charges"]) == 1


def test_same_key_for_something_else_is_refused(server, client):
    card = saved_card(client)
    charge(client, card, key="k")
    with pytest.raises(stripe.IdempotencyError, match="same parameters") as error:
        charge(client, card, amount=2000, key="k")
    assert body_of(error)["type"] == "idempotency_error"
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.InvalidRequestError, match="255 characters"):
        charge(client, card, key="k" * 256)
    assert server.totals()["eur"]["charged"] == 1000


def test_key_is_free_again_after_a_day(server, client):
    card = saved_card(client)
    first = charge(client, card, key="k")
    server.expire_keys()
    assert charge(client, card, key="k").id != first.id


def test_same_key_at_the_same_time_conflicts(server, client):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(charge, client, card, key="k")
        hold.wait()
        with pytest.raises(stripe.StripeError) as error:
            charge(client_of(server), card, key="k")
        hold.release()
        assert first.result().status == "succeeded"
    assert error.value.http_status == 409
    assert body_of(error)["code"] == "idempotency_key_in_use"
    assert server.totals()["eur"]["charged"] == 1000


def test_500_is_kept_for_its_key(server, client):
    card = saved_card(client)
    server.fail(500, "POST", "/v1/payment_intents")
    for _ in "ab":
        with pytest.raises(stripe.APIError) as error:
            charge(client, card, key="k")
        assert error.value.http_status == 500
    assert server.totals() == {}
    assert charge(client, card, key="other").status == "succeeded"


def test_500_may_hide_a_success(server, client):
    card = saved_card(client)
    server.fail(500, "POST", "/v1/payment_intents", executed=True)
    for _ in "ab":
        with pytest.raises(stripe.APIError):
            charge(client, card, key="k")
    assert server.totals()["eur"]["charged"] == 1000
    (found,) = client.payment_intents.list({"customer": card.customer}).data
    assert found.status == "succeeded"


def test_what_was_never_executed_is_not_kept(server, client):
    card = saved_card(client)
    with pytest.raises(stripe.InvalidRequestError):
        charge(client, card, key="k", colour="red")
    server.fail(429, "POST", "/v1/payment_intents")
    with pytest.raises(stripe.RateLimitError):
        charge(client, card, key="k")
    server.drop("POST", "/v1/payment_intents")
    with pytest.raises(stripe.APIConnectionError):
        charge(client, card, key="k")
    assert server.totals() == {}
    assert charge(client, card, key="k").status == "succeeded"

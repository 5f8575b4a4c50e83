"""Events are signed, sent and sent again."""

import socket
import time

import pytest
import stripe

from strict_stripe import WEBHOOK_SECRET, sign

from .common import ASKS_ALWAYS, OLD_VERSION, charge, saved_card, set_up_card, types_of


def test_events_are_signed_and_sent_as_they_happen(server, client, merchant):
    server.add_webhook(f"{merchant.url}/hook")
    card = saved_card(client)
    before = int(time.time())
    intent = charge(client, card, description="INV/1", key="k")
    server.wait_for_deliveries()
    events = {event.type: event for event in merchant.events()}
    assert {"customer.created", "payment_method.attached"} <= set(events)
    assert {"charge.succeeded", "payment_intent.succeeded"} <= set(events)
    event = events["payment_intent.succeeded"]
    assert event.data.object.id == intent.id
    assert event.request.idempotency_key == "k"
    assert before <= event.created <= time.time()
    assert client.events.retrieve(event.id).type == event.type
    with pytest.raises(stripe.SignatureVerificationError):
        merchant.events("whsec_wrong")


def test_each_thing_that_happens_has_its_event(server, client):
    """What the product has to hear of, in the order of one long story."""
    card = set_up_card(server, client, ASKS_ALWAYS)
    with pytest.raises(stripe.CardError):
        charge(client, card)
    intent = charge(client, card, off_session=False)
    server.authenticate(intent.id)
    client.refunds.create({"payment_intent": intent.id, "amount": 1})
    client.payment_methods.detach(card.id)
    assert types_of(server.events()) == [
        "customer.created",
        "setup_intent.created",
        "setup_intent.requires_action",
        "payment_method.attached",
        "setup_intent.succeeded",
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "payment_method.detached",
    ]


def test_event_is_a_copy_of_that_moment(server, client):
    intent = charge(client, saved_card(client), capture_method="manual")
    client.payment_intents.capture(intent.id)
    (held,) = server.events("payment_intent.amount_capturable_updated")
    assert held["data"]["object"]["status"] == "requires_capture"


def test_events_of_an_endpoint_follow_its_version(server, client, merchant):
    server.add_webhook(merchant.url, events=["charge.refunded"])
    server.add_webhook(
        merchant.url, events=["charge.refunded"], api_version=OLD_VERSION
    )
    intent = charge(client, saved_card(client))
    client.refunds.create({"payment_intent": intent.id, "amount": 10})
    server.wait_for_deliveries()
    by_version = {event.api_version: event for event in merchant.events()}
    old = by_version.pop(OLD_VERSION).data.object
    ((_version, new),) = by_version.items()
    assert old.refunds.data[0].amount == 10
    assert "refunds" not in new.data.object


def test_update_of_a_card_is_told_by_the_name_that_the_version_has(
    server, client, merchant
):
    """Stripe's changelog of 2020-08-27."""
    old_name = "payment_method.card_automatically_updated"
    name = "payment_method.automatically_updated"
    server.add_webhook(merchant.url, events=[name])
    for event in (name, old_name):
        server.add_webhook(merchant.url, events=[event], api_version=OLD_VERSION)
    server.change_card(saved_card(client).id, exp_year=2041)
    server.wait_for_deliveries()
    told = {(event.api_version, event.type) for event in merchant.events()}
    assert told == {(OLD_VERSION, old_name), (stripe.api_version, name)}


def test_event_is_sent_again_until_it_is_taken(server, client, merchant):
    server.add_webhook(merchant.url, events=["customer.created"])
    server.send_webhooks(retry_delays=[0.01, 0.01, 0.01])
    # A redirection is not followed: it is a failure too.
    merchant.answers = [500, 302]
    client.customers.create()
    server.wait_for_deliveries()
    assert [delivery["status"] for delivery in server.deliveries()] == [500, 302, 200]
    assert [each["attempt"] for each in server.deliveries()] == [1, 2, 3]
    assert len({event.id for event in merchant.events()}) == 1


def test_failing_endpoint_is_disabled(server, client, merchant):
    endpoint = server.add_webhook(merchant.url, events=["customer.created"])
    server.send_webhooks(retry_delays=[0.001] * 30)
    merchant.answers = [500] * 40
    client.customers.create()
    server.wait_for_deliveries()
    assert len(merchant.posts) == 20
    assert client.webhook_endpoints.retrieve(endpoint).status == "disabled"
    client.customers.create()
    server.wait_for_deliveries()
    assert len(merchant.posts) == 20


def test_unreachable_endpoint_is_no_trouble_for_the_caller(server, client):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.add_webhook(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        server.send_webhooks(retry_delays=[])
        client.customers.create()
        server.wait_for_deliveries()
    (delivery,) = server.deliveries()
    assert delivery["status"] is None and "Connect" in delivery["error"]


def test_held_events_are_sent_when_the_test_says_so(server, client, merchant):
    server.add_webhook(merchant.url)
    server.hold_webhooks()
    card = saved_card(client)
    ids = [charge(client, card).id for _ in "ab"]
    server.wait_for_deliveries()
    assert merchant.posts == []
    first, second = server.events("payment_intent.succeeded")
    for event in (second, first, second):
        (delivery,) = server.deliver(event["id"])
        assert delivery["status"] == 200
    told = [event.data.object.id for event in merchant.events()]
    assert told == [ids[1], ids[0], ids[1]]


def test_forged_stale_and_unsigned_deliveries(server, client, merchant):
    server.add_webhook(merchant.url)
    server.hold_webhooks()
    client.customers.create()
    (event,) = server.events("customer.created")
    old = int(time.time()) - 3600
    for how, reason in (
        ({"secret": "whsec_forged"}, "No signatures found matching"),
        ({"timestamp": old}, "outside the tolerance zone"),
    ):
        server.deliver(event["id"], **how)
        with pytest.raises(stripe.SignatureVerificationError, match=reason):
            merchant.events()
        merchant.posts.clear()
    server.deliver(event["id"], signed=False)
    ((_body, headers),) = merchant.posts
    assert "Stripe-Signature" not in headers


def test_delivery_can_be_built_and_changed_by_a_test(server, client):
    endpoint = server.add_webhook("http://127.0.0.1:9/")
    server.hold_webhooks()
    client.customers.create({"name": "Ada"})
    (event,) = server.events("customer.created")
    body, headers = server.build_delivery(event["id"], endpoint)
    signature = headers["Stripe-Signature"]
    good = stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
    assert good.data.object.name == "Ada"
    changed = body.replace(b"Ada", b"Eve")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(changed, signature, WEBHOOK_SECRET)
    resigned = sign(changed, WEBHOOK_SECRET)
    forged = stripe.Webhook.construct_event(changed, resigned, WEBHOOK_SECRET)
    assert forged.data.object.name == "Eve"


def test_endpoint_is_made_over_the_api(server, client, merchant):
    made = client.webhook_endpoints.create(
        {"url": merchant.url, "enabled_events": ["customer.created"]}
    )
    client.customers.create()
    server.wait_for_deliveries()
    assert [event.type for event in merchant.events(made.secret)] == [
        "customer.created"
    ]
    assert "secret" not in client.webhook_endpoints.retrieve(made.id)
    assert client.webhook_endpoints.delete(made.id).deleted is True
    client.customers.create()
    server.wait_for_deliveries()
    assert len(merchant.posts) == 1


def test_events_are_listed_by_type(client):
    card = saved_card(client)
    charge(client, card)
    client.payment_methods.detach(card.id)
    wanted = {"types": ["payment_method.detached", "payment_intent.succeeded"]}
    found = [event.type for event in client.events.list(wanted).data]
    assert found == wanted["types"]
    (one,) = client.events.list({"type": "charge.succeeded"}).data
    assert one.data.object.amount == 1000

"""Cards are set up, and paid with."""

import pytest
import stripe

from .common import OLD_VERSION, body_of, charge, open_intent, saved_card, types_of


def test_setup_intent_attaches_the_card(server, client):
    customer = client.customers.create()
    intent = client.setup_intents.create(
        {"customer": customer.id, "allowed_payment_method_types": ["card"]}
    )
    assert intent.status == "requires_payment_method"
    done = client.setup_intents.confirm(
        intent.id, {"payment_method": "pm_card_mastercard"}
    )
    assert done.status == "succeeded"
    (card,) = client.customers.payment_methods.list(customer.id).data
    assert (card.id, card.card.brand) == (done.payment_method, "mastercard")
    assert client.setup_intents.retrieve(intent.id).status == "succeeded"
    assert "setup_intent.succeeded" in types_of(server.events())


def test_setup_intent_tells_why_it_failed(server, client):
    customer = client.customers.create()
    values = {"customer": customer.id, "allowed_payment_method_types": ["card"]}
    with pytest.raises(stripe.CardError) as error:
        client.setup_intents.create(
            {**values, "confirm": True, "payment_method": "pm_card_chargeDeclined"}
        )
    told = body_of(error)["setup_intent"]
    assert told["status"] == "requires_payment_method"
    assert told["last_setup_error"]["decline_code"] == "generic_decline"
    intent = client.setup_intents.create(
        {
            **values,
            "confirm": True,
            "payment_method": "pm_card_authenticationRequired",
        }
    )
    failed = server.authenticate(intent.id, success=False)
    code = failed["last_setup_error"]["code"]
    assert code == "setup_intent_authentication_failure"
    assert len(server.events("setup_intent.setup_failed")) == 2
    assert client.customers.payment_methods.list(customer.id).data == []


def test_payment_intent_carries_what_it_is_for(client):
    card = saved_card(client)
    intent = charge(
        client,
        card,
        description="INV/1",
        metadata={"invoice": "1"},
        expand=["latest_charge.balance_transaction", "payment_method", "customer"],
    )
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    assert (intent.description, intent.metadata["invoice"]) == ("INV/1", "1")
    assert intent.payment_method.card.last4 == "4242"
    assert intent.customer.name == "Ada"
    assert intent.latest_charge.description == "INV/1"
    assert intent.latest_charge.metadata["invoice"] == "1"
    assert intent.latest_charge.balance_transaction.net == 1000
    plain = client.payment_intents.retrieve(intent.id)
    assert plain.latest_charge == intent.latest_charge.id
    assert plain.payment_method == card.id


def test_only_what_refers_to_objects_is_expanded(client):
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        charge(client, saved_card(client), expand=["amount"])


def test_intent_is_confirmed_later_and_once(client):
    customer = client.customers.create()
    intent = client.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "customer": customer.id,
            "allowed_payment_method_types": ["card"],
        }
    )
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.payment_intents.confirm(intent.id)
    paid = client.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert error.value.code == "payment_intent_unexpected_state"
    assert body_of(error)["payment_intent"]["id"] == intent.id


def test_intent_is_canceled_before_it_is_paid_only(server, client):
    open_one = client.payment_intents.create({"amount": 500, "currency": "usd"})
    canceled = client.payment_intents.cancel(
        open_one.id, {"cancellation_reason": "abandoned"}
    )
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert len(server.events("payment_intent.canceled")) == 1
    paid = charge(client, saved_card(client))
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        client.payment_intents.cancel(paid.id)


def test_money_can_be_held_then_captured_or_released(server, client):
    card = saved_card(client)
    first, second = (charge(client, card, capture_method="manual") for _ in "ab")
    assert first.status == "requires_capture"
    assert server.totals()["eur"]["charged"] == 0
    captured = client.payment_intents.capture(first.id, {"amount_to_capture": 600})
    assert (captured.status, captured.amount_received) == ("succeeded", 600)
    assert client.payment_intents.cancel(second.id).status == "canceled"
    assert server.totals()["eur"]["net"] == 600
    # What was released was never taken, so it cannot be given back.
    assert client.refunds.create({"payment_intent": first.id}).amount == 600
    with pytest.raises(stripe.InvalidRequestError):
        client.refunds.create({"payment_intent": second.id})


def test_payment_can_be_under_way_for_long(server, client):
    card = saved_card(client)
    server.process_next()
    server.process_next()
    good, bad = charge(client, card), charge(client, card)
    assert (good.status, bad.status) == ("processing", "processing")
    assert server.settle(good.id)["status"] == "succeeded"
    assert server.settle(bad.id, "failed")["status"] == "requires_payment_method"
    assert len(server.events("payment_intent.processing")) == 2
    assert server.totals()["eur"]["net"] == 1000


def test_lists_are_of_a_customer_newest_first_and_in_pages(client):
    card = saved_card(client)
    ids = [charge(client, card).id for _ in range(3)]
    charge(client, saved_card(client))
    page = client.payment_intents.list({"customer": card.customer, "limit": 2})
    assert [intent.id for intent in page.data] == [ids[2], ids[1]]
    assert page.has_more
    every = client.payment_intents.list({"customer": card.customer, "limit": 1})
    assert [intent.id for intent in every.auto_paging_iter()] == ids[::-1]
    before = client.payment_intents.list({"ending_before": ids[0], "limit": 1})
    assert [intent.id for intent in before.data] == [ids[1]]
    with pytest.raises(stripe.InvalidRequestError):
        client.payment_intents.list({"limit": 101})
    charged = client.charges.list({"payment_intent": ids[0]}).data
    assert [each.payment_intent for each in charged] == [ids[0]]


@pytest.mark.parametrize(
    ("values", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        (
            {"shipping": {"address": {"town": "Paris"}}},
            "shipping[address][town]",
            "parameter_unknown",
        ),
        (
            {"shipping": {"address": {"line1": "1 rue"}}},
            "shipping[name]",
            "parameter_missing",
        ),
        (
            {"shipping": {"name": "Ada", "address": {"city": "Paris"}}},
            "shipping[address][line1]",
            "parameter_missing",
        ),
        (
            {"shipping": {"name": "Ada", "address": {"line1": "1 rue", "city": ""}}},
            "shipping[address][city]",
            "parameter_invalid_empty",
        ),
        ({"amount": None}, "amount", "parameter_missing"),
        ({"amount": "10.5"}, "amount", "parameter_invalid_integer"),
        ({"amount": 0}, "amount", "parameter_invalid_integer"),
        ({"amount": 49}, "amount", "amount_too_small"),
        ({"amount": 100000000}, "amount", "amount_too_large"),
        ({"amount": 1234, "currency": "kwd"}, "amount", None),
        ({"amount": 1250, "currency": "ugx"}, "amount", None),
        ({"currency": "iqd"}, "currency", None),
        ({"currency": "euro"}, "currency", None),
        ({"confirm": "yes"}, "confirm", None),
        ({"confirm": "1"}, "confirm", None),
        ({"confirm": False}, "off_session", None),
        ({"customer": "cus_unknown"}, "customer", "resource_missing"),
        ({"payment_method": "pm_unknown"}, "payment_method", "resource_missing"),
        ({"customer": ""}, "customer", "parameter_invalid_empty"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        # Methods that may redirect need a way back, even if this card does not.
        ({"allowed_payment_method_types": None}, "return_url", None),
    ],
)
def test_bad_parameter_is_refused_by_name(server, client, values, param, code):
    card = saved_card(client)
    with pytest.raises(stripe.InvalidRequestError) as error:
        charge(client, card, **values)
    assert (error.value.http_status, error.value.param) == (400, param)
    assert error.value.code == code
    assert server.store()["payment_intents"] == []


TYPES_GONE = "payment_method_types_no_longer_supported"


@pytest.mark.parametrize(
    ("version", "name", "code"),
    [
        (OLD_VERSION, "payment_method_types", None),
        ("2026-07-29.dahlia", "payment_method_types", None),
        ("2026-09-30.endive", "payment_method_types", TYPES_GONE),
        ("2026-10-28.endive", "payment_method_types", TYPES_GONE),
        (OLD_VERSION, "allowed_payment_method_types", "parameter_unknown"),
        ("2026-06-24.dahlia", "allowed_payment_method_types", "parameter_unknown"),
        ("2026-07-29.dahlia", "allowed_payment_method_types", None),
        ("2026-10-28.endive", "allowed_payment_method_types", None),
    ],
)
def test_methods_are_named_as_the_version_has_it(client, http, version, name, code):
    """Stripe's changelog of 2026-07-29 and 2026-09-30."""
    card = saved_card(client)
    payment = {"amount": 500, "currency": "eur", "customer": card.customer}
    paths = [("/v1/payment_intents", payment), ("/v1/setup_intents", {})]
    for path, values in paths[:]:
        intent = http("POST", path, data=values).json()
        paths.append((f"{path}/{intent['id']}", {}))
    paid = {"payment_method": card.id, "return_url": "https://shop.example.com"}
    paths.append((f"{paths[2][0]}/confirm", paid))
    for path, values in paths:
        data = {**values, f"{name}[]": "card"}
        answer = http("POST", path, version=version, data=data)
        error = answer.json().get("error", {})
        assert (answer.status_code, error.get("code")) == (400 if code else 200, code)
        assert error.get("param") == (name if code else None)


def test_allowed_methods_that_cannot_be_used_are_dropped(client):
    intent = open_intent(client, allowed_payment_method_types=["boleto", "card"])
    assert intent.payment_method_types == ["card"]
    assert intent.allowed_payment_method_types == ["boleto", "card"]
    assert intent.automatic_payment_methods is None
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method"):
        open_intent(client, allowed_payment_method_types=["boleto"])


def test_methods_are_either_allowed_or_automatic(client):
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        open_intent(
            client,
            allowed_payment_method_types=["card"],
            automatic_payment_methods={"enabled": True},
        )


def test_booleans_may_be_written_in_capitals_as_odoo_does(server, client, http):
    card = saved_card(client)
    values = {"amount": 500, "currency": "eur", "customer": card.customer}
    values.update(payment_method=card.id, confirm=True, off_session=True)
    answer = http("POST", "/v1/payment_intents", data=values).json()
    assert answer["status"] == "succeeded"
    (entry,) = server.requests("POST", "/v1/payment_intents")
    assert entry["params"]["confirm"] == "True"

"""The Stripe of our tests is as strict as the real one, seen by Stripe's own SDK."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import stripe

from dev import browsing
from tests.fakes.stripe_server import (
    WEBHOOK_SECRET,
    StripeServer,
    StripeServerError,
    sign,
)

VISA = "4242424242424242"
MASTERCARD = "5555555555554444"
AMEX = "378282246310005"
GENERIC_DECLINE = "4000000000000002"
INSUFFICIENT_FUNDS = "4000000000009995"
EXPIRED = "4000000000000069"
DECLINED_LATER = "4000000000000341"
ASKS_ONCE = "4000002500003155"
ASKS_ALWAYS = "4000002760003184"
ODOO_VERSION = "2019-05-16"
#: Seconds to connect, and to wait for an answer: nobody is slow but on purpose.
PATIENCE = (60, 60)


@pytest.fixture(scope="module")
def running():
    with StripeServer() as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    yield running
    running.check()


@pytest.fixture
def client(server):
    return client_of(server)


def client_of(server, key=None, timeout=PATIENCE, **options):
    return stripe.StripeClient(
        key or server.secret_key,
        base_addresses={"api": server.url},
        http_client=stripe.RequestsClient(timeout=timeout),
        **options,
    ).v1


@pytest.fixture
def http(server):
    """Requests without the SDK, in the version that payment_stripe pins."""

    def ask(method, path, key=None, version=ODOO_VERSION, **values):
        headers = {"Authorization": f"Bearer {key or server.secret_key}"}
        if version:
            headers["Stripe-Version"] = version
        return requests.request(
            method,
            f"{server.url}{path}",
            headers={**headers, **values.pop("headers", {})},
            timeout=PATIENCE,
            **values,
        )

    return ask


def new_card(client, number=VISA, cvc="123", **card):
    year = time.gmtime().tm_year + 3
    typed = {"number": number, "exp_month": 12, "exp_year": year, "cvc": cvc, **card}
    return client.payment_methods.create({"type": "card", "card": typed})


def saved_card(client, number=VISA, customer=None):
    customer = customer or client.customers.create({"name": "Ada"})
    card = new_card(client, number)
    return client.payment_methods.attach(card.id, {"customer": customer.id})


def set_up_card(server, client, number):
    """Save a card with its owner present, who authenticates."""
    customer = client.customers.create()
    intent = client.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": new_card(client, number).id,
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
    )
    if intent.status == "requires_action":
        server.authenticate(intent.id)
    return client.payment_methods.retrieve(intent.payment_method)


def charge(client, card, amount=1000, key=None, **values):
    """Charge a saved card with nobody present."""
    params = {
        "amount": amount,
        "currency": "eur",
        "customer": card.customer,
        "payment_method": card.id,
        "allowed_payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        **values,
    }
    return client.payment_intents.create(
        params, {"idempotency_key": key} if key else {}
    )


def body_of(error):
    return error.value.json_body["error"]


def types_of(events):
    return [event["type"] for event in events]


# === CARDS === #


@pytest.mark.parametrize(
    ("number", "cvc", "brand"),
    [(VISA, "123", "visa"), (MASTERCARD, "123", "mastercard"), (AMEX, "1234", "amex")],
)
def test_card_has_brand_last_digits_and_expiry(client, number, cvc, brand):
    card = new_card(client, number, cvc, exp_month=7).card
    assert (card.brand, card.last4, card.exp_month) == (brand, number[-4:], 7)


def test_same_number_has_same_fingerprint_for_everybody(client):
    first, again, other = map(
        lambda number: saved_card(client, number), (VISA, VISA, MASTERCARD)
    )
    assert first.customer != again.customer
    assert first.card.fingerprint == again.card.fingerprint
    assert first.card.fingerprint != other.card.fingerprint


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
        ({"cvc": "12"}, "invalid_cvc"),
        ({"number": AMEX, "cvc": "123"}, "invalid_cvc"),
        # Its check digit is right, but it is no test card.
        ({"number": "4111111111111111"}, "card_declined"),
    ],
)
def test_mistyped_card_is_refused(client, change, code):
    with pytest.raises(stripe.CardError) as error:
        new_card(client, **change)
    assert body_of(error)["code"] == code


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        (GENERIC_DECLINE, "card_declined", "generic_decline"),
        (INSUFFICIENT_FUNDS, "card_declined", "insufficient_funds"),
        (EXPIRED, "expired_card", None),
    ],
)
def test_declining_card_is_declined_when_saved_and_when_charged(
    server, client, number, code, decline_code
):
    with pytest.raises(stripe.CardError) as error:
        saved_card(client, number)
    assert (error.value.code, body_of(error).get("decline_code")) == (
        code,
        decline_code,
    )
    # A card that a customer types for one payment.
    with pytest.raises(stripe.CardError) as error:
        charge(
            client,
            SimpleNamespace(id=new_card(client, number).id, customer=None),
            customer=client.customers.create().id,
            off_session=False,
        )
    told = body_of(error)
    assert error.value.http_status == 402
    assert (told["type"], told["code"]) == ("card_error", code)
    assert told.get("decline_code") == decline_code
    intent = client.payment_intents.retrieve(told["payment_intent"]["id"])
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == code
    assert intent.latest_charge == told["charge"]
    assert client.charges.retrieve(told["charge"]).failure_code == code
    assert server.totals()["eur"]["net"] == 0


def test_card_may_be_saved_and_declined_later(client):
    card = saved_card(client, DECLINED_LATER)
    with pytest.raises(stripe.CardError) as error:
        charge(client, card)
    assert body_of(error)["decline_code"] == "generic_decline"


def test_card_that_asks_once_works_alone_after_set_up(server, client):
    unasked = saved_card(client, ASKS_ONCE)
    with pytest.raises(stripe.CardError, match="requires authentication"):
        charge(client, unasked)
    card = set_up_card(server, client, ASKS_ONCE)
    assert charge(client, card).status == "succeeded"


def test_card_that_always_asks_answers_402_when_nobody_is_there(server, client):
    card = set_up_card(server, client, ASKS_ALWAYS)
    with pytest.raises(stripe.CardError) as error:
        charge(client, card)
    told = body_of(error)
    assert error.value.http_status == 402
    assert told["code"] == told["decline_code"] == "authentication_required"
    assert told["payment_intent"]["status"] == "requires_payment_method"
    assert told["payment_intent"]["last_payment_error"]["payment_method"]["id"]
    assert told["payment_method"]["id"] == card.id
    # Its owner comes, pays the same intent, and is asked.
    intent = client.payment_intents.confirm(
        told["payment_intent"]["id"], {"payment_method": card.id}
    )
    assert intent.status == "requires_action"
    assert server.authenticate(intent.id)["status"] == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_asked_card_may_be_declined_yet(server, client):
    card = saved_card(client, "4000008260003178")
    intent = charge(client, card, off_session=False)
    assert intent.status == "requires_action"
    after = server.authenticate(intent.id)
    assert after["status"] == "requires_payment_method"
    assert after["last_payment_error"]["decline_code"] == "insufficient_funds"


def test_failed_authentication_ends_the_attempt(server, client):
    intent = charge(client, saved_card(client, ASKS_ALWAYS), off_session=False)
    after = server.authenticate(intent.id, success=False)
    assert after["status"] == "requires_payment_method"
    error = after["last_payment_error"]
    assert error["code"] == "payment_intent_authentication_failure"
    assert server.totals() == {}


def test_saved_card_can_start_to_decline(server, client):
    card = saved_card(client)
    assert charge(client, card).status == "succeeded"
    server.card_becomes(card.id, EXPIRED)
    with pytest.raises(stripe.CardError) as error:
        charge(client, card)
    assert error.value.code == "expired_card"


def test_bank_can_decline_any_card_once(server, client):
    card = saved_card(client)
    server.decline_next("insufficient_funds")
    with pytest.raises(stripe.CardError, match="insufficient funds"):
        charge(client, card)
    assert charge(client, card).status == "succeeded"


# === CUSTOMERS AND THEIR CARDS === #


def test_customer_keeps_what_was_written(client):
    customer = client.customers.create(
        {"name": "Ada", "email": "ada@example.com", "metadata": {"7": "a", "b": "c"}}
    )
    client.customers.update(customer.id, {"metadata": {"7": "", "d": "e"}})
    card = saved_card(client, customer=customer)
    client.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": card.id}}
    )
    read = client.customers.retrieve(customer.id)
    assert (read.name, read.email) == ("Ada", "ada@example.com")
    assert read.metadata.to_dict() == {"b": "c", "d": "e"}
    assert read.invoice_settings.default_payment_method == card.id
    path = "invoice_settings.default_payment_method"
    full = client.customers.retrieve(customer.id, {"expand": [path]})
    assert full.invoice_settings.default_payment_method.card.last4 == "4242"
    client.payment_methods.detach(card.id)
    read = client.customers.retrieve(customer.id)
    assert read.invoice_settings.default_payment_method is None


def test_default_card_must_be_the_customers_own(client):
    customer = client.customers.create()
    settings = {"default_payment_method": saved_card(client).id}
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment"):
        client.customers.update(customer.id, {"invoice_settings": settings})


def test_deleted_customer_is_told_apart_from_an_unknown_one(server, client):
    customer = client.customers.create()
    card = saved_card(client, customer=customer)
    assert client.customers.delete(customer.id).deleted is True
    assert client.customers.retrieve(customer.id).deleted is True
    assert client.customers.list().data == []
    assert client.payment_methods.retrieve(card.id).customer is None
    assert types_of(server.events("customer.deleted")) == ["customer.deleted"]
    with pytest.raises(stripe.InvalidRequestError) as error:
        charge(client, card)
    assert (error.value.code, error.value.http_status) == ("resource_missing", 400)
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.customers.retrieve("cus_unknown")
    assert (error.value.code, error.value.http_status) == ("resource_missing", 404)


def test_only_the_customers_attached_card_can_be_charged(client):
    card, other = saved_card(client), saved_card(client)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment"):
        charge(client, card, customer=other.customer)
    client.payment_methods.detach(card.id)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        charge(client, card)


def test_card_is_attached_and_detached_once(client):
    card = saved_card(client)
    other = client.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.payment_methods.attach(card.id, {"customer": other.id})
    client.payment_methods.detach(card.id)
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        client.payment_methods.detach(card.id)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        client.payment_methods.attach(card.id, {"customer": other.id})


def test_card_used_once_is_saved_only_if_asked(client):
    customer = client.customers.create()
    once, kept = new_card(client), new_card(client)
    for card, values in ((once, {}), (kept, {"setup_future_usage": "off_session"})):
        charge(client, card, customer=customer.id, off_session=False, **values)
    saved = client.customers.payment_methods.list(customer.id).data
    assert [card.id for card in saved] == [kept.id]
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        charge(client, once, customer=customer.id)


def test_cards_of_a_customer_are_listed(client):
    first = saved_card(client)
    customer = SimpleNamespace(id=first.customer)
    second = saved_card(client, MASTERCARD, customer)
    saved_card(client)
    wanted = {"customer": customer.id, "type": "card"}
    found = [card.id for card in client.payment_methods.list(wanted).data]
    assert found == [second.id, first.id]


def test_card_is_updated_by_hand_and_by_the_bank(server, client):
    card = saved_card(client)
    year = card.card.exp_year + 1
    client.payment_methods.update(card.id, {"card": {"exp_year": year}})
    server.change_card(card.id, exp_year=year + 1, last4="1111")
    read = client.payment_methods.retrieve(card.id).card
    assert (read.exp_year, read.last4) == (year + 1, "1111")
    (event,) = server.events("payment_method.automatically_updated")
    assert event["data"]["previous_attributes"]["card"]["exp_year"] == year
    assert len(server.events("payment_method.updated")) == 1


# === SETUP INTENTS === #


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


# === PAYMENT INTENTS === #


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
        (ODOO_VERSION, "payment_method_types", None),
        ("2026-07-29.dahlia", "payment_method_types", None),
        ("2026-09-30.endive", "payment_method_types", TYPES_GONE),
        ("2026-10-28.endive", "payment_method_types", TYPES_GONE),
        (ODOO_VERSION, "allowed_payment_method_types", "parameter_unknown"),
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


# === REFUNDS AND DISPUTES === #


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


# === KEYS AND VERSIONS === #


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


# === IDEMPOTENCY === #


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


# === FAULTS === #


def test_answer_may_be_lost_after_execution(server, client):
    card = saved_card(client)
    server.drop("POST", "/v1/payment_intents", executed=True)
    with pytest.raises(stripe.APIConnectionError):
        charge(client, card, key="k")
    assert server.totals()["eur"]["charged"] == 1000
    assert server.requests("POST", "/v1/payment_intents")[0]["status"] is None
    assert charge(client, card, key="k").status == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_faults_match_method_path_and_count(server, client):
    server.fail(500, "POST", "/v1/customers", count=2)
    card = new_card(client)
    assert client.payment_methods.retrieve(card.id).id == card.id
    assert client.customers.list().data == []
    for _ in "ab":
        with pytest.raises(stripe.APIError):
            client.customers.create()
    assert client.customers.create().id
    server.fail(500, "*", "/v1/")
    server.clear_faults()
    assert client.customers.list().data


@pytest.mark.parametrize("executed", [False, True])
def test_slow_answer_may_or_may_not_have_been_executed(server, client, executed):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents", executed=executed)
    hasty = client_of(server, timeout=(60, 0.2))
    with pytest.raises(stripe.APIConnectionError):
        charge(hasty, card, key="k")
    hold.wait()
    assert bool(server.totals()) is executed


def test_client_may_die_while_its_request_is_under_way(server, client):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents")
    code = (
        "import stripe; stripe.StripeClient({key!r}, base_addresses={{'api': {url!r}}})"
        ".v1.payment_intents.create({params!r}, {{'idempotency_key': 'k'}})"
    )
    params = {"amount": 1000, "currency": "eur", "customer": card.customer}
    params.update(payment_method=card.id, allowed_payment_method_types=["card"])
    params.update(off_session=True, confirm=True)
    values = {"key": server.secret_key, "url": server.url, "params": params}
    process = subprocess.Popen([sys.executable, "-c", code.format(**values)])
    hold.wait()
    process.kill()
    process.wait()
    assert server.totals() == {}
    hold.release()
    # Stripe has not heard of the death: the money is taken, once.
    seen = client.payment_intents.create(params, {"idempotency_key": "k"})
    assert seen.status == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_server_goes_down_and_comes_back(server, client):
    card = saved_card(client)
    with server.down():
        # The connection that the client keeps open is gone too.
        with pytest.raises(stripe.APIConnectionError):
            charge(client, card)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(server.url).port))
    assert charge(client, card).status == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_requests_are_logged(server, client):
    client.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    (entry,) = server.requests("POST", "/v1/customers")
    assert entry["params"] == {"name": "Ada"}
    assert (entry["idempotency_key"], entry["status"]) == ("k", 200)


def test_reset_forgets_everything(server, client):
    card = saved_card(client)
    charge(client, card, key="k")
    server.fail()
    server.add_webhook("http://127.0.0.1:9/")
    server.reset()
    assert not any(server.store().values())
    assert server.requests() == server.events() == []
    again = saved_card(client)
    assert charge(client, again, key="k").status == "succeeded"


def test_reset_abandons_what_is_under_way(server, client):
    card = saved_card(client)
    hold = server.hold("POST", "/v1/payment_intents")
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(charge, client, card)
        hold.wait()
        server.reset()
        with pytest.raises(stripe.APIConnectionError):
            lost.result()
    assert not any(server.store().values())


def test_two_servers_are_strangers(server, client):
    with StripeServer() as other:
        client.customers.create()
        assert other.store()["customers"] == []
        assert other.url != server.url


def test_server_ends_with_its_starter_however_that_ends():
    code = (
        "import os; from tests.fakes.stripe_server import StripeServer; "
        "server = StripeServer(); server.start(); "
        "print(server.url, flush=True); os.kill(os.getpid(), 9)"
    )
    started = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    port = urlsplit(started.stdout.decode().strip()).port
    deadline = time.monotonic() + 60
    while is_open("127.0.0.1", port):
        assert time.monotonic() < deadline, "it outlives its starter"
        time.sleep(0.02)


def test_server_listens_on_this_machine_only(server):
    port = urlsplit(server.url).port
    assert is_open("127.0.0.1", port)
    # The same machine by another of its names.
    assert not is_open("127.0.0.2", port)


def is_open(host, port):
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_controller_loads_nothing_of_the_server():
    code = (
        "import sys, tests.fakes.stripe_server; "
        "print({'localstripe', 'aiohttp', 'odoo', 'stripe'} & set(sys.modules))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert loaded.strip() == "set()"


def test_unknown_command_or_object_is_told(server):
    with pytest.raises(StripeServerError, match="No such charge"):
        server.dispute("ch_unknown")
    with pytest.raises(StripeServerError, match="no decline"):
        server.decline_next("bad_mood")


# === WEBHOOKS === #


class Merchant:
    """A web server that keeps what is posted to it, and answers as told."""

    def __init__(self):
        self.posts = []
        self.answers = []
        self.pages = {}
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                merchant.posts.append((self.rfile.read(length), self.headers))
                status = merchant.answers.pop(0) if merchant.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                page = merchant.pages.get(urlsplit(self.path).path, "").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_args):
                """Keep silent."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def events(self, secret=WEBHOOK_SECRET):
        """Read what came as a merchant should: only if it is signed."""
        return [
            stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)
            for body, headers in self.posts
        ]


@pytest.fixture
def merchant():
    receiver = Merchant()
    thread = Thread(target=receiver.http.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    receiver.http.shutdown()
    thread.join()
    receiver.http.server_close()


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
        merchant.url, events=["charge.refunded"], api_version=ODOO_VERSION
    )
    intent = charge(client, saved_card(client))
    client.refunds.create({"payment_intent": intent.id, "amount": 10})
    server.wait_for_deliveries()
    by_version = {event.api_version: event for event in merchant.events()}
    old = by_version.pop(ODOO_VERSION).data.object
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
        server.add_webhook(merchant.url, events=[event], api_version=ODOO_VERSION)
    server.change_card(saved_card(client).id, exp_year=2041)
    server.wait_for_deliveries()
    told = {(event.api_version, event.type) for event in merchant.events()}
    assert told == {(ODOO_VERSION, old_name), (stripe.api_version, name)}


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


# === ODOO'S PAYMENT_STRIPE === #


def test_payment_stripe_saves_a_card(server, http):
    """The requests of payment_stripe 19 for a validation, as it sends them."""
    customer = http(
        "POST",
        "/v1/customers",
        data={
            "address[city]": "Paris",
            "address[country]": "FR",
            "address[line1]": "1 rue",
            "address[postal_code]": "75001",
            "address[state]": None,
            "description": "Odoo Partner: Ada (id: 7)",
            "email": "ada@example.com",
            "name": "Ada",
            "phone": None,
        },
    ).json()
    prefix = "payment_method_options[card][mandate_options]"
    intent = http(
        "POST",
        "/v1/setup_intents",
        data={
            "customer": customer["id"],
            "description": "VAL-1",
            "payment_method_types[]": "card",
            f"{prefix}[reference]": "VAL-1",
            f"{prefix}[amount_type]": "maximum",
            f"{prefix}[amount]": 1500000,
            f"{prefix}[start_date]": 1795545710,
            f"{prefix}[interval]": "sporadic",
            f"{prefix}[supported_types][]": "india",
            f"{prefix}[currency]": "eur",
        },
    ).json()
    assert intent["client_secret"] and intent["description"] == "VAL-1"
    http(
        "POST",
        f"/v1/setup_intents/{intent['id']}/confirm",
        data={"payment_method": "pm_card_visa"},
    )
    # payment_stripe sends a form in the body of a GET.
    path = f"/v1/setup_intents/{intent['id']}"
    read = http("GET", path, data={"expand[]": "payment_method"}).json()
    assert read["status"] == "succeeded"
    assert read["payment_method"]["card"]["last4"] == "4242"
    listed = http(
        "GET",
        "/v1/payment_methods",
        data={"customer": customer["id"], "type": "card", "limit": 1},
    ).json()
    assert listed["data"][0]["id"] == read["payment_method"]["id"]


def test_payment_stripe_pays_and_refunds(server, client, http):
    card = saved_card(client)
    values = {
        "amount": 5000,
        "currency": "eur",
        "description": "INV-1",
        "capture_method": "automatic",
        "payment_method_types[]": "card",
        "expand[]": "payment_method",
        "shipping[address][country]": "FR",
        "shipping[address][line1]": "1 rue de la Paix",
        "shipping[name]": "Ada",
        "confirm": True,
        "customer": card.customer,
        "off_session": True,
        "payment_method": card.id,
        "mandate": None,
    }
    keyed = {"headers": {"Idempotency-Key": "k"}}
    intent = http("POST", "/v1/payment_intents", data=values, **keyed).json()
    assert intent["status"] == "succeeded"
    assert intent["payment_method"]["card"]["brand"] == "visa"
    details = intent["charges"]["data"][0]["payment_method_details"]
    assert details[details["type"]]["mandate"] is None
    refund = http(
        "POST", "/v1/refunds", data={"payment_intent": intent["id"], "amount": 5000}
    ).json()
    assert (refund["status"], refund["currency"]) == ("succeeded", "eur")
    assert server.totals()["eur"]["net"] == 0


def test_payment_stripe_registers_its_webhook(http):
    made = http(
        "POST",
        "/v1/webhook_endpoints",
        data={
            "url": "https://shop.example.com/payment/stripe/webhook",
            "enabled_events[]": ["payment_intent.succeeded", "charge.refunded"],
            "api_version": ODOO_VERSION,
        },
    ).json()
    assert made["secret"].startswith("whsec_")
    assert made["enabled_events"] == ["payment_intent.succeeded", "charge.refunded"]


@pytest.mark.parametrize(
    ("version", "event", "is_taken"),
    [
        (ODOO_VERSION, "payment_method.card_automatically_updated", True),
        (ODOO_VERSION, "payment_method.automatically_updated", True),
        (stripe.api_version, "payment_method.automatically_updated", True),
        (stripe.api_version, "payment_method.card_automatically_updated", False),
        (ODOO_VERSION, "payment_method.automaticaly_updated", False),
    ],
)
def test_webhook_is_for_events_that_there_are(http, version, event, is_taken):
    answer = http(
        "POST",
        "/v1/webhook_endpoints",
        data={
            "url": "https://shop.example.com/payment/stripe/webhook",
            "enabled_events[]": ["charge.refunded", event],
            "api_version": version,
        },
    )
    assert answer.status_code == (200 if is_taken else 400)
    if not is_taken:
        assert answer.json()["error"]["param"] == "enabled_events[1]"


# === IN THE BROWSER === #

SHOP = """<!DOCTYPE html><title>Shop</title>
<div id="card"></div><button id="pay">Pay</button><p id="error"></p>
<script src="%(script)s"></script>
<script>
const stripe = Stripe("%(key)s", {apiVersion: "2019-05-16"});
const elements = stripe.elements({mode: "payment", amount: 1000, currency: "eur"});
const element = elements.create("payment", {defaultValues: {billingDetails: {}}});
element.on("loaderror", () => {});
element.mount(document.querySelector("#card"));
elements.update({setupFutureUsage: "off_session"});
document.querySelector("#pay").onclick = async () => {
    await elements.submit();
    const {error} = await stripe.%(confirm)s({
        elements,
        clientSecret: "%(secret)s",
        confirmParams: {return_url: location.origin + "/thanks?reference=INV-1"},
    });
    document.querySelector("#error").textContent = error.message;
};
</script>"""


@pytest.fixture(scope="module")
def chromium():
    with browsing.browser() as browser:
        yield browser


@pytest.fixture
def shop(server, merchant, chromium):
    """Opens a page that pays, or saves a card, as Odoo's form does."""

    @contextmanager
    def open_shop(intent, confirm="confirmPayment"):
        merchant.pages["/shop"] = SHOP % {
            "script": server.js_url,
            "key": server.publishable_key,
            "secret": intent.client_secret,
            "confirm": confirm,
        }
        page = chromium.new_page(base_url=merchant.url)
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto("/shop")
        yield page
        page.close()
        assert errors == []

    return open_shop


def type_card(page, number=VISA, cvc="123"):
    typed = {"number": number, "exp_month": "12", "exp_year": "40", "cvc": cvc}
    for field, value in typed.items():
        page.fill(f"#card input[placeholder={field}]", value)
    page.click("#pay")


def wait_for_thanks(page):
    page.wait_for_url("**/thanks?*")
    return {
        name: value for name, (value,) in parse_qs(urlsplit(page.url).query).items()
    }


def open_intent(client, **values):
    customer = client.customers.create()
    return client.payment_intents.create(
        {"amount": 1000, "currency": "eur", "customer": customer.id, **values}
    )


def test_customer_pays_by_a_new_card(server, client, shop):
    intent = open_intent(client)
    with shop(intent) as page:
        # localstripe's class Element does not hide the browser's own.
        assert page.evaluate("document.body instanceof Element")
        type_card(page)
        told = wait_for_thanks(page)
    assert told["reference"] == "INV-1"
    assert told["payment_intent"] == intent.id
    assert told["payment_intent_client_secret"] == intent.client_secret
    assert told["redirect_status"] == "succeeded"
    assert server.totals()["eur"]["charged"] == 1000


def test_customer_pays_by_amex(server, client, shop):
    with shop(open_intent(client)) as page:
        type_card(page, AMEX, "1234")
        wait_for_thanks(page)
    (charged,) = server.store()["charges"]
    assert charged["payment_method_details"]["card"]["brand"] == "amex"


def test_customer_is_told_of_a_decline_and_tries_another_card(server, client, shop):
    with shop(open_intent(client)) as page:
        page.click("#pay")
        page.wait_for_selector("text=Your card number is incomplete.")
        type_card(page, INSUFFICIENT_FUNDS)
        page.wait_for_selector("text=Your card has insufficient funds.")
        assert server.totals()["eur"]["charged"] == 0
        type_card(page)
        wait_for_thanks(page)
    assert server.totals()["eur"]["charged"] == 1000


def test_customer_fails_then_passes_authentication(server, client, shop):
    intent = open_intent(client, setup_future_usage="off_session")
    with shop(intent) as page:
        type_card(page, ASKS_ONCE)
        page.click("text=Fail authentication")
        page.wait_for_selector("text=unable to authenticate")
        assert server.totals() == {}
        type_card(page, ASKS_ONCE)
        page.click("text=Complete authentication")
        wait_for_thanks(page)
    # Authenticated and saved: from now on it pays alone.
    (card,) = client.customers.payment_methods.list(intent.customer).data
    assert charge(client, card).status == "succeeded"


def test_customer_saves_a_card(server, client, shop):
    customer = client.customers.create()
    intent = client.setup_intents.create({"customer": customer.id})
    with shop(intent, "confirmSetup") as page:
        type_card(page, GENERIC_DECLINE)
        page.wait_for_selector("text=Your card was declined.")
        type_card(page, ASKS_ALWAYS)
        page.click("text=Fail authentication")
        page.wait_for_selector("text=unable to authenticate")
        type_card(page, ASKS_ALWAYS)
        page.click("text=Complete authentication")
        told = wait_for_thanks(page)
    assert told["setup_intent"] == intent.id
    (card,) = client.customers.payment_methods.list(customer.id).data
    assert card.card.last4 == ASKS_ALWAYS[-4:]
    assert card.billing_details.address.postal_code is None


def test_customer_comes_back_to_authenticate_a_saved_card(server, client, shop):
    card = saved_card(client, ASKS_ALWAYS)
    intent = charge(client, card, off_session=False)
    with shop(intent) as page:
        page.evaluate(
            """secret => {
                stripe.handleNextAction({clientSecret: secret}).then(done => {
                    document.querySelector("#error").textContent =
                        done.paymentIntent.status;
                });
            }""",
            intent.client_secret,
        )
        page.click("text=Complete authentication")
        page.wait_for_selector("#error:has-text('succeeded')")
    assert server.totals()["eur"]["charged"] == 1000


@pytest.mark.parametrize(
    ("button", "status"), [("Complete", "succeeded"), ("Fail", "failed")]
)
def test_bank_sends_its_customer_back(
    server, client, merchant, chromium, button, status
):
    intent = charge(
        client,
        saved_card(client, ASKS_ALWAYS),
        off_session=False,
        return_url=f"{merchant.url}/thanks?reference=INV-1",
    )
    page = chromium.new_page()
    page.goto(intent.next_action.redirect_to_url.url)
    page.click(f"text={button} authentication")
    told = wait_for_thanks(page)
    page.close()
    assert (told["reference"], told["redirect_status"]) == ("INV-1", status)
    assert bool(server.totals()) is (status == "succeeded")

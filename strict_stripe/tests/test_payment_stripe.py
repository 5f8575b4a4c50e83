"""A client of an old version: the requests of Odoo's payment_stripe 19."""

import pytest
import stripe

from .common import OLD_VERSION, saved_card


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
            "api_version": OLD_VERSION,
        },
    ).json()
    assert made["secret"].startswith("whsec_")
    assert made["enabled_events"] == ["payment_intent.succeeded", "charge.refunded"]


@pytest.mark.parametrize(
    ("version", "event", "is_taken"),
    [
        (OLD_VERSION, "payment_method.card_automatically_updated", True),
        (OLD_VERSION, "payment_method.automatically_updated", True),
        (stripe.api_version, "payment_method.automatically_updated", True),
        (stripe.api_version, "payment_method.card_automatically_updated", False),
        (OLD_VERSION, "payment_method.automaticaly_updated", False),
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

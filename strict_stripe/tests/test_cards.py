"""Each test card behaves as Stripe's page on testing says."""

from types import SimpleNamespace

import pytest
import stripe

from .common import (
    AMEX,
    ASKS_ALWAYS,
    ASKS_ONCE,
    DECLINED_LATER,
    EXPIRED,
    GENERIC_DECLINE,
    INSUFFICIENT_FUNDS,
    MASTERCARD,
    VISA,
    body_of,
    charge,
    new_card,
    saved_card,
    set_up_card,
)


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

"""Customers, and the cards that they keep."""

from types import SimpleNamespace

import pytest
import stripe

from .common import MASTERCARD, charge, new_card, saved_card, types_of


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

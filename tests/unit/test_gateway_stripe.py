"""The Stripe gateway against a Stripe server as strict as the real one."""

import re
from datetime import datetime, timedelta, timezone

import pytest
import stripe

from odoo.addons.omni_billing.exceptions import (
    GatewayDenied,
    GatewayRefused,
    GatewayUnknown,
)
from odoo.addons.omni_billing.gateways import stripe as module
from odoo.addons.omni_billing.gateways import stripe_answers
from odoo.addons.omni_billing.gateways.stripe import StripeGateway
from odoo.addons.omni_billing.gateways.stripe_answers import DATABASE, REFERENCE

from strict_stripe import StripeServer

INTENTS = ("POST", "/v1/payment_intents")
#: As Odoo keeps times: in UTC, without saying so.
NOW = datetime.now(timezone.utc).replace(tzinfo=None)
#: All that is asked of Stripe; an id in a path is {}.
CALLS = {
    "GET /v1/balance_transactions",
    "GET /v1/disputes/{}",
    "GET /v1/payouts",
    "GET /v1/payouts/{}",
    "GET /v1/customers/{}",
    "GET /v1/payment_intents",
    "GET /v1/payment_intents/{}",
    "GET /v1/payment_methods/{}",
    "GET /v1/refunds",
    "GET /v1/refunds/{}",
    "POST /v1/customers",
    "POST /v1/customers/{}",
    "POST /v1/payment_intents",
    "POST /v1/payment_intents/{}/cancel",
    "POST /v1/payment_methods/{}/attach",
    "POST /v1/payment_methods/{}/detach",
    "POST /v1/refunds",
}


@pytest.fixture(scope="module")
def server():
    with StripeServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _reset(server, monkeypatch):
    server.reset()
    server.clear_faults()
    # One answer to each fault: what the SDK repeats by itself is Stripe's own test.
    monkeypatch.setattr(module, "RETRIES", 0)
    # Nothing here is slow but what a test holds.
    monkeypatch.setattr(module, "TIMEOUT", (60, 60))


@pytest.fixture
def gateway(server):
    return StripeGateway(server.secret_key, server.url)


@pytest.fixture
def customer(gateway):
    return gateway.create_customer("Ada", "ada@example.com", {"odoo_partner": "7"}, "c")


def charge(gateway, customer, card="pm_card_visa", **values):
    saved = gateway.attach_card(card, customer)
    return gateway.charge(**details(customer, saved.id) | values)


def details(customer, card, key="attempt-1"):
    return {
        "amount": 5000,
        "currency": "EUR",
        "customer": customer,
        "card": card,
        "reference": "INV/1",
        "database": "db",
        "key": key,
    }


def test_customer_is_created_once(gateway, customer):
    again = gateway.create_customer(
        "Ada", "ada@example.com", {"odoo_partner": "7"}, "c"
    )
    assert again == customer
    assert gateway.has_customer(customer)
    assert not gateway.has_customer("cus_nobody")


def test_deleted_customer_is_not_given_again(gateway, server, customer):
    """Stripe answers a key as before for a day, whatever became of the customer."""
    created = ("Ada", "ada@example.com", {"odoo_partner": "7"}, "c")
    delete_customer(server, customer)
    second = gateway.create_customer(*created)
    assert second != customer
    assert gateway.has_customer(second)
    assert gateway.create_customer(*created) == second
    delete_customer(server, second)
    third = gateway.create_customer(*created)
    assert third not in (customer, second)
    assert gateway.has_customer(third)
    assert gateway.create_customer("Ada" * 100, "", {}, "long")


def delete_customer(server, customer):
    client = stripe.StripeClient(server.secret_key, base_addresses={"api": server.url})
    client.v1.customers.delete(customer)


def test_bank_account_is_no_card():
    """SEPA: what Stripe's documentation has as an example."""
    account = {"bank_code": "37040044", "country": "DE", "last4": "3000"}
    method = {
        "id": "pm_sepa",
        "object": "payment_method",
        "customer": "cus_1",
        "type": "sepa_debit",
        "sepa_debit": {**account, "fingerprint": "f"},
    }
    read = stripe_answers.read_card(stripe.PaymentMethod.construct_from(method, "sk"))
    assert not read.is_card
    assert (read.id, read.customer, read.last4) == ("pm_sepa", "cus_1", "3000")
    assert (read.brand, read.exp_year, read.fingerprint) == ("", 0, "f")
    # One that this SDK does not know.
    later = {**method, "type": "brain_wave", "brain_wave": {}}
    assert not stripe_answers.read_card(
        stripe.PaymentMethod.construct_from(later, "sk")
    ).is_card


def test_amount_is_what_was_taken(gateway, server, customer):
    """One captures less than was authorized, in the dashboard."""
    saved = gateway.attach_card("pm_card_visa", customer)
    client = stripe.StripeClient(server.secret_key, base_addresses={"api": server.url})
    intent = client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "eur",
            "customer": customer,
            "payment_method": saved.id,
            "capture_method": "manual",
            "confirm": True,
            "off_session": True,
            "allowed_payment_method_types": ["card"],
        }
    )
    held = gateway.get_charge(intent.id)
    assert (held.is_authorized, held.is_paid, held.amount) == (True, False, 5000)
    client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 2000})
    paid = gateway.get_charge(intent.id)
    assert (paid.is_authorized, paid.is_paid, paid.amount) == (False, True, 2000)


def test_three_decimals_end_in_zero():
    assert stripe_answers.round_down(1234, "KWD") == 1230
    assert stripe_answers.round_down(1230, "kwd") == 1230
    assert stripe_answers.round_down(1234, "EUR") == 1234


def test_what_had_cents_once_has_none():
    assert stripe_answers.round_down(1250, "UGX") == 1200
    assert stripe_answers.round_down(1200, "isk") == 1200


def test_card_tells_brand_and_expiry(gateway, customer):
    """F128: whatever brand Stripe takes."""
    for name, brand in (("mastercard", "mastercard"), ("amex", "amex")):
        assert gateway.attach_card(f"pm_card_{name}", customer).brand == brand
    card = gateway.attach_card("pm_card_visa", customer)
    assert (card.brand, card.last4, card.customer) == ("visa", "4242", customer)
    assert card.exp_year > 2025
    assert 1 <= card.exp_month <= 12
    assert card.fingerprint
    assert gateway.get_card(card.id) == card
    gateway.set_default_card(customer, card.id)
    gateway.detach_card(card.id)
    gateway.detach_card(card.id)  # gone already: fine
    assert gateway.get_card(card.id).customer is None
    assert gateway.get_card("pm_none") is None


def test_charge_and_refund(gateway, server, customer):
    paid = charge(gateway, customer)
    assert paid.is_paid
    assert (paid.amount, paid.currency, paid.reference) == (5000, "eur", "INV/1")
    # What it is known by: another one's counts for nothing.
    assert (paid.customer, paid.database, paid.is_live) == (customer, "db", False)
    assert gateway.get_charge(paid.id) == paid
    assert gateway.find_charge(customer, "INV/1", "db", NOW).id == paid.id
    assert gateway.find_charge(customer, "INV/2", "db", NOW) is None
    assert gateway.find_charge(customer, "INV/1", "other", NOW) is None
    refund = gateway.refund(
        intent=paid.id, amount=2000, reference="R1", database="db", key="r"
    )
    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 2000, paid.id)
    assert gateway.list_refunds(paid.id) == [refund]
    assert gateway.get_refund(refund.id) == refund
    with pytest.raises(GatewayRefused):
        gateway.refund(
            intent=paid.id, amount=3001, reference="R2", database="db", key="s"
        )
    assert server.totals()["eur"]["net"] == 3000


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", ""),
    ],
)
def test_decline_is_an_answer(gateway, server, customer, card, code, decline_code):
    saved = gateway.attach_card("pm_card_visa", customer)
    server.decline_next(decline_code or code)
    declined = gateway.charge(**details(customer, saved.id))
    assert not declined.is_paid
    assert declined.decline.code == code
    assert declined.decline.decline_code == decline_code
    assert declined.id.startswith("pi_")
    assert (declined.customer, declined.database) == (customer, "db")
    assert server.totals().get("eur", {}).get("charged", 0) == 0


def test_confirmation_by_the_customer(gateway, customer):
    absent = charge(gateway, customer, "pm_card_authenticationRequired")
    assert absent.needs_customer
    assert absent.decline.code == "authentication_required"
    saved = gateway.attach_card("pm_card_authenticationRequired", customer)
    present = gateway.charge(
        **details(customer, saved.id, "attempt-2"), is_customer_present=True
    )
    assert present.status == "requires_action"
    assert present.needs_customer
    assert present.client_secret


@pytest.mark.parametrize("is_executed", [True, False])
@pytest.mark.parametrize("fault", ["drop", "500", "520", "408"])
def test_lost_answer_is_unknown_and_replayed(
    gateway, server, customer, fault, is_executed
):
    saved = gateway.attach_card("pm_card_visa", customer)
    if fault == "drop":
        server.drop(*INTENTS, executed=is_executed)
    else:
        server.fail(int(fault), *INTENTS, executed=is_executed)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))
    found = gateway.find_charge(customer, "INV/1", "db", NOW)
    assert bool(found) == is_executed


def test_fence_closes_a_call_that_was_lost(gateway, server, customer):
    saved = gateway.attach_card("pm_card_visa", customer)
    server.drop(*INTENTS, executed=False)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))
    assert gateway.fence(**details(customer, saved.id))
    # The lost call comes after all: it is refused.
    with pytest.raises(GatewayRefused) as failure:
        gateway.charge(**details(customer, saved.id))
    assert failure.value.code == "idempotency_error"
    assert server.totals().get("eur", {}).get("charged", 0) == 0


def test_fence_does_not_close_what_was_charged(gateway, server, customer):
    saved = gateway.attach_card("pm_card_visa", customer)
    server.drop(*INTENTS, executed=True)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))
    assert not gateway.fence(**details(customer, saved.id))
    assert gateway.find_charge(customer, "INV/1", "db", NOW).is_paid


def test_fence_proves_nothing_at_another_account(gateway, server, customer):
    """The key was changed while an answer was lost: to another account's, say."""
    saved = gateway.attach_card("pm_card_visa", customer)
    server.drop(*INTENTS, executed=True)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))
    with StripeServer() as other:
        there = StripeGateway(other.secret_key, other.url)
        assert not there.find_charge(customer, "INV/1", "db", NOW)
        with pytest.raises(GatewayUnknown, match="another account"):
            there.fence(**details(customer, saved.id))
    assert gateway.find_charge(customer, "INV/1", "db", NOW).is_paid


def test_fence_of_what_can_never_be_charged(gateway, server, customer):
    """The lost call was refused, or will be: the amount is below what Stripe takes."""
    saved = gateway.attach_card("pm_card_visa", customer)
    values = details(customer, saved.id) | {"amount": 20}
    server.drop(*INTENTS, executed=False)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**values)
    assert gateway.fence(**values)


def test_charge_and_fence_name_the_version_and_cards_alone(gateway, server, customer):
    """What Stripe takes depends on the version: ours is named, not the SDK's."""
    saved = gateway.attach_card("pm_card_visa", customer)
    assert gateway.charge(**details(customer, saved.id)).is_paid
    assert gateway.fence(**details(customer, saved.id, "attempt-2"))
    charged, fenced = server.requests(*INTENTS)[:2]
    common = {
        "amount": "5000",
        "currency": "eur",
        "allowed_payment_method_types": {"0": "card"},
    }
    assert charged["params"] == {
        **common,
        "customer": customer,
        "payment_method": saved.id,
        "metadata": {"odoo_reference": "INV/1", "odoo_database": "db"},
        "description": "INV/1",
        "confirm": "true",
        "off_session": "true",
    }
    # Who is charged, and with what, may be gone by then.
    assert fenced["params"] == {**common, "description": "INV/1 (given up)"}
    assert {each["version"] for each in server.requests()} == {"2026-10-28.endive"}


def test_sdk_knows_all_that_is_sent(gateway, server, customer):
    """An upgrade of the SDK, or of the version that we speak, is looked at here.

    The server holds each request to the SDK's types, name by name and value by value,
    whatever test sends it (strict_stripe/typed.py).
    """
    assert module.API_VERSION == stripe.api_version
    use_all(gateway, server, customer)
    requests = server.requests()
    assert {each["status"] for each in requests} == {200, 404}
    assert {each["version"] for each in requests} == {module.API_VERSION}
    ids = re.compile(r"/(cus|dp|pi|pm|po|re)_\w+")
    paths = (ids.sub("/{}", each["path"]) for each in requests)
    calls = zip((each["method"] for each in requests), paths, strict=True)
    assert {" ".join(call) for call in calls} == CALLS


def use_all(gateway, server, customer):
    """Have the gateway do all that it can."""
    assert not gateway.has_customer("cus_nobody")
    assert gateway.get_card("pm_nobody") is None
    paid = charge(gateway, customer)
    saved = gateway.attach_card("pm_card_visa", customer)
    gateway.charge(**details(customer, saved.id, "p"), is_customer_present=True)
    gateway.set_default_card(customer, saved.id)
    gateway.fence(**details(customer, saved.id, "f"))
    gateway.get_charge(paid.id)
    gateway.find_charge(customer, "INV/1", "db", NOW)
    values = {"reference": "R1", "database": "db", "key": "r"}
    refund = gateway.refund(intent=paid.id, amount=1, **values)
    gateway.get_refund(refund.id)
    gateway.list_refunds(paid.id)
    gateway.detach_card(saved.id)
    server.take_fees(percent="1", tax="20", dispute=1500)
    charge(gateway, customer, key="b")
    dispute = server.dispute(server.store()["charges"][0]["id"], 1000)
    gateway.get_dispute(dispute["id"])
    payout = server.pay_out()
    gateway.list_payouts(NOW - timedelta(days=1))
    gateway.get_payout(payout["id"])
    gateway.list_movements(payout["id"])


def test_sdk_knows_all_that_is_read(gateway, server, customer, monkeypatch):
    """Of each object, only what the SDK's class of it has."""
    read = set()
    for name in ("__getattr__", "__getitem__"):
        original = getattr(stripe.StripeObject, name)

        def note_down(self, key, original=original):
            if isinstance(key, str) and not key.startswith("_"):
                read.add((type(self), key))
            return original(self, key)

        monkeypatch.setattr(stripe.StripeObject, name, note_down)
    use_all(gateway, server, customer)
    saved = gateway.attach_card("pm_card_visa", customer)
    server.decline_next("insufficient_funds")
    declined = gateway.charge(**details(customer, saved.id, "d"))
    assert gateway.get_charge(declined.id).decline == declined.decline
    lacking = [
        (kind.__qualname__, key)
        for kind, key in read
        if issubclass(kind, stripe.StripeObject) and key not in knows(kind)
    ]
    assert not lacking
    kinds = {kind.__name__ for kind, _key in read}
    assert {"Customer", "PaymentIntent", "PaymentMethod", "Refund"} <= kinds


def knows(kind):
    """Return the properties that a class of the SDK, or of Stripe's metadata, has."""
    if kind is stripe.StripeObject or "Untyped" in kind.__name__:
        return {REFERENCE, DATABASE}
    names = (vars(each).get("__annotations__", {}) for each in kind.__mro__)
    return {"object"}.union(*names)


def test_slow_answer_is_unknown(gateway, server, customer, monkeypatch):
    saved = gateway.attach_card("pm_card_visa", customer)
    hold = server.hold(*INTENTS, executed=True)
    monkeypatch.setattr(module, "TIMEOUT", (60, 0.5))
    hasty = StripeGateway(server.secret_key, server.url)
    with pytest.raises(GatewayUnknown):
        hasty.charge(**details(customer, saved.id))
    hold.wait()
    assert gateway.find_charge(customer, "INV/1", "db", NOW).is_paid


def test_too_many_requests_and_wrong_key_change_nothing(gateway, server, customer):
    saved = gateway.attach_card("pm_card_visa", customer)
    server.fail(429, *INTENTS)
    with pytest.raises(GatewayRefused):
        gateway.charge(**details(customer, saved.id))
    assert gateway.charge(**details(customer, saved.id)).is_paid
    with pytest.raises(GatewayDenied) as failure:
        StripeGateway("sk_test_wrong", server.url).has_customer(customer)
    assert not failure.value.is_judgement


def test_refusal_of_a_repeated_call_proves_nothing(
    gateway, server, customer, monkeypatch
):
    """The SDK repeats a call that broke off: the first may have come through."""
    saved = gateway.attach_card("pm_card_visa", customer)
    monkeypatch.setattr(module, "RETRIES", 1)
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    gateway = StripeGateway(server.secret_key, server.url)
    server.drop(*INTENTS, executed=True)
    server.fail(429, *INTENTS)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))
    assert server.totals()["eur"]["charged"] == 5000
    server.fail(429, *INTENTS)
    with pytest.raises(GatewayRefused) as failure:
        gateway.charge(**details(customer, saved.id, "other"))
    assert failure.value.code == "rate_limit"


def test_what_was_given_up_asks_nobody(gateway, server, customer):
    """A cancelled payment tells for ever why an earlier try failed."""
    asked = charge(gateway, customer, "pm_card_authenticationRequired")
    assert asked.needs_customer
    given_up = gateway.cancel(asked.id)
    assert given_up.decline.code == "authentication_required"
    assert not given_up.needs_customer
    assert not gateway.get_charge(asked.id).needs_customer


@pytest.mark.parametrize("is_executed", [True, False])
def test_lost_call_is_cleared_up_though_the_customer_is_gone(
    gateway, server, customer, is_executed
):
    saved = gateway.attach_card("pm_card_visa", customer)
    server.drop(*INTENTS, executed=is_executed)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))
    gateway._api.customers.delete(customer)
    for known in (customer, "cus_never_there"):
        found = gateway.find_charge(known, "INV/1", "db", NOW)
        assert bool(found) == is_executed
    assert gateway.fence(**details(customer, saved.id)) != is_executed


def test_charge_is_looked_for_about_its_time(gateway, server, customer):
    charge(gateway, customer)
    for hours in (-3, 3):
        then = NOW + timedelta(hours=hours)
        assert not gateway.find_charge("cus_never_there", "INV/1", "db", then)


def test_nothing_is_looked_up_by_an_empty_id(gateway, server):
    """Stripe would answer with a list, or with what is another's."""
    calls = [
        lambda: gateway.has_customer(""),
        lambda: gateway.set_default_card("", "pm_1"),
        lambda: gateway.get_card(""),
        lambda: gateway.attach_card("pm_1", ""),
        lambda: gateway.detach_card(""),
        lambda: gateway.charge(**details("", "pm_1")),
        lambda: gateway.charge(**details("cus_1", "")),
        lambda: gateway.get_charge(""),
        lambda: gateway.find_charge("", "INV/1", "db", NOW),
        lambda: gateway.cancel(None),
        lambda: gateway.get_refund(""),
        lambda: gateway.list_refunds(None),
        lambda: gateway.refund(
            intent="", amount=1, reference="R", database="db", key="k"
        ),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(GatewayRefused) as failure:
            call()
        assert failure.value.code == "no_id", number
    assert not server.requests()


def test_nobody_there_is_unknown(gateway, server, customer):
    saved = gateway.attach_card("pm_card_visa", customer)
    with server.down(), pytest.raises(GatewayUnknown):
        gateway.charge(**details(customer, saved.id))


def test_events_need_a_right_signature(server):
    from strict_stripe import sign

    payload = b'{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded"}'
    good = sign(payload, "whsec_test")
    assert StripeGateway.read_event(payload, good, "whsec_test")["id"] == "evt_1"
    for signature, secret in ((good, "whsec_other"), ("", "whsec_test"), (good, "")):
        with pytest.raises(GatewayRefused):
            StripeGateway.read_event(payload, signature, secret)

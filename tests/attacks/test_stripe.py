"""What Stripe does of its own: odd customers, strangers' events, money that waits."""

import json

import pytest
import requests

from strict_stripe import WEBHOOK_SECRET, sign
from tests.attacks.people import Refused, refused
from tests.attacks.test_twice import WAYS


def _post_event(world, kind, values):
    event = {
        "id": f"evt_{kind}_{len(json.dumps(values))}",
        "object": "event",
        "api_version": "2019-05-16",
        "type": kind,
        "livemode": False,
        "data": {"object": values},
    }
    body = json.dumps(event).encode()
    headers = {
        "Content-Type": "application/json",
        "Stripe-Signature": sign(body, WEBHOOK_SECRET, None),
    }
    answer = requests.post(
        f"{world.url}/payment/stripe/webhook", data=body, headers=headers, timeout=30
    )
    assert answer.status_code == 200
    world.work()


@pytest.mark.parametrize("intent", [None, "", "pi_unknown"])
def test_dispute_of_a_stranger(world, intent):
    """Send a dispute, or a refund, of a payment that Odoo never made"""
    invoice = world.bill()
    world.begin(world.amy, invoice)
    before = _disputes(world)
    dispute = {"id": "dp_1", "object": "dispute", "payment_intent": intent}
    dispute |= {"charge": "ch_unknown", "status": "needs_response", "amount": 100}
    _post_event(world, "charge.dispute.created", dispute)
    refund = {"id": "re_1", "object": "refund", "payment_intent": intent}
    refund |= {"charge": "ch_unknown", "status": "succeeded", "amount": 100}
    _post_event(world, "refund.created", {**refund, "currency": "usd"})
    assert _disputes(world) == before
    assert world.state(invoice) == "unpaid"


def _disputes(world):
    return world.sql("SELECT id FROM account_move WHERE billing_dispute IS NOT NULL")


@pytest.mark.parametrize(
    "email",
    ["a@example.com, b@example.com", '"Ann" <ann@example.com>', "none", "ä@x", ""],
)
def test_odd_address(world, email):
    """Pay as a customer whose e-mail address Stripe does not take"""
    invoice = world.bill(world.welcome(email=email, city="", zip=""))
    assert world.begin(world.nobody, invoice)["client_secret"]


def test_deleted_customer(world, api):
    """Pay as a customer who was deleted at Stripe, and was renamed meanwhile"""
    partner = world.welcome()
    assert world.begin(world.nobody, world.bill(partner))["client_secret"]
    [[customer]] = world.sql(
        "SELECT reference FROM omni_billing_stripe_customer WHERE partner_id = %s",
        partner,
    )
    api.customers.delete(customer)
    world.sam.call("res.partner", "write", [partner], {"email": "other@example.com"})
    assert world.begin(world.nobody, world.bill(partner))["client_secret"]


def test_refund_over_several_invoices(world, api):
    """Refund in Stripe's dashboard what several invoices were paid by"""
    first, second = world.bill(amount=100), world.bill(amount=230)
    world.take(world.sam, first, second)
    [charge] = [
        one for one in world.stripe.store()["charges"] if one["amount"] == 33000
    ]
    api.refunds.create({"payment_intent": charge["payment_intent"]})
    world.hear()
    for invoice in (first, second):
        [[credited]] = world.sql(
            "SELECT coalesce(sum(amount_total), 0) FROM account_move"
            " WHERE reversed_entry_id = %s AND state = 'posted'",
            invoice.id,
        )
        assert credited == invoice.amount


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pay_while_the_bank_takes_its_time(world, way):
    """Pay again, in each way, while a payment is with the bank for days"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    world.stripe.process_next()
    intent = world.confirm(begun["client_secret"])
    assert intent["status"] == "processing"
    world.come_back(world.amy, begun["reference"], intent["id"])
    before = len(_intents(world))
    try:
        way(world, invoice)
    except Refused as refusal:
        assert str(refusal).strip()
    assert len(_intents(world)) == before
    assert world.left(invoice) == invoice.amount
    world.stripe.settle(intent["id"])
    world.hear()
    assert world.state(invoice) == "paid"


def _intents(world):
    intents = world.stripe.store()["payment_intents"]
    return [one for one in intents if one["status"] == "succeeded"]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pay_while_it_is_reserved(world, way):
    """Pay again, in each way, while money is reserved on a card, to be captured"""
    invoice = world.bill()
    _reserve(world, invoice)
    before = len(_intents(world))
    with refused():
        way(world, invoice)
    assert len(_intents(world)) == before


def _reserve(world, invoice):
    """Have a customer pay what staff are to capture; return the id at Stripe."""
    provider = [world.ids["provider"]]
    world.admin.call("payment.provider", "write", provider, {"capture_manually": True})
    try:
        begun = world.begin(world.amy, invoice)
        intent = world.confirm(begun["client_secret"])
    finally:
        back = {"capture_manually": False}
        world.admin.call("payment.provider", "write", provider, back)
    assert intent["status"] == "requires_capture"
    world.come_back(world.amy, begun["reference"], intent["id"])
    return intent["id"]


@pytest.fixture
def captured(world):
    """Have an invoice whose money staff captured; give its id at Stripe, too."""
    invoice = world.bill()
    intent = _reserve(world, invoice)
    [[transaction]] = world.sql(
        "SELECT id FROM payment_transaction WHERE provider_reference = %s", intent
    )
    world.sam.call("payment.transaction", "action_capture", [transaction])
    world.hear()
    assert world.state(invoice) == "paid"
    return invoice, intent


def test_refund_of_a_capture(world, captured):
    """Refund in our dialog what staff captured"""
    [invoice, _intent] = captured
    model = "omni.billing.card.refund.wizard"
    [wizard] = world.mia.call(model, "create", [{"invoice_id": invoice.id}])
    world.mia.call(model, "action_refund", [wizard])
    assert world.state(invoice) == "refunded"


def test_dashboard_refund_of_a_capture(world, captured, api):
    """Refund in Stripe's dashboard what staff captured"""
    [invoice, intent] = captured
    api.refunds.create({"payment_intent": intent})
    world.hear()
    assert world.state(invoice) == "refunded"

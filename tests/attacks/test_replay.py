"""Money of one payment that is to pay another: the page that one comes back to, events.

An outcome is bound to its attempt: by the id that was stored when it was made.
"""

import pytest

from tests.attacks.people import refused, tried_by

#: What an address says where the id of a payment is to stand.
ODD_INTENTS = (
    *("", "0", "pi_unknown", "../charges", "../customers/cus_1", "pi_1?expand[]=x"),
    *("seti_1", "pi_\u0000", "%2e%2e%2fbalance", "a" * 5000),
)
#: What is posted where events are expected.
ODD_EVENTS = (
    *(b"", b"{}", b"null", b"[" * 100_000, b'{"type": "\\u0000"}', b"\xff\xfe"),
)


@tried_by("nobody", "amy")
def test_paid_intent_of_another_invoice(world, who):
    """Come back from Stripe with a payment that paid another invoice of one's own"""
    paid, unpaid = world.bill(), world.bill()
    used = world.pay(world.amy, paid)
    reference = world.begin(who, unpaid)["reference"]
    world.come_back(who, reference, used)
    world.look(who)
    assert world.state(unpaid) == "unpaid"
    assert world.left(unpaid) == unpaid.amount


@tried_by("nobody", "amy")
def test_paid_intent_of_a_stranger(world, who):
    """Come back from Stripe with a payment of another customer"""
    used = world.pay(world.gus, world.bill("globex"))
    unpaid = world.bill()
    reference = world.begin(who, unpaid)["reference"]
    world.come_back(who, reference, used)
    world.look(who)
    assert world.state(unpaid) == "unpaid"


def test_anonymous_return_with_a_guessed_reference(world):
    """Come back from Stripe for a payment that somebody else began, with one's own"""
    unpaid, paid = world.bill(), world.bill("globex")
    used = world.pay(world.gus, paid)
    reference = world.begin(world.amy, unpaid)["reference"]
    world.come_back(world.nobody, reference, used)
    world.work()
    assert world.state(unpaid) == "unpaid"


def test_part_paid_twice_with_one_payment(world):
    """Pay two parts of an invoice with one payment of such a part"""
    invoice = world.bill(amount=240)
    wizard = world.take(world.sam, invoice, mode="stripe", amount=100)
    assert wizard
    [used] = [
        one["id"]
        for one in world.stripe.store()["payment_intents"]
        if invoice.name in (one["description"] or "")
    ]
    assert world.left(invoice) == 140
    for amount in (100, 140):
        route = f"/invoice/transaction/{invoice.id}"
        begun = world.begin(world.amy, invoice, route, amount=amount)
        world.come_back(world.amy, begun["reference"], used)
        world.look(world.amy)
    assert world.left(invoice) == 140


def test_unpaid_intent_of_ones_own(world):
    """Come back from Stripe without having paid there"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    world.come_back(
        world.amy,
        begun["reference"],
        begun["client_secret"].split("_secret_")[0],
        redirect_status="succeeded",
    )
    world.look(world.amy)
    assert world.state(invoice) == "unpaid"


def test_declined_intent_of_ones_own(world):
    """Come back from Stripe with a payment that the bank declined"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    id, _, _ = begun["client_secret"].partition("_secret_")
    world.stripe.decline_next()
    with pytest.raises(Exception, match="402"):
        world.confirm(begun["client_secret"])
    world.come_back(world.amy, begun["reference"], id, redirect_status="succeeded")
    world.look(world.amy)
    assert world.state(invoice) == "unpaid"


@pytest.mark.parametrize(("amount", "currency"), [(100, "usd"), (10000, "eur")])
def test_cheaper_intent_of_ones_own(world, api, amount, currency):
    """Come back from Stripe with a payment of another amount or currency"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    intent = api.payment_intents.create(
        {
            "amount": amount,
            "currency": currency,
            "confirm": True,
            "payment_method": "pm_card_visa",
            "description": begun["reference"],
            "automatic_payment_methods": {
                "enabled": True,
                "allow_redirects": "never",
            },
        }
    )
    world.come_back(world.amy, begun["reference"], intent.id)
    world.look(world.amy)
    assert world.state(invoice) == "unpaid"


def test_attempt_of_the_dialog_with_another_payment(world):
    """Come back from Stripe with a stranger's payment, for one that staff made"""
    used = world.pay(world.gus, world.bill("globex"))
    invoice = world.bill()
    world.stripe.decline_next()
    with refused("declined"):
        world.take(world.sam, invoice)
    [[reference]] = world.sql(
        "SELECT reference FROM payment_transaction tx"
        " JOIN account_invoice_transaction_rel r ON r.transaction_id = tx.id"
        " WHERE r.invoice_id = %s",
        invoice.id,
    )
    world.come_back(world.nobody, reference, used)
    world.work()
    assert world.state(invoice) == "unpaid"


def test_odd_intent(world):
    """Come back from Stripe with something that is no id of a payment"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    for intent in ODD_INTENTS:
        world.come_back(world.amy, begun["reference"], intent)
        assert world.state(invoice) == "unpaid", intent[:12]


def test_odd_reference(world):
    """Come back from Stripe for a payment that there is not"""
    used = world.pay(world.amy, world.bill())
    for reference in ("", "unknown", "%", "\u0000", "a" * 5000):
        world.come_back(world.nobody, reference, used)
    world.nobody.get("/payment/stripe/return")


def test_setup_intent_of_another(world):
    """Save the card of another customer, by the id of its SetupIntent"""
    theirs = _save_card(world, world.gus)
    before = _cards_of(world, "acme")
    query = {"reference": begin_to_save(world, world.amy)["reference"]}
    world.amy.get("/payment/stripe/return", **query, setup_intent=theirs)
    world.look(world.amy)
    assert _cards_of(world, "acme") == before


def begin_to_save(world, who):
    page = who.get("/my/payment_method").text
    token = page.split('data-access-token="')[1].split('"')[0]
    partner = world.ids["contacts"][repr(who)]
    return who.post(
        "/payment/transaction",
        **world.form(
            amount=None,
            currency_id=None,
            partner_id=partner,
            access_token=token,
            is_validation=True,
            tokenization_requested=True,
            landing_route="/my/payment_method",
        ),
    )


def _save_card(world, who):
    begun = begin_to_save(world, who)
    intent = world.confirm(begun["client_secret"])["id"]
    who.get("/payment/stripe/return", reference=begun["reference"], setup_intent=intent)
    world.look(who)
    return intent


def _cards_of(world, customer):
    return world.sql(
        "SELECT t.id FROM payment_token t JOIN res_partner p ON p.id = t.partner_id"
        " WHERE p.commercial_partner_id = %s ORDER BY t.id",
        world.ids["partners"][customer],
    )


# === EVENTS === #


def test_event_without_signature(world):
    """Post an event that Stripe did not sign"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    world.confirm(begun["client_secret"])
    event = world.stripe.events("payment_intent.succeeded")[-1]["id"]
    for forged in ({"signed": False}, {"secret": "whsec_guess"}, {"timestamp": 1}):
        [delivery] = world.stripe.deliver(event, **forged)
        assert delivery["status"] == 400
    assert world.state(invoice) == "unpaid"
    world.stripe.deliver(event)
    world.work()
    assert world.state(invoice) == "paid"


def test_event_of_another_company(world):
    """Post an event with the secret of another company's account"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    world.confirm(begun["client_secret"])
    event = world.stripe.events("payment_intent.succeeded")[-1]["id"]
    world.stripe.deliver(event, secret="whsec_rival")
    [[count]] = world.sql(
        "SELECT count(*) FROM account_payment p JOIN account_move m ON m.id = p.move_id"
        " WHERE p.company_id = %s",
        world.ids["rival"],
    )
    world.work()
    assert count == 0
    assert world.left(invoice) in (0, invoice.amount)


def test_event_twice(world):
    """Send an event of a payment again and again"""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    world.confirm(begun["client_secret"])
    event = world.stripe.events("payment_intent.succeeded")[-1]["id"]
    for _time in range(3):
        world.stripe.deliver(event)
    world.work()
    assert world.state(invoice) == "paid"


def test_odd_event(world):
    """Post something that is no event"""
    headers = {"Content-Type": "application/json", "Stripe-Signature": "t=1,v1=x"}
    for body in ODD_EVENTS:
        answer = world.nobody.session.post(
            f"{world.url}/payment/stripe/webhook",
            data=body,
            headers=headers,
            timeout=30,
        )
        assert answer.status_code == 400, body[:12]

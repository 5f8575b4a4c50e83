"""Bank accounts that are saved, or verified, by who has no right to them (W33)."""

import re
from urllib.parse import urlsplit

import pytest

from tests.attacks.people import refused

PAGE = re.compile(r"/checkout/(cs_test_\w+)")


@pytest.fixture
def debits(world):
    """Let customers save accounts of ACH, at a company of the United States."""
    [us] = world.admin.call("res.country", "search", [("code", "=", "US")])
    with world.company(billing_debits=True, country_id=us):
        yield


def begin(world, who):
    """Begin to save an account, as an honest customer; return Stripe's page."""
    world.forget()
    answer = who.submit("/my/billing/cards/account", method_id=find_method(who))
    return PAGE.search(answer.headers["Location"])[1]


def find_method(who):
    """Find a kind of account that a customer is offered."""
    text = who.get("/my/billing/cards").text
    return re.search(r'name="method_id"[^>]*value="(\d+)"', text)[1]


def accounts_of(world, customer):
    return world.sql(
        "SELECT t.id FROM payment_token t JOIN res_partner p ON p.id = t.partner_id"
        " WHERE p.commercial_partner_id = %s AND NOT t.billing_is_card",
        world.ids["partners"][customer],
    )


def find_saving(world, page):
    return world.sql(
        "SELECT id, reference, provider_reference, partner_id"
        "  FROM payment_transaction WHERE billing_page_ref = %s",
        page,
    )[0]


def test_account_of_another_is_not_finished_by_me(world, debits):
    """Finish, or take, what another customer began, by all ids that there are"""
    theirs = begin(world, world.gus)
    mine = begin(world, world.amy)
    world.stripe.finish_page(theirs, "000123456789", is_instant=True)
    [saved] = [
        one["id"]
        for one in world.stripe.store()["setup_intents"]
        if one["status"] == "succeeded" and one["description"].startswith("V")
    ][:1]
    tx, reference, *_rest = find_saving(world, mine)
    # Another one's SetupIntent for my own payment, as Stripe's page leads back.
    world.amy.get("/payment/stripe/return", reference=reference, setup_intent=saved)
    world.look(world.amy)
    assert not accounts_of(world, "acme")
    # The id of a payment is no link, nor is Stripe's.
    for link in (tx, theirs, saved, f"{tx}-x"):
        page = world.amy.get(f"/my/billing/account/{link}").text
        assert "not valid any more" in page
        assert (
            world.amy.submit(
                f"/my/billing/account/{link}/verify", code="SM11AA"
            ).status_code
            == 404
        )
    assert not accounts_of(world, "acme")
    # Whose it is has it.
    world.hear()
    assert len(accounts_of(world, "globex")) == 1


def test_steps_by_rpc(world, debits):
    """Do by RPC what Stripe's page and the server do"""
    page = begin(world, world.amy)
    tx, reference, _intent, partner = find_saving(world, page)
    for who in (world.amy, world.gus, world.sam):
        for method, arguments in (
            ("_billing_learn_account", [[tx]]),
            ("_billing_verify_account", [[tx], "0.32", "0.45"]),
            ("_billing_get_account_path", [[tx]]),
            ("write", [[tx], {"billing_page_ref": "cs_other"}]),
            ("write", [[tx], {"partner_id": 1, "state": "done"}]),
        ):
            with refused():
                who.call("payment.transaction", method, *arguments)
        with refused():
            who.call(
                "payment.token",
                "create",
                {"partner_id": partner, "stripe_payment_method": "pm_1"},
            )
    assert not accounts_of(world, "acme")


def test_begin_without_the_right_to(world, debits):
    """Begin as nobody, with another method, or with a link that is none"""
    before = len(world.stripe.store()["setup_intents"])
    answer = world.nobody.submit(
        "/my/billing/cards/account", method_id=find_method(world.amy)
    )
    assert urlsplit(answer.headers["Location"]).path == "/web/login"
    answer = world.amy.submit(
        "/my/billing/cards/account", method_id=world.ids["card_method"]
    )
    assert "Choose what kind" in answer.text
    answer = world.amy.submit("/my/billing/card/x/account", method_id="1")
    assert answer.status_code == 404
    assert len(world.stripe.store()["setup_intents"]) == before
    assert not accounts_of(world, "acme")

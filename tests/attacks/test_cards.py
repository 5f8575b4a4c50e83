"""Cards that are charged, saved or taken away by who has no right to them."""

import re
from urllib.parse import urlsplit

import pytest

from tests.attacks.people import Refused, refused, tried_by

TOKENS = ("acme", "globex", "hidden")
#: By which a payment begins: ours, and those of Odoo.
ROUTES = ("/my/billing/pay/transaction/{id}", "/invoice/transaction/{id}")
ANYBODY = ("nobody", "amy", "gus", "pat")


@pytest.mark.parametrize("route", ROUTES)
def test_saved_card_by_the_link(world, route):
    """Charge each saved card with nothing but the link of an invoice"""
    invoice = world.bill()
    before = world.charged()
    for name in TOKENS:
        with refused():
            world.begin(
                world.nobody,
                invoice,
                route.format(id=invoice.id),
                flow="token",
                token_id=world.ids["tokens"][name],
            )
    assert world.charged() == before
    assert world.state(invoice) == "unpaid"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", ["globex", "hidden"])
def test_card_of_a_stranger(world, route, name):
    """Pay an invoice of one's own with the card of another customer"""
    invoice = world.bill()
    before = world.charged()
    token = {"flow": "token", "token_id": world.ids["tokens"][name]}
    with refused():
        world.begin(world.amy, invoice, route.format(id=invoice.id), **token)
    with refused():
        world.amy.post(
            "/my/billing/pay/charge",
            ids=str(invoice.id),
            card_id=world.ids["tokens"][name],
            amount=invoice.amount,
        )
    assert world.charged() == before


def test_card_of_a_stranger_by_staff(world):
    """Charge the card of another customer, or of another company, as staff"""
    invoice = world.bill()
    before = world.charged()
    for name in ("globex", "hidden"):
        with refused():
            world.take(world.sam, invoice, token_id=world.ids["tokens"][name])
    assert world.charged() == before


def test_saved_card_for_overdue_invoices(world):
    """Charge a stranger's card for all that is overdue"""
    invoice = world.bill()
    overdue = "UPDATE account_move SET invoice_date_due = '2020-01-01' WHERE id = %s"
    world.sql(overdue, invoice.id)
    before = world.charged()
    for who in (world.nobody, world.amy, world.gus):
        for name in TOKENS[1:] if who is world.amy else TOKENS:
            if repr(who) == "gus" and name == "globex":
                continue
            with refused():
                who.post(
                    "/invoice/transaction/overdue",
                    payment_reference="X",
                    **world.form(
                        amount=1, flow="token", token_id=world.ids["tokens"][name]
                    ),
                )
    assert world.charged() == before
    assert world.state(invoice) == "unpaid"


def test_saved_card_by_a_payment_link(world):
    """Charge a saved card with nothing but a payment link of staff"""
    invoice = world.bill()
    link = _payment_link(world, invoice)
    before = world.charged()
    for name in TOKENS:
        with refused():
            world.nobody.post(
                "/payment/transaction",
                **world.form(**link, flow="token", token_id=world.ids["tokens"][name]),
            )
    assert world.charged() == before


def test_page_of_a_payment_link(world):
    """See the saved cards of a customer with nothing but a payment link"""
    invoice = world.bill()
    link = _payment_link(world, invoice)
    query = {**link, "invoice_id": invoice.id}
    page = world.nobody.get("/payment/pay", **query)
    # Not as a part of the page's secret, which is random.
    assert not re.search(r"\b4242\b", page.text)
    assert 'name="o_payment_token"' not in page.text


def _payment_link(world, invoice):
    wizard = {"res_model": "account.move", "res_id": invoice.id}
    context = {"active_model": "account.move", "active_id": invoice.id}
    model = "payment.link.wizard"
    [id] = world.mia.call(model, "create", [wizard], context=context)
    [values] = world.mia.call(model, "read", [id], ["link"])
    query = dict(part.split("=") for part in values["link"].split("?")[1].split("&"))
    return {
        "amount": float(query["amount"]),
        "access_token": query["access_token"],
        "partner_id": world.ids["partners"]["acme"],
        "currency_id": world.read(invoice, "currency_id")[0],
    }


# === AMOUNTS AND PROVIDERS === #


@tried_by("nobody", "amy")
@pytest.mark.parametrize("route", ROUTES)
def test_amount(world, who, route):
    """Begin a payment of nothing, of more than is owed, or of what is no number"""
    invoice = world.bill()
    for amount in (-100, 0, 100.01, 1e308, "NaN", "Infinity", None, [], {"a": 1}, "x"):
        try:
            path = route.format(id=invoice.id)
            begun = world.begin(who, invoice, path, amount=amount)
        except Refused:
            continue
        assert not begun.get("client_secret"), amount
    assert world.state(invoice) == "unpaid"


@tried_by("nobody", "amy")
@pytest.mark.parametrize("route", ROUTES)
def test_provider_of_another_company(world, who, route):
    """Pay to the account of another company"""
    invoice = world.bill()
    with refused():
        provider = world.ids["foreign_provider"]
        route = route.format(id=invoice.id)
        world.begin(who, invoice, route, provider_id=provider)


@tried_by("nobody", "amy")
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("values", [{"state": "disabled"}, {"is_published": False}])
def test_provider_that_is_off(world, who, route, values):
    """Pay by a provider that is switched off, or not published"""
    invoice = world.bill()
    provider = [world.ids["provider"]]
    try:
        world.admin.call("payment.provider", "write", provider, values)
        with refused():
            world.begin(who, invoice, route.format(id=invoice.id))
    finally:
        back = {"state": "test", "is_published": True}
        world.admin.call("payment.provider", "write", provider, back)
        tokens = "UPDATE payment_token SET active = true WHERE provider_id = %s"
        world.sql(tokens, *provider)
        consents = "UPDATE omni_billing_consent SET state = 'active'"
        deleted = "The payment method was deleted."
        world.sql(f"{consents} WHERE withdrawn_why = '{deleted}'")


@tried_by(*ANYBODY)
@pytest.mark.parametrize("route", ROUTES)
def test_invoice_of_a_stranger(world, who, route):
    """Begin to pay the invoice of a stranger, without its link"""
    invoice = world.bill("hidden", by="otto")
    for token in (None, "", "x", "\u0000", ["x"], invoice.token[:-1]):
        with refused():
            path = route.format(id=invoice.id)
            world.begin(who, invoice, path, access_token=token)
    with refused():
        who.post(
            "/my/billing/pay/charge",
            ids=str(invoice.id),
            card_id=world.ids["tokens"]["acme"],
            amount=100,
        )


# === TAKING AWAY === #


@tried_by(*ANYBODY)
def test_archive_card_of_a_stranger(world, who):
    """Take the card of a stranger away"""
    token = world.ids["tokens"]["hidden"]
    for path in ("/payment/archive_token",):
        try:
            who.post(path, token_id=token)
        except Refused:
            pass
    for method in ("action_billing_delete", "action_billing_set_default"):
        with refused():
            who.call("payment.token", method, [token])
    with refused():
        who.call("payment.token", "write", [token], {"active": False})
    [[is_active]] = world.sql("SELECT active FROM payment_token WHERE id = %s", token)
    assert is_active


@tried_by("nobody", "amy", "gus", "pat", "sam", "ivy", "art")
def test_token_forged(world, who):
    """Make a saved card, or have one point at another customer"""
    token = world.ids["tokens"]["globex"]
    values = {
        "provider_id": world.ids["provider"],
        "payment_method_id": world.ids["card_method"],
        "partner_id": world.ids["partners"]["acme"],
        "provider_ref": "cus_1",
        "stripe_payment_method": "pm_1",
    }
    with refused():
        who.call("payment.token", "create", [values])
    with refused():
        who.call("payment.token", "write", [token], {"provider_ref": "cus_1"})
    with refused():
        partner = {"partner_id": world.ids["partners"]["acme"]}
        who.call("payment.token", "write", [token], partner)


@tried_by("nobody", "amy", "gus", "pat", "sam", "ivy", "art", "mia")
def test_secrets(world, who):
    """Read the keys of Stripe, or the marks of a card"""
    for model, id, name in (
        ("payment.provider", world.ids["provider"], "stripe_secret_key"),
        ("payment.provider", world.ids["provider"], "stripe_webhook_secret"),
        ("payment.token", world.ids["tokens"]["acme"], "billing_fingerprint"),
    ):
        with refused():
            who.call(model, "read", [id], [name])
        with refused():
            who.call(model, "search_read", [(name, "like", "s")], [name])


def test_link_to_save_a_card(world):
    """Use the link to save a card for another customer, to charge, or once more"""
    link = _card_link(world)
    before = world.charged()
    counts = "SELECT count(*) FROM payment_token"
    cards = world.sql(counts)
    # Whoever is logged in as somebody else; or with its secret on Odoo's own route.
    for who in (world.amy, world.gus, world.pat):
        with refused():
            who.post(f"{link}/transaction", **world.form())
    for name in ("acme", "globex"):
        with refused():
            world.nobody.post(
                "/payment/transaction",
                **world.form(
                    amount=None,
                    currency_id=None,
                    partner_id=world.ids["partners"][name],
                    access_token=link.rpartition("/")[2],
                    is_validation=True,
                    tokenization_requested=True,
                ),
            )
    # A saved card, or a link that was changed.
    token = {"flow": "token", "token_id": world.ids["tokens"]["acme"]}
    with refused():
        world.nobody.post(f"{link}/transaction", **world.form(**token))
    with refused():
        world.nobody.post(f"{link[:-4]}AAAA/transaction", **world.form())
    page = world.nobody.get(link)
    assert page.status_code == 200
    assert not re.search(r"• 4242|Acme", page.text)
    assert world.charged() == before
    assert world.sql(counts) == cards


def _card_link(world):
    model = "omni.billing.card.link.wizard"
    values = {"partner_id": world.ids["partners"]["acme"]}
    [id] = world.mia.call(model, "create", [values])
    [values] = world.mia.call(model, "read", [id], ["link"])
    return urlsplit(values["link"]).path

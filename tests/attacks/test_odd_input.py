"""What no form sends: too much, too deep, too often, of the wrong kind."""

import json

import pytest

from tests.attacks.people import Refused, tried_by

ODD = (
    *("\u0000", "a\u0000b", "'", "%00", "9" * 400, "-1", "1e308", "NaN", "null"),
    *("../../etc/passwd", "<script>", "{{7*7}}", "", " ", "1,2,", ",", "٣"),
)
#: Half of a character, which JSON can say and an address cannot.
HALF = "\ud83d"
#: Routes of JSON that a contact reaches, with what they take.
CALLS = {
    "/my/billing/pay/charge": ("ids", "card_id", "amount"),
    "/my/billing/pay/check": ("reference",),
    "/my/billing/pay/transaction/1": ("amount", "access_token", "provider_id"),
    "/invoice/transaction/1": ("access_token", "amount", "provider_id", "flow"),
    "/payment/archive_token": ("token_id",),
}
LISTS = ("transactions", "invoices")


@tried_by("amy")
@pytest.mark.parametrize("path", CALLS)
def test_odd_values_in_json(world, who, path):
    """Post text, lists, nothing and huge numbers to each call of the portal"""
    for name in CALLS[path]:
        values = dict.fromkeys(CALLS[path], 1) | {"access_token": "x", "flow": "direct"}
        values = {key: values[key] for key in CALLS[path]}
        for odd in (*ODD, HALF, None, [], {}, [[]], True, 1e308, -1, 2**63, 2**31):
            try:
                who.post(path, **{**values, name: odd})
            except Refused:
                pass


@tried_by("amy", "nobody")
@pytest.mark.parametrize("name", ["search", "sortby", "filterby", "page"])
def test_odd_values_in_addresses(world, who, name):
    """Put such things into the address of each list"""
    for page in LISTS:
        for odd in ODD:
            who.get(f"/my/billing/{page}", **{name: odd})


def test_odd_token(world):
    """Open an invoice with a token that is none"""
    invoice, guest = world.bill(), world.nobody
    for page in ("", "/pdf", "/pay"):
        path = f"/my/billing/invoices/{invoice.id}{page}"
        for token in ODD:
            answer = guest.get(path, access_token=token)
            assert invoice.name not in answer.text, token


def test_odd_json(world):
    """Post JSON that is none, or thousands of levels deep"""
    deep = json.dumps({"params": {"ids": "1"}})[:-2] + ', "x": ' + "[" * 50_000
    bodies = ("", "null", "[]", "{", "1", '{"params": null}', '{"params": []}', deep)
    for path in ("/my/billing/pay/charge", "/my/billing/pay/check"):
        for body in bodies:
            answer = world.amy.session.post(
                world.url + path,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=30,
            )
            assert answer.status_code < 500, body[:20]

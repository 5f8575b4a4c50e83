"""Money that is to come out, by Odoo's own ways, or by who may not give it back."""

import pytest

from tests.attacks.people import Refused, refused, tried_by

STRANGERS = ("nobody", "amy", "gus", "pat", "otto")
#: Who works on invoices, and may not refund.
CLERKS = ("sam", "ivy", "art")


@pytest.fixture(scope="module")
def paid(whole_world):
    """Have an invoice of 100 that Acme's card paid; no attack changes that."""
    world = whole_world
    invoice = world.bill()
    intent = world.pay(world.amy, invoice)
    [[transaction, payment]] = world.sql(
        "SELECT id, payment_id FROM payment_transaction WHERE provider_reference = %s",
        intent,
    )
    return invoice, transaction, payment


def by_transaction(world, who, paid):
    who.call("payment.transaction", "action_refund", [paid[1]])


def by_part_of_transaction(world, who, paid):
    who.call("payment.transaction", "action_refund", [paid[1]], amount_to_refund=10)


def by_odoo_s_dialog(world, who, paid):
    model, context = "payment.refund.wizard", {"active_id": paid[2]}
    values = {"payment_id": paid[2], "amount_to_refund": 10}
    [wizard] = who.call(model, "create", [values], context=context)
    who.call(model, "action_refund", [wizard], context=context)


def by_our_dialog(world, who, paid):
    model = "omni.billing.card.refund.wizard"
    values = {"invoice_id": paid[0].id, "amount": 10}
    [wizard] = who.call(model, "create", [values])
    who.call(model, "action_refund", [wizard])


def by_void_of_transaction(world, who, paid):
    who.call("payment.transaction", "action_void", [paid[1]])


def by_capture_wizard(world, who, paid):
    model = "payment.capture.wizard"
    values = {"transaction_ids": [(6, 0, [paid[1]])], "amount_to_capture": 1}
    [wizard] = who.call(model, "create", [values])
    who.call(model, "action_capture", [wizard])


WAYS = (
    *(by_transaction, by_part_of_transaction, by_odoo_s_dialog, by_our_dialog),
    *(by_void_of_transaction, by_capture_wizard),
)


@tried_by(*STRANGERS, *CLERKS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_refund_without_right(world, paid, who, way):
    """Refund a card payment without the right to, in each way that Odoo has"""
    before = world.charged()
    with refused():
        way(world, who, paid)
    assert world.charged() == before
    assert world.state(paid[0]) == "paid"


@pytest.mark.parametrize("way", WAYS[:3], ids=lambda way: way.__name__)
def test_refund_by_odoo_s_ways(world, way):
    """Refund by Odoo's own buttons as a manager: with a credit note, or not at all"""
    invoice = world.bill()
    intent = world.pay(world.amy, invoice)
    [[transaction, payment]] = world.sql(
        "SELECT id, payment_id FROM payment_transaction WHERE provider_reference = %s",
        intent,
    )
    before = world.charged()
    try:
        way(world, world.mia, (invoice, transaction, payment))
    except Refused:
        pass
    world.work()
    back = before - world.charged()
    [[credited]] = world.sql(
        "SELECT coalesce(sum(amount_total), 0) FROM account_move"
        " WHERE reversed_entry_id = %s AND state = 'posted'",
        invoice.id,
    )
    assert credited == back
    assert world.left(invoice) == 0


@tried_by(*STRANGERS, *CLERKS, "mia")
def test_transaction_forged(world, paid, who):
    """Write down a payment that there was not, or change what there was"""
    invoice = world.bill()
    values = {
        "provider_id": world.ids["provider"],
        "payment_method_id": world.ids["card_method"],
        "amount": invoice.amount,
        "currency_id": 1,
        "partner_id": world.ids["partners"]["acme"],
        "operation": "online_direct",
        "invoice_ids": [(6, 0, [invoice.id])],
    }
    for state in ("done", "authorized", "pending", "draft"):
        with refused():
            forged = {"state": state, "reference": f"{state}-{who}-{invoice.id}"}
            who.call("payment.transaction", "create", [{**values, **forged}])
    reference = world.begin(world.amy, invoice)["reference"]
    [[begun]] = world.sql(
        "SELECT id FROM payment_transaction WHERE reference = %s", reference
    )
    for change in (
        {"state": "done"},
        {"amount": 1},
        {"provider_reference": "pi_1"},
        {"invoice_ids": [(5,)]},
        {"is_post_processed": True},
        {"billing_is_open": False},
        {"token_id": world.ids["tokens"]["globex"]},
    ):
        for id in (begun, paid[1]):
            with refused():
                who.call("payment.transaction", "write", [id], change)
    for id in (begun, paid[1]):
        with refused():
            who.call("payment.transaction", "unlink", [id])
    world.work()
    assert world.state(invoice) == "unpaid"


@tried_by(*STRANGERS, *CLERKS)
def test_payment_undone(world, paid, who):
    """Take the booked payment of a card back, without the money"""
    for method in ("action_draft", "action_cancel", "action_reject", "unlink"):
        try:
            who.call("account.payment", method, [paid[2]])
        except Refused:
            pass
    for name, value in (
        *(("amount", 1), ("state", "canceled")),
        ("payment_transaction_id", False),
    ):
        values = {name: value}
        with refused():
            who.call("account.payment", "write", [paid[2]], values)
    assert world.state(paid[0]) == "paid"

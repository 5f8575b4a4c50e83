"""Money that is to be taken twice: while a payment is made, paid and not booked."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.attacks.people import Refused, refused


@pytest.fixture
def paid_elsewhere(world):
    """Have an invoice that a customer paid on Odoo's form, before it is booked."""
    invoice = world.bill()
    begun = world.begin(world.amy, invoice)
    intent = world.confirm(begun["client_secret"])["id"]
    return invoice, begun["reference"], intent


@pytest.fixture(params=["tab closed at Stripe", "tab closed before the status"])
def unbooked(world, paid_elsewhere, request):
    """Have it without its page: the tab is closed at Stripe, or after it."""
    invoice, reference, intent = paid_elsewhere
    if request.param == "tab closed before the status":
        world.come_back(world.amy, reference, intent)
    return invoice


def by_staff(world, invoice):
    world.take(world.sam, invoice)


def by_staff_in_part(world, invoice):
    world.take(world.sam, invoice, amount=40)


def by_saved_card(world, invoice):
    world.amy.post(
        "/my/billing/pay/charge",
        ids=str(invoice.id),
        card_id=world.ids["tokens"]["acme"],
        amount=invoice.amount,
    )


def by_our_form(world, invoice):
    begun = world.begin(world.bob, invoice)
    world.confirm(begun["client_secret"])


def by_link(world, invoice):
    begun = world.begin(world.nobody, invoice)
    world.confirm(begun["client_secret"])


def by_form_of_odoo(world, invoice):
    route = f"/invoice/transaction/{invoice.id}"
    begun = world.begin(world.bob, invoice, route)
    world.confirm(begun["client_secret"])


def by_card_on_form_of_odoo(world, invoice):
    route = f"/invoice/transaction/{invoice.id}"
    token = {"flow": "token", "token_id": world.ids["tokens"]["acme"]}
    world.begin(world.amy, invoice, route, **token)


def in_cash(world, invoice):
    world.take(world.sam, invoice, mode="cash")


def by_card_in_odoo_s_dialog(world, invoice):
    [[line]] = world.sql(
        "SELECT id FROM account_payment_method_line WHERE payment_provider_id = %s"
        " AND journal_id IS NOT NULL LIMIT 1",
        world.ids["provider"],
    )
    context = {"active_model": "account.move", "active_ids": [invoice.id]}
    model = "account.payment.register"
    values = {"payment_method_line_id": line}
    values["payment_token_id"] = world.ids["tokens"]["acme"]
    [wizard] = world.ivy.call(model, "create", [values], context=context)
    world.ivy.call(model, "action_create_payments", [wizard], context=context)


WAYS = (
    *(by_staff, by_staff_in_part, by_saved_card, by_our_form, by_link),
    *(by_form_of_odoo, by_card_on_form_of_odoo, in_cash, by_card_in_odoo_s_dialog),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pay_again_before_it_is_booked(world, unbooked, way):
    """Pay again, in each way, while a payment is made and not booked"""
    before = world.charged()
    try:
        way(world, unbooked)
    except Refused:
        pass
    assert world.charged() == before
    world.hear()
    assert world.state(unbooked) == "paid"
    [[payments]] = world.sql(
        "SELECT count(*) FROM account_partial_reconcile r"
        " JOIN account_move_line l ON l.id = r.debit_move_id WHERE l.move_id = %s",
        unbooked.id,
    )
    assert payments == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pay_while_a_saved_card_is_charged(world, way):
    """Pay again, in each way, while a saved card is charged"""
    invoice = world.bill()
    before = world.charged()
    hold = world.stripe.hold(path="/v1/payment_intents")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(world.take, world.mia, invoice)
        hold.wait()
        try:
            way(world, invoice)
        except Refused:
            pass
        hold.release()
        first.result()
    assert world.charged() == before + invoice.amount
    world.hear()
    assert world.state(invoice) == "paid"


@pytest.mark.parametrize("way", WAYS[3:6], ids=lambda way: way.__name__)
def test_two_forms_both_confirmed(world, way):
    """Begin on two pages, and confirm both at Stripe"""
    invoice = world.bill()
    before = world.charged()
    first = world.begin(world.amy, invoice)
    for confirm in (
        lambda: way(world, invoice),
        lambda: world.confirm(first["client_secret"]),
    ):
        try:
            confirm()
        except (Refused, requests.HTTPError):
            pass
    assert world.charged() == before + invoice.amount
    world.hear()
    assert world.state(invoice) == "paid"


def test_dialog_twice(world):
    """Press the button of one payment dialog twice"""
    invoice = world.bill(amount=100)
    wizard = world.open_payment(world.sam, invoice, mode="bank", amount=10)
    for _time in range(2):
        try:
            world.sam.call("omni.billing.payment.wizard", "action_pay", [wizard])
        except Refused:
            pass
    assert world.left(invoice) == 90


def test_dialog_twice_at_once(world):
    """Press the button of one payment dialog in two tabs, with a saved card"""
    invoice = world.bill(amount=100)
    before = world.charged()
    wizard = world.open_payment(world.sam, invoice, mode="stripe", amount=10)
    hold = world.stripe.hold(path="/v1/payment_intents")

    def press():
        model = "omni.billing.payment.wizard"
        return world.sam.call(model, "action_pay", [wizard])

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(press)
        hold.wait()
        second = pool.submit(press)
        world.wait_for_a_turn()
        hold.release()
        first.result()
        try:
            second.result()
        except Refused:
            pass
    try:
        press()
    except Refused:
        pass
    assert world.charged() == before + 10
    assert world.left(invoice) == 90


def test_refund_dialog_twice(world):
    """Press the button of one refund dialog twice"""
    invoice = world.bill()
    world.pay(world.amy, invoice)
    before = world.charged()
    model = "omni.billing.card.refund.wizard"
    values = {"invoice_id": invoice.id, "amount": 10}
    [wizard] = world.mia.call(model, "create", [values])
    for _time in range(2):
        try:
            world.mia.call(model, "action_refund", [wizard])
        except Refused:
            pass
    assert world.charged() == before - 10


def test_proforma_twice(world):
    """Press the button of one preview twice"""
    partner = world.ids["partners"]["globex"]
    values = {"partner_id": partner, "name": "Twice", "retail_cost": 5, "tax_ids": []}
    world.sam.call("omni.billing.transaction", "create", [values])
    model = "omni.billing.proforma.wizard"
    values = {"partner_id": partner, "date_start": "2020-01-01"}
    [wizard] = world.sam.call(model, "create", [values])
    before = _count_invoices(world, partner)
    for _time in range(2):
        try:
            world.sam.call(model, "action_generate", [wizard])
        except Refused:
            pass
    assert _count_invoices(world, partner) == before + 1


def _count_invoices(world, partner):
    query = "SELECT count(*) FROM account_move WHERE partner_id = %s"
    [[count]] = world.sql(query, partner)
    return count


def test_refund_while_one_is_under_way(world):
    """Refund the same payment in two tabs"""
    invoice = world.bill()
    world.pay(world.amy, invoice)
    before = world.charged()
    model = "omni.billing.card.refund.wizard"
    values = {"invoice_id": invoice.id, "amount": invoice.amount}
    wizards = [world.mia.call(model, "create", [values])[0] for _tab in range(2)]
    hold = world.stripe.hold(path="/v1/refunds")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(world.mia.call, model, "action_refund", [wizards[0]])
        hold.wait()
        with refused():
            world.mia.call(model, "action_refund", [wizards[1]])
        hold.release()
        first.result()
    assert world.charged() == before - invoice.amount

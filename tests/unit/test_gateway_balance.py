"""The gateway and Stripe's balance, against a server as strict as the real one."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from odoo.addons.omni_billing.exceptions import GatewayRefused
from odoo.addons.omni_billing.gateways import stripe as module
from odoo.addons.omni_billing.gateways.stripe import StripeGateway

from strict_stripe import StripeServer


@pytest.fixture(scope="module")
def server():
    with StripeServer() as running:
        yield running


@pytest.fixture
def gateway(server, monkeypatch):
    server.reset()
    monkeypatch.setattr(module, "TIMEOUT", (60, 60))
    return StripeGateway(server.secret_key, server.url)


def charge(gateway, reference, amount=5000, currency="EUR"):
    customer = gateway.create_customer("Ada", "ada@example.com", {}, "c")
    saved = gateway.attach_card("pm_card_visa", customer)
    return gateway.charge(
        amount=amount,
        currency=currency,
        customer=customer,
        card=saved.id,
        reference=reference,
        database="db",
        key=reference,
    )


def test_payout_and_what_it_is_made_of(server, gateway):
    server.take_fees(percent="1", fixed=25, tax="20")
    paid = charge(gateway, "INV/1")
    refund = gateway.refund(
        intent=paid.id, amount=1000, reference="R/1", database="db", key="r"
    )
    payout = server.pay_out()
    (found,) = gateway.list_payouts(datetime(2020, 1, 1))
    assert found == gateway.get_payout(payout["id"])
    assert (found.amount, found.status) == (5000 - 90 - 1000, "in_transit")
    assert found.is_automatic
    assert found.is_complete
    assert abs(found.created - now()) < timedelta(minutes=5)
    assert found.arrival > found.created
    rows = {row.type: row for row in gateway.list_movements(found.id)}
    assert set(rows) == {"charge", "refund", "payout"}
    taken = rows["charge"]
    assert (taken.amount, taken.fee, taken.tax, taken.net) == (5000, 90, 15, 4910)
    assert (taken.kind, taken.intent, taken.reference) == ("charge", paid.id, "INV/1")
    assert (taken.source_amount, taken.source_currency) == (5000, "eur")
    assert (taken.database, taken.rate) == ("db", None)
    back = rows["refund"]
    assert (back.source, back.intent, back.net) == (refund.id, paid.id, -1000)
    assert rows["payout"].net == -found.amount


def test_payout_that_takes_another_back(server, gateway):
    charge(gateway, "INV/1")
    payout = server.pay_out()
    server.settle(payout["id"], "paid")
    back = gateway._api.payouts.reverse(payout["id"])
    found = gateway.get_payout(back.id)
    assert (found.original, found.amount) == (payout["id"], -5000)
    assert not found.is_automatic
    assert gateway.get_payout(payout["id"]).original == ""
    rows = gateway.list_movements(server.pay_out()["id"])
    assert [row.source for row in rows if row.amount > 0] == [back.id]


def now():
    return datetime.now(timezone.utc).replace(tzinfo=None)


def test_only_those_since_then(server, gateway):
    charge(gateway, "INV/1")
    server.pay_out()
    assert gateway.list_payouts(now() + timedelta(hours=1)) == []


def test_more_than_a_page(server, gateway):
    for number in range(101):
        server.move_balance("adjustment", 1 + number)
    rows = gateway.list_movements(server.pay_out()["id"])
    assert len({row.id for row in rows}) == 102


def test_another_currency_than_the_charge(server, gateway):
    server.take_fees(settled={"usd": ("eur", "0.87654")})
    charge(gateway, "INV/1", 10000, "USD")
    rows = gateway.list_movements(server.pay_out()["id"])
    (row,) = (row for row in rows if row.type == "charge")
    assert (row.amount, row.currency, row.rate) == (8765, "eur", Decimal("0.87654"))
    assert (row.source_amount, row.source_currency) == (10000, "usd")


def test_what_cannot_be_listed_yet_is_refused(server, gateway):
    charge(gateway, "INV/1")
    payout = server.pay_out(completed=False)
    assert not gateway.get_payout(payout["id"]).is_complete
    with pytest.raises(GatewayRefused) as error:
        gateway.list_movements(payout["id"])
    assert error.value.code == "payout_reconciliation_not_ready"


def test_dispute_with_what_it_moved(server, gateway):
    server.take_fees(dispute=1500)
    paid = charge(gateway, "INV/1")
    (made,) = server.store()["charges"]
    dispute = server.dispute(made["id"])
    read = gateway.get_dispute(dispute["id"])
    assert (read.status, read.amount, read.intent) == ("needs_response", 5000, paid.id)
    (row,) = read.movements
    assert (row.category, row.amount, row.fee) == ("dispute", -5000, 1500)
    assert row.source == read.id
    server.close_dispute(read.id, "won")
    read = gateway.get_dispute(read.id)
    assert [row.net for row in read.movements] == [-6500, 5000]

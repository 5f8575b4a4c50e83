"""Who asks too often is told when to come back, and keeps nobody from paying."""

import pytest

from tests.attacks.people import Limited
from tests.attacks.test_cards import ROUTES
from tests.attacks.test_replay import begin_to_save


@pytest.fixture
def patient(world, monkeypatch):
    """Have the server remember how often somebody asked."""
    world.forget()
    monkeypatch.setattr(type(world), "forget", lambda _self: None)
    yield world
    monkeypatch.undo()
    world.forget()


def test_many_cards(patient):
    """Try many cards, one after the other, as thieves do"""
    with pytest.raises(Limited, match=r"\d min"):
        for _time in range(15):
            begin_to_save(patient, patient.amy)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("login", ["amy", "nobody"])
def test_many_payments(patient, login, route):
    """Begin many payments, one after the other"""
    invoice, who = patient.bill(), patient.person(login)
    with pytest.raises(Limited, match=r"\d min"):
        for _time in range(50):
            patient.begin(who, invoice, route.format(id=invoice.id))


def test_keep_a_customer_from_paying(patient):
    """Keep a customer from paying, by beginning again and again with the link"""
    invoice = patient.bill()
    begun = patient.begin(patient.amy, invoice)
    guest = patient.nobody
    for _time in range(3):
        try:
            patient.begin(guest, invoice)
        except Exception as error:
            assert str(error).strip()
    assert patient.confirm(begun["client_secret"])["status"] == "succeeded"
    patient.hear()
    assert patient.state(invoice) == "paid"


def test_lock_beyond_the_limit(patient):
    """Lock an invoice, and have Stripe asked, after one was told to wait"""
    invoice, guest = patient.bill(), patient.nobody
    with pytest.raises(Limited):
        for _time in range(50):
            patient.begin(guest, invoice)
    # Who would lock the invoice waits for this, or is told that somebody is at it.
    with patient.at_work_on(invoice), pytest.raises(Limited):
        patient.begin(guest, invoice)

"""Bank debits by the Stripe gateway, against a Stripe server as strict as the real one.

W33.
"""

from datetime import datetime, timedelta, timezone

import pytest

from odoo.addons.omni_billing.exceptions import GatewayRefused, GatewayUnknown
from odoo.addons.omni_billing.gateways.stripe import StripeGateway
from odoo.addons.omni_billing.tools.debit import DEBITS, ENDS_MANDATE, KINDS

from strict_stripe import StripeServer
from strict_stripe.banks import ENDS_MANDATE as STRIPE_ENDS
from strict_stripe.banks import FAILURES, SCHEMES

#: A Monday, at noon.
MONDAY = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def server():
    with StripeServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _monday(server):
    server.reset()
    server.be_at(int(MONDAY.timestamp()))


@pytest.fixture
def gateway(server):
    return StripeGateway(server.secret_key, server.url)


def save(server, gateway, kind="sepa_debit", number="AT611904300234573201"):
    """Save an account; return what a charge of it is asked for with."""
    customer = gateway.create_customer("Ada", "ada@example.com", {}, f"c-{number}")
    options = {}
    if kind == "acss_debit":
        options = {
            "payment_schedule": "combined",
            "interval_description": "as invoiced",
            "transaction_type": "personal",
        }
    saved = server.save_account(customer, kind, number, **options)
    return {
        "amount": 5000,
        "currency": SCHEMES[kind].currencies[0].upper(),
        "customer": customer,
        "card": saved["payment_method"],
        "kind": kind,
        "mandate": saved["mandate"],
        "reference": "INV/1",
        "database": "db",
        "key": "attempt-1",
    }


def go_on(server, days=30):
    server.be_at(int((MONDAY + timedelta(days=days)).timestamp()))


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("acss_debit", "000123456789"),
        ("bacs_debit", "00012345"),
        ("sepa_debit", "AT611904300234573201"),
        ("us_bank_account", "000123456789"),
    ],
)
def test_account_is_debited(server, gateway, kind, number):
    account = save(server, gateway, kind, number)
    charge = gateway.charge(**account)
    assert charge.is_under_way
    assert not charge.is_paid
    assert charge.debit_date >= "2026-11-03"
    assert gateway.get_charge(charge.id).debit_date == charge.debit_date
    # The same key is the same debit.
    assert gateway.charge(**account).id == charge.id
    go_on(server)
    assert gateway.get_charge(charge.id).is_paid
    assert server.totals()[account["currency"].lower()]["charged"] == 5000


def test_kinds_are_those_of_stripe():
    assert set(SCHEMES) == KINDS
    for debit in DEBITS.values():
        taken = {name.upper() for name in SCHEMES[debit.kind].currencies}
        assert set(debit.currencies) == taken
    # What ends a mandate there ends it here.
    assert STRIPE_ENDS <= ENDS_MANDATE
    assert ENDS_MANDATE.isdisjoint({"insufficient_funds", "refer_to_customer"})
    assert "insufficient_funds" in FAILURES


def test_return_says_why(server, gateway):
    account = save(server, gateway, number="AT981904300002222227")
    charge = gateway.charge(**account)
    go_on(server)
    charge = gateway.get_charge(charge.id)
    assert charge.status == "requires_payment_method"
    assert charge.decline.code == "insufficient_funds"
    assert not charge.needs_customer


def test_lost_answer_is_found(server, gateway):
    account = save(server, gateway)
    server.drop("POST", "/v1/payment_intents", count=9, executed=True)
    with pytest.raises(GatewayUnknown):
        gateway.charge(**account)
    server.clear_faults()
    found = gateway.find_charge(account["customer"], "INV/1", "db", MONDAY)
    assert found.is_under_way
    assert not gateway.fence(**account)


def test_lost_call_is_fenced(server, gateway):
    """The call that is late is refused, whatever mandate it names."""
    account = save(server, gateway, "acss_debit", "000123456789")
    assert gateway.fence(**account)
    with pytest.raises(GatewayRefused) as error:
        gateway.charge(**account)
    assert error.value.code == "idempotency_error"


def test_mandate_is_read_and_its_end_refuses(server, gateway):
    account = save(server, gateway)
    mandate = gateway.get_mandate(account["mandate"])
    assert mandate.status == "active"
    assert mandate.reference
    server.end_mandate(account["mandate"])
    assert gateway.get_mandate(account["mandate"]).status == "inactive"
    assert gateway.get_mandate("mandate_none") is None
    with pytest.raises(GatewayRefused) as error:
        gateway.charge(**account)
    assert error.value.code == "payment_intent_mandate_invalid"
    assert not server.store()["charges"]


def test_debit_is_called_back_rarely(server, gateway):
    account = save(server, gateway)
    charge = gateway.charge(**account)
    assert gateway.cancel(charge.id).is_under_way
    server.let_cancel(charge.id)
    assert gateway.cancel(charge.id).status == "canceled"


def test_account_is_read_and_detached(server, gateway):
    account = save(server, gateway)
    saved = gateway.get_card(account["card"])
    assert (saved.type, saved.last4, saved.is_card) == ("sepa_debit", "3201", False)
    gateway.detach_card(account["card"])
    assert gateway.get_mandate(account["mandate"]).status == "inactive"


ACSS = {
    "currency": "cad",
    "verification_method": "automatic",
    "mandate_options": {
        "payment_schedule": "combined",
        "interval_description": "when an invoice is due",
        "transaction_type": "personal",
    },
}


def begin(gateway, kind="acss_debit", options=ACSS):
    customer = gateway.create_customer("Ada", "ada@example.com", {}, f"c-{kind}")
    page, url = gateway.begin_account(
        kind=kind,
        currency=SCHEMES[kind].currencies[0].upper(),
        customer=customer,
        options=options,
        lang="fr",
        done_url="https://shop.example.com/done",
        back_url="https://shop.example.com/back",
        reference="V-1",
        database="db",
        key=f"page-{kind}",
    )
    assert page in url
    assert gateway.get_account(page).status == "requires_payment_method"
    return page


@pytest.mark.parametrize(
    ("kind", "options", "number", "waits"),
    [
        ("acss_debit", ACSS, "000123456789", "amounts"),
        ("bacs_debit", {}, "00012345", ""),
        ("sepa_debit", {}, "AT611904300234573201", ""),
        (
            "us_bank_account",
            {"verification_method": "automatic"},
            "000123456789",
            "descriptor_code",
        ),
    ],
)
def test_account_is_saved_on_stripes_page(
    server, gateway, kind, options, number, waits
):
    """Verified by deposits, if its kind is; debited after that with its mandate."""
    page = begin(gateway, kind, options)
    server.finish_page(page, number)
    account = gateway.get_account(page)
    assert account.deposits == waits
    if waits:
        assert account.status == "requires_action"
        assert account.deposits_at > MONDAY.timestamp()
        right = {"amounts": [32, 45]} if waits == "amounts" else {"code": "SM11AA"}
        for _twice in range(2):
            account = gateway.verify_account(account.id, key="answer", **right)
    assert (account.status, account.kind) == ("succeeded", kind)
    assert account.last4 == number[-4:]
    charge = gateway.charge(
        amount=5000,
        currency=SCHEMES[kind].currencies[0].upper(),
        customer=account.customer,
        card=account.method,
        kind=kind,
        mandate=account.mandate,
        reference="INV/1",
        database="db",
        key="attempt-1",
    )
    assert charge.is_under_way


def test_three_wrong_answers_end_a_verification(server, gateway):
    """The same one sent again, after a lost answer, is no other."""
    page = begin(gateway)
    server.finish_page(page, "000123456789")
    setup = gateway.get_account(page).id
    codes = []
    for number in (1, 1, 2, 3):
        with pytest.raises(GatewayRefused) as refused:
            gateway.verify_account(setup, key=f"answer-{number}", amounts=[1, number])
        codes.append(refused.value.code.rsplit("_", 1)[1])
    assert codes == ["mismatch", "mismatch", "mismatch", "exceeded"]
    account = gateway.get_account(page)
    assert (account.status, account.method) == ("requires_payment_method", "")


def test_page_that_nobody_finished_expires(server, gateway):
    page = begin(gateway)
    go_on(server, days=1)
    assert gateway.get_account(page).status == "expired"
    event = server.events()[-1]
    assert event["type"] == "checkout.session.expired"
    assert event["data"]["object"]["id"] == page


def test_mandate_names_what_its_scheme_asks_for(server, gateway):
    with pytest.raises(GatewayRefused) as refused:
        begin(gateway, options={"currency": "cad"})
    assert refused.value.code == "parameter_missing"

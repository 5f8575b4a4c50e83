"""Bank debits: mandates, days under way, what banks say, and what comes back later."""

from datetime import date, datetime, timezone

import pytest
import stripe

from strict_stripe import StripeServerError

from .common import body_of, types_of

#: A Monday, at noon in London.
MONDAY = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)
ACSS = {
    "currency": "cad",
    "mandate_options": {
        "payment_schedule": "combined",
        "interval_description": "when an invoice is due",
        "transaction_type": "personal",
    },
    "verification_method": "microdeposits",
}
ONLINE = {
    "customer_acceptance": {
        "type": "online",
        "online": {"ip_address": "127.0.0.1", "user_agent": "Tests"},
    }
}
OWNER = {"name": "Ada", "email": "ada@example.com"}
IBAN = "AT611904300234573201"
CURRENCIES = {
    "acss_debit": "cad",
    "sepa_debit": "eur",
    "bacs_debit": "gbp",
    "us_bank_account": "usd",
}
GOOD = {
    "acss_debit": "000123456789",
    "sepa_debit": IBAN,
    "bacs_debit": "00012345",
    "us_bank_account": "000123456789",
}


@pytest.fixture(autouse=True)
def monday(server):
    """Be at noon of a Monday."""
    server.be_at(int(MONDAY.timestamp()))


def be_on(server, day, hour=22):
    moment = datetime.combine(day, MONDAY.time(), timezone.utc).replace(hour=hour)
    server.be_at(int(moment.timestamp()))


def save(server, client, kind="sepa_debit", number="", **options):
    """Save an account with its mandate; return the SetupIntent."""
    customer = client.customers.create(OWNER)
    if kind == "acss_debit":
        options = options or ACSS["mandate_options"]
    number = number or GOOD[kind]
    made = server.save_account(customer.id, kind, number, **options)
    return client.setup_intents.retrieve(made["id"])


def debit(client, saved, amount=4500, **values):
    """Debit a saved account with nobody there."""
    (kind,) = saved.payment_method_types
    if kind == "acss_debit":
        values.setdefault("mandate", saved.mandate)
    return client.payment_intents.create(
        {
            "amount": amount,
            "currency": CURRENCIES[kind],
            "customer": saved.customer,
            "payment_method": saved.payment_method,
            "allowed_payment_method_types": [kind],
            "off_session": True,
            "confirm": True,
            **values,
        }
    )


def begin_acss(client, number=GOOD["acss_debit"], options=ACSS, owner=OWNER):
    customer = client.customers.create(OWNER)
    account = {
        "account_number": number,
        "institution_number": "000",
        "transit_number": "11000",
    }
    return client.setup_intents.create(
        {
            "customer": customer.id,
            "allowed_payment_method_types": ["acss_debit"],
            "payment_method_options": {"acss_debit": options},
            "payment_method_data": {
                "type": "acss_debit",
                "acss_debit": account,
                "billing_details": owner,
            },
            "mandate_data": ONLINE,
            "confirm": True,
        }
    )


# === SAVING === #


def test_account_is_verified_by_deposits(server, client):
    intent = begin_acss(client)
    assert intent.status == "requires_action"
    asked = intent.next_action.verify_with_microdeposits
    assert date.fromtimestamp(asked.arrival_date) == date(2026, 11, 4)
    assert asked.microdeposit_type == "amounts"
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.setup_intents.verify_microdeposits(intent.id, {"amounts": [1, 2]})
    code = "payment_method_microdeposit_verification_amounts_mismatch"
    assert body_of(error)["code"] == code
    intent = client.setup_intents.verify_microdeposits(intent.id, {"amounts": [32, 45]})
    assert intent.status == "succeeded"
    mandate = client.mandates.retrieve(intent.mandate)
    assert (mandate.status, mandate.payment_method) == ("active", intent.payment_method)
    assert mandate.payment_method_details.acss_debit.payment_schedule == "combined"
    assert mandate.customer_acceptance.online.ip_address == "127.0.0.1"
    method = client.payment_methods.retrieve(intent.payment_method)
    assert (method.customer, method.acss_debit.last4) == (intent.customer, "6789")


@pytest.mark.parametrize(
    ("answers", "days", "code"),
    [
        ([[1, 2], [3, 4], [5, 6]], 0, "verification_attempts_exceeded"),
        ([[10, 11]], 0, "verification_attempts_exceeded"),
        ([[32, 45]], 13, "verification_timeout"),
    ],
)
def test_verification_ends(server, client, answers, days, code):
    intent = begin_acss(client)
    be_on(server, date(2026, 11, 2 + days))
    for amounts in answers:
        with pytest.raises(stripe.InvalidRequestError) as error:
            client.setup_intents.verify_microdeposits(intent.id, {"amounts": amounts})
    assert body_of(error)["code"] == f"payment_method_microdeposit_{code}"
    intent = client.setup_intents.retrieve(intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_setup_error.code == body_of(error)["code"]
    with pytest.raises(stripe.InvalidRequestError):
        client.setup_intents.verify_microdeposits(intent.id, {"amounts": [32, 45]})


def test_deposits_may_never_arrive(client):
    intent = begin_acss(client, "000666666661")
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.setup_intents.verify_microdeposits(intent.id, {"amounts": [32, 45]})
    assert body_of(error)["code"] == "payment_method_microdeposit_failed"


def test_owner_may_log_in_at_the_bank(server, client):
    intent = begin_acss(client)
    server.verify_account(intent.id)
    assert client.setup_intents.retrieve(intent.id).mandate


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"mandate_options": {}}, "payment_schedule"),
        (
            {
                "mandate_options": {
                    "payment_schedule": "interval",
                    "transaction_type": "personal",
                }
            },
            "interval_description",
        ),
        ({"verification_method": "instant"}, "verification_method"),
    ],
)
def test_what_a_mandate_lacks_is_asked_for(client, changes, param):
    with pytest.raises(stripe.InvalidRequestError) as error:
        begin_acss(client, options=ACSS | changes)
    assert param in body_of(error)["param"]


def test_owner_has_a_name_and_an_address(client):
    with pytest.raises(stripe.InvalidRequestError, match="email"):
        begin_acss(client, owner={"name": "Ada"})


def test_sepa_needs_the_acceptance_and_nothing_else(client):
    customer = client.customers.create(OWNER)
    values = {
        "customer": customer.id,
        "allowed_payment_method_types": ["sepa_debit"],
        "payment_method_data": {
            "type": "sepa_debit",
            "sepa_debit": {"iban": IBAN},
            "billing_details": OWNER,
        },
        "payment_method_options": {
            "sepa_debit": {"mandate_options": {"reference_prefix": "OMNI"}}
        },
        "confirm": True,
    }
    with pytest.raises(stripe.InvalidRequestError, match="mandate"):
        client.setup_intents.create(values)
    intent = client.setup_intents.create(values | {"mandate_data": ONLINE})
    assert intent.status == "succeeded"
    mandate = client.mandates.retrieve(intent.mandate)
    details = mandate.payment_method_details.sepa_debit
    assert details.reference.startswith("OMNI")
    assert len(details.reference) <= 35


def test_bacs_is_saved_by_checkout_alone(server, client):
    customer = client.customers.create(OWNER)
    with pytest.raises(stripe.InvalidRequestError, match="Checkout"):
        client.setup_intents.create(
            {
                "customer": customer.id,
                "allowed_payment_method_types": ["bacs_debit"],
                "payment_method_data": {
                    "type": "bacs_debit",
                    "bacs_debit": {"account_number": "00012345", "sort_code": "108800"},
                    "billing_details": OWNER,
                },
                "mandate_data": ONLINE,
                "confirm": True,
            }
        )
    saved = save(server, client, "bacs_debit")
    details = client.mandates.retrieve(saved.mandate).payment_method_details.bacs_debit
    assert details.network_status == "accepted"
    refused = save(server, client, "bacs_debit", "00033333")
    assert client.mandates.retrieve(refused.mandate).status == "inactive"


def open_page(client, **values):
    """Have a page on which the account of a customer is saved."""
    return client.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "usd",
            "customer": client.customers.create(OWNER).id,
            "allowed_payment_method_types": ["us_bank_account"],
            "success_url": "https://shop.example.com/done",
            **values,
        }
    )


@pytest.mark.parametrize("name", ["success_url", "cancel_url"])
def test_page_leads_to_whole_addresses(client, name):
    for path in ("/done", "shop.example.com/done", "javascript:alert(1)"):
        with pytest.raises(stripe.InvalidRequestError, match="scheme") as error:
            open_page(client, **{name: path})
        assert body_of(error)["param"] == name


def test_intent_of_a_page_is_not_canceled(server, client):
    page = open_page(client)
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout"):
        client.setup_intents.cancel(page.setup_intent)
    server.be_at(page.expires_at)
    assert types_of(server.events())[-1] == "checkout.session.expired"
    with pytest.raises(StripeServerError, match="is over"):
        server.finish_page(page.id, GOOD["us_bank_account"])


def test_page_verifies_as_it_was_asked_to(server, client):
    """A kind that is verified at the bank alone has no deposits, and the reverse."""
    with pytest.raises(stripe.InvalidRequestError, match="verification_method"):
        us_bank_account = {"verification_method": "microdeposits"}
        open_page(client, payment_method_options={"us_bank_account": us_bank_account})
    for kind, way, is_instant in (
        ("us_bank_account", "instant", True),
        ("acss_debit", "microdeposits", False),
    ):
        options = ACSS | {"currency": "usd"} if kind == "acss_debit" else {}
        page = open_page(
            client,
            allowed_payment_method_types=[kind],
            payment_method_options={kind: options | {"verification_method": way}},
        )
        with pytest.raises(StripeServerError, match="another way"):
            server.finish_page(page.id, GOOD[kind], is_instant=not is_instant)
        server.finish_page(page.id, GOOD[kind], is_instant=is_instant)
        intent = client.setup_intents.retrieve(page.setup_intent)
        assert intent.status == ("succeeded" if is_instant else "requires_action")


def test_account_is_not_attached_without_a_mandate(client):
    customer = client.customers.create(OWNER)
    with pytest.raises(stripe.InvalidRequestError, match="SetupIntent"):
        client.payment_methods.attach("pm_acssDebit_success", {"customer": customer.id})


def test_accounts_are_listed_by_kind(server, client):
    saved = save(server, client)
    for kind, count in (("sepa_debit", 1), ("card", 0)):
        found = client.payment_methods.list({"customer": saved.customer, "type": kind})
        assert len(found.data) == count


# === DEBITING === #


@pytest.mark.parametrize(
    ("kind", "day"),
    [
        ("acss_debit", date(2026, 11, 6)),
        ("sepa_debit", date(2026, 11, 11)),
        # The first of a mandate takes three days more.
        ("bacs_debit", date(2026, 11, 10)),
        ("us_bank_account", date(2026, 11, 6)),
    ],
)
def test_debit_takes_days(server, client, kind, day):
    saved = save(server, client, kind)
    intent = debit(client, saved)
    assert intent.status == "processing"
    charge = client.charges.retrieve(intent.latest_charge)
    assert (charge.status, charge.paid) == ("pending", False)
    shown = charge.payment_method_details[kind]
    assert shown["mandate"] == saved.mandate
    assert shown["expected_debit_date"] > "2026-11-02"
    be_on(server, day, hour=20)
    assert client.payment_intents.retrieve(intent.id).status == "processing"
    assert not server.totals()[CURRENCIES[kind]]["charged"]
    be_on(server, day, hour=22)
    assert client.payment_intents.retrieve(intent.id).status == "succeeded"
    assert server.totals()[CURRENCIES[kind]]["charged"] == 4500
    happened = [
        name
        for name in types_of(server.events())
        if name.startswith(("charge.", "payment_intent."))
    ]
    assert happened == [
        "payment_intent.created",
        "payment_intent.processing",
        "charge.pending",
        "charge.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


def test_cut_off_and_weekend_are_waited_for(server, client):
    saved = save(server, client)
    # Friday after the cut-off of SEPA is Monday.
    be_on(server, date(2026, 11, 6), hour=12)
    intent = debit(client, saved)
    be_on(server, date(2026, 11, 16))
    assert client.payment_intents.retrieve(intent.id).status == "processing"
    be_on(server, date(2026, 11, 17))
    assert client.payment_intents.retrieve(intent.id).status == "succeeded"


@pytest.mark.parametrize(
    ("kind", "number", "code", "is_over"),
    [
        ("acss_debit", "000222222227", "insufficient_funds", False),
        ("acss_debit", "900222222227", "insufficient_funds", False),
        ("acss_debit", "000000000002", "account_closed", True),
        ("sepa_debit", "AT861904300235473202", "generic_could_not_process", False),
        ("bacs_debit", "33333335", "debit_not_authorized", True),
        ("us_bank_account", "000111111113", "account_closed", True),
    ],
)
def test_bank_does_not_pay(server, client, kind, number, code, is_over):
    saved = save(server, client, kind, number)
    intent = debit(client, saved)
    assert intent.status == "processing"
    be_on(server, date(2026, 11, 30))
    intent = client.payment_intents.retrieve(intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == code
    charge = client.charges.retrieve(intent.latest_charge)
    assert (charge.status, charge.failure_code) == ("failed", code)
    assert types_of(server.events())[-1] == (
        "mandate.updated" if is_over else "payment_intent.payment_failed"
    )
    if is_over:
        with pytest.raises(stripe.InvalidRequestError) as error:
            debit(client, saved)
        assert body_of(error)["code"] == "payment_intent_mandate_invalid"


@pytest.mark.parametrize(
    ("number", "amount", "code"),
    [
        ("000777777771", 4500, "charge_exceeds_source_limit"),
        ("000888888881", 4500, "charge_exceeds_transaction_limit"),
    ],
)
def test_limit_is_told_at_once(server, client, number, amount, code):
    saved = save(server, client, "acss_debit", number)
    with pytest.raises(stripe.InvalidRequestError) as error:
        debit(client, saved, amount)
    assert body_of(error)["code"] == code
    assert body_of(error)["payment_intent"]["status"] == "requires_payment_method"


def test_one_debit_has_a_limit(server, client):
    with pytest.raises(stripe.InvalidRequestError) as error:
        debit(client, save(server, client), 10_000_01)
    assert body_of(error)["code"] == "charge_exceeds_transaction_limit"


def test_acss_names_its_mandate(server, client):
    saved, other = (save(server, client, "acss_debit") for _each in range(2))
    with pytest.raises(stripe.InvalidRequestError, match="mandate"):
        debit(client, saved, mandate=other.mandate)
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.payment_intents.create(
            {
                "amount": 4500,
                "currency": "cad",
                "customer": saved.customer,
                "payment_method": saved.payment_method,
                "allowed_payment_method_types": ["acss_debit"],
                "confirm": True,
            }
        )
    assert body_of(error)["param"] == "mandate"


def test_currency_has_to_be_the_schemes(server, client):
    saved = save(server, client)
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method"):
        debit(client, saved, currency="usd")


def test_kind_has_to_be_allowed(server, client):
    saved = save(server, client)
    with pytest.raises(stripe.InvalidRequestError, match="not allowed"):
        debit(client, saved, allowed_payment_method_types=["card"])


def test_day_can_be_asked_for(server, client):
    saved = save(server, client)

    def ask(day):
        options = {"sepa_debit": {"target_date": day}}
        return debit(client, saved, payment_method_options=options)

    for day in ("2026-11-03", "2026-11-30", "soon"):
        with pytest.raises(stripe.InvalidRequestError, match="target date"):
            ask(day)
    charge = client.charges.retrieve(ask("2026-11-10").latest_charge)
    shown = charge.payment_method_details.sepa_debit
    assert shown.expected_debit_date == "2026-11-10"


def test_debit_is_called_back_rarely(server, client):
    saved = save(server, client)
    intent = debit(client, saved)
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.payment_intents.cancel(intent.id)
    assert body_of(error)["code"] == "payment_intent_unexpected_state"
    server.let_cancel(intent.id)
    assert client.payment_intents.cancel(intent.id).status == "canceled"
    be_on(server, date(2026, 11, 30))
    assert client.payment_intents.retrieve(intent.id).status == "canceled"
    assert not server.totals()["eur"]["charged"]


def test_detached_account_has_no_mandate(server, client):
    saved = save(server, client)
    client.payment_methods.detach(saved.payment_method)
    assert client.mandates.retrieve(saved.mandate).status == "inactive"
    with pytest.raises(stripe.InvalidRequestError):
        debit(client, saved)


def test_ended_mandate_is_not_used(server, client):
    saved = save(server, client)
    server.end_mandate(saved.mandate)
    assert types_of(server.events())[-1] == "mandate.updated"
    with pytest.raises(stripe.InvalidRequestError) as error:
        debit(client, saved)
    assert body_of(error)["code"] == "payment_intent_mandate_invalid"


# === AFTERWARDS === #


def test_bank_takes_back_for_good(server, client):
    saved = save(server, client)
    intent = debit(client, saved)
    be_on(server, date(2026, 11, 30))
    server.dispute(intent.latest_charge, reason="insufficient_funds")
    assert types_of(server.events())[-3:] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    (dispute,) = client.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.reason) == ("lost", "insufficient_funds")
    assert server.totals()["eur"]["net"] == 0
    # Another debit is possible: only the money was missing.
    assert debit(client, saved).status == "processing"


@pytest.mark.parametrize("kind", ["sepa_debit", "us_bank_account"])
def test_disputed_authorization_ends_the_mandate(server, client, kind):
    number = {"sepa_debit": "AT591904300235473203", "us_bank_account": "000555555559"}
    saved = save(server, client, kind, number[kind])
    intent = debit(client, saved)
    be_on(server, date(2026, 11, 30))
    (dispute,) = client.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.reason) == ("lost", "debit_not_authorized")
    assert client.mandates.retrieve(saved.mandate).status == "inactive"


def test_refund_waits_for_its_debit(server, client):
    saved = save(server, client)
    intent = debit(client, saved)
    refund = client.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert (refund.status, refund.pending_reason) == ("pending", "charge_pending")
    be_on(server, date(2026, 11, 12))
    refund = client.refunds.retrieve(refund.id)
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    be_on(server, date(2026, 11, 30))
    assert client.refunds.retrieve(refund.id).status == "succeeded"
    assert server.totals()["eur"]["net"] == 3500


def test_refund_of_a_debit_that_fails_is_canceled(server, client):
    saved = save(server, client, number="AT981904300002222227")
    intent = debit(client, saved)
    refund = client.refunds.create({"payment_intent": intent.id})
    be_on(server, date(2026, 11, 30))
    assert client.refunds.retrieve(refund.id).status == "canceled"
    assert server.totals()["eur"]["net"] == 0


def test_ach_is_refunded_as_a_whole(server, client):
    saved = save(server, client, "us_bank_account")
    intent = debit(client, saved)
    be_on(server, date(2026, 11, 30))
    with pytest.raises(stripe.InvalidRequestError, match="as a whole"):
        client.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert client.refunds.create({"payment_intent": intent.id}).status == "pending"


def test_refund_is_possible_for_half_a_year(server, client):
    saved = save(server, client)
    intent = debit(client, saved)
    be_on(server, date(2027, 6, 1))
    with pytest.raises(stripe.InvalidRequestError, match="180 days"):
        client.refunds.create({"payment_intent": intent.id})

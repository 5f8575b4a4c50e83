"""The server takes and answers what the SDK's own types have, no more."""

import pytest
import stripe

from strict_stripe import typed
from strict_stripe.errors import RefusedError
from strict_stripe.resources import CURRENT

from .common import OLD_VERSION

INTENTS = "/v1/payment_intents"
INTENT = {
    "allowed_payment_method_types": {"0": "card"},
    "amount": "5000",
    "confirm": "true",
    "currency": "eur",
    "customer": "cus_1",
    "description": "INV/1",
    "expand": {"0": "latest_charge"},
    "metadata": {"odoo_reference": "INV/1"},
    "off_session": "recurring",
    "payment_method": "pm_1",
    "payment_method_options": {"card": {"setup_future_usage": "off_session"}},
    "shipping": {"name": "Ada", "address": {"line1": "1 rue", "city": "Paris"}},
}
EMPTY = "parameter_invalid_empty"


def test_version_is_the_one_of_the_sdk():
    assert typed.VERSION == CURRENT == stripe.api_version


def test_what_the_types_have_is_taken():
    typed.check_request("POST", INTENTS, INTENT)
    typed.check_request("POST", INTENTS, INTENT | {"off_session": "TRUE"})
    typed.check_request("POST", f"{INTENTS}/pi_1/cancel", {})
    typed.check_request("GET", "/v1/refunds", {"payment_intent": "pi", "limit": "9"})
    # What can be unset says so.
    typed.check_request("POST", f"{INTENTS}/pi_1", {"receipt_email": ""})


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        (
            {"payment_method_types": {"0": "card"}},
            "payment_method_types",
            "parameter_unknown",
        ),
        # An option of the SDK, which is no parameter.
        ({"idempotency_key": "k"}, "idempotency_key", "parameter_unknown"),
        (
            {"payment_method_options": {"card": {"color": "red"}}},
            "payment_method_options[card][color]",
            "parameter_unknown",
        ),
        ({"amount": "50.0"}, "amount", None),
        ({"confirm": "1"}, "confirm", None),
        ({"off_session": "maybe"}, "off_session", None),
        (
            {"allowed_payment_method_types": {"0": "cheque"}},
            "allowed_payment_method_types[0]",
            None,
        ),
        (
            {"allowed_payment_method_types": "card"},
            "allowed_payment_method_types",
            None,
        ),
        ({"metadata": {"k": {"l": "v"}}}, "metadata[k]", None),
        ({"description": ""}, "description", EMPTY),
        ({"description": {"0": "a"}}, "description", None),
        ({"shipping": "Paris"}, "shipping", None),
        (
            {"shipping": {"name": "Ada", "address": {"city": ""}}},
            "shipping[address][city]",
            EMPTY,
        ),
        (
            {"shipping": {"address": {"city": "Paris"}}},
            "shipping[name]",
            "parameter_missing",
        ),
    ],
)
def test_what_the_types_lack_is_refused_by_name(changes, param, code):
    with pytest.raises(RefusedError) as error:
        typed.check_request("POST", INTENTS, INTENT | changes)
    told = error.value.body["error"]
    assert (told["param"], told.get("code")) == (param, code)


def test_required_parameter_is_missed():
    given = {name: INTENT[name] for name in INTENT if name != "currency"}
    with pytest.raises(RefusedError, match="currency"):
        typed.check_request("POST", INTENTS, given)


def test_call_that_the_sdk_lacks_is_refused():
    with pytest.raises(RefusedError, match="Unrecognized"):
        typed.check_request("POST", "/v1/payment_intents/pi_1/refund", {})


def test_answer_with_what_the_classes_lack_is_told():
    card = {"object": "payment_method", "card": {"brand": "visa", "colour": "red"}}
    intent = {
        "object": "payment_intent",
        "colour": "red",
        "last_payment_error": {"code": "x", "shade": "dark"},
        "metadata": {"colour": "red"},
        "payment_method": card,
    }
    page = {"object": "list", "data": [intent], "has_more": False, "url": "/v1/x"}
    assert typed.find_unknown(page) == [
        "payment_intent.colour",
        "payment_intent.last_payment_error.shade",
        "payment_method.card.colour",
    ]
    assert not typed.find_unknown({"object": "customer", "deleted": True, "id": "c"})


@pytest.mark.parametrize(
    ("version", "status"), [(CURRENT, 400), (OLD_VERSION, 200), (None, 400)]
)
def test_server_refuses_in_the_version_of_the_types(http, version, status):
    """An empty description is what nothing but the types refuses."""
    data = {"description": ""}
    answer = http("POST", "/v1/customers", data=data, version=version)
    assert answer.status_code == status

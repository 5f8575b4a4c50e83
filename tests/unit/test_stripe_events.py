"""What is read of an event has the same name in each version that sends it."""

import ast
from pathlib import Path

import pytest
import stripe

SOURCE = Path("omni_billing/models/cards/omni_billing_stripe_event.py")
#: The objects that each handler gets, and what it may read of them. The names are in
#: the SDK's classes, and were in the documentation of 2019-05-16, or came later to all
#: versions (https://docs.stripe.com/changelog).
READ = {
    "_process_payment": (
        {"id", "metadata", "description", "customer"},
        ["PaymentIntent"],
    ),
    "_process_setup": ({"id", "description", "customer"}, ["SetupIntent"]),
    "_process_refund": ({"payment_intent"}, ["Charge", "Refund"]),
    "_process_dispute": ({"id", "payment_intent", "status", "reason"}, ["Dispute"]),
    "_process_card": ({"id"}, ["PaymentMethod"]),
}


def find_read(function):
    """Return the texts by which a handler reads something, of whatever it is."""
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) != "self.env":
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".get"):
            key = node.args[0]
        else:
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


@pytest.mark.parametrize(("handler", "expected"), READ.items())
def test_handlers_read_what_all_versions_have(handler, expected):
    names, kinds = expected
    (function,) = (
        node
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == handler
    )
    assert set(find_read(function)) <= names
    for kind in kinds:
        assert names <= set(getattr(stripe, kind).__annotations__)

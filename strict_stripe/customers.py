"""Customers.

Source: Stripe's page "Customers" of the API reference.
"""

from __future__ import annotations

from typing import Any

from .account import Account, Call, endpoint
from .errors import StripeError, missing
from .parameters import (
    ADDRESS,
    CREATED,
    LIST,
    SHIPPING,
    array,
    choice,
    email,
    hash_of,
    identifier,
    integer,
    merged,
    metadata,
    string,
    text_of,
)
from .resources import Listing, Resource, Version

FIELDS = {
    "address": ADDRESS,
    "balance": integer,
    "description": string,
    "email": email,
    "invoice_prefix": string,
    "invoice_settings": hash_of(default_payment_method=string, footer=string),
    "metadata": metadata,
    "name": text_of(256),
    "phone": text_of(20),
    "preferred_locales": array(string),
    "shipping": SHIPPING,
    "tax_exempt": choice("none", "exempt", "reverse"),
}
PLAIN = tuple(set(FIELDS) - {"invoice_settings", "metadata"})


class Customer(Resource):
    """Somebody who pays."""

    object = "customer"
    noun = "customer"
    prefix = "cus_"
    # What is expanded is inside: invoice_settings.default_payment_method.
    expandable = frozenset({"invoice_settings"})

    def __init__(self) -> None:
        super().__init__()
        self.address = None
        self.balance = 0
        self.currency = None
        self.default_source = None
        self.delinquent = False
        self.description = None
        self.discount = None
        self.email = None
        self.invoice_prefix = self.id[-8:].upper()
        self.invoice_settings: dict[str, Any] = {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        }
        self.metadata: dict[str, str] = {}
        self.name = None
        self.next_invoice_sequence = 1
        self.phone = None
        self.preferred_locales: list[str] = []
        self.shipping = None
        self.tax_exempt = "none"
        self.test_clock = None
        self._is_deleted = False

    def fields(self, version: Version) -> dict[str, Any]:
        """Show of a deleted customer only that there was one."""
        if self._is_deleted:
            return {"id": self.id, "object": self.object, "deleted": True}
        return super().fields(version)


def find_customer(
    account: Account, identifier: str, param: str | None = None
) -> Customer:
    """Find a customer who has not been deleted."""
    customer = account.find(Customer, identifier, param)
    if customer._is_deleted:
        status = 400 if param else 404
        raise missing("customer", identifier, param=param or "id", status=status)
    return customer


def _write(call: Call, customer: Customer) -> None:
    settings = call.params.get("invoice_settings", {})
    if "default_payment_method" in settings:
        method = settings["default_payment_method"]
        settings["default_payment_method"] = (
            _own_method(call, customer, method) if method else None
        )
    customer.invoice_settings.update(settings)
    call.update(customer, *PLAIN)


def _own_method(call: Call, customer: Customer, identifier: str) -> Resource:
    from .payment_methods import PaymentMethod, check_owner

    method = call.account.find(
        PaymentMethod, identifier, "invoice_settings[default_payment_method]"
    )
    check_owner(method, customer, "invoice_settings[default_payment_method]")
    return method


@endpoint("POST", "/v1/customers", **FIELDS, payment_method=identifier)
def create_customer(call: Call) -> Customer:
    from .payment_methods import attach, usable_method

    method = None
    if "payment_method" in call.params:
        method = usable_method(call, call.params["payment_method"])
    customer = Customer()
    try:
        if method:
            attach(call, method, customer)
        _write(call, customer)
    except StripeError:
        del call.account.store[f"customer:{customer.id}"]
        raise
    customer.metadata = merged({}, call.params.get("metadata"))
    call.emit("customer.created", customer)
    return customer


@endpoint("GET", "/v1/customers", **LIST, created=CREATED, email=string)
def list_customers(call: Call) -> Listing:
    address = call.params.get("email")
    return call.page(
        [
            customer
            for customer in call.account.all(Customer, _is_deleted=False)
            if address in (None, customer.email)
        ]
    )


@endpoint("GET", "/v1/customers/{id}")
def retrieve_customer(call: Call) -> Customer:
    return call.find(Customer)


@endpoint("POST", "/v1/customers/{id}", **FIELDS)
def update_customer(call: Call) -> Customer:
    customer = find_customer(call.account, call.id)
    _write(call, customer)
    call.emit("customer.updated", customer)
    return customer


@endpoint("DELETE", "/v1/customers/{id}")
def delete_customer(call: Call) -> Customer:
    from .payment_methods import PaymentMethod, detach

    customer = find_customer(call.account, call.id)
    call.emit("customer.deleted", customer)
    for method in call.account.all(PaymentMethod, customer=customer):
        detach(call, method)
    customer._is_deleted = True
    return customer

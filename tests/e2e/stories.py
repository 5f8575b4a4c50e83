"""What was there before a story begins.

All stories are told in one database: what a story needs it makes, under names of its
own, and what it changes of the settings it changes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone

from words import Language, speaking


def today() -> date:
    """Give the date that it is on the server, and in the browser."""
    return datetime.now(timezone.utc).date()


def add_customer(server, name: str, **values) -> int:
    """Have a customer, in the country of the company, so that its taxes apply.

    Whoever searches a list for the name finds this customer alone.
    """
    admin = server.rpc("admin")
    others = admin.call("res.partner", "search_read", [("name", "!=", False)], ["name"])
    taken = [
        other["name"]
        for other in others
        if name.lower() in other["name"].lower()
        or other["name"].lower() in name.lower()
    ]
    assert not taken, f"{name} is mistaken for {taken}: choose another name"
    country = admin.call("res.country", "search", [("code", "=", "US")])
    values = {
        "name": name,
        "email": f"{name.lower().replace(' ', '.')}@example.com",
        "country_id": country[0],
    } | values
    return admin.call("res.partner", "create", [values])[0]


def invite(server, customer: int, login: str) -> None:
    """Let a customer into the portal; the password is the login."""
    admin = server.rpc("admin")
    values = {
        "login": login,
        "password": login,
        "partner_id": customer,
        "group_ids": [(6, 0, [server.ref("base.group_portal")])],
    }
    no_mail = {"no_reset_password": True}
    admin.call("res.users", "create", [values], context=no_mail)


def charge(
    staff,
    customer: int,
    *titles: str,
    cost: float = 25,
    date: str = "2025-01-15",
    taxed: bool = False,
) -> list[int]:
    """Have charges of one price, as another program of staff enters them.

    :param taxed: with the 15 % of the chart of accounts.
    """
    taxes = staff.call(
        "account.tax", "search", [("type_tax_use", "=", "sale"), ("amount", "=", 15)]
    )
    values = [
        {
            "partner_id": customer,
            "name": title,
            "retail_cost": cost,
            "date": date,
            "tax_ids": taxes if taxed else [],
        }
        for title in titles
    ]
    return staff.call("omni.billing.transaction", "create", values)


def give_credit(staff, customer: int, title: str, cost: float) -> None:
    """Have a credit of today."""
    [kind, *_others] = staff.call("omni.billing.credit.type", "search", [])
    values = {
        "partner_id": customer,
        "name": title,
        "retail_cost": cost,
        "transaction_type": "credit",
        "credit_type_id": kind,
    }
    staff.call("omni.billing.transaction", "create", [values])


def prepare_bill(staff, customer: int, **values) -> int:
    """Have the preview of an invoice of all that is unbilled."""
    values = {"partner_id": customer, "date_start": "2020-01-01"} | values
    return staff.call("omni.billing.proforma.wizard", "create", [values])[0]


def bill(staff, customer: int, **values) -> dict:
    """Have an invoice of all that is unbilled: its ``id`` and ``name``."""
    wizard = prepare_bill(staff, customer, **values)
    action = staff.call("omni.billing.proforma.wizard", "action_generate", [wizard])
    return staff.call("account.move", "read", [action["res_id"]], ["name"])[0]


def pay(staff, invoice: dict) -> None:
    """Have an invoice paid in cash."""
    values = {"invoice_ids": [invoice["id"]], "mode": "cash"}
    wizard = staff.call("omni.billing.payment.wizard", "create", [values])
    staff.call("omni.billing.payment.wizard", "action_pay", wizard)


@contextmanager
def changed(server, model: str, ids: list[int], **values) -> Iterator[None]:
    """Have other values in plain fields of records, as long as a story lasts."""
    admin = server.rpc("admin")
    context = {"active_test": False}
    before = admin.call(model, "read", ids, list(values), context=context)
    admin.call(model, "write", ids, values)
    try:
        yield
    finally:
        for record in before:
            admin.call(model, "write", [record.pop("id")], record)


@contextmanager
def parameters(server, **values: str) -> Iterator[None]:
    """Have system parameters of the addon, as long as a story lasts."""
    admin = server.rpc("admin")
    names = {f"omni_billing.{name}": value for name, value in values.items()}
    model = "ir.config_parameter"
    before = {name: admin.call(model, "get_param", name) for name in names}
    for name, value in names.items():
        admin.call(model, "set_param", name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            admin.call(model, "set_param", name, value)


@contextmanager
def working_in(server, login: str, code: str) -> Iterator[Language]:
    """Let a user work in a language, which the screens then speak."""
    users = server.rpc("admin").call("res.users", "search", [("login", "=", login)])
    with changed(server, "res.users", users, lang=code), speaking(code) as language:
        server.forget(login)
        try:
            yield language
        finally:
            server.forget(login)

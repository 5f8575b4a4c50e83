"""What was there before a story begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from words import Language, speaking


def add_customer(server, name: str) -> int:
    """Have a customer, in the country of the company, so that its taxes apply."""
    admin = server.rpc("admin")
    country = admin.call("res.country", "search", [("code", "=", "US")])
    values = {
        "name": name,
        "email": f"{name.lower().replace(' ', '.')}@example.com",
        "country_id": country[0],
    }
    return admin.call("res.partner", "create", [values])[0]


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
def working_in(server, login: str, code: str) -> Iterator[Language]:
    """Let a user work in a language, which the screens then speak."""
    admin = server.rpc("admin")
    users = admin.call("res.users", "search", [("login", "=", login)])
    admin.call("res.users", "write", users, {"lang": code})
    with speaking(code) as language:
        yield language
    admin.call("res.users", "write", users, {"lang": "en_US"})

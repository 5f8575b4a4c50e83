"""The month of a customer on a phone, by touch, in each language."""

from __future__ import annotations

import books
import pytest
from playwright.sync_api import expect
from screens import (
    Cards,
    CustomerPhonePage,
    InvoiceDialog,
    InvoiceList,
    PaymentDialog,
    TransactionDialog,
    TransactionList,
    fits,
)
from stories import add_customer, bill, charge, today, working_in
from words import LANGUAGES, say

from dev import browsing


@pytest.fixture
def device():
    return browsing.PHONE_DEVICE


@pytest.fixture(
    params=[
        pytest.param(code, marks=[pytest.mark.again] * (code == "en_US"))
        for code in LANGUAGES
    ]
)
def language(request, server):
    """Work in English, and then in French."""
    with working_in(server, "staff", request.param) as language:
        yield language


def test_month_is_billed_on_a_phone(server, page, login, language):
    """F1, F4, F13, F40, F132: charge, preview, invoice, payment."""
    staff = server.rpc("staff")
    cafe = add_customer(server, f"Pocket Cafe {language.code}")
    charge(staff, cafe, "Fibre", cost=45, date=f"{today()}")
    amount = language.amount

    login("staff")
    customer = CustomerPhonePage.open(page, cafe)
    customer.owes(unbilled=amount(45), due=amount(0))
    fits(page)
    customer.press("Add a Transaction")
    entry = TransactionDialog(page)
    entry.enter(name="Router", retail_cost="30")
    fits(page, entry)
    entry.save()
    customer.transactions.show("Router", say("Unbilled"), amount(30))
    customer.owes(unbilled=amount(75))

    proforma = customer.bill()
    proforma.counts(2)
    heads = proforma.box.get_by_role("columnheader")
    expect(heads).to_have_count(4)
    fits(page, proforma)
    proforma.toggle("Router")
    proforma.counts(1)
    proforma.totals(amount(45), amount(0), amount(45))
    proforma.toggle("Router")
    proforma.totals(amount(75), amount(0), amount(75))
    invoice = proforma.generate()
    fits(page, invoice)
    number = invoice.number
    invoice.close()
    customer.owes(unbilled=amount(0), due=amount(75))

    customer.invoices.show(number, say("Unpaid"), amount(75))
    fits(page)
    customer.invoices.open(number)
    payment = InvoiceDialog(page).pay()
    fits(page, payment)
    payment.pay("Cash", reference="Receipt #31")
    customer.invoices.show(number, say("Paid"))
    customer = CustomerPhonePage.open(page, cafe)
    customer.owes(due=amount(0), paid=amount(75))
    books.agree(server)


def test_lists_are_cards_with_a_menu(server, page, login, language):
    """F7, F68: what a row on a desk does, a card does on a phone."""
    staff = server.rpc("staff")
    gym = add_customer(server, f"Pocket Gym {language.code}")
    charge(staff, gym, "Fibre", cost=45)
    number = bill(staff, gym)["name"]

    login("staff")
    for path in (TransactionList.path, InvoiceList.path):
        page.goto(path)
        expect(page.locator(".o_kanban_view")).to_be_visible()
        expect(page.locator(".o_billing_card")).to_have_count(4)
        fits(page)

    cards = Cards(page.locator(".o_kanban_view"))
    cards.show(number, say("Unpaid"), language.amount(45))
    menu = cards.menu(number)
    actions = [
        "Pay",
        "Download PDF",
        "Send by E-mail",
        "Send with a Message",
        "Send a Reminder",
        "Void Invoice",
    ]
    assert menu.actions == [say(action) for action in actions]
    fits(page)
    menu.choose("Pay")
    payment = PaymentDialog(page)
    payment.pay("Cash")
    cards.show(number, say("Paid"))
    menu = cards.menu(number)
    actions = ["Download PDF", "Send by E-mail", "Send with a Message"]
    assert menu.actions == [say(action) for action in actions]
    with page.expect_download():
        menu.choose("Download PDF")

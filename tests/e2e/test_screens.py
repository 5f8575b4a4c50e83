"""Every screen opens, for whoever may see it, on a desk and on a phone.

An error on the console fails a test by itself (see the fixture ``page``).
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from screens import (
    CustomerPage,
    InvoiceDialog,
    InvoiceList,
    ProformaDialog,
    TransactionDialog,
    TransactionList,
    VoidDialog,
    fits,
)
from stories import add_customer, bill, charge

from dev import browsing

STAFF = {"Transactions", "Invoices", "Customers", "Generate Invoice", "Services"}
MENUS = {
    "staff": STAFF,
    "manager": STAFF | {"Credit Types"},
    "admin": STAFF | {"Credit Types", "Settings"},
}
#: Whose entries, and all rights to them, each has too.
BELOW = {"manager": "staff", "admin": "manager"}
#: Reports that ask for the day first.
OF_A_DAY = {"Aged Receivables", "Accrued Revenue", "Deferred Revenue"}
ROOT_MENU = "omni_billing.omni_billing_menu_root"


@pytest.fixture(scope="module")
def gym(server):
    """Have a customer with one of everything; give it and its invoice."""
    staff = server.rpc("staff")
    customer = add_customer(server, "Climbing Gym")
    charge(staff, customer, "Fibre, December", cost=45, taxed=True)
    number = bill(staff, customer)["name"]
    charge(staff, customer, "Fibre, January", "Router", cost=45, taxed=True)
    return customer, number


@pytest.mark.parametrize("user", MENUS)
def test_every_menu_and_view_opens(login, user):
    """F2, F193: each role is offered its entries, and can open all of them.

    Of a manager's, those that staff have not; of an administrator's, a manager's.
    """
    known = read_menus(login(BELOW[user])).keys() if user in BELOW else set()
    page = login(user)
    page.goto("/odoo/billing-transactions/new")
    menus = read_menus(page)
    assert menus.keys() >= MENUS[user] | known
    assert not menus.keys() & (MENUS["admin"] - MENUS[user])

    for name in [one for one in menus if one not in known]:
        parents = menus[name]
        if name == "Generate Invoice":
            open_menu(page, name, parents)
            ProformaDialog(page).close()
            continue
        before = page.url
        open_menu(page, name, parents)
        if name in OF_A_DAY:
            page.get_by_role("dialog").get_by_role("button", name="Show").click()
        page.wait_for_url(lambda url, before=before: url != before)
        for button in page.get_by_role("button", name=re.compile(" View$")).all():
            button.click()
            view = button.get_attribute("aria-label").removesuffix(" View").lower()
            expect(page.locator(f".o_{view}_view").first).to_be_visible()
        expect(page.locator(".o_view_controller").first).to_be_visible()
        has_no_dialog(page)


def test_every_dialog_opens(login, gym):
    """F6, F78, F132: what is behind the rows and buttons of the lists."""
    _customer, number = gym
    page = login("staff")

    transactions = TransactionList(page)
    transactions.search("Climbing Gym", by="Customer")
    transactions.open("Router").close()
    transactions.rows.press("Router", "action_open_void_wizard")
    VoidDialog(page).close()
    transactions.bill("Router").close()
    transactions = TransactionList(page)
    transactions.press("New")
    expect(page.get_by_role("textbox", name="Title")).to_be_visible()

    invoices = InvoiceList(page)
    invoices.open(number).pay().close()
    invoices.open(number).choose_more("Void Invoice")
    VoidDialog(page).close()
    invoices.open(number).choose_more("Open in Accounting")
    page.get_by_role("tab", name="Billing").click()
    expect(page.get_by_role("cell", name="Fibre, December")).to_be_visible()
    has_no_dialog(page)


def test_customer_tab_opens_what_it_lists(login, gym):
    """F1, F4, F5, F6: key B opens the tab; its rows open our own dialogs."""
    gym, number = gym
    page = login("staff")
    page.goto(f"/odoo/customers/{gym}")
    expect(page.get_by_role("tab", name="Customer Billing")).to_be_visible()
    page.get_by_role("tab", name="Notes").click()
    page.keyboard.press("b")
    cards = page.get_by_role("heading", level=3)
    expect(cards).to_have_text(["Payment Methods", "Transactions", "Invoices"])

    customer = CustomerPage(page)
    customer.transactions.open("Router")
    TransactionDialog(page).close()
    customer.invoices.open(number)
    InvoiceDialog(page).close()
    has_no_dialog(page)


def test_customer_opens_on_the_billing_tab(login, gym):
    """F1: from Billing > Customers. F196: a line of an invoice is explained."""
    _gym, number = gym
    page = login("staff")
    page.goto("/odoo/billing-customers")
    page.get_by_role("searchbox").fill("Climbing Gym")
    page.get_by_role("searchbox").press("Enter")
    page.locator("td[name=display_name]", has_text="Climbing Gym").click()
    cards = page.get_by_role("heading", level=3)
    expect(cards).to_have_text(["Payment Methods", "Transactions", "Invoices"])

    invoice = InvoiceList(page).open(number)
    invoice.lines.open("Fibre, December")
    transaction = TransactionDialog(page)
    expect(transaction.field("create_uid")).to_have_text("Sam Staff")
    transaction.close()
    invoice.total("$ 51.75", due="$ 51.75")


def test_screens_fit_a_phone(login, page, gym):
    """Nothing is wider than the page: lists, customer, and every dialog."""
    gym, number = gym
    page.set_viewport_size(browsing.PHONE)
    login("staff")

    for path in ("/odoo/billing-transactions", "/odoo/billing-invoices"):
        page.goto(path)
        expect(page.locator(".o_kanban_view")).to_be_visible()
        fits(page)
    page.get_by_text(number).click()
    invoice = InvoiceDialog(page)
    fits(page, invoice)
    payment = invoice.pay()
    fits(page, payment)
    payment.close()

    page.goto(f"/odoo/customers/{gym}")
    customer = CustomerPage(page)
    fits(page)
    proforma = customer.bill()
    proforma.enter(date_start="2025-01-01")
    proforma.counts(2)
    fits(page, proforma)


def read_menus(page):
    """Read the entries under Billing: their names, and what they are under."""
    menus = page.request.get("/web/webclient/load_menus").json()
    [root] = [menu for menu in menus.values() if menu.get("xmlid") == ROOT_MENU]

    def walk(menu, *parents):
        for child in (menus[str(number)] for number in menu["children"]):
            if child["children"]:
                yield from walk(child, *parents, child["name"])
            else:
                yield child["name"], parents

    return dict(walk(root))


def open_menu(page, name, parents):
    """Choose an entry of the menu bar; what is below a section is open with it."""
    for section in parents[:1]:
        page.get_by_role("button", name=section, exact=True).click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def has_no_dialog(page):
    """Wait until no dialog is there, be it ours or one of an error."""
    expect(page.get_by_role("dialog")).to_have_count(0)

"""WCAG 2 A and AA, by axe, on what is our own making of each screen."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from screens import CustomerPage, InvoiceList, RefundDialog, TransactionList
from stories import add_customer, bill, charge, give_credit, pay, today

from dev import browsing

RULES = {"runOnly": ["wcag2a", "wcag2aa"]}


@pytest.fixture(scope="module")
def clinic(server):
    """Have a customer with an invoice and a charge; give it, and its rows in lists."""
    staff = server.rpc("staff")
    customer = add_customer(server, "Harley Clinic")
    charge(staff, customer, "Visit", cost=50, taxed=True)
    number = bill(staff, customer)["name"]
    title = "Second visit"
    charge(staff, customer, title, cost=50, taxed=True, date=f"{today()}")
    return customer, {InvoiceList: number, TransactionList: title}


@pytest.fixture
def customer(clinic):
    return clinic[0]


@pytest.fixture
def row(clinic, screen):
    """Give the row of the customer in a list."""
    return clinic[1][screen]


def check(page, *selectors):
    """Let axe look at these parts of the page, all of which have to be there."""
    for selector in selectors:
        expect(page.locator(selector).first).to_be_visible()
    # What fades in has its colours only at the end.
    page.wait_for_function("document.getAnimations().length === 0")
    context = {"include": [[selector] for selector in selectors]}
    results = Axe().run(page, context=context, options=RULES)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize(
    "screen", [pytest.param(TransactionList, marks=pytest.mark.again), InvoiceList]
)
def test_cards_and_row_menu(login, row, screen):
    page = login("staff")
    rows = screen(page).rows
    check(page, ".o_billing_card")
    rows.right_click(row)
    check(page, ".o_billing_row_menu")
    page.keyboard.press("Escape")


def test_tab_and_preview_by_keyboard(login, customer):
    """F5, F47, F51: B, arrows and space, no mouse."""
    page = login("staff")
    CustomerPage.open(page, customer)
    check(page, ".o_billing_balance", ".o_billing_card")
    page.locator('button[name="action_billing_proforma"]').focus()
    page.keyboard.press("Enter")
    check(page, ".o_proforma_preview", ".o_proforma_generate")
    toggle = page.locator(".o_proforma_toggle").first
    toggle.focus()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".o_proforma_generate")).to_be_disabled()
    check(page, ".o_proforma_preview")


@pytest.mark.parametrize("screen", [InvoiceList])
def test_menu_behind_the_button_of_a_row(login, row, screen):
    page = login("staff")
    rows = screen(page).rows
    check(page, ".o_billing_row_menu_cell", ".o_billing_page_size")
    rows.menu(row)
    check(page, ".o_billing_row_menu")


def test_operations_and_refund(server, login):
    """F26, F176"""
    staff = server.rpc("staff")
    gym = add_customer(server, "Marble Gym")
    page = login("manager")
    give_credit(staff, gym, "Outage", cost=10)
    bill(staff, gym)
    tab = CustomerPage.open(page, gym)
    tab.owes(credit="$ 10.00")
    menu = tab.operations()
    # The items are Odoo's own.
    check(page, ".o_billing_balance", ".o_billing_operations")
    menu.choose("Record a Refund")
    RefundDialog(page)
    check(page, ".modal-content")


def test_dialog_of_many_invoices(server, login):
    """F8, F120: while it asks, and when it tells what failed."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Beacon Cafe")
    invoices = []
    for title in ("Fibre", "Router"):
        charge(staff, cafe, title)
        invoices.append(bill(staff, cafe))
    pay(staff, invoices[0])
    numbers = [invoice["name"] for invoice in invoices]

    page = login("manager")
    screen = InvoiceList(page)
    screen.search("Beacon Cafe", by="Customer")
    screen.rows.count(2)
    bulk = screen.download(*numbers)
    check(page, ".modal-content")
    bulk.press("Discard")
    bulk.is_gone()
    screen.rows.are_not_selected()
    bulk = screen.void("Wrong month", *numbers)
    bulk.is_at("2 of 2, 1 failed")
    check(page, ".modal-content")


@pytest.mark.parametrize(
    "screen", [TransactionList, pytest.param(InvoiceList, marks=pytest.mark.again)]
)
def test_cards_of_a_phone(page, login, customer, screen):
    page.set_viewport_size(browsing.PHONE)
    login("staff")
    page.goto(screen.path)
    # The badge with the state is Odoo's own.
    check(page, ".o_billing_card", ".o_kanban_record > .d-flex")


def test_preview_on_a_phone(page, login, customer):
    page.set_viewport_size(browsing.PHONE)
    login("staff")
    CustomerPage.open(page, customer).bill()
    check(page, ".o_proforma_preview", ".o_proforma_generate")

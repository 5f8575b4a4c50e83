"""WCAG 2 A and AA, by axe, on what is our own making of each screen."""

from __future__ import annotations

from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from screens import CustomerPage, InvoiceList, TransactionList
from stories import add_customer, bill, charge

RULES = {"runOnly": ["wcag2a", "wcag2aa"]}


@pytest.fixture(scope="module")
def customer(server):
    staff = server.rpc("staff")
    customer = add_customer(server, "Clinic")
    charge(staff, customer, "Visit", cost=50, taxed=True)
    bill(staff, customer)
    today = f"{date.today()}"
    charge(staff, customer, "Second visit", cost=50, taxed=True, date=today)
    return customer


def check(page, *selectors):
    """Let axe look at these parts of the page, all of which have to be there."""
    for selector in selectors:
        expect(page.locator(selector).first).to_be_visible()
    # What fades in has its colours only at the end.
    page.wait_for_function("document.getAnimations().length === 0")
    context = {"include": [[selector] for selector in selectors]}
    results = Axe().run(page, context=context, options=RULES)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("screen", [TransactionList, InvoiceList])
def test_cards_and_row_menu(login, customer, screen):
    page = login("staff")
    screen(page)
    check(page, ".o_billing_card")
    page.locator(".o_data_row").first.locator("td").nth(2).click(button="right")
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

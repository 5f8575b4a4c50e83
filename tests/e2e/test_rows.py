"""What a row shows, and what can be done with it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from screens import CustomerPage, InvoiceList
from stories import add_customer, bill, charge, pay, today

ACTIONS = {
    "unpaid": {
        "Download PDF",
        "Send by e-mail",
        "Pay",
        "Void Invoice",
    },
    "paid": {"Download PDF", "Send by e-mail"},
    "void": {"Download PDF"},
}


@pytest.fixture(scope="module")
def invoices(server):
    """Have an invoice of each state: its number by its state."""
    staff = server.rpc("staff")
    customer = add_customer(server, "Tennis Club")
    found = {}
    for state in ACTIONS:
        charge(staff, customer, f"Court, {state}")
        invoice = bill(staff, customer)
        found[state] = invoice["name"]
        if state == "paid":
            pay(staff, invoice)
        if state == "void":
            staff.call("account.move", "action_billing_void", [invoice["id"]])
    return found


@pytest.mark.parametrize("state", ACTIONS)
def test_row_has_the_actions_of_its_state(login, invoices, state):
    """F68, and the same by right click, F7."""
    page = login("staff")
    InvoiceList(page)
    row = page.locator(".o_data_row", has_text=invoices[state])
    icons = row.locator("td.o_list_button button")
    expect(icons).to_have_count(len(ACTIONS[state]))
    titles = {icon.get_attribute("data-tooltip") for icon in icons.all()}
    assert titles == ACTIONS[state]
    row.locator('td[name="partner_id"]').click(button="right")
    menu = page.locator(".o_billing_row_menu").get_by_role("menuitem")
    actions = ACTIONS[state]
    if "Send by e-mail" in actions:
        actions = actions | {"Send with a Message"}
    if state == "unpaid":
        actions = actions | {"Send a Reminder"}
    expect(menu).to_have_count(len(actions))
    assert {text.strip() for text in menu.all_inner_texts()} == actions


def test_excluded_rows_are_grey_and_struck_through(server, login):
    """F47, F49, F51"""
    staff = server.rpc("staff")
    customer = add_customer(server, "Bowls Club")
    charge(staff, customer, "Hall", "Clocks", date=f"{today()}")
    page = login("staff")
    CustomerPage.open(page, customer).bill()
    rows = page.locator(".o_proforma_row")
    expect(rows).to_have_count(2)
    hall, clocks = rows.all()
    hall.click()
    expect(hall.locator("td").nth(2)).to_have_css(
        "text-decoration-line", "line-through"
    )
    expect(clocks.locator("td").nth(2)).to_have_css("text-decoration-line", "none")
    expect(hall.locator("button")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".o_proforma_generate")).to_have_text("Generate Invoice (1)")
    hall.click()
    expect(hall.locator("td").nth(2)).to_have_css("text-decoration-line", "none")
    expect(page.locator(".o_proforma_generate")).to_have_text("Generate Invoice (2)")

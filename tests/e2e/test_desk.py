"""A day at the desk: what lists say of their rows, and what a click does to them."""

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
)
from stories import add_customer, bill, charge, pay, today, working_in

WIDE = {"width": 1700, "height": 900}
LAPTOP = {"width": 1366, "height": 768}
#: Cells whose text is longer than they are, by what they show.
CUT = """
() => [...document.querySelectorAll(".o_list_table th, .o_list_table .o_data_cell")]
    .filter((cell) => cell.getAttribute("data-name") || cell.getAttribute("name"))
    .flatMap((cell) => [cell, ...cell.querySelectorAll(".badge, span, .o_form_uri")])
    .filter((part) => part.offsetWidth && part.scrollWidth > part.clientWidth + 1)
    .filter((part) => getComputedStyle(part).overflow !== "visible")
    .map((part) => part.innerText)
"""


@pytest.fixture(scope="module")
def staff(server):
    return server.rpc("staff")


@pytest.fixture(scope="module")
def marina(server, staff):
    """Have a customer with a paid, a void and an open invoice, and open credit."""
    marina = add_customer(server, "Marina Boat Club")
    numbers = {}
    for state in ("paid", "void", "open"):
        charge(staff, marina, f"Berth, {state}", cost=45)
        invoice = bill(staff, marina)
        numbers[state] = invoice["name"]
        if state == "paid":
            pay(staff, invoice)
        if state == "void":
            staff.call("account.move", "action_billing_void", [invoice["id"]])
            found = [("partner_id", "=", marina), ("state", "=", "unbilled")]
            ids = staff.call("omni.billing.transaction", "search", found)
            staff.call("omni.billing.transaction", "action_void", ids)
    return marina, numbers


def test_tab_has_the_width_of_the_page(login, page, marina):
    """F1, F4, F67, F68: a wide screen, too, and its rows say all of it."""
    marina, numbers = marina
    page.set_viewport_size(WIDE)
    login("staff")
    tab = CustomerPage.open(page, marina)
    lists = page.locator(".o_billing_tab_list")
    assert lists.last.bounding_box()["width"] > WIDE["width"] * 0.9
    for state in ("paid", "void", "open"):
        row = tab.invoices.row(numbers[state])
        expect(row.locator("td[name=invoice_date_due]")).to_have_text(re.compile(r"\d"))
        expect(row.locator("td[name=billing_period]")).to_have_text(re.compile(r"\d"))
    # Void rows are apart; of two pages this would be one.
    foot = lists.last.locator("tfoot")
    expect(foot).to_contain_text("All 2 (1 void left out)")
    expect(foot).to_contain_text("$ 90.00")
    tab.invoices.select(numbers["open"])
    expect(foot).to_contain_text("1 selected")
    expect(foot).to_contain_text("$ 45.00")


def test_nothing_is_cut_on_a_laptop(server, login, page, marina):
    """F67, in French, whose words are longer."""
    page.set_viewport_size(LAPTOP)
    with working_in(server, "staff", "fr_FR"):
        login("staff")
        for screen in (InvoiceList(page), TransactionList(page)):
            expect(screen.rows.row("x")).to_have_count(0)
            expect(page.locator(".o_data_row").first).to_be_visible()
            assert page.evaluate(CUT) == []


def test_typing_an_id_finds_it(staff, login, marina):
    """F9: typed, and Enter."""
    _marina, numbers = marina
    [move] = staff.call(
        "account.move", "search", [("name", "=", numbers["paid"])], limit=1
    )
    invoices = InvoiceList(login("staff"))
    search = invoices.page.get_by_role("searchbox")
    search.fill(str(move))
    search.press("Enter")
    expect(invoices.rows.row(numbers["paid"])).to_be_visible()


def test_state_is_clicked_and_the_dialog_stays(server, staff, login):
    """F166, F180, F217: given in person, then paid; the history is in the dialog."""
    cafe = add_customer(server, "Dune Cafe")
    charge(staff, cafe, "Fibre", cost=45)
    number = bill(staff, cafe)["name"]
    page = login("staff")
    dialog = InvoiceList(page).open(number)
    for action, word in (("Given in Person: Sent", "Sent"), ("Mark as Paid", "Paid")):
        dialog.box.get_by_role("button", name="Change the status").click()
        dialog.box.get_by_role("menuitem", name=action, exact=True).click()
        dialog.is_marked(word)
    history = dialog.field("billing_log_ids")
    for text in ("Given in Person", "Payment Received", "Period: "):
        expect(history.get_by_text(text).first).to_be_visible()
    expect(dialog.box.locator(".oe_subtotal_footer")).to_contain_text("Tax")


def test_charges_one_after_the_other_then_the_invoice(server, login):
    """F13, F26, F30, F193: from the first page to the invoice, in two dialogs."""
    kiosk = add_customer(server, "Dune Kiosk")
    page = login("staff")
    page.goto("/odoo")
    page.wait_for_url("**/billing-to-do*")
    tab = CustomerPage.open(page, kiosk)
    tab.press("Add a Transaction")
    entry = TransactionDialog(page)
    entry.enter(name="Ice", retail_cost="30")
    entry.press("Save & New")
    expect(entry.field("name").get_by_role("textbox")).to_have_value("")
    entry.enter(name="Salt", retail_cost="5")
    entry.save()
    tab.owes(unbilled="$ 35.00")

    tab.operations().choose("Create an Invoice")
    proforma = ProformaDialog(page)
    proforma.enter(date_start=f"{today()}")
    proforma.toggle("Salt")
    proforma.enter(new_name="Delivery", new_amount="12")
    proforma.press("Add a Charge")
    proforma.show_only("Ice", "Salt", "Delivery")
    proforma.counts(2)
    balance = proforma.box.locator(".o_proforma_balance")
    expect(balance).to_contain_text("$ 0.00 now, $ 42.00 with this invoice")
    invoice = proforma.generate()
    invoice.total("$ 42.00", due="$ 42.00")
    history = InvoiceDialog(page).field("billing_log_ids")
    expect(history.get_by_text("Left out: Salt")).to_be_visible()
    invoice.close()
    tab.owes(unbilled="$ 5.00", due="$ 42.00")

"""The lists: their pages, their order, their filters, and the menu of a row."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from screens import (
    CustomerPage,
    InvoiceList,
    Menu,
    PaymentDialog,
    TransactionList,
    VoidDialog,
)
from stories import add_customer, bill, charge

LINES = [f"Line {number:02}" for number in range(1, 13)]


@pytest.fixture(scope="module")
def staff(server):
    return server.rpc("staff")


@pytest.fixture(scope="module")
def cafe(server, staff):
    """Have a customer with a dozen charges, each dearer than the one before."""
    cafe = add_customer(server, "Dozen Cafe")
    for cost, title in enumerate(LINES, start=1):
        charge(staff, cafe, title, cost=cost)
    return cafe


@pytest.fixture(scope="module")
def gym(server, staff):
    """Have a customer with an invoice; give the customer and its number."""
    gym = add_customer(server, "Fencing Gym")
    charge(staff, gym, "Fibre", cost=45)
    number = bill(staff, gym)["name"]
    charge(staff, gym, "Router")
    return gym, number


def test_pages_are_as_long_as_one_likes(login, cafe):
    """F77: ten rows or a hundred, and the same the next time."""
    page = login("staff")
    transactions = TransactionList(page)
    transactions.search("Dozen Cafe", by="Customer")
    expect(transactions.page_size.get_by_role("option")).to_have_text(
        ["10", "25", "50", "100"]
    )
    transactions.rows.count(12)
    transactions.choose_page_size("10")
    transactions.rows.count(10)
    transactions.pager("1-10 / 12")
    page.locator(".o_control_panel .o_pager_next").click()
    transactions.rows.count(2)
    transactions.pager("11-12 / 12")

    page.reload()
    transactions = TransactionList(page, is_open=True)
    expect(transactions.page_size).to_have_value("10")
    transactions.rows.count(10)
    expect(InvoiceList(page).page_size).to_have_value("10")
    transactions = TransactionList(page)
    transactions.choose_page_size("100")
    transactions.search("Dozen Cafe", by="Customer")
    transactions.rows.count(12)


@pytest.mark.again
def test_tab_of_a_customer_has_pages_of_its_own(login, cafe):
    """F77: a page of the tab is short, whatever the length of the lists is."""
    page = login("staff")
    TransactionList(page).choose_page_size("100")
    tab = CustomerPage.open(page, cafe)
    tab.transactions.count(10)
    size = page.get_by_role("combobox", name="Rows per page").first
    expect(size).to_have_value("10")
    size.select_option("25")
    tab.transactions.count(12)
    CustomerPage.open(page, cafe).transactions.count(12)


@pytest.mark.again
def test_heads_of_columns_sort(login, cafe):
    """F76: once up, twice down."""
    transactions = TransactionList(login("staff"))
    transactions.search("Dozen Cafe", by="Customer")
    transactions.rows.count(12)
    transactions.rows.sort("amount_total")
    transactions.rows.show_only(*LINES)
    transactions.rows.sort("amount_total")
    transactions.rows.show_only(*reversed(LINES))
    transactions.rows.sort("name")
    transactions.rows.show_only(*LINES)
    transactions.rows.sort("name")
    transactions.rows.show_only(*reversed(LINES))


@pytest.mark.again
def test_filters_come_and_go(server, staff, login):
    """F75: each filter narrows the list; without them, all is there again."""
    club = add_customer(server, "Dance Club")
    charge(staff, club, "Hall", cost=20)
    bill(staff, club)
    void, *_others = charge(staff, club, "Clocks (twice)", "Clocks", cost=5)
    staff.call("omni.billing.transaction", "action_void", [void])

    transactions = TransactionList(login("staff"))
    transactions.search("Dance Club", by="Customer")
    transactions.rows.show_only("Clocks")
    transactions.unfilter()
    transactions.search("Dance Club", by="Customer")
    transactions.rows.count(3)
    for name, title in (
        ("Invoiced", "Hall"),
        ("Unbilled", "Clocks"),
        ("Void", "Clocks (twice)"),
    ):
        transactions.filter(name)
        transactions.rows.show_only(title)
        transactions.unfilter(name)
        transactions.rows.count(3)
    # Of one kind, either is meant; of two kinds, both.
    transactions.filter("Unbilled")
    transactions.filter("Invoiced")
    transactions.rows.count(2)
    transactions.filter("Credits")
    transactions.rows.count(0)


def test_row_menu_is_behind_the_button_and_the_right_click(page, login, gym):
    """F7, F68: the same actions, by either way, and they do what they say."""
    _gym, number = gym
    login("staff")
    rows = InvoiceList(page).rows
    menu = rows.menu(number)
    actions = menu.actions
    assert actions == [
        "Download PDF",
        "Send by e-mail",
        "Send with a Message",
        "Send a Reminder",
        "Pay",
        "Void Invoice",
    ]
    menu.close()
    menu = rows.right_click(number)
    assert menu.actions == actions
    menu.choose("Void Invoice")
    VoidDialog(page).close()


def test_rows_of_a_customer_have_icons_and_the_menu(page, login, gym):
    """F4, F7, F68: the tab of a customer has the width of the page."""
    gym, number = gym
    login("staff")
    tab = CustomerPage.open(page, gym)
    # PDF, e-mail, pay, void, and the menu.
    expect(tab.invoices.row(number).get_by_role("button")).to_have_count(5)
    tab.invoices.menu(number).choose("Pay")
    PaymentDialog(page).close()
    menu = tab.transactions.menu("Router")
    assert menu.actions == ["Void Transaction", "Mark as Free"]
    menu.choose("Void Transaction")
    VoidDialog(page).close()


@pytest.mark.again
def test_row_menu_by_keyboard(page, login, gym):
    """F5, F7: Tab to the button, Enter, arrows, Enter; no mouse."""
    _gym, number = gym
    login("staff")
    rows = InvoiceList(page).rows
    rows.row(number).locator("button[name=action_billing_open_void]").focus()
    page.keyboard.press("Tab")
    expect(rows.menu_button(number)).to_be_focused()
    page.keyboard.press("Enter")
    menu = Menu(page)
    expect(menu.item("Download PDF")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(menu.item("Void Invoice")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(menu.item("Pay")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(menu.item("Download PDF")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    VoidDialog(page).close()

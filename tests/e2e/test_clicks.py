"""Ten jobs of a day, as who is new does them: docs/screens.md says how many clicks.

Each begins on the first page of Billing. A change that costs a click fails here; one
that saves a click, too: then the table is to be brought up to date.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hands import Hands
from playwright.sync_api import expect
from screens import InvoiceDialog, TransactionDialog, find_field, is_told
from stories import add_customer, bill, charge, today
from till import become, save_card, welcome

from dev import paths

pytestmark = pytest.mark.again

ROW = re.compile(
    r"^\| (?P<job>[^|]+) \|[^|]+\| (?P<clicks>\d+) \|[^|]+\| (?P<fields>\d+) \|"
)


@pytest.fixture
def hands(login):
    """Stand on the first page of Billing, as staff."""
    page = login("staff")
    page.goto("/odoo/billing-customers")
    page.wait_for_selector(".o_data_row")
    return Hands(page)


def check(hands, job):
    """Compare with the table."""
    text = (paths.ROOT / "docs" / "screens.md").read_text()
    rows = filter(None, map(ROW.match, text.splitlines()))
    table = {row["job"]: (int(row["clicks"]), int(row["fields"])) for row in rows}
    assert (hands.clicks, hands.fields) == table[job]


def ago(days):
    """Give a day before today, as programs write it."""
    return f"{today() - timedelta(days=days):%F}"


def open_customer(hands, name):
    """Open a customer, who is at once on the billing tab."""
    hands.find(name)
    hands.click(hands.page.locator("td[name=display_name]", has_text=name))
    expect(hands.page.get_by_role("heading", name="Payment Methods")).to_be_visible()


def find_invoice(hands, name):
    """Find the one invoice of a customer in the list of all, and give its row."""
    hands.go("Invoices")
    expect(hands.page.locator(".o_breadcrumb")).to_contain_text("Invoices")
    hands.find(name)
    row = hands.page.locator(".o_data_row")
    expect(row).to_have_count(1)
    return row


def test_first_invoice(server, hands):
    """F11, F40, F113"""
    add_customer(server, "Hazel Diner", customer_rank=1)
    open_customer(hands, "Hazel Diner")
    hands.press("Add a Transaction")
    hands.type("name", "Installation")
    hands.type("retail_cost", "120")
    hands.press("Save")
    hands.press("Generate a Proforma Invoice")
    hands.press("Generate Invoice")
    hands.press("Send by E-mail")
    is_told(hands.page, "e-mail sent successfully", "e-mail waits to be sent")
    check(hands, "First invoice")


def test_outage_credit(server, hands):
    """F13, F202"""
    add_customer(server, "Larch Diner", customer_rank=1)
    open_customer(hands, "Larch Diner")
    hands.press("Operations")
    hands.click(hands.page.get_by_role("menuitem", name="Create a Credit"))
    hands.type("name", "Outage of the 20th")
    hands.type("retail_cost", "10")
    hands.press("Save")
    row = hands.page.locator(".o_data_row", has_text="Outage of the 20th")
    expect(row).to_contain_text("10.00")
    check(hands, "Outage credit")


def test_wrong_invoice(server, hands):
    """F165, F204"""
    customer = add_customer(server, "Maple Diner")
    charge(server.rpc("staff"), customer, "Fibre", "Router, twice", date=ago(5))
    bill(server.rpc("staff"), customer)
    row = find_invoice(hands, "Maple Diner")
    hands.click(row.locator("button[name=action_billing_open_void]"))
    hands.type("reason", "A line is wrong")
    hands.press("Void and Bill Again")
    hands.click(hands.top.get_by_role("button", name=re.compile("^Router, twice")))
    hands.press("Generate Invoice")
    InvoiceDialog(hands.page).lines.show_only("Fibre")
    check(hands, "Wrong invoice")


def test_cash_over_three(server, hands):
    """F141, F205"""
    customer = add_customer(server, "Poplar Diner", customer_rank=1)
    for title in ("September", "October", "November"):
        charge(server.rpc("staff"), customer, title, date=ago(5))
        bill(server.rpc("staff"), customer)
    open_customer(hands, "Poplar Diner")
    hands.press("Pay Unpaid Invoices")
    expect(hands.top.get_by_role("radio", name="Cash", exact=True)).to_be_checked()
    hands.press("Pay Invoice")
    due = find_field(hands.page, "billing_due_amount")
    expect(due).to_have_text(re.compile(r"^\$\s?0\.00$"))
    check(hands, "Cash over three invoices")


def test_refund(server, stripe, login):  # noqa: F811
    """F171"""
    customer, user = welcome(server, "Rowan Diner")
    page = login(user)
    save_card(page, "4242424242424242")
    staff = server.rpc("staff")
    charge(staff, customer, "Fibre", date=ago(5))
    invoice = bill(staff, customer)
    values = {"invoice_ids": [invoice["id"]], "mode": "stripe"}
    wizard = staff.call("omni.billing.payment.wizard", "create", [values])
    staff.call("omni.billing.payment.wizard", "action_pay", wizard)
    page = become(login, page, "manager")
    page.goto("/odoo/billing-customers")
    page.wait_for_selector(".o_data_row")
    hands = Hands(page)
    row = find_invoice(hands, "Rowan Diner")
    hands.click(row.locator("button[name=action_billing_refund]"))
    hands.press("Confirm Refund")
    expect(hands.page.get_by_role("row").filter(has_text="Refunded")).to_be_visible()
    check(hands, "Refund")


def test_month_end_with_five_failures(server, hands):
    """F155, W12: what failed is in one list, and tried again at once."""
    page, admin = hands.page, server.rpc("admin")
    tags = admin.call("res.partner.category", "create", [{"name": "Spruce"}])
    for number in range(8):
        values = {"category_id": [(6, 0, tags)]}
        if number < 5:
            values["email"] = False
        name = f"Spruce Diner {number}"
        customer = add_customer(server, name, **values)
        charge(server.rpc("staff"), customer, "Fibre", date=ago(5))
    hands.go("Billing Runs", "Runs")
    hands.press("New")
    hands.type("name", "Spruce, November")
    hands.choose("category_ids", "Spruce")
    hands.tick("is_charge")
    hands.tick("is_email")
    state = page.locator(".o_arrow_button_current")
    progress = page.locator(".o_billing_run")
    hands.press("Check")
    expect(progress).to_contain_text("Collecting customers")
    server.run_job("process_runs")
    expect(state).to_have_text("Checked")
    hands.press("Bill")
    # The button behind has the name of the one that confirms.
    expect(page.get_by_role("dialog")).to_be_visible()
    hands.press("Bill")
    expect(progress).to_contain_text("Collecting customers")
    server.run_job("process_runs")
    expect(state).to_have_text("Done")
    hands.go("To Do")
    rows = page.locator(".o_data_row", has_text="Spruce Diner")
    expect(rows).to_have_count(5)
    hands.click(page.locator("thead").get_by_role("checkbox"))
    hands.press("Again")
    is_told(page, "has no e-mail address")
    check(hands, "Month end with 5 failures")


def test_statement(server, hands):
    """F191"""
    customer = add_customer(server, "Walnut Diner", customer_rank=1)
    charge(server.rpc("staff"), customer, "Fibre", date=ago(5))
    bill(server.rpc("staff"), customer)
    open_customer(hands, "Walnut Diner")
    hands.press("Statement of Account")
    hands.press("Send by E-mail")
    hands.press("Send")
    expect(hands.page.get_by_role("dialog")).to_have_count(0)
    check(hands, "Statement to a customer")


def test_payment_plan(server, hands):
    """F149"""
    customer = add_customer(server, "Cypress Diner")
    charge(server.rpc("staff"), customer, "Fibre", cost=300, date=ago(5))
    bill(server.rpc("staff"), customer)
    row = find_invoice(hands, "Cypress Diner")
    hands.click(row.locator("button[name=action_billing_pay]"))
    hands.tick("is_post_dated")
    hands.click(hands.top.get_by_role("radio", name="Monthly", exact=True))
    parts = find_field(hands.top, "plan_line_ids").locator(".o_data_row")
    expect(parts).to_have_count(3)
    hands.press("Plan Payments")
    is_told(hands.page, "Payments planned")
    check(hands, "Payment plan in three parts")


def test_save_a_card(server, hands):
    """F125: the customer gets a link."""
    add_customer(server, "Acacia Diner", customer_rank=1)
    open_customer(hands, "Acacia Diner")
    hands.press("Send a Link to Save a Card")
    hands.press("Send by E-mail")
    expect(hands.page.get_by_role("dialog")).to_have_count(0)
    check(hands, "Save a card")


def test_why_a_line(server, hands):
    """F196"""
    customer = add_customer(server, "Juniper Diner")
    charge(server.rpc("staff"), customer, "Fibre", date=ago(5))
    bill(server.rpc("staff"), customer)
    row = find_invoice(hands, "Juniper Diner")
    hands.click(row.locator("td[name=name]"))
    hands.click(InvoiceDialog(hands.page).lines.row("Fibre").locator("td[name=name]"))
    entered = TransactionDialog(hands.page).field("create_uid")
    expect(entered).to_have_text("Sam Staff")
    check(hands, "Why an invoice has a line")

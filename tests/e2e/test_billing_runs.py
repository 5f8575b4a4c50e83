"""Services that recur, and a run that bills everyone, as staff see them (F185-F188)."""

from __future__ import annotations

from datetime import date

import books
import pytest
from playwright.sync_api import expect
from screens import fill, find_field
from stories import add_customer, charge


@pytest.fixture(scope="module")
def staff(server):
    return server.rpc("staff")


def set_value(page, name, value):
    field = page.locator(f".o_field_widget[name={name}]")
    # A date is a button until it is edited.
    field.locator("input, button").first.click()
    box = field.locator("input")
    box.fill(value)
    box.press("Tab")


def read_run(staff, name):
    domain = [("name", "=", name)]
    fields = ["state", "done_count"]
    [run] = staff.call("omni.billing.run", "search_read", domain, fields)
    return run


def test_run_is_checked_then_billed_and_shows_how_far_it_is(server, staff, login):
    """F186: the form follows the job by itself; others are not billed with them."""
    admin = server.rpc("admin")
    tags = admin.call("res.partner.category", "create", [{"name": "Wharf"}])
    for name in ("Wharf Cafe", "Wharf Gym"):
        customer = add_customer(server, name, category_id=[(6, 0, tags)])
        charge(staff, customer, "Fibre", "Mobile", cost=45, date="2025-01-10")
    other = add_customer(server, "Basin Gym")
    charge(staff, other, "Fibre", cost=45, date="2025-01-10")
    page = login("staff")
    page.goto(f"{server.url}/odoo/billing-runs/new")
    set_value(page, "name", "Wharf, January")
    fill(find_field(page, "category_ids"), "Wharf")
    set_value(page, "date_start", "01/01/2025")
    set_value(page, "date_end", "01/31/2025")

    def work_at_once(look):
        if read_run(staff, "Wharf, January")["state"] == "checking":
            server.run_job("process_runs")
        look.continue_()

    # The job may have done all before the form looks for the first time.
    page.route("**/get_progress", work_at_once)
    page.get_by_role("button", name="Check", exact=True).click()
    progress = page.locator(".o_billing_run")
    expect(progress).to_contain_text("2 of 2")
    expect(progress).to_contain_text("To bill: 2")
    expect(progress).to_contain_text("$ 180.00")
    assert read_run(staff, "Wharf, January")["done_count"] == 0
    page.unroute("**/get_progress")

    page.get_by_role("button", name="Bill", exact=True).click()
    page.locator(".modal").get_by_role("button", name="Bill", exact=True).click()
    expect(progress).to_contain_text("Collecting customers")
    server.run_job("process_runs")
    expect(page.locator(".o_arrow_button_current")).to_have_text("Done")
    expect(progress).to_contain_text("Billed: 2")
    run = read_run(staff, "Wharf, January")
    assert (run["state"], run["done_count"]) == ("done", 2)

    page.locator(".oe_stat_button", has_text="Customers").click()
    rows = page.locator(".o_data_row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Wharf Cafe")
    expect(rows.first).to_contain_text("$ 90.00")
    rows.first.locator("button[name=action_open_invoice]").click()
    expect(page.locator(".modal")).to_contain_text("Wharf Cafe")
    books.agree(server)


def test_service_shows_its_next_charges_and_is_charged(server, staff, login):
    """F30: asked for, and written in the history; F185, F192; W40: all decimals."""
    customer = add_customer(server, "Palace Hotel")
    page = login("staff")
    page.goto(f"{server.url}/odoo/billing-services/new")
    set_value(page, "name", "Fibre 1000")
    box = page.locator(".o_field_widget[name=partner_id] input")
    box.fill("Palace Hotel")
    page.locator(
        ".o-autocomplete--dropdown-item", has_text="Palace Hotel"
    ).first.click()
    unit = page.locator(".o_field_widget[name=unit]")
    unit.locator("input, select").first.click()
    page.get_by_role("option", name="Months").or_(
        page.locator(".o_select_menu_item", has_text="Months")
    ).first.click()
    set_value(page, "price_unit", "0.00003751")
    price = page.locator(".o_field_widget[name=price_unit] input")
    expect(price).to_have_value("0.00003751")
    set_value(page, "price_unit", "31")
    set_value(page, "date_start", "01/17/2025")
    set_value(page, "date_end", "02/28/2025")
    set_value(page, "anchor_day", "1")
    table = page.locator(".o_field_widget[name=preview] table tbody tr")
    expect(table).to_have_count(2)
    expect(table.first).to_contain_text("15 of 31")
    expect(table.first).to_contain_text("$ 15.00")

    page.locator(".o_form_button_save").click()
    page.get_by_role("button", name="Charge What Is Due").click()
    question = page.locator(".modal")
    expect(question).to_contain_text("changes their balance")
    question.get_by_role("button", name="Cancel").click()
    of_customer = [("partner_id", "=", customer)]
    assert not staff.call("omni.billing.transaction", "search_count", of_customer)
    page.get_by_role("button", name="Charge What Is Due").click()
    question.get_by_role("button", name="Charge It").click()
    expect(page.locator(".o_field_widget[name=charged_until]")).to_contain_text("Feb")
    log = staff.call(
        "omni.billing.activity.log",
        "search_read",
        [("commercial_partner_id", "=", customer)],
        ["action", "amount"],
    )
    assert sorted((row["action"], row["amount"]) for row in log) == [
        ("transaction_added", 15),
        ("transaction_added", 31),
    ]
    charges = staff.call(
        "omni.billing.transaction",
        "search_read",
        of_customer,
        ["date", "retail_cost", "state"],
    )
    assert sorted((c["date"], c["retail_cost"]) for c in charges) == [
        ("2025-01-17", 15),
        ("2025-02-01", 31),
    ]


def test_suspension_is_said_before_it_begins_and_taken_back(server, staff, login):
    """F192"""
    customer = add_customer(server, "Lido Baths")
    values = {"name": "Pool", "partner_id": customer, "unit": "month", "price_unit": 9}
    values["date_start"] = f"{date.today():%Y-01-01}"
    values["charged_until"] = f"{date.today():%Y-12-31}"
    service = staff.call("omni.billing.service", "create", [values])[0]
    page = login("staff")
    page.goto(f"{server.url}/odoo/billing-services/{service}")
    next_date = page.locator(".o_field_widget[name=next_date]")
    expect(next_date).to_contain_text("Jan 1")
    page.get_by_role("button", name="Suspend", exact=True).click()
    page.locator(".modal").get_by_role("button", name="Suspend").click()
    notice = page.locator(".o_field_widget[name=suspension]")
    expect(notice).to_contain_text("Suspended from")
    expect(next_date).not_to_contain_text("Jan 1")
    expect(page.get_by_role("button", name="Suspend", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(notice).to_have_count(0)
    expect(next_date).to_contain_text("Jan 1")


def test_first_steps_say_how_it_stands_and_lead_there(server, login):
    """F214"""
    page = login("manager")
    page.goto(f"{server.url}/odoo/billing-first-steps")
    books = page.locator(".o_data_row", has_text="sales journal")
    expect(books).to_contain_text("Done")
    service = page.locator(".o_data_row", has_text="First recurring service")
    service.get_by_role("button", name="Go There").click()
    expect(page.locator(".o_breadcrumb")).to_contain_text("Services")

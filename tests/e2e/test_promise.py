"""A customer says when it will pay (W30)."""

from __future__ import annotations

from datetime import date, timedelta

from playwright.sync_api import expect
from screens import Dialog, InvoiceList, is_told
from stories import add_customer, bill, charge


class PromiseDialog(Dialog):
    """Where it is noted."""

    mark = "note"


def test_promise_is_noted_seen_and_taken_back(server, login):
    """From the dialog of an invoice, with what the customer said; on its page too."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Promise Cafe")
    charge(staff, cafe, "Fibre", cost=45)
    number = bill(staff, cafe)["name"]

    page = login("staff")
    invoices = InvoiceList(page)
    invoices.open(number).choose_more("Promise to Pay")
    promise = PromiseDialog(page)
    day = date.today() + timedelta(days=30)
    promise.enter(date=f"{day:%m/%d/%Y}", note="Ms. Rivera, by phone")
    promise.press("Note the Promise")
    is_told(page, "Promised by")

    page.goto(f"/odoo/billing-customers/{cafe}")
    page.locator(".o_notebook_headers a[name=omni_billing]").click()
    expect(page.get_by_text("Payment is promised by")).to_be_visible()

    invoice = InvoiceList(page).open(number)
    expect(invoice.field("billing_promise_state")).to_have_text("Promised")
    invoice.press("Take Back")
    expect(invoice.field("billing_promise_state")).to_have_count(0)

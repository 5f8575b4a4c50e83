"""Debts suspend a service, after a notice, and payment has it go on (W35)."""

from __future__ import annotations

from datetime import timedelta

import books
import pytest
from letterbox import open_mailbox
from playwright.sync_api import expect
from screens import CustomerPage, Dialog, InvoiceList, find_field, fits, is_told
from stories import bill, changed, charge, today
from till import become, pay_by_default_card, save_card, welcome

from dev.browsing import DESKTOP, PHONE

#: Where the day begins last, and first: between them it is always tomorrow.
LAST, FIRST = "Pacific/Pago_Pago", "Pacific/Kiritimati"


class SuspendDialog(Dialog):
    """Whose services are suspended now."""

    mark = "suspended_services"


@pytest.fixture(scope="module")
def last_level(server):
    """Have the last reminder announce that services are suspended a day later."""
    level = server.ref("omni_billing.reminder_level_last")
    with changed(
        server,
        "omni.billing.reminder.level",
        [level],
        suspends=True,
        suspend_days=1,
    ):
        yield


def look(page, login, user, size, path):
    """Let a person look at a page."""
    become(login, page, user)
    page.set_viewport_size(size)
    page.goto(path)


def test_notice_suspension_and_payment(server, stripe, page, login, last_level):
    """The customer reads it beforehand, on a phone, and pays there to go on."""
    customer, user = welcome(server, "Sven Latepayer", tz=LAST)
    staff, admin = server.rpc("staff"), server.rpc("admin")
    line = {"name": "Fibre 500", "partner_id": customer, "price_unit": 45}
    months = {"unit": "month", "date_start": f"{today() - timedelta(days=40)}"}
    [service] = staff.call("omni.billing.service", "create", [line | months])
    charge(staff, customer, "Fibre 500", cost=45)
    due = {"invoice_date": "2025-01-10", "date_due": "2025-01-10"}
    number = bill(staff, customer, **due)["name"]
    login(user)
    save_card(page, agrees=False)

    become(login, page, "staff")
    tab = CustomerPage.open(page, customer)
    tab.press("Suspend Services Now")
    expect(page.get_by_role("heading", name="Suspend Services of Sven")).to_be_visible()
    dialog = SuspendDialog(page)
    expect(dialog.field("suspended_services")).to_have_text("Fibre 500")
    expect(dialog.field("suspended_until_paid")).to_have_text("$ 45.00")
    dialog.press("Discard")
    dialog.is_gone()
    with open_mailbox(server) as mailbox:
        invoices = InvoiceList(page)
        invoices.search("Sven Latepayer", by="Customer")
        invoices.rows.menu(number).choose("Send a Reminder")
        is_told(page, "sent successfully")
        message = mailbox.wait("sven.latepayer@example.com")
    assert "suspended" in message.get_body(("html",)).get_content()
    banner = find_field(page, "billing_suspension")
    CustomerPage.open(page, customer)
    expect(banner).to_contain_text("Services will be suspended on")

    told = page.locator("[data-suspension]")
    look(page, login, user, PHONE, "/my/billing")
    expect(told).to_contain_text("Your services will be suspended on")
    fits(page)
    # The day comes.
    admin.call("res.partner", "write", [customer], {"tz": FIRST})
    review = server.ref("omni_billing.ir_cron_review_overdue")
    admin.call("ir.cron", "method_direct_trigger", [review])
    look(page, login, "staff", DESKTOP, f"/odoo/billing-services/{service}")
    state = find_field(page, "state").locator(".o_arrow_button_current")
    expect(state).to_have_text("Suspended")
    CustomerPage.open(page, customer)
    expect(banner).to_contain_text("Services are suspended since")

    look(page, login, user, PHONE, "/my/billing")
    expect(told).to_contain_text("They go on as soon as $ 45.00 is paid")
    told.get_by_role("link", name="Pay").click()
    pay_by_default_card(page)
    expect(page.get_by_text("Paid", exact=True).first).to_be_visible()
    server.run_job("review_overdue")
    page.goto("/my/billing/services")
    expect(told).to_have_count(0)
    row = page.locator(".o_billing_services li").filter(has_text="Fibre 500")
    expect(row.get_by_text("Running", exact=True)).to_be_visible()
    books.agree(server)

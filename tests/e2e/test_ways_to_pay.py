"""How a customer pays without being asked each time: what it agrees to, and where.

Against a Stripe as strict as the real one; customers hold a phone.
"""

from __future__ import annotations

import re

import books
import pytest
from playwright.sync_api import expect
from screens import (
    CustomerPage,
    InvoiceList,
    TodoList,
    find_field,
    fits,
)
from stories import bill, changed, charge
from till import become, save_card, welcome

from dev.browsing import DESKTOP, PHONE


@pytest.fixture(scope="module")
def stripe(server, stripe):
    """Have the demo company charge cards, and debit bank accounts, at a test Stripe."""
    company = server.ref("base.main_company")
    with changed(server, "res.company", [company], billing_debits=True):
        yield stripe


@pytest.fixture
def work(page, login, server):
    """Give a function that lets staff look at a customer, at a desk."""

    def see(customer):
        become(login, page, "staff")
        page.set_viewport_size(DESKTOP)
        return CustomerPage.open(page, customer)

    return see


def find_method(page, name):
    """Find a payment method on the customer's tab."""
    return (
        find_field(page, "payment_token_ids").get_by_role("row").filter(has_text=name)
    )


def be_at(page, login, user, path):
    """Let a customer look at a page, on a phone."""
    become(login, page, user)
    page.set_viewport_size(PHONE)
    page.goto(path)
    fits(page)


def test_automatic_payment_is_turned_on_and_off(server, stripe, page, login, work):
    """W32: with a limit, by the customer; staff see how it stands."""
    customer, user = welcome(server, "Wilma Consents")
    login(user)
    save_card(page, agrees=False)
    be_at(page, login, user, "/my/billing/cards")
    autopay = page.locator(".o_billing_autopay")
    expect(autopay).to_contain_text("Nothing is charged unless you pay it yourself")
    autopay.get_by_label("At most, for each charge").fill("50")
    autopay.get_by_role("button", name="I Agree: Turn On").click()
    expect(autopay.get_by_text("On", exact=True)).to_be_visible()
    expect(autopay).to_contain_text(re.compile(r"at most \$\s50\.00 each"))

    work(customer)
    how = find_method(page, "•••• 4242").locator("[name=billing_autopay]")
    expect(how).to_contain_text(re.compile(r"at most \$\s50\.00 each"))

    be_at(page, login, user, "/my/billing/cards")
    page.get_by_role("button", name="Turn Off").click()
    expect(autopay.get_by_text("Off", exact=True)).to_be_visible()
    work(customer)
    expect(how).to_have_text("Off")


def test_bank_account_is_saved_debited_and_comes_back(
    server, stripe, page, login, work
):
    """W33: deposits, a debit that takes days, and one that its bank does not pay."""
    customer, user = welcome(server, "Dora Debits")
    login(user)
    be_at(page, login, user, "/my/billing/cards")
    form = page.locator(".o_billing_account_form")
    form.get_by_label("Pre-Authorized Debit").check()
    form.get_by_label("Pay my invoices automatically from this account").check()
    form.get_by_role("button", name="Add a Bank Account").click()
    # Stripe's own page.
    page.wait_for_url("**/checkout/**")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/my/billing/account/**")
    fits(page)
    page.get_by_label("First amount").fill("0.32")
    page.get_by_label("Second amount").fill("0.46")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("alert")).to_contain_text("not what was sent")
    page.get_by_label("First amount").fill("0.32")
    page.get_by_label("Second amount").fill("0.45")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("status")).to_contain_text("•••• 6789 is saved")

    staff = server.rpc("staff")
    charge(staff, customer, "Fibre", cost=45)
    number = bill(staff, customer)["name"]
    work(customer)
    account = find_method(page, "•••• 6789")
    expect(account.locator("[name=billing_mandate]")).to_contain_text("Valid")
    payment = InvoiceList(page).open(number).pay()
    payment.choose("Card or Bank Debit")
    expect(payment.field("token_id").locator("input")).to_have_value(
        re.compile("Pre-Authorized Debit •••• 6789")
    )
    # It is debited sooner than the customer is told by e-mail.
    expect(payment.box).to_contain_text("was not told of it in time")
    payment.field("consent_channel").locator("input").click()
    page.get_by_role("menuitem", name="By Phone").click()
    payment.press("Pay Invoice")
    payment.is_gone()
    invoice = InvoiceList(page).open(number)
    expect(invoice.field("billing_collecting")).to_contain_text("are being collected")

    be_at(page, login, user, "/my/billing/invoices")
    page.get_by_role("link", name=number).first.click()
    expect(page.locator("[data-collecting]")).to_contain_text("are being collected")
    expect(page.get_by_role("link", name="Pay Invoice")).to_have_count(0)

    [debit] = [
        one for one in stripe.store()["payment_intents"] if one["amount"] == 4500
    ]
    stripe.settle(debit["id"], "failed", "insufficient_funds")
    stripe.wait_for_deliveries()
    become(login, page, "staff")
    page.set_viewport_size(DESKTOP)
    todo = TodoList(page)
    todo.search("Dora Debits", by="Customer")
    todo.rows.show(number, kind="Failed Payment", amount="$ 45.00")
    assert "The bank did not pay" in todo.rows.read(number, "reason")
    invoice = InvoiceList(page).open(number)
    invoice.total("$ 45.00", due="$ 45.00")
    expect(invoice.field("billing_collecting")).to_have_count(0)
    books.agree(server)

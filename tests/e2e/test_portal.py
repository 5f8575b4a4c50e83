"""The customer's own pages, on a desktop and on a phone (F3)."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from stories import add_customer, bill, charge, give_credit, invite, today

from dev.browsing import DESKTOP, PHONE, log_in

RULES = {"runOnly": ["wcag2a", "wcag2aa"]}
#: Odoo's own frame around our pages, which is not ours to mend.
FRAME = [["header"], ["footer"]]
CUSTOMER = "skylight"


@pytest.fixture(scope="module")
def invoice(server):
    """Have a customer with a new invoice, taxed, an overdue one, and some unbilled."""
    staff = server.rpc("staff")
    customer = add_customer(server, "Skylight Rentals", is_company=True)
    invite(server, customer, CUSTOMER)
    charge(staff, customer, "Mobile plan", cost=70, date="2024-12-10")
    days = {"invoice_date": "2025-01-10", "date_due": "2025-01-10"}
    bill(staff, customer, title="December", **days)
    charge(staff, customer, "Router", cost=100, date="2025-01-10", taxed=True)
    invoice = bill(staff, customer, title="Hardware")
    now = f"{today()}"
    charge(staff, customer, "Support", "Data overage", cost=50, date=now)
    give_credit(staff, customer, "Outage", cost=10)
    [void] = charge(staff, customer, "Wrong", cost=9, date=now)
    staff.call("omni.billing.transaction", "action_void", [void])
    return invoice


#: What fits a phone fits a desk, but for the way from the login to the PDF.
SIZES = [
    pytest.param(DESKTOP, id="desktop", marks=pytest.mark.again),
    pytest.param(PHONE, id="phone"),
]


@pytest.fixture(params=SIZES)
def sized(request, page):
    """Give a page on a screen of that size."""
    page.set_viewport_size(request.param)
    return page


@pytest.fixture
def screen(sized, invoice, login):
    """Let the customer in, on a screen of that size."""
    return login(CUSTOMER)


def check(page):
    """The page fits the screen, and axe has nothing against it."""
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, f"{page.url} is {width} pixels too wide"
    page.wait_for_function("document.getAnimations().length === 0")
    context = {"include": [["html"]], "exclude": FRAME}
    results = Axe().run(page, context=context, options=RULES)
    assert results.violations_count == 0, results.generate_report()


def row(page, table, text):
    """Find the row of a list that shows this text."""
    return page.locator(f".o_billing_{table} tbody tr").filter(has_text=text)


@pytest.mark.parametrize(
    "sized", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True
)
def test_from_login_to_the_pdf(sized, invoice):
    """F3, F32, F99, F119, F195: the home page, balance, invoice, PDF."""
    page = log_in(sized, CUSTOMER)
    page.wait_for_url("**/my")
    page.locator("a[href='/my/billing']").click()
    expect(page.locator("h2")).to_have_text(
        [
            *("Unpaid", "Unbilled", "Credit on File", "Statement of Account"),
            *("Payment Methods", "Transactions", "Invoices"),
            "History",
        ]
    )
    unbilled = page.locator("[data-balance=unbilled]")
    expect(unbilled).to_contain_text("It can be paid once it is invoiced")
    expect(unbilled).to_contain_text("$ 90.00")
    expect(page.locator("[data-balance=due]")).to_contain_text("$ 185.00")
    check(page)

    page.get_by_role("link", name="All invoices", exact=True).click()
    found = row(page, "invoices", "Hardware")
    expect(found).to_contain_text("$ 115.00")
    check(page)
    found.get_by_role("link", name=invoice["name"], exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(invoice["name"])
    line = row(page, "lines", "Router")
    expect(line.locator("[data-cell=tax]")).to_contain_text("$ 15.00 (15%)")
    expect(line.locator("[data-cell=total]")).to_have_text("$ 115.00")
    check(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert download.value.suggested_filename == f"Invoice_{invoice['name'][-5:]}.pdf"
    assert download.value.path().read_bytes().startswith(b"%PDF")


def test_transactions_are_searched_and_filtered(screen, invoice):
    """F9, F17, F19: what is void is muted, what is billed leads to its invoice."""
    page = screen
    page.goto("/my/billing/transactions")
    expect(row(page, "transactions", "Wrong")).to_have_class("o_billing_void")
    check(page)
    toggler = page.get_by_role("button", name="Toggle filters")
    if toggler.is_visible():
        toggler.click()
    page.locator("#portal_searchbar_filters").click()
    page.get_by_role("link", name="Unbilled", exact=True).click()
    page.wait_for_url("**filterby=unbilled**")
    expect(row(page, "transactions", "Support")).to_be_visible()
    expect(row(page, "transactions", "Wrong")).to_have_count(0)
    expect(row(page, "transactions", "Router")).to_have_count(0)

    page.goto("/my/billing/transactions")
    page.get_by_role("searchbox", name="Search").fill("router")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=router**")
    expect(page.locator(".o_billing_transactions tbody tr")).to_have_count(1)
    found = row(page, "transactions", "Router")
    found.get_by_role("link", name=invoice["name"]).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(invoice["name"])


def test_cards_of_the_overview_lead_to_their_rows(screen, invoice):
    """F18, F69: a click on a card filters the list."""
    page = screen
    page.goto("/my/billing")
    page.locator("#transactions [data-card=open]").click()
    page.wait_for_url("**/my/billing/transactions?filterby=unbilled")
    page.goto("/my/billing")
    page.locator("#invoices [data-card=open]").click()
    page.wait_for_url("**/my/billing/invoices?filterby=unpaid")
    expect(row(page, "invoices", "Hardware")).to_be_visible()


def test_paying_without_a_provider_says_how_else(screen, invoice):
    """F130, F138: the way to the cards, and other ways to pay."""
    page = screen
    page.goto("/my/billing")
    page.get_by_role("link", name="Add a Card").click()
    page.wait_for_url("**/my/billing/cards")
    expect(page.locator(".o_billing_instructions")).to_contain_text("bank transfer")
    check(page)
    page.goto("/my/billing")
    page.get_by_role("link", name="Pay All").click()
    expect(page.locator("[data-total]")).to_have_text("$ 185.00")
    expect(page.locator(".o_billing_instructions")).to_contain_text("bank transfer")
    check(page)


def test_link_without_login(page, server, invoice):
    """F119: the invoice of the link, its PDF, and no way further."""
    portal = server.rpc("staff").call("account.move", "get_portal_url", invoice["id"])
    _path, _mark, token = portal.partition("?")
    page.set_viewport_size(PHONE)
    page.goto(f"/my/billing/invoices/{invoice['id']}?{token}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(invoice["name"])
    expect(page.locator("ol.breadcrumb")).to_have_count(0)
    check(page)
    with page.expect_download():
        page.get_by_role("link", name="Download PDF").click()
    page.get_by_role("link", name="Pay Invoice").click()
    expect(page.locator("[data-total]")).to_have_text("$ 115.00")
    check(page)

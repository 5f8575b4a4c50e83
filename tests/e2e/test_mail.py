"""The e-mail with an invoice: sent by a click, received, read, followed (W12)."""

from __future__ import annotations

import re

import pytest
from letterbox import open_mailbox
from playwright.sync_api import expect
from screens import InvoiceList, is_told, read_pdf
from stories import add_customer, bill, charge

from dev import paths

WIDTHS = {"narrow": 360, "wide": 800}
LONG = "Installation of thirty-two access points and their switches in two buildings"


@pytest.fixture(scope="module")
def mailbox(server):
    with open_mailbox(server) as smtp:
        yield smtp


def test_invoice_is_sent_by_a_click(server, mailbox, login):
    """F113, F114, F117: the notice, the mail, and its links."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Letter Cafe")
    charge(staff, cafe, "Fibre", cost=45)
    number = bill(staff, cafe)["name"]

    page = login("staff")
    invoices = InvoiceList(page)
    invoice = invoices.open(number)
    document = invoice.pdf()
    invoice.press("Send by E-mail")
    is_told(page, "Invoice e-mail sent successfully")
    invoices.rows.show(number, billing_mail_state="Sent")

    message = mailbox.wait("letter.cafe@example.com")
    assert number in message["Subject"]
    [pdf] = message.iter_attachments()
    assert read_pdf(pdf.get_content()) == document
    html = message.get_body(("html",)).get_content()
    links = re.findall(r'href="(http[^"]+)"', html)
    pay, view = (link.replace("&amp;", "&") for link in links)
    for link, words in ((pay, "Pay"), (view, number)):
        page.context.clear_cookies()
        page.goto(link)
        expect(page.get_by_text(words).first).to_be_visible()


@pytest.mark.parametrize("kind", ["invoice", "reminder"])
def test_mail_reads_well_narrow_and_wide(server, mailbox, browser, kind):
    """Nothing is cut off; the pictures are kept to be looked at."""
    staff = server.rpc("staff")
    name = f"Riverside Gym and Swimming Association {kind}"
    gym = add_customer(server, name)
    charge(staff, gym, LONG, cost=12345.67)
    invoice = bill(staff, gym)
    action = "action_billing_email" if kind == "invoice" else "action_billing_remind"
    staff.call("account.move", action, [invoice["id"]])
    message = mailbox.wait(f"{name.lower().replace(' ', '.')}@example.com")
    html = message.get_body(("html",)).get_content()
    pictures = paths.STATE / "mails"
    pictures.mkdir(parents=True, exist_ok=True)
    for width_name, width in WIDTHS.items():
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.set_content(f"<!doctype html><body style='margin: 0'>{html}</body>")
        page.screenshot(path=pictures / f"{kind}-{width_name}.png", full_page=True)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{kind} at {width}"
        button = page.get_by_role("link", name="Pay online").bounding_box()
        assert button["height"] >= 44
        context.close()


def test_mail_that_cannot_be_sent_is_in_the_work_list(server, mailbox, login):
    """F118: no address; it is added, and the mail is sent from the list."""
    staff, admin = server.rpc("staff"), server.rpc("admin")
    shop = add_customer(server, "Silent Shop")
    admin.call("res.partner", "write", [shop], {"email": False})
    charge(staff, shop, "Fibre", cost=45)
    number = bill(staff, shop)["name"]

    page = login("staff")
    invoices = InvoiceList(page)
    invoices.open(number).press("Send by E-mail")
    reason = "Silent Shop has no e-mail address. Add one to the customer."
    expect(page.get_by_text(reason).first).to_be_visible()

    admin.call("res.partner", "write", [shop], {"email": "shop@example.com"})
    page.goto("/odoo/billing-emails-to-do")
    row = page.locator(".o_data_row", has_text=number)
    expect(row).to_contain_text("Failed")
    row.get_by_role("button", name="Send Again").click()
    is_told(page, "Invoice e-mail sent successfully")
    expect(row).to_have_count(0)
    assert number in mailbox.wait("shop@example.com")["Subject"]


def test_message_of_ones_own_is_a_click_away(server, mailbox, login):
    """Odoo's dialog stays, to send with a message."""
    staff = server.rpc("staff")
    club = add_customer(server, "Bridge Club")
    charge(staff, club, "Hall", cost=45)
    number = bill(staff, club)["name"]
    page = login("staff")
    InvoiceList(page).rows.menu(number).choose("Send with a Message")
    expect(page.locator(".modal [name=mail_partner_ids]")).to_be_visible()

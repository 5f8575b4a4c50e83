"""A manager changes how invoices look, and sees it while typing (F89, F93, F100)."""

from __future__ import annotations

from playwright.sync_api import expect
from stories import add_customer, bill, charge

LIST = "/odoo/billing-templates"


def open_template(page, name):
    """Open a template from its list."""
    page.goto(LIST)
    page.get_by_role("cell", name=name, exact=True).click()
    return page.frame_locator(".o_billing_template_preview iframe")


def test_preview_follows_the_form(server, login):
    """F100, F104: terms show before they are saved; a fault is told with its line."""
    staff = server.rpc("staff")
    customer = add_customer(server, "Preview Customer")
    charge(staff, customer, "Fibre for the preview", cost=45)
    number = bill(staff, customer)["name"]

    page = login("manager")
    preview = open_template(page, "Standard")
    expect(preview.get_by_text(number).first).to_be_visible()
    page.get_by_role("textbox", name="Terms").fill("Late fee: 2 % a month")
    page.keyboard.press("Tab")
    expect(preview.get_by_text("Late fee: 2 % a month")).to_be_visible()
    page.locator(".o_form_button_cancel").click()
    expect(preview.get_by_text("Late fee: 2 % a month")).to_have_count(0)

    preview = open_template(page, "Color band (HTML)")
    expect(preview.get_by_text("Fibre for the preview").first).to_be_visible()
    page.get_by_role("tab", name="HTML").click()
    editor = page.locator(".ace_content")
    editor.click()
    page.keyboard.press("Control+Home")
    page.keyboard.insert_text("{{ nobody }}\n")
    page.get_by_text("Show with invoice").click()
    fault = page.locator(".o_billing_template_preview").get_by_role("alert")
    expect(fault).to_contain_text("line 1")
    expect(fault).to_contain_text("nobody")
    page.locator(".o_form_button_cancel").click()
    expect(fault).to_have_count(0)


def test_new_page_is_nobodys_and_told_what_it_lacks(server, login):
    """F64, F83, F101, F104: it starts from a sample; what is lost or lacks is named."""
    page = login("manager")
    page.goto(f"{LIST}/new")
    page.get_by_role("radio", name="HTML with Jinja").check()
    whose = page.locator(".o_field_widget[name=audience]")
    expect(whose).to_contain_text("Nobody's yet")
    preview = page.frame_locator(".o_billing_template_preview iframe")
    expect(preview.get_by_text("Subtotal").first).to_be_visible()
    expect(page.locator(".o_billing_lacks")).to_have_count(0)
    page.get_by_role("checkbox", name="Automatic").check()
    expect(whose).to_contain_text("All customers of")
    page.locator(".o_form_button_cancel").click()

    image = "https://qr.example.com/code.png"
    body = f'<p>{{{{ invoice_number }}}}</p><img src="{image}">'
    values = {"name": "Bare", "engine": "jinja", "body": body}
    bare = server.rpc("manager").call("omni.billing.template", "create", [values])
    page.goto(f"{LIST}/{bare[0]}")
    expect(page.locator(".o_billing_lost")).to_contain_text(image)
    lacks = page.locator(".o_billing_lacks")
    expect(lacks).to_contain_text("date of the invoice")
    expect(lacks).not_to_contain_text("invoice_number")


def test_customer_gets_the_chosen_page(server, login):
    """F93: on the customer, and at once in the PDF."""
    staff = server.rpc("staff")
    customer = add_customer(server, "Compact Customer")
    charge(staff, customer, "Fibre", cost=45)
    invoice = bill(staff, customer)["id"]
    page = login("manager")
    url = f"{server.url}/report/pdf/account.account_invoices/{invoice}"
    before = page.request.get(url).body()
    manager = server.rpc("manager")
    [template] = manager.call(
        "omni.billing.template", "search", [("name", "like", "Compact")]
    )
    manager.call("res.partner", "write", [customer], {"billing_template_id": template})
    after = page.request.get(url).body()
    assert after.startswith(b"%PDF")
    assert before != after
    assert page.request.get(url).body() == after

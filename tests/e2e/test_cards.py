"""WF1 and WF4 with a card (F200, F203), against a Stripe as strict as the real one."""

from __future__ import annotations

import re

import books
import pytest
from letterbox import open_mailbox
from playwright.sync_api import expect
from screens import (
    BulkDialog,
    CustomerPage,
    InvoiceList,
    PaymentDialog,
    TodoList,
    is_told,
)
from stories import bill, charge
from till import become, pay_by_default_card, save_card, welcome

from dev.pytest_e2e import RpcError


def money(stripe, kind="net"):
    """Sum what Stripe holds, in cents."""
    return stripe.totals().get("usd", {}).get(kind, 0)


def test_new_customer_saves_a_card_and_pays(server, stripe, login):
    """F200: card, two charges, invoice of 95, mail, portal, default card, Paid."""
    before = money(stripe, "charged")
    customer, user = welcome(server, "Olga Newman")
    page = login(user)
    save_card(page, "4242424242424242")
    expect(page.get_by_text("Default", exact=True).first).to_be_visible()

    staff = server.rpc("staff")
    charge(staff, customer, "Setup", cost=50)
    charge(staff, customer, "Month", cost=45)
    invoice = bill(staff, customer)
    with open_mailbox(server) as mailbox:
        staff.call("account.move", "action_billing_email", [invoice["id"]])
        message = mailbox.wait("olga.newman@example.com")
    html = message.get_body(("html",)).get_content()
    link = re.search(r'href="([^"]*/my/billing/invoices/\d+\?[^"]+)"', html)
    assert link, html

    page.goto(link[1].replace("&amp;", "&"))
    page.wait_for_url(re.compile("/my/billing/invoices/"))
    expect(page.get_by_text(invoice["name"]).first).to_be_visible()
    page.get_by_role("link", name=re.compile("^Pay")).click()
    expect(page.get_by_role("radio", checked=True)).to_have_count(1)
    pay_by_default_card(page)
    expect(page.get_by_text("Paid", exact=True).first).to_be_visible()

    page.goto("/my/billing")
    expect(page.locator("[data-balance=due]")).to_contain_text("$ 0.00")
    expect(page.locator("[data-balance=unbilled]")).to_contain_text("$ 0.00")
    assert money(stripe, "charged") == before + 9500
    # The event came already; it comes again, twice: nothing changes.
    stripe.wait_for_deliveries()
    event = stripe.events("payment_intent.succeeded")[-1]["id"]
    for _time in range(2):
        stripe.deliver(event)
    domain = [("event_ref", "=", event)]
    events = server.rpc("manager").call(
        "omni.billing.stripe.event", "search_read", domain, ["state"]
    )
    assert [event["state"] for event in events] == ["done"]
    books.agree(server)


@pytest.mark.again
def test_card_expires_and_another_one_pays(server, stripe, login):
    """F203, F142: failure, new card, default, retry from the unpaid invoice."""
    customer, user = welcome(server, "Ravi Harbour")
    page = login(user)
    save_card(page, "4242424242424242")
    staff = server.rpc("staff")
    charge(staff, customer, "Fibre", cost=45)
    number = bill(staff, customer)["name"]
    before = money(stripe, "charged")

    stripe.decline_next("expired_card")
    page = become(login, page, "staff")
    invoice = InvoiceList(page).open(number)
    payment = invoice.pay()
    payment.choose("Card or Bank Debit")
    assert "Card expired" in payment.is_refused()
    payment.close()

    page = become(login, page, user)
    save_card(page, "5555555555554444")
    row = page.locator("li, tr, .list-group-item").filter(has_text="•••• 4444")
    row.get_by_role("button", name="Set as Default").click()
    expect(row.get_by_text("Default", exact=True).first).to_be_visible()

    page = become(login, page, "staff")
    payment = InvoiceList(page).open(number).pay()
    payment.choose("Card or Bank Debit")
    expect(payment.field("token_id").locator("input")).to_have_value(
        re.compile("Mastercard •••• 4444")
    )
    payment.press("Pay Invoice")
    payment.is_gone()
    InvoiceList(page).rows.show(number, billing_status="Paid")
    customer_page = CustomerPage.open(page, customer)
    customer_page.owes(due="$ 0.00")
    assert money(stripe, "charged") == before + 4500
    books.agree(server)


def test_failed_charges_wait_on_the_to_do_list(server, stripe, login):
    """F155, W30: why, how much, whose turn; charged again, step by step; given up."""
    customer, user = welcome(server, "Tilda Quarry")
    page = login(user)
    save_card(page, "4000000000000341")
    staff = server.rpc("staff")
    numbers = []
    for title in ("Fibre", "Mobile"):
        charge(staff, customer, title, cost=45)
        invoice = bill(staff, customer)
        numbers.append(invoice["name"])
        values = {"invoice_ids": [invoice["id"]], "mode": "stripe"}
        wizard = staff.call("omni.billing.payment.wizard", "create", [values])
        with pytest.raises(RpcError, match="declined"):
            staff.call("omni.billing.payment.wizard", "action_pay", wizard)

    page = become(login, page, "staff")
    todo = TodoList(page)
    todo.search("Tilda Quarry", by="Customer")
    for number in numbers:
        todo.rows.show(number, kind="Failed Payment", amount="$ 45.00", turn="Staff")
        assert "Card declined" in todo.rows.read(number, "reason")

    todo.again(*numbers)
    bulk = BulkDialog(page, "Pay 2 Invoices")
    bulk.is_at("2 of 2, 2 failed")
    bulk.finish()

    page = become(login, page, user)
    save_card(page, "4242424242424242")
    row = page.locator("li, tr, .list-group-item").filter(has_text="•••• 4242")
    row.get_by_role("button", name="Set as Default").click()
    expect(row.get_by_text("Default", exact=True).first).to_be_visible()

    page = become(login, page, "staff")
    todo = TodoList(page)
    todo.search("Tilda Quarry", by="Customer")
    todo.rows.press(numbers[0], "action_pay_manually")
    PaymentDialog(page).pay("Cash")
    todo = TodoList(page)
    todo.search("Tilda Quarry", by="Customer")
    todo.rows.show_only(numbers[1])
    todo.give_up(numbers[1])
    todo.rows.show_only()
    books.agree(server)


def test_refund_goes_back_to_the_card(server, stripe, login):
    """F171, F172, F173: by a manager, once, and the books follow."""
    customer, user = welcome(server, "Tess Moore")
    page = login(user)
    save_card(page, "4242424242424242")
    staff = server.rpc("staff")
    charge(staff, customer, "Fibre", cost=45, taxed=True)
    number = bill(staff, customer)["name"]
    net = money(stripe)
    page = become(login, page, "admin")
    payment = InvoiceList(page).open(number).pay()
    payment.pay("Card or Bank Debit")
    assert money(stripe) == net + 5175

    invoice = InvoiceList(page).open(number)
    invoice.choose_more("Refund Invoice")
    page.get_by_role("button", name="Confirm Refund").click()
    is_told(page, "refunded. It takes")
    InvoiceList(page).rows.show(number, billing_status="Refunded")
    assert money(stripe) == net
    assert InvoiceList(page).open(number).buttons.count("Refund Invoice") == 0
    books.agree(server)


def test_canceled_item_goes_back_to_the_card_less_a_penalty(server, stripe, login):
    """F170: tick it, keep a part, and give the rest back at once."""
    customer, user = welcome(server, "Nora Skates")
    page = login(user)
    save_card(page, "4242424242424242")
    staff = server.rpc("staff")
    charge(staff, customer, "Skating", cost=45, taxed=True)
    charge(staff, customer, "Swimming", cost=30)
    number = bill(staff, customer)["name"]
    net = money(stripe)
    page = become(login, page, "admin")
    InvoiceList(page).open(number).pay().pay("Card or Bank Debit")
    assert money(stripe) == net + 8175

    dialog = InvoiceList(page).open(number).cancel_items()
    dialog.tick("Skating")
    dialog.keep("20")
    dialog.choose("mode", "Card or Bank Account")
    dialog.enter(reason="Moved away")
    expect(dialog.field("amount")).to_have_text("$ 41.40")
    note = dialog.confirm()
    is_told(page, "refunded. It takes")
    note.total("$ 41.40", due="$ 0.00")
    document = note.pdf()
    assert "Cancellation fee" in document
    assert "Swimming" not in document
    assert money(stripe) == net + 8175 - 4140

    InvoiceList(page).rows.show(number, billing_status="Paid")
    dialog = InvoiceList(page).open(number).cancel_items()
    dialog.items.show_only("Swimming")
    books.agree(server)


@pytest.mark.again
def test_invoice_is_paid_in_several_payments(server, stripe, login):
    """F148, F149: tick it, see the payments, and the card is charged on each day."""
    customer, user = welcome(server, "Paula Parts")
    page = login(user)
    save_card(page, "4242424242424242")
    staff = server.rpc("staff")
    charge(staff, customer, "Course", cost=100)
    invoice = bill(staff, customer)
    net = money(stripe)
    page = become(login, page, "staff")
    payment = InvoiceList(page).open(invoice["name"]).pay()
    payment.choose("Card or Bank Debit")
    payment.plan("Monthly")
    payment.amounts("$ 33.33", "$ 33.33", "$ 33.34")
    payment.press("Plan Payments")
    payment.is_gone()
    is_told(page, "Payments planned")
    # What is due today is charged by the job, and nothing else.
    server.run_job("charge_installments")
    assert money(stripe) == net + 3333
    dialog = InvoiceList(page).open(invoice["name"])
    dialog.total("$ 100.00", due="$ 66.67")
    states = dialog.field("billing_installment_ids").locator("td[name=charge_state]")
    expect(states).to_have_text(["Paid", "Planned", "Planned"])

    page = become(login, page, user)
    coming = page.locator(".o_billing_coming [data-cell=total]")
    for path in (f"/my/billing/invoices/{invoice['id']}", "/my/billing"):
        page.goto(path)
        expect(coming).to_have_text([re.compile(r"33\.33"), re.compile(r"33\.34")])
        # Who pays as agreed is not late.
        expect(page.get_by_text("Paid as Planned").first).to_be_visible()
    books.agree(server)


@pytest.mark.again
def test_ordinary_invoice_is_paid_on_odoo_s_own_page(server, stripe, login):
    """What was not billed here goes Odoo's way, with the same saved card."""
    customer, user = welcome(server, "Ben Usual")
    page = login(user)
    save_card(page, "4242424242424242")
    admin = server.rpc("admin")
    line = {"name": "Desk", "quantity": 1, "price_unit": 80, "tax_ids": []}
    values = {"move_type": "out_invoice", "partner_id": customer}
    [invoice] = admin.call(
        "account.move", "create", [values | {"invoice_line_ids": [(0, 0, line)]}]
    )
    admin.call("account.move", "action_post", [invoice])
    net = money(stripe)
    page.goto(admin.call("account.move", "get_portal_url", invoice))
    page.get_by_role("link", name="Pay", exact=False).first.click()
    form = page.locator("#pay_with")
    form.locator("input[data-payment-option-type=token]").first.check()
    form.locator("button[name=o_payment_submit_button]").click()
    page.wait_for_url(re.compile(r"/my/invoices/\d+"))
    expect(page.get_by_text("Paid").first).to_be_visible()
    assert money(stripe) == net + 8000
    [read] = admin.call("account.move", "read", [invoice], ["amount_residual"])
    assert read["amount_residual"] == 0

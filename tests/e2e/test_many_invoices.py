"""The same with many invoices at once: how far it is, what failed, and why.

The customers of a story have a word in common, by which the list is searched.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from itertools import cycle

import books
import pytest
from letterbox import open_mailbox
from playwright.sync_api import expect
from screens import (
    AskDialog,
    BulkDialog,
    InvoiceList,
    TodoList,
    read_pages,
    read_pdf,
    wait_until,
)
from stories import add_customer, bill, charge, pay

STEP = "**/omni.billing.bulk/run_step"


@pytest.fixture(scope="module")
def staff(server):
    return server.rpc("staff")


@pytest.fixture
def have(server, staff):
    """Give a function that has invoices of 45, of customers in turn."""

    def have_invoices(*customers: str, count: int | None = None) -> list[dict]:
        ids = [add_customer(server, name) for name in customers]
        found = []
        for number, customer in zip(range(count or len(ids)), cycle(ids), strict=False):
            charge(staff, customer, f"Fibre {number}", cost=45)
            found.append(bill(staff, customer) | {"customer": customer})
        return found

    return have_invoices


def names(invoices):
    return [invoice["name"] for invoice in invoices]


def read_payments(staff, invoices):
    """Count the payments of these customers: by customer and amount."""
    customers = [invoice["customer"] for invoice in invoices]
    payments = staff.call(
        "account.payment",
        "search_read",
        [("partner_id", "in", customers), ("state", "!=", "canceled")],
        ["partner_id", "amount"],
    )
    return Counter((p["partner_id"][0], p["amount"]) for p in payments)


def read_states(staff, invoices):
    ids = [invoice["id"] for invoice in invoices]
    found = staff.call("account.move", "read", ids, ["billing_state"])
    return Counter(move["billing_state"] for move in found)


def open_list(page, word, invoices):
    """Open the invoices of the customers that have a word in common."""
    screen = InvoiceList(page)
    screen.search(word, by="Customer")
    screen.rows.count(len(invoices))
    return screen


def test_two_customers_pay_at_once(server, staff, have, login):
    """F132: each invoice is paid for itself, in full."""
    invoices = have("Quay Cafe", "Quay Gym")
    page = login("staff")
    screen = open_list(page, "Quay", invoices)
    screen.card("open", "$ 90.00")

    payment = screen.pay(*names(invoices))
    expect(payment.box.get_by_text("Each is paid in full")).to_be_visible()
    expect(payment.field("amount")).to_have_count(0)
    payment.pay("Bank Transfer", reference="List 7")
    BulkDialog(page, "Pay 2 Invoices").is_done("2 of 2")

    for number in names(invoices):
        screen.rows.show(number, billing_status="Paid")
    screen.card("open", "$ 0.00")
    paid = read_payments(staff, invoices)
    assert paid == {(invoice["customer"], 45): 1 for invoice in invoices}
    books.agree(server)


@pytest.mark.again
def test_paid_one_among_those_to_void(server, staff, have, login):
    """F8, F159: the list tells which is not void, and why; the others are."""
    invoices = have("Mill Cafe", "Mill Gym", "Mill Shop")
    wrong, paid, wrong_too = names(invoices)
    pay(staff, invoices[1])

    page = login("manager")
    screen = open_list(page, "Mill", invoices)
    screen.card("open", "$ 90.00")
    bulk = screen.void("Wrong month", *names(invoices))
    bulk.is_at("3 of 3, 1 failed")
    bulk.tells({paid: "cannot be voided, because money was received"})
    expect(bulk.failure(paid)).to_contain_text("Mill Gym")
    bulk.press("Try Failed Again")
    bulk.is_at("3 of 3, 1 failed")
    bulk.tells({paid: "cannot be voided, because money was received"})
    bulk.finish()

    screen.rows.show(paid, billing_status="Paid")
    for number in (wrong, wrong_too):
        screen.rows.show(number, billing_status="Void")
    screen.card("open", "$ 0.00")
    screen.card("total", "$ 45.00")
    books.agree(server)


@pytest.mark.again
def test_customer_without_an_address_gets_no_mail(server, have, login):
    """F120: one has no e-mail address; it is added, and the rest is sent too."""
    invoices = have("Hill Cafe", "Hill Gym")
    silent = invoices[1]["customer"]
    admin = server.rpc("admin")
    admin.call("res.partner", "write", [silent], {"email": False})

    page = login("staff")
    with open_mailbox(server) as mailbox:
        bulk = open_list(page, "Hill", invoices).send(*names(invoices))
        bulk.press("Send 2 Invoices by E-mail")
        bulk.is_at("2 of 2, 1 failed")
        reason = "Hill Gym has no e-mail address. Add one to the customer."
        bulk.tells({invoices[1]["name"]: reason})

        admin.call("res.partner", "write", [silent], {"email": "gym@example.com"})
        bulk.press("Try Failed Again")
        bulk.is_done("2 of 2")
        server.run_job("send_mails")
        addresses = ("hill.cafe@example.com", "gym@example.com")
        for invoice, address in zip(invoices, addresses, strict=True):
            assert invoice["name"] in mailbox.wait(address)["Subject"]
            assert len(mailbox.find(address)) == 1


@pytest.mark.again
def test_download_as_one_file(have, login):
    """F7, F103: one PDF to print, or an archive with a PDF for each."""
    invoices = have("Dock Cafe", "Dock Gym", "Dock Shop")
    page = login("staff")
    screen = open_list(page, "Dock", invoices)

    bulk = screen.download(*names(invoices))
    document = bulk.download("Download 3 Invoices")
    bulk.is_at("3 of 3")
    assert document.suggested_filename == "Invoices.pdf"
    pages = read_pages(document)
    assert len(pages) == len(invoices)
    for number in names(invoices):
        assert sum(number in words for words in pages) == 1
    assert read_pages(bulk.download("Download Again")) == pages
    bulk.is_done("3 of 3")

    screen = open_list(page, "Dock", invoices)
    bulk = screen.download(*names(invoices))
    bulk.box.get_by_role("radio", name="A ZIP archive").check()
    archive = bulk.download("Download 3 Invoices")
    assert archive.suggested_filename == "Invoices.zip"
    with zipfile.ZipFile(archive.path()) as files:
        found = {name: read_pdf(files.read(name)) for name in files.namelist()}
    assert len(found) == len(invoices)
    for number in names(invoices):
        assert number in found[f"{number.replace('/', '-')}.pdf"]
    bulk.is_done("3 of 3")


def test_stop_leaves_the_rest(server, staff, have, login):
    """F8: what is under way is finished, and nothing is begun after it."""
    invoices = have("Pier Cafe", "Pier Gym", count=12)
    page = login("staff")
    screen = open_list(page, "Pier", invoices)
    held = []

    def hold(step):
        held.append(step)

    page.route(STEP, hold)
    screen.pay(*names(invoices)).pay("Cash")
    bulk = BulkDialog(page, "Pay 12 Invoices")
    bulk.is_at("0 of 12")
    bulk.stop()
    expect(bulk.box.get_by_role("button", name="Stop")).to_be_disabled()
    wait_until(page, lambda: held)
    [step] = held
    step.continue_()
    bulk.is_at("5 of 12")
    bulk.says("Stopped. The rest was left as it is.")
    assert len(held) == 1
    assert read_states(staff, invoices) == {"paid": 5, "unpaid": 7}
    bulk.press("Continue")
    bulk.stop()
    wait_until(page, lambda: len(held) == 2)
    held[1].continue_()
    bulk.is_at("10 of 12")
    bulk.finish()

    screen.card("open", "$ 90.00")
    screen.filter("Not Yet Paid")
    screen.rows.count(2)
    assert len(held) == 2
    assert read_states(staff, invoices) == {"paid": 10, "unpaid": 2}
    books.agree(server)


@pytest.mark.parametrize(
    "is_done",
    [
        pytest.param(False, id="before", marks=pytest.mark.again),
        pytest.param(True, id="after"),
    ],
)
def test_connection_is_lost(server, staff, have, login, console_errors, is_done):
    """F120: whether the step was done or not, each invoice is paid once."""
    word = "Lock" if is_done else "Weir"
    invoices = have(f"{word} Cafe", f"{word} Gym", count=6)
    page = login("staff")
    screen = open_list(page, word, invoices)

    def lose(step):
        if is_done:
            step.fetch()
        step.abort()

    page.route(STEP, lose, times=1)
    screen.pay(*names(invoices)).pay("Cash")
    bulk = BulkDialog(page, "Pay 6 Invoices")
    bulk.says("The connection was lost.")
    bulk.is_at("0 of 6")
    bulk.press("Continue")
    bulk.is_done("6 of 6")
    console_errors.clear()

    screen.card("open", "$ 0.00")
    assert read_states(staff, invoices) == {"paid": 6}
    paid = read_payments(staff, invoices)
    assert paid == {(invoice["customer"], 45): 3 for invoice in invoices}
    books.agree(server)


def test_staff_ask_a_manager_to_void_many(staff, have, login):
    """F8, F195: staff see why the button is not theirs, and ask; one click approves."""
    invoices = have("Ford Cafe", "Ford Gym")
    first = min(invoices, key=lambda invoice: invoice["id"])["name"]
    page = login("staff")
    screen = open_list(page, "Ford", invoices)
    screen.rows.select(*names(invoices))
    screen.press("Void Invoices")
    AskDialog(page).ask("Billed twice")
    assert read_states(staff, invoices) == {"unpaid": 2}

    page.goto("about:blank")
    page.context.clear_cookies()
    page = login("manager")
    todo = TodoList(page)
    todo.search(first, by="Invoice")
    todo.rows.show(first, kind="Asked of a Manager", amount="$ 90.00", turn="Manager")
    todo.approve(first)
    bulk = BulkDialog(page, "Void 2 Invoices")
    bulk.is_done("2 of 2")
    assert read_states(staff, invoices) == {"void": 2}

"""WF5 (F204): an invoice that should not have been, and the right one after it."""

from __future__ import annotations

import books
import pytest
from screens import CustomerPage, InvoiceList, TransactionList
from stories import add_customer, bill, charge


def test_wrong_period_is_voided_and_billed_again(server, login):
    """F204: void, lines unbilled again, right period and filter (F160-F165, F55).

    F198, F217: this is how an invoice with wrong lines is mended.
    """
    staff = server.rpc("staff")
    cafe = add_customer(server, "Garden Cafe")
    charge(staff, cafe, "Mobile, December", date="2024-12-15")
    charge(staff, cafe, "Mobile, January", "Fibre, January", date="2025-01-15")
    wrong = bill(staff, cafe, date_end="2025-01-31", title="January")["name"]

    page = login("staff")
    customer = CustomerPage.open(page, cafe)
    customer.owes(unbilled="$ 0.00", due="$ 75.00")

    invoices = InvoiceList(page)
    invoices.open(wrong).void("The period was wrong")
    invoices.rows.show(wrong, billing_title="Void: January", billing_status="Void")

    customer = CustomerPage.open(page, cafe)
    customer.owes(unbilled="$ 75.00", due="$ 0.00")
    for title in ("Mobile, December", "Mobile, January", "Fibre, January"):
        customer.transactions.show(title, status="Unbilled", invoice_id="")

    proforma = customer.bill()
    proforma.enter(date_start="2025-01-01", date_end="2025-01-31", filter_text="Mobile")
    proforma.show_only("Mobile, January")
    right = proforma.generate()
    number = right.number
    assert number != wrong
    right.total("$ 25.00", due="$ 25.00")
    document = right.pdf()
    assert "Mobile, January" in document
    assert "Fibre" not in document
    assert "VOID" not in document
    right.send()
    customer.owes(unbilled="$ 50.00", due="$ 25.00")

    invoices = InvoiceList(page)
    invoices.filter("Void")
    invoice = invoices.open(wrong)
    invoice.is_marked("Void")
    assert set(invoice.buttons) == {
        "Download PDF",
        "Duplicate",
        "Open in Accounting",
        "Close",
    }
    document = invoice.pdf()
    assert wrong in document
    assert "VOID" in document
    books.agree(server)


@pytest.mark.again
def test_wrong_line_is_corrected_after_the_void(server, login):
    """F211, F22, F23: one line edited, one voided, and the rest billed again."""
    staff = server.rpc("staff")
    gym = add_customer(server, "Yoga Gym")
    charge(staff, gym, "Fibre", cost=54)
    charge(staff, gym, "Router", "Router (entered twice)", cost=80)
    wrong = bill(staff, gym)["name"]

    page = login("staff")
    InvoiceList(page).open(wrong).void("Two lines are wrong")

    transactions = TransactionList(page)
    transactions.search("Yoga Gym", by="Customer")
    line = transactions.open("Fibre")
    line.enter(retail_cost="45")
    line.save()
    transactions.rows.show("Fibre", amount_total="$ 45.00")
    transactions.void("Router (entered twice)", "Entered twice")
    transactions.rows.lack("Router (entered twice)")
    transactions.unfilter("Unbilled")
    transactions.filter("Void")
    transactions.rows.show("Router (entered twice)", status="Void")

    customer = CustomerPage.open(page, gym)
    customer.owes(unbilled="$ 125.00")
    proforma = customer.bill()
    proforma.enter(date_start="2025-01-01")
    proforma.show_only("Fibre", "Router")
    invoice = proforma.generate()
    invoice.total("$ 125.00", due="$ 125.00")
    invoice.send()
    customer.owes(unbilled="$ 0.00", due="$ 125.00")
    books.agree(server)


def test_wrong_line_is_left_out_at_once(server, login):
    """F165, F204: void and bill again in one go; what came later waits."""
    staff = server.rpc("staff")
    shop = add_customer(server, "Bicycle Shop")
    charge(staff, shop, "Fibre", cost=45)
    charge(staff, shop, "Router (entered twice)", cost=80)
    wrong = bill(staff, shop)["name"]
    charge(staff, shop, "Mobile")

    page = login("staff")
    invoices = InvoiceList(page)
    proforma = invoices.open(wrong).void_and_bill("A line is wrong")
    proforma.counts(2)
    proforma.toggle("Router (entered twice)")
    invoice = proforma.generate()
    invoice.lines.show_only("Fibre")
    invoice.total("$ 45.00", due="$ 45.00")
    invoice.close()
    customer = CustomerPage.open(page, shop)
    customer.owes(unbilled="$ 105.00", due="$ 45.00")
    customer.invoices.show(wrong, billing_status="Void")
    books.agree(server)


@pytest.mark.again
def test_paid_invoice_cannot_be_voided(server, login):
    """F159: the button is not there, and the way around it is closed too."""
    staff = server.rpc("staff")
    shop = add_customer(server, "Antique Shop")
    charge(staff, shop, "Fibre", cost=45)
    number = bill(staff, shop)["name"]

    page = login("staff")
    invoices = InvoiceList(page)
    invoices.open(number).pay().pay("Cash", reference="Receipt #9")
    invoices.rows.show(number, billing_status="Paid")
    invoice = invoices.open(number)
    assert "Void Invoice" not in invoice.buttons
    assert "Pay Invoice" not in invoice.buttons
    books.agree(server)

"""The account of a customer: what it is made of, and what can be done with it."""

from __future__ import annotations

import books
import pytest
from screens import (
    CustomerPage,
    InvoiceList,
    PaymentDialog,
    ProformaDialog,
    RefundDialog,
    TransactionDialog,
    TransactionList,
    is_told,
)
from stories import add_customer, bill, charge, pay, today

GOODWILL = "Service outage or goodwill"


@pytest.fixture(scope="module")
def staff(server):
    return server.rpc("staff")


@pytest.mark.again
def test_paying_from_a_row_is_seen_on_the_whole_page(server, staff, login):
    """F9, F31: balances and both lists follow what is done in a row."""
    cafe = add_customer(server, "Tea House")
    charge(staff, cafe, "Fibre", cost=45)
    number = bill(staff, cafe)["name"]
    page = login("staff")
    customer = CustomerPage.open(page, cafe)
    customer.owes(due="$ 45.00", paid="$ 0.00")
    invoice = customer.open_invoice(number)
    invoice.pay().pay("Cash", reference="Receipt #3")
    customer.owes(due="$ 0.00", paid="$ 45.00")
    customer.transactions.show(f"Payment for invoice {number}", status="Payment")
    customer.invoices.show(number, billing_status="Paid")


def test_each_operation_once(server, staff, login):
    """F26, F33, F152, F176: the amounts before and after each of them."""
    cafe = add_customer(server, "Ledger Cafe")
    charge(staff, cafe, "Fibre", cost=45, date=f"{today()}")

    page = login("manager")
    customer = CustomerPage.open(page, cafe)
    customer.owes(unbilled="$ 45.00", due="$ 0.00", paid="$ 0.00", credit="$ 0.00")

    credit(page, customer, "Outage", "10")
    customer.owes(unbilled="$ 35.00", due="$ 0.00")

    customer.operations().choose("Create an Invoice")
    invoice = ProformaDialog(page).generate()
    invoice.total("$ 35.00", due="$ 35.00")
    invoice.close()
    customer.owes(unbilled="$ 0.00", due="$ 35.00", paid="$ 0.00")

    customer.operations().choose("Make a Payment")
    payment = PaymentDialog(page)
    payment.holds(amount="35.00")
    payment.pay("Cash", reference="Receipt #12")
    customer.owes(due="$ 0.00", paid="$ 35.00", credit="$ 0.00")

    credit(page, customer, "Outage, again", "20")
    customer.owes(unbilled="-$ 20.00", credit="$ 0.00")
    customer.operations().choose("Create an Invoice")
    ProformaDialog(page).generate_note().close()
    customer.owes(unbilled="$ 0.00", due="$ 0.00", credit="$ 20.00")

    charge(staff, cafe, "Router", cost=15)
    bill(staff, cafe)
    customer = CustomerPage.open(page, cafe)
    customer.owes(due="$ 15.00", paid="$ 35.00", credit="$ 20.00")
    customer.operations().choose("Reconcile the Account")
    is_told(page, "Credit used for unpaid invoices: $ 15.00.")
    customer.owes(due="$ 0.00", paid="$ 50.00", credit="$ 5.00")

    customer.operations().choose("Record a Refund")
    refund = RefundDialog(page)
    refund.holds(amount="5.00")
    refund.refund("Bank Transfer", reference="Transfer 2025-014")
    customer.owes(unbilled="$ 0.00", due="$ 0.00", paid="$ 50.00", credit="$ 0.00")
    books.agree(server)


def test_staff_record_no_refund(server, login):
    """F26, F176: giving money back is for managers."""
    gym = add_customer(server, "Judo Gym")
    customer = CustomerPage.open(login("staff"), gym)
    menu = customer.operations()
    assert menu.actions == [
        "Create a Credit",
        "Create an Invoice",
        "Make a Payment",
        "Reconcile the Account",
    ]
    menu.choose("Reconcile the Account")
    is_told(customer.page, "There is no credit that an unpaid invoice can use.")


@pytest.mark.again
def test_amounts_open_what_they_sum_up(server, staff, login):
    """F33, F218: what is unbilled, what is unpaid and what is paid."""
    club = add_customer(server, "Croquet Club")
    charge(staff, club, "Court, paid", cost=10)
    paid = bill(staff, club)
    pay(staff, paid)
    charge(staff, club, "Court, unpaid", cost=20)
    unpaid = bill(staff, club)
    charge(staff, club, "Court", "Light", cost=30)

    page = login("staff")
    customer = CustomerPage.open(page, club)
    customer.owes(unbilled="$ 60.00", due="$ 20.00", paid="$ 10.00")
    customer.see("Unbilled")
    transactions = TransactionList(page, is_open=True)
    transactions.is_searched("Unbilled")
    transactions.rows.show("Court", status="Unbilled")
    transactions.rows.show("Light", status="Unbilled")
    transactions.rows.count(2)

    CustomerPage.open(page, club).see("Billed, unpaid")
    invoices = InvoiceList(page, is_open=True)
    invoices.is_searched("Not Yet Paid")
    invoices.rows.show_only(unpaid["name"])

    CustomerPage.open(page, club).see("Billed and paid")
    invoices = InvoiceList(page, is_open=True)
    invoices.is_searched("Paid")
    invoices.rows.show_only(paid["name"])


def credit(page, customer, title, amount):
    """Create a credit of today."""
    customer.operations().choose("Create a Credit")
    dialog = TransactionDialog(page)
    dialog.enter(name=title, retail_cost=amount, credit_type_id=GOODWILL)
    dialog.save()

"""WF4 (F203): the card does not work, and nothing is lost."""

from __future__ import annotations

import books
from screens import CustomerPage, InvoiceList
from stories import add_customer, bill, charge


def test_card_that_cannot_be_charged_leaves_the_invoice_to_be_paid(server, login):
    """F203, as long as no card can be charged: F142, F144, F146."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Harbour Cafe")
    charge(staff, cafe, "Fibre", cost=45)
    number = bill(staff, cafe)["name"]

    page = login("staff")
    customer = CustomerPage.open(page, cafe)
    payment = customer.pay_all()
    payment.choose("Card")
    message = payment.is_refused()
    assert "card" in message
    assert "Choose another mode" in message

    payment.close()
    customer.owes(due="$ 45.00")
    customer.invoices.show(number, billing_state="Unpaid")
    assert not _find_payments(staff, cafe)

    invoice = InvoiceList(page).open(number)
    payment = invoice.pay()
    payment.choose("Card")
    payment.is_refused()
    payment.pay("POS Terminal", reference="Slip 12")

    invoices = InvoiceList(page)
    invoices.rows.show(number, billing_state="Paid")
    [payment] = _find_payments(staff, cafe)
    assert (payment["amount"], payment["billing_reference"]) == (45.0, "Slip 12")
    books.agree(server)


def _find_payments(staff, customer):
    return staff.call(
        "account.payment",
        "search_read",
        [("partner_id", "=", customer)],
        ["amount", "billing_reference"],
    )

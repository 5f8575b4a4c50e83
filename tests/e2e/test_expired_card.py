"""WF4 (F203): there is no card that works, and nothing is lost."""

from __future__ import annotations

import books
from screens import CustomerPage, InvoiceList
from stories import add_customer, bill, charge


def test_customer_without_a_card_pays_otherwise(server, login):
    """F203, where no card is saved: F142, F144, F146."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Corner Cafe")
    charge(staff, cafe, "Fibre", cost=45)
    number = bill(staff, cafe)["name"]

    page = login("staff")
    customer = CustomerPage.open(page, cafe)
    payment = customer.pay_all()
    payment.lacks_a_card()
    payment.close()
    customer.owes(due="$ 45.00")
    customer.invoices.show(number, billing_status="Unpaid")
    assert not _find_payments(staff, cafe)

    invoice = InvoiceList(page).open(number)
    payment = invoice.pay()
    payment.lacks_a_card()
    payment.pay("POS Terminal", reference="Slip 12")

    invoices = InvoiceList(page)
    invoices.rows.show(number, billing_status="Paid")
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

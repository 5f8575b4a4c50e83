"""WF3 (F202): the line was down, and the next invoice is lower for it."""

from __future__ import annotations

import books
from screens import CustomerPage, InvoiceList
from stories import add_customer, bill, charge


def test_credit_lowers_the_next_invoice_and_no_other(server, login):
    """F202: 45 - 10 = 35.00; what is billed already stays as it is (F14, F15)."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Lighthouse Cafe")
    charge(staff, cafe, "Fibre, December", cost=45, date="2024-12-15")
    december = bill(staff, cafe, date_start="2024-12-01", date_end="2024-12-31")["name"]
    charge(staff, cafe, "Fibre, January", cost=45, date="2025-01-15")

    page = login("staff")
    customer = CustomerPage.open(page, cafe)
    customer.owes(unbilled="$ 45.00", due="$ 45.00")
    customer.add_credit(
        "Outage of the 20th",
        "10",
        kind="Service outage or goodwill",
        date="2025-01-20",
        description="Down for nine hours",
    )
    customer.transactions.show(
        "Outage of the 20th",
        amount_total="-$ 10.00",
        status="Unbilled",
    )
    customer.owes(unbilled="$ 35.00", due="$ 45.00")
    customer.invoices.show(december, amount_total_in_currency_signed="$ 45.00")

    proforma = customer.bill()
    proforma.enter(date_start="2025-01-01", date_end="2025-01-31")
    proforma.show_only("Fibre, January", "Outage of the 20th")
    proforma.totals("$ 35.00", "$ 0.00", "$ 35.00")
    invoice = proforma.generate()
    january = invoice.number
    invoice.total("$ 35.00", due="$ 35.00")
    document = invoice.pdf()
    for words in ("Outage of the 20th Down for nine hours -$ 10.00", "Total $ 35.00"):
        assert words in document
    invoice.pay().pay("Bank Transfer", reference="TRF-35")

    customer.owes(unbilled="$ 0.00", due="$ 45.00")
    customer.invoices.show(january, billing_status="Paid")
    customer.invoices.show(december, billing_status="Unpaid")
    invoice = InvoiceList(page).open(january)
    invoice.total("$ 35.00", due="$ 0.00")
    books.agree(server)

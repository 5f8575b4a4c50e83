"""WF6 (F205): one sum of cash, several invoices."""

from __future__ import annotations

import books
import pytest
from screens import CustomerPage, InvoiceList
from stories import add_customer, bill, charge

RECEIPT = "Cash paid 2025-02-10 - Receipt #001"


def test_300_in_cash_pay_three_invoices(server, login):
    """F205: the same reference on one ledger entry for each invoice (F141, F137)."""
    staff = server.rpc("staff")
    cafe = add_customer(server, "Station Cafe")
    numbers = []
    for month in ("2024-11", "2024-12", "2025-01"):
        charge(staff, cafe, f"Fibre, {month}", cost=100, date=f"{month}-15")
        numbers.append(bill(staff, cafe)["name"])
    charge(staff, cafe, "Fibre, 2025-02", cost=100, date="2025-02-15")

    page = login("staff")
    customer = CustomerPage.open(page, cafe)
    customer.owes(unbilled="$ 100.00", due="$ 300.00")

    invoices = InvoiceList(page)
    invoices.search("Station Cafe", by="Invoice")
    invoices.filter("Not Yet Paid")
    invoices.rows.show_only(*reversed(numbers))
    payment = invoices.pay(*numbers)
    payment.holds(amount="300.00")
    payment.pay("Cash", amount="300", reference=RECEIPT)

    invoices.rows.show_only()
    invoices.unfilter()
    for number in numbers:
        invoices.rows.show(number, billing_status="Paid")
    customer = CustomerPage.open(page, cafe)
    customer.owes(unbilled="$ 100.00", due="$ 0.00")
    for number in numbers:
        title = f"Payment for invoice {number}"
        customer.transactions.show(title, amount_total="-$ 100.00")
    entries = staff.call(
        "omni.billing.transaction",
        "search_read",
        [("partner_id", "=", cafe), ("transaction_type", "=", "payment")],
        ["payment_reference"],
    )
    assert [entry["payment_reference"] for entry in entries] == [RECEIPT] * 3
    books.agree(server)


@pytest.mark.again
def test_cash_comes_in_parts(server, login):
    """F212, F147, F157: paid when the parts make the whole, and never more."""
    staff = server.rpc("staff")
    gym = add_customer(server, "Boxing Gym")
    charge(staff, gym, "Fibre", cost=45)
    number = bill(staff, gym)["name"]

    page = login("staff")
    invoices = InvoiceList(page)
    invoices.open(number).pay().pay(
        "Cash", amount="20", reference="Cash paid 2025-01-15"
    )
    invoices.rows.show(number, billing_status="Partially Paid")

    payment = invoices.open(number).pay()
    payment.holds(amount="25.00")
    payment.choose("Cash")
    payment.enter(amount="25.01")
    assert "$ 25.01 is more than the $ 25.00 owed" in payment.is_refused()
    payment.pay("Cash", amount="25", reference="Cash paid 2025-01-22")

    invoices.rows.show(number, billing_status="Paid")
    document = invoices.open(number).pdf()
    assert "Cash paid 2025-01-15, Cash paid 2025-01-22" in document
    assert "PAID" in document
    books.agree(server)

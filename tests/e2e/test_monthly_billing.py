"""WF2 (F201): the month is over, and what was used becomes invoices (F206-F210)."""

from __future__ import annotations

import books
import pytest
from screens import CustomerPage, InvoiceList, TransactionList, start_invoice
from stories import add_customer, charge

JANUARY = {"date_start": "2025-01-01", "date_end": "2025-01-31"}


@pytest.fixture(scope="module")
def staff(server):
    """Let the system of the telecom enter charges, as staff's program would."""
    return server.rpc("staff")


def test_month_is_billed_customer_by_customer(server, staff, login):
    """F201, F206, F208: two lines of twenty are excluded, and wait."""
    cafe = add_customer(server, "Metro Cafe")
    charge(staff, cafe, *(f"Line {n:02}" for n in range(1, 19)), taxed=True)
    charge(staff, cafe, "Data overage", cost=60)
    charge(staff, cafe, "Installation fee", cost=100)
    bistro = add_customer(server, "Bistro Soleil")
    charge(staff, bistro, "Fibre", "Telephone", cost=45)

    page = login("staff")
    transactions = TransactionList(page)
    transactions.search("Metro Cafe", by="Customer")
    transactions.rows.count(20)
    transactions.rows.show("Line 07", status="Unbilled", amount_total="$ 28.75")

    proforma = start_invoice(page, "Metro Cafe")
    # Before the due date, which the date of the invoice proposes.
    proforma.enter(invoice_date="2025-01-31")
    proforma.enter(**JANUARY, date_due="2025-02-15", title="Services of January 2025")
    proforma.counts(20)
    proforma.totals("$ 610.00", "$ 67.50", "$ 677.50")
    proforma.toggle("Data overage")
    proforma.counts(19)
    proforma.totals("$ 550.00", "$ 67.50", "$ 617.50")
    proforma.toggle("Installation fee")
    proforma.counts(18)
    proforma.totals("$ 450.00", "$ 67.50", "$ 517.50")
    cafe_invoice = proforma.generate()
    cafe_number = cafe_invoice.number
    cafe_invoice.lines.count(18)
    cafe_invoice.lines.lack("Data overage")
    cafe_invoice.total("$ 517.50", due="$ 517.50")
    document = cafe_invoice.pdf()
    for words in ("Services of January 2025", "02/15/2025", "Line 18", "$ 517.50"):
        assert words in document
    assert "Data overage" not in document
    cafe_invoice.close()

    transactions = TransactionList(page)
    transactions.search("Metro Cafe", by="Customer")
    transactions.rows.show_only("Installation fee", "Data overage")

    transactions = TransactionList(page)
    transactions.search("Bistro Soleil", by="Customer")
    transactions.rows.count(2)
    proforma = transactions.bill("Fibre")
    proforma.enter(**JANUARY, title="Services of January 2025")
    proforma.totals("$ 90.00", "$ 0.00", "$ 90.00")
    bistro_invoice = proforma.generate()
    bistro_number = bistro_invoice.number
    bistro_invoice.pay().pay("POS Terminal", reference="Slip 4711")

    # They are of January, and other invoices are on the first page.
    invoices = InvoiceList(page)
    invoices.search("Bistro Soleil", by="Customer")
    invoices.rows.show(bistro_number, billing_status="Paid")
    invoices = InvoiceList(page)
    invoices.search("Metro Cafe", by="Customer")
    invoices.rows.show(cafe_number, billing_status="Unpaid")
    assert _read_payment(server, "Slip 4711") == ("pos", 90.0)
    books.agree(server)


@pytest.mark.again
def test_one_period_makes_three_invoices(server, staff, login):
    """F207: mobile, internet and the rest apart; what is billed never reappears."""
    gym = add_customer(server, "Summit Gym")
    charge(staff, gym, "Mobile 1", "Mobile 2", cost=25)
    charge(staff, gym, "Internet", cost=45)
    charge(staff, gym, "Late change fee", cost=5)

    page = login("staff")
    customer = CustomerPage.open(page, gym)

    proforma = customer.bill()
    proforma.enter(**JANUARY)
    proforma.counts(4)
    proforma.clear_all()
    proforma.toggle("Mobile 1", "Mobile 2")
    proforma.totals("$ 50.00", "$ 0.00", "$ 50.00")
    mobile = proforma.generate()
    mobile.lines.show_only("Mobile 1", "Mobile 2")
    mobile.close()

    proforma = customer.bill()
    proforma.enter(**JANUARY)
    proforma.show_only("Internet", "Late change fee")
    proforma.toggle("Late change fee")
    internet = proforma.generate()
    internet.lines.show_only("Internet")
    internet.close()

    proforma = customer.bill()
    proforma.enter(**JANUARY)
    proforma.show_only("Late change fee")
    rest = proforma.generate()
    rest.total("$ 5.00", due="$ 5.00")
    rest.close()

    customer.invoices.count(3)
    customer.owes(unbilled="$ 0.00", due="$ 100.00")
    proforma = customer.bill()
    proforma.enter(**JANUARY)
    proforma.is_impossible("No transaction found")
    books.agree(server)


@pytest.mark.again
def test_installation_of_today_is_billed_alone(server, staff, login):
    """F210: start and end are today, the recurring line waits for its month."""
    shop = add_customer(server, "Village Shop")
    charge(staff, shop, "Fibre, December", date="2024-12-31")

    page = login("staff")
    customer = CustomerPage.open(page, shop)
    customer.add_charge("Installation", "120", description="Two sockets")
    customer.add_charge("Fibre", "45")

    proforma = customer.bill()
    today = proforma.date("date_end")
    proforma.enter(date_start=today, date_due="+7d", title="Installation services")
    proforma.show_only("Installation", "Fibre")
    proforma.toggle("Fibre")
    proforma.totals("$ 120.00", "$ 0.00", "$ 120.00")
    invoice = proforma.generate()
    document = invoice.pdf()
    for words in ("Installation services", "Two sockets", "Total $ 120.00"):
        assert words in document
    assert document.count(today) >= 2
    invoice.send()

    customer.transactions.show("Fibre", status="Unbilled")
    customer.transactions.show("Fibre, December", status="Unbilled")
    customer.owes(unbilled="$ 70.00", due="$ 120.00")
    books.agree(server)


def test_typed_title_outlives_a_change_of_the_period(server, staff, login):
    """F42: the proposed title follows the period, what a person wrote does not."""
    club = add_customer(server, "Rowing Club")
    charge(staff, club, "Fibre", cost=45)

    proforma = CustomerPage.open(login("staff"), club).bill()
    proforma.enter(date_start="2025-01-01")
    proforma.enter(date_end="2025-01-31")
    proforma.holds(title="Invoice for 01/01/2025 - 01/31/2025")
    proforma.enter(title="Services of January 2025")
    proforma.enter(date_end="2025-01-30")
    proforma.counts(1)
    proforma.holds(title="Services of January 2025")


def _read_payment(server, reference):
    [payment] = server.rpc("admin").call(
        "account.payment",
        "search_read",
        [("billing_reference", "=", reference)],
        ["billing_mode", "amount"],
    )
    return payment["billing_mode"], payment["amount"]

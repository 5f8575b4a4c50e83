"""WF1 (F200): a new customer, from the first charge to a paid invoice."""

from __future__ import annotations

import books
import pytest
from letterbox import open_mailbox
from screens import CustomerPage, InvoiceList, read_pdf

from dev import browsing


@pytest.fixture
def mailbox(server):
    with open_mailbox(server) as smtp:
        yield smtp


def test_new_customer_is_billed_by_mail_and_pays_in_cash(server, mailbox, page):
    """F200, with the card's part paid in cash: F11, F59, F113, F135, F158."""
    browsing.log_in(page, "staff")
    customer = CustomerPage.create(page, name="Nora Newton", email="nora@example.com")

    customer.has_nothing_yet()
    customer.add_charge("Setup", "50")
    customer.add_charge("Month", "45")
    customer.transactions.show("Setup", amount_total="$ 50.00", status="Unbilled")
    customer.transactions.show("Month", amount_total="$ 45.00", status="Unbilled")
    customer.owes(unbilled="$ 95.00", due="$ 0.00")

    proforma = customer.bill()
    proforma.show_only("Setup", "Month")
    proforma.totals("$ 95.00", "$ 0.00", "$ 95.00")
    invoice = proforma.generate()
    number = invoice.number
    invoice.total("$ 95.00", due="$ 95.00")

    document = invoice.pdf()
    for words in (number, "Nora Newton", "Setup $ 50.00", "Month $ 45.00"):
        assert words in document
    assert "Total $ 95.00" in document
    assert "PAID" not in document

    invoice.send()
    mail = mailbox.wait("nora@example.com")
    assert number in mail["Subject"]
    [pdf] = mail.iter_attachments()
    assert read_pdf(pdf.get_content()) == document

    customer.owes(unbilled="$ 0.00", due="$ 95.00")
    customer.invoices.show(number, billing_status="Unpaid")
    customer.pay_all().pay("Cash", reference="Receipt #001")

    customer.invoices.show(number, billing_status="Paid")
    customer.owes(unbilled="$ 0.00", due="$ 0.00")
    customer.transactions.show(
        f"Payment for invoice {number}", amount_total="-$ 95.00", status="Payment"
    )
    invoice = InvoiceList(page).open(number)
    invoice.is_marked("Paid")
    invoice.total("$ 95.00", due="$ 0.00")
    document = invoice.pdf()
    assert "PAID" in document
    assert "Receipt #001" in document
    books.agree(server)

"""What bin/run has beside Odoo: its customers, and where its e-mail goes."""

import smtplib
from email.message import EmailMessage

from dev.mailbox import HOST, open_mailbox
from dev.scripts.story_people import CUSTOMERS, PRODUCTS


def test_customers_are_forty_besides_the_one_that_is_archived():
    assert len(CUSTOMERS) == 41
    assert len({customer.name for customer in CUSTOMERS}) == len(CUSTOMERS)
    assert {customer.is_french for customer in CUSTOMERS} == {True, False}


def test_nobody_has_their_address():
    addresses = {customer.email for customer in CUSTOMERS}
    assert len(addresses) == len(CUSTOMERS)
    assert all(address.endswith("@example.com") for address in addresses)
    assert all(address.isascii() and " " not in address for address in addresses)


def test_each_uses_what_is_sold():
    used = {code for customer in CUSTOMERS for code, _count in customer.uses}
    counted = {customer.counted[0] for customer in CUSTOMERS} - {""}
    assert used | counted <= set(PRODUCTS)
    assert all(PRODUCTS[code].months for code in used)


def test_mail_goes_into_a_folder_and_nowhere_else(tmp_path):
    message = EmailMessage()
    message["Subject"] = "Your invoice"
    message["From"], message["To"] = "billing@example.com", "ada@example.com"
    message.set_content("Dear Ada,\n.\nA line with a dot alone is no end.\n")
    with open_mailbox(tmp_path / "mails") as mailbox:
        for _time in range(2):
            with smtplib.SMTP(HOST, mailbox.port, timeout=20) as connection:
                connection.send_message(message)
    kept = sorted((tmp_path / "mails").iterdir())
    assert len(kept) == 2
    text = kept[0].read_text()
    assert "Subject: Your invoice" in text
    assert "\n.\nA line" in text.replace("\r\n", "\n")

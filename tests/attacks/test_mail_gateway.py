"""What an employee may have written by the gateway that takes e-mails in."""

import pytest

from tests.attacks.people import refused, tried_by

#: With a file: without one Odoo makes no invoice, and answers none.
MESSAGE = """\
From: Somebody <somebody@example.org>
To: nobody@omni.example.com
Subject: Hello
Message-Id: <{id}@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=part

--part
Content-Type: text/plain

Hello
--part
Content-Type: text/plain
Content-Disposition: attachment; filename=hello.txt

Hello
--part--
"""


def _payment(world):
    invoice = world.bill()
    [[journal]] = world.sql(
        "SELECT id FROM account_journal WHERE company_id = %s AND type = 'bank'"
        " ORDER BY id LIMIT 1",
        world.ids["company"],
    )
    return {
        "payment_type": "inbound",
        "partner_type": "customer",
        "partner_id": world.ids["partners"]["acme"],
        "amount": invoice.amount,
        "journal_id": journal,
        "company_id": world.ids["company"],
        "invoice_ids": [(6, 0, [invoice.id])],
        "state": "paid",
    }


def _bank_account(world):
    [[partner]] = world.sql(
        "SELECT partner_id FROM res_company WHERE id = %s", world.ids["company"]
    )
    return {"partner_id": partner, "acc_number": "RIVAL0001", "sequence": -5}


def _credit_note(world):
    line = {"name": "Credit", "price_unit": 300, "quantity": 1, "tax_ids": []}
    return {
        "move_type": "out_refund",
        "partner_id": world.ids["partners"]["acme"],
        "invoice_date": "2026-11-01",
        "date": "2026-11-01",
        "auto_post": "at_date",
        "invoice_line_ids": [(0, 0, line)],
    }


def _address(world):
    acme = world.ids["partners"]["acme"]
    return {"parent_id": acme, "type": "invoice", "email": "attacker@example.org"}


MADE = {
    "account.payment": _payment,
    "res.partner.bank": _bank_account,
    "account.move": _credit_note,
    "res.partner": _address,
}


@pytest.mark.parametrize("model", MADE)
@tried_by("pat", "otto", "sam", "amy")
def test_record_by_the_mail_gateway(world, who, model):
    """Have a payment, a bank account, a credit note or an address made by an e-mail"""
    values = MADE[model](world)
    table = model.replace(".", "_")
    before = world.sql(f"SELECT count(*) FROM {table}")
    message = MESSAGE.format(id=f"{who.login}-{table}")
    with refused("administrator|not allowed|access"):
        who.call(model, "message_process", model, message, values)
    assert world.sql(f"SELECT count(*) FROM {table}") == before


@tried_by("pat", "otto", "amy")
def test_message_by_the_mail_gateway(world, who):
    """Have a message posted on an invoice that one may not read, by an e-mail"""
    invoice = world.bill()
    query = "SELECT count(*) FROM mail_message WHERE model = %s AND res_id = %s"
    before = world.sql(query, "account.move", invoice.id)
    message = MESSAGE.format(id=f"{who.login}-message")
    who_calls = ("account.move", "message_process")
    with refused("administrator|not allowed|access"):
        who.call(*who_calls, "account.move", message, {}, False, False, invoice.id)
    with refused("administrator|not allowed|access"):
        who.call(*who_calls, False, message, thread_id=invoice.id)
    assert world.sql(query, "account.move", invoice.id) == before

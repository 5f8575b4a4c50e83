"""W12: processes that die and answers that are lost, with a Mailjet of the test."""

from __future__ import annotations

import pytest
from stories import add_customer, bill, charge

from dev.console import Failure
from tests.fakes.mailjet_server import API_KEY, SECRET_KEY, SENDER, MailjetServer

SET_UP = """
env.company.write({
    "billing_mail_provider": "mailjet",
    "billing_mail_sender": arguments["sender"],
    "billing_mailjet_api_key": arguments["key"],
    "billing_mailjet_secret_key": arguments["secret"],
    "billing_mailjet_sandbox": True,
    "billing_mailjet_template": "api_crmCommunicationCustomerInvoice",
})
env["ir.config_parameter"].set_param("omni_billing.mailjet_api_base", arguments["url"])
env.cr.commit()
"""
DIE = """
import os
mail = env["account.move"].browse(arguments["invoice"])._billing_send_mail().sudo()
hand_over = mail._begin()
env.cr.commit()
if arguments["is_called"]:
    hand_over()
os._exit(9)
"""
#: Time passes, then the job comes round, twice.
LATER = """
mails = env["account.move"].browse(arguments["invoice"]).billing_mail_ids
mails.filtered(lambda mail: mail.state == "queued").next_try = "2020-01-01"
env.cr.commit()
for _time in range(2):
    env["omni.billing.mail"]._cron_send()
    env.cr.commit()
env.invalidate_all()
print(mails.mapped("state"))
"""


@pytest.fixture(scope="module")
def mailjet(server):
    with MailjetServer() as mailjet:
        mailjet.keeps_tested = True
        values = {"sender": SENDER, "key": API_KEY, "secret": SECRET_KEY}
        server.shell(SET_UP, url=mailjet.url, **values)
        yield mailjet


@pytest.fixture
def invoice(server, request):
    staff = server.rpc("staff")
    name = f"Customer {request.node.name}".replace("[", " ").replace("]", "")
    customer = add_customer(server, name)
    server.rpc("admin").call("res.partner", "write", [customer], {"email": "a@b.co"})
    charge(staff, customer, "Fibre", cost=45)
    return bill(staff, customer)["id"]


def count(mailjet, before):
    return len(mailjet.messages) - before


@pytest.mark.parametrize("is_called", [False, True], ids=["before", "after"])
def test_process_dies(server, mailjet, invoice, is_called):
    """Before the call, or after it: the message goes out once."""
    before = len(mailjet.messages)
    with pytest.raises(Failure):
        server.shell(DIE, invoice=invoice, is_called=is_called)
    assert count(mailjet, before) == is_called
    assert "sent" in server.shell(LATER, invoice=invoice)
    assert count(mailjet, before) == 1


@pytest.mark.parametrize("executed", [False, True], ids=["call", "answer"])
def test_call_or_answer_is_lost(server, mailjet, invoice, executed):
    """A click whose answer is lost says so, and the message goes out once."""
    before = len(mailjet.messages)
    mailjet.fail(executed=executed)
    action = server.rpc("staff").call("account.move", "action_billing_email", [invoice])
    assert action["params"]["type"] == "warning"
    assert count(mailjet, before) == executed
    again = server.rpc("staff").call("account.move", "action_billing_email", [invoice])
    assert again["params"]["type"] == "warning"
    assert "sent" in server.shell(LATER, invoice=invoice)
    assert count(mailjet, before) == 1


def test_template_gets_its_variables(server, mailjet, invoice):
    """F113, F115: by name, with the PDF."""
    action = server.rpc("staff").call("account.move", "action_billing_email", [invoice])
    assert action["params"]["message"] == "Invoice e-mail sent successfully"
    message = mailjet.messages[-1]
    assert message["TemplateID"] == 4711
    assert {
        "customer_name",
        "invoice_number",
        "invoice_date",
        "due_date",
        "total_amount",
        "invoice_url",
        "pay_url",
    } <= message["Variables"].keys()
    [file] = message["Attachments"]
    assert file["ContentType"] == "application/pdf"

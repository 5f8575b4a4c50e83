"""W12: processes that die and answers that are lost, with a Mailjet of the test."""

from __future__ import annotations

import pytest

from tests.fakes.mailjet_server import API_KEY, SECRET_KEY, SENDER, MailjetServer
from tests.faults.mail import STEPS
from tests.faults.sweeps import some

SENT = "Invoice e-mail sent successfully"
SETTINGS = {
    "billing_mail_provider": "mailjet",
    "billing_mail_sender": SENDER,
    "billing_mailjet_api_key": API_KEY,
    "billing_mailjet_secret_key": SECRET_KEY,
    "billing_mailjet_sandbox": True,
    "billing_mailjet_template": "api_crmCommunicationCustomerInvoice",
}


@pytest.fixture(scope="module")
def company(runs):
    """Have the company send by Mailjet."""
    with MailjetServer() as mailjet:
        runs.run("mail.set_address", url=mailjet.url).expect()
        before = runs.run("mail.set_up", **SETTINGS).expect()
        yield mailjet
        runs.run("mail.set_up", **before).expect()


@pytest.fixture
def mailjet(company):
    """Give a Mailjet that has no message yet."""
    url = company.url
    company.reset()
    company.url = url
    company.keeps_tested = True
    return company


@pytest.fixture
def invoice(runs, request):
    """Give the invoice of a customer who can be reached."""
    name = f"Customer of {request.node.name}"
    yield runs.run("mail.add_invoice", users=runs.users, name=name).expect()
    runs.end()


def later(runs, invoice):
    """Let time pass, and the job come round twice; tell what became of the mail."""
    runs.run("mail.come_due", case=invoice).expect()
    for _time in range(2):
        runs.run("mail.send_due", is_job=True).expect()
    return runs.run("mail.read", case=invoice).expect()


def send(runs, invoice, **options):
    return runs.start("mail.send", by="sam", case=invoice, **options)


@pytest.mark.parametrize("step", STEPS)
def test_process_killed_while_it_sends(runs, mailjet, invoice, step):
    """Wherever it dies, the message goes out once."""
    send(runs, invoice, stop=step).wait_until_stopped().kill()
    assert len(mailjet.messages) == (step in ("answered", "committed"))
    assert later(runs, invoice) == ["sent"]
    assert len(mailjet.messages) == 1


@pytest.mark.parametrize("executed", [False, True], ids=["call", "answer"])
def test_call_or_answer_is_lost(runs, mailjet, invoice, executed):
    """A click whose answer is lost says so, and the message goes out once."""
    mailjet.fail(executed=executed)
    kind, _message = send(runs, invoice).result().expect()
    assert kind == "warning"
    assert len(mailjet.messages) == executed
    again, _message = send(runs, invoice).result().expect()
    assert again == "warning"
    assert later(runs, invoice) == ["sent"]
    assert len(mailjet.messages) == 1


@pytest.mark.parametrize("step", some(STEPS, "begun", "answered", "committed"))
def test_two_send_the_same_invoice(runs, mailjet, invoice, step):
    """The one who comes second, or the job, sends no second message."""
    first = send(runs, invoice, stop=step).wait_until_stopped()
    second = runs.start("mail.send", by="maud", case=invoice)
    runs.wait_for_lock(second)
    runs.run("mail.send_due", is_job=True).expect()
    assert first.go_on().result().expect() == ["success", SENT]
    assert not second.result().error
    assert later(runs, invoice).count("sent") == len(mailjet.messages)
    assert len(mailjet.messages) == (2 if step == "committed" else 1)


def test_template_gets_its_variables(runs, mailjet, invoice):
    """F113, F115: by name, with the PDF."""
    assert send(runs, invoice).result().expect() == ["success", SENT]
    [message] = mailjet.messages
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


@pytest.fixture
def told(mailjet, request):
    """Count the messages to this customer; the job tells others, who are late too."""
    name = f"Customer of {request.node.name}"
    return lambda: sum(name in str(message) for message in mailjet.messages)


@pytest.fixture
def late(runs, invoice):
    """Give an invoice that comes to a level of reminders today."""
    runs.run("mail.become_late", case=invoice).expect()
    return invoice


@pytest.mark.parametrize("step", some(STEPS, "begun", "answered"))
def test_process_killed_while_it_reminds(runs, told, late, step):
    """The customer is reminded once, by hand; the job knows of it."""
    ring = runs.start("mail.ring", by="sam", case=late, stop=step)
    ring.wait_until_stopped().kill()
    runs.run("mail.remind_due", is_job=True).expect()
    assert later(runs, late) == ["sent"]
    assert told() == 1


@pytest.mark.parametrize("step", some(STEPS, "leased", "before the call"))
def test_two_remind_the_same_customer(runs, told, late, step):
    """Whoever comes second, a person or the job, sends no second message."""
    first = runs.start("mail.ring", by="sam", case=late, stop=step)
    first.wait_until_stopped()
    second = runs.start("mail.ring", by="maud", case=late)
    runs.wait_for_lock(second)
    runs.run("mail.remind_due", is_job=True).expect()
    first.go_on().result().expect()
    second.result()
    assert later(runs, late) == ["sent"]
    assert told() == 1

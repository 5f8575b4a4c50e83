"""The Mailjet gateway against a server that keeps to Mailjet's documentation."""

import base64
import logging
import time

import pytest

from odoo.addons.omni_billing.exceptions import GatewayRefused, GatewayUnknown
from odoo.addons.omni_billing.gateways import mailjet as module
from odoo.addons.omni_billing.gateways import mailjet_messages
from odoo.addons.omni_billing.gateways.mailjet import MailjetGateway
from odoo.addons.omni_billing.gateways.mailjet_messages import Address, File, Message

from tests.fakes.mailjet_server import API_KEY, SECRET_KEY, SENDER, MailjetServer


@pytest.fixture(scope="module")
def server():
    with MailjetServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _reset(server, monkeypatch):
    server.reset()
    # Nobody is slow but on purpose.
    monkeypatch.setattr(module, "TIMEOUT", (60, 60))


@pytest.fixture
def gateway(server):
    gateway = MailjetGateway(API_KEY, SECRET_KEY, sandbox=True, api_base=server.url)
    # Only a sandbox may be elsewhere; the server is to take the messages all the same.
    gateway._sandbox = False
    return gateway


def message(**values):
    return Message(
        **{
            "key": "key-1",
            "sender": Address(SENDER, "Omni"),
            "to": (Address("ada@example.com", "Ada"), Address("bob@example.com")),
            "subject": "Invoice 7",
            "html": "<p>Hello</p>",
            "text": "Hello",
        }
        | values
    )


def refusal(gateway, **values):
    with pytest.raises(GatewayRefused) as error:
        gateway.send(message(**values))
    return error.value.code


def test_message_is_sent_to_all_at_once(server, gateway):
    """F116: one mail for all contacts, with the PDF."""
    receipts = gateway.send(message(files=(File("Invoice_00007.pdf", b"%PDF-"),)))
    [sent] = server.messages
    assert [recipient["Email"] for recipient in sent["To"]] == [
        "ada@example.com",
        "bob@example.com",
    ]
    [file] = sent["Attachments"]
    assert base64.b64decode(file["Base64Content"]) == b"%PDF-"
    assert [receipt.email for receipt in receipts] == [
        "ada@example.com",
        "bob@example.com",
    ]
    # Too long for an integer of the database, or of JavaScript.
    assert int(receipts[0].message) > 2**53
    assert receipts[0].uuid
    assert sent["CustomID"] == sent["EventPayload"] == "key-1"


def test_template_by_name_gets_its_variables(server, gateway):
    """F113, F115"""
    gateway.send(
        message(
            template="api_crmCommunicationCustomerInvoice",
            variables={"total_amount": 12},
            cc=(Address("sales@example.com"),),
            reply_to=Address("desk@example.com"),
        )
    )
    [sent] = server.messages
    assert sent["TemplateID"] == 4711
    assert sent["Variables"] == {"total_amount": "12"}
    assert "HTMLPart" not in sent
    assert sent["Cc"] == [{"Email": "sales@example.com"}]
    assert sent["ReplyTo"] == {"Email": "desk@example.com"}


def test_template_by_id_needs_no_look_up(server, gateway):
    gateway.send(message(template="4711"))
    assert server.requests == [("POST", "/v3.1/send")]


@pytest.mark.parametrize("template", ["nobody_made_this", "99"])
def test_missing_template_is_told(gateway, template):
    """F118"""
    assert refusal(gateway, template=template) == "template_missing"


def test_wrong_keys_are_told(server, gateway):
    """F118"""
    server.keys = ("another", "pair")
    assert refusal(gateway) == "bad_credentials"


def test_error_of_a_message_is_a_refusal(gateway):
    assert refusal(gateway, to=(Address("nobody"),)) == "bad_address"
    assert refusal(gateway, sender=Address("x@example.org")) == "bad_sender"
    assert refusal(gateway, to=()) == "no_address"
    assert refusal(gateway, to=(Address("a@example.com"),) * 51) == "too_many"


def test_answer_200_with_an_error_is_a_refusal(server, gateway, monkeypatch):
    """Mailjet answers 200 when other messages of the same call are good."""
    refused = {"Status": "error", "Errors": [{"ErrorCode": "mj-0013"}]}
    answer = 200, {"Messages": [refused]}
    monkeypatch.setattr(server, "_send", lambda _body: answer)
    assert refusal(gateway) == "bad_address"


def test_large_files_are_refused_before_they_travel(server, gateway):
    file = File("a.pdf", bytes(module.MAX_BYTES + 1))
    assert refusal(gateway, files=(file,)) == "too_big"
    assert not server.requests
    gateway.send(message(files=(File("a.pdf", bytes(module.MAX_BYTES)),)))
    assert len(server.messages) == 1


def test_long_subject_is_cut(server, gateway):
    gateway.send(message(subject="A\nB" + "x" * 300))
    assert server.messages[0]["Subject"].startswith("A Bxx")
    assert len(server.messages[0]["Subject"]) == 255


def test_busy_server_refuses_and_is_asked_once(server, gateway):
    """What comes again is for the outbox to say, not for the client."""
    server.fail(status=429, left=9)
    assert refusal(gateway) == "rate_limit"
    assert len(server.requests) == 1
    assert "rate_limit" in mailjet_messages.TEMPORARY


def test_too_big_for_the_server(server, gateway):
    server.fail(status=413)
    assert refusal(gateway) == "too_big"


def test_no_server_is_a_refusal():
    gateway = MailjetGateway("k", "s", sandbox=True, api_base="http://127.0.0.1:9/")
    assert refusal(gateway) == "unreachable"
    assert refusal(gateway, template="by_name") == "unreachable"


def test_silence_leaves_the_outcome_unknown(server, gateway, monkeypatch):
    server.fail(seconds=60, executed=True)
    with monkeypatch.context() as hasty, pytest.raises(GatewayUnknown):
        hasty.setattr(module, "TIMEOUT", (60, 0.5))
        gateway.send(message())
    deadline = time.monotonic() + 60
    while not server.messages:
        assert time.monotonic() < deadline, "the message has not come"
        time.sleep(0.02)
    assert len(server.requests) == 1
    assert gateway.has("key-1")


@pytest.mark.parametrize(
    "fault", [{"executed": True}, {"status": 500}], ids=["broken", "500"]
)
def test_lost_answer_leaves_the_outcome_unknown(server, gateway, fault):
    server.fail(**fault)
    with pytest.raises(GatewayUnknown):
        gateway.send(message())
    assert len(server.requests) == 1
    assert gateway.has("key-1") is bool(fault.get("executed"))
    assert gateway.has("key-2") is False


def test_sandbox_delivers_nothing(server):
    gateway = MailjetGateway(API_KEY, SECRET_KEY, sandbox=True, api_base=server.url)
    gateway.send(message())
    assert not server.messages
    assert len(server.tested) == 1


def test_other_server_needs_the_sandbox(server):
    gateway = MailjetGateway(API_KEY, SECRET_KEY, api_base=server.url)
    with gateway._open("v3.1") as client:
        assert client.config.api_url == "https://api.mailjet.com/"


def test_production_repeats_nothing_either():
    """The client's own adapter for https would post four times."""
    with MailjetGateway("k", "s")._open("v3.1") as client:
        for scheme in ("https://api.mailjet.com", "http://127.0.0.1"):
            assert client.session.get_adapter(scheme).max_retries.total == 0


def test_events_are_registered_once(server, gateway):
    gateway.listen("https://one.example.com/hook")
    gateway.listen("https://two.example.com/hook")
    assert {hook["EventType"] for hook in server.hooks} == set(module.EVENTS)
    assert {hook["Url"] for hook in server.hooks} == {"https://two.example.com/hook"}
    assert {hook["Version"] for hook in server.hooks} == {2}


def test_keys_are_not_logged(server, gateway, caplog):
    caplog.set_level(logging.DEBUG)
    gateway.send(message())
    server.fail(status=500)
    with pytest.raises(GatewayUnknown) as error:
        gateway.send(message())
    said = caplog.text + repr(gateway) + repr(error.value)
    assert API_KEY not in said
    assert SECRET_KEY not in said

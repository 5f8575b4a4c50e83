"""Messages to other programs, against a server that verifies them (W39)."""

import json
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from odoo.addons.omni_billing import gateways
from odoo.addons.omni_billing.exceptions import GatewayRefused, GatewayUnknown
from odoo.addons.omni_billing.gateways import webhooks
from odoo.addons.omni_billing.gateways.webhook_messages import (
    Answer,
    Message,
    check_url,
    make_secret,
)

SECRET = make_secret()
BODY = json.dumps({"type": "invoice.paid", "data": {"n": "é"}}, ensure_ascii=False)


class Receiver:
    """A program of somebody's: it takes what it can verify, by the library."""

    def __init__(self):
        self.taken = []
        self.refused = []
        #: Status, headers and body of the answer to what is right.
        self.answer = (200, {}, b"thanks")
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                status, headers, body = receiver.take(
                    self.rfile.read(length), dict(self.headers), self.path
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, body, headers, path):
        try:
            Webhook(SECRET).verify(body, headers)
        except WebhookVerificationError as error:
            self.refused.append(str(error))
            return 401, {}, b""
        self.taken.append((path, headers, body))
        return self.answer

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def gateway(receiver):
    return gateways.load("webhooks").WebhookGateway(receiver.base)


def make(url, **values):
    options = {
        "url": url,
        "key": "evt_1",
        "body": BODY,
        "secrets": (SECRET,),
        "moment": datetime.now(timezone.utc),
    }
    return Message(**options | values)


def resolver(*addresses):
    def resolve(host, port, **_kwargs):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return resolve


def test_program_verifies_and_takes_it(gateway, receiver):
    answer = gateway.send(make(f"{receiver.base}/hook?a=1"))
    assert answer == Answer(200, "thanks")
    assert answer.is_taken and not answer.is_busy and not answer.is_gone
    [(path, headers, body)] = receiver.taken
    assert path == "/hook?a=1"
    assert headers["webhook-id"] == "evt_1"
    assert headers["Content-Type"] == "application/json"
    assert body == BODY.encode()


def test_both_secrets_sign_while_one_follows_the_other(gateway, receiver):
    assert gateway.send(make(receiver.base, secrets=(make_secret(), SECRET))).is_taken
    assert gateway.send(make(receiver.base, secrets=(SECRET, make_secret()))).is_taken


def test_program_takes_nothing_that_is_signed_wrong_or_late(gateway, receiver):
    late = datetime.now(timezone.utc) - timedelta(minutes=6)
    assert gateway.send(make(receiver.base, secrets=(make_secret(),))).status == 401
    assert gateway.send(make(receiver.base, moment=late)).status == 401
    assert receiver.refused == [
        "No matching signature found",
        "Message timestamp too old",
    ]
    assert not receiver.taken


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("9" * 400, 24 * 60 * 60),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 999999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +999999999999", None),
        ("Wed, 99999999999 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_busy_program_says_for_how_long(gateway, receiver, header, seconds):
    receiver.answer = (429, {"Retry-After": header.encode().decode("latin-1")}, b"")
    answer = gateway.send(make(receiver.base))
    assert answer == Answer(429, "", seconds)
    assert answer.is_busy


def test_date_of_a_pause_is_read(gateway, receiver):
    moment = datetime.now(timezone.utc) + timedelta(minutes=10)
    text = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver.answer = (503, {"Retry-After": text}, b"")
    assert 590 <= gateway.send(make(receiver.base)).retry_after <= 600


def test_redirect_is_an_answer_and_not_followed(gateway, receiver):
    receiver.answer = (302, {"Location": receiver.base}, b"")
    answer = gateway.send(make(receiver.base))
    assert answer.status == 302 and not answer.is_taken
    assert len(receiver.taken) == 1


def test_gone_is_gone(gateway, receiver):
    receiver.answer = (410, {}, b"")
    assert gateway.send(make(receiver.base)).is_gone


def test_long_answer_is_not_read(gateway, receiver):
    receiver.answer = (500, {}, b"\0x" * 1_000_000)
    answer = gateway.send(make(receiver.base))
    assert len(answer.text) <= webhooks.MAX_ANSWER and "\0" not in answer.text


def test_nobody_listens(gateway, receiver):
    receiver.close()
    with pytest.raises(GatewayRefused) as failure:
        gateway.send(make(receiver.base))
    assert failure.value.code == "unreachable"


def test_answer_is_lost(receiver):
    """The message was read, and then the connection broke off."""
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def serve():
        connection = listener.accept()[0]
        connection.recv(65536)
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.raises(GatewayUnknown) as failure:
        webhooks.WebhookGateway(base).send(make(base))
    assert failure.value.code == "no_answer"
    thread.join()
    listener.close()


@pytest.fixture
def drip():
    """Serve beginnings of answers, each with a byte now and then for ten seconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()
    threads = []

    def begin(head):
        def serve():
            with listener.accept()[0] as connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(head)
                for _byte in range(500):
                    if is_over.wait(0.02):
                        return
                    connection.sendall(b"a")

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield begin
    is_over.set()
    for thread in threads:
        thread.join()
    listener.close()


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_answer_that_drips_ends_in_time(monkeypatch, drip, head):
    """It holds up all other programs: the time-out alone begins anew with each byte."""
    monkeypatch.setattr(webhooks, "ANSWER_SECONDS", 0.5)
    base = drip(head)
    begun = time.monotonic()
    if head.endswith(b"\r\n\r\n"):
        # What became of it is known, whatever else it wanted to say.
        assert webhooks.WebhookGateway(base).send(make(base)).is_taken
    else:
        with pytest.raises(GatewayUnknown) as failure:
            webhooks.WebhookGateway(base).send(make(base))
        assert failure.value.code == "no_answer"
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("10.0.0.1",),
        ("169.254.169.254",),
        ("192.168.1.1",),
        ("::1",),
        ("fd00::1",),
        ("::ffff:127.0.0.1",),
        ("224.0.0.1",),
        # One of several is enough: which is taken is chance.
        ("93.184.216.34", "127.0.0.1"),
    ],
)
def test_name_that_leads_into_the_network_is_refused(addresses):
    """SSRF: looked up at each attempt, whatever it was before."""
    gateway = webhooks.WebhookGateway(resolve=resolver(*addresses))
    with pytest.raises(GatewayRefused) as failure:
        gateway.send(make("https://program.example.com/"))
    assert failure.value.code == "not_public"


def test_address_that_was_judged_is_the_one_that_is_called(monkeypatch):
    """DNS rebinding: the name is not looked up a second time."""
    asked = []

    class Pool:
        ConnectionCls = object

        def urlopen(self, *_args, **_kwargs):
            raise ConnectionResetError

        def close(self):
            """It holds nothing."""

    def open_pool(address, host, port, _connect, _read):
        asked.append((address, host, port))
        return Pool()

    monkeypatch.setattr(webhooks, "open_pool", open_pool)
    gateway = webhooks.WebhookGateway(resolve=resolver("93.184.216.34"))
    with pytest.raises(GatewayUnknown):
        gateway.send(make("https://program.example.com:8443/"))
    assert asked == [("93.184.216.34", "program.example.com", 8443)]


def test_unknown_name():
    def resolve(*_args, **_kwargs):
        raise socket.gaierror("Name or service not known")

    with pytest.raises(GatewayRefused) as failure:
        webhooks.WebhookGateway(resolve=resolve).send(make("https://nobody.example/"))
    assert failure.value.code == "unreachable"


def test_this_machine_is_called_where_it_is_allowed_alone(receiver):
    with pytest.raises(GatewayRefused) as failure:
        webhooks.WebhookGateway().send(make(receiver.base))
    assert failure.value.code == "bad_url"
    assert not receiver.taken
    with pytest.raises(ValueError, match="https"):
        check_url("http://127.0.0.1:80/", "http://127.0.0.1:81/")
    # What is allowed is of this machine: not a name that begins like it.
    with pytest.raises(ValueError, match="https"):
        check_url("http://127.0.0.1.example.com/", "http://127.0.0.1.example.com/")


@pytest.mark.parametrize("secrets", [(), ("whsec_",), ("whsec_ä",)])
def test_secret_that_is_none(gateway, receiver, secrets):
    with pytest.raises(GatewayRefused) as failure:
        gateway.send(make(receiver.base, secrets=secrets))
    assert failure.value.code == "bad_secret"


def test_moment_is_in_utc(gateway, receiver):
    """The library reads any other as UTC (standard-webhooks#251)."""
    for moment in (
        datetime.now(),  # noqa: DTZ005
        datetime.now(timezone(timedelta(hours=2))),
    ):
        with pytest.raises(ValueError, match="UTC"):
            gateway.send(make(receiver.base, moment=moment))


def test_secrets_are_as_long_as_the_standard_wants():
    import base64

    secrets = {make_secret() for _n in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64

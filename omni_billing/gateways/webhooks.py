"""Messages to other programs, by Standard Webhooks: typed answers, typed failures.

They are signed by the library of Standard Webhooks
(https://github.com/standard-webhooks/standard-webhooks, its spec.md). Whoever enters an
address chooses where this server calls, so it is looked up at each attempt, has to be a
public one, and is the one that is connected to; no redirect is followed, and no proxy,
cookie or password of the server's is used. Nothing is repeated here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

import urllib3
from standardwebhooks import Webhook

from ..exceptions import GatewayRefused, GatewayUnknown
from .pdf_worker import find_public_address, open_pool
from .webhook_messages import Answer, Message, check_url, is_local

#: Seconds to connect, and to wait for an answer: the spec says 15 to 30.
CONNECT_SECONDS = 5
READ_SECONDS = 20
#: Seconds for the whole of an answer. `READ_SECONDS` begin anew with each byte of it.
ANSWER_SECONDS = 30
#: Bytes of an answer that are read, and kept for people.
MAX_ANSWER = 500
#: Longest pause that another program may ask for.
MAX_PAUSE = 24 * 60 * 60

#: What means that no byte of a message was read there.
UNREACHED = (
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.SSLError,
)


class WebhookGateway:
    """The one call that is needed.

    :param local_base: what an address on this machine begins with, if one is allowed.
    :param resolve: looks hosts up, as `socket.getaddrinfo`.
    """

    def __init__(
        self, local_base: str = "", resolve: Callable = socket.getaddrinfo
    ) -> None:
        self._local_base = local_base
        self._resolve = resolve

    def send(self, message: Message) -> Answer:
        """Send a message, and return what was answered, whatever that is.

        :raise GatewayRefused: if nothing was sent: ``bad_url``, ``bad_secret``,
            ``not_public`` or ``unreachable``.
        :raise GatewayUnknown: if no answer came.
        """
        parts = urlsplit(message.url)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": "Omni-Billing-Webhooks/1",
            "Accept-Encoding": "identity",
            **sign(message),
        }
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        with (
            closing(self._connect(message.url, parts)) as pool,
            _hurry(pool) as is_cut_off,
        ):
            try:
                response = pool.urlopen(
                    "POST",
                    target,
                    body=message.body.encode(),
                    headers=headers,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                )
                with closing(response):
                    if is_cut_off.is_set():
                        # The end of a connection is taken for that of the headers.
                        raise GatewayUnknown("no_answer", "It took too long.")
                    return _read(response)
            except UNREACHED as error:
                raise GatewayRefused("unreachable", _shorten(error)) from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise GatewayUnknown("no_answer", _shorten(error)) from error

    def _connect(self, url: str, parts: SplitResult):
        try:
            check_url(url, self._local_base)
        except ValueError as error:
            raise GatewayRefused("bad_url", str(error)) from error
        host = parts.hostname or ""
        if is_local(url, self._local_base):
            timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
            return urllib3.HTTPConnectionPool(host, parts.port, timeout=timeout)
        port = parts.port or 443
        try:
            address = find_public_address(host, port, self._resolve)
        except ValueError as error:
            raise GatewayRefused("not_public", str(error)) from error
        except OSError as error:
            raise GatewayRefused("unreachable", _shorten(error)) from error
        return open_pool(address, host, port, CONNECT_SECONDS, READ_SECONDS)


def sign(message: Message) -> dict[str, str]:
    """Return the three headers of Standard Webhooks.

    :raise GatewayRefused: ``bad_secret``, if there is none to sign with.
    """
    if message.moment.utcoffset() is None or message.moment.utcoffset():
        # The library reads any other time as if it were UTC.
        raise ValueError("The moment of an attempt is in UTC.")
    try:
        signatures = [
            Webhook(secret).sign(message.key, message.moment, message.body)
            for secret in message.secrets
        ]
    except Exception as error:  # whatever the library finds wrong with a secret
        raise GatewayRefused("bad_secret", "The secret is none.") from error
    if not signatures:
        raise GatewayRefused("bad_secret", "There is no secret.")
    return {
        "webhook-id": message.key,
        "webhook-timestamp": str(int(message.moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@contextmanager
def _hurry(pool: urllib3.HTTPConnectionPool) -> Iterator[Event]:
    """Cut a connection off whose answer, headers and all, is not there in time.

    What comes before has a limit of its own: to connect, to encrypt and to send each
    end with their time-out, however slowly the other side takes part.

    :return: what is set if it was cut off.
    """
    timers = []
    is_cut_off = Event()

    class Connection(pool.ConnectionCls):
        def getresponse(self):
            timers.append(Timer(ANSWER_SECONDS, _cut_off, [self.sock, is_cut_off]))
            timers[-1].daemon = True
            timers[-1].start()
            return super().getresponse()

    pool.ConnectionCls = Connection
    try:
        yield is_cut_off
    finally:
        for timer in timers:
            timer.cancel()


def _cut_off(connection: socket.socket, is_cut_off: Event) -> None:
    is_cut_off.set()
    # Not the way of an encrypted one, which takes its keys from under who reads. It may
    # be closed already.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _read(response: urllib3.BaseHTTPResponse) -> Answer:
    try:
        content = response.read(MAX_ANSWER, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError):
        # The status says what became of it.
        content = b""
    text = content.decode("utf-8", "replace").replace("\0", "")
    pause = _read_pause(response.headers.get("Retry-After", ""))
    return Answer(response.status, text, pause)


def _read_pause(value: str) -> int | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110, 10.2.3)."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(int(value[:9]), MAX_PAUSE)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return min(max(int(seconds), 0), MAX_PAUSE)


def _shorten(error: BaseException) -> str:
    return str(error)[:300]

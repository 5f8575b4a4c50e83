"""What is told to other programs, and what they answer. No SDK is needed here."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from .pdf_worker import is_public

#: Bytes of a secret: Standard Webhooks wants 24 to 64.
SECRET_BYTES = 32
#: Names of this machine, to which a message may go without encryption while somebody
#: develops there.
LOCAL_HOSTS = ("127.0.0.1", "localhost")
MAX_URL = 2000


@dataclass(frozen=True)
class Message:
    """One message as it is sent: the same key and body each time that it is.

    :param secrets: it is signed with each; two while one follows the other.
    :param moment: of this attempt, in UTC, aware.
    """

    url: str
    key: str
    body: str
    secrets: tuple[str, ...]
    moment: datetime


@dataclass(frozen=True)
class Answer:
    """What the other program said.

    :param retry_after: seconds that it asks for before the next message.
    """

    status: int
    text: str = ""
    retry_after: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether it has the message."""
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether it wants no message any more, ever."""
        return self.status == 410

    @property
    def is_busy(self) -> bool:
        """Whether it is the program that has a problem, and not this message."""
        return self.status in (429, 502, 503, 504)


def make_secret() -> str:
    """Return a new secret, as Standard Webhooks writes it."""
    value = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return f"whsec_{value}"


def check_url(url: str, local_base: str = "") -> None:
    """Check an address as far as that is possible without looking it up.

    :param local_base: what an address begins with that may be on this machine.
    :raise ValueError: with ``url``, ``https``, ``login`` or ``private``: what is wrong.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError("url") from error
    if not host or len(url) > MAX_URL or parts.fragment or not url.isprintable():
        raise ValueError("url")
    if " " in url:
        raise ValueError("url")
    if parts.username is not None or parts.password is not None:
        raise ValueError("login")
    if is_local(url, local_base):
        return
    if parts.scheme != "https":
        raise ValueError("https")
    try:
        is_private = not is_public(host)
    except ValueError:
        # A name: looked up each time that a message goes there.
        is_private = host in LOCAL_HOSTS or "." not in host
    if is_private:
        raise ValueError("private")


def is_local(url: str, local_base: str) -> bool:
    """Whether an address is the one on this machine that an administrator allows."""
    if not local_base:
        return False
    parts, base = urlsplit(url), urlsplit(local_base)
    return (
        base.hostname in LOCAL_HOSTS
        and base.port is not None
        and (parts.scheme, parts.hostname, parts.port)
        == ("http", base.hostname, base.port)
    )

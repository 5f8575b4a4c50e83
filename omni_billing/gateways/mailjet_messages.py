"""What is handed to Mailjet, and what it answers. No SDK is needed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Refusals that pass: the same message is taken later.
TEMPORARY = ("rate_limit", "unreachable")


@dataclass(frozen=True)
class Address:
    """Whom a message is from, or for."""

    email: str
    name: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as Mailjet wants it."""
        return {"Email": self.email, **({"Name": self.name} if self.name else {})}


@dataclass(frozen=True)
class File:
    """A file that goes with a message."""

    name: str
    content: bytes
    mimetype: str = "application/pdf"


@dataclass(frozen=True)
class Message:
    """A message; with ``template`` (id or name) its text is Mailjet's."""

    key: str
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    reply_to: Address | None = None
    subject: str = ""
    html: str = ""
    text: str = ""
    template: str = ""
    variables: Mapping[str, str] | None = None
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What Mailjet calls the message to one recipient."""

    email: str
    message: str
    uuid: str

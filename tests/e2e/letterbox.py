"""Where the mail of a story arrives."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.fakes.smtp_server import SmtpServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def open_mailbox(server) -> Iterator[SmtpServer]:
    """Have the server's mail go to a mail server of the story, as long as it lasts."""
    admin = server.rpc("admin")
    with SmtpServer() as smtp:
        values = {
            "name": "Mailbox",
            "smtp_host": "127.0.0.1",
            "smtp_port": smtp.port,
            "smtp_encryption": "none",
        }
        mail_server = admin.call("ir.mail_server", "create", [values])
        try:
            yield smtp
        finally:
            admin.call("ir.mail_server", "unlink", mail_server)

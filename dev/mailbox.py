"""A mail server on this machine that takes every message and sends none on.

What Odoo sends in the demo lies in a folder, one file a message, to look at.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

HOST = "127.0.0.1"


class Mailbox(socketserver.ThreadingTCPServer):
    """Takes messages by SMTP (RFC 5321), from programs of this machine only."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path) -> None:
        super().__init__((HOST, 0), _Session)
        self.folder = folder
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]

    def keep(self, message: bytes) -> None:
        """Write a message into a file of its own."""
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = f"{datetime.now():%Y%m%d-%H%M%S-%f}.eml"
            (self.folder / name).write_bytes(message)


class _Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: Mailbox

    def handle(self) -> None:
        self._say("220 Mailbox of the demo")
        while line := self.rfile.readline():
            word = line[:4].decode("ascii", "replace").upper().strip()
            if word == "DATA":
                self._say("354 Go on")
                self.server.keep(self._read_message())
                self._say("250 Kept")
            elif word == "QUIT":
                self._say("221 Goodbye")
                return
            elif word == "EHLO":
                self._say("250-Mailbox\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif word in ("HELO", "MAIL", "RCPT", "RSET", "NOOP"):
                self._say("250 OK")
            else:
                self._say("502 That is not known here")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _read_message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) and line.rstrip(b"\r\n") != b".":
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)


@contextmanager
def open_mailbox(folder: Path) -> Iterator[Mailbox]:
    """Take mail as long as the context lasts."""
    with Mailbox(folder) as mailbox:
        thread = threading.Thread(
            target=mailbox.serve_forever, args=(0.1,), daemon=True
        )
        thread.start()
        try:
            yield mailbox
        finally:
            mailbox.shutdown()
            thread.join()

"""A mail server for tests: it keeps what it gets, and delivers nothing."""

from __future__ import annotations

import socket
import threading
from asyncio import AbstractServer
from collections.abc import Awaitable
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller

WAIT_SECONDS = 60


class ListeningController(Controller):
    """Serves on a port that is ours already: one that is free now may be taken soon."""

    def __init__(self, handler: object, listener: socket.socket) -> None:
        host, port = listener.getsockname()
        super().__init__(handler, hostname=host, port=port, ready_timeout=WAIT_SECONDS)
        self._listener = listener

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


class SmtpServer:
    """A server in a thread; `messages` are opened with Python's own mail parser."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self._changed = threading.Condition()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._controller = ListeningController(self, listener)

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802
        """Keep a message."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        return "250 OK"

    def __enter__(self) -> SmtpServer:
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()

    def find(self, address: str) -> list[EmailMessage]:
        """Return the messages to an address."""
        return [
            message
            for message in self.messages
            if address in (to.addr_spec for to in message["To"].addresses)
        ]

    def wait(self, address: str) -> EmailMessage:
        """Wait for the first message to an address."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.find(address), WAIT_SECONDS):
                raise AssertionError(f"No mail to {address} arrived.")
        return self.find(address)[0]

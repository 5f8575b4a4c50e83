"""A stable address of a database server that may become another one.

What a virtual address or a name is in a company, for one machine: a socket that leads
to the server of the moment.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Relay:
    """Passes on what comes, both ways, to where it points."""

    def __init__(self, socket: Path, target: Path) -> None:
        self._socket = socket
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()

    def point_at(self, target: Path) -> None:
        """Lead to another server; who is connected to the old one is cut off."""
        self._target = target
        self._loop.call_soon_threadsafe(self._cut)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Pass on as long as the context lasts."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        listening = asyncio.start_unix_server(self._pass_on, self._socket)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._cut)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._open.add(writer)
        with suppress(OSError):  # either side is gone
            there, back = await asyncio.open_unix_connection(self._target)
            self._open.add(back)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
            self._open.discard(back)
        self._open.discard(writer)
        writer.close()

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

"""A web server in the process of a test, to which events are posted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Endpoint:
    """Takes what is posted, each in a thread of its own.

    :param take: gets body and headers, and returns the status of the answer.
    """

    def __init__(self, take: Callable[[bytes, dict[str, str]], int]) -> None:
        #: What ``take`` failed at.
        self.crashes: list[str] = []
        self._take = take
        self._is_open = True
        self._count = 0
        self._changed = threading.Condition()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = endpoint._answer(body, dict(self.headers))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_args):
                """Say nothing: what fails is in ``crashes``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        """End it, once nothing is under way."""
        with self._changed:
            self._is_open = False
            self._changed.wait_for(lambda: not self._count)
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, body: bytes, headers: dict[str, str]) -> int:
        with self._changed:
            if not self._is_open:
                return 503
            self._count += 1
        try:
            return self._take(body, headers)
        except Exception as error:
            self.crashes.append(f"{error!r}")
            return 500
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

"""A running Odoo server."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import paths
from dev.console import Failure
from dev.system import die_with_parent
from dev.workspace import Workspace, problem

START_SECONDS = 120
STOP_SECONDS = 30
# Below what Linux takes for connections (net.ipv4.ip_local_port_range).
FREE_PORTS = (20000, 32768)


def is_free(interface: str, port: int) -> bool:
    """Tell whether a server may listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((interface, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Choose a port that nobody uses, and that the system gives to nobody.

    One of the system's own choice could be a connection's before a server is up.
    """
    while not is_free("127.0.0.1", port := random.randrange(*FREE_PORTS)):
        pass
    return port


def wait_for_port(port: int, process: subprocess.Popen, error: str) -> None:
    """Wait until a program listens.

    :param error: what to tell if it ends, or does not come to that.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise Failure(error)


class Server:
    """An Odoo process that serves one database."""

    def __init__(self, database: str, url: str, process: subprocess.Popen, log: Path):
        self.database = database
        self.url = url
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """Tell which process it is; its workers are children of it."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait for the first answer, which comes once the database is loaded."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            # A web page, unlike Odoo's health check, needs the database.
            with contextlib.suppress(OSError, http.client.HTTPException):
                with urllib.request.urlopen(f"{self.url}/web/login", timeout=60):
                    return
            time.sleep(0.2)
        raise Failure(
            f"Odoo does not start: {problem(self.log.read_text())} (see {self.log})"
        )

    def has_ended(self) -> bool:
        """Tell whether it is over, as where Odoo gave up."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait for the end of the process."""
        return self._process.wait()

    def stop(self) -> None:
        """End Odoo, in peace if it can."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End Odoo and its workers at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def serving(
    workspace: Workspace,
    database: str,
    *options: str,
    port: int,
    interface: str = "127.0.0.1",
    log: str = "server",
) -> Iterator[Server]:
    """Run Odoo on a database as long as the context lasts.

    It gets a process group of its own: Ctrl-C comes to us, and we stop it.
    """
    file = paths.LOGS / f"{log}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    host = "localhost" if interface in ("127.0.0.1", "0.0.0.0", "::") else interface
    with file.open("w") as output:
        process = subprocess.Popen(
            workspace.command(
                *(f"--database={database}", f"--db-filter=^{database}$"),
                *("--no-database-list", f"--http-interface={interface}"),
                *(f"--http-port={port}", *options),
            ),
            env=workspace.environment,
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    server = Server(database, f"http://{host}:{port}", process, file)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()

"""PgBouncer between Odoo and PostgreSQL, in session mode."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import borrowed
from dev.console import Failure
from dev.postgres import PORT, ROLE, Cluster, as_system_user
from dev.system import die_with_parent

START_SECONDS = 30
CONFIGURATION = """\
[databases]
* = host={server} port={port} user={role}
[pgbouncer]
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = session
max_client_conn = 500
default_pool_size = 60
ignore_startup_parameters = extra_float_digits
"""


class Pooler:
    """A pool of connections, at a socket of its own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._program = borrowed.pgbouncer()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        cluster.hand_over(folder)
        cluster.hand_over(self._program.path.parent)
        self._file = folder / "pgbouncer.ini"
        self._file.write_text(
            CONFIGURATION.format(
                server=cluster.socket.parent, port=PORT, folder=folder, role=ROLE
            )
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Pass connections on as long as the context lasts."""
        self._start()
        try:
            yield
        finally:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Die, with all connections, and be started again."""
        self._process.kill()
        self._process.wait()
        self._start()

    def _start(self) -> None:
        socket = self._folder / f".s.PGSQL.{PORT}"
        # What a dead one left would keep the next from listening.
        socket.unlink(missing_ok=True)
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [self._program.path, self._file],
                env=self._program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=die_with_parent,
                **as_system_user(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"PgBouncer does not start (see {self._folder / 'log'})")
            time.sleep(0.05)

"""The test's side: what it has Odoo do, and what it waits for."""

from __future__ import annotations

import json
import os
import signal
import time

from dev.workspace import Workspace

WAIT_SECONDS = 240
PAUSE = 0.2


class Office:
    """A database that a server with several workers, and the queue, work on."""

    def __init__(self, space: Workspace, database: str) -> None:
        self._space = space
        self._database = database

    def run(self, function: str, **arguments: object) -> object:
        """Call a function of ``tests.queue.desk`` in a process of its own; commits."""
        text = self._space.shell(
            self._database,
            "from tests.queue import desk\n"
            f"result = desk.{function}(env, **arguments)\n"
            "env.cr.commit()\n"
            "print('\\n' + json.dumps(result))\n",
            **arguments,
        )
        return json.loads(text.strip().splitlines()[-1])

    def ask(self, query: str, *values: object) -> list[tuple]:
        """Look into the database from outside."""
        with self._space.databases.cursor(self._database) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def wait_for(self, query: str, *values: object) -> list[tuple]:
        """Wait until the query finds something."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if found := self.ask(query, *values):
                return found
            time.sleep(PAUSE)
        raise AssertionError(f"This did not come: {query}; {self._tell_jobs()}")

    def wait_until_done(self, run: int) -> None:
        """Wait for the end of a run; the scheduled actions come sooner than they do."""
        self.run("let_time_pass")
        self.wait_for(
            "SELECT 1 FROM omni_billing_run WHERE id = %s AND state = 'done'", run
        )

    def kill_worker(self, method: str) -> int:
        """Kill the process that does a job, as an empty memory would; return its id."""
        (pid,) = self.wait_for(
            "SELECT worker_pid FROM queue_job WHERE method_name = %s"
            " AND state = 'started'",
            method,
        )[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def _tell_jobs(self) -> str:
        rows = self.ask(
            "SELECT method_name, state, count(*), max(exc_message) FROM queue_job"
            " GROUP BY 1, 2"
        )
        runs = self.ask("SELECT id, state FROM omni_billing_run")
        return f"jobs: {rows}, runs: {runs}"

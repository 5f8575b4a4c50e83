"""The test's side: what it has Odoo do, what it waits for, and whom it kills.

Nothing waits for luck. What is waited for is asked for again while time passes, as in
life; and who is to die in the middle of something is held there before.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from dev import paths
from dev.system import die_with_parent
from dev.workspace import Workspace

#: So long that a busy machine comes to the end of it only if nothing moves any more.
WAIT_SECONDS = 300
PAUSE = 0.2
#: The scheduled actions, by their names.
ALL_ACTIONS = "Billing:%"
NO_ACTIONS = ""
# Five minutes later: each action is triggered that has come to its turn before.
TRIGGER = """
    INSERT INTO ir_cron_trigger (cron_id, call_at)
    SELECT id, date_trunc('second', now() AT TIME ZONE 'UTC')
      FROM ir_cron
     WHERE cron_name LIKE %s AND NOT EXISTS (
        SELECT FROM ir_cron_trigger
         WHERE cron_id = ir_cron.id AND call_at <= now() AT TIME ZONE 'UTC'
     )
"""
# The processes of jobs that are under way, if so many as there are wait for a lock.
WAITING = """
    SELECT worker_pid FROM queue_job
     WHERE method_name = %s AND state = 'started' AND (
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'
     ) = (SELECT count(*) FROM queue_job WHERE state = 'started')
     ORDER BY id
"""
# What to read when something did not come.
REMARKS = {
    "runs": "SELECT id, state FROM omni_billing_run ORDER BY id",
    "lines": "SELECT run_id, state, charge_state, email_state, count(*)"
    " FROM omni_billing_run_line GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    "jobs": "SELECT method_name, state, count(*), max(retry), max(exc_message)"
    " FROM queue_job GROUP BY 1, 2 ORDER BY 1, 2",
    "e-mails": "SELECT state, count(*), max(error) FROM omni_billing_mail"
    " GROUP BY 1 ORDER BY 1",
    "open charges": "SELECT id, state, state_message FROM payment_transaction"
    " WHERE billing_is_open ORDER BY id",
    "actions to come": "SELECT cron_name, call_at FROM ir_cron_trigger"
    " JOIN ir_cron ON ir_cron.id = cron_id ORDER BY call_at, cron_name",
    "waiting for a lock": "SELECT application_name, left(query, 80)"
    " FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock' ORDER BY pid",
}
Found = TypeVar("Found")


class Office:
    """A database that a server with several workers, and the queue, work on."""

    def __init__(self, space: Workspace, database: str) -> None:
        self._space = space
        self._database = database
        self.log = paths.LOGS / "queue-desk.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as output:
            self._desk = subprocess.Popen(
                [sys.executable, "-m", "tests.queue.worker", database],
                cwd=paths.ROOT,
                env=space.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                preexec_fn=die_with_parent,
            )

    def close(self) -> None:
        """End the process that people work with; all that it did is committed."""
        self._desk.kill()
        self._desk.communicate()

    # === WHAT PEOPLE DO, AND WHAT IS SEEN === #

    def run(self, function: str, **arguments: object) -> object:
        """Call a function of ``tests.queue.desk``; what it does is committed."""
        call = {"function": function, "arguments": arguments}
        with suppress(OSError):  # it has died
            self._desk.stdin.write(json.dumps(call) + "\n")
            self._desk.stdin.flush()
        line = self._desk.stdout.readline()
        if not line:
            raise AssertionError(f"The desk is closed, see {self.log}")
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["value"]

    def ask(self, query: str, *values: object) -> list[tuple]:
        """Look into the database from outside."""
        with self._space.databases.cursor(self._database) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def do(self, statement: str, *values: object) -> None:
        """Change the database from outside."""
        with self._space.databases.cursor(self._database) as cursor:
            cursor.execute(statement, values)

    # === WHAT COMES WITH TIME === #

    def wait_until(
        self, what: str, holds: Callable[[], Found], actions: str = ALL_ACTIONS
    ) -> Found:
        """Wait until something holds, while time passes.

        :param actions: the scheduled actions that come to their turn meanwhile, again
            and again; one turn may find that others have to do something first.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := holds()):
            if failed := self._read_failures():
                raise AssertionError(f"{what}? Jobs have failed: {failed}")
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{what}? Not in {WAIT_SECONDS} seconds. {self._tell()}"
                )
            self._let_time_pass(actions)
            time.sleep(PAUSE)
        return found

    def wait_until_done(self, run: int, actions: str = ALL_ACTIONS) -> None:
        """Wait until a run is done, and each of its jobs has come to its end."""
        done = "SELECT 1 FROM omni_billing_run WHERE id = %s AND state = 'done'"
        self.wait_until(f"Run {run} is done", lambda: self.ask(done, run), actions)
        # A job tells the run before it tells the queue.
        left = (
            "SELECT 1 FROM queue_job WHERE identity_key LIKE %s AND state != 'done'"
            " HAVING count(*) = 0"
        )
        mine = f"omni.billing.run {run} %"
        self.wait_until(
            f"The jobs of run {run} are done", lambda: self.ask(left, mine), actions
        )

    def _let_time_pass(self, actions: str) -> None:
        if actions:
            self.do(TRIGGER, actions)
            # Odoo listens there.
            with self._space.databases.cursor() as cursor:
                cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self._database])
        # The queue looks for dead jobs each minute, and whenever there is news.
        self.do("NOTIFY queue_job")

    def _read_failures(self) -> list[tuple]:
        return self.ask(
            "SELECT method_name, exc_name, exc_message FROM queue_job"
            " WHERE state = 'failed' ORDER BY id"
        )

    def _tell(self) -> str:
        return "; ".join(
            f"{name}: {self.ask(query)}" for name, query in REMARKS.items()
        )

    # === WHO DIES, AND WHERE === #

    @contextmanager
    def closed(self, table: str) -> Iterator[None]:
        """Let nobody write in a table: who comes to that waits, in the middle of it."""
        with self._space.databases.cursor(self._database) as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield
            cursor.execute("ROLLBACK")

    def wait_for_waiting(self, method: str, count: int) -> list[int]:
        """Wait until jobs wait at what is closed; return their processes."""
        rows = self.wait_until(
            f"{count} processes wait in {method}",
            lambda: len(found := self.ask(WAITING, method)) == count and found,
            NO_ACTIONS,
        )
        return [pid for (pid,) in rows]

    def kill(self, pid: int) -> None:
        """Kill a process that is held in a job, as an empty memory would."""
        os.kill(pid, signal.SIGKILL)
        # The queue believes ten seconds after its beginning that a job is dead.
        self.do(
            "UPDATE queue_job SET date_enqueued = date_enqueued - INTERVAL '1 minute'"
            " WHERE worker_pid = %s AND state = 'started'",
            pid,
        )

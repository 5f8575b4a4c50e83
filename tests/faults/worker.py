"""Odoo's side of the fault tests: loaded once, then forked for each request or job.

A fork is a process of its own, as a worker of Odoo is: it has its own connection to
PostgreSQL, commits for real, can be stopped at a named step, and be killed there. What
it does is a function of ``ours`` or ``plain``, run as Odoo runs a request: again after
a serialization failure (``retrying``), committed at the end.

Commands are lines of JSON on the standard input; a fork answers on a Unix socket.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import partial

import odoo.init  # noqa: F401
from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.service import model as service_model
from odoo.service.server import load_server_wide_modules
from odoo.tools import config

PR_SET_PDEATHSIG = 1
#: What comes through Odoo's web server, which has its own transactions.
OVER_HTTP = ("receive", "pay_in_portal")


def main() -> None:
    """Load Odoo, say so, then fork for each command."""
    _script, database, subject, path, *options = sys.argv
    config.parse_config(
        [f"--database={database}", f"--db-filter=^{database}$", *options],
        setup_logging=True,
    )
    load_server_wide_modules()
    registry = Registry(database)
    jobs = importlib.import_module(f"tests.faults.{subject}")
    jobs.prepare(registry)
    # Odoo waits at random, up to seconds, before it runs a request again.
    service_model.random.uniform = lambda low, high: 0.01
    sql_db.close_all()
    # The kernel reaps the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["job"] == "warm_up":
            _warm_up(registry, jobs, **command["values"])
            print("ready", flush=True)
        elif os.fork() == 0:
            status = 1
            with suppress(BaseException):
                _die_with_parent()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _Fork(registry, jobs, path).run(command)
                status = 0
            os._exit(status)


def _warm_up(registry, jobs, **values) -> None:
    """Fill Odoo's caches, which the forks inherit; what is written is undone."""
    registry.check_signaling()
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        case = jobs.add_case(env, **values)
        jobs.pay_cash(env, case)
        jobs.read(env, case)
        env.flush_all()
        cr.rollback()
    sql_db.close_all()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class _Fork:
    """One request or job, in a process of its own."""

    def __init__(self, registry, jobs, path):
        self._registry = registry
        self._jobs = jobs
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        self._channel = connection.makefile("rw")

    def run(self, command):
        self._tell(pid=os.getpid(), number=command["number"])
        if step := command.get("stop"):
            self._jobs.stop_at(self._registry, step, self._stop)
        self._jobs.apply(command.get("world", {}))
        try:
            value = self._work(command)
        except BaseException as error:  # whatever it is, the test is told
            self._tell(
                error=type(error).__name__,
                message=str(error),
                trace=traceback.format_exc(),
            )
        else:
            self._tell(value=value)

    def _work(self, command):
        if command["job"] in OVER_HTTP:
            return getattr(self._jobs, command["job"])(**command["values"])
        if command["job"] == "jobs":
            return [self._try(name) for name in command["values"]["names"]]
        job = getattr(self._jobs, command["job"])
        registry = Registry(self._registry.db_name).check_signaling()
        with registry.cursor() as cr:
            env = api.Environment(cr, command.get("uid") or SUPERUSER_ID, {})
            env.transaction.default_env = env
            call = partial(job, env, **command["values"])
            if command.get("is_job"):
                # Jobs of Odoo are not run again at once.
                value = call()
                cr.commit()
            else:
                value = service_model.retrying(call, env)
        return value

    def _try(self, name):
        """Run one of several jobs; return what it failed at."""
        try:
            self._work({"job": name, "is_job": True, "values": {}})
        except Exception as error:
            traceback.print_exc()
            return f"{name}: {type(error).__name__}: {error}"
        return ""

    def _tell(self, **values):
        self._channel.write(json.dumps(values) + "\n")
        self._channel.flush()

    def _stop(self, step):
        """Stop here until the test says to go on."""
        self._tell(stopped=step)
        if not self._channel.readline():
            os._exit(1)


def wrap(owner, name, before=None, after=None):
    """Have something happen around the first call of a method."""
    original = getattr(owner, name)
    left = {"before": before, "after": after}

    def wrapped(self, *args, **kwargs):
        if call := left.pop("before", None):
            call(self)
        try:
            return original(self, *args, **kwargs)
        finally:
            if call := left.pop("after", None):
                call(self)

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    main()

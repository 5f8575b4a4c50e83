"""Odoo's side of the fault tests: loaded once, then forked for requests and jobs.

A fork is a process of its own, as a worker of Odoo is: it has its own connection to
PostgreSQL, commits for real, can be stopped at a named step, and be killed there. What
it does is a function of ``ours`` or ``plain``, or of a module that the command names
(``people.pay``), run as Odoo runs a request: again after a serialization failure
(``retrying``), committed at the end.

The first command of a fork is a line of JSON on the standard input of its parent; it
answers on a Unix socket. A fork that is as it was before goes on with the next command
that comes there, as Odoo's workers do, until the socket is closed.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import partial

from werkzeug.test import Client

import odoo.init  # noqa: F401
from odoo import SUPERUSER_ID, api, http, sql_db
from odoo.modules.registry import Registry
from odoo.service import model as service_model
from odoo.service.server import load_server_wide_modules
from odoo.tools import config

PR_SET_PDEATHSIG = 1


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
            _warm_up(registry, jobs)
            print("ready", flush=True)
        elif os.fork() == 0:
            status = 1
            with suppress(BaseException):
                _die_with_parent()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _Fork(registry, jobs, path).serve(command)
                status = 0
            os._exit(status)


def _warm_up(registry, jobs) -> None:
    """Fill Odoo's caches, which the forks inherit; what is written is undone."""
    registry.check_signaling()
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        jobs.warm_up(env)
        env.flush_all()
        cr.rollback()
    # The map of all pages is made at the first request.
    Client(http.root).get("/web/health", base_url="http://localhost")
    sql_db.close_all()
    # What is there already need not be copied by each fork that collects garbage.
    gc.collect()
    gc.freeze()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class _Fork:
    """A process that does one request or job after the other."""

    def __init__(self, registry, jobs, path):
        self._registry = registry
        # PostgreSQL is to know it by the number of its own process.
        registry._db = sql_db.db_connect(registry.db_name)
        self._jobs = jobs
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        self._channel = connection.makefile("rw")

    def serve(self, command):
        """Do what is commanded, and what comes after that."""
        self._tell(pid=os.getpid(), number=command["number"])
        self._run(command)
        while command["is_plain"] and (line := self._channel.readline()):
            self._run(json.loads(line))

    def _run(self, command):
        owner, job = self._find(command["job"])
        step = command.get("stop")
        if step and step not in ("written", "committed"):
            getattr(owner, "stop_at", self._jobs.stop_at)(
                self._registry, step, self._stop
            )
        self._jobs.apply(command.get("world", {}))
        try:
            value = self._work(job, command)
        except BaseException as error:  # whatever it is, the test is told
            self._tell(
                error=type(error).__name__,
                message=str(error),
                trace=traceback.format_exc(),
            )
        else:
            self._tell(value=value)

    def _find(self, name):
        """Return the module and the function that a command names."""
        module, _dot, function = name.rpartition(".")
        owner = importlib.import_module(f"tests.faults.{module}") if module else None
        owner = owner or self._jobs
        return owner, getattr(owner, function, None)

    def _work(self, job, command):
        values = command["values"]
        if command["job"] == "jobs":
            return [self._try(name) for name in values["names"]]
        if getattr(job, "is_web", False):
            return job(**values)
        registry = Registry(self._registry.db_name).check_signaling()
        with registry.cursor() as cr:
            env = api.Environment(cr, command.get("uid") or SUPERUSER_ID, {})
            env.transaction.default_env = env
            call = partial(job, env, **values)
            if command.get("stop") == "written":
                call = self._stopping_before_commit(call, env)
            if command.get("is_job"):
                # Jobs of Odoo are not run again at once.
                value = call()
                cr.commit()
                registry.signal_changes()
            else:
                value = service_model.retrying(call, env)
        if command.get("stop") == "committed":
            self._stop("committed")
        return value

    def _stopping_before_commit(self, call, env):
        """Stop the first time that all is written, and nothing committed."""
        left = ["written"]

        def stopping():
            value = call()
            if left:
                env.flush_all()
                self._stop(left.pop())
            return value

        return stopping

    def _try(self, name):
        """Run one of several jobs; return what it failed at."""
        try:
            self._work(
                getattr(self._jobs, name), {"job": name, "is_job": True, "values": {}}
            )
        except Exception as error:
            traceback.print_exc()
            self._registry.reset_changes()
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

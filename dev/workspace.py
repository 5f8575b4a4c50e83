"""Odoo with a data folder and a database server: what every command works in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dev import paths, postgres
from dev.console import Failure
from dev.core import Core
from dev.database import Databases
from dev.system import die_with_parent

LOADING = re.compile(r"[Ll]oading module \S+ \((\d+)/(\d+)\)")
PROBLEM = re.compile(
    r" (ERROR|CRITICAL) |^\w*(Error|Exception|Warning)\b: |^odoo\.\S+: "
)
# A warning or worse in Odoo's log.
COMPLAINT = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) ")
# What the machine, not the addon, makes Odoo warn about.
HARMLESS = (
    # A container often has no other user.
    "Running as user 'root' is a security risk",
    # A test passed and closed the browser while its page was still loading something.
    "Error received after termination: AssetsLoadingError",
)


@contextmanager
def opened(core: Core, data: Path, durable: bool = True) -> Iterator[Workspace]:
    """Open a data folder: its database server runs as long as it is open."""
    data = data.expanduser().resolve()
    data.mkdir(parents=True, exist_ok=True)
    with postgres.serving(data / "postgres", durable) as server:
        config = data / "odoo.conf"
        config.write_text(_config(core, data))
        environment = {
            **os.environ,
            **server,
            "ODOO_RC": str(config),
            "PYTHONPATH": str(core.python_path),
        }
        yield Workspace(core, data, environment)


def with_path(space: Workspace, folder: Path) -> Workspace:
    """Let Odoo find the packages, and the addons, of another folder."""
    path = f"{space.environment['PYTHONPATH']}{os.pathsep}{folder}"
    return replace(space, environment={**space.environment, "PYTHONPATH": path})


def _config(core: Core, data: Path) -> str:
    """Write what Odoo's commands cannot know; the server is told by PG variables."""
    addons = ",".join(str(path) for path in (*core.addons, paths.ROOT))
    return (
        "[options]\n"
        f"addons_path = {addons}\n"
        f"data_dir = {data}\n"
        "http_interface = 127.0.0.1\n"
    )


@dataclass(frozen=True)
class Workspace:
    """Runs Odoo's commands on the databases of one data folder."""

    core: Core
    data: Path
    environment: dict[str, str]

    @property
    def databases(self) -> Databases:
        """Give the databases of this folder's server."""
        return Databases(self.environment, self.data / "filestore")

    def command(self, *arguments: str) -> list[str]:
        """Make the command line that runs Odoo."""
        return [sys.executable, str(paths.ODOO_BIN), *arguments]

    def odoo(
        self,
        *arguments: str,
        log: str,
        progress: Callable[[float], None] | None = None,
    ) -> Path:
        """Run an Odoo command to its end, its output going to a log file.

        :param progress: told how many of the modules are loaded.
        :return: the log file.
        """
        file = paths.LOGS / f"{log}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent,
        )
        with process, file.open("w") as output:
            for line in process.stdout:
                output.write(line)
                if progress and (found := LOADING.search(line)) and found[2] != "1":
                    progress(int(found[1]) / int(found[2]))
        if process.returncode:
            raise Failure(f"Odoo failed: {problem(file.read_text())} (see {file})")
        return file

    def script(self, database: str, file: Path, **arguments: object) -> str:
        """Run a Python file with ``env``, and ``arguments`` as a dictionary.

        The script commits if it wants to keep its work.
        """
        return self.shell(database, file.read_text(), **arguments)

    def shell(
        self, database: str, code: str, *, show: bool = False, **arguments: object
    ) -> str:
        """Run Python code with ``env``; return what it prints, or show it at once."""
        preface = f"import json\narguments = json.loads({json.dumps(arguments)!r})\n"
        result = subprocess.run(
            self.command(*shell_arguments(database)),
            env=self.environment,
            cwd=paths.ROOT,
            input=preface + code,
            stdout=None if show else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        if result.returncode:
            log = paths.LOGS / "shell.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text((result.stdout or "") + result.stderr)
            raise Failure(f"Odoo failed: {problem(result.stderr)} (see {log})")
        return result.stdout or ""


def shell_arguments(database: str) -> list[str]:
    """Give the options of a quiet ``odoo shell``."""
    return ["shell", f"--database={database}", "--no-http", "--log-level=warn"]


def problem(log: str) -> str:
    """Pick the line of Odoo's output that says what went wrong."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    found = [line for line in lines if PROBLEM.search(line)]
    return (found or lines or ["no message"])[-1]


def complaints(log: str) -> list[str]:
    """Pick the lines of Odoo's log that may not be there."""
    return [
        line
        for line in log.splitlines()
        if COMPLAINT.match(line) and not any(text in line for text in HARMLESS)
    ]

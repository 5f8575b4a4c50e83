"""bin/bench: measure something, and print a table of it.

A benchmark is a script ``tests/bench/bench_NAME.py``. It runs in ``odoo shell`` on a
fresh copy of a database with the addon, has ``env``, finds its options in
``sys.argv``, and reports through :class:`Report`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import core, paths, postgres, venv, workspace
from dev.console import Failure, say
from dev.templates import Templates

TESTS = True
CORE = True

FOLDER = paths.ROOT / "tests" / "bench"
#: On a database with OCA's job queue, and with our addon for usage.
QUEUED, COUNTED = ("queue",), ("usage", "rating")
JSON_VARIABLE = "OMNI_BENCH_JSON"
METRIC = re.compile(r"[a-z][a-z0-9_]*")
UNITS = {"_ms": "ms", "_mb": "MB", "_per_s": "/s", "_s": "s"}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read which benchmark; what is not known here is the benchmark's."""
    names = sorted(file.stem[6:] for file in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description="Measure something, and print a table of it.",
        epilog="Other options go to the benchmark.",
    )
    parser.add_argument("name", metavar="NAME", help=", ".join(names) or "none yet")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options, options.arguments = parser.parse_known_args(arguments)
    if options.name not in names:
        parser.error(f"no benchmark {options.name}; there are: {', '.join(names)}")
    return options


def main(options: argparse.Namespace) -> int:
    """Run the benchmark on a database of its own."""
    script = FOLDER / f"bench_{options.name}.py"
    with workspace.opened(core.ensure(), paths.TEST_DATA, durable=False) as space:
        if options.json:
            space.environment[JSON_VARIABLE] = str(options.json.absolute())
        is_queued = options.name in QUEUED
        if is_queued:
            space = workspace.with_path(space, venv.ensure_queue())
        kind = "queue" if is_queued else "addon"
        kind = "counted" if options.name in COUNTED else kind
        with Templates(space).copied(kind, "bench") as database:
            code = _program(script, options.arguments)
            # Rows by the million want the statistics that a database in use has.
            with postgres.vacuuming(space.environment):
                space.shell(database, code, show=True)
    return 0


def _program(script: Path, arguments: list[str]) -> str:
    """Write a program for ``odoo shell`` that runs the script as itself."""
    return (
        "import sys\n"
        f"sys.path.insert(0, {str(paths.ROOT)!r})\n"
        f"sys.argv = [{str(script)!r}, *{arguments!r}]\n"
        f"source = open({str(script)!r}).read()\n"
        f"space = {{'env': env, '__name__': '__main__', '__file__': sys.argv[0]}}\n"
        f"exec(compile(source, sys.argv[0], 'exec'), space)\n"
    )


class Report:
    """The figures of a benchmark, for people and for programs.

    The end of a name tells its unit: ``_ms``, ``_mb``, ``_per_s``. A name that begins
    with ``ratio_`` is our figure divided by the other's, from the same run.
    """

    def __init__(self, title: str = "") -> None:
        self.title = title
        self._figures: dict[str, float] = {}

    def add(self, name: str, value: float) -> None:
        """Add a figure."""
        if not METRIC.fullmatch(name):
            raise Failure(f"{name} is no name for a figure: use a-z, 0-9 and _.")
        self._figures[name] = round(value, 3)

    def print(self, env: object = None) -> None:
        """Print the table, and on what it was measured."""
        width = max(map(len, self._figures), default=0)
        say(f"\n{self.title}".rstrip())
        for name, value in self._figures.items():
            say(f"  {name:<{width}}  {value:>14,.3f} {_unit(name)}".rstrip())
        say("")
        for line in machine(env):
            say(f"  {line}")

    def save(self, file: Path | str | None = None) -> None:
        """Write the figures as one flat JSON object, to ``--json`` or the file."""
        target = file or os.environ.get(JSON_VARIABLE)
        if target:
            text = json.dumps(self._figures, indent=2, sort_keys=True)
            Path(target).write_text(text + "\n")


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def machine(env: object = None) -> list[str]:
    """Tell what the figures depend on; with ``env`` also the database server."""
    cpu = _proc("/proc/cpuinfo", r"model name\s*: (.+)") or platform.machine()
    memory = int(_proc("/proc/meminfo", r"MemTotal:\s+(\d+)") or 0) / 1024**2
    lines = [
        f"{os.cpu_count()} cores, {cpu}, {memory:.1f} GB of memory",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    ]
    if env is not None:
        env.cr.execute(
            "SELECT current_setting('server_version'), current_setting('fsync')"
        )
        version, fsync = env.cr.fetchone()
        lines.append(f"Odoo {core.SERIES}, PostgreSQL {version}, fsync {fsync}")
    return lines


class Memory:
    """What :func:`peak_memory` measured."""

    peak_mb = 0.0


@contextmanager
def peak_memory() -> Iterator[Memory]:
    """Measure the most memory that this process uses within the context."""
    # 5 makes the kernel forget the earlier peak.
    Path("/proc/self/clear_refs").write_text("5")
    memory = Memory()
    yield memory
    memory.peak_mb = int(_proc("/proc/self/status", r"VmHWM:\s+(\d+)") or 0) / 1024


def _proc(file: str, pattern: str) -> str | None:
    """Pick a value from one of the kernel's text files."""
    try:
        found = re.search(pattern, Path(file).read_text())
    except OSError:
        return None
    return found and found[1]

"""bin/test: run the tests, all of them or the named parts."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dev import addon, core, lint, paths, server, venv, workspace
from dev.console import Failure, say
from dev.templates import Templates
from dev.workspace import Workspace

TESTS = True
CORE = True

UNIT_TESTS = "tests/unit"
E2E_TESTS = "tests/e2e"
FAULT_TESTS = "tests/faults"
QUEUE_TESTS = "tests/queue"
INSTALLED = [folder.name for folder in paths.ADDONS if folder != paths.QUEUE_ADDON]
ADDON_TESTS = [f"{name}/tests" for name in INSTALLED]
OWN_TAGS = ",".join(f"/{name}" for name in INSTALLED)

NOTHING_COLLECTED = 5
# A test that waits outside Python, for a browser or a child process, may never see the
# signal that is to end it. This ends all of pytest and shows where each thread was;
# each file of tests is named as it begins.
HARD_TIMEOUT = ("-v", "--timeout-method=thread")
#: Most that a test with a browser may take; the slowest takes one minute.
E2E_SECONDS = 240
LOG_PROBLEM = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) ")
OWN_RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests when loading")
# What the machine, not the addon, makes Odoo warn about.
HARMLESS = (
    # A container often has no other user.
    "Running as user 'root' is a security risk",
    # A test passed and closed the browser while its page was still loading something.
    "Error received after termination: AssetsLoadingError",
)


@dataclass
class Result:
    """What a part of the tests came to."""

    part: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    remark: str = ""

    @property
    def is_good(self) -> bool:
        """Tell whether all was run and passed."""
        return not (self.failed or self.skipped or self.remark)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read which parts to run."""
    parser = argparse.ArgumentParser(prog="bin/test", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "-k", dest="expression", help="only tests that match, as in pytest"
    )
    parser.add_argument(
        "-x", dest="first", action="store_true", help="stop at a failure"
    )
    parser.add_argument(
        "-s", dest="output", action="store_true", help="show what tests print"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(
            f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}"
        )
    if not options.parts:
        # A part that cannot choose among its tests is left out when -k does.
        options.parts = [
            name
            for name in PARTS
            if name not in ON_DEMAND and (not options.expression or name not in WHOLE)
        ]
    return options


def main(options: argparse.Namespace) -> int:
    """Run the parts in their order and sum up."""
    started = core.ensure()
    results = []
    start = time.monotonic()
    with ExitStack() as stack:
        runner = Runner(options, started, stack)
        for name in [part for part in PARTS if part in options.parts]:
            minutes = (time.monotonic() - start) / 60
            say(f"\n── {name} (after {minutes:.1f} min) ──")
            results.append(runner.run(name))
            if options.first and not results[-1].is_good:
                break
    return _summarize(results)


def _summarize(results: Sequence[Result]) -> int:
    say(f"\n{'part':<8}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for result in results:
        say(
            f"{result.part:<8}{result.passed:>8}{result.failed:>8}"
            f"{result.skipped:>9}{result.seconds:>9.1f}  {result.remark}".rstrip()
        )
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    say(f"\n{passed} passed, {failed} failed")
    return 0 if all(result.is_good for result in results) else 1


class Runner:
    """Runs parts; the database server starts with the first that needs it."""

    def __init__(self, options: argparse.Namespace, odoo: core.Core, stack: ExitStack):
        self._options = options
        self._core = odoo
        self._stack = stack
        self._opened: Workspace | None = None

    def run(self, part: str) -> Result:
        """Run one part, timed."""
        start = time.monotonic()
        try:
            result = PARTS[part](self)
        except Failure as failure:
            print(f"✗ {failure}", file=sys.stderr, flush=True)
            result = Result(part, failed=1, remark="could not run")
        result.seconds = time.monotonic() - start
        if not (result.passed or result.failed) and not self._options.expression:
            result.remark = result.remark or "no test found"
        return result

    @property
    def space(self) -> Workspace:
        """Give the workspace of the tests."""
        if not self._opened:
            context = workspace.opened(self._core, paths.TEST_DATA, durable=False)
            self._opened = self._stack.enter_context(context)
        return self._opened

    def lint(self) -> Result:
        """Count each rule as a test."""
        verdicts = lint.check()
        good = sum(verdicts.values())
        return Result("lint", passed=good, failed=len(verdicts) - good)

    def unit(self) -> Result:
        """Test what needs no database."""
        environment = {**os.environ, "PYTHONPATH": str(self._core.python_path)}
        return self._pytest("unit", environment, "-p", "no:odoo", UNIT_TESTS)

    def addon(self) -> Result:
        """Test the models, in transactions that are rolled back."""
        return self._pytest_odoo(
            "addon",
            *ADDON_TESTS,
            f"--ignore-glob={paths.ROOT}/*/tests/test_http_*",
        )

    def http(self) -> Result:
        """Test the pages, with a server inside the test process."""
        files = sorted(paths.ROOT.glob("omni_billing*/tests/test_http_*.py"))
        if not files:
            return Result("http")
        return self._pytest_odoo("http", "--odoo-http", *map(str, files))

    def own(self) -> Result:
        """Install and test with Odoo's own runner, in which no warning may appear."""
        with Templates(self.space).copied("base", "own") as database:
            try:
                self.space.odoo(
                    *(f"--database={database}", f"--init={addon.NAME}"),
                    *(f"--test-tags={OWN_TAGS}", "--stop-after-init"),
                    f"--http-port={server.free_port()}",
                    log="own",
                )
            except Failure as failure:
                return _read_own_log(str(failure))
        return _read_own_log()

    def queue(self) -> Result:
        """Bill on several workers, with OCA's job queue and without mercy."""
        space = workspace.with_path(self.space, venv.ensure_queue())
        template = Templates(space).ensure("queue")
        models = self._pytest_odoo(
            "queue", f"{paths.QUEUE_ADDON.name}/tests", space=space, kind="queue"
        )
        environment = {**space.environment, "OMNI_QUEUE_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_queue", *HARD_TIMEOUT)
        whole = self._pytest("queue", environment, *options, QUEUE_TESTS)
        return Result(
            "queue",
            *(models.passed + whole.passed, models.failed + whole.failed),
            skipped=models.skipped + whole.skipped,
            remark=models.remark or whole.remark,
        )

    def e2e(self) -> Result:
        """Drive a browser on a real server."""
        template = Templates(self.space).ensure("demo")
        environment = {**self.space.environment, "OMNI_DEMO_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_e2e", *HARD_TIMEOUT)
        limit = f"--timeout={E2E_SECONDS}"
        return self._pytest("e2e", environment, *options, limit, E2E_TESTS)

    def faults(self) -> Result:
        """Break charges and refunds in every way, on a real server."""
        return self._faults("faults")

    def compare(self) -> Result:
        """Break those of plain payment_stripe as well, and print what comes of it."""
        template = Templates(self.space).ensure("base")
        return self._faults("compare", OMNI_BASE_TEMPLATE=template)

    def _faults(self, part: str, **more: str) -> Result:
        template = Templates(self.space).ensure("addon")
        environment = {**self.space.environment, "OMNI_ADDON_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_faults", *HARD_TIMEOUT)
        return self._pytest(part, {**environment, **more}, *options, FAULT_TESTS)

    def _pytest_odoo(
        self,
        part: str,
        *arguments: str,
        space: Workspace | None = None,
        kind: str = "addon",
    ) -> Result:
        space = space or self.space
        with Templates(space).copied(kind, part) as database:
            options = (f"--odoo-database={database}", "--odoo-log-level=warn")
            return self._pytest(part, space.environment, *options, *arguments)

    def _pytest(
        self, part: str, environment: dict[str, str], *arguments: str
    ) -> Result:
        if (
            arguments[-1] in (UNIT_TESTS, E2E_TESTS, FAULT_TESTS, QUEUE_TESTS)
            and not Path(arguments[-1]).exists()
        ):
            return Result(part)
        counts = paths.LOGS / f"{part}.json"
        counts.parent.mkdir(parents=True, exist_ok=True)
        counts.unlink(missing_ok=True)
        options = self._options
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "dev.pytest_counts",
            *arguments,
        ]
        command += ["-k", options.expression] if options.expression else []
        command += ["-x"] * options.first + ["-s"] * options.output
        code = subprocess.run(
            command,
            env={**environment, "OMNI_TEST_COUNTS": str(counts)},
            cwd=paths.ROOT,
        ).returncode
        return _read_counts(part, counts, code)


def _read_own_log(failure: str = "") -> Result:
    """Count by the closing line of Odoo's log, and show all that it complains of."""
    lines = (paths.LOGS / "own.log").read_text().splitlines()
    complaints = [
        line
        for line in lines
        if LOG_PROBLEM.match(line) and not any(text in line for text in HARMLESS)
    ]
    for line in complaints:
        say(line)
    total = bad = 0
    for line in lines:
        if found := OWN_RESULT.search(line):
            bad, total = int(found[1]) + int(found[2]), int(found[3])
    result = Result("own", passed=total - bad, failed=bad)
    if not bad and (complaints or failure):
        result.failed = 1
        result.remark = failure or f"{len(complaints)} complaints in the log"
    return result


def _read_counts(part: str, counts: Path, code: int) -> Result:
    """Read what our plugin counted; a crash before that is a failure."""
    result = Result(part)
    if counts.exists():
        result = Result(part, **json.loads(counts.read_text()))
    if code not in (0, NOTHING_COLLECTED) and not result.failed:
        result.failed = 1
        result.remark = f"pytest ended with code {code}"
    elif result.skipped:
        result.remark = "skipped tests count as a failure"
    return result


PARTS: dict[str, Callable[[Runner], Result]] = {
    "lint": Runner.lint,
    "unit": Runner.unit,
    "addon": Runner.addon,
    "http": Runner.http,
    "own": Runner.own,
    "queue": Runner.queue,
    "faults": Runner.faults,
    "e2e": Runner.e2e,
    "compare": Runner.compare,
}
# Only when asked for: processes are killed, and plain payment_stripe is measured too.
ON_DEMAND = {"compare", "faults"}
WHOLE = {"lint", "own"}

"""A pytest plugin that tells bin/test what came of each test, while they run.

Pytest's JUnit report counts each subtest as a test; here a test is a test. Where
pytest-xdist has several processes run them, the first one, which hears of all, counts.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

CATEGORIES = {
    "passed": "passed",
    "failed": "failed",
    "error": "failed",
    "subtests failed": "failed",
    "skipped": "skipped",
    # A test that may fail says as little as one that was not run.
    "xfailed": "skipped",
    "xpassed": "skipped",
}
#: Seconds between two looks of bin/test at how far this is.
PAUSE = 2


class Counts:
    """What came of the tests so far, in the file that bin/test named."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file = Path(os.environ["OMNI_TEST_COUNTS"])
        self._seconds: Counter[str] = Counter()
        self._failures: dict[str, str] = {}
        self._running = ""
        self._written = 0.0

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note which test begins: one that ends the process is known by it."""
        self._running = nodeid
        if time.monotonic() - self._written > PAUSE:
            self._write()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what a test took, with what was prepared for it, and why it failed."""
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failures.setdefault(report.nodeid, _reason(report))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self) -> None:
        """Write the end."""
        self._running = ""
        self._write()

    def _write(self) -> None:
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        counts: Counter[str] = Counter()
        for category, reports in terminal.stats.items():
            if name := CATEGORIES.get(category):
                counts[name] += len(reports)
        found = {
            **counts,
            "running": self._running,
            "tests": dict(self._seconds),
            "failures": self._failures,
        }
        # Whole or not at all: bin/test may be reading.
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(found))
        draft.rename(self._file)
        self._written = time.monotonic()


def _reason(report: pytest.TestReport) -> str:
    """Say in a line why a test failed."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else report.longreprtext.strip()
    return next(iter(message.splitlines()), "")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    if not is_worker(config):
        config.pluginmanager.register(Counts(config))


def is_worker(config: pytest.Config) -> bool:
    """Tell whether this process runs tests for another one, which reports."""
    return hasattr(config, "workerinput")

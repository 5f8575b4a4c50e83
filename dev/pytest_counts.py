"""A pytest plugin that tells bin/test how many tests came out how.

Pytest's JUnit report counts each subtest as a test; here a test is a test.
"""

from __future__ import annotations

import json
import os
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


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the counts to the file that bin/test named."""
    counts: Counter[str] = Counter()
    for category, reports in terminalreporter.stats.items():
        if name := CATEGORIES.get(category):
            counts[name] += len(reports)
    Path(os.environ["OMNI_TEST_COUNTS"]).write_text(json.dumps(counts))

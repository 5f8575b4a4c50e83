"""How much of the addons the tests run, in all of their processes."""

from __future__ import annotations

import os
import shutil
import sys

from dev import paths, system
from dev.console import say

FOLDER = paths.STATE / "coverage"
SETTINGS = paths.ROOT / "pyproject.toml"


def begin() -> None:
    """Have each Python process that begins from now on measure itself.

    Coverage comes with a hook for this, which the environment switches on: servers,
    workers and those that a test forks or kills are measured as pytest is.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.environ["COVERAGE_PROCESS_START"] = str(SETTINGS)
    os.environ["COVERAGE_FILE"] = str(FOLDER / "data")


def show() -> None:
    """Add up what was measured, and show the least covered files and the total."""
    del os.environ["COVERAGE_PROCESS_START"]
    _coverage("combine", "--quiet", error="What was measured cannot be added up")
    say(_coverage("report", "--sort=cover", error="No report can be made"))
    _coverage("html", "--quiet", f"--directory={FOLDER / 'html'}", error="No pages")
    say(f"Line by line: {FOLDER / 'html' / 'index.html'}")


def _coverage(*arguments: str, error: str) -> str:
    command = [sys.executable, "-m", "coverage", *arguments]
    return system.run(command, error, env=os.environ, cwd=paths.ROOT)

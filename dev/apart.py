"""bin/test in a process of its own: with another Python, PostgreSQL, or Odoo.

It has a state folder apart, so nothing that it installs or builds is in others' way.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import paths, system

CLOSING = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)


@dataclass(frozen=True)
class Counts:
    """What a run apart came to; where it broke, one that failed."""

    passed: int
    failed: int
    log: Path

    @classmethod
    def of(cls, text: str, code: int, log: Path) -> Counts:
        """Read the closing line of a run, and its exit code."""
        found = CLOSING.findall(text)
        passed, failed = map(int, found[-1]) if found else (0, 0)
        return cls(passed, failed or int(code != 0 or not passed), log)

    def __str__(self) -> str:
        seen = f" (see {self.log})" if self.failed else ""
        return f"{self.passed} passed, {self.failed} failed{seen}"


def run(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    python: str | Path = sys.executable,
) -> Counts:
    """Run bin/test with its state in a folder.

    :param environment: what it has besides ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "test.log"
    with log.open("w") as output:
        code = subprocess.run(
            [str(python), str(paths.ROOT / "bin" / "test"), "--lanes=1", *arguments],
            env={**os.environ, "OMNI_STATE_DIR": str(folder), **environment},
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=system.die_with_parent,
        ).returncode
    return Counts.of(log.read_text(errors="replace"), code, log)

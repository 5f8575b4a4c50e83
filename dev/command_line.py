"""bin/odoo: Odoo's own command line inside the project's environment."""

from __future__ import annotations

import signal
import subprocess

from dev import core, paths, workspace
from dev.system import die_with_parent

TESTS = False
CORE = True


def parse(arguments: list[str]) -> list[str]:
    """Take everything as it is: the options are Odoo's."""
    return arguments


def main(arguments: list[str]) -> int:
    """Run Odoo in the foreground, in the user's terminal and folder."""
    with workspace.opened(core.ensure(), paths.DATA) as space:
        # Ctrl-C reaches Odoo as well; wait for it instead of leaving first.
        signal.signal(signal.SIGINT, lambda *_: None)
        process = subprocess.Popen(
            space.command(*arguments),
            env=space.environment,
            preexec_fn=die_with_parent,
        )
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()

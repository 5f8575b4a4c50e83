"""From a fresh clone to a running command."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from dev import core, paths, system, venv
from dev.console import Failure, Step

WAITING = "Another command is setting up; waiting for it."


def main(name: str) -> NoReturn:
    """Set up what the command needs, run it, and turn failures into one sentence.

    A command is a module with ``parse(arguments)`` and ``main(options)``, and says
    by ``TESTS`` and ``CORE`` whether it uses the test tools and Odoo.
    """
    try:
        venv.ensure_python()
        command = importlib.import_module(f"dev.{name}")
        options = command.parse(sys.argv[1:])
        _set_up(command)
        sys.exit(command.main(options))
    except Failure as failure:
        print(f"✗ {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _set_up(command: object) -> None:
    """Prepare the environment, going on inside it, then the test tools beside Odoo."""
    with system.lock(paths.STATE / "setup.lock", WAITING):
        venv.ensure()
        venv.enter()
        steps = [venv.ensure_tools] if command.TESTS else []
        if command.CORE:
            system.ensure_libraries(command.TESTS)
            steps.append(core.ensure)
        Step.is_shared = len(steps) > 1
        with ThreadPoolExecutor() as pool:
            running = [pool.submit(step) for step in steps]
        for step in running:
            step.result()  # what went wrong in it is raised here
        Step.is_shared = False

"""bin/dump: keep a database of this version, from which the next is upgraded.

Run it before the version in the manifest is raised, and commit the file instead of the
one before.
"""

from __future__ import annotations

import argparse

from dev import core, paths, upgrade, workspace
from dev.console import say

TESTS = True
CORE = True


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read that there are no options."""
    parser = argparse.ArgumentParser(prog="bin/dump", description=__doc__)
    return parser.parse_args(arguments)


def main(_options: argparse.Namespace) -> int:
    """Make the database, and say where it is."""
    with workspace.opened(core.ensure(), paths.TEST_DATA, durable=False) as space:
        file = upgrade.make(space)
    say(f"{file.relative_to(paths.ROOT)}: {file.stat().st_size / 1e6:.1f} MB")
    return 0

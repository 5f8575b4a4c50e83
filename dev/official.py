"""The versions of packages that Odoo itself asks for, and what the addon needs.

Odoo's own list is in its source, and not in Debian's package: it is of ODOO_HOME, or
from Odoo's repository.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dev import core, paths, system

KEPT = paths.CACHE / f"odoo-{core.SERIES}-requirements.txt"
#: Both are built from source and need headers of the system: the first is there ready
#: built, under another name; nothing here signs in with LDAP.
READY_BUILT = {"psycopg2": "psycopg2-binary"}
LEFT_OUT = {"python-ldap"}
#: Mailjet's package asks for a newer one than Odoo.
RAISED = {"requests"}
#: What only browsers and bin/lint need, and asks for other versions than Odoo.
NOT_NEEDED = {
    "axe-playwright-python",
    "playwright",
    "pre-commit",
    "pre-commit-hooks",
    "pylint-odoo",
    "ruff",
}
#: Their tests, which a run without them leaves out.
NOT_RUN = ("strict_stripe/tests/test_browser.py",)
OURS = ("requirements.in", "test-requirements.in")


def write(file: Path, official: str, python: str) -> None:
    """Write the requirements of a Python version, such as 3.12."""
    ours = [(paths.ROOT / name).read_text() for name in OURS]
    file.write_text("\n".join(merge(official, ours, python)) + "\n")


def merge(official: str, ours: Iterable[str], python: str) -> list[str]:
    """Take Odoo's versions, and ours of what it does not name."""
    chosen = dict(_applying(official, python))
    for name in LEFT_OUT | RAISED:
        chosen.pop(name, None)
    for text in ours:
        for name, line in _applying(text, python):
            if name not in NOT_NEEDED:
                chosen.setdefault(name, line)
    return sorted(chosen.values())


def _applying(text: str, python: str) -> Iterator[tuple[str, str]]:
    """Give the lines of a file that are for this Python, by name."""
    # Found in the environment only, which the command enters after it imported us.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for line in text.splitlines():
        try:
            found = Requirement(re.sub(r"(^|\s)#.*", "", line).strip())
        except InvalidRequirement:
            continue
        where = {"python_version": python, "sys_platform": "linux"}
        if found.marker and not found.marker.evaluate(where):
            continue
        name = canonicalize_name(found.name)
        name = READY_BUILT.get(name, name)
        yield name, f"{name}{found.specifier}"


def fetch(odoo: core.Core) -> str:
    """Read Odoo's own list of requirements.

    :raises Failure: where neither this Odoo nor its repository brings it.
    """
    own = odoo.python_path / "requirements.txt"
    if own.exists():
        return own.read_text()
    if not KEPT.exists():
        text = _read_from_repository()
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(text)
    return KEPT.read_text()


def _read_from_repository() -> str:
    """Fetch one file of a branch, and not what is beside it."""
    problem = f"Odoo's requirements are not to be had; they may be put into {KEPT}"
    with tempfile.TemporaryDirectory() as folder:
        options = ("--quiet", "--depth=1", "--filter=blob:none", "--no-checkout")
        branch = f"--branch={core.SERIES}"
        system.run(["git", "clone", *options, branch, core.SOURCE, folder], problem)
        show = ["git", "-C", folder, "show", "HEAD:requirements.txt"]
        return system.run(show, problem)

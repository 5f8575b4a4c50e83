"""The versions of packages that Odoo itself asks for, and what the addon needs.

Odoo's own list comes from its source, as Debian has it or as ODOO_HOME holds it.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dev import core, debian, paths
from dev.console import Failure, Step

SOURCE_PACKAGE = "odoo"
#: Both are built from source and need headers of the system: the first is there ready
#: built, under another name; nothing here signs in with LDAP.
READY_BUILT = {"psycopg2": "psycopg2-binary"}
LEFT_OUT = {"python-ldap"}
OURS = ("requirements.in", "test-requirements.in")


def write(file: Path, official: str, python: str) -> None:
    """Write the requirements of a Python version, such as 3.12."""
    ours = [(paths.ROOT / name).read_text() for name in OURS]
    file.write_text("\n".join(merge(official, ours, python)) + "\n")


def merge(official: str, ours: Iterable[str], python: str) -> list[str]:
    """Take Odoo's versions, and ours of what it does not name."""
    chosen = dict(_applying(official, python))
    for name in LEFT_OUT:
        chosen.pop(name, None)
    for text in ours:
        for name, line in _applying(text, python):
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
    """Read Odoo's own list of requirements."""
    own = odoo.python_path / "requirements.txt"
    if own.exists():
        return own.read_text()
    kept = paths.CACHE / f"odoo-{core.SERIES}-requirements.txt"
    if not kept.exists():
        if not debian.Archive.is_available():
            raise Failure(
                "Odoo's own requirements are in its source, which is not here."
            )
        archive = debian.Archive(paths.CACHE / "source", kinds="deb deb-src")
        with Step("Downloading Odoo's source", "Odoo's source downloaded"):
            file = archive.download_source(SOURCE_PACKAGE)
        kept.write_text(_read(file))
        shutil.rmtree(archive.folder)
    return kept.read_text()


def _read(file: Path) -> str:
    with tarfile.open(file) as source:
        for member in source:
            if re.fullmatch(r"[^/]+/requirements\.txt", member.name):
                return source.extractfile(member).read().decode()
    raise Failure(f"{file.name} has no list of requirements.")

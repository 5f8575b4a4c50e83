"""A newer Odoo than the one that is here, as soon as there is one."""

from __future__ import annotations

import shutil
import subprocess

from dev import apart, core, debian, paths, system
from dev.console import Failure, say

FOLDER = paths.STATE / "next"
NEXT = f"{int(core.SERIES.partition('.')[0]) + 1}.0"


def check(odoo: core.Core, expression: str = "") -> dict[str, bool]:
    """Run the default selection on a newer Odoo of this series, where there is one.

    :param expression: which tests, as in pytest, if not all.
    :return: for each newer Odoo whether all passed; that there is none is well.
    """
    if offers(NEXT):
        say(
            f"! Odoo {NEXT} is there: see *What the next version asks* in docs/odoo.md."
        )
    else:
        say(f"  Odoo {NEXT} is not offered yet.")
    here, offered = _here(odoo), newest(core.SERIES)
    if not offered:
        raise Failure(f"Nobody can be asked which Odoo {core.SERIES} is the newest.")
    if here and not is_newer(offered, here):
        say(f"  No Odoo {core.SERIES} is newer than {here}, which is here.")
        return {"nothing newer": True}
    say(f"  Odoo {offered} is offered; here is {here or odoo.python_path}.")
    return {f"Odoo {offered}": _run(offered, expression)}


def newest(series: str) -> str | None:
    """Name the newest of a series: Debian's version, else the commit of its branch."""
    if debian.Archive.is_available():
        archive = debian.Archive(paths.CACHE / "newest")
        return archive.newest(core.PACKAGE.replace("19", series.partition(".")[0]))
    try:
        command = ["git", "ls-remote", core.SOURCE, f"refs/heads/{series}"]
        return system.run(command, "Odoo's repository does not answer")[:40] or None
    except (Failure, OSError):
        return None


def offers(series: str) -> bool:
    """Tell whether there is a series."""
    return bool(newest(series))


def is_newer(offered: str, here: str) -> bool:
    """Compare two versions of Debian's package, or two commits of a branch."""
    if "." not in offered or "." not in here:
        return offered != here
    command = ["dpkg", "--compare-versions", offered, "gt", here]
    return not subprocess.run(command).returncode


def _here(odoo: core.Core) -> str | None:
    """Name what is here, if we fetched it; of another nobody knows how old it is."""
    for folder in odoo.python_path.parents:
        if folder.name.startswith("core-"):
            return folder.name.removeprefix("core-")
    if odoo.python_path == core.CLONE:
        command = ["git", "-C", core.CLONE, "rev-parse", "HEAD"]
        return system.run(command, "The clone of Odoo cannot be read").strip()
    return None


def _run(version: str, expression: str) -> bool:
    """Let bin/test fetch the newest Odoo into a state of its own, and run there."""
    place = FOLDER / version
    for other in FOLDER.glob("*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
    arguments = ["-k", expression] if expression else []
    found = apart.run(place, arguments, {"ODOO_HOME": "", "OMNI_NEWEST": "1"})
    say(found.log.read_text(errors="replace"))
    return not found.failed

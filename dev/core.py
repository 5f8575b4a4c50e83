"""Odoo itself: found on the machine, or Debian's package unpacked in the project."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dev import debian, paths, system
from dev.console import Failure, Step

SERIES = "19.0"
PACKAGE = "odoo-19"
# Odoo's package links into these.
ASSET_PACKAGES = [
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-roboto-unhinted",
    "fonts-inconsolata",
    "fonts-montserrat",
    "fonts-ocr-b",
]
SOURCE = "https://github.com/odoo/odoo"
CLONE = paths.STATE / "source"


@dataclass(frozen=True)
class Core:
    """A usable Odoo: its version, what goes on Python's path, and its addons."""

    version: str
    python_path: Path
    addons: tuple[Path, ...]


def ensure() -> Core:
    """Find Odoo 19, or fetch it: the user's own, else Debian's, else its source.

    With ``OMNI_NEWEST`` set, what the system has is not asked.
    """
    if home := os.environ.get("ODOO_HOME"):
        return _user_core(Path(home).expanduser().resolve())
    if package := _finished("core-*"):
        return _describe(package / "usr/lib/python3/dist-packages")
    if (CLONE / ".complete").exists():
        return _describe(CLONE)
    if not os.environ.get("OMNI_NEWEST") and (installed := _importable()):
        return _describe(_linked(installed))
    if debian.Archive.is_available():
        return _describe(_from_debian() / "usr/lib/python3/dist-packages")
    return _describe(_from_source())


def _describe(python_path: Path) -> Core:
    package = python_path / "odoo"
    release = _release(package)
    addons = [python_path / "addons", package / "addons"]
    if not release:
        raise Failure(f"There is no Odoo in {python_path}.")
    return Core(release, python_path, tuple(path for path in addons if path.is_dir()))


def _release(package: Path) -> str | None:
    """Read the series of an Odoo package from its own file, without importing it."""
    file = package / "release.py"
    if not file.exists():
        return None
    found = re.search(r"^version_info = \((\d+), (\d+)", file.read_text(), re.MULTILINE)
    return f"{found[1]}.{found[2]}" if found else None


def _user_core(home: Path) -> Core:
    for python_path in (home, home / "usr/lib/python3/dist-packages"):
        if (release := _release(python_path / "odoo")) == SERIES:
            return _describe(python_path)
        if release:
            raise Failure(f"ODOO_HOME holds Odoo {release}; Odoo {SERIES} is needed.")
    raise Failure(f"ODOO_HOME is set to {home}, but there is no Odoo in it.")


def _importable() -> Path | None:
    """Find an Odoo of the right series that the system's Python can import."""
    try:
        spec = importlib.util.find_spec("odoo")
    except (ImportError, ValueError):
        return None
    locations = (
        [Path(place) for place in (spec.submodule_search_locations or [])]
        if spec
        else []
    )
    system_wide = Path("/usr/lib/python3/dist-packages/odoo")
    for package in [*locations, system_wide]:
        if _release(package) == SERIES:
            return package
    return None


def _linked(package: Path) -> Path:
    """Offer an installed Odoo alone, without the packages that lie beside it."""
    folder = paths.STATE / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "odoo"
    if link.is_symlink():
        link.unlink()
    link.symlink_to(package)
    return folder


def _finished(pattern: str) -> Path | None:
    done = [mark.parent for mark in paths.STATE.glob(f"{pattern}/.complete")]
    return max(done, default=None)


def _from_debian() -> Path:
    archive = debian.Archive(paths.CACHE / "apt")
    with Step(f"Downloading Odoo {SERIES}", f"Odoo {SERIES} downloaded") as step:
        files = archive.download([PACKAGE, *ASSET_PACKAGES], step)
    version = files[0].name.split("_")[1]
    folder = paths.STATE / f"core-{version}"

    def build(place: Path) -> None:
        for file in files:
            debian.unpack(file, place)
        mend(place / "usr/lib/python3/dist-packages/odoo/addons")

    with Step(f"Unpacking Odoo {SERIES}", f"Odoo {SERIES} unpacked"):
        system.build_once(folder, build)
    shutil.rmtree(archive.folder)
    return folder


def mend(addons: Path) -> None:
    """Replace what Debian took out of Odoo and its pages still ask for.

    Font Awesome 4.7 is not in Debian any more, and the background blur of calls is
    no free software: an empty file stands in for it.
    """
    from xstatic.pkg import font_awesome

    fonts = Path(font_awesome.BASE_DIR) / "fonts"
    for folder in addons.glob("web/static/**/fontawesome/fonts"):
        for file in fonts.iterdir():
            target = folder / file.name
            if target.is_symlink() or not target.exists():
                target.unlink(missing_ok=True)
                shutil.copy(file, target)
    stub = addons / "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    if not stub.exists():
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("// Left out by Debian.\n")
    _mend_links(addons)


def _mend_links(addons: Path) -> None:
    """Point links to moved fonts at the file of the same name, if there is one."""
    share = addons.parents[4] / "share"
    files = {file.name: file for file in share.rglob("*") if file.is_file()}
    for link in addons.rglob("*"):
        if link.is_symlink() and not link.exists():
            name = Path(os.readlink(link)).name
            regular = f"{Path(name).stem}-Regular{Path(name).suffix}"
            if found := files.get(name) or files.get(regular):
                link.unlink()
                link.symlink_to(os.path.relpath(found, link.parent))


def _from_source() -> Path:
    """Clone the official branch, where there is no Debian mirror."""
    if not shutil.which("git"):
        raise Failure(
            f"Odoo {SERIES} was not found: set ODOO_HOME to a folder that holds it."
        )

    def build(place: Path) -> None:
        with tempfile.TemporaryDirectory(dir=paths.STATE) as temporary:
            clone = Path(temporary) / "clone"
            system.run(
                [
                    "git",
                    "clone",
                    "--quiet",
                    "--depth=1",
                    f"--branch={SERIES}",
                    SOURCE,
                    clone,
                ],
                f"Odoo {SERIES} cannot be cloned; set ODOO_HOME to where it is",
            )
            shutil.copytree(clone, place, dirs_exist_ok=True, symlinks=True)

    with Step(f"Cloning Odoo {SERIES}", f"Odoo {SERIES} cloned"):
        system.build_once(CLONE, build)
    return CLONE

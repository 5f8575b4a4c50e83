"""Programs of Debian that a benchmark, or a test on demand, puts beside Odoo.

The machine's own if it has one. Else they are fetched, of the machine's release, and
unpacked into the project: nothing is installed, and no root is needed.
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from dev import debian, paths, system
from dev.console import Failure, Step

LIBRARIES = "usr/lib/x86_64-linux-gnu"


@dataclass(frozen=True)
class Program:
    """What to run, and in which environment it finds its libraries."""

    path: Path
    environment: dict[str, str]


def haproxy() -> Program:
    """Have the proxy that lets requests wait for a worker."""
    libraries = ("liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
    return _ensure("usr/sbin/haproxy", "haproxy", *libraries)


def pgbouncer() -> Program:
    """Have the pool of connections to PostgreSQL."""
    libraries = ("libc-ares2", "libevent-2.1-7", "libpam0g")
    return _ensure("usr/sbin/pgbouncer", "pgbouncer", *libraries)


def faketime() -> Program:
    """Have the library that tells a process another time, once it is preloaded."""
    return _ensure(f"{LIBRARIES}/faketime/libfaketime.so.1", "libfaketime")


def _ensure(file: str, package: str, *libraries: str) -> Program:
    installed = shutil.which(Path(file).name) or Path("/", file)
    if Path(installed).exists():
        return Program(Path(installed), dict(os.environ))
    place = paths.CACHE / "borrowed" / package
    system.build_once(place, lambda folder: _fetch(folder, package, *libraries))
    folders = f"{place / LIBRARIES}:{place / 'lib/x86_64-linux-gnu'}"
    return Program(place / file, os.environ | {"LD_LIBRARY_PATH": folders})


def _fetch(folder: Path, *packages: str) -> None:
    release = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not (release and debian.Archive.is_available()):
        raise Failure(f"Please install what Debian calls {packages[0]}.")
    archive = debian.Archive(folder / "apt", suite=release)
    with Step(f"Downloading {packages[0]}", f"{packages[0]} downloaded") as step:
        for file in archive.download(packages, step):
            debian.unpack(file, folder)
    shutil.rmtree(archive.folder)

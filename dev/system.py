"""The machine: processes, locks, and the packages of the operating system."""

from __future__ import annotations

import ctypes
import ctypes.util
import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.console import Failure, Step, say

# What WeasyPrint loads at run time, and fonts that cover the scripts on an invoice.
PDF_LIBRARIES = {
    "gobject-2.0": "libglib2.0-0",
    "pango-1.0": "libpango-1.0-0",
    "pangoft2-1.0": "libpangoft2-1.0-0",
    "harfbuzz": "libharfbuzz0b",
    "harfbuzz-subset": "libharfbuzz-subset0",
    "fontconfig": "libfontconfig1",
}
FONTS = {
    "truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
    "truetype/noto/NotoSans-Regular.ttf": "fonts-noto-core",
    "truetype/noto/NotoColorEmoji.ttf": "fonts-noto-color-emoji",
}
TEST_PROGRAMS = {"chromium": "chromium", "pdftotext": "poppler-utils"}


def run(
    command: Sequence[str | Path],
    error: str,
    env: Mapping[str, str] | None = None,
    **options: object,
) -> str:
    """Run a program quietly and return what it prints.

    :param error: what to tell when it fails; its own last words are added.
    """
    result = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(env) if env is not None else None,
        **options,
    )
    if result.returncode:
        raise Failure(f"{error} ({last_words(result.stderr or result.stdout)})")
    return result.stdout


def last_words(output: str) -> str:
    """Pick the line of a program's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:"))]
    return (errors or lines or ["no message"])[-1]


def die_with_parent() -> None:
    """Ask the kernel to end this process when the command that started it dies.

    Passed as ``preexec_fn``: even a killed command then leaves no server behind.
    """
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


@contextmanager
def lock(path: Path, waiting: str) -> Iterator[None]:
    """Hold an exclusive lock, telling ``waiting`` once if another command has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_once(folder: Path, build: Callable[[Path], None]) -> None:
    """Have ``build`` fill ``folder`` unless that was finished before.

    The mark written last is what counts: what an interrupted build left is removed
    and built again. It is built in its final place because a virtual environment
    cannot be moved.
    """
    mark = folder / ".complete"
    if mark.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build(folder)
    mark.touch()


def ensure_libraries(tests: bool) -> None:
    """See that PDF rendering, and for tests the browser, find what they need."""
    missing = [
        package
        for library, package in PDF_LIBRARIES.items()
        if not ctypes.util.find_library(library) and not _loads(library)
    ]
    fonts = Path("/usr/share/fonts")
    missing += [name for file, name in FONTS.items() if not (fonts / file).exists()]
    if tests:
        missing += [
            package
            for program, package in TEST_PROGRAMS.items()
            if not shutil.which(program)
        ]
    if missing:
        install_packages(missing)


def _loads(library: str) -> bool:
    """Tell whether the dynamic loader finds a library that ldconfig does not list."""
    try:
        ctypes.CDLL(f"lib{library}.so.0")
    except OSError:
        return False
    return True


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages, or say with which command the user can."""
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        raise Failure(f"Please install what Debian calls: {names}")
    if os.geteuid() != 0:
        raise Failure(
            f"Please run: sudo apt-get install --no-install-recommends {names}"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with Step(f"Installing {names}", f"Installed {names}"):
        run(["apt-get", "update", "-q"], "The package lists cannot be updated", env)
        run(
            ["apt-get", "install", "-qy", "--no-install-recommends", *packages],
            f"The packages {names} cannot be installed",
            env,
        )

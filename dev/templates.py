"""Template databases for tests: built once, copied for each use.

Each is named after a hash of what it was built from, so a change of the addon builds
its template again, and only that one. Its predecessor is dropped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

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
            "bridged": self._bridged,
            "tested": self._tested,
            "queue": self._queue,
            "attacked": self._attacked,
            "suites": self._suites,
            "suites_addon": self._suites_addon,
            "peppol": self._peppol,
            "sale": self._sale,
            "sepa": self._sepa,
            "usage": self._usage,
            "counted": self._counted,
            "wallet": self._wallet,
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

    def _with_addon(self, kind: str, base: str) -> str:
        return self._on(base, kind, addon.installed_files(), build.install_addon)

    def _suites(self) -> str:
        """Have all whose tests are run with the addon and without."""
        install = partial(build.install, modules=["sale_management"])
        return self._on(self._base(), "suites", [], install)

    def _suites_addon(self) -> str:
        return self._with_addon("suites_addon", self._suites())

    def _demo(self) -> str:
        scripts = [paths.SCRIPTS / name for name in ("demo.py", "assets.py")]
        steps = (build.load_demo, build.make_assets)
        return self._on(self._addon(), "demo", scripts, *steps)

    def _bridged(self) -> str:
        """Have the demo with our other addons, and those that they are for."""
        modules = ["sale_management", "account_payment_sepa_direct_debit"]
        modules += [paths.USAGE_ADDON.name, paths.WALLET_ADDON.name]
        scripts = [paths.SCRIPTS / "bridged.py", paths.SCRIPTS / "assets.py"]
        install = partial(build.install, modules=modules)
        steps = (install, build.make_bridged, build.make_assets)
        files = [paths.SEPA_REQUIREMENTS, *scripts]
        return self._on(self._demo(), "bridged", files, *steps)

    def _tested(self) -> str:
        """Have the company that tests in transactions begin with."""
        scripts = [paths.SCRIPTS / "tested.py", paths.ADDON / "tests" / "common.py"]
        return self._on(self._addon(), "tested", scripts, build.make_tested_company)

    def _queue(self) -> str:
        """Have OCA's job queue, with which our addon for it installs itself."""
        install = partial(build.install, modules=["queue_job"])
        return self._on(self._addon(), "queue", [paths.QUEUE_REQUIREMENTS], install)

    def _peppol(self) -> str:
        """Have Odoo's Peppol, with which our addon for it installs itself."""
        install = partial(build.install, modules=["account_peppol"])
        return self._on(self._tested(), "peppol", [], install)

    def _sale(self) -> str:
        """Have Odoo's Sales, with which our addon for it installs itself."""
        install = partial(build.install, modules=["sale_management"])
        return self._on(self._tested(), "sale", [], install)

    def _sepa(self) -> str:
        """Have OCA's SEPA direct debit, with which our addon for it installs itself."""
        install = partial(build.install, modules=["account_payment_sepa_direct_debit"])
        return self._on(self._tested(), "sepa", [paths.SEPA_REQUIREMENTS], install)

    def _usage(self) -> str:
        """Have our addon for usage, which nobody gets unasked."""
        return self._with_usage("usage", self._tested())

    def _counted(self) -> str:
        """Have the same without the company of the tests, for what is measured."""
        return self._with_usage("counted", self._addon())

    def _with_usage(self, kind: str, base: str) -> str:
        install = partial(build.install, modules=[paths.USAGE_ADDON.name])
        return self._on(base, kind, [], install)

    def _wallet(self) -> str:
        """Have our addon for prepaid packs."""
        install = partial(build.install, modules=[paths.WALLET_ADDON.name])
        return self._on(self._tested(), "wallet", [], install)

    def _attacked(self) -> str:
        scripts = [attacked.SCRIPT, paths.ROOT / "dev" / "attacked.py"]
        return self._on(self._addon(), "attacked", scripts, attacked.make)

    def _on(
        self,
        base: str,
        kind: str,
        files: Iterable[Path],
        *steps: Callable[[Workspace, str], None],
    ) -> str:
        """Have what some steps, which depend on files, make of another template."""

        def fill(draft: str) -> None:
            self._databases.copy(base, draft)
            for step in steps:
                step(self._space, draft)

        return self._ensure(kind, addon.digest_of(files, base), fill)

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
            found = re.fullmatch(rf"{PREFIX}_run_\w+_(\d+)(-gw\d+)?", name)
            if found and not os.path.exists(f"/proc/{found[1]}"):
                self._databases.drop(name)

    def _locked(self) -> system.lock:
        return system.lock(paths.TEST_DATA / "templates.lock", WAITING)

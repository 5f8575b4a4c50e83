"""Odoo's own tests, with the addon there and without, in one run.

Both databases have the same modules and are copies of one; each suite is run on copies
of its own. What passes without the addon passes with it, but for what the page of
compatibility lists, with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dev import paths, server
from dev.console import Failure, say
from dev.templates import Templates
from dev.workspace import Workspace

#: What is run of each module: whatever is tested once all modules are loaded. What Odoo
#: tests before is tested where no addon that builds on its module is there.
SUITES = (
    "payment",
    "payment_stripe",
    "account_payment",
    "portal",
    "sale",
    "account",
)
PAGE = paths.ROOT / "docs" / "compatibility.md"

EVENT = re.compile(
    r"^\S+ \S+ \d+ (?:INFO|ERROR) \S+ odoo\.addons\.(\w+)\.tests[\w.]*: "
    r"(Starting|skipped|FAIL:|ERROR:) (?:Subtest )?(\w+)\.(test\w*)",
    re.MULTILINE,
)
LISTED = re.compile(r"^\| `(\w+\.test\w+)` \|", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What a run of a suite came to: the tests by ``Class.test``."""

    passed: frozenset[str]
    failed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, suite: str, log: str) -> Outcome:
        """Read Odoo's log; what was skipped is neither."""
        found: dict[str, set[str]] = {}
        for module, event, group, test in EVENT.findall(log):
            if module == suite:
                found.setdefault(event.rstrip(":"), set()).add(f"{group}.{test}")
        failed = found.get("FAIL", set()) | found.get("ERROR", set())
        passed = found.get("Starting", set()) - failed - found.get("skipped", set())
        return cls(frozenset(passed), frozenset(failed))

    def __str__(self) -> str:
        return f"{len(self.passed)} passed, {len(self.failed)} failed"


@dataclass(frozen=True)
class Suite:
    """A suite of Odoo's, run without the addon and with it."""

    name: str
    without: Outcome
    beside: Outcome

    @property
    def lost(self) -> frozenset[str]:
        """Name what passes without the addon only, whether it fails or never begins."""
        return self.without.passed - self.beside.passed

    def judge(self, listed: Iterable[str]) -> list[str]:
        """Say where this differs from what is listed."""
        listed = frozenset(listed)
        new = (
            f"{name} passes without the addon only, and {PAGE.name} does not say why"
            for name in sorted(self.lost - listed)
        )
        old = (
            f"{name} passes: {PAGE.name} still lists it"
            for name in sorted(listed & self.beside.passed)
        )
        return [*new, *old]


def listed() -> frozenset[str]:
    """Read which tests differ on purpose."""
    return frozenset(LISTED.findall(PAGE.read_text()))


def choose(expression: str) -> list[str]:
    """Choose suites by their names; all of them if none is given."""
    names = expression.replace(",", " ").split()
    if unknown := set(names) - set(SUITES):
        raise Failure(
            f"no such suite: {', '.join(sorted(unknown))}; there are"
            f" {', '.join(SUITES)}"
        )
    return [name for name in SUITES if name in names or not names]


def run(space: Workspace, names: Iterable[str]) -> Iterator[Suite]:
    """Run suites one after the other, and tell of each as it is done."""
    for name in names:
        found = Suite(
            name,
            without=_run(space, "suites", name),
            beside=_run(space, "suites_addon", name),
        )
        say(f"  {name}: {found.without} without the addon; {found.beside} with it")
        yield found


def _run(space: Workspace, kind: str, suite: str) -> Outcome:
    log = f"{kind}-{suite}"
    with Templates(space).copied(kind, kind) as database:
        try:
            space.odoo(
                *(f"--database={database}", f"--test-tags=/{suite},-at_install"),
                *("--stop-after-init", f"--http-port={server.free_port()}"),
                log=log,
            )
        except Failure:
            # It ends so whenever a test fails; which ones is in its log.
            pass
    found = Outcome.of(suite, (paths.LOGS / f"{log}.log").read_text())
    if not found.passed:
        raise Failure(f"no test of {suite} passed (see {paths.LOGS / log}.log)")
    return found


def table(suites: Iterable[Suite]) -> str:
    """Show the counts, as a table for the page."""
    rows = [
        "| Suite | Without: passed | failed | With: passed | failed | Only without |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for suite in suites:
        counts = [
            len(names)
            for run in (suite.without, suite.beside)
            for names in (run.passed, run.failed)
        ]
        cells = " | ".join(map(str, [*counts, len(suite.lost)]))
        rows.append(f"| `{suite.name}` | {cells} |")
    return "\n".join(rows)

"""The parts of bin/test: what each shows, and how it is run."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dev import (
    abroad,
    addon,
    core,
    guests,
    gym,
    lint,
    neighbors,
    newer,
    paths,
    postgres,
    server,
    story,
    telecom,
    upgrade,
    venv,
    versions,
    workspace,
)
from dev.console import Failure, say
from dev.templates import Templates
from dev.workspace import Workspace

#: Without a database; the Stripe of the tests is a package with tests of its own.
UNIT_TESTS = ("tests/unit", "strict_stripe/tests")
E2E_TESTS = "tests/e2e"
FAULT_TESTS = "tests/faults"
ATTACK_TESTS = "tests/attacks"
QUEUE_TESTS = "tests/queue"
LOAD_TESTS = "tests/load"
INSTALLED = [folder.name for folder in paths.ADDONS if folder not in paths.GUEST_ADDONS]
ADDON_TESTS = [f"{name}/tests" for name in INSTALLED]
#: Processes that share a long part, each with a server or a database of its own.
PROCESSES = min(2, os.cpu_count() or 1)
#: Tests that run once more, on a database where all was installed at once.
OWN_TAGS = "omni_install"

#: Odoo loads the demo data of an addon if those that it depends on have theirs.
AS_IF_WITH_DEMO = """
    UPDATE ir_module_module SET demo = TRUE WHERE state = 'installed';
    UPDATE res_lang SET active = (code = 'en_US')
"""

NOTHING_COLLECTED = 5
# A test that waits outside Python, for a browser or a child process, may never see the
# signal that is to end it. This ends all of pytest and shows where each thread was;
# each file of tests is named as it begins.
HARD_TIMEOUT = ("-v", "--timeout-method=thread")
#: Most that a test with a browser may take; the slowest takes one minute.
E2E_SECONDS = 240
OWN_RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests when loading")
#: Where pytest begins to say what is wrong.
COMPLAINTS = re.compile(r"^=+ (?:ERRORS|FAILURES) =+$", re.MULTILINE)


@dataclass
class Result:
    """What a part of the tests came to, or has come to so far."""

    part: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    remark: str = ""
    #: What each test took, in seconds.
    tests: dict[str, float] = field(default_factory=dict)
    #: Why each test failed that did, in a line.
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, part: str, verdicts: Mapping[str, bool]) -> Result:
        """Count each verdict as a test; the bad ones are named."""
        bad = [name for name, is_good in verdicts.items() if not is_good]
        passed = len(verdicts) - len(bad)
        return cls(part, passed=passed, failed=len(bad), remark=", ".join(bad))

    @property
    def is_good(self) -> bool:
        """Tell whether all was run and passed."""
        return not (self.failed or self.skipped or self.remark)

    def add(self, other: Result) -> Result:
        """Add what another command of the same part came to."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.remark = self.remark or other.remark
        self.tests |= other.tests
        self.failures |= other.failures
        return self


@dataclass(frozen=True)
class Choice:
    """Which tests of a part to run, and how."""

    expression: str = ""
    is_first: bool = False
    is_output: bool = False
    #: Where random properties begin.
    seed: int = field(default_factory=lambda: random.randrange(2**32))


class Runner:
    """Runs parts.

    :param space: where their databases are.
    :param is_beside: whether others run at the same time; then pytest writes to a
        file, of which only complaints are shown.
    """

    def __init__(
        self, choice: Choice, odoo: core.Core, space: Workspace, is_beside: bool
    ) -> None:
        self._choice = choice
        self._core = odoo
        self._space = space
        self._is_beside = is_beside

    def run(self, part: str) -> Result:
        """Run one part, timed."""
        start = time.monotonic()
        try:
            result = PARTS[part](self)
        except Failure as failure:
            print(f"✗ {failure}", file=sys.stderr, flush=True)
            result = Result(part, failed=1, remark="could not run")
        result.seconds = time.monotonic() - start
        if not (result.passed or result.failed) and not self._choice.expression:
            result.remark = result.remark or "no test found"
        return result

    # === Parts === #

    def lint(self) -> Result:
        """Count each rule as a test."""
        return Result.of("lint", lint.check())

    def unit(self) -> Result:
        """Test what needs no database."""
        return self._pytest_unit("unit")

    def addon(self) -> Result:
        """Test the models, in transactions that are rolled back."""
        return self._pytest_odoo(
            "addon",
            *ADDON_TESTS,
            f"--ignore-glob={paths.ROOT}/*/tests/test_http_*",
            *self._share(),
            "--dist=loadscope",
        )

    def http(self) -> Result:
        """Test the pages, with a server inside the test process."""
        files = sorted(paths.ROOT.glob("omni_billing*/tests/test_http_*.py"))
        return self._pytest_odoo("http", "--odoo-http", *map(str, files))

    def own(self) -> Result:
        """Install all at once and test a handful, in Odoo's own runner; no warning.

        With its demo data, by Odoo's own loader, where English is the only language.
        """
        with Templates(self._space).copied("base", "own") as database:
            with self._space.databases.cursor(database) as cursor:
                cursor.execute(AS_IF_WITH_DEMO)
            try:
                self._space.odoo(
                    *(f"--database={database}", f"--init={addon.NAME}", "--with-demo"),
                    *(f"--test-tags={OWN_TAGS}", "--stop-after-init"),
                    f"--http-port={server.free_port()}",
                    log="own",
                )
            except Failure as failure:
                return _read_own_log(str(failure))
        return _read_own_log()

    def abroad(self) -> Result:
        """Found companies in some countries, and bill a customer in each."""
        return Result.of("abroad", abroad.check(self._space, everywhere=False))

    def world(self) -> Result:
        """Do so in each country whose chart of accounts Odoo ships."""
        expression = self._choice.expression
        verdicts = abroad.check(self._space, everywhere=True, expression=expression)
        return Result.of("world", verdicts)

    def story(self) -> Result:
        """Tell the story of bin/run, and see that it comes to what it claims."""
        return Result.of("story", story.check(self._space))

    def gym(self) -> Result:
        """Live through twelve months of a gym, and compare all that keeps count."""
        return Result.of("gym", gym.check(self._space))

    def telecom(self) -> Result:
        """Live through a month of a telecom, twice, and compare what comes of it."""
        return Result.of("telecom", telecom.check(self._space))

    def upgrade(self) -> Result:
        """Update a database of the version before, which loses nothing."""
        return Result.of("upgrade", upgrade.check(self._space))

    def queue(self) -> Result:
        """Bill on several workers, with OCA's job queue and without mercy."""
        space = workspace.with_path(self._space, venv.ensure_queue())
        template = Templates(space).ensure("queue")
        models = self._pytest_odoo(
            "queue", f"{paths.QUEUE_ADDON.name}/tests", space=space, kind="queue"
        )
        environment = {**space.environment, "OMNI_QUEUE_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_queue", *HARD_TIMEOUT)
        return models.add(self._pytest("queue", environment, *options, QUEUE_TESTS))

    def load(self) -> Result:
        """Bill, charge and write to many customers, while all that can breaks."""
        space = workspace.with_path(self._space, venv.ensure_queue())
        environment = {
            **space.environment,
            "OMNI_ADDON_TEMPLATE": Templates(space).ensure("addon"),
            "OMNI_QUEUE_TEMPLATE": Templates(space).ensure("queue"),
        }
        options = ("-p", "no:odoo", "-p", "dev.pytest_load", "-v", "-s")
        options += ("--timeout=0", "-o", "faulthandler_timeout=0")
        # As a server in use: without statistics, queries are planned for few rows.
        with postgres.vacuuming(space.environment):
            return self._pytest("load", environment, *options, LOAD_TESTS)

    def peppol(self) -> Result:
        """Send e-invoices by Odoo's Peppol, whose access point is a double."""
        tests = f"{paths.PEPPOL_ADDON.name}/tests"
        return self._pytest_odoo("peppol", tests, kind="peppol")

    def sale(self) -> Result:
        """Bill what is ordered and delivered in Odoo's Sales."""
        tests = f"{paths.SALE_ADDON.name}/tests"
        return self._pytest_odoo("sale", tests, kind="sale")

    def sepa(self) -> Result:
        """Collect by SEPA, with the addons of OCA for it; its pages, too."""
        return self._pytest_sepa("sepa", "--odoo-http")

    def usage(self) -> Result:
        """Take in usage, once each."""
        return self._pytest_usage("usage", "--odoo-http")

    def wallet(self) -> Result:
        """Sell packs, use them, and see that the books say what is left."""
        tests = f"{paths.WALLET_ADDON.name}/tests"
        return self._pytest_odoo("wallet", "--odoo-http", tests, kind="wallet")

    def e2e(self) -> Result:
        """Drive a browser on a real server."""
        left = "bridges" if self._choice.expression else "again or bridges"
        return self._e2e("e2e", "-m", f"not ({left})")

    def again(self) -> Result:
        """Tell stories in a browser whose parts other tests hold."""
        return self._e2e("again", "-m", "again")

    def bridges(self) -> Result:
        """Tell in a browser what our other addons are for, all installed in one."""
        space = workspace.with_path(self._space, venv.ensure_sepa())
        return self._e2e("bridges", "-m", "bridges", space=space, kind="bridged")

    def _e2e(
        self,
        part: str,
        *chosen: str,
        space: Workspace | None = None,
        kind: str = "demo",
    ) -> Result:
        space = space or self._space
        template = Templates(space).ensure(kind)
        environment = {**space.environment, "OMNI_DEMO_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_e2e", *HARD_TIMEOUT)
        options += (f"--timeout={E2E_SECONDS}", *chosen)
        return self._pytest(part, environment, *options, E2E_TESTS)

    def attacks(self) -> Result:
        """Try every door that is not ours, over HTTP, as each kind of person."""
        template = Templates(self._space).ensure("attacked")
        environment = {**self._space.environment, "OMNI_ATTACKED_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_attacks", *HARD_TIMEOUT)
        options += self._share()
        return self._pytest("attacks", environment, *options, ATTACK_TESTS)

    def faults(self) -> Result:
        """Break charges and refunds in every way, on a real server."""
        return self._faults("faults")

    def compare(self) -> Result:
        """Break those of plain payment_stripe as well, and print what comes of it."""
        template = Templates(self._space).ensure("base")
        return self._faults("compare", OMNI_BASE_TEMPLATE=template)

    def signatures(self) -> Result:
        """Fail where Odoo changed what verdicts were given on; see `test_doors.py`."""
        environment = {**self._space.environment, "OMNI_PEERS": "1"}
        space = replace(self._space, environment=environment)
        tests = "omni_billing/tests/test_doors.py"
        return self._pytest_odoo("signatures", tests, space=space)

    def peers(self) -> Result:
        """Run Odoo's own tests with the addon and without; what differs is listed."""
        names = guests.choose(self._choice.expression)
        found = list(guests.run(self._space, names))
        complaints = [one for suite in found for one in suite.judge(guests.listed())]
        for complaint in complaints:
            say(f"✗ {complaint}")
        say(guests.table(found))
        passed = sum(len(suite.beside.passed) for suite in found)
        return Result("peers", passed=passed, failed=len(complaints))

    def beside(self) -> Result:
        """Install what many Odoos have, and do with the addon there what it is for."""
        verdicts = neighbors.check(self._space, self._choice.expression)
        return Result.of("beside", verdicts)

    def versions(self) -> Result:
        """Run a few tests on each Python and PostgreSQL that can be had."""
        verdicts = versions.check(self._core, self._choice.expression)
        return Result.of("versions", verdicts)

    def next(self) -> Result:
        """Run the default selection on a newer Odoo, where there is one."""
        return Result.of("next", newer.check(self._core, self._choice.expression))

    def deep(self) -> Result:
        """Try properties at random, thousands of times; faults with events at any time.

        What fails is kept in ``.hypothesis``, and tried first the next time.
        """
        seed = self._choice.seed
        say(f"The seed is {seed}; again with it: bin/test deep --seed {seed}")
        options = (
            *("-m", "hypothesis", "--hypothesis-profile=deep"),
            # It may take long, and Python 3.11 may crash when it tells where it is.
            *("--timeout=0", "-o", "faulthandler_timeout=0"),
            *(f"--hypothesis-seed={seed}", "--hypothesis-show-statistics"),
        )
        found = self._pytest_unit("deep", *options)
        found = found.add(self._pytest_odoo("deep", *options, *ADDON_TESTS))
        found = found.add(self._pytest_sepa("deep", *options))
        found = found.add(self._pytest_usage("deep", *options))
        return found.add(self._faults("deep", OMNI_FAULT_SWEEPS="all"))

    # === Commands === #

    def _share(self) -> tuple[str, ...]:
        """Have several processes share the tests of a part that is run in whole."""
        is_whole = not (self._choice.expression or self._choice.is_output)
        return (f"--numprocesses={PROCESSES}",) if is_whole else ()

    def _pytest_unit(self, part: str, *options: str) -> Result:
        environment = {**os.environ, "PYTHONPATH": str(self._core.python_path)}
        return self._pytest(part, environment, "-p", "no:odoo", *options, *UNIT_TESTS)

    def _pytest_odoo(
        self,
        part: str,
        *arguments: str,
        space: Workspace | None = None,
        kind: str = "tested",
    ) -> Result:
        space = space or self._space
        with Templates(space).copied(kind, part) as database:
            options = (f"--odoo-database={database}", "--odoo-log-level=warn")
            return self._pytest(part, space.environment, *options, *arguments)

    def _pytest_sepa(self, part: str, *options: str) -> Result:
        space = workspace.with_path(self._space, venv.ensure_sepa())
        tests = f"{paths.SEPA_ADDON.name}/tests"
        return self._pytest_odoo(part, *options, tests, space=space, kind="sepa")

    def _pytest_usage(self, part: str, *options: str) -> Result:
        space = workspace.with_path(self._space, venv.ensure_sftp())
        tests = f"{paths.USAGE_ADDON.name}/tests"
        return self._pytest_odoo(part, *options, tests, space=space, kind="usage")

    def _faults(self, part: str, **more: str) -> Result:
        template = Templates(self._space).ensure("addon")
        environment = {**self._space.environment, "OMNI_ADDON_TEMPLATE": template}
        options = ("-p", "no:odoo", "-p", "dev.pytest_faults", *HARD_TIMEOUT)
        return self._pytest(part, {**environment, **more}, *options, FAULT_TESTS)

    def _pytest(
        self, part: str, environment: dict[str, str], *arguments: str
    ) -> Result:
        counts = counts_of(part)
        counts.parent.mkdir(parents=True, exist_ok=True)
        counts.unlink(missing_ok=True)
        choice = self._choice
        command = [sys.executable, "-m", "pytest", "-p", "dev.pytest_counts"]
        command += arguments
        command += ["-k", choice.expression] if choice.expression else []
        command += ["-x"] * choice.is_first + ["-s"] * choice.is_output
        environment = {**environment, "OMNI_TEST_COUNTS": str(counts)}
        if not self._is_beside:
            code = subprocess.run(command, env=environment, cwd=paths.ROOT).returncode
            return _read_end(part, code)
        log = paths.LOGS / f"{part}.log"
        with log.open("w") as output:
            code = subprocess.run(
                command,
                env=environment,
                cwd=paths.ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ).returncode
        result = _read_end(part, code)
        if not result.is_good:
            text = log.read_text(errors="replace")
            found = COMPLAINTS.search(text)
            say(text[found.start() if found else 0 :])
        return result


def counts_of(part: str) -> Path:
    """Name the file in which pytest counts."""
    return paths.LOGS / f"{part}.json"


def read_counts(part: str) -> tuple[Result, str]:
    """Read what pytest has counted so far, and which test is running."""
    try:
        found = json.loads(counts_of(part).read_text())
    except FileNotFoundError:
        return Result(part), ""
    running = found.pop("running")
    return Result(part, **found), running


def _read_end(part: str, code: int) -> Result:
    """Read what pytest counted; a crash before its end is a failure."""
    result, running = read_counts(part)
    if running:
        result.failed += 1
        result.remark = f"pytest ended in {running} with code {code}"
    elif code not in (0, NOTHING_COLLECTED) and not result.failed:
        result.failed = 1
        result.remark = f"pytest ended with code {code}"
    elif result.skipped:
        result.remark = "skipped tests count as a failure"
    return result


def _read_own_log(failure: str = "") -> Result:
    """Count by the closing line of Odoo's log, and show all that it complains of."""
    log = (paths.LOGS / "own.log").read_text()
    complaints = workspace.complaints(log)
    for line in complaints:
        say(line)
    total = bad = 0
    for found in OWN_RESULT.finditer(log):
        bad, total = int(found[1]) + int(found[2]), int(found[3])
    result = Result("own", passed=total - bad, failed=bad)
    if not bad and (complaints or failure):
        result.failed = 1
        result.remark = failure or f"{len(complaints)} complaints in the log"
    return result


#: In the order in which they begin: what needs no database, while one is made; then
#: the longest, so that at the end no lane waits for another.
PARTS: dict[str, Callable[[Runner], Result]] = {
    "e2e": Runner.e2e,
    "lint": Runner.lint,
    "unit": Runner.unit,
    "addon": Runner.addon,
    "faults": Runner.faults,
    "http": Runner.http,
    "attacks": Runner.attacks,
    "queue": Runner.queue,
    "sale": Runner.sale,
    "sepa": Runner.sepa,
    "usage": Runner.usage,
    "wallet": Runner.wallet,
    "peppol": Runner.peppol,
    "own": Runner.own,
    "upgrade": Runner.upgrade,
    "abroad": Runner.abroad,
    "compare": Runner.compare,
    "signatures": Runner.signatures,
    "world": Runner.world,
    "peers": Runner.peers,
    "beside": Runner.beside,
    "versions": Runner.versions,
    "load": Runner.load,
    "again": Runner.again,
    "bridges": Runner.bridges,
    "story": Runner.story,
    "gym": Runner.gym,
    "telecom": Runner.telecom,
    "next": Runner.next,
    "deep": Runner.deep,
}
#: Only when asked for: long, and of use when money, properties or peers change.
ON_DEMAND = {
    "compare",
    "signatures",
    "world",
    "peers",
    "beside",
    "versions",
    "load",
    "again",
    "bridges",
    "story",
    "gym",
    "telecom",
    "next",
    "deep",
}
#: Cannot choose among their tests.
WHOLE = {
    "lint",
    "own",
    "upgrade",
    "abroad",
    "world",
    "beside",
    "story",
    "gym",
    "telecom",
}

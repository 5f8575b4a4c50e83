"""bin/test: run the tests, all of them or the named parts."""

from __future__ import annotations

import argparse
import os
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dev import core, coverage_report, parts, paths, workspace
from dev.console import Step, say
from dev.parts import Choice, Result, Runner

TESTS = True
CORE = True

#: A pseudo part: all of the default run, or the parts named with it, measured.
COVERAGE = "coverage"
NAMES = [*parts.PARTS, COVERAGE]
#: Parts that run side by side.
LANES = min(2, os.cpu_count() or 1)
#: Seconds between two lines that tell how far it is.
PAUSE = 60
SLOWEST = 10


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read which parts to run."""
    parser = argparse.ArgumentParser(prog="bin/test", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(NAMES))
    parser.add_argument(
        "-k",
        dest="expression",
        default="",
        help="only tests that match, as in pytest",
    )
    parser.add_argument(
        "-x", dest="first", action="store_true", help="stop at a failure"
    )
    parser.add_argument(
        "-s", dest="output", action="store_true", help="show what tests print"
    )
    parser.add_argument(
        "--slowest",
        type=int,
        default=SLOWEST,
        metavar="N",
        help="show so many of the slowest tests",
    )
    parser.add_argument(
        "--lanes", type=int, default=LANES, metavar="N", help="parts side by side"
    )
    parser.add_argument("--seed", type=int, help="where deep begins")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(NAMES):
        parser.error(
            f"no such part: {', '.join(unknown)}; there are {', '.join(NAMES)}"
        )
    options.coverage = COVERAGE in options.parts
    options.parts = [name for name in options.parts if name != COVERAGE]
    if not options.parts:
        # A part that cannot choose among its tests is left out when -k does.
        options.parts = [
            name
            for name in parts.PARTS
            if name not in parts.ON_DEMAND
            and (not options.expression or name not in parts.WHOLE)
        ]
    return options


def main(options: argparse.Namespace) -> int:
    """Run the parts, in lanes, and sum up."""
    odoo = core.ensure()
    seed = {} if options.seed is None else {"seed": options.seed}
    choice = Choice(options.expression, options.first, options.output, **seed)
    names = [name for name in parts.PARTS if name in options.parts]
    lanes = min(options.lanes, len(names))
    if options.coverage:
        coverage_report.begin()
    start = time.monotonic()
    with workspace.opened(odoo, paths.TEST_DATA, durable=False) as space:
        runner = Runner(choice, odoo, space, is_beside=lanes > 1)
        results = Lanes(runner, names, lanes, options.first).run()
    _summarize(names, results, options.slowest, time.monotonic() - start)
    if options.coverage:
        coverage_report.show()
    return 0 if all(result.is_good for result in results) else 1


class Lanes:
    """Runs parts side by side: whoever is done takes the next."""

    def __init__(
        self, runner: Runner, names: Sequence[str], lanes: int, is_first: bool
    ) -> None:
        self._runner = runner
        self._lanes = lanes
        self._is_first = is_first
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            self._waiting.put(name)
        self._running: dict[str, float] = {}
        self._results: list[Result] = []
        self._start = time.monotonic()
        self._is_over = threading.Event()

    def run(self) -> list[Result]:
        """Run them all, or until one fails if that is wished."""
        if self._lanes == 1:
            self._work()
            return self._results
        Step.is_shared = True
        clock = threading.Thread(target=self._tell, daemon=True)
        clock.start()
        with ThreadPoolExecutor(self._lanes) as pool:
            working = [pool.submit(self._work) for _lane in range(self._lanes)]
        self._is_over.set()
        clock.join()
        for lane in working:
            lane.result()  # what went wrong in it is raised here
        return self._results

    def _work(self) -> None:
        while not self._is_stopped():
            try:
                name = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._running[name] = time.monotonic()
            say(f"\n── {name} (after {self._minutes():.1f} min) ──")
            result = self._runner.run(name)
            del self._running[name]
            self._results.append(result)
            if self._lanes > 1:
                mark = "✓" if result.is_good else "✗"
                say(f"{mark} {name}: {_describe(result)}")

    def _is_stopped(self) -> bool:
        return self._is_first and any(not result.is_good for result in self._results)

    def _tell(self) -> None:
        while not self._is_over.wait(PAUSE):
            told = " · ".join(_follow(name) for name in list(self._running))
            say(f"  {self._minutes():.0f} min: {told}")

    def _minutes(self) -> float:
        return (time.monotonic() - self._start) / 60


def _follow(name: str) -> str:
    result, running = parts.read_counts(name)
    done = result.passed + result.failed + result.skipped
    return f"{name} {done}" + (f" ({running.rpartition('/')[2]})" if running else "")


def _describe(result: Result) -> str:
    told = f"{result.passed} passed, {result.failed} failed"
    return f"{told} in {result.seconds:.0f} s {result.remark}".rstrip()


def _summarize(
    names: Sequence[str], results: list[Result], slowest: int, seconds: float
) -> None:
    results.sort(key=lambda result: names.index(result.part))
    tests = [
        (took, result.part, test.rpartition("/")[2])
        for result in results
        for test, took in result.tests.items()
    ]
    if tests and slowest:
        say(f"\n{'seconds':>9}  slowest tests")
        for took, part, test in sorted(tests, reverse=True)[:slowest]:
            say(f"{took:>9.1f}  {part}: {test}")
    say(f"\n{'part':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for one in results:
        counts = f"{one.passed:>8}{one.failed:>8}{one.skipped:>9}"
        say(f"{one.part:<10}{counts}{one.seconds:>9.1f}  {one.remark}".rstrip())
    for one in results:
        for test, reason in one.failures.items():
            say(f"\n✗ {one.part}: {test}\n  {reason}")
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    say(f"\nAfter {seconds / 60:.1f} minutes:")
    say(f"{passed} passed, {failed} failed")

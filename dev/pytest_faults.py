"""A pytest plugin for tests/faults: Odoo in processes that can be killed, and a Stripe.

At the end it prints what became of the money in each fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dev import core, paths
from dev.templates import PREFIX
from dev.workspace import Workspace
from strict_stripe import SECRET_KEY, StripeServer
from tests.faults.harness import Subject

#: The template of the database, and the jobs, the one that works on events first.
SUBJECTS = {
    "ours": (
        "OMNI_ADDON_TEMPLATE",
        ("process_events", "ask_stripe", "post_process", "detach_cards"),
    ),
    "plain": ("OMNI_BASE_TEMPLATE", ("post_process",)),
}
FILE = paths.STATE / "faults.md"


@pytest.fixture(scope="session")
def stripe() -> Iterator[StripeServer]:
    """Run a Stripe."""
    with StripeServer() as server:
        yield server


@pytest.fixture(scope="session")
def subjects(stripe: StripeServer) -> Iterator[dict[str, Subject]]:
    """Load Odoo, with Omni Billing and, to compare, without."""
    with ExitStack() as stack:
        loaded = {}
        for name, (template, jobs) in SUBJECTS.items():
            if template in os.environ:
                loaded[name] = _load(stack, stripe, name, template)
                loaded[name].jobs = jobs
        for subject in loaded.values():
            _set_up(subject, stripe)
        yield loaded


@pytest.fixture(scope="session")
def runs(stripe: StripeServer) -> Iterator[Subject]:
    """Load Odoo on a database of its own, for all that is not about one card."""
    with ExitStack() as stack:
        subject = _load(stack, stripe, "runs", "OMNI_ADDON_TEMPLATE")
        _set_up(subject, stripe)
        yield subject


def _load(stack: ExitStack, stripe: StripeServer, name: str, template: str) -> Subject:
    """Begin to load Odoo on a copy of a database."""
    workspace = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
    folder = Path(stack.enter_context(TemporaryDirectory()))
    database = f"{PREFIX}_run_faults_{name}_{os.getpid()}"
    workspace.databases.copy(os.environ[template], database)
    stack.callback(workspace.databases.drop, database)
    parameters = {
        "omni_billing.stripe_api_base": stripe.url,
        "omni_billing.stripe_js_url": stripe.js_url,
        # All customers are at one address here.
        "omni_billing.limit_payment_address": "off",
    }
    workspace.databases.set_parameters(database, parameters)
    subject = Subject(name, workspace, database, folder)
    stack.callback(subject.close)
    return subject


def _set_up(subject: Subject, stripe: StripeServer) -> None:
    """Make the company and its people, once Odoo is loaded."""
    subject.wait_until_ready()
    values = {"stripe_url": stripe.url, "key": SECRET_KEY}
    subject.users = subject.run("set_up", **values).expect()
    if subject.name != "plain":
        subject.users |= subject.run("people.set_up").expect()
    subject.warm_up()


def pytest_sessionstart() -> None:
    """Keep only the table of this session."""
    FILE.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> dict:
    """Give where outcomes are noted: by fault, operation and subject."""
    return request.config.stash.setdefault(REPORT, {})


REPORT: pytest.StashKey[dict] = pytest.StashKey()


HEADS = {
    "ours": "Omni Billing",
    "plain": "payment_stripe, events late",
    "plain_prompt": "payment_stripe, events at once",
}
TOLD = "left to a person"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what became of the money, and write a shorter table to a file."""
    found = terminalreporter.config.stash.get(REPORT, {})
    if not found:
        return
    subjects = [name for name in HEADS if any(name in row for row in found.values())]
    sums = [_sum_up(found, name) for name in subjects]
    terminalreporter.write_line("")
    for line in [*_table(found, subjects), "", *sums]:
        terminalreporter.write_line(line)
    lines = [*_short_table(found, subjects), "", *(f"- {line}" for line in sums)]
    FILE.write_text("\n".join(lines) + "\n")


def _table(found: dict, subjects: list[str]) -> Iterator[str]:
    """Write a row for each fault of each kind."""
    cells = [f"{HEADS[name]}: Stripe | booked | outcome" for name in subjects]
    yield f"| fault | of | {' | '.join(cells)} |"
    for (fault, operation), row in found.items():
        cells = []
        for name in subjects:
            one = row.get(name) or {"stripe": "", "booked": "", "outcome": "crashed"}
            cells += [one["stripe"], one["booked"], one["outcome"]]
        yield f"| {fault} | {operation} | {' | '.join(cells)} |"


def _short_table(found: dict, subjects: list[str]) -> Iterator[str]:
    """Write a row for each fault: what was wrong of which kind, if anything."""
    yield f"| fault | {' | '.join(HEADS[name] for name in subjects)} |"
    yield "|" + " --- |" * (1 + len(subjects))
    for fault in dict.fromkeys(fault for fault, _operation in found):
        rows = {key[1]: row for key, row in found.items() if key[0] == fault}
        cells = [
            _short_cell({kind: row[name] for kind, row in rows.items() if name in row})
            for name in subjects
        ]
        yield f"| {fault} | {' | '.join(cells)} |"


def _short_cell(outcomes: dict[str, dict[str, str]]) -> str:
    kinds: dict[str, list[str]] = {}
    for kind, one in outcomes.items():
        text = one["outcome"]
        if text == "ok":
            text = "✓"
        elif one["stripe"] and not text.startswith(TOLD):
            text = f"✗ {text} (Stripe {one['stripe']}, booked {one['booked']})"
        kinds.setdefault(text, []).append(kind)
    if len(kinds) == 1:
        return next(iter(kinds))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in kinds.items())


def _sum_up(found: dict, name: str) -> str:
    ran = [row[name] for row in found.values() if row.get(name, {}).get("stripe")]
    told = sum(one["outcome"].startswith(TOLD) for one in ran)
    good = sum(one["outcome"] == "ok" for one in ran)
    wrong = len(ran) - good - told
    return (
        f"{HEADS[name]}: {len(ran)} runs, {good} right, {told} left to a person,"
        f" {wrong} wrong"
    )

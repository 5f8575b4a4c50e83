"""A pytest plugin for tests/attacks: a real server of two companies, and a Stripe.

All attacks are on one server; each has invoices of its own. After each, what Stripe
took and what is booked are compared. At the end, what was tried is written to a table.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from dev import core, paths, server
from dev.templates import PREFIX
from dev.workspace import Workspace
from strict_stripe import PUBLISHABLE_KEY, SECRET_KEY, StripeServer
from tests.attacks.people import Person
from tests.attacks.world import PASSWORD, World

if TYPE_CHECKING:
    import stripe as stripe_sdk

FILE = paths.STATE / "attacks.md"
SCRIPT = paths.SCRIPTS / "attacked.py"
CUSTOMERS = ("acme", "globex", "hidden")
#: In which events of payment_stripe are shaped.
EVENT_VERSION = "2019-05-16"
#: No job runs by itself, and no mail leaves the machine.
OPTIONS = ("--workers=0", "--max-cron-threads=0", "--smtp-port=9")


@pytest.fixture(scope="session")
def stripe() -> Iterator[StripeServer]:
    """Run a Stripe, which keeps its events until they are asked for."""
    with StripeServer() as fake:
        fake.hold_webhooks()
        yield fake


@pytest.fixture(scope="session")
def api(stripe: StripeServer) -> stripe_sdk.V1Services:
    """Give Stripe's own library, as who has the secret key."""
    import stripe as sdk

    return sdk.StripeClient(SECRET_KEY, base_addresses={"api": stripe.url}).v1


@pytest.fixture(scope="session")
def whole_world(stripe: StripeServer, api: stripe_sdk.V1Services) -> Iterator[World]:
    """Make the two companies, and serve them for the whole session."""
    workspace = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
    databases = workspace.databases
    database = f"{PREFIX}_run_attacks_{os.getpid()}"
    databases.copy(os.environ["OMNI_ADDON_TEMPLATE"], database)
    port = server.free_port()
    parameters = {
        "web.base.url": f"http://localhost:{port}",
        "web.base.url.freeze": "True",
        "omni_billing.stripe_api_base": stripe.url,
        "omni_billing.stripe_js_url": stripe.js_url,
    }
    databases.set_parameters(database, parameters)
    try:
        printed = workspace.script(
            database,
            SCRIPT,
            stripe={"publishable": PUBLISHABLE_KEY, "secret": SECRET_KEY},
            password=PASSWORD,
            cards={name: _save_card(api, name) for name in CUSTOMERS},
        )
        ids = json.loads(printed.splitlines()[-1])
        options = {"port": port, "log": "attacks"}
        with (
            server.serving(workspace, database, *OPTIONS, **options) as odoo,
            databases.cursor(database) as cursor,
        ):
            stripe.add_webhook(
                f"{odoo.url}/payment/stripe/webhook", api_version=EVENT_VERSION
            )
            yield World(odoo, databases, cursor, stripe, ids)
    finally:
        databases.drop(database)


def _save_card(api: stripe_sdk.V1Services, name: str) -> tuple[str, str]:
    customer = api.customers.create({"name": name}).id
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    return customer, card


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """Give the world, and see afterwards that no money is where it should not be."""
    whole_world.begin_attack()
    yield whole_world
    whole_world.stripe.clear_faults()
    whole_world.check()
    whole_world.stripe.check()


@pytest.fixture
def who(world: World, request: pytest.FixtureRequest) -> Person:
    """Give the person that a test names, to try it as each of several."""
    return world.person(request.param)


# === THE TABLE === #

REPORT: pytest.StashKey[dict[str, bool]] = pytest.StashKey()


def title_of(item: pytest.Item) -> str:
    """Read in its docstring what an attack tries."""
    text = inspect.getdoc(item.function) or item.name
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note whether an attack was held off, by everybody who tried it."""
    report = yield
    found = item.config.stash.setdefault(REPORT, {})
    if report.when == "call" or report.failed:
        title = title_of(item)
        found[title] = found.get(title, True) and report.passed
    return report


def pytest_sessionstart() -> None:
    """Keep only the table of this session."""
    FILE.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write what was tried, and whether it was held off."""
    found = terminalreporter.config.stash.get(REPORT, {})
    if not found:
        return
    lines = ["| tried | held |", "| --- | --- |"]
    lines += [f"| {title} | {'✓' if held else '✗'} |" for title, held in found.items()]
    FILE.write_text("\n".join(lines) + "\n")

"""A pytest plugin for tests/attacks: a real server of two companies, and a Stripe.

All attacks of a process are on one server; each has invoices of its own. After each,
what Stripe took and what is booked are compared. At the end, what was tried is written
to a table.

Where several processes share the attacks, each has its own world: a Stripe, a copy of
the database and a server. The two companies in it are made once (`dev.attacked`).
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from dev import attacked, core, paths, server
from dev.pytest_counts import is_worker
from dev.templates import PREFIX
from dev.workspace import Workspace
from strict_stripe import SECRET_KEY, StripeServer
from tests.attacks.people import Person
from tests.attacks.world import World

if TYPE_CHECKING:
    import stripe as stripe_sdk

FILE = paths.STATE / "attacks.md"
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
    """Copy the two companies, and serve them for the whole session."""
    workspace = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
    databases = workspace.databases
    template = os.environ["OMNI_ATTACKED_TEMPLATE"]
    database = f"{PREFIX}_run_attacks_{os.getpid()}"
    databases.copy(template, database)
    port = server.free_port()
    parameters = {
        "web.base.url": f"http://localhost:{port}",
        "web.base.url.freeze": "True",
        "omni_billing.stripe_api_base": stripe.url,
        "omni_billing.stripe_js_url": stripe.js_url,
    }
    databases.set_parameters(database, parameters)
    ids = json.loads(databases.note(template))
    sessions = {
        login: attacked.open_session(workspace, database, login, **values)
        for login, values in ids["sessions"].items()
    }
    # Its own log: another process may be at work beside it.
    log = f"attacks-{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"
    try:
        with databases.cursor(database) as cursor:
            for name in attacked.CUSTOMERS:
                _give_card(cursor, ids, name, *_save_card(api, name))
            options = {"port": port, "log": log}
            with server.serving(workspace, database, *OPTIONS, **options) as odoo:
                stripe.add_webhook(
                    f"{odoo.url}/payment/stripe/webhook", api_version=EVENT_VERSION
                )
                yield World(odoo, databases, cursor, stripe, ids, sessions)
    finally:
        databases.drop(database)


def _save_card(api: stripe_sdk.V1Services, name: str) -> tuple[str, str]:
    customer = api.customers.create({"name": name}).id
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    return customer, card


def _give_card(cursor, ids: dict, name: str, customer: str, card: str) -> None:
    """Have the card that a customer saved be one of this Stripe."""
    cursor.execute(
        "UPDATE omni_billing_stripe_customer SET reference = %s WHERE partner_id = %s",
        [customer, ids["partners"][name]],
    )
    cursor.execute(
        "UPDATE payment_token SET provider_ref = %s, stripe_payment_method = %s"
        " WHERE id = %s",
        [customer, card, ids["tokens"][name]],
    )


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

#: The property of a report that says what was tried.
TITLE = "attack"


def title_of(item: pytest.Item) -> str:
    """Read in its docstring what an attack tries."""
    text = inspect.getdoc(item.function) or item.name
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each report, which may come from another process, say what was tried."""
    for item in items:
        item.user_properties.append((TITLE, title_of(item)))


class Table:
    """What was tried, as it stands in the tests, and whether it was held off."""

    def __init__(self) -> None:
        self._held: dict[str, bool] = {}
        self._places: dict[str, tuple[str, int]] = {}

    def pytest_sessionstart(self) -> None:
        """Keep only the table of this session."""
        FILE.unlink(missing_ok=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether an attack was held off, by everybody who tried it."""
        title = dict(report.user_properties).get(TITLE)
        if title and (report.when == "call" or report.failed):
            self._held[title] = self._held.get(title, True) and report.passed
            file, line, _name = report.location
            self._places[title] = (file, line or 0)

    def pytest_terminal_summary(self) -> None:
        """Write what was tried, and whether it was held off."""
        if not self._held:
            return
        lines = ["| tried | held |", "| --- | --- |"]
        for title in sorted(self._held, key=self._places.__getitem__):
            lines.append(f"| {title} | {'✓' if self._held[title] else '✗'} |")
        FILE.write_text("\n".join(lines) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Write the table where all reports come together."""
    if not is_worker(config):
        config.pluginmanager.register(Table())

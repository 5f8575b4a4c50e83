"""A pytest plugin for tests/queue: Odoo with workers and OCA's job queue, for real."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dev import core, paths, server
from dev.templates import PREFIX
from dev.workspace import Workspace, with_path
from strict_stripe import SECRET_KEY, StripeServer
from tests.fakes.smtp_server import SmtpServer
from tests.queue import steps
from tests.queue.office import Office

CHANNELS = f"root:{steps.JOBS},root.omni_billing:{steps.JOBS}"
ADDONS = paths.ROOT / "tests" / "queue" / "addons"


@pytest.fixture(scope="session")
def stripe() -> Iterator[StripeServer]:
    """Run a Stripe."""
    with StripeServer() as found:
        yield found


@pytest.fixture(scope="session")
def letterbox() -> Iterator[SmtpServer]:
    """Run a mail server."""
    with SmtpServer() as found:
        yield found


@pytest.fixture(scope="session")
def office(stripe: StripeServer, letterbox: SmtpServer) -> Iterator[Office]:
    """Run Odoo with several workers, on a database with the addon for the queue."""
    space = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
    # Odoo's processes find this project's tests.
    space = with_path(space, paths.ROOT)
    database = f"{PREFIX}_run_queue_{os.getpid()}"
    space.databases.copy(os.environ["OMNI_QUEUE_TEMPLATE"], database)
    try:
        space.databases.set_parameters(
            database,
            {
                "omni_billing.stripe_api_base": stripe.url,
                "omni_billing.stripe_js_url": stripe.js_url,
            },
        )
        found = Office(space, database)
        try:
            # Time passes when a test says so. In a new database each scheduled action
            # has its first turn still to come, whenever the server gets to it.
            found.do("UPDATE ir_cron SET nextcall = now() + interval '1 day'")
            # It loads while the server does.
            with _serving(space, database) as running:
                found.run(
                    "set_up",
                    stripe_url=stripe.url,
                    key=SECRET_KEY,
                    smtp_port=letterbox.port,
                )
                yield found
                # Nothing of it is kept, and each worker takes seconds to end in peace.
                running.kill()
        finally:
            found.close()
    finally:
        space.databases.drop(database)


@contextmanager
def _serving(space: Workspace, database: str) -> Iterator[server.Server]:
    # The queue asks the server, over HTTP, to do each job.
    port = server.free_port()
    space.environment["ODOO_QUEUE_JOB_CHANNELS"] = CHANNELS
    space.environment["ODOO_QUEUE_JOB_PORT"] = str(port)
    addons = (*space.core.addons, paths.ROOT, ADDONS)
    with server.serving(
        space,
        database,
        *(f"--workers={steps.WORKERS}", "--max-cron-threads=1"),
        f"--limit-time-real={steps.HELD_SECONDS}",
        f"--addons-path={','.join(map(str, addons))}",
        "--load=base,web,queue_job,small_steps",
        f"--gevent-port={server.free_port()}",
        port=port,
        log="queue-server",
    ) as running:
        yield running

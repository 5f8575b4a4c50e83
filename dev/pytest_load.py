"""A pytest plugin for tests/load: Odoo with workers on a database server of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dev import core, paths, server
from dev.postgres import Cluster
from dev.templates import PREFIX
from dev.workspace import Workspace, with_path
from strict_stripe import SECRET_KEY, StripeServer
from tests.fakes.smtp_server import SmtpServer
from tests.load.town import Town
from tests.queue.office import Office

WORKERS = 2
CRONS = 2


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    """Run Odoo, with a Stripe and a mail server, in a world that can be broken."""
    space = Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))
    # Odoo's processes find this project's tests.
    space = with_path(space, paths.ROOT)
    database = f"{PREFIX}_run_load_{os.getpid()}"
    space.databases.copy(os.environ["OMNI_ADDON_TEMPLATE"], database)
    try:
        with StripeServer() as stripe, SmtpServer() as letterbox:
            space.databases.set_parameters(
                database, {"omni_billing.stripe_api_base": stripe.url}
            )
            office = Office(space, database)
            try:
                office.do("UPDATE ir_cron SET nextcall = now() + interval '1 day'")
                office.run(
                    "set_up",
                    stripe_url=stripe.url,
                    key=SECRET_KEY,
                    smtp_port=letterbox.port,
                )
                with server.serving(
                    space,
                    database,
                    *(f"--workers={WORKERS}", f"--max-cron-threads={CRONS}"),
                    f"--gevent-port={server.free_port()}",
                    port=server.free_port(),
                    log="load-server",
                ) as running:
                    cluster = Cluster(paths.TEST_DATA / "postgres", durable=False)
                    yield Town(space, database, office, stripe, letterbox, cluster)
                    running.kill()
            finally:
                office.close()
    finally:
        space.databases.drop(database)

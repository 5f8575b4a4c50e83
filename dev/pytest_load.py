"""A pytest plugin for tests/load: Odoo on hosts of its own, in a world that breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace

import pytest

from dev import core, paths
from dev.postgres import Cluster
from dev.templates import PREFIX
from dev.workspace import Workspace, with_path
from strict_stripe import SECRET_KEY, StripeServer
from tests.fakes.smtp_server import SmtpServer
from tests.load.plan import Plan, small_disk
from tests.load.town import Town
from tests.queue.office import Office

TEMPLATES = {"addon": "OMNI_ADDON_TEMPLATE", "queue": "OMNI_QUEUE_TEMPLATE"}


@pytest.fixture(scope="module")
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    """Run what the module's ``PLAN`` says, with a Stripe and a mail server."""
    plan: Plan = request.module.PLAN
    here = with_path(
        Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ)),
        # Odoo's processes find this project's tests.
        paths.ROOT,
    )
    database = f"{PREFIX}_run_load_{os.getpid()}"
    here.databases.copy(os.environ[TEMPLATES[plan.kind]], database)
    with ExitStack() as stack:
        stack.callback(here.databases.drop, database)
        stripe = stack.enter_context(StripeServer())
        letterbox = stack.enter_context(SmtpServer())
        here.databases.set_parameters(
            database, {"omni_billing.stripe_api_base": stripe.url}
        )
        with here.databases.cursor(database) as cursor:
            # What a server of tests does without, a power cut would take along.
            cursor.execute(f'ALTER DATABASE "{database}" SET synchronous_commit TO on')
            cursor.execute("UPDATE ir_cron SET nextcall = now() + interval '1 day'")
        files = here.data / "filestore" / database
        disk = small_disk(files, plan.disk_mb) if plan.disk_mb else nullcontext()
        disk = stack.enter_context(disk)
        cluster = Cluster(paths.TEST_DATA / "postgres", durable=False)
        postgres = stack.enter_context(plan.way(cluster))
        environment = {**here.environment, "PGHOST": str(postgres.folder)}
        space = replace(here, environment=environment)
        office = Office(space, database)
        stack.callback(office.close)
        office.run(
            "set_up", stripe_url=stripe.url, key=SECRET_KEY, smtp_port=letterbox.port
        )
        found = Town(space, database, office, stripe, letterbox, postgres, disk)
        stack.callback(found.close)
        for name, host in plan.hosts.items():
            found.start(name, host, plan)
        yield found

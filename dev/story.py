"""The story that bin/run tells, and what goes with it: a Stripe of the tests.

The Stripe is on this machine alone, and is for a database that has its keys: those of
the story. Who enters keys of an own account is left alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import paths, venv
from dev.console import Step, say
from dev.templates import Templates
from dev.workspace import Workspace
from strict_stripe import SECRET_KEY, WEBHOOK_SECRET, StripeServer

SCRIPT = paths.SCRIPTS / "story.py"
CHECK = paths.SCRIPTS / "story_check.py"
#: Whether the database has the keys of the story.
KEY = """
    SELECT 1 FROM payment_provider
    WHERE code = 'stripe' AND state = 'test' AND stripe_secret_key = %s
"""
#: Who has entered other keys is at Stripe itself, and not at ours of an earlier start.
LEAVE = """
    DELETE FROM ir_config_parameter
    WHERE key IN ('omni_billing.stripe_api_base', 'omni_billing.stripe_js_url')
      AND value LIKE 'http://127.0.0.1:%'
"""


def tell(space: Workspace, database: str, until: str = "") -> str:
    """Let a company live for 14 months in a database that has none of it.

    :param until: the last day, as text; today if there is none.
    :return: what Odoo complained of meanwhile, if anything.
    """
    forget(space, database)
    what = "14 months of a telecom"
    with Step(f"Telling {what}", f"{what} told"), _running(space, database) as stripe:
        arguments = {"stripe": stripe.url, "control": stripe.control_url}
        return space.script(database, SCRIPT, **arguments, until=until)


def check(space: Workspace) -> dict[str, bool]:
    """Tell the story in a database of its own; tell what holds of what it claims."""
    with Templates(space).copied("addon", "story") as database:
        try:
            complaints = tell(space, database)
            # As bin/run does when it is started again: Stripe goes on where it was.
            with stripe_beside(space, database):
                claims = json.loads(space.script(database, CHECK).splitlines()[-1])
        finally:
            forget(space, database)
    if complaints.strip():
        say(complaints)
    return {"no complaint in the log": not complaints.strip(), **claims}


@contextmanager
def stripe_beside(space: Workspace, database: str) -> Iterator[StripeServer | None]:
    """Run the Stripe of a database, if it has the keys of the story."""
    with space.databases.cursor(database) as cursor:
        cursor.execute(KEY, [SECRET_KEY])
        is_ours = bool(cursor.fetchone())
        if not is_ours:
            cursor.execute(LEAVE)
    if not is_ours:
        yield None
        return
    with _running(space, database) as stripe:
        where = {
            "omni_billing.stripe_api_base": stripe.url,
            "omni_billing.stripe_js_url": stripe.js_url,
        }
        space.databases.set_parameters(database, where)
        yield stripe


def listen(stripe: StripeServer, url: str) -> None:
    """Have Stripe tell Odoo what happens."""
    stripe.add_webhook(f"{url}/payment/stripe/webhook", secret=WEBHOOK_SECRET)


def rename(space: Workspace, source: str, target: str) -> None:
    """Give what Stripe keeps for a database to another name of it."""
    file = _get_file(space, source)
    if file.exists():
        file.replace(_get_file(space, target))


def forget(space: Workspace, database: str) -> None:
    """Let go of what Stripe keeps for a database."""
    _get_file(space, database).unlink(missing_ok=True)


def _get_file(space: Workspace, database: str) -> Path:
    return space.data / f"stripe-{database}"


@contextmanager
def _running(space: Workspace, database: str) -> Iterator[StripeServer]:
    # Its packages are beside the environment, where the test tools are not.
    if more := venv.ensure_stripe():
        os.environ["PYTHONPATH"] = str(more)
    with StripeServer(keep=_get_file(space, database)) as stripe:
        yield stripe

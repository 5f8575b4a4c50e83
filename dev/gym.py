"""Twelve months of a gym in simulated time: every member right to the cent."""

from __future__ import annotations

import json
import os

from dev import paths, venv
from dev.console import say
from dev.templates import Templates
from dev.workspace import Workspace
from strict_stripe import StripeServer

SCRIPT = paths.SCRIPTS / "gym.py"
SEED = 33


def check(space: Workspace, seed: int = SEED) -> dict[str, bool]:
    """Live through the year in a database of its own; tell what holds at its end."""
    if more := venv.ensure_stripe():
        os.environ["PYTHONPATH"] = str(more)
    with Templates(space).copied("addon", "gym") as database, StripeServer() as stripe:
        where = {"stripe": stripe.url, "control": stripe.control_url}
        *complaints, claims = space.script(
            database, SCRIPT, **where, seed=seed
        ).splitlines()
    for complaint in complaints:
        say(complaint)
    return {"no complaint in the log": not complaints, **json.loads(claims)}

"""The world of tests/attacks: two companies with their people, made once for all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time

from dev import paths
from dev.console import Step
from dev.workspace import Workspace
from strict_stripe import PUBLISHABLE_KEY, SECRET_KEY

SCRIPT = paths.SCRIPTS / "attacked.py"
#: Who has a saved card.
CUSTOMERS = ("acme", "globex", "hidden")
#: Everybody's.
PASSWORD = "open sesame"


def make(workspace: Workspace, database: str) -> None:
    """Make the companies, and note on the database what ids their records have.

    Their cards are at no Stripe yet: each copy has a Stripe of its own.
    """
    with Step("Making the companies to attack", "Companies to attack made"):
        printed = workspace.script(
            database,
            SCRIPT,
            stripe={"publishable": PUBLISHABLE_KEY, "secret": SECRET_KEY},
            password=PASSWORD,
            cards={name: (f"cus_{name}", f"pm_{name}") for name in CUSTOMERS},
        )
    workspace.databases.set_note(database, printed.splitlines()[-1])


def open_session(
    workspace: Workspace,
    database: str,
    login: str,
    *,
    uid: int,
    context: dict,
    key: str,
) -> str:
    """Log somebody in as Odoo does once it has looked at the password.

    To look at one takes a third of a second, on purpose, for each who logs in.

    :param key: what Odoo signs that person's sessions with.
    :return: the cookie ``session_id``.
    """
    sid = base64.urlsafe_b64encode(os.urandom(63)).decode()
    values = {
        "context": context,
        "create_time": time.time(),
        "db": database,
        "debug": "",
        "login": login,
        "session_token": hmac.new(
            key.encode(), sid.encode(), hashlib.sha256
        ).hexdigest(),
        "uid": uid,
        "_trace": [],
    }
    file = workspace.data / "sessions" / sid[:2] / sid
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(json.dumps(values))
    return sid

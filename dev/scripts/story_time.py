"""The time of the story: the process, the database and Stripe are on the same day."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from datetime import datetime, timezone
from unittest.mock import patch

from freezegun import freeze_time

#: PostgreSQL's own now(), for what is written by SQL: found before that of the system.
NOW = """
    CREATE SCHEMA story;
    CREATE FUNCTION story.now() RETURNS timestamptz STABLE LANGUAGE sql AS $$
        SELECT coalesce(
            nullif(current_setting('story.now', TRUE), '')::timestamptz,
            pg_catalog.now())
    $$;
    SET search_path TO story, public, pg_catalog
"""


class Letterbox:
    """A mail server that takes everything, and shows it to nobody."""

    smtp_from = from_filter = None

    def quit(self) -> None:
        """End nothing."""


class Clock:
    """Goes from one day of the story to the next, and never back."""

    def __init__(self, env: object, stripe: object, end: datetime) -> None:
        self._env = env
        self._stripe = stripe
        self.end = end
        self._stack = ExitStack()
        self._frozen = None

    def __enter__(self) -> Clock:
        server = type(self._env["ir.mail_server"])
        patches = {
            "_connect__": lambda *_args, **_values: Letterbox(),
            "send_email": lambda _self, message, *_args, **_values: message[
                "Message-Id"
            ],
        }
        for name, stand_in in patches.items():
            self._stack.enter_context(patch.object(server, name, stand_in))
        self._env.cr.execute(NOW)
        # Nothing of a database that is not there yet has to outlive the machine.
        self._env.cr.execute("SET synchronous_commit TO off")
        self._env.cr.commit()
        self._frozen = self._stack.enter_context(freeze_time(self.end))
        # Nearly all that there is stays: to look through it again and again costs much.
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        self._env.cr.rollback()
        self._env.cr.execute(
            "SET search_path TO DEFAULT; DROP SCHEMA story CASCADE;"
            " SET synchronous_commit TO DEFAULT"
        )
        self._stripe.be_at(None)

    def go_to(self, moment: datetime) -> None:
        """Keep what was done, and go on at another moment, in UTC."""
        self._env.cr.commit()
        self._frozen.move_to(moment)
        seconds = int(moment.replace(tzinfo=timezone.utc).timestamp())
        self._stripe.be_at(seconds)
        told = f"{moment:%Y-%m-%d %H:%M:%S}+00"
        self._env.cr.execute("SELECT set_config('story.now', %s, FALSE)", [told])
        self._env.cr.commit()
        self._env.invalidate_all()

"""Let one at a time work on something, across the commits of whoever does.

A row lock ends with the next commit, and who moves money commits in between. So another
connection holds an advisory lock of PostgreSQL meanwhile; it ends with the block, or
with the process.
"""

from contextlib import contextmanager

from psycopg2.errors import LockNotAvailable

from odoo import modules

#: Space of these locks; the second half of each is a hash of the name.
LOCK_SPACE = 0x0B112
#: What another does first takes a call to Stripe at most, with its second try.
MAX_SECONDS = 90


class HeldError(Exception):
    """Somebody else works on it, for longer than one may wait."""


@contextmanager
def hold(env, *names):
    """Wait until nobody else holds these names, and hold them for the block.

    Who waited still sees what was true before: write on a row that the other has
    written, and PostgreSQL says so.

    :param str names: in an order that all keep.
    :raise HeldError: if another takes too long.
    """
    if modules.module.current_test:
        # Tests have one connection, and nobody to wait for.
        yield
        return
    with env.registry.cursor() as cr:
        cr.execute("SELECT set_config('lock_timeout', %s, true)", [f"{MAX_SECONDS}s"])
        for name in names:
            try:
                cr.execute(
                    "SELECT pg_advisory_xact_lock(%s, hashtext(%s))",
                    [LOCK_SPACE, name],
                    log_exceptions=False,
                )
            except LockNotAvailable as error:
                raise HeldError(name) from error
        yield

"""The one place that commits and opens savepoints: money is about to move, or just has.

A commit ends all savepoints: what was done in them lasts, whatever comes of the block,
and the end of the block fails. So nothing is committed in one. Two things see to it:

- Our own savepoints are counted, for each cursor, and `commit` refuses while one is
  open; so does the cursor, to Odoo's methods that commit by themselves. This is so in
  tests as well, where nothing is ever committed. Savepoints of tests do not count: what
  is in a test is always in one.
- Savepoints of others are not ours to count. PostgreSQL knows of them, whoever opened
  them, and is asked before each real commit: only outside of all of them can a snapshot
  be exported. The file that this writes is gone with the commit.
"""

import logging
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from psycopg2.errors import ActiveSqlTransaction

from odoo import modules
from odoo.exceptions import UserError
from odoo.service.model import (
    MAX_TRIES_ON_CONCURRENCY_FAILURE,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

from ..exceptions import GatewayError

_logger = logging.getLogger(__name__)

#: How often what came of a call is written again, if others write at the same time.
MAX_TRIES = 10
#: How many of our savepoints are open, by cursor.
_open = WeakKeyDictionary()


class SavepointError(RuntimeError):
    """Something commits that was called in a savepoint: to be mended in the code."""


@contextmanager
def savepoint(env):
    """Undo the block alone if it fails; nothing in it can commit.

    What has to be committed for it, as what became of an earlier charge, comes before.
    """
    cr = env.cr
    _open[cr] = _open.get(cr, 0) + 1
    try:
        with _refusing(cr), cr.savepoint():
            yield
    finally:
        _open[cr] -= 1


@contextmanager
def _refusing(cr):
    """Have the cursor refuse what would end the savepoint behind our back."""
    names = ("commit", "rollback")
    before = {name: vars(cr)[name] for name in names if name in vars(cr)}
    vars(cr).update(dict.fromkeys(names, _refuse))
    try:
        yield
    finally:
        for name in names:
            del vars(cr)[name]
        vars(cr).update(before)


def _refuse():
    raise SavepointError(
        "This commits, or undoes everything, and it was called in a savepoint, which"
        " would end with it. Nothing was charged, sent or committed. Call it before the"
        " savepoint, or without one."
    )


def check_can_commit(env):
    """Check it before something is done outside that has to be committed after.

    :raise SavepointError: if a savepoint is open, ours or another.
    """
    check_no_savepoint(env)
    if modules.module.current_test:
        return
    try:
        env.cr.execute("SELECT pg_export_snapshot()", log_exceptions=False)
    except ActiveSqlTransaction:
        _refuse()


def check_no_savepoint(env):
    """Check that none of our own savepoints is open: what follows may commit.

    :raise SavepointError: if one is.
    """
    if _open.get(env.cr):
        _refuse()


def commit(env):
    """Make what was done so far last, whatever comes next (promise 1).

    Before a call that moves money, the attempt has to survive a crash; after it, so
    does its outcome. In tests of Odoo's own kind, which undo everything, it only
    writes to the database.

    :raise SavepointError: if a savepoint is open; then nothing is committed.
    """
    env.flush_all()
    check_can_commit(env)
    if not modules.module.current_test:
        env.cr.commit()  # pylint: disable=invalid-commit


def rollback(env):
    """Undo what was done since the last commit, as far as it is really committed.

    :raise SavepointError: if one of our savepoints is open.
    """
    check_no_savepoint(env)
    if modules.module.current_test:
        env.clear()
    else:
        env.cr.rollback()


def commit_progress(env, processed=0, remaining=None):
    """Commit a step of a job, and tell Odoo's scheduler how far the job is.

    :return: the seconds that are left for this run of the job.
    :raise SavepointError: if a savepoint is open; then nothing is committed.
    """
    env.flush_all()
    check_can_commit(env)
    if modules.module.current_test:
        return float("inf")
    return env["ir.cron"]._commit_progress(processed, remaining=remaining)


def retry(env, step):
    """Do a step of a job, again if others were writing on the same rows.

    Everything since the last commit is undone before.
    """
    for number in range(1, MAX_TRIES_ON_CONCURRENCY_FAILURE + 1):
        try:
            result = step()
            env.flush_all()
            return result
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            if number == MAX_TRIES_ON_CONCURRENCY_FAILURE:
                raise
            _logger.info("Done again after a conflict: %s", error)
            rollback(env)
    return None


def insist(env, write):
    """Write what came of a call outside, and commit it, whoever else is writing.

    Odoo runs a request again after a conflict. One that has charged a card or sent a
    message must not be: only what came of it is written again, or else it is left for
    the job that asks for lost answers.

    :param write: may be called several times; everything since the last commit is
        undone before.
    """
    for _number in range(MAX_TRIES):
        try:
            write()
            commit(env)
            return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
            rollback(env)
            _logger.info("Written again after a conflict: %s", error)
    _logger.warning("Too many conflicts: what came of a call is left for later")


def step_alone(env, step, name):
    """Do a step of a job; if it fails, it is logged, and the others go on.

    Everything since the last commit is undone then.

    :param str name: of what it is about, for the log.
    :return: what went wrong, or None.
    """
    try:
        step()
        env.flush_all()
    except (GatewayError, UserError) as error:
        rollback(env)
        _logger.warning("Left for the next time: %s: %s", name, error)
        return error
    except Exception as error:  # one must not hold up all others
        rollback(env)
        _logger.exception("Left for the next time: %s", name)
        return error
    return None

"""The one place that commits: where money is about to move, or just has."""

import logging

from odoo import modules
from odoo.service.model import (
    MAX_TRIES_ON_CONCURRENCY_FAILURE,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

_logger = logging.getLogger(__name__)


def commit(env):
    """Make what was done so far last, whatever comes next (design §5.1).

    Before a call that moves money, the attempt has to survive a crash; after it, so
    does its outcome. In tests of Odoo's own kind, which undo everything, it only
    writes to the database.
    """
    env.flush_all()
    if not modules.module.current_test:
        env.cr.commit()  # pylint: disable=invalid-commit


def rollback(env):
    """Undo what was done since the last commit, as far as it is really committed."""
    if modules.module.current_test:
        env.clear()
    else:
        env.cr.rollback()


def commit_progress(env, processed=0, remaining=None):
    """Commit a step of a job, and tell Odoo's scheduler how far the job is.

    :return: the seconds that are left for this run of the job.
    """
    env.flush_all()
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

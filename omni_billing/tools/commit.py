"""The one place that commits: where money is about to move, or just has."""

from odoo import modules


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

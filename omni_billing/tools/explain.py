"""Say in words why a step of a job failed."""

from odoo.exceptions import UserError


def explain(env, error):
    """Return the message of an error, for staff; of a bug, what kind it is as well."""
    if isinstance(error, UserError):
        return str(error)
    return env._(
        "Something is broken: %(error)s", error=f"{type(error).__name__}: {error}"
    )

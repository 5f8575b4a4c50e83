"""Customers who begin something at once; runs in a fork of ``worker``."""

from __future__ import annotations

from odoo.exceptions import UserError

from tests.faults.worker import wrap

#: So long that none comes back while a test runs.
STEP = 3600


def stop_at(registry, step, stop):
    """Have a process stop when it has counted, and not committed that."""
    if step != "counted":
        raise ValueError(step)
    wrap(registry["omni.billing.limit"], "_count", after=lambda _self: stop(step))


def begin(env, key, at_once):
    """Begin something that is counted."""
    with env["omni.billing.limit"]._open() as limits:
        limits._count("payment", key, at_once, STEP)


def begin_in_vain(env, **values):
    """Begin something that fails afterwards."""
    begin(env, **values)
    raise UserError("It failed.")  # pylint: disable=missing-gettext

"""Look things up once for all records that are worked on together."""

from contextlib import contextmanager

_KEY = "omni_billing_memo"


class Memo:
    """What was looked up. Odoo compares contexts often, and value by value: an object
    that is equal to itself alone costs nothing there, a dict would.
    """

    def __init__(self):
        self.found = {}


@contextmanager
def remembering(records):
    """Give the records in a context in which :func:`remember` remembers.

    Within another such block it goes on with what that one remembers.
    """
    if isinstance(records.env.context.get(_KEY), Memo):
        yield records
        return
    memo = Memo()
    try:
        yield records.with_context(**{_KEY: memo})
    finally:
        # What is remembered leads back here: it would wait for the garbage collector.
        memo.found.clear()


def remember(env, key, find):
    """Return ``find()``, called once for the key where ``env`` remembers."""
    memo = env.context.get(_KEY)
    if not isinstance(memo, Memo):
        return find()
    if key not in memo.found:
        memo.found[key] = find()
    return memo.found[key]

"""Look things up once for all records that are worked on together."""

from contextlib import contextmanager

_KEY = "omni_billing_memory"


class Memory:
    """What was looked up. Odoo compares contexts often, and value by value: an object
    that is equal to itself alone costs nothing there, a dict would.
    """

    def __init__(self):
        self.found = {}


@contextmanager
def remembering(records):
    """Give the records in a context in which :func:`remember` remembers."""
    memory = Memory()
    try:
        yield records.with_context(**{_KEY: memory})
    finally:
        # What is remembered leads back here: it would wait for the garbage collector.
        memory.found.clear()


def remember(env, key, find):
    """Return ``find()``, called once for the key where ``env`` remembers."""
    memory = env.context.get(_KEY)
    if not isinstance(memory, Memory):
        return find()
    if key not in memory.found:
        memory.found[key] = find()
    return memory.found[key]

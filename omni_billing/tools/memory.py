"""Look things up once for all records that are worked on together."""

_KEY = "omni_billing_memory"


class Memory:
    """What was looked up. Odoo compares contexts often, and value by value: an object
    that is equal to itself alone costs nothing there, a dict would.
    """

    def __init__(self):
        self.found = {}


def remembering(records):
    """Return the records in a context in which :func:`remember` remembers."""
    return records.with_context(**{_KEY: Memory()})


def remember(env, key, find):
    """Return ``find()``, called once for the key where ``env`` remembers."""
    memory = env.context.get(_KEY)
    if not isinstance(memory, Memory):
        return find()
    if key not in memory.found:
        memory.found[key] = find()
    return memory.found[key]

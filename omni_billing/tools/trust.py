"""Mark the calls that may touch what users may not.

State and links of a transaction change only through business methods. A context key
alone would be no protection, since a client chooses its context; but no client can
send this very Python object.
"""

_TRUSTED = object()
_KEY = "omni_billing_trusted"


def trust(records):
    """Return the records in a context that may write protected fields."""
    return records.with_context(**{_KEY: _TRUSTED})


def without_defaults(records, names):
    """Return the records in a context that has no default of these fields.

    A client chooses its context, and a default would slip past a check of values.
    """
    context = {
        key: value
        for key, value in records.env.context.items()
        if key.removeprefix("default_") not in names
    }
    return records.with_context(context)  # pylint: disable=context-overridden


def is_trusted(env):
    """Whether the environment was made by :func:`trust`."""
    return env.context.get(_KEY) is _TRUSTED

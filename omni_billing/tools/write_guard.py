"""The write guard: business methods write what users may not.

State and links of a transaction change only through business methods. Each `write`
that guards something asks :func:`is_trusted`. Two things make it true: the records were
marked for one write (:func:`trust`), or a step of Odoo's own is under way
(:func:`trusting`). Neither is to be left to who called: a method that returns records,
or gives them to a hook, does so in the environment that it was called with.
"""

from contextlib import contextmanager
from weakref import WeakKeyDictionary

from odoo.tools.misc import clean_context

# A context key alone would be no protection, since a client chooses its context; but no
# client can send this very Python object.
_TRUSTED = object()
_KEY = "omni_billing_trusted"
#: How many steps are under way, by cursor.
_steps = WeakKeyDictionary()


def trust(records):
    """Return the records in a context that may write protected fields.

    For the write at hand: what is called with them, or gets them, may do it too.
    """
    return records.with_context(**{_KEY: _TRUSTED})


@contextmanager
def trusting(env):
    """Let a step of Odoo's write what belongs to it, as posting writes the state.

    Other addons take part in such a step. They get the records as they were given, and
    none that may still write protected fields when the step is over.
    """
    cr = env.cr
    _steps[cr] = _steps.get(cr, 0) + 1
    try:
        yield
    finally:
        _steps[cr] -= 1


def without_defaults(records, names):
    """Return the records in a context that has no default of these fields.

    A client chooses its context, and a default would slip past a check of values.
    """
    context = {
        key: value
        for key, value in records.env.context.items()
        if key.removeprefix("default_") not in names
    }
    if len(context) == len(records.env.context):
        return records
    return records.with_context(context)  # pylint: disable=context-overridden


def without_any_default(records):
    """Return the records in a context without defaults.

    For what the server makes, with more rights than who called has: nobody who called
    chose its values, by whatever name.
    """
    return records.with_context(clean_context(records.env.context))  # pylint: disable=context-overridden


def is_trusted(env):
    """Whether what is written now is written by a business method."""
    return env.context.get(_KEY) is _TRUSTED or bool(_steps.get(env.cr))

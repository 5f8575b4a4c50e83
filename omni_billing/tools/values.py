"""Check what a program sent, before anything is computed from it.

The web client sends what fits. A program may send anything that JSON can say, and the
ORM and the database answer that with errors of their own: a program is told 500, and
not what is wrong. Here it is told.
"""

import json
import math
from collections.abc import Mapping
from datetime import date

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.models import BaseModel

from ..const import MAX_ID, MAX_TITLE_LENGTH

#: Greater numbers are nobody's: a double does not hold their cents.
MAX_NUMBER = 10**15
#: Characters of a value that are shown in a message.
MAX_SHOWN = 40
#: Texts of which others say that they are too long, and what to do.
TITLES = {"name", "title"}
#: Commands of x2many fields (`odoo.fields.Command`).
COMMANDS = range(7)


def check_new(model, vals_list):
    """Check what records are created from, with what the context proposes.

    :raise ValidationError: see `check_values`.
    """
    defaults = {
        key.removeprefix("default_"): value
        for key, value in model.env.context.items()
        if key.startswith("default_") and key.removeprefix("default_") in model._fields
    }
    check_values(model, defaults)
    for values in vals_list if isinstance(vals_list, list | tuple) else [vals_list]:
        check_values(model, values)


def check_values(model, values):
    """Check names and values of fields, as `create` and `write` take them.

    :raise ValidationError: if there is no such field, it does not take the value, or a
        text of one line is longer than `MAX_TITLE_LENGTH`.
    """
    env = model.env
    if not isinstance(values, Mapping):
        raise ValidationError(
            env._(
                "Values of %(model)s are an object with the names of fields, not"
                " %(value)s.",
                model=model._name,
                value=_show(values),
            )
        )
    for name, value in values.items():
        field = model._fields.get(name)
        if field is None:
            raise ValidationError(
                env._(
                    "%(model)s has no field “%(name)s”.",
                    model=model._name,
                    name=_show(name),
                )
            )
        # The ORM takes an empty text for nothing, whatever the field.
        if value is None or value is False or value == "" or fits(env, field, value):
            if field.type == "char" and name not in TITLES:
                check_length(env, field, value)
            continue
        raise ValidationError(
            env._(
                "“%(field)s” (%(name)s) does not take %(value)s.",
                field=field._description_string(env),
                name=name,
                value=_show(value),
            )
        )


def check_length(env, field, value):
    """Check that a text of one line can be kept, and called a journal item.

    :param field: that it is of, for the message.
    :raise ValidationError: if it is longer than `MAX_TITLE_LENGTH`.
    """
    length = len(str(value or ""))
    if length > MAX_TITLE_LENGTH:
        raise ValidationError(
            env._(
                "“%(field)s” has %(length)s characters, more than the %(maximum)s"
                " allowed.",
                field=field._description_string(env),
                length=length,
                maximum=MAX_TITLE_LENGTH,
            )
        )


def check_text(env, value):
    """Check a text that a program sent.

    :raise ValidationError: if it is none, or one that the database cannot keep.
    """
    if value and not is_text(value):
        raise ValidationError(env._("%(value)s is no text.", value=_show(value)))


def is_text(value):
    """Whether the database can keep it as a text: no NUL, no half of a character."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.encode(errors="ignore") == value.encode(errors="replace")


def is_number(value):
    """Whether it is a number, or the text of one, that can be computed with."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return False
    return math.isfinite(number) and abs(number) < MAX_NUMBER


def is_id(value):
    return type(value) is int and 0 < value <= MAX_ID


def fits(env, field, value):
    """Whether a field takes a value that a program sent."""
    check = CHECKS.get(field.type)
    return check(env, field, value) if check else True


def _fits_text(_env, _field, value):
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return is_text(value) or is_plain


def _fits_selection(env, field, value):
    return isinstance(value, str) and value in field.get_values(env)


def _fits_number(_env, _field, value):
    return is_number(value)


def _fits_integer(_env, _field, value):
    if isinstance(value, str):
        value = int(value) if value.lstrip("-").isdecimal() and len(value) < 12 else ""
    return type(value) is int and abs(value) <= MAX_ID


def _fits_date(_env, field, value):
    if not isinstance(value, str):
        return isinstance(value, date)
    parse = fields.Date.to_date if field.type == "date" else fields.Datetime.to_datetime
    try:
        return bool(parse(value))
    except ValueError:
        return False


def _fits_many2one(_env, _field, value):
    return isinstance(value, BaseModel) or is_id(value)


def _fits_x2many(_env, _field, value):
    if isinstance(value, BaseModel):
        return True
    return isinstance(value, list | tuple) and all(map(_is_command, value))


def _is_command(command):
    if is_id(command):
        return True
    if not isinstance(command, list | tuple) or not 1 <= len(command) <= 3:
        return False
    code, record_id, given = [*command, None, None][:3]
    if type(code) is not int and not isinstance(code, fields.Command):
        return False
    if code not in COMMANDS:
        return False
    if code == fields.Command.SET:
        return isinstance(given, list | tuple) and all(map(is_id, given))
    if code in (fields.Command.CREATE, fields.Command.UPDATE):
        return isinstance(given, Mapping)
    return code == fields.Command.CLEAR or is_id(record_id)


def _fits_json(_env, _field, value):
    try:
        return "\\u0000" not in json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        return False


CHECKS = {
    "char": _fits_text,
    "text": _fits_text,
    "html": _fits_text,
    "selection": _fits_selection,
    "float": _fits_number,
    "monetary": _fits_number,
    "integer": _fits_integer,
    "date": _fits_date,
    "datetime": _fits_date,
    "many2one": _fits_many2one,
    "many2many": _fits_x2many,
    "one2many": _fits_x2many,
    "json": _fits_json,
}


def _show(value):
    """Return a value as a message shows it: short, and fit for a log."""
    try:
        text = repr(value)
    except RecursionError:
        text = "…"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"

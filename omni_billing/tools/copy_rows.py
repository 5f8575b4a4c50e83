"""Write rows by COPY, as PostgreSQL reads and shows them: as texts."""

import io
import json
from decimal import Decimal

from odoo.tools import SQL

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def as_text(value):
    """Return what the database is given for a value that is no number with decimals."""
    return None if value is None or value is False else str(value)


def as_amount(value):
    """Return a number with decimals as text; there is no negative zero."""
    text = repr(float(value) + 0.0)
    return format(Decimal(text), "f") if "e" in text else text


def as_json(value):
    return json.dumps(value) if value else None


def is_same(one, other):
    """Whether two texts are the same value of a column.

    A number is the same with or without zeros behind it (1.50, 1.5), JSON whatever the
    order of its keys.
    """
    if one == other:
        return True
    if one is None or other is None:
        return False
    try:
        return json.loads(one, parse_float=Decimal) == json.loads(
            other, parse_float=Decimal
        )
    except ValueError:
        return False


def escape(text):
    """Return a text, or None, as COPY reads it."""
    return r"\N" if text is None else text.translate(_ESCAPES)


def copy_rows(cr, table, columns, rows):
    """Write rows, in one statement.

    :param rows: lines of text, each with its values :func:`escape`-d, between tabs.
    """
    statement = SQL(
        "COPY %s (%s) FROM STDIN",
        SQL.identifier(table),
        SQL(", ").join(map(SQL.identifier, columns)),
    )
    cr.copy_expert(statement.code, io.StringIO("\n".join(rows) + "\n"))


def take_ids(cr, table, count):
    """Return as many new ids of a table, in their order."""
    cr.execute(
        SQL(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id'))"
            " FROM generate_series(1, %s)",
            table,
            count,
        )
    )
    return [id_ for [id_] in cr.fetchall()]

"""Rows that two processes may bring at the same time: who comes second finds them."""

from odoo.tools import SQL


def insert_once(model, key, rows):
    """Insert the rows that are not there yet, whoever else is at it.

    By `create` a conflict with another transaction would be an error. Here PostgreSQL
    skips what is there, or has the transaction tried again, which then sees it. That is
    no reason to log the rows.

    :param model: an Odoo model without computed fields that are stored.
    :param key: the columns of the unique index that tells which row is which.
    :param list[dict] rows: by column, all the same columns; who and when are added.
    """
    if not rows:
        return
    names = list(rows[0])
    model.env.cr.execute(
        SQL(
            "INSERT INTO %s (%s, create_uid, create_date) VALUES %s"
            " ON CONFLICT (%s) DO NOTHING",
            SQL.identifier(model._table),
            SQL(", ").join(map(SQL.identifier, names)),
            SQL(", ").join(
                SQL(
                    "(%s, %s, now() at time zone 'UTC')",
                    SQL(", ").join(SQL("%s", row[name]) for name in names),
                    model.env.uid,
                )
                for row in rows
            ),
            SQL(", ").join(map(SQL.identifier, key)),
        ),
        log_exceptions=False,
    )

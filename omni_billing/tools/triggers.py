"""Triggers with which PostgreSQL itself keeps rows that the books need."""

from odoo.tools import SQL

#: What an item of a journal entry says: how much, where.
BOOKED_COLUMNS = ("move_id", "account_id", "balance", "amount_currency", "currency_id")


def keep_rows(table, name, function, columns, when, when_deleted=None):
    """Return SQL that has a function called before rows change or are deleted.

    :param str table: the rows are of.
    :param str name: of the trigger; that of deletions has ``_there`` behind it.
    :param str function: refuses it, or gives the row back.
    :param columns: what is kept; all else may change.
    :param SQL when: which rows are kept, by what they are before (``OLD``).
    :param SQL when_deleted: which ones are not deleted; the same if none is given.
    """
    old, new = (
        SQL(", ").join(SQL.identifier(row, column) for column in columns)
        for row in ("old", "new")
    )
    return SQL(
        """
DROP TRIGGER IF EXISTS %(change)s ON %(table)s;
CREATE TRIGGER %(change)s BEFORE UPDATE ON %(table)s FOR EACH ROW
WHEN (%(when)s AND (%(old)s) IS DISTINCT FROM (%(new)s))
EXECUTE FUNCTION %(function)s();

DROP TRIGGER IF EXISTS %(deletion)s ON %(table)s;
CREATE TRIGGER %(deletion)s BEFORE DELETE ON %(table)s FOR EACH ROW
WHEN (%(when_deleted)s)
EXECUTE FUNCTION %(function)s();
""",
        table=SQL.identifier(table),
        change=SQL.identifier(name),
        deletion=SQL.identifier(f"{name}_there"),
        function=SQL.identifier(function),
        old=old,
        new=new,
        when=when,
        when_deleted=when_deleted or when,
    )

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


def count_rows(table, model, counted, columns):
    """Return SQL that has the database note what each statement adds to totals.

    Whatever changes rows, by whatever door, has its differences appended to
    ``omni_billing_total``, in one statement for all rows that it changed. Nobody waits
    for anybody: no row there is ever changed by two.

    :param str table: whose rows are counted.
    :param str model: what these totals are known by.
    :param SQL counted: which rows count, by their own columns.
    :param columns: SQL of the amount, the open amount, what is open, date and currency.
    """
    function = f"{table}_total"
    parts = {
        "INSERT": ("new_rows",),
        "UPDATE": ("new_rows", "old_rows"),
        "DELETE": ("old_rows",),
    }
    branches = [
        SQL(
            "IF TG_OP = %s THEN %s; END IF;",
            operation,
            insert_totals(
                model,
                SQL(" UNION ALL ").join(
                    _select_counted(table, SQL.identifier(rows), counted, columns)
                    for rows in names
                ),
            ),
        )
        for operation, names in parts.items()
    ]
    triggers = [
        SQL(
            """
DROP TRIGGER IF EXISTS %(name)s ON %(table)s;
CREATE TRIGGER %(name)s AFTER %(operation)s ON %(table)s REFERENCING %(rows)s
FOR EACH STATEMENT EXECUTE FUNCTION %(function)s();
""",
            name=SQL.identifier(f"omni_billing_total_{operation.lower()}"),
            table=SQL.identifier(table),
            operation=SQL(operation),
            rows=SQL(" ").join(
                SQL("%s TABLE AS %s", SQL(name[:3].upper()), SQL.identifier(name))
                for name in names
            ),
            function=SQL.identifier(function),
        )
        for operation, names in parts.items()
    ]
    return SQL(
        """
CREATE OR REPLACE FUNCTION %s() RETURNS trigger AS $$
BEGIN
    %s
    RETURN NULL;
END
$$ LANGUAGE plpgsql;
%s
""",
        SQL.identifier(function),
        SQL(" ").join(branches),
        SQL(" ").join(triggers),
    )


def count_all(table, model, counted, columns):
    """Return SQL that counts all rows that there are, as `count_rows` counts changes"""
    rows = _select_counted(table, SQL.identifier(table), counted, columns)
    return insert_totals(model, rows)


def insert_totals(model, rows):
    """Return SQL that appends the sums of some rows to the totals."""
    return SQL(
        """
        INSERT INTO omni_billing_total (
               model, company_id, currency_id, month, is_open,
               amount, open_amount, count
        )
        SELECT %s, company_id, currency_id, month, is_open,
               SUM(amount), SUM(open_amount), SUM(count)
          FROM (%s) AS rows
      GROUP BY company_id, currency_id, month, is_open
        HAVING SUM(count) != 0 OR SUM(amount) != 0 OR SUM(open_amount) != 0
        """,
        model,
        rows,
    )


def _select_counted(table, rows, counted, columns):
    """Return SQL: what each row counts for; less, if it is what it was before."""
    amount, open_amount, is_open, date, currency = columns
    sign = SQL("-1" if rows == SQL.identifier("old_rows") else "1")
    return SQL(
        """
        SELECT %(table)s.company_id, %(currency)s AS currency_id,
               date_trunc('month', %(date)s)::date AS month,
               COALESCE(%(is_open)s, FALSE) AS is_open,
               %(sign)s * COALESCE(%(amount)s, 0) AS amount,
               CASE WHEN %(is_open)s THEN %(sign)s * COALESCE(%(open_amount)s, 0)
                    ELSE 0 END AS open_amount,
               %(sign)s AS count
          FROM %(rows)s AS %(table)s
         WHERE %(counted)s
        """,
        table=SQL.identifier(table),
        rows=rows,
        counted=counted,
        currency=currency,
        date=date,
        is_open=is_open,
        amount=amount,
        open_amount=open_amount,
        sign=sign,
    )


def drop_count(table):
    """Return SQL that takes the triggers of `count_rows` away."""
    return SQL("DROP FUNCTION IF EXISTS %s() CASCADE", SQL.identifier(f"{table}_total"))

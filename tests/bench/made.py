"""Rows by the hundred thousand, written by PostgreSQL as copies of one that Odoo made.

Used by benchmarks only, in a database that is dropped afterwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Maker:
    """Copies rows of one database; what is copied was committed before."""

    def __init__(self, env) -> None:
        self._env = env
        # VACUUM tells no page as seen by all whose commit is not yet on the disk.
        env.cr.execute("SET synchronous_commit TO on")

    def clone(self, record, count: int, overrides: Mapping[str, str]) -> int:
        """Insert copies of a record; return the id of the first, the others follow.

        :param overrides: columns that differ, as SQL of ``n``, which is 1 to ``count``.
        """
        cr, table = self._env.cr, record._table
        cr.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            " AND column_name != 'id' AND is_generated = 'NEVER' ORDER BY 1",
            [table],
        )
        columns = [name for (name,) in cr.fetchall()]
        values = [overrides.get(name, f'source."{name}"') for name in columns]
        names = ", ".join(f'"{name}"' for name in columns)
        cr.execute(f"SELECT COALESCE(max(id), 0) + 1 FROM {table}")
        [(first,)] = cr.fetchall()
        cr.execute(f"SELECT setval('{table}_id_seq', {first + count - 1})")
        cr.execute(
            f"INSERT INTO {table} (id, {names})"
            f" SELECT {first - 1} + n, {', '.join(values)}"
            f" FROM {table} source, generate_series(1, {count}) n"
            f" WHERE source.id = {record.id}"
        )
        return first

    def settle(self, *tables: str) -> None:
        """Do what autovacuum does of a database in use; what was done is committed."""
        self._env.cr.commit()
        with self._env.registry.cursor() as cr:
            cr._cnx.autocommit = True
            for table in tables:
                cr.execute(f"VACUUM ANALYZE {table}")
            cr._cnx.autocommit = False

    @contextmanager
    def bare(self, *tables: str) -> Iterator[None]:
        """Write into tables without indexes, foreign keys and triggers.

        They are made anew, and what triggers count is counted: that takes a third of
        the time. Primary keys stay.
        """
        cr = self._env.cr
        cr.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)"
            " FROM pg_index WHERE indrelid::regclass::text = ANY(%s) AND NOT EXISTS"
            " (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
            [list(tables)],
        )
        indexes = cr.fetchall()
        cr.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE contype = 'f'"
            " AND conrelid::regclass::text = ANY(%s)",
            [list(tables)],
        )
        keys = cr.fetchall()
        for name, _definition in indexes:
            cr.execute(f"DROP INDEX {name}")
        for table, name, _definition in keys:
            cr.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for table in tables:
            cr.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        cr.execute("SET maintenance_work_mem TO '1GB'")
        for _name, definition in indexes:
            cr.execute(definition)
            cr.commit()
        for table, name, definition in keys:
            # What was made is right; what comes is checked.
            cr.execute(
                f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition} NOT VALID'
            )
        for table in tables:
            cr.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cr.execute("RESET maintenance_work_mem")
        self._env["omni.billing.total"]._fill()
        cr.commit()


def check_space(folder: Path, needed_gb: float) -> None:
    """Refuse to begin what would fill the disk."""
    free = shutil.disk_usage(folder).free / 1024**3
    if free < needed_gb:
        raise SystemExit(
            f"This needs {needed_gb:.0f} GB of disk at its peak, and {free:.0f} GB are"
            f" free below {folder}. Free some, or measure with fewer rows."
        )

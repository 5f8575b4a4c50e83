"""Databases, each with its folder in Odoo's filestore."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dev.console import Failure

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


class Databases:
    """The databases of one server, and the filestore that belongs to them."""

    def __init__(self, environment: Mapping[str, str], filestore: Path) -> None:
        self._address = {
            option: environment[variable]
            for option, variable in {
                "host": "PGHOST",
                "port": "PGPORT",
                "user": "PGUSER",
                "password": "PGPASSWORD",
            }.items()
            if environment.get(variable)
        }
        self.filestore = filestore

    @contextmanager
    def cursor(self, database: str = "postgres") -> Iterator[Cursor]:
        """Open a cursor where each statement stands for itself."""
        import psycopg2

        try:
            connection = psycopg2.connect(dbname=database, **self._address)
        except psycopg2.OperationalError as error:
            raise Failure(
                f"PostgreSQL cannot be reached: {str(error).strip()}"
            ) from None
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def names(self) -> list[str]:
        """List the databases."""
        with self.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database ORDER BY datname")
            return [name for (name,) in cursor.fetchall()]

    def exists(self, name: str) -> bool:
        """Tell whether there is such a database."""
        return name in self.names()

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected, and its files."""
        with self.cursor() as cursor:
            self._disconnect(cursor, name)
            cursor.execute(f"DROP DATABASE IF EXISTS {_quoted(name)}")
        shutil.rmtree(self.filestore / name, ignore_errors=True)

    def copy(self, source: str, target: str) -> None:
        """Copy a database and its files.

        Real copies of the files, no links: a test may damage one on purpose.
        """
        self.drop(target)
        with self.cursor() as cursor:
            self._disconnect(cursor, source)
            # Its files as they are take a tenth of the time of its pages, one by one,
            # in the log. Before PostgreSQL 15 there was no other way.
            is_new = cursor.connection.server_version >= 150000
            cursor.execute(
                f"CREATE DATABASE {_quoted(target)} TEMPLATE {_quoted(source)}"
                + " STRATEGY file_copy" * is_new
            )
        if (self.filestore / source).exists():
            shutil.copytree(self.filestore / source, self.filestore / target)

    def rename(self, source: str, target: str) -> None:
        """Give a database another name; the files first, since they bind nobody."""
        shutil.rmtree(self.filestore / target, ignore_errors=True)
        if (self.filestore / source).exists():
            os.rename(self.filestore / source, self.filestore / target)
        with self.cursor() as cursor:
            self._disconnect(cursor, source)
            cursor.execute(
                f"ALTER DATABASE {_quoted(source)} RENAME TO {_quoted(target)}"
            )

    def note(self, name: str) -> str | None:
        """Read what was noted on a database."""
        with self.cursor() as cursor:
            cursor.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
                " WHERE datname = %s",
                [name],
            )
            row = cursor.fetchone()
        return row and row[0]

    def set_note(self, name: str, text: str) -> None:
        """Note on a database what it was built from."""
        with self.cursor() as cursor:
            cursor.execute(f"COMMENT ON DATABASE {_quoted(name)} IS %s", [text])

    def set_parameters(self, name: str, parameters: Mapping[str, str]) -> None:
        """Write Odoo's system parameters while no server is up."""
        with self.cursor(name) as cursor:
            for key, value in parameters.items():
                cursor.execute(
                    "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)"
                    " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
                    [key, value],
                )

    @staticmethod
    def _disconnect(cursor: Cursor, name: str) -> None:
        # PostgreSQL sends its own workers away by itself, and lets nobody else do it.
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid != pg_backend_pid()"
            " AND backend_type = 'client backend'",
            [name],
        )


def _quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'

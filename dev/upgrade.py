"""The upgrade of a database that an earlier version of the addon made.

``tests/upgrade`` keeps a database of the version before, with all that a company leaves
in it (``dev/scripts/life.py``). It is loaded, updated by Odoo, and compared: with
itself before, of which nothing may be lost, and with a new database, whose tables it
must have.
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import addon, paths, workspace
from dev.console import Failure, Step, say
from dev.templates import PREFIX, Templates
from dev.workspace import Workspace

FOLDER = paths.ROOT / "tests" / "upgrade"
# What an older server or psql does not know, and nobody needs here.
FOREIGN = re.compile(rb"^(?:\\(?:un)?restrict |SET transaction_timeout)")
# Pages' scripts and styles are made again when they are asked for.
UNKEPT = "DELETE FROM ir_attachment WHERE url LIKE '/web/assets/%'"

# PostgreSQL writes the same condition in another way after a database was loaded.
CASTS = re.compile(r"::character varying|::text|\[\]|[()\[\]]")

TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
      AND (table_name IN (SELECT replace(model, '.', '_') FROM ir_model
                          WHERE model LIKE 'omni%%' AND NOT transient)
           OR table_name LIKE 'omni%%rel'
              AND table_name NOT LIKE '%%wizard%%' AND table_name NOT LIKE '%%bulk%%'
           OR table_name IN
           ('account_move', 'account_move_line', 'account_payment', 'res_partner',
            'account_partial_reconcile', 'payment_transaction', 'payment_token'))
    ORDER BY 1
"""
#: What may not become another one, however the tables change: the money.
SUMS = {
    "receivables": """
        SELECT l.partner_id, sum(l.balance) FROM account_move_line l
        JOIN account_account a ON a.id = l.account_id
        WHERE a.account_type = 'asset_receivable' AND l.parent_state = 'posted'
        GROUP BY 1 ORDER BY 1""",
    "ledger": """
        SELECT commercial_partner_id, state, transaction_type, count(*),
               sum(amount_untaxed), sum(tax_amount), sum(amount_total)
        FROM omni_billing_transaction GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "invoices": """
        SELECT id, name, state, payment_state, billing_state, amount_total,
               amount_residual, billing_title
        FROM account_move ORDER BY id""",
    "payments": """
        SELECT id, state, amount, billing_mode FROM account_payment ORDER BY id""",
    "attempts": """
        SELECT id, reference, state, amount, billing_is_open
        FROM payment_transaction ORDER BY id""",
}
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable
    FROM information_schema.columns
    WHERE table_schema = 'public'
      AND (table_name LIKE 'omni%%' OR column_name LIKE 'billing%%')
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
      AND (conrelid::regclass::text LIKE 'omni%%' OR conname LIKE '%%billing%%')
      -- Since PostgreSQL 18 a column that must be filled has one; see columns.
      AND contype <> 'n'
"""
INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public'
      AND (tablename LIKE 'omni%%' OR indexname LIKE '%%billing%%')
"""
TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(pg_trigger.oid) || prosrc
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgname LIKE 'omni%%'
"""
SEQUENCES = """
    SELECT sequence_name FROM information_schema.sequences
    WHERE sequence_name LIKE 'omni%%'
"""
JOBS = """
    SELECT data.name, action.code FROM ir_cron job
    JOIN ir_act_server action ON action.id = job.ir_actions_server_id
    JOIN ir_model_data data ON data.model = 'ir.cron' AND data.res_id = job.id
    WHERE data.module = 'omni_billing'
"""


def check(space: Workspace) -> dict[str, bool]:
    """Update the database of the version before; tell what holds."""
    with _restored(space, newest()) as database:
        before = _read(space, database)
        log = space.odoo(
            *(f"--database={database}", f"--update={addon.NAME}"),
            *("--stop-after-init", "--no-http"),
            log="upgrade",
        )
        complaints = workspace.complaints(log.read_text())
        for line in complaints:
            say(line)
        after = _read(space, database)
        # A new version may bring new tables.
        known = dict(before["rows"])
        after["rows"] = [row for row in after["rows"] if row[0] in known]
        built = _describe(space, database)
    fresh = _describe(space, Templates(space).ensure("addon"))
    return {
        "no complaint in the log": not complaints,
        **{
            f"{name} are as before": _is_same(name, before[name], after[name])
            for name in before
        },
        **{
            f"{name} are those of a new database": _is_same(
                name, fresh[name], built[name]
            )
            for name in fresh
        },
    }


def newest() -> Path:
    """Give the database that is kept, of the latest version."""
    found = sorted(FOLDER.glob("*.sql.xz"), key=lambda file: _version(file.name))
    if not found:
        raise Failure(f"There is no database in {FOLDER}.")
    return found[-1]


def make(space: Workspace) -> Path:
    """Keep a database of the present version."""
    database = f"{PREFIX}_run_dump_{os.getpid()}"
    file = FOLDER / f"omni_billing-{addon.manifest()['version']}.sql.xz"
    space.databases.copy(Templates(space).ensure("demo"), database)
    try:
        with Step("Living through some months", "Lived through some months"):
            space.script(database, paths.SCRIPTS / "life.py")
        with space.databases.cursor(database) as cursor:
            cursor.execute(UNKEPT)
        empty = [name for name, count in _read(space, database)["rows"] if not count]
        if empty:
            raise Failure(f"Let life.py fill {', '.join(empty)}")
        result = subprocess.run(
            ["pg_dump", "--no-owner", "--no-privileges", database],
            env=space.environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        space.databases.drop(database)
    file.write_bytes(lzma.compress(result.stdout, preset=9 | lzma.PRESET_EXTREME))
    return file


@contextmanager
def _restored(space: Workspace, file: Path) -> Iterator[str]:
    database = f"{PREFIX}_run_upgrade_{os.getpid()}"
    databases = space.databases
    databases.drop(database)
    with databases.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{database}" TEMPLATE template0')
    try:
        lines = lzma.decompress(file.read_bytes()).splitlines(keepends=True)
        result = subprocess.run(
            ["psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", database],
            env=space.environment,
            input=b"".join(line for line in lines if not FOREIGN.match(line)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if result.returncode:
            raise Failure(f"{file.name} cannot be loaded: {result.stderr.decode()}")
        yield database
    finally:
        databases.drop(database)


def _read(space: Workspace, database: str) -> dict[str, list[tuple]]:
    """Read what an upgrade may not lose."""
    with space.databases.cursor(database) as cursor:
        cursor.execute(TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for name in tables:
            cursor.execute(f'SELECT count(*) FROM "{name}"')
            rows.append((name, cursor.fetchone()[0]))
        found = {"rows": rows}
        for name, query in SUMS.items():
            cursor.execute(query)
            found[name] = cursor.fetchall()
    return found


def _describe(space: Workspace, database: str) -> dict[str, list[tuple]]:
    """Describe our tables, what keeps others' tables, our columns there, our jobs."""
    queries = {
        "columns": COLUMNS,
        "constraints": CONSTRAINTS,
        "indexes": INDEXES,
        "triggers": TRIGGERS,
        "sequences": SEQUENCES,
        "jobs": JOBS,
    }
    found = {}
    with space.databases.cursor(database) as cursor:
        for name, query in queries.items():
            cursor.execute(query)
            found[name] = sorted(
                (*row[:-1], CASTS.sub("", row[-1])) for row in cursor.fetchall()
            )
    return found


def _is_same(name: str, wanted: list[tuple], found: list[tuple]) -> bool:
    for row in wanted:
        if row not in found:
            say(f"{name}: missing {row}")
    for row in found:
        if row not in wanted:
            say(f"{name}: unexpected {row}")
    return wanted == found


def _version(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]

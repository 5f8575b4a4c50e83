"""What a town is made of: its hosts, its disk, and the way to its database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from dev import borrowed, paths, system
from dev.pooler import Pooler
from dev.postgres import Cluster
from dev.relay import Relay

STEADY = Path(__file__).with_name("steady")
#: What leads to the database, and what can be done to it: ``folder`` of its socket.
Way = Callable[[Cluster], AbstractContextManager[SimpleNamespace]]


@dataclass(frozen=True)
class Host:
    """An Odoo of its own: processes for pages, and processes for scheduled actions.

    :param clock: by how much it is wrong, as ``+1h``.
    """

    workers: int = 2
    crons: int = 2
    clock: str = ""

    def adapt(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Give the environment of its processes."""
        if not self.clock:
            return dict(environment)
        return environment | {
            "LD_PRELOAD": str(borrowed.faketime().path),
            "FAKETIME": self.clock,
            # It is the time of day that is wrong, not how fast it passes.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": f"{STEADY}{os.pathsep}{environment['PYTHONPATH']}",
        }


@contextmanager
def straight(cluster: Cluster) -> Iterator[SimpleNamespace]:
    """Lead straight to the server of all tests, which may be cut off."""
    folder = cluster.socket.parent
    yield SimpleNamespace(folder=folder, restart=cluster.restart)


@contextmanager
def pooled(cluster: Cluster) -> Iterator[SimpleNamespace]:
    """Have PgBouncer between."""
    folder = paths.TEST_DATA / "pooler"
    pooler = Pooler(cluster, folder)
    with pooler.running():
        yield SimpleNamespace(folder=folder, restart=pooler.restart)


@contextmanager
def replicated(cluster: Cluster) -> Iterator[SimpleNamespace]:
    """Have a server with a replica that has all that is said to be written."""
    first, second = (
        Cluster(paths.TEST_DATA / name, durable=False) for name in ("first", "second")
    )
    folder = paths.TEST_DATA / "relay"
    folder.mkdir(exist_ok=True)
    socket = folder / cluster.socket.name
    socket.unlink(missing_ok=True)
    relay = Relay(socket, first.socket)

    def fail_over() -> None:
        first.crash()
        second.promote()
        relay.point_at(second.socket)

    first.copy(cluster, follows=False)
    with first.running():
        second.copy(first, follows=True)
        with second.running(), relay.running():
            first.wait_for_replicas()
            yield SimpleNamespace(folder=folder, fail_over=fail_over)
    for one in (first, second):
        shutil.rmtree(one.folder)


@dataclass(frozen=True)
class Plan:
    """What a town has."""

    kind: str = "addon"
    hosts: Mapping[str, Host] = field(default_factory=lambda: {"only": Host()})
    way: Way = straight
    #: Room for files, in MB beside those that are there; 0 is all of the disk.
    disk_mb: int = 0


class Disk:
    """A small disk for the files of one database."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))

    def free(self) -> None:
        """Leave as much as there was."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """Have the files of a folder, and those to come, on a disk that may be full."""
    if os.geteuid():
        raise AssertionError("To mount a small disk one has to be root.")
    files = folder.with_name(f"{folder.name}-kept")
    folder.rename(files)
    folder.mkdir()
    size = sum(file.stat().st_blocks for file in files.rglob("*")) // 2048
    system.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size + megabytes}m", "tmpfs", folder],
        "The small disk cannot be mounted",
    )
    try:
        shutil.copytree(files, folder, dirs_exist_ok=True)
        yield Disk(folder)
    finally:
        system.run(["umount", "--lazy", folder], "The disk cannot be unmounted")
        shutil.rmtree(files)

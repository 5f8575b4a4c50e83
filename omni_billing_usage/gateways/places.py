"""A folder that files of usage are fetched from, here or on another machine."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Protocol

#: Most bytes of a file, which is held in memory.
MAX_BYTES = 100 * 2**20
#: Most files of a folder that are looked at.
MAX_FILES = 20_000
#: What is put aside has this ending, or lies in a folder of that name.
DONE = "done"


class PlaceError(Exception):
    """A folder cannot be looked at: what is in it waits.

    :param code: ``no_library``, ``not_allowed``, ``folder``, ``many``, ``host_key``
        (it is none), ``other_host`` (the server has another one), ``login``,
        ``secret`` (there is none, or no key that can be read), ``unreachable``,
        ``over`` (the time for a look was).
    :param detail: what the system or the server said.
    """

    def __init__(self, code: str, detail: object = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = str(detail)[:200]


class FileError(Exception):
    """One file cannot be read, whatever becomes of the others.

    :param code: ``gone``, ``changed`` (meanwhile), ``large``, ``link`` (or whatever
        else is no file), ``unreadable``.
    :param detail: what the system or the server said.
    """

    def __init__(self, code: str, detail: object = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = str(detail)[:200]


class Entry(NamedTuple):
    """A file of a folder.

    :param size: in bytes.
    :param stamp: its size, and when it was changed: another one, another file.
    :param is_plain: whether it is a file, and no link to one.
    """

    name: str
    size: int
    stamp: str
    is_plain: bool


class Place(Protocol):
    """A folder, open as long as it is entered."""

    def __enter__(self) -> Place:
        """Open it.

        :raise PlaceError: if that does not work.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def list_files(self) -> list[Entry]:
        """Return what is in it and is no folder, by name.

        :raise PlaceError: if that does not work.
        """
        ...

    def read_file(self, entry: Entry) -> bytes:
        """Return what is in a file, all of it.

        :raise FileError: if this one cannot be read.
        :raise PlaceError: if the others cannot, either.
        """
        ...

    def put_aside(self, entry: Entry, to_folder: bool) -> None:
        """Rename a file that was taken in, or move it to the folder ``done``.

        Nothing that is there already is written over.

        :raise FileError: if this one cannot be, as it has gone or changed meanwhile.
        :raise PlaceError: if the others cannot, either.
        """
        ...


def name_aside(name: str, number: int, to_folder: bool) -> str:
    """Return what a file is called that is put aside, in its folder or in ``done``.

    :param number: counts how often a file of that name was there already.
    """
    again = f".{number}" if number else ""
    return f"{name}{again}" if to_folder else f"{name}{again}.{DONE}"


def refuse_other(name: str) -> FileError:
    """Return what is wrong if another file was put aside, and cannot go back."""
    return FileError("unreadable", f"another one came meanwhile, not read: {name}")

"""A folder of this machine.

Whoever writes into it may put a link there, or change a file for one while it is
looked at. So nothing is opened by its path, and no link is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from itertools import count

from .places import (
    DONE,
    MAX_BYTES,
    MAX_FILES,
    Entry,
    FileError,
    PlaceError,
    name_aside,
    refuse_other,
)

#: What is said of a file by a folder that is another host's, once that one is down: of
#: a file that is broken itself, too, so others are read before it is blamed.
HOST_DOWN = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ENODEV),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
    *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EREMOTEIO),
}
#: Of a pipe that nobody writes to, opening would wait for ever.
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderPlace:
    """A folder that the server's configuration names.

    :param path: of the folder itself; that one may be a link.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = -1

    def __enter__(self) -> FolderPlace:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            self._folder = os.open(self._path, flags)
        except OSError as error:
            raise PlaceError("folder", error.strerror) from error
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._folder)

    def list_files(self) -> list[Entry]:
        """Return what is in it and is no folder, by name."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    try:
                        about = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if not stat.S_ISDIR(about.st_mode):
                        found.append(_describe(entry.name, about))
                    if len(found) > MAX_FILES:
                        raise PlaceError("many", MAX_FILES)
        except OSError as error:
            raise PlaceError("folder", error.strerror) from error
        return sorted(found)

    def read_file(self, entry: Entry) -> bytes:
        """Return what is in a file, all of it."""
        if entry.size > MAX_BYTES:
            raise FileError("large", entry.size)
        try:
            with open(self._open(entry), "rb") as file:
                content = file.read(MAX_BYTES + 1)
                after = _describe(entry.name, os.fstat(file.fileno()))
        except OSError as error:
            raise _explain(error) from error
        if after.stamp != entry.stamp or len(content) != entry.size:
            raise FileError("changed")
        return content

    def put_aside(self, entry: Entry, to_folder: bool) -> None:
        """Rename a file that was taken in, or move it to the folder ``done``."""
        try:
            os.close(self._open(entry))
            target = self._open_done() if to_folder else os.dup(self._folder)
            try:
                for number in count():
                    other = name_aside(entry.name, number, to_folder)
                    if not _is_there(other, target):
                        self._move(entry, other, target)
                        return
            finally:
                os.close(target)
        except OSError as error:
            raise _explain(error) from error

    def _move(self, entry: Entry, other: str, target: int) -> None:
        """Move a file, unless another one has come by that name: that one goes back."""
        os.rename(entry.name, other, src_dir_fd=self._folder, dst_dir_fd=target)
        about = os.stat(other, dir_fd=target, follow_symlinks=False)
        if _describe(other, about).stamp == entry.stamp:
            return
        try:
            # Unlike a rename it writes over nothing.
            os.link(
                other,
                entry.name,
                src_dir_fd=target,
                dst_dir_fd=self._folder,
                follow_symlinks=False,
            )
        except OSError as error:
            raise refuse_other(other) from error
        os.unlink(other, dir_fd=target)
        raise FileError("changed")

    def _open(self, entry: Entry) -> int:
        """Open a file that is still the one that was listed."""
        opened = os.open(entry.name, FLAGS, dir_fd=self._folder)
        about = os.fstat(opened)
        if stat.S_ISREG(about.st_mode):
            if _describe(entry.name, about).stamp == entry.stamp:
                return opened
        os.close(opened)
        raise FileError("changed" if stat.S_ISREG(about.st_mode) else "link")

    def _open_done(self) -> int:
        """Open the folder ``done``: it may be changed for a link at any moment."""
        with suppress(FileExistsError):
            os.mkdir(DONE, dir_fd=self._folder)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(DONE, flags, dir_fd=self._folder)
        except NotADirectoryError as error:
            # A link may lead anywhere.
            raise FileError("unreadable", f"{DONE}/ is no folder") from error


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _describe(name: str, about: os.stat_result) -> Entry:
    stamp = f"{about.st_size}/{about.st_mtime_ns}"
    return Entry(name, about.st_size, stamp, stat.S_ISREG(about.st_mode))


def _explain(error: OSError) -> FileError | PlaceError:
    if error.errno in HOST_DOWN:
        return PlaceError("folder", error.strerror)
    if isinstance(error, FileNotFoundError):
        return FileError("gone")
    if error.errno == errno.ELOOP:
        return FileError("link")
    return FileError("unreadable", error.strerror)

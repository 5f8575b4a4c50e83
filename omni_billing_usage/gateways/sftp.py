"""A folder of another machine, by SFTP, with paramiko.

The server is the one whose key was entered, or none: nothing is sent to another. What
it says is not believed: neither how large a file is, nor that it is still coming.
"""

from __future__ import annotations

import base64
import binascii
import io
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Timer

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR

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

#: Seconds to connect, for each step of it, and for each answer after.
CONNECT_SECONDS = 10
ANSWER_SECONDS = 20
#: Seconds for the whole of a file; `ANSWER_SECONDS` begin anew with each part of it.
FILE_SECONDS = 60
#: Seconds for all of it: Odoo's server kills who takes 120, if nobody says otherwise.
VISIT_SECONDS = 100
PART = 2**18
#: What is raised of keys that are none; a key with a password is one of them.
BAD_KEY = (
    *(binascii.Error, ValueError, IndexError, struct.error),
    *(paramiko.SSHException, paramiko.pkey.UnknownKeyType),
)
#: What is raised where a server says what it should not, or nothing any more.
BAD_SERVER = (
    *(OSError, EOFError, ValueError, IndexError, struct.error),
    *(paramiko.SSHException, paramiko.SFTPError),
)
KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class SftpPlace:
    """A folder of an SFTP server.

    :param host_key: that the server has, as in a file of known hosts.
    :param secret: the password, or the private key in PEM or OpenSSH's form.
    :param is_key: whether it is a key.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        secret: str,
        is_key: bool,
        host_key: str,
        folder: str,
        answer_seconds: float = ANSWER_SECONDS,
        file_seconds: float = FILE_SECONDS,
        visit_seconds: float = VISIT_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._secret = secret
        self._is_key = is_key
        self._host_key = host_key
        self._folder = folder.rstrip("/") or ("/" if folder else ".")
        self._answer_seconds = answer_seconds
        self._file_seconds = file_seconds
        self._client = paramiko.SSHClient()
        # A server that sends a byte now and then would keep us for ever.
        self._is_over = False
        self._end = Timer(visit_seconds, self._stop)
        self._end.daemon = True

    def __enter__(self) -> SftpPlace:
        known = read_host_key(self._host_key)
        secret = (
            {"pkey": read_private_key(self._secret)}
            if self._is_key
            else {"password": self._secret}
        )
        name = self._host if self._port == 22 else f"[{self._host}]:{self._port}"
        self._client.get_host_keys().add(name, known.get_name(), known)
        self._client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self._end.start()
        try:
            with _explaining():
                self._client.connect(
                    self._host,
                    self._port,
                    self._user,
                    **secret,
                    timeout=CONNECT_SECONDS,
                    banner_timeout=CONNECT_SECONDS,
                    auth_timeout=CONNECT_SECONDS,
                    channel_timeout=CONNECT_SECONDS,
                    # No key of whoever runs this process.
                    allow_agent=False,
                    look_for_keys=False,
                )
                self._sftp = _Client.from_transport(self._client.get_transport())
                self._sftp.get_channel().settimeout(self._answer_seconds)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _stop(self) -> None:
        self._is_over = True
        self._client.close()

    def __exit__(self, *_error: object) -> None:
        self._end.cancel()
        self._client.close()

    def list_files(self) -> list[Entry]:
        """Return what is in it and is no folder, by name."""
        with _explaining():
            try:
                found = self._sftp.list_folder(self._folder)
            except OSError as error:
                if self._is_up():
                    raise PlaceError("folder", error) from error
                raise
        return sorted(
            _describe(one) for one in found if not stat.S_ISDIR(one.st_mode or 0)
        )

    def read_file(self, entry: Entry) -> bytes:
        """Return what is in a file, all of it."""
        if entry.size > MAX_BYTES:
            raise FileError("large", entry.size)
        with _explaining(), self._telling():
            with self._sftp.open(self._path(entry.name), "rb") as file:
                file.prefetch(entry.size)
                content = self._read_parts(file, entry.size)
            after = _describe(self._sftp.lstat(self._path(entry.name)), entry.name)
        if len(content) != entry.size or after.stamp != entry.stamp:
            raise FileError("changed")
        return content

    def _read_parts(self, file: paramiko.SFTPFile, size: int) -> bytes:
        content, end = bytearray(), time.monotonic() + self._file_seconds
        while len(content) <= size:
            # Nothing is what a file ends with, and also a connection that was cut.
            part = file.read(min(PART, size + 1 - len(content)))
            if not part:
                break
            content += part
            if time.monotonic() > end:
                raise FileError("unreadable", f"{self._file_seconds} s")
        return bytes(content)

    def put_aside(self, entry: Entry, to_folder: bool) -> None:
        """Rename a file that was taken in, or move it to the folder ``done``."""
        with _explaining(), self._telling():
            path = self._path(entry.name)
            if _describe(self._sftp.lstat(path), entry.name).stamp != entry.stamp:
                raise FileError("changed")
            if to_folder and not self._is_there(DONE):
                self._sftp.mkdir(self._path(DONE))
            for number in count():
                other = name_aside(entry.name, number, to_folder)
                other = f"{DONE}/{other}" if to_folder else other
                if not self._is_there(other):
                    self._move(entry, other)
                    return

    def _move(self, entry: Entry, other: str) -> None:
        """Move a file, unless another one has come by that name: that one goes back."""
        path, target = self._path(entry.name), self._path(other)
        self._sftp.rename(path, target)
        if _describe(self._sftp.lstat(target), entry.name).stamp == entry.stamp:
            return
        if self._is_there(entry.name):
            raise refuse_other(other)
        self._sftp.rename(target, path)
        raise FileError("changed")

    def _is_there(self, name: str) -> bool:
        try:
            self._sftp.lstat(self._path(name))
        except FileNotFoundError:
            return False
        return True

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"

    def _is_up(self) -> bool:
        transport = self._client.get_transport()
        return bool(transport and transport.is_active())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Have what is wrong with a file be that, as long as the server is there."""
        try:
            yield
        except FileNotFoundError as error:
            raise FileError("gone") from error
        except TimeoutError:
            raise
        except OSError as error:
            if self._is_up():
                raise FileError("unreadable", error) from error
            raise
        finally:
            # What was cut off reads as an end.
            if not self._is_up():
                raise PlaceError("over" if self._is_over else "unreachable")


class _Client(paramiko.SFTPClient):
    """What paramiko's own does not do."""

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        """Return what is in a folder, as `listdir_attr` does.

        That one fails for all of it if one name, or one owner's, is not UTF-8, and
        reads for as long as the server sends more.

        :raise PlaceError: ``many``, if there are more than are looked at.
        """
        kind, answer = self._request(CMD_OPENDIR, path)
        if kind != CMD_HANDLE:
            raise paramiko.SFTPError(f"{kind} for a folder")
        handle, found, seen = answer.get_binary(), [], 0
        # Its end is told as an error.
        with suppress(EOFError):
            while True:
                kind, answer = self._request(CMD_READDIR, handle)
                if kind != CMD_NAME:
                    raise paramiko.SFTPError(f"{kind} for names")
                for _number in range(answer.get_int()):
                    name, _long_name = answer.get_string(), answer.get_string()
                    name = name.decode("utf-8", "surrogateescape")
                    about = paramiko.SFTPAttributes._from_msg(answer, name)
                    seen += 1
                    if name not in (".", ".."):
                        found.append(about)
                    if seen > MAX_FILES + 2:
                        raise PlaceError("many", MAX_FILES)
        self._request(CMD_CLOSE, handle)
        return found


def read_host_key(text: str) -> paramiko.PKey:
    """Return the key of a server, as a line of known hosts has it, or its end.

    :raise PlaceError: ``host_key``, if it is none.
    """
    words = text.split()
    for kind, encoded in zip(words, words[1:], strict=False):
        if kind.startswith(("ssh-", "ecdsa-")):
            try:
                data = base64.b64decode(encoded, validate=True)
                return paramiko.PKey.from_type_string(kind, data)
            except BAD_KEY as error:
                raise PlaceError("host_key", error) from error
    raise PlaceError("host_key")


def read_private_key(text: str) -> paramiko.PKey:
    """Return a private key.

    :raise PlaceError: ``secret``, if it is none, or needs a password.
    """
    for kind in KEYS:
        try:
            return kind.from_private_key(io.StringIO(text))
        except BAD_KEY:
            continue
    raise PlaceError("secret")


def _describe(about: paramiko.SFTPAttributes, name: object = None) -> Entry:
    name = about.filename if name is None else name
    size, is_plain = about.st_size or 0, stat.S_ISREG(about.st_mode or 0)
    return Entry(name, size, f"{size}/{about.st_mtime}", is_plain)


@contextmanager
def _explaining() -> Iterator[None]:
    """Have whatever goes wrong between here and the server be one of our errors."""
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise PlaceError("other_host", error.key.fingerprint) from error
    except paramiko.AuthenticationException as error:
        raise PlaceError("login", error) from error
    except TimeoutError as error:
        raise PlaceError("unreachable", "timed out") from error
    except BAD_SERVER as error:
        raise PlaceError("unreachable", str(error) or type(error).__name__) from error

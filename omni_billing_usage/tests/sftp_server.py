"""An SFTP server of the tests, which may be as rude as servers are."""

import os
import socket
from contextlib import suppress
from threading import Event, Thread

import paramiko

USER, PASSWORD = "switch", "open sesame"


class _Login(paramiko.ServerInterface):
    def __init__(self, server):
        self.server = server

    def get_allowed_auths(self, username):
        return "password,publickey"

    def check_auth_password(self, username, password):
        self.server.heard.append(password)
        is_right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        is_right = username == USER and key == self.server.user_key
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def __init__(self, server, path):
        super().__init__()
        self.server = server
        self.name = os.path.basename(path)
        self.readfile = open(path, "rb")  # noqa: SIM115 - paramiko closes it

    def read(self, offset, length):
        is_cut = self.name in self.server.cut and offset >= 32768
        if is_cut or self.server.is_dying:
            for transport in self.server.transports:
                # Those of before are closed.
                with suppress(OSError):
                    transport.sock.shutdown(socket.SHUT_RDWR)
            return paramiko.SFTP_FAILURE
        if self.name in self.server.late:
            self.server.is_over.wait()
        return super().read(offset, length)


class _Files(paramiko.SFTPServerInterface):
    """The files of a folder; names that lead out of it are the folder's own matter."""

    def __init__(self, login):
        super().__init__(login)
        self.server = login.server

    def _path(self, path):
        return os.path.join(self.server.root, path.lstrip("/"))

    def _describe(self, path, name):
        about = paramiko.SFTPAttributes.from_stat(os.lstat(path), name)
        name = os.fsdecode(name)
        if name in self.server.lies:
            about.st_size = self.server.lies[name]
        return about

    def list_folder(self, path):
        try:
            folder = self._path(path)
            return [
                self._describe(os.path.join(folder, name), os.fsencode(name))
                for name in os.listdir(folder)
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def lstat(self, path):
        try:
            return self._describe(self._path(path), os.path.basename(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    stat = lstat

    def open(self, path, flags, attr):
        if os.path.basename(path) in self.server.vanishing:
            os.unlink(self._path(path))
        try:
            return _Handle(self.server, self._path(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def rename(self, old, new):
        if os.path.exists(self._path(new)):
            return paramiko.SFTP_FAILURE
        # A name is all that it goes by.
        self.server.swapping.pop(os.path.basename(old), lambda: None)()
        os.rename(self._path(old), self._path(new))
        return paramiko.SFTP_OK

    def mkdir(self, path, attr):
        os.mkdir(self._path(path))
        return paramiko.SFTP_OK


class SftpServer:
    """Serves a folder on this machine until it is closed.

    :ivar cut: names of files in the middle of which the connection is cut.
    :ivar is_down: whether it answers nobody.
    :ivar is_dying: whether it lets people in, and goes when a file is read.
    :ivar late: names of files of which nothing comes.
    :ivar vanishing: names of files that have gone when they are opened.
    :ivar lies: sizes that it tells of files.
    :ivar swapping: what brings another file by a name, just before it is renamed.
    :ivar heard: passwords that were sent to it.
    """

    def __init__(self, root):
        self.root = str(root)
        self.key = paramiko.RSAKey.generate(2048)
        self.user_key = paramiko.RSAKey.generate(2048)
        self.cut, self.late, self.vanishing, self.lies = set(), set(), set(), {}
        self.heard, self.transports, self.swapping = [], [], {}
        self.is_down = self.is_dying = False
        self.is_over = Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        # It ends when the socket is closed.
        with suppress(OSError):
            while True:
                client, _address = self._socket.accept()
                if self.is_down:
                    client.close()
                    continue
                transport = paramiko.Transport(client)
                self.transports.append(transport)
                transport.add_server_key(self.key)
                transport.set_subsystem_handler(
                    "sftp", paramiko.SFTPServer, sftp_si=_Files
                )
                # Who goes at once is gone before there is anything to serve.
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Login(self), event=Event())

    def close(self):
        if self.is_over.is_set():
            return
        self.is_over.set()
        for transport in self.transports:
            transport.close()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

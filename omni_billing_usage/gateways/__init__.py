"""Where files of usage lie: typed, without Odoo.

`sftp` imports paramiko, and is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module

from .places import Place, PlaceError

#: What has to be installed for SFTP.
SFTP_PACKAGE = "paramiko>=4"


def open_sftp(**options: object) -> Place:
    """Return the folder of an SFTP server; see `sftp.SftpPlace`.

    :raise PlaceError: ``no_library``, if paramiko does not work.
    """
    try:
        sftp = import_module(".sftp", __name__)
    except Exception as error:  # a broken package raises whatever it likes
        reason = f"{type(error).__name__}: {error}"
        raise PlaceError("no_library", f"{SFTP_PACKAGE} ({reason})") from error
    return sftp.SftpPlace(**options)

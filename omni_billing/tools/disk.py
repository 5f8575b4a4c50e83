"""A disk that is full: what cannot be kept now is kept when there is room again."""

from __future__ import annotations

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)


def is_disk_full(error: Exception) -> bool:
    """Tell whether something failed because a disk, or one's share of it, is full."""
    return isinstance(error, OSError) and error.errno in FULL

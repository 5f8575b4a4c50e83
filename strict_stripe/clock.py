"""What time it is at the server: the machine's, unless a test says another."""

from __future__ import annotations

import time


class Clock:
    """One for the process, as the store of localstripe is."""

    def __init__(self) -> None:
        self._moment: int | None = None

    def be_at(self, moment: int | None) -> None:
        """Stand still at a moment, in seconds since 1970; None goes on with now."""
        self._moment = moment

    def now(self) -> int:
        """Give the time as the API writes it."""
        return int(time.time()) if self._moment is None else self._moment


clock = Clock()

"""What the commands say: one line a step, one sentence a failure."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Failure(Exception):
    """Something the user has to know, told in one sentence; ends the command."""


def say(message: str) -> None:
    """Print a line at once, also into a pipe."""
    print(message, flush=True)


class Step:
    """A step that takes time: shows that it goes on, then what it took.

    On a terminal the line is rewritten in place; in a log each quarter of a known
    whole is a line, so that a long download is not silent.
    """

    #: Whether others print at the same time, so that no line can be rewritten.
    is_shared = False

    def __init__(self, doing: str, done: str) -> None:
        self.doing = doing
        self.done = done
        self._terminal = sys.stdout.isatty() and not self.is_shared
        self._quarter = 0

    def __enter__(self) -> Step:
        self._start = time.monotonic()
        if self._terminal:
            print(f"  {self.doing} …", end="", flush=True)
        return self

    def progress(self, share: float) -> None:
        """Tell how far the step is, ``share`` going from 0 to 1."""
        if self._terminal:
            print(f"\r\033[K  {self.doing} … {share:.0%}", end="", flush=True)
        elif int(share * 4) > self._quarter:
            self._quarter = int(share * 4)
            say(f"  {self.doing} … {self._quarter * 25} %")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal:
            print("\r\033[K", end="", flush=True)
        if error is None:
            say(f"✓ {self.done} ({time.monotonic() - self._start:.1f} s)")

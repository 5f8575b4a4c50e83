"""Room on Python's stack, for work that calls deeply and often."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Words of eight bytes. The chunk of such a frame has 256 kB, of which 120 kB are left:
#: room for some 400 frames of what it calls.
STACK_SIZE = 17_000


def call_with_room(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function, and keep all frames of what it calls in one piece of memory.

    Python has its frames in chunks of 16 kB, and gives a chunk back to the system when
    its first frame ends (CPython 3.11 to 3.13, ``push_chunk`` in Python/pystate.c). A
    loop whose calls cross the end of a chunk maps and unmaps memory in every turn: the
    layout of a page did so 1,200 times. The frame of this function needs so much that
    its chunk has room for the others.

    Whether it does depends on how deep the caller is, which nobody chooses. CPU time of
    a page with and without this, in turns, medians of eight: at two of eight depths
    18 and 20 % less, at the others as much (docs/benchmarks.md, "PDFs").
    """
    return function(*args, **kwargs)


call_with_room.__code__ = call_with_room.__code__.replace(co_stacksize=STACK_SIZE)

"""Patterns of names of files, as the shell has them: ``*``, ``?``, ``[…]``."""

from __future__ import annotations

from functools import cache


def may_meet(first: str, second: str) -> bool:
    """Whether some name may be of both patterns.

    Of what stands in brackets it is not asked what it is: it may be any character.
    """

    @cache
    def meet(at: int, other: int) -> bool:
        one, two = one_parts[at:], two_parts[other:]
        if not one or not two:
            return all(part == "*" for part in one + two)
        if "*" in (one[0], two[0]):
            return meet(at + 1, other) or meet(at, other + 1)
        is_same = one[0] == two[0] or "?" in (one[0], two[0])
        return is_same and meet(at + 1, other + 1)

    one_parts, two_parts = _split(first), _split(second)
    return meet(0, 0)


def _split(pattern: str) -> list[str]:
    """Return the characters, with ``?`` for a choice of some in brackets."""
    parts, at = [], 0
    while at < len(pattern):
        # The first may be a bracket itself.
        begin = at + 2 if pattern[at : at + 2] == "[!" else at + 1
        end = pattern.find("]", begin + 1) if pattern[at] == "[" else -1
        parts.append("?" if end > 0 else pattern[at])
        at = end + 1 if end > 0 else at + 1
    return parts

"""Patterns of names of files, as the shell has them: ``*``, ``?``, ``[…]``."""

from __future__ import annotations


def may_meet(first: str, second: str) -> bool:
    """Whether some name may be of both patterns.

    Of what stands in brackets it is not asked what it is: it may be any character.
    """
    one_parts, two_parts = _split(first), _split(second)
    todo = [(0, 0)]
    seen: set[tuple[int, int]] = set()
    while todo:
        at, other = todo.pop()
        if (at, other) in seen:
            continue
        seen.add((at, other))
        one, two = one_parts[at : at + 1], two_parts[other : other + 1]
        if not one and not two:
            return True
        # A star is nothing, or has the next character of the other.
        if one == ["*"]:
            todo += [(at + 1, other)] + [(at, other + 1)] * len(two)
        elif two == ["*"]:
            todo += [(at, other + 1)] + [(at + 1, other)] * len(one)
        elif one == two or (one and two and "?" in one + two):
            todo.append((at + 1, other + 1))
    return False


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

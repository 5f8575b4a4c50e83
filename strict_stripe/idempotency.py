"""Idempotency-Key: a request that is sent twice is executed once.

Source: Stripe's page "Idempotent requests" of the API reference. The answer is kept
whatever it is, a decline or a 500 too; not kept are the answers to requests that never
began to execute: bad parameters, rate limits, and conflicts with one in progress.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import RefusedError

MAX_LENGTH = 255


@dataclass
class Kept:
    """What was asked with a key, and answered; no answer yet means in progress."""

    method: str
    path: str
    params: dict[str, Any]
    answer: tuple[int, bytes] | None = None


class Keys:
    """The keys of the last 24 hours."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def clear(self) -> None:
        """Forget all keys, as Stripe may after 24 hours."""
        self._kept.clear()

    @contextmanager
    def claimed(
        self, key: str | None, method: str, path: str, params: dict[str, Any]
    ) -> Iterator[Kept]:
        """Hold a key while its request executes; without an answer, let it go."""
        asked = Kept(method, path, params)
        if not key or method != "POST":
            yield asked
            return
        _check_length(key)
        if known := self._kept.get(key):
            _check_same(key, known, asked)
            yield known
            return
        self._kept[key] = asked
        try:
            yield asked
        finally:
            # A reset may have forgotten it meanwhile.
            if asked.answer is None and self._kept.get(key) is asked:
                del self._kept[key]


def _check_length(key: str) -> None:
    if len(key) > MAX_LENGTH:
        raise RefusedError(
            400, f"Idempotency keys are up to {MAX_LENGTH} characters long."
        )


def _check_same(key: str, known: Kept, asked: Kept) -> None:
    if known.path != asked.path:
        raise RefusedError(
            400,
            "Keys for idempotent requests can only be used for the same endpoint they "
            f"were first used for ('{asked.path}' vs '{known.path}'). Try using a key "
            f"other than '{key}' if you meant to execute a different request.",
            type="idempotency_error",
        )
    if known.params != asked.params:
        raise RefusedError(
            400,
            "Keys for idempotent requests can only be used with the same parameters "
            f"they were first used with. Try using a key other than '{key}' if you "
            "meant to execute a different request.",
            type="idempotency_error",
        )
    if known.answer is None:
        raise RefusedError(
            409,
            "There is currently another in-progress request using this Idempotent Key "
            "(that probably means you submitted twice, and the other request is still "
            f"going through): {key}. Please try again later.",
            type="idempotency_error",
            code="idempotency_key_in_use",
        )

"""Errors as the API writes them.

Source: Stripe's pages "Errors" and "Error codes" of the API reference.
"""

from __future__ import annotations

from typing import Any

from localstripe.errors import UserError


class StripeError(UserError):
    """An answer other than 200; ``more`` are further members of its ``error``."""

    # Whether the request began to execute: only then is its answer kept for its key.
    executed = True

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        **more: Any,
    ) -> None:
        more = {name: value for name, value in more.items() if value is not None}
        super().__init__(status, message, more)
        self.body["error"]["type"] = type
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class RefusedError(StripeError):
    """A request that never reached execution: a bad key, a bad parameter."""

    executed = False


def missing(
    noun: str, identifier: str, *, param: str = "id", status: int = 404
) -> StripeError:
    """Say that there is no such object: 404 in a path, 400 in a parameter."""
    return StripeError(
        status,
        f"No such {noun}: '{identifier}'",
        code="resource_missing",
        param=param,
    )

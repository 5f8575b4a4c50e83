"""What Stripe's SDK fails with, as one of ours: refused, or nobody knows."""

from __future__ import annotations

import stripe

from ..exceptions import GatewayDenied, GatewayRefused, GatewayUnknown

#: Errors that Stripe itself tells of, after which nothing was done. Whatever else comes
#: back (a page of a proxy, half an answer, a status of the 500s) tells nothing.
REFUSALS = (
    stripe.CardError,
    stripe.InvalidRequestError,
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.IdempotencyError,
    stripe.RateLimitError,
)
#: Those that come before Stripe looks at what is asked, and at its key: they prove that
#: this call did nothing, and tell nothing of an earlier one with the same key
#: (https://docs.stripe.com/api/idempotent_requests).
AT_THE_DOOR = (
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.RateLimitError,
)


class typed_failures:  # noqa: N801
    """Turn the SDK's failures into ours.

    :param but: one that is an answer, and left to who asked.
    :param client: whose call must not be taken for undone when it was repeated, and
        only the repetition was turned away.
    """

    def __init__(
        self,
        but: type[Exception] | tuple = (),
        client: CountingClient | None = None,
    ) -> None:
        self._but = but
        self._client = client
        self._sent = client.sent if client else 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not isinstance(error, stripe.StripeError) or isinstance(error, self._but):
            return
        code = error.code or ""
        if isinstance(error, stripe.IdempotencyError):
            code = code or "idempotency_error"
        elif isinstance(error, stripe.RateLimitError):
            # The SDK drops the code of this one.
            code = "rate_limit"
        message = error.user_message or str(error)
        if self._is_answer(error):
            is_denial = isinstance(
                error, (stripe.AuthenticationError, stripe.PermissionError)
            )
            kind = GatewayDenied if is_denial else GatewayRefused
            raise kind(code, message) from error
        raise GatewayUnknown(code, message) from error

    def _is_answer(self, error):
        """Whether the failure says that nothing was done, by any sending of it."""
        if not error.http_status or not isinstance(error, REFUSALS):
            return False
        is_repeated = self._client and self._client.sent - self._sent > 1
        return not (is_repeated and isinstance(error, AT_THE_DOOR))


class CountingClient(stripe.RequestsClient):
    """Counts what is sent: the SDK repeats a call by itself when it breaks off."""

    sent = 0

    def request(self, *args, **kwargs):
        """Override of the SDK."""
        self.sent += 1
        return super().request(*args, **kwargs)


def check_id(*names: str) -> None:
    """Refuse to look up an empty id: Stripe would answer with a list, or of another.

    :raise GatewayRefused: without a call.
    """
    if not all(names):
        raise GatewayRefused("no_id", "There is no id to look up at Stripe.")


def with_key(key: str) -> dict[str, str]:
    return {"idempotency_key": key}

"""Errors of the gateways: what went wrong outside, in terms a model can act on."""


class GatewayError(Exception):
    """Base of all gateway errors."""


class RenderError(GatewayError):
    """The document could not be laid out; the message says why."""


class ServiceError(GatewayError):
    """A call to an outside service failed; ``code`` is the service's word for it."""

    def __init__(self, code, message):
        super().__init__(message or code)
        self.code = code


class GatewayRefused(ServiceError):
    """The service answered no: this call did nothing there."""

    @property
    def is_judgement(self):
        """Whether it looked at the call and its key, and would have known them.

        Only then an earlier call, the same with the same key, did nothing either. One
        that is turned away at the door, or whose key is held by a call that differs, is
        not looked at.
        """
        return self.code not in ("rate_limit", "idempotency_error")


class GatewayDenied(GatewayRefused):
    """The service did not let us in: the key is wrong, rolled, or lacks a right.

    So nothing works before an administrator mends it, whatever is asked.
    """

    is_judgement = False


class GatewayUnknown(ServiceError):
    """No answer, or one that does not tell: something may have been done."""

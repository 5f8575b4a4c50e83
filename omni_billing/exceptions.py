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
    """The service answered no: nothing was done there."""


class GatewayUnknown(ServiceError):
    """No answer, or one that does not tell: something may have been done."""

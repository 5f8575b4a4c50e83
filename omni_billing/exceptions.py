"""Errors of the gateways: what went wrong outside, in terms a model can act on."""


class GatewayError(Exception):
    """Base of all gateway errors."""


class RenderError(GatewayError):
    """The document could not be laid out; the message says why."""

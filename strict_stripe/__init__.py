"""A Stripe for tests, as strict as the real one. README.md tells how to use it.

Upon localstripe's store, objects, errors and browser form. The endpoints are our own:
of those that localstripe has, each is more lenient than Stripe in some way that would
let a wrong payment pass a test.
"""

from .controller import (
    PUBLISHABLE_KEY,
    SECRET_KEY,
    WEBHOOK_SECRET,
    Hold,
    StripeServer,
    StripeServerError,
)
from .signature import sign

__all__ = [
    "PUBLISHABLE_KEY",
    "SECRET_KEY",
    "WEBHOOK_SECRET",
    "Hold",
    "StripeServer",
    "StripeServerError",
    "sign",
]

"""The header ``Stripe-Signature``.

Source: Stripe's page "Resolve webhook signature verification errors": v1 is the
HMAC-SHA256, keyed with the endpoint's secret, of the timestamp, a dot, and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import time


def sign(payload: bytes, secret: str, timestamp: int | None = None) -> str:
    """Write the header for a body, as of now or as of another moment."""
    moment = int(time.time()) if timestamp is None else timestamp
    signed = b"%d.%s" % (moment, payload)
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"

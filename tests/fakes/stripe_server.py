"""A Stripe for tests: ``python -m tests.fakes.stripe_server --port 8420``.

From a test, use ``StripeServer``. What it does, and where Stripe says so, is in the
modules of ``strict_stripe``.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from tests.fakes.strict_stripe.controller import (
    PUBLISHABLE_KEY,
    SECRET_KEY,
    WEBHOOK_SECRET,
    Hold,
    StripeServer,
    StripeServerError,
)
from tests.fakes.strict_stripe.signature import sign

__all__ = [
    "PUBLISHABLE_KEY",
    "SECRET_KEY",
    "WEBHOOK_SECRET",
    "Hold",
    "StripeServer",
    "StripeServerError",
    "sign",
]


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--secret-key", default=SECRET_KEY)
    parser.add_argument("--publishable-key", default=PUBLISHABLE_KEY)
    parser.add_argument("--api-version", default="", help="of the account")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with who started it"
    )
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    # Only the server needs localstripe; tests that speak to it do not.
    from tests.fakes.strict_stripe.account import Account
    from tests.fakes.strict_stripe.server import run

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin, stop.set)
    account = Account(options.secret_key, options.publishable_key, options.api_version)
    await run(account, options.port, stop)


if __name__ == "__main__":
    main()

"""A Stripe for tests; prints as JSON where it listens, and where it is controlled."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from . import PUBLISHABLE_KEY, SECRET_KEY
from .account import Account
from .server import run


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m strict_stripe", description=__doc__
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--secret-key", default=SECRET_KEY)
    parser.add_argument("--publishable-key", default=PUBLISHABLE_KEY)
    parser.add_argument("--api-version", default="", help="of the account")
    parser.add_argument("--keep", type=Path, help="file for the objects of the account")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with who started it"
    )
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin, stop.set)
    account = Account(options.secret_key, options.publishable_key, options.api_version)
    if options.keep and options.keep.exists():
        account.load(options.keep)
    await run(account, options.port, stop)
    if options.keep:
        account.save(options.keep)


if __name__ == "__main__":
    main()

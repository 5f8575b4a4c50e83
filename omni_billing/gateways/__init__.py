"""The outside: one file for each service, typed, without Odoo.

`stripe` and `mailjet` import the SDK of their service, and are loaded when they are
first used: with an SDK that is missing, broken or too old Odoo starts all the same, and
who wants to charge or to send reads what is wrong. What models need before that is in
files of its own, which import no SDK: `stripe_answers`, `mailjet_messages`,
`metric_families`, `webhook_messages`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from ..exceptions import GatewayDenied

#: The SDK of each gateway, and the oldest that will do, as the manifest has them.
SDKS = {
    "mailjet": ("mailjet-rest", "1.9"),
    "metrics": ("prometheus-client", "0.20"),
    "stripe": ("stripe", "16"),
    "webhooks": ("standardwebhooks", "1.0"),
}


@cache
def load(name: str) -> ModuleType:
    """Return a gateway, which loads its SDK; what fails is tried again the next time.

    :param name: ``stripe``, ``mailjet``, ``metrics`` or ``webhooks``.
    :raise GatewayDenied: if the SDK does not work; the text is for who runs the server.
    """
    package, oldest = SDKS[name]
    try:
        _check_version(package, oldest)
        return import_module(f".{name}", __name__)
    except Exception as error:  # a broken package raises whatever it likes
        reason = f"{type(error).__name__}: {error}"
        raise GatewayDenied("no_sdk", f"{package}>={oldest} ({reason})") from error


def find_problem(name: str) -> str:
    """Return what is wrong with the SDK of a gateway, nothing if it works."""
    try:
        load(name)
    except GatewayDenied as error:
        return str(error)
    return ""


def _check_version(package: str, oldest: str) -> None:
    try:
        found = version(package)
    except PackageNotFoundError:
        # Importing it tells whether it is there.
        return
    if _read_version(found) < _read_version(oldest):
        raise ImportError(f"{found} is installed")


def _read_version(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:2]))

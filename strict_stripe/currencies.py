"""What Stripe wants of the amounts of some currencies.

Source: Stripe's page "Supported currencies", with its special cases.
"""

from __future__ import annotations

#: What is asked for ends in 0; what Stripe counts itself need not.
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
#: They had cents once, are still given in cents, and have none.
WITHOUT_CENTS = frozenset({"isk", "ugx"})
#: Others that circulate are in its list, but for a few that no test asks for.
NOT_TAKEN = frozenset({"iqd", "mru", "syp", "ved", "vef", "ves"})


def step_of(currency: str) -> int:
    """Return what each amount that is asked for is a multiple of."""
    return 10 if currency in THREE_DECIMALS else unit_of(currency)


def unit_of(currency: str) -> int:
    """Return the least that there is of a currency."""
    return 100 if currency in WITHOUT_CENTS else 1

"""What a link to save a card says, once it was read."""

from __future__ import annotations

from typing import Any, NamedTuple

_KEY = "billing_card_link"


class CardLink(NamedTuple):
    """Whose card a guest may save: no client can send this very class."""

    #: `res.partner` and `res.company`, in sudo.
    partner: Any
    company: Any
    #: Whether the card takes the place of the default one.
    is_replacing: bool


def opening(link: CardLink) -> dict[str, CardLink]:
    """Return the context of a request in which a link was opened."""
    return {_KEY: link}


def get_card_link(env) -> CardLink | None:
    """Return the link that who asks has opened, if any."""
    link = env.context.get(_KEY)
    return link if isinstance(link, CardLink) else None

"""Events: what happened, as it was at that moment.

Sources: Stripe's pages "The Event object" and "Types of events".
"""

from __future__ import annotations

from typing import Any

from .account import Call, endpoint
from .parameters import CREATED, LIST, array, string
from .resources import CURRENT, Listing, Resource, Version

LEGACY = Version("2019-05-16")
# The same, before and after it was renamed.
CARD_UPDATED = "payment_method.card_automatically_updated"
UPDATED = "payment_method.automatically_updated"


class Event(Resource):
    """A change of one object; ``data`` is a copy, which later changes do not touch."""

    object = "event"
    noun = "event"
    prefix = "evt_"

    def __init__(
        self, call: Call, type: str, subject: Resource, before: dict[str, Any] | None
    ) -> None:
        super().__init__()
        self.type = type
        self.pending_webhooks = 0
        self.request = {"id": None, "idempotency_key": call.idempotency_key}
        self._account_version = call.account.version
        # One copy for each shape that an endpoint can ask for.
        self._copies = {
            version.lists_charges: subject.render(version)
            for version in (LEGACY, Version(CURRENT))
        }
        self._before = before

    def fields(self, version: Version) -> dict[str, Any]:
        """Show the copy in the shape of the version."""
        data = {"object": self._copies[version.lists_charges]}
        if self._before is not None:
            data["previous_attributes"] = self._before
        return {
            **super().fields(version),
            "api_version": version.label,
            "data": data,
            "type": self._name(version),
        }

    def _name(self, version: Version) -> str:
        """Name the type as the version does. Source: changelog, 2020-08-27."""
        is_renamed = version.updates_cards and self.type == UPDATED
        return CARD_UPDATED if is_renamed else self.type


@endpoint(
    "GET", "/v1/events", **LIST, created=CREATED, type=string, types=array(string)
)
def list_events(call: Call) -> Listing:
    types = call.params.get("types") or [call.params.get("type")]
    call.version = call.account.version
    return call.page(
        [
            event
            for event in call.account.all(Event)
            if types == [None] or event.type in types
        ]
    )


@endpoint("GET", "/v1/events/{id}")
def retrieve_event(call: Call) -> Event:
    call.version = call.account.version
    return call.find(Event)

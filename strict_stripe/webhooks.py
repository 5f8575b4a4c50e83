"""Webhooks: events that are posted to the merchant.

Sources: Stripe's pages "Receive Stripe events in your webhook endpoint" (delivery,
retries, order, disabled endpoints) and "Webhook Endpoints" of the API reference. An
event is delivered at least once, in any order, and again until the answer is 2xx.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
from localstripe.resources import random_id

from . import typed
from .account import Account, Call, endpoint
from .errors import RefusedError, StripeError
from .events import CARD_UPDATED, Event
from .parameters import (
    LIST,
    Required,
    array,
    boolean,
    identifier,
    merged,
    metadata,
    string,
)
from .resources import Listing, Resource, Version
from .signature import sign

AUTOMATIC = "automatic"
HELD = "held"
# As automatic; and who made an event happen is answered once it is taken.
FIRST = "first"
MODES = (AUTOMATIC, HELD, FIRST)
# Hours at Stripe; here, fractions of a second.
RETRY_DELAYS = (0.1, 0.2, 0.4)
# So many failures without a success between them disable an endpoint.
DISABLE_AFTER = 20
TIMEOUT = 20
SECRET_LENGTH = 32


class WebhookEndpoint(Resource):
    """A URL that wants to know."""

    object = "webhook_endpoint"
    noun = "webhook endpoint"
    prefix = "we_"

    def __init__(
        self,
        url: str,
        enabled_events: Sequence[str],
        api_version: str | None = None,
        secret: str | None = None,
    ) -> None:
        super().__init__()
        self.api_version = api_version
        self.application = None
        self.description: str | None = None
        self.enabled_events = list(enabled_events)
        self.metadata: dict[str, str] = {}
        self.status = "enabled"
        self.url = url
        self._secret = secret or f"whsec_{random_id(SECRET_LENGTH)}"
        self._failures = 0
        # Only the answer to its creation shows the secret.
        self._shows_secret = False

    def fields(self, version: Version) -> dict[str, Any]:
        """Show the secret once."""
        shown = super().fields(version)
        if self._shows_secret:
            shown["secret"] = self._secret
            self._shows_secret = False
        return shown

    def _wants(self, event: Event) -> bool:
        return self.status == "enabled" and (
            "*" in self.enabled_events
            or event._name(self._version(event)) in self.enabled_events
        )

    def _version(self, event: Event) -> Version:
        return Version(self.api_version) if self.api_version else event._account_version


@dataclass
class Delivery:
    """One attempt to post an event."""

    event: str
    type: str
    endpoint: str
    attempt: int
    status: int | None = None
    error: str | None = None


def payload(event: Event, to: WebhookEndpoint) -> bytes:
    """Write the body, the same for each attempt."""
    return json.dumps(event.render(to._version(event)), indent=2).encode()


class Deliveries:
    """Posts events, at once or when a test says so."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tasks: set[asyncio.Task] = set()
        self.mode = AUTOMATIC
        self.retry_delays: Sequence[float] = RETRY_DELAYS
        # Seconds from an event to its first delivery.
        self.delay = 0.0
        self.log: list[Delivery] = []

    @property
    def are_idle(self) -> bool:
        """Tell whether nothing is under way or waits to be tried again."""
        return not self._tasks

    def reset(self) -> None:
        """Forget what was sent, and do not send what waits."""
        for task in self._tasks:
            task.cancel()
        self.mode = AUTOMATIC
        self.retry_delays = RETRY_DELAYS
        self.delay = 0.0
        self.log.clear()

    @property
    def under_way(self) -> set[asyncio.Task]:
        """Give what is being delivered, or waits for that."""
        return set(self._tasks)

    async def wait_for_those_since(self, earlier: set[asyncio.Task]) -> None:
        """Wait until what happened since is delivered, if that comes first."""
        if self.mode == FIRST and (later := self._tasks - earlier):
            await asyncio.wait(later)

    def take(self, event: Event) -> None:
        """Send an event to all who want it, unless events are held."""
        if self.mode == HELD:
            return
        for receiver in self._account.all(WebhookEndpoint):
            if receiver._wants(event):
                event.pending_webhooks += 1
                task = asyncio.ensure_future(self._insist(event, receiver))
                self._tasks.add(task)
                task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._account.crashes.append(f"A delivery failed: {error!r}")
        self._account.changes.tell()

    async def _insist(self, event: Event, receiver: WebhookEndpoint) -> None:
        for attempt, delay in enumerate((self.delay, *self.retry_delays), start=1):
            await asyncio.sleep(delay)
            if receiver.status != "enabled":
                return
            if is_good(await self.post(event, receiver, attempt)):
                event.pending_webhooks -= 1
                return

    async def post(
        self,
        event: Event,
        receiver: WebhookEndpoint,
        attempt: int = 1,
        secret: str | None = None,
        timestamp: int | None = None,
        is_signed: bool = True,
    ) -> Delivery:
        """Post an event; each attempt is signed anew."""
        body = payload(event, receiver)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        if is_signed:
            signature = sign(body, secret or receiver._secret, timestamp)
            headers["Stripe-Signature"] = signature
        delivery = Delivery(event.id, event.type, receiver.id, attempt)
        self.log.append(delivery)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                # A redirection counts as a failure, so it is not followed.
                async with session.post(
                    receiver.url, data=body, headers=headers, allow_redirects=False
                ) as answer:
                    delivery.status = answer.status
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            delivery.error = repr(error)
        self._count(receiver, delivery)
        self._account.changes.tell()
        return delivery

    def _count(self, receiver: WebhookEndpoint, delivery: Delivery) -> None:
        receiver._failures = 0 if is_good(delivery) else receiver._failures + 1
        if receiver._failures >= DISABLE_AFTER:
            receiver.status = "disabled"

    async def deliver(
        self, event: Event, endpoint_id: str | None = None, **how: Any
    ) -> list[dict[str, Any]]:
        """Post an event because a test says so, whoever wanted it."""
        receivers = self._account.all(WebhookEndpoint)
        if endpoint_id:
            receivers = [self._account.find(WebhookEndpoint, endpoint_id)]
        if not receivers:
            raise StripeError(400, "There is no webhook endpoint.")
        return [
            asdict(await self.post(event, receiver, **how)) for receiver in receivers
        ]


def is_good(delivery: Delivery) -> bool:
    """Tell whether the merchant has acknowledged."""
    return delivery.status is not None and 200 <= delivery.status < 300


@endpoint(
    "POST",
    "/v1/webhook_endpoints",
    api_version=string,
    connect=boolean,
    description=string,
    enabled_events=Required(array(string)),
    metadata=metadata,
    url=Required(identifier),
)
def create_webhook_endpoint(call: Call) -> WebhookEndpoint:
    version = call.params.get("api_version")
    if version:
        Version.parse(version)
    _check_events(call, Version(version) if version else call.account.version)
    created = WebhookEndpoint(
        call.params["url"], call.params["enabled_events"], version
    )
    created.metadata = merged({}, call.params.get("metadata"))
    call.update(created, "description")
    created._shows_secret = True
    return created


def _check_events(call: Call, version: Version) -> None:
    """Refuse what is no event; of one that was renamed, the old name in new versions.

    Source: the values of ``enabled_events`` in the API reference.
    """
    known = {*typed.event_types(), *([CARD_UPDATED] if version.updates_cards else [])}
    for index, name in enumerate(call.params["enabled_events"]):
        if name not in known:
            raise RefusedError(
                400,
                f"Invalid enabled_events[{index}]: {name} is no event.",
                param=f"enabled_events[{index}]",
            )


@endpoint("GET", "/v1/webhook_endpoints/{id}")
def retrieve_webhook_endpoint(call: Call) -> WebhookEndpoint:
    return call.find(WebhookEndpoint)


@endpoint("GET", "/v1/webhook_endpoints", **LIST)
def list_webhook_endpoints(call: Call) -> Listing:
    return call.page(call.account.all(WebhookEndpoint))


@endpoint(
    "POST",
    "/v1/webhook_endpoints/{id}",
    description=string,
    disabled=boolean,
    enabled_events=array(string),
    metadata=metadata,
    url=identifier,
)
def update_webhook_endpoint(call: Call) -> WebhookEndpoint:
    changed = call.find(WebhookEndpoint)
    call.update(changed, "description", "enabled_events", "url")
    if "disabled" in call.params:
        changed.status = "disabled" if call.params["disabled"] else "enabled"
        changed._failures = 0
    return changed


class Deleted(Resource):
    """What is left of a deleted object in the answer."""

    def __init__(self, gone: Resource) -> None:
        # No object of the account, so nothing is stored: super() is not called.
        self._gone = gone

    def fields(self, version: Version) -> dict[str, Any]:
        """Show that it is gone."""
        return {"id": self._gone.id, "object": self._gone.object, "deleted": True}


@endpoint("DELETE", "/v1/webhook_endpoints/{id}")
def delete_webhook_endpoint(call: Call) -> Deleted:
    gone = call.find(WebhookEndpoint)
    del call.account.store[f"{gone.object}:{gone.id}"]
    return Deleted(gone)

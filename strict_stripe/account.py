"""The account whose money the server keeps, and the calls that reach it."""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from localstripe import resources as localstripe

from . import parameters
from .clock import clock
from .errors import missing
from .faults import Faults
from .idempotency import Keys
from .resources import CURRENT, Listing, Memory, Resource, Version, page

if TYPE_CHECKING:
    from .balance import Rules

Kind = TypeVar("Kind", bound=Resource)


class Changes:
    """Lets those who wait look again whenever something has changed."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self._tasks: set[asyncio.Task] = set()

    def tell(self) -> None:
        """Wake all who wait."""
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._condition:
            self._condition.notify_all()

    async def wait_until(self, holds: Callable[[], bool], timeout: float) -> bool:
        """Wait for something to become true; tell whether it did in time."""
        async with self._condition:
            try:
                await asyncio.wait_for(self._condition.wait_for(holds), timeout)
            except asyncio.TimeoutError:
                return False
        return True


class Account:
    """All that is lost when the server stops."""

    def __init__(self, secret_key: str, publishable_key: str, version: str) -> None:
        self.secret_key = secret_key
        self.publishable_key = publishable_key
        self.version = Version.parse(version or CURRENT)
        self.changes = Changes()
        self.store = Memory()
        # Where the objects of localstripe register themselves.
        localstripe.store = self.store
        self.faults = Faults(self.changes)
        self.keys = Keys()
        self.requests: list[dict[str, Any]] = []
        self.crashes: list[str] = []
        self.next_payments: deque[dict[str, Any]] = deque()
        self.next_refunds: deque[str] = deque()
        self.balance_rules = self._new_rules()
        # Set by the server: takes each event as it happens.
        self.on_event: Callable[[Resource], None] = lambda event: None

    def reset(self) -> None:
        """Forget all objects, keys, requests and faults, and what is under way."""
        self.store.clear()
        self.faults.clear(abandon=True)
        self.keys.clear()
        self.requests.clear()
        self.next_payments.clear()
        self.next_refunds.clear()
        self.balance_rules = self._new_rules()
        clock.be_at(None)

    def save(self, file: Path) -> None:
        """Keep the objects, and the rules of the balance, in a file.

        Keys, requests and faults are of one run of the server, and so are endpoints.
        """
        kept = {
            name: item
            for name, item in self.store.items()
            if not name.startswith("webhook_endpoint:")
        }
        # Whole or not at all.
        draft = file.with_name(f"{file.name}.draft")
        with draft.open("wb") as output:
            _Pickler(self, output).dump((kept, self.balance_rules))
        draft.replace(file)

    def load(self, file: Path) -> None:
        """Have what was kept; it is as trusted as the code, so keep it as safe."""
        with file.open("rb") as content:
            kept, self.balance_rules = _Unpickler(self, content).load()
        self.store.update(kept)

    @staticmethod
    def _new_rules() -> Rules:
        from .balance import Rules

        return Rules()

    def all(self, kind: type[Kind], **values: Any) -> list[Kind]:
        """List the objects of a kind with these values, newest first."""
        return [
            item
            for item in reversed(list(self.store.values()))
            if isinstance(item, kind)
            and all(getattr(item, name) == value for name, value in values.items())
        ]

    def find(self, kind: type[Kind], identifier: str, param: str | None = None) -> Kind:
        """Find an object named in the path (404 if none) or in a parameter (400)."""
        found = self.store.get(f"{kind.object}:{identifier}")
        if found is None and param:
            raise missing(kind.noun, identifier, param=param, status=400)
        if found is None:
            raise missing(kind.noun, identifier)
        return found


class _Pickler(pickle.Pickler):
    """Writes objects that name the account without it."""

    def __init__(self, account: Account, output: BinaryIO) -> None:
        super().__init__(output)
        self._account = account

    def persistent_id(self, item: object) -> str | None:
        return "account" if item is self._account else None


class _Unpickler(pickle.Unpickler):
    """Reads them for an account."""

    def __init__(self, account: Account, content: BinaryIO) -> None:
        super().__init__(content)
        self._account = account

    def persistent_load(self, _name: str) -> Account:
        return self._account


@dataclass
class Call:
    """One request, authenticated and read."""

    account: Account
    version: Version
    params: dict[str, Any]
    is_publishable: bool = False
    idempotency_key: str | None = None
    base_url: str = ""
    url: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def is_typed(self) -> bool:
        """Tell whether it has to be as the SDK's types say; a browser has no types."""
        return self.version.label == CURRENT and not self.is_publishable

    @property
    def id(self) -> str:
        """Give the id in the path."""
        return self.ids["id"]

    def find(self, kind: type[Kind]) -> Kind:
        """Find the object of the path."""
        return self.account.find(kind, self.id)

    def find_param(self, kind: type[Kind], name: str) -> Kind | None:
        """Find the object that a parameter names, if it is given."""
        if identifier := self.params.get(name):
            return self.account.find(kind, identifier, name)
        return None

    def list_of(self, kind: type[Kind], **named: type[Resource]) -> Listing:
        """Answer with a page of a kind, of the objects that parameters name."""
        found = {name: self.find_param(other, name) for name, other in named.items()}
        wanted = {name: value for name, value in found.items() if value}
        return self.page(self.account.all(kind, **wanted))

    def page(self, items: list[Resource]) -> Listing:
        """Answer with a page of these."""
        return page(self.url, items, self.params)

    def emit(self, type: str, subject: Resource, before: dict | None = None) -> None:
        """Let an event happen."""
        from .events import Event

        self.account.on_event(Event(self, type, subject, before))
        self.account.changes.tell()

    def update(self, subject: Resource, *names: str) -> None:
        """Write the parameters that an update may change; empty texts unset."""
        for name in names:
            if name in self.params:
                value = self.params[name]
                setattr(subject, name, None if value == "" else value)
        if "metadata" in self.params:
            subject.metadata = parameters.merged(
                subject.metadata, self.params["metadata"]
            )


@dataclass(frozen=True)
class Endpoint:
    """A route of the API."""

    method: str
    path: str
    handler: Callable[[Call], Resource | Listing]
    parameters: dict[str, Any]
    takes_publishable_key: bool


ENDPOINTS: list[Endpoint] = []


def endpoint(
    method: str, path: str, *, publishable: bool = False, **accepted: Any
) -> Callable:
    """Register a function as the endpoint of a path, with all that it accepts."""

    def register(handler: Callable) -> Callable:
        ENDPOINTS.append(Endpoint(method, path, handler, accepted, publishable))
        return handler

    return register
